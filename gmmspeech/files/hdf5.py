"""HDF5 files with a format and a version, which are checked before anything else is read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import h5py
import numpy as np

from gmmspeech.errors import DataError, one_line, shown, text_or_type
from gmmspeech.files.atomic import atomic_path
from gmmspeech.files.hdf5_content import CHECKSUM, Content, check_content, content_digest
from gmmspeech.files.regular import check_regular

# What reading a damaged file may lead to.
DAMAGE = (LookupError, OSError, RuntimeError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError)

# Where HDF5 checks its own structures: without that, a bit of them can turn frames into zeros.
_LAYOUT = ("v110", "v110")
ANEW = ": copy or make it anew"  # what to do about a damaged file
_ERRNO = re.compile(r"errno = (\d+)")  # in HDF5's messages about files


def open_hdf5(path: str | os.PathLike[str], *, format: str, version: int, advice: str = ANEW) -> h5py.File:
    """Open a file that `create_hdf5` wrote, for reading; all that it holds is plain and, by its checksum, undamaged."""
    content = open_content(path, expected=format, advice=advice)
    with _closed_on_error(content.file):
        check_format(content, format=format, version=version, advice=advice)
    return content.file


@contextmanager
def opened_hdf5(path: str | os.PathLike[str], *, format: str, version: int) -> Iterator[h5py.File]:
    """Do as `open_hdf5`; the file stays open behind the block, but for what the block finds wrong, which is damage."""
    file = open_hdf5(path, format=format, version=version)
    with _closed_on_error(file), damage_named(os.fspath(path), format.removeprefix("gmmspeech ")):
        yield file


@contextmanager
def _closed_on_error(file: h5py.File) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.close()
        raise


def open_content(path: str | os.PathLike[str], *, expected: str, advice: str = ANEW) -> Content:
    """Open a file of any kind, and look at all that it holds; an error says which format was `expected`."""
    name = os.fspath(path)
    file = open_any_hdf5(name, expected=expected)
    with _closed_on_error(file), damage_named(name, expected.removeprefix("gmmspeech "), advice):
        return Content(file)


def check_format(content: Content, *, format: str, version: int, advice: str = ANEW) -> None:
    """Raise a DataError unless a file is of a format and of a version that is known, and fits its checksum."""
    name = content.file.filename
    found = content.header.get("format")
    if not isinstance(found, str) or found != format:
        found = "HDF5 of another kind" if found is None else shown(found)
        raise DataError(f"{name}: found {found}, expected {format}")
    found = content.header.get("format_version")
    if not isinstance(found, np.integer) or not 1 <= found <= version:
        found = "no version" if found is None else f"version {shown(str(found))}"
        raise DataError(f"{name}: {format}: found {found}, this gmmspeech reads up to {version}")
    with damage_named(name, format.removeprefix("gmmspeech "), advice):
        check_content(content)


def open_any_hdf5(path: str | os.PathLike[str], *, expected: str) -> h5py.File:
    """Open an HDF5 file of any kind, of which nothing must be read but through `Content`."""
    name = os.fspath(path)
    if os.path.isdir(name):
        raise DataError(f"{name}: found a folder, expected {expected} in HDF5")
    try:
        check_regular(os.stat(name).st_mode, name)
        return h5py.File(name, "r")
    except FileNotFoundError as error:
        raise DataError(f"{name}: no such file, expected {expected} in HDF5") from error
    except (OSError, RuntimeError, ValueError) as error:  # ValueError: a null byte in the name
        found = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        advice = ": the file is cut off, copy or make it anew" if "truncated" in found else ""
        raise DataError(f"{shown(name)}: no readable HDF5 ({found}), expected {expected} in HDF5{advice}") from error


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is HDF5, whole or not."""
    try:
        check_regular(os.stat(path).st_mode, os.fspath(path))
        return bool(h5py.is_hdf5(path))
    except (OSError, ValueError):
        return False


def hdf5_format(path: str | os.PathLike[str]) -> str | None:
    """What a file says that it holds; None where it is not there, no HDF5 that can be read, or of another kind."""
    try:
        with open_any_hdf5(path, expected="any") as file:
            return kind_of(Content(file))[0] or None
    except DAMAGE:
        return None


def kind_of(content: Content) -> tuple[str, str]:
    """Format and kind that a file says it has, "" where it says none."""
    format, kind = content.header.get("format", ""), content.header.get("kind", "")
    return (format, shown(str(kind)) or format) if isinstance(format, str) else ("", "")


@contextmanager
def damage_named(name: str, content: str, advice: str = ANEW) -> Iterator[None]:
    """Turn whatever a damaged file leads to into one line that names it."""
    try:
        yield
    except DAMAGE as error:
        raise DataError(f"{name}: damaged {content} ({text_or_type(error)}){advice}") from error


@contextmanager
def create_hdf5(path: str | os.PathLike[str], *, format: str, version: int) -> Iterator[h5py.File]:
    """Give a new HDF5 file to fill; it appears at `path`, whole, when the block has ended well.

    It is made in memory: when a disk is full, HDF5 itself may crash. For what is larger than memory there is
    `stream_hdf5`.
    """
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w", driver="core", backing_store=False, libver=_LAYOUT) as file:
            file.attrs["format"] = format
            file.attrs["format_version"] = version
            yield file
            _seal(file, path)
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
            file = h5py.File(temporary, "w", libver=_LAYOUT, locking=False)  # it is locked, as what is being written
            try:
                file.attrs["format"] = format
                file.attrs["format_version"] = version
                yield file
                _seal(file, path)
            except BaseException:
                _abandon(file)
                raise
            file.close()
        except (OSError, RuntimeError) as error:
            number = _ERRNO.search(str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), os.fspath(path)) from error


def _seal(file: h5py.File, path: str | os.PathLike[str]) -> None:
    """Write the checksum of all that was written, or raise a DataError for what could not be read again."""
    file.flush()
    try:
        file.attrs[CHECKSUM] = content_digest(Content(file))
    except ValueError as error:
        raise DataError(f"{os.fspath(path)}: can't be written: {error}") from error
    file.flush()


def _abandon(file: h5py.File) -> None:
    """Close a file that is not wanted, sending what HDF5 still holds nowhere: a disk that stays full makes it crash."""
    if os.name != "nt":  # where descriptors of other libraries can't be replaced
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, file.id.get_vfd_handle())
        os.close(nowhere)
    with suppress(OSError, RuntimeError):
        file.close()
