r"""Text that others wrote: decoded in one place, cut at ASCII blanks and ``\n`` alone, numbers as C writes them.

Python's own ``split``, ``strip`` and ``splitlines`` also cut at blanks of Unicode, such as the no-break space in
``10 000``, and ``float`` and ``int`` take ``1_0`` and the digits of every script.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from gmmspeech.errors import DataError, GmmSpeechError, counted, shown
from gmmspeech.files.regular import is_pipe_of_shell, open_regular

_LARGEST = 1 << 28  # bytes, of text that is read at once
_PIECE = 1 << 24  # bytes read at a time
_LONGEST = 1 << 27  # bytes of a line: the best 20 components of each of a million frames need half as many

BLANKS = " \t\n\r\f\v"  # those of Kaldi's SplitStringToVector, and of C's isspace

_OTHER_TEXT = " (iconv converts other encodings, as iconv -f latin1 -t utf-8)"
_BETWEEN = " \0 "  # of lines: no text that was decoded has null bytes

_FIELD = re.compile(f"[^{BLANKS}]+")
_GAP = re.compile(f"[{BLANKS}]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PLAIN = re.compile(r"[0-9.eE+-]*")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")  # what fits 64 bits
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_KALDI_BINARY = b"\0B"  # begins what Kaldi writes, and "B" in UTF-16
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def read_bytes(
    path: str | os.PathLike[str],
    *,
    expected: str = "a text file",
    kind: type[GmmSpeechError] = DataError,
    most: int = _LARGEST,
) -> bytes:
    """Content of a file or of the end of a pipe, or an error; a named pipe would wait, and a device never end."""
    with _opened(path, expected, kind) as file:
        return _read_rest(file, path, expected, kind, most)


def read_text(
    path: str | os.PathLike[str],
    *,
    expected: str = "a text file",
    kind: type[GmmSpeechError] = DataError,
    any_line_ends: bool = False,
) -> str:
    r"""Text of a file in UTF-8, or in UTF-16 that its first bytes tell, without the byte-order mark, or an error.

    Lines end with ``\n``, or with ``\r\n``, whose ``\r`` stays; with `any_line_ends` all become ``\n``.
    """
    content = read_bytes(path, expected=expected, kind=kind)
    mark, encoding = _encoding(content)
    decode = _Decoder(os.fspath(path), encoding, expected, kind, any_line_ends, bool(mark))
    return decode(content[len(mark) :])


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    r"""Lines of a text file, without their ``\n``; an error where there is none."""
    return [line for _, lines in read_line_blocks(path) for line in lines]


def first_fields(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the first field of each line that has one: of a list of names, or of a table of more."""
    return (fields[0] for fields in map(split_fields, read_lines(path)) if fields)


def read_line_blocks(
    path: str | os.PathLike[str],
    size: int = 1 << 10,  # larger blocks take longer: they leave the cache
    *,
    expected: str = "one entry a line",
) -> Iterator[tuple[int, list[str]]]:
    r"""Yield the number of the first and all of every `size` lines of a text file, as `read_lines`."""
    with _opened(path, "a text file", DataError) as file:
        head = file.read(4)
        if not head:
            raise DataError(f"{os.fspath(path)}: found 0 bytes, expected {expected}")
        mark, encoding = _encoding(head)
        decode = _Decoder(os.fspath(path), encoding, "a text file", DataError, marked=bool(mark))
        rest, number = head[len(mark) :], 1
        if encoding != "utf-8":  # bytes do not tell where its lines end
            yield 1, decode(rest + _read_rest(file, path, expected, DataError)).removesuffix("\n").split("\n")
            return
        pieces = _bounded_lines(file, path)
        while block := list(islice(pieces, size)):
            lines = decode(rest + b"".join(block), number).removesuffix("\n").split("\n")
            yield number, lines
            rest, number = b"", number + len(lines)
        if rest:
            yield 1, decode(rest).removesuffix("\n").split("\n")


