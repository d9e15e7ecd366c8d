"""HDF5 files with a format and a version that are checked before anything else is read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import h5py
import numpy as np

from gmmspeech.errors import DataError, one_line
from gmmspeech.files.atomic import atomic_path

_ERRNO = re.compile(r"errno = (\d+)")  # in HDF5's messages about files


def open_hdf5(path: str | os.PathLike[str], *, format: str, version: int) -> h5py.File:
    """Open a file that `create_hdf5` wrote, for reading."""
    name = os.fspath(path)
    if os.path.isdir(name):
        raise DataError(f"{name}: found a folder, expected {format} in HDF5")
    if not os.path.isfile(name):
        raise DataError(f"{name}: no such file, expected {format} in HDF5")
    try:
        file = h5py.File(name, "r")
    except OSError as error:
        reason = one_line(error)
        raise DataError(f"{name}: no readable HDF5 ({reason}), expected {format} in HDF5") from error
    try:
        found = file.attrs.get("format")
        if not isinstance(found, str) or found != format:
            raise DataError(f"{name}: found {'HDF5 of another kind' if found is None else found}, expected {format}")
        found = file.attrs.get("format_version")
        if not isinstance(found, np.integer) or not 1 <= found <= version:
            found = "no version" if found is None else f"version {found}"
            raise DataError(f"{name}: {format}: found {found}, this gmmspeech reads up to {version}")
    except BaseException:
        file.close()
        raise
    return file


def hdf5_format(path: str | os.PathLike[str]) -> str | None:
    """What a file says that it holds; None where it is not there, no HDF5, or of another kind."""
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("format")
    except OSError:
        return None
    return found if isinstance(found, str) else None


@contextmanager
def create_hdf5(path: str | os.PathLike[str], *, format: str, version: int) -> Iterator[h5py.File]:
    """Give a new HDF5 file to fill; it appears at `path`, whole, when the block has ended well.

    It is made in memory: when a disk is full, HDF5 itself may crash. For what is larger than memory there is
    `stream_hdf5`.
    """
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w", driver="core", backing_store=False) as file:
            file.attrs["format"] = format
            file.attrs["format_version"] = version
            yield file
            file.flush()
            image = file.id.get_file_image()
        temporary.write_bytes(image)


@contextmanager
def stream_hdf5(path: str | os.PathLike[str], *, format: str, version: int) -> Iterator[h5py.File]:
    """Do as `create_hdf5`, but write to the disk as the file is filled.

    Parameters and errors are the same. Datasets should be kept open until the end of the block: an error while one is
    closed can't be raised.
    """
    with atomic_path(path) as temporary:
        try:
            file = h5py.File(temporary, "w", locking=False)  # it is locked, as what is being written
            try:
                file.attrs["format"] = format
                file.attrs["format_version"] = version
                yield file
                file.flush()
            except BaseException:
                _abandon(file)
                raise
            file.close()
        except (OSError, RuntimeError) as error:
            number = _ERRNO.search(str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), os.fspath(path)) from error


def _abandon(file: h5py.File) -> None:
    """Close a file that is not wanted, sending what HDF5 still holds nowhere: a disk that stays full makes it crash."""
    if os.name != "nt":  # where descriptors of other libraries can't be replaced
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, file.id.get_vfd_handle())
        os.close(nowhere)
    with suppress(OSError, RuntimeError):
        file.close()
