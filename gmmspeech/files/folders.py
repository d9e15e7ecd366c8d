"""Files in a folder and its subfolders."""

from __future__ import annotations

import os
from pathlib import Path

from gmmspeech.errors import DataError, shown


def files_below(folder: Path, unreadable: list[str] | None = None) -> list[Path]:
    """Give what is no folder in a folder and those below it, sorted.

    Lines on folders that can't be read are added to `unreadable`; without it, the first is a DataError.
    """

    def refuse(error: OSError) -> None:
        line = f"{error.filename}: can't be read ({error.strerror}), expected a folder of labels"
        if unreadable is None:
            raise DataError(line) from error
        unreadable.append(line)

    found: list[Path] = []
    for place, _, names in os.walk(folder, onerror=refuse):
        found += [Path(place, name) for name in names]
    return sorted(found)


def below(path: Path, folder: Path) -> str:
    """Path below a folder, for messages."""
    return shown(os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace"), 300)
