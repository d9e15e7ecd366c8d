"""Tables of measures: a header of names, then an id and its numbers on each line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import look_alike, parse_number
from gmmspeech.formats.datadir import read_fields

HEAD = "id"


def read_measures(path: str | os.PathLike[str]) -> tuple[tuple[str, ...], dict[str, list[float]]]:
    """Read the names of the measures, and the measures of every id."""
    names: tuple[str, ...] = ()
    rows: dict[str, list[float]] = {}
    for number, (first, *fields) in read_fields(path):
        if number == 1:
            if first != HEAD or not fields or len(set(fields)) < len(fields):
                raise DataError(f"{path}:1: found {shown(first)}, expected a head: {HEAD} and the names of measures")
            names = tuple(fields)
            continue
        if len(fields) != len(names):
            expected = f"{len(names)}: {shown(' '.join(names))}"
            raise DataError(f"{path}:{number}: found {counted(len(fields), 'measure')}, expected {expected}")
        if first in rows:
            raise DataError(f"{path}:{number}: found {shown(first)} again, expected each id once")
        try:
            rows[first] = [parse_number(field) for field in fields]
        except ValueError as error:
            raise DataError(f"{path}:{number}: {error}") from None
    if not rows:
        raise DataError(f"{path}: found no measures, expected a head and one or more lines")
    return names, rows


def write_measures(path: Path, names: Sequence[str], rows: Mapping[str, Sequence[float]]) -> None:
    """Write such a table."""
    lines = (f"{id} {' '.join(f'{value:.6g}' for value in values)}" for id, values in rows.items())
    write_lines(path, [" ".join([HEAD, *names]), *lines])


def measures_of(ids: Sequence[str], rows: Mapping[str, Sequence[float]], path: Path, kind: str) -> NDArray[np.float64]:
    """Measures of ids, (n, M), or a DataError that names the first without."""
    missing = next((id for id in ids if id not in rows), None)
    if missing is not None:
        found = f"found no measures of {kind} {shown(missing)}"
        raise DataError(f"{path}: {found}, expected those of all models and tests{look_alike(missing, rows)}")
    return np.array([rows[id] for id in ids])
