"""Praat TextGrids: tiers of labels, read by Praat's own rules and written in its long format.

Only free-standing items of the file count: numbers, texts in double quotes (with quotes in them doubled) and flags such
as ``<exists>``, in the order of the format. Everything else is comment, as is the rest of a line after ``!``. See
"TextGrid file formats" in Praat's manual.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.regular import open_regular
from gmmspeech.files.text import BLANKS, is_holdable, parse_number, read_text
from gmmspeech.phones.labels.labels import OVERLAP_TOLERANCE, Label, check_labels

_EXPECTED = "a Praat TextGrid, saved as text"
_TO_SAVE = f'{_EXPECTED} ("Save as text file..." in Praat)'
_BINARY = b"ooBinaryFile"
_TOKEN = re.compile(
    rf"""(?P<comment>!.*)|"(?P<text>(?:[^"]++|"")*+)"(?![^{BLANKS}])|(?P<flag><[^>{BLANKS}]*>)"""
    rf"|(?P<number>[+-]?[0-9][^!{BLANKS}]*)|(?P<open>[\"<].*)|[^{BLANKS}]+"
)
_DECIMALS = 6


class _Token(NamedTuple):
    """A number, text or flag of a TextGrid, and where it stands."""

    kind: str
    value: str
    place: int


@checked
def read_textgrid(path: str | os.PathLike[str]) -> dict[str, list[Label]]:
    """Read a Praat TextGrid: long, short or written by hand, in UTF-8 or UTF-16.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to list of Label
        Labels of each tier, in seconds. Labels without text are left out, and blanks around text removed; for a point,
        `start` equals `end`.

    Raises
    ------
    DataError
        If the file is missing or malformed; the message gives the line.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/a.TextGrid"
    >>> gs.formats.write_textgrid(path, {"words": [gs.phones.Label(0.1, 0.5, "ah")]}, duration=0.6)
    >>> gs.formats.read_textgrid(path)
    {'words': [Label(start=0.1, end=0.5, name='ah')]}
    """
    return read_timed_textgrid(path)[1]


def read_timed_textgrid(path: str | os.PathLike[str]) -> tuple[float, dict[str, list[Label]]]:
    """Read a Praat TextGrid as `read_textgrid` does; give the time at which it ends, in seconds, too."""
    text = _read(path)
    head, _, _ = text.partition("\n")
    reader = _Reader(path, text, len(head))
    if "ooTextFile" not in head or reader.next is None or reader.next[:2] != ("text", "TextGrid"):
        raise DataError(f"{path}:1: found {shown(repr(text[:40]))}, expected {_TO_SAVE}")
    reader.take("text", "TextGrid")
    end = _read_times(reader)
    has_tiers = reader.take("flag", "<exists> or <absent>") == "<exists>"
    count = int(reader.number("the number of tiers", whole=True)) if has_tiers else 0
    tiers: dict[str, list[Label]] = {}
    while len(tiers) < count:
        if reader.next is None:
            raise DataError(
                f"{path}: found {counted(len(tiers), 'tier')}, expected {count} as its head says (is it cut off?)"
            )
        name, labels = _read_tier(reader, len(tiers) + 1)
        tiers[_free_name(name, tiers)] = [label for label in labels if label.name]
    if reader.next is not None:
        raise reader.error(f"the end of the file after {counted(count, 'tier')}, as its head says")
    return end, tiers


def _read(path: str | os.PathLike[str]) -> str:
    """Text of a TextGrid; of Praat's binary ones it is told how text is saved."""
    try:
        return read_text(path, expected=_EXPECTED, any_line_ends=True)
    except DataError:
        with suppress(OSError), open_regular(path) as file:
            if file.read(len(_BINARY)) == _BINARY:
                raise DataError(f"{path}: found Praat's binary format, expected {_TO_SAVE}") from None
        raise