def split_fields(text: str, max_split: int = -1) -> list[str]:
    """Cut text at ASCII blanks; the last of `max_split` + 1 fields keeps its own."""
    if max_split < 0:
        return _FIELD.findall(text)
    text = text.strip(BLANKS)
    return _GAP.split(text, max_split) if text else []


def split_all_fields(lines: Sequence[str]) -> list[list[str]]:
    """Cut lines as `split_fields` does, three times as fast where they have no other blanks."""
    plain = _is_plain("".join(lines))
    return [line.split() for line in lines] if plain else [_FIELD.findall(line) for line in lines]


def split_columns(lines: Sequence[str], count: int) -> list[list[str]] | None:
    """Columns of lines that begin with a field and have `count` of them; None where a line is otherwise.

    No list is made for a line: the garbage collector would go through those of a million lines again and again.
    """
    text = _BETWEEN + _BETWEEN.join(lines)
    if any(_BETWEEN + blank in text for blank in BLANKS):
        return None
    fields, step = text.split() if _is_plain(text) else _FIELD.findall(text), count + 1
    if len(fields) != step * len(lines) or set(fields[::step]) != {_BETWEEN.strip()}:
        return None
    return [fields[column::step] for column in range(1, step)]


def _is_plain(text: str) -> bool:
    """Say whether text has no blanks but those of ASCII."""
    return text.isascii() and not any(separator in text for separator in "\x1c\x1d\x1e\x1f")


def is_field(text: str) -> bool:
    """Say whether text comes back as it is from a file where blanks end a field."""
    return bool(_FIELD.fullmatch(text)) and is_holdable(text)


def is_holdable(text: str) -> bool:
    """Say whether a text file can hold text: no null byte, no half of a surrogate pair, no byte-order mark first."""
    if "\0" in text or text.startswith("\ufeff"):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_number(text: str, *, infinite: bool = False) -> float:
    """Give the finite number that text is in C's decimal form; ValueError where it is none."""
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    elif infinite and _INFINITE.fullmatch(text):
        return float(text)
    raise ValueError(f"found {shown(text)}, expected a number")


def parse_numbers(texts: Sequence[str], *, infinite: bool = False) -> list[float]:
    """Give what `parse_number` gives for each of many, five times as fast where all are plain numbers."""
    if _PLAIN.fullmatch("".join(texts)):
        numbers = list(map(float, texts))  # of these characters, float takes what C does
        if all(map(math.isfinite, numbers)):
            return numbers
    return [parse_number(text, infinite=infinite) for text in texts]


def parse_whole(text: str) -> int:
    """Give the whole number of at most 18 ASCII digits that text is; ValueError where it is none."""
    if _WHOLE.fullmatch(text):
        return int(text)
    raise ValueError(f"found {shown(text)}, expected a whole number")


def parse_object(text: str) -> dict[str, Any]:
    """Give the object that text is in JSON; ValueError where it is something else, or nested too deep to be read."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not readable as JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"found JSON of {type(found).__name__}, expected an object")
    return found


def normal_form(name: str) -> str:
    """Give the same letters in one Unicode normalization form: names that look alike become equal."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def check_distinct(owner: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Raise a `DataError` where two names look alike: they differ in their Unicode normalization form only."""
    seen: dict[str, str] = {}
    for name in names:
        if not name.isascii() and seen.setdefault(normal_form(name), name) != name:
            found = f"{shown(name)} twice, in two Unicode normalization forms (NFC and NFD differ)"
            raise DataError(f"{os.fspath(owner)}: found {found}, expected each id once")


def look_alike(name: str, known: Iterable[str]) -> str:
    """Words for a message that one of the known names differs in its Unicode normalization only, or nothing."""
    wanted = normal_form(name)
    if any(each != name and normal_form(each) == wanted for each in known):
        return " (there is one that looks alike, in another Unicode normalization form: NFC and NFD differ)"
    return ""


