"""The folder in which a run keeps its shards: only files made by a run are removed from it or followed."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gmmspeech.errors import DataError
from gmmspeech.files.atomic import is_temporary, remove_abandoned
from gmmspeech.files.hdf5 import hdf5_format
from gmmspeech.stores.hdf5_frames import FORMAT
from gmmspeech.stores.raw_frames import is_raw

RAW = ".raw"  # shards that become part of one file
WHOLE = "whole.h5"  # that file
RECORD = {"lengths", "skipped"}  # keys of what is written of each shard

_NAME = re.compile(r"\d{4,}-[0-9a-f]{16}(\.raw|\.h5|\.json)|whole\.h5")
_TEMPORARY = re.compile(r"\.(\d{4,}-[0-9a-f]{16}|whole)\..*")


def check_shard_folder(folder: Path) -> None:
    """Raise a DataError if there is a link or a file in place of a folder of shards, or of a shard in it."""
    expected = "expected a folder of shards, or nothing"
    if folder.is_symlink():
        raise DataError(f"{folder}: found a link, {expected}")
    if os.path.lexists(folder) and not folder.is_dir():
        raise DataError(f"{folder}: found a file, {expected}")
    for path in _named(folder):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise DataError(f"{path}: found a link, a folder or a device, expected a shard, or nothing")


def clear_shard_folder(folder: Path, *, keep: set[Path] | None = None) -> None:
    """Remove what runs left in a folder of shards, except what is to be kept, and the folder if it is empty then.

    A file goes if both its name and its content are of our kind; what a living process writes stays.
    """
    if folder.is_symlink():
        return
    for path in list(_named(folder)):
        if is_temporary(path.name):
            remove_abandoned(path)
        elif path not in (keep or ()) and _is_ours(path):
            with suppress(OSError):
                path.unlink()
    with suppress(OSError):  # there is none, or something else in it
        folder.rmdir()


def read_record(path: Path) -> dict[str, Any] | None:
    """Give what was written of a shard, or None where there is nothing of that kind."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.keys() != RECORD or not all(isinstance(v, dict) for v in found.values()):
        return None
    good = all(type(v) is int and v > 0 for v in found["lengths"].values())
    return found if good and all(isinstance(v, str) for v in found["skipped"].values()) else None


def _named(folder: Path) -> Iterator[Path]:
    """Files of a folder that are named as ours are."""
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name) or (_TEMPORARY.fullmatch(path.name) and is_temporary(path.name)):
                yield path


def _is_ours(path: Path) -> bool:
    """Say whether the content of a file is of the kind that its name says."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return False
    if path.suffix == ".json":
        return read_record(path) is not None
    return is_raw(path) if path.suffix == RAW else hdf5_format(path) == FORMAT