@checked
def write_textgrid(
    path: str | os.PathLike[str], tiers: Mapping[str, Sequence[Label]], *, duration: float | None = None
) -> None:
    """Write a Praat TextGrid (long text format, UTF-8), with times in microsecond precision, atomically.

    Parameters
    ----------
    path : path-like
    tiers : mapping of str to sequence of Label
        Labels of each tier in order: intervals, or only points. Gaps between intervals become empty intervals.
    duration : float, optional
        Duration of the recording in seconds, where the TextGrid ends; by default the end of the last label.

    Raises
    ------
    DataError
        If labels overlap, go beyond the duration or do not fit the format, or there is nothing to write.

    Examples
    --------
    >>> from gmmspeech.formats import read_textgrid, write_textgrid
    >>> from gmmspeech.phones import Label
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/a.TextGrid"
    >>> tiers = {"words": [Label(0.1, 0.5, "ah")], "phones": [Label(0.1, 0.2, "HH"), Label(0.2, 0.5, "AA")]}
    >>> write_textgrid(path, tiers, duration=0.6)
    >>> read_textgrid(path)["phones"][-1]
    Label(start=0.2, end=0.5, name='AA')
    """
    for name, labels in tiers.items():
        check_labels(labels, owner=f"{path}: tier {shown(name)}", duration=duration)
        _check_texts(path, [name, *(label.name for label in labels)])
    ends = [label.end for labels in tiers.values() for label in labels]
    end = round(max([duration or 0.0, *ends]), _DECIMALS)
    if not tiers or end == 0:
        raise DataError(f"{path}: found nothing to write, expected a tier with labels, or a duration")
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {_time(end)} "]
    lines += ["tiers? <exists> ", f"size = {len(tiers)} ", "item []: "]
    for number, (name, labels) in enumerate(tiers.items(), 1):
        lines += [f"    item [{number}]:", *_tier_lines(path, name, labels, end)]
    write_lines(path, lines)


def check_lines(path: str | os.PathLike[str], names: Sequence[str]) -> None:
    """Check that names come back as they are from a file where they may have blanks."""
    for name in names:
        if not name or name != name.strip(BLANKS) or set(name) & set("\n\r") or not is_holdable(name):
            expected = "one line, not empty, no blanks around it"
            raise DataError(f"{path}: can't hold the name {shown(repr(name))}, expected {expected}")


class _Reader:
    """The numbers, texts and flags of a TextGrid, one after the other."""

    def __init__(self, path: str | os.PathLike[str], text: str, start: int) -> None:
        self.path, self._text = path, text
        self._tokens = _tokens(text, start)
        self.next = next(self._tokens, None)

    def take(self, kind: str, expected: str) -> str:
        """Give the value of the next token, which must be of a kind."""
        if self.next is None or self.next.kind != kind:
            raise self.error(expected)
        value = self.next.value
        self.next = next(self._tokens, None)
        return value

    def number(self, expected: str, *, whole: bool = False) -> float:
        """Give the next token, a number from 0."""
        token = self.next
        text = self.take("number", expected)
        try:
            number = parse_number(text)
        except ValueError:
            self.next = token
            raise self.error(expected) from None
        if number < 0 or (whole and number % 1):
            self.next = token
            raise self.error(f"{expected} (found times below 0)" if number < 0 and not whole else expected)
        return number

    def error(self, expected: str) -> DataError:
        """Make an error that names the line, what stands there and what was expected."""
        if self.next is None:
            reason = f"found the end of the file, expected {expected}"
            return DataError(f"{self.path}: can't be parsed ({reason}: is it cut off?), expected {_EXPECTED}")
        line = self._text.count("\n", 0, self.next.place) + 1
        found = shown(self._text[self.next.place : self.next.place + 200].partition("\n")[0])
        return DataError(
            f"{self.path}:{line}: can't be parsed (found {found}, expected {expected}), expected {_EXPECTED}"
        )


def _tokens(text: str, start: int) -> Iterator[_Token]:
    for found in _TOKEN.finditer(text, start):
        kind = found.lastgroup
        if kind == "text":
            yield _Token(kind, found["text"].replace('""', '"'), found.start())
        elif kind is not None and kind != "comment":
            yield _Token(kind, found[kind], found.start())