def _read_rest(
    file: BinaryIO, path: str | os.PathLike[str], expected: str, kind: type[GmmSpeechError], most: int = _LARGEST
) -> bytes:
    """Read a file to its end, or raise an error where it is larger than any such file."""
    pieces, left = [], most + 1
    while left and (piece := file.read(min(left, _PIECE))):  # which takes memory for all that it may read
        pieces.append(piece)
        left -= len(piece)
    if not left:
        raise kind(f"{os.fspath(path)}: found more than {most >> 20} MiB, expected {expected}")
    return b"".join(pieces)


def _bounded_lines(file: BinaryIO, path: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yield the lines of a file, or raise an error where one is longer than any entry: a large file of zeros."""
    while line := file.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise DataError(f"{os.fspath(path)}: found a line longer than {_LONGEST >> 20} MiB, expected a text file")
        yield line


@contextmanager
def _opened(path: str | os.PathLike[str], expected: str, kind: type[GmmSpeechError]) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb") if is_pipe_of_shell(path) else open_regular(path) as file:
            yield file
    except OSError as error:
        raise kind(f"{os.fspath(path)}: can't be read ({error.strerror}), expected {expected}") from error
    except MemoryError as error:
        found = counted(os.path.getsize(path), "byte")
        raise kind(f"{os.fspath(path)}: found {found}, more than there is memory for, expected {expected}") from error


@dataclass(frozen=True)
class _Decoder:
    """What makes text of bytes of a file, or an error that names the line."""

    path: str
    encoding: str
    expected: str
    kind: type[GmmSpeechError]
    any_line_ends: bool = False
    marked: bool = True  # an encoding that the file names; one that null bytes let guess may be that of no text

    def __call__(self, content: bytes, first: int = 1) -> str:
        """Give text whose first line has a number, or raise an error."""
        try:
            text = content.decode(self.encoding)
        except UnicodeDecodeError as error:
            if self.encoding != "utf-8" and not self.marked:
                raise self.kind(f"{self.path}:{first}: found a null byte, expected {self.expected}") from error
            before = content[: error.start].decode(self.encoding, "replace")
            found = f"byte 0x{content[error.start]:02x}"
            line = first + before.count("\n")
            told = f"{self.path}:{line}: found {found}, expected {self.encoding.upper()} text"
            raise self.kind(told + (_OTHER_TEXT if b"\0" not in content else "")) from error
        if self.any_line_ends and "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if self.encoding != "utf-8" and not self.marked and any(map(_is_no_text, set(text))):
            raise self.kind(f"{self.path}:{first}: found a null byte, expected {self.expected}")
        for what, place in _refused(text).items():
            if place >= 0:
                line = first + text.count("\n", 0, place + 1)
                raise self.kind(f"{self.path}:{line}: found {what}, expected {self.expected}")
        return text


def _encoding(content: bytes) -> tuple[bytes, str]:
    """Byte-order mark of text, and its encoding; UTF-16 without one begins with an ASCII character."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return mark, encoding
    if content.startswith(_KALDI_BINARY) and content[2:3] != b"\0":
        return b"", "utf-8"  # and is refused for its null byte
    low, high = content[:1] == b"\0", content[1:2] == b"\0"
    return b"", "utf-8" if low == high else ("utf-16-be" if low else "utf-16-le")


def _is_no_text(character: str) -> bool:
    """Whether a character is of private use, or none at all."""
    return unicodedata.category(character) in ("Cn", "Co")


def _refused(text: str) -> dict[str, int]:
    """What no text has, and its place, -1 for nowhere."""
    lone = next((m.start() for m in re.finditer(r"\r(?!\n)", text)), -1) if "\r" in text else -1
    return {
        "a null byte": text.find("\0"),
        "a byte-order mark inside the file": text.find("\n\ufeff"),
        "a line that ends in a carriage return alone": lone,
    }


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Make lines of comma-separated values, quoted where they must be.

    Examples
    --------
    >>> list(csv_lines([["label", "times"], ["a, b", "2"]]))
    ['label,times', '"a, b",2']
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="")
    for row in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(row)
        yield buffer.getvalue()
