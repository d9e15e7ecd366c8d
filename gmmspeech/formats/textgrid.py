"""Praat TextGrids: tiers of labels, read and written through praatio."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from praatio import textgrid
from praatio.utilities.errors import PraatioException

from gmmspeech.errors import DataError, one_line
from gmmspeech.files.atomic import atomic_path
from gmmspeech.phones.labels.labels import Label, check_labels

# What a TextGrid, long or short, says it holds: its tiers, and the entries of each.
_NUM_TIERS = re.compile(r"<exists>\s*(?:size\s*=\s*)?(\d+)")
_NUM_ENTRIES = re.compile(
    r'"(?:IntervalTier|TextTier)"\s+(?:name\s*=\s*)?"(?:[^"]|"")*"\s+(?:xmin\s*=\s*)?[-+.\deE]+\s+'
    r"(?:xmax\s*=\s*)?[-+.\deE]+\s+(?:(?:intervals|points)\s*:\s*size\s*=\s*)?(\d+)"
)


def read_textgrid(path: str | os.PathLike[str]) -> dict[str, list[Label]]:
    """Read a Praat TextGrid: long or short text format, UTF-8 or UTF-16."""
    text = _read_text(path)
    try:
        grid = textgrid.openTextgrid(os.fspath(path), True, reportingMode="silence", duplicateNamesMode="rename")
        tiers = {tier.name: tier.entries for tier in grid.tiers}
        # an interval is (start, end, text), a point (time, text)
        labels = {name: [Label(float(e[0]), float(e[-2]), e[-1]) for e in entries] for name, entries in tiers.items()}
    except (PraatioException, ValueError, LookupError) as error:
        reason = one_line(error)
        raise DataError(f"{path}: can't be parsed ({reason}), expected a Praat TextGrid") from error
    _check_whole(path, text, [len(found) for found in labels.values()])
    times = [time for found in labels.values() for label in found for time in label[:2]]
    if grid.minTimestamp < 0 or not all(map(math.isfinite, times)):
        raise DataError(f"{path}: found times below 0 or not finite, expected seconds from 0")
    return {name: [label for label in found if label.name] for name, found in labels.items()}


def write_textgrid(
    path: str | os.PathLike[str], tiers: Mapping[str, Sequence[Label]], *, duration: float | None = None
) -> None:
    """Write a Praat TextGrid (long text format, UTF-8), atomically."""
    for name, labels in tiers.items():
        check_labels(labels, owner=f"{path}: tier {name}", duration=duration)
        check_lines(path, [name, *(label.name for label in labels)])
    ends = [label.end for labels in tiers.values() for label in labels]
    end = max(map(_rounded, [duration or 0.0, *ends]))
    if not tiers or end == 0:
        raise DataError(f"{path}: found nothing to write, expected a tier with labels, or a duration")
    grid = textgrid.Textgrid(0.0, end)
    try:
        for name, labels in tiers.items():
            grid.addTier(_tier(name, labels, end), reportingMode="silence")
        with atomic_path(path) as temporary:
            grid.save(os.fspath(temporary), "long_textgrid", includeBlankSpaces=True, reportingMode="silence")
    except PraatioException as error:
        raise DataError(f"{path}: can't hold the labels ({one_line(error)})") from error


def check_lines(path: str | os.PathLike[str], names: Sequence[str]) -> None:
    """Check that names come back as they are from a file where they may have blanks."""
    for name in names:
        if name.strip().splitlines() != [name]:
            raise DataError(f"{path}: can't hold the name {name!r}, expected one line, not empty, no blanks around it")


def _read_text(path: str | os.PathLike[str]) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror}), expected a Praat TextGrid") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{number}: found {error.reason}, expected text in UTF-8 or UTF-16") from error
    if "ooTextFile" not in text[:100] or '"TextGrid"' not in text[:100]:
        raise DataError(f"{path}:1: found {text[:30]!r}, expected a Praat TextGrid, saved as text")
    return text


def _check_whole(path: str | os.PathLike[str], text: str, found: Sequence[int]) -> None:
    """Check that all that a TextGrid announces was read: a file that is cut off parses well."""
    promised = _NUM_TIERS.search(text)
    tiers = int(promised[1]) if promised else 0
    if tiers != len(found):
        raise DataError(f"{path}: found {len(found)} tiers, expected {tiers} as its head says (is it cut off?)")
    entries = [int(number) for number in _NUM_ENTRIES.findall(text)]
    for tier, (got, expected) in enumerate(itertools.zip_longest(found, entries), 1):
        if got != expected:
            reason = (
                "a number in the head of the tier" if expected is None else f"{expected} as the head of the tier says"
            )
            raise DataError(f"{path}: found {got} labels in tier {tier}, expected {reason} (is it cut off?)")


def _rounded(time: float) -> float:
    return 0.0 if time < 1e-4 else round(time, 6)


def _tier(name: str, labels: Sequence[Label], end: float) -> textgrid.IntervalTier | textgrid.PointTier:
    entries = [(_rounded(label.start), _rounded(label.end), label.name) for label in labels]
    if entries and all(start == stop for start, stop, _ in entries):
        return textgrid.PointTier(name, [(start, text) for start, _, text in entries], 0.0, end)
    starts = [start for start, _, _ in entries[1:]] + [end]
    whole = [(e[0], min(e[1], next_start), e[2]) for e, next_start in zip(entries, starts, strict=False)]
    return textgrid.IntervalTier(name, whole, 0.0, end)