def _read_tier(reader: _Reader, number: int) -> tuple[str, list[Label]]:
    """Name and labels of the tier that comes next, those without text too."""
    kind = reader.take("text", "a tier, IntervalTier or TextTier")
    if kind not in ("IntervalTier", "TextTier"):
        raise DataError(f"{reader.path}: found tier {number} of {shown(kind)}, expected IntervalTier or TextTier")
    name = reader.take("text", "the name of a tier")
    _read_times(reader)
    count, labels = reader.number("the number of labels", whole=True), list[Label]()
    while len(labels) < count:
        if reader.next is None or reader.next.kind == "text":
            found = f"{counted(len(labels), 'label')} in tier {number}"
            expected = f"{count:.0f} as the head of the tier says"
            raise DataError(f"{reader.path}: found {found}, expected {expected} (is it cut off?)")
        if kind == "TextTier":
            start = end = reader.number("the time of a point")
        else:
            start, end = _read_interval(reader, labels[-1].end if labels else 0.0)
        labels.append(Label(start, end, reader.take("text", "the text of a label").strip(BLANKS)))
    return name, labels


def _read_times(reader: _Reader) -> float:
    """Read the start and the end of a TextGrid or a tier; give the end."""
    reader.number("a start in seconds from 0")
    return reader.number("an end in seconds from 0")


def _read_interval(reader: _Reader, before: float) -> tuple[float, float]:
    token = reader.next
    start, end = reader.number("a start in seconds from 0"), reader.number("an end in seconds from 0")
    if start < before - OVERLAP_TOLERANCE or end <= start:
        reader.next = token
        rule = (
            "one that ends after its start time"
            if end <= start
            else f"no overlap with the one before, to {before:.6g} s"
        )
        raise reader.error(f"an interval ({start:.6g} to {end:.6g} s), {rule}")
    return start, end


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    """Name of a tier, with a number where there was one of it before."""
    names = (name if number == 1 else f"{name}_{number}" for number in itertools.count(1))
    return next(each for each in names if each not in taken)


def _check_texts(path: str | os.PathLike[str], texts: Sequence[str]) -> None:
    """Check that names come back as they are; a text in quotes may have several lines."""
    check_lines(path, [text.replace("\n", "") if text == text.strip(BLANKS) else text for text in texts])


def _tier_lines(path: str | os.PathLike[str], name: str, labels: Sequence[Label], end: float) -> Iterator[str]:
    """Lines of a tier: of points where all labels are, else of intervals without gaps."""
    edges = [(round(label.start, _DECIMALS), round(label.end, _DECIMALS)) for label in labels]
    points = bool(labels) and all(start == stop for start, stop in edges)
    kind, items = ("TextTier", "points") if points else ("IntervalTier", "intervals")
    entries = [(start, stop, label.name) for (start, stop), label in zip(edges, labels, strict=True)]
    if not points:
        entries = list(_without_gaps(path, entries, end))
    yield f'        class = "{kind}" '
    yield f"        name = {_quoted(name)} "
    yield "        xmin = 0 "
    yield f"        xmax = {_time(end)} "
    yield f"        {items}: size = {len(entries)} "
    for number, (start, stop, text) in enumerate(entries, 1):
        yield f"        {items} [{number}]:"
        if points:
            yield f"            number = {_time(start)} "
            yield f"            mark = {_quoted(text)} "
        else:
            yield f"            xmin = {_time(start)} "
            yield f"            xmax = {_time(stop)} "
            yield f"            text = {_quoted(text)} "


def _without_gaps(
    path: str | os.PathLike[str], entries: Sequence[tuple[float, float, str]], end: float
) -> Iterator[tuple[float, float, str]]:
    """Intervals with those without text between them; one that reaches into the next is cut there."""
    last = 0.0
    starts = [start for start, _, _ in entries[1:]] + [end]
    for (start, stop, text), after in zip(entries, starts, strict=False):
        stop = min(stop, after)
        if stop <= start:
            expected = "intervals longer than a microsecond, or points alone"
            raise DataError(
                f"{path}: can't hold the labels (found {shown(text)} at {start:.6g} s), expected {expected}"
            )
        if start > last:
            yield last, start, ""
        yield start, stop, text
        last = stop
    if end > last:
        yield last, end, ""


def _time(seconds: float) -> str:
    return f"{seconds:.{_DECIMALS}f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
