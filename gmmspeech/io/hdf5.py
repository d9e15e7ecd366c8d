"""HDF5 files with a format and a version that are checked before anything else is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import numpy as np

from gmmspeech.errors import DataError
from gmmspeech.io.atomic import atomic_path


def open_hdf5(path: str | os.PathLike[str], *, format: str, version: int) -> h5py.File:
    """Open a file that `create_hdf5` wrote, for reading.

    Parameters
    ----------
    path : path-like
    format : str
        What the file must say it holds, such as ``"gmmspeech features"``.
    version : int
        The newest version of that format that the caller understands.

    Returns
    -------
    h5py.File
        A context manager. Its attribute ``format_version`` is at most `version`.

    Raises
    ------
    DataError
        If the file is missing, no HDF5 or cut short, holds something else, or is of a newer version.
    """
    name = os.fspath(path)
    if not os.path.isfile(name):
        raise DataError(f"{name}: no such file, expected {format} in HDF5")
    try:
        file = h5py.File(name, "r")
    except OSError as error:
        reason = " ".join(str(error).split())
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


@contextmanager
def create_hdf5(path: str | os.PathLike[str], *, format: str, version: int) -> Iterator[h5py.File]:
    """Give a new HDF5 file to fill; it appears at `path`, whole, when the block has ended well.

    Parameters
    ----------
    path : path-like
    format : str
        What the file holds; `open_hdf5` asks for it.
    version : int
        The version of that format.

    Yields
    ------
    h5py.File

    Raises
    ------
    DataError
        If the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/a.h5"
    >>> with create_hdf5(path, format="gmmspeech example", version=1) as file:
    ...     file["x"] = [1.0, 2.0]
    >>> with open_hdf5(path, format="gmmspeech example", version=1) as file:
    ...     file["x"][:]
    array([1., 2.])
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = format
        file.attrs["format_version"] = version
        yield file
