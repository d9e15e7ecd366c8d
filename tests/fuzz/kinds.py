"""Every kind of file that the package reads: how a whole one is made, and what is done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fuzz.targets import Target


@dataclass(frozen=True)
class Kind:
    """A kind of files.

    Parameters
    ----------
    name : str
    file : str
        Name of the file that is damaged, in a folder of its own.
    form : {"hdf5", "text", "binary", "audio"}
        Which damage makes sense.
    make : callable
        Writes the file, and others that belong to it into the same folder; told the path, and the folder of the world.
    targets : mapping
        What is done with it.
    sealed : bool
        Whether it has a checksum.
    """

    name: str
    file: str
    form: str
    make: Callable[[Path, Path], None]
    targets: Mapping[str, Target]
    sealed: bool = False


KINDS: dict[str, Kind] = {}


def add(
    name: str, file: str, form: str, targets: Mapping[str, Target], make: Callable[[Path, Path], None], **options: bool
) -> None:
    """Register a kind."""
    KINDS[name] = Kind(name, file, form, make, targets, **options)
