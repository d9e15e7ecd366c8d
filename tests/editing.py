"""Edit a file of ours, so that what it holds is looked at, and not only its checksum."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import h5py


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


def put(name: str, value) -> Callable[[h5py.File], None]:
    """Give an edit of a file: a value in the place of what has the name, or nothing there for None."""

    def edit(file: h5py.File) -> None:
        del file[name]
        if value is not None:
            file[name] = value

    return edit
