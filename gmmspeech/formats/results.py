"""Output folders of `align`, recognized by their table ``alignment.csv``: the files of each run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gmmspeech.files.text import read_text

TABLE = "alignment.csv"
COLUMNS = ("file", "speaker", "begin", "end", "label", "tier", "log-likelihood", "goodness", "deviation")
_HEAD = ",".join(COLUMNS[:6]).encode()


def is_results(folder: Path) -> bool:
    """Say whether a folder has a table as `align` writes it."""
    with suppress(OSError), open(folder / TABLE, "rb") as file:
        return file.read(len(_HEAD)) == _HEAD
    return False


def aligned_places(folder: Path) -> list[str]:
    """Recordings of which a folder's table tells, in its order, by their paths without suffix; none without a table."""
    if not is_results(folder):
        return []
    rows = csv.DictReader(io.StringIO(read_text(folder / TABLE), newline=""), restval="")
    with suppress(csv.Error):  # reading its labels tells of it
        return list(dict.fromkeys(row["file"] for row in rows))
    return []


def outside_results(paths: Iterable[Path], folder: Path) -> list[Path]:
    """Files that lie in no folder of results below a folder."""
    known: dict[Path, bool] = {folder: False}

    def inside(place: Path) -> bool:
        if place not in known:
            known[place] = is_results(place) or inside(place.parent)
        return known[place]

    return [path for path in paths if not inside(path.parent)]
