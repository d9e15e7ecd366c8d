"""Label files with a line for each label: Kaldi's CTM, TIMIT's ``.phn`` and ``.wrd``, Audacity's tracks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from gmmspeech.audio import sample_at
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import BLANKS, check_distinct, is_field, parse_number, parse_whole
from gmmspeech.formats.datadir import read_fields
from gmmspeech.formats.labels.textgrid import check_lines
from gmmspeech.phones.labels.labels import Label, check_labels

_COMMENT = ";;"  # of CTM
_LONGEST = 1e9  # seconds, thirty years: no recording is longer


def read_ctm(path: str | os.PathLike[str]) -> dict[str, list[Label]]:
    """Read a file of ``utterance channel start duration name`` lines, in seconds.

    A confidence from 0 to 1, or ``NA``, may follow and is not kept; lines that begin with ``;;`` are comments.
    """
    labels: dict[str, list[Label]] = {}
    channels: dict[str, str] = {}
    for number, fields in read_fields(path):
        if fields[0].startswith(_COMMENT):
            continue
        if len(fields) not in (5, 6):
            expected = "5 or 6 (utterance channel start duration name, and a confidence)"
            raise DataError(f"{path}:{number}: found {counted(len(fields), 'field')}, expected {expected}")
        utterance, channel, *times, name = fields[:5]
        if channels.setdefault(utterance, channel) != channel:
            found, expected = f"channel {shown(channel)} of {shown(utterance)}", shown(channels[utterance])
            raise DataError(f"{path}:{number}: found {found}, expected {expected} as before")
        if not all(map(_is_confidence, fields[5:])):
            expected = "a confidence from 0 to 1 behind the name, or nothing (names have no blanks)"
            raise DataError(f"{path}:{number}: found {shown(fields[5])}, expected {expected}")
        start, duration = parse_times(path, number, times, _seconds, "start and duration in seconds")
        labels.setdefault(utterance, []).append(Label(start, round(start + duration, 9), name))
    check_distinct(path, labels)
    return labels


def write_ctm(
    path: str | os.PathLike[str],
    labels: Mapping[str, Sequence[Label]],
    *,
    overlaps: bool = False,
    confidences: Mapping[str, Sequence[float | None]] | None = None,
) -> None:
    """Write a CTM, channel 1, utterances sorted by id as in the C locale, times to microseconds, atomically.

    Labels that overlap, of several speakers, are refused unless `overlaps`. Confidences are a last column.
    """
    lines = []
    for utterance in sorted(labels):
        if not overlaps:
            check_labels(labels[utterance], owner=f"{path}: {shown(utterance)}")
        _check_fields(path, [utterance, *(label.name for label in labels[utterance])])
        if utterance.startswith(_COMMENT):
            raise DataError(f"{path}: can't hold the id {shown(repr(utterance))}, expected no comment ({_COMMENT})")
        sure = [None] * len(labels[utterance]) if confidences is None else confidences[utterance]
        for label, confidence in zip(labels[utterance], sure, strict=True):
            start, end = (round(time, 6) for time in label[:2])  # so that start + duration is the end again
            last = "" if confidence is None else f" {confidence:.3f}"
            lines.append(f"{utterance} 1 {start:.6f} {end - start:.6f} {label.name}{last}")
    write_lines(path, lines)


def read_timit(path: str | os.PathLike[str], *, rate: int = 16000) -> list[Label]:
    """Read a file of ``start end name`` lines in samples, as TIMIT's ``.phn`` and ``.wrd``."""
    labels = []
    for number, fields in read_fields(path):
        if len(fields) != 3:
            raise DataError(f"{path}:{number}: found {counted(len(fields), 'field')}, expected 3 (start end name)")
        start, end = parse_times(path, number, fields[:2], parse_whole, "start and end in samples")
        labels.append(Label(start / rate, end / rate, fields[2]))
    return labels


def write_timit(path: str | os.PathLike[str], labels: Sequence[Label], *, rate: int = 16000) -> None:
    """Write ``start end name`` lines in samples, atomically."""
    check_labels(labels, owner=os.fspath(path))
    _check_fields(path, [label.name for label in labels])
    write_lines(path, lines_in_samples(labels, rate))


def read_audacity(path: str | os.PathLike[str]) -> list[Label]:
    r"""Read a label track that Audacity has exported: ``start``, ``end`` and ``name``, with tabs, in seconds.

    Names may have blanks. Lines with the frequencies of a selection (they begin with ``\``) are left out.
    """
    labels = []
    for number, fields in read_fields(path, max_split=2):
        if fields[0] == "\\":
            continue
        if len(fields) != 3:
            found = shown(repr(" ".join(fields)))
            raise DataError(f"{path}:{number}: found {found}, expected start, end and a name")
        start, end = parse_times(path, number, fields[:2], _seconds, "start and end in seconds")
        labels.append(Label(start, end, fields[2].rstrip(BLANKS)))
    return labels


def write_audacity(path: str | os.PathLike[str], labels: Sequence[Label]) -> None:
    """Write a label track for Audacity, times to microseconds, atomically."""
    check_labels(labels, owner=os.fspath(path))
    check_lines(path, [label.name for label in labels])
    write_lines(path, (f"{start:.6f}\t{end:.6f}\t{name}" for start, end, name in labels))


def _is_confidence(field: str) -> bool:
    try:
        return field == "NA" or 0 <= parse_number(field) <= 1
    except ValueError:
        return False


def _seconds(field: str) -> float:
    time = parse_number(field)
    if abs(time) > _LONGEST:
        raise ValueError
    return time


def parse_times(
    path: str | os.PathLike[str], line: int, fields: Sequence[str], parse: Callable[[str], float], expected: str
) -> tuple[float, float]:
    """Parse the two times of a line; a DataError says what was expected."""
    try:
        return parse(fields[0]), parse(fields[1])
    except ValueError as error:
        raise DataError(f"{path}:{line}: found {shown(' '.join(fields))}, expected {expected}") from error


def lines_in_samples(labels: Sequence[Label], rate: int) -> Iterator[str]:
    """Write ``start end name`` for each label, times as numbers of samples."""
    return (f"{sample_at(start, rate)} {sample_at(end, rate)} {name}" for start, end, name in labels)


def _check_fields(path: str | os.PathLike[str], names: Sequence[str]) -> None:
    for name in names:
        if not is_field(name):
            raise DataError(f"{path}: can't hold the name {shown(repr(name))}, expected no blanks, and not empty")
