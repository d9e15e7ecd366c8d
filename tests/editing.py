"""Edit a file of ours, so that what it holds is looked at, and not only its checksum."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import h5py
import numpy as np
from said import fails

from gmmspeech.errors import DataError
from gmmspeech.formats.loading import load


@contextmanager
def edited(path) -> Iterator[h5py.File]:
    """Open an HDF5 file to be changed, and take its checksum away, as files of version 0.1 have none."""
    with h5py.File(path, "r+") as file:
        file.attrs.pop("checksum", None)
        yield file


def parts_of(path) -> tuple[list[str], list[tuple[str, str]]]:
    """Names of the groups and arrays of an HDF5 file, and its attributes: whose they are, and their names."""
    names: list[str] = []
    with h5py.File(path) as file:
        file.visit(names.append)
        return names, [("/", a) for a in file.attrs] + [(n, a) for n in names for a in file[n].attrs]


def check_every_part(path, kind: type, may_lack: str = "") -> None:
    """A model of which any part is missing or replaced gives one line that names the file, never another error.

    What it may do without is told by a pattern of names.
    """
    content = path.read_bytes()
    names, attributes = parts_of(path)
    for name in names:
        for replacement in (None, np.array([3.0]), np.array("text", dtype=object)):
            path.write_bytes(content)
            with edited(path) as file:
                put(name, replacement)(file)
            if replacement is None and not re.fullmatch(may_lack, name):
                fails(f"{path.name}: ", load, path, kind)
            else:
                assert read_or_named(path, kind)
    for name, attribute in attributes:
        if attribute != "checksum" and not re.fullmatch(may_lack, attribute):  # files of version 0.1 have none
            path.write_bytes(content)
            with edited(path) as file:
                del file[name].attrs[attribute]
            fails(f"{path.name}: ", load, path, kind)
    path.write_bytes(content[: len(content) // 2])
    fails(f"{path.name}: ", load, path, kind)


def read_or_named(path, kind: type | None = None) -> bool:
    """Whether a file can be read, or else the error is one line that names it."""
    try:
        load(path, kind)
    except DataError as error:
        return str(path) in str(error) and "\n" not in str(error)
    return True


def put(name: str, value) -> Callable[[h5py.File], None]:
    """Give an edit of a file: a value in the place of what has the name, or nothing there for None."""

    def edit(file: h5py.File) -> None:
        del file[name]
        if value is not None:
            file[name] = value

    return edit
