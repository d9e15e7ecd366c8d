"""Tables and JSON of labels: for many recordings, as written by `align`, and for one, as written by MFA.

`align` writes ``alignment.csv`` and ``alignment.json``. The Montreal Forced Aligner's ``--output_format csv`` and
``json`` write a file for each recording: rows of begin, end, label, type of the tier and speaker, or tiers by their
names, each with its ``[begin, end, label]``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gmmspeech.errors import DataError, shown
from gmmspeech.files.regular import open_regular
from gmmspeech.files.text import parse_number, read_text
from gmmspeech.formats.results import TABLE
from gmmspeech.phones.labels.labels import Label

CSV, JSON = TABLE, "alignment.json"
OF_SPEAKER = " - "  # between the speaker and the kind of a tier, as the Montreal Forced Aligner has it
_DELIMITERS = ",;\t"  # the first as programs write tables, the others as spreadsheets do
_COLUMNS = ("file", "speaker", "begin", "end", "label", "tier")
_COLUMNS_OF_MFA = ("Begin", "End", "Label", "Type", "Speaker")
_HEAD = 300  # bytes that tell whose table it is

_Row = Mapping[str, str]


def is_tiers_of_mfa(path: Path) -> bool:
    """Say whether a ``.csv`` or ``.json`` is one of MFA's, by how it begins."""
    head = b""
    with suppress(OSError), open_regular(path) as file:
        head = file.read(_HEAD).replace(b"\0", b"")  # UTF-16, of a spreadsheet
    if path.suffix.lower() == ".json":
        return b'"tiers"' in head
    return all(column.encode() in head.partition(b"\n")[0] for column in _COLUMNS_OF_MFA)


def read_tiers_of_mfa(path: Path) -> dict[str, list[Label]]:
    """Read the tiers of a recording, each speaker's where there are several, out of a table or JSON of MFA's."""
    tiers: dict[str, list[Label]] = {}
    if path.suffix.lower() == ".json":
        with _json(path, "tiers of the Montreal Forced Aligner") as content:
            for name, tier in content["tiers"].items():
                tiers[name] = [_label(str(path), str(begin), str(end), text) for begin, end, text in tier["entries"]]
        return tiers
    rows = list(_rows(path, _COLUMNS_OF_MFA))
    several = len({row["Speaker"] for _, row in rows}) > 1
    for owner, row in rows:
        name = row["Speaker"] + OF_SPEAKER + row["Type"] if several else row["Type"]
        tiers.setdefault(name, []).append(_label(owner, row["Begin"], row["End"], row["Label"]))
    return tiers


def read_table(path: Path, tier: str) -> Iterator[tuple[tuple[str, str], Label]]:
    """Yield file and speaker, and a label, of each word or phone in a table or JSON of `align`."""
    if path.suffix.lower() != ".json":
        for owner, row in _rows(path, _COLUMNS):
            if row["tier"] == tier:
                yield (row["file"], row["speaker"]), _label(owner, row["begin"], row["end"], row["label"])
        return
    with _json(path, "what align writes as JSON") as content:
        for file in content["files"]:
            for utterance in file["utterances"]:
                for entry in utterance.get(tier, ()):
                    label = _label(str(path), str(entry["begin"]), str(entry["end"]), entry["label"])
                    yield (_text(file["file"]), _text(utterance["speaker"])), label


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, _Row]]:
    """Yield place and cells of the rows of a table, as it was written or as a spreadsheet saves it."""
    text = read_text(path)
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), restval="", delimiter=delimiter)
    begin, end = (next(name for name in columns if name.lower() == time) for time in ("begin", "end"))
    try:
        if not set(columns) <= set(rows.fieldnames or ()):
            found = shown(", ".join(rows.fieldnames or ()), 300) or "nothing"
            raise DataError(f"{path}:1: found {found}, expected columns of a table of align: {', '.join(columns)}")
        for row in rows:
            if delimiter != ",":
                row |= {name: row[name].replace(",", ".") for name in (begin, end)}
            yield f"{path}:{rows.line_num}", row
    except csv.Error as error:
        raise DataError(f"{path}:{rows.line_num}: found {error}, expected a table of align") from None


@contextmanager
def _json(path: Path, expected: str) -> Iterator[Any]:
    """Content of a file, for as long as it is as it should be."""
    try:
        yield json.loads(read_text(path))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        reason = f"{type(error).__name__}: {shown(str(error))}"
        raise DataError(f"{path}: found other content ({reason}), expected {expected}") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"found {value} for text")
    return value


def _label(owner: str, begin: str, end: str, name: object) -> Label:
    try:
        return Label(parse_number(begin), parse_number(end), _text(name))
    except ValueError:
        raise DataError(f"{owner}: found {shown(f'{begin} {end}')}, expected begin and end in seconds") from None
