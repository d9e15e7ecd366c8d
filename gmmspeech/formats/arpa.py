r"""N-grams in ARPA format, as used by SRILM, KenLM, MITLM and Kaldi; plain or compressed by gzip.

After ``\data\`` there is a line ``ngram N=COUNT`` for each order, then under ``\N-grams:`` lines with the base-10
logarithm of a probability, the words and, except for the longest n-grams, that of a backoff weight; ``\end\`` at the
end.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import BLANKS, parse_number, read_line_blocks, split_fields
from gmmspeech.phones.labels.ngram import END, HIGHEST, START, NGram, Words

NEVER = -99.0  # logarithm to base 10 that stands for a probability of zero, as of a sentence's start
_LN10 = math.log(10)
_MAGIC = b"\x1f\x8b"
_BLOCK = 1 << 10
_COUNT = re.compile(rf"ngram[{BLANKS}]+([0-9]+)[{BLANKS}]*=[{BLANKS}]*([0-9]+)")
_SECTION = re.compile(r"\\([0-9]+)-grams:")


@checked
def read_arpa(path: str | os.PathLike[str]) -> NGram:
    r"""Read an n-gram from a file in ARPA format.

    Parameters
    ----------
    path : path-like
        In UTF-8, with or without a byte-order mark, plain or compressed by gzip.

    Returns
    -------
    NGram

    Raises
    ------
    DataError
        A file that is missing or truncated, a line with another number of fields, a probability above 1, a repeated
        n-gram or one with a word or history that the shorter ones lack, other counts than in the header, or no sentence
        end; the message gives the line.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> from gmmspeech.phones.labels.ngram import train_ngram
    >>> path = tempfile.mkdtemp() + "/answers.arpa"
    >>> gs.formats.write_arpa(path, train_ngram([["yes"], ["no"], ["yes", "yes"]], order=2))
    >>> gs.formats.read_arpa(path).words
    ['no', 'yes']
    """
    lines = _numbered_lines(path)
    counts = _read_header(path, lines)
    probabilities: list[dict[Words, float]] = []
    backoffs: list[dict[Words, float]] = []
    for order, expected in enumerate(counts, 1):
        found, weights = _read_section(path, lines, order, len(counts), probabilities)
        if len(found) != expected:
            told = f"found {len(found)} {order}-grams, expected the {expected} that its header tells"
            raise DataError(f"{os.fspath(path)}: {told}: copy the file anew, or correct the header")
        probabilities.append(found)
        backoffs.append(weights)
    if (END,) not in probabilities[0]:
        raise DataError(f"{os.fspath(path)}: found no 1-gram {END}, expected one, for sentences end")
    return NGram(tuple(probabilities), tuple(backoffs[:-1]))


@checked
def write_arpa(path: str | os.PathLike[str], ngram: NGram) -> None:
    """Write an n-gram to a file in ARPA format.

    Parameters
    ----------
    path : path-like
    ngram : NGram

    Raises
    ------
    DataError
        If the file can't be written.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> from gmmspeech.phones.labels.ngram import train_ngram
    >>> path = tempfile.mkdtemp() + "/answers.arpa"
    >>> gs.formats.write_arpa(path, train_ngram([["yes"], ["no"]], order=1))
    >>> open(path).read().splitlines()[:4]
    ['\\\\data\\\\', 'ngram 1=4', '', '\\\\1-grams:']
    """
    write_lines(Path(path), _lines_of(ngram))


def _lines_of(ngram: NGram) -> Iterator[str]:
    yield "\\data\\"
    yield from (f"ngram {order}={count}" for order, count in enumerate(ngram.counts, 1))
    for order, found in enumerate(ngram.log_probabilities, 1):
        yield ""
        yield f"\\{order}-grams:"
        weights: Mapping[Words, float] = ngram.backoffs[order - 1] if order < ngram.order else {}
        for gram, log_probability in found.items():
            number = NEVER if gram == (START,) else max(log_probability / _LN10, NEVER)
            fields = [f"{number:.7g}", " ".join(gram)]
            if gram in weights:
                fields.append(f"{max(weights[gram] / _LN10, NEVER):.7g}")
            yield "\t".join(fields)
    yield ""
    yield "\\end\\"


def _numbered_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Lines without blanks around them, with their numbers, those without anything left out."""
    blocks = _unpacked_blocks(path) if _is_packed(path) else read_line_blocks(path, expected="an n-gram in ARPA's form")
    for first, lines in blocks:
        for number, line in enumerate(lines, first):
            if text := line.strip(BLANKS):
                yield number, text


def _is_packed(path: str | os.PathLike[str]) -> bool:
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return file.read(2) == _MAGIC
    except OSError:
        return False  # which reading it explains


def _unpacked_blocks(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """Blocks of lines of a file that gzip has compressed."""
    number = 1
    try:
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="\n") as file:
            while lines := file.readlines(1 << 16):
                yield number, lines
                number += len(lines)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{os.fspath(path)}: can't be unpacked ({error}), expected a file of gzip, whole") from None
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x}"
        raise DataError(f"{os.fspath(path)}: found {found} after line {number}, expected UTF-8 text") from None


def _read_header(path: str | os.PathLike[str], lines: Iterator[tuple[int, str]]) -> list[int]:
    """How many n-grams there are of each order; the mark of the first section is read too."""
    owner = os.fspath(path)
    if not any(line == "\\data\\" for _, line in lines):
        raise DataError(f"{owner}: found no line \\data\\, expected an n-gram in ARPA's form")
    counts: list[int] = []
    for number, line in lines:
        if match := _COUNT.fullmatch(line):
            order = int(match[1]) if len(match[1]) < 3 else 0
            if order != len(counts) + 1 or order > HIGHEST or len(match[2]) > 12:
                expected = f"the count of {len(counts) + 1}-grams, or \\1-grams: (orders up to {HIGHEST})"
                raise DataError(f"{owner}:{number}: found {shown(line)}, expected {expected}")
            counts.append(int(match[2]))
        elif counts and line == "\\1-grams:":
            if not counts[0]:
                raise DataError(f"{owner}: found no 1-grams, expected words")
            return counts
        else:
            expected = f"ngram {len(counts) + 1}=COUNT" + (" or \\1-grams:" if counts else "")
            raise DataError(f"{owner}:{number}: found {shown(line)}, expected {expected}")
    raise DataError(f"{owner}: found its end after \\data\\, expected n-grams: it is cut off, copy it anew")


def _read_section(
    path: str | os.PathLike[str],
    lines: Iterator[tuple[int, str]],
    order: int,
    highest: int,
    shorter: list[dict[Words, float]],
) -> tuple[dict[Words, float], dict[Words, float]]:
    """Log-probabilities and weights of the n-grams of an order; the mark after them is read too."""
    found: dict[Words, float] = {}
    weights: dict[Words, float] = {}
    after = "\\end\\" if order == highest else f"\\{order + 1}-grams:"
    for number, line in lines:
        if line[0] == "\\" and (line == "\\end\\" or _SECTION.fullmatch(line)):
            if line != after:
                raise DataError(f"{os.fspath(path)}:{number}: found {shown(line)}, expected {after}")
            return found, weights
        try:
            gram, log_probability, weight = _parse(line, order, order < highest)
            _check(gram, found, shorter)
        except ValueError as error:
            raise DataError(f"{os.fspath(path)}:{number}: {error}") from None
        found[gram] = log_probability
        if weight is not None:
            weights[gram] = weight
    raise DataError(f"{os.fspath(path)}: found its end among {order}-grams, expected {after}: cut off, copy it anew")


def _parse(line: str, order: int, backs_off: bool) -> tuple[Words, float, float | None]:
    """N-gram of a line, natural logarithm of its probability, and of its weight where it has one."""
    fields = split_fields(line)
    if not order + 1 <= len(fields) <= order + 1 + backs_off:
        words = f"a logarithm and {order} word{'s' if order > 1 else ''}{', perhaps a weight' if backs_off else ''}"
        raise ValueError(f"found {counted(len(fields), 'field')} ({shown(line)}), expected {words}")
    number = parse_number(fields[0], infinite=True)
    weight = parse_number(fields[-1], infinite=True) if len(fields) > order + 1 else None
    if number > 0:
        raise ValueError(f"found {fields[0]}, a probability above 1, expected its logarithm, 0 or below")
    if weight == math.inf:
        raise ValueError(f"found weight {fields[-1]}, expected a number")
    return tuple(fields[1 : order + 1]), _natural(number), None if weight is None else _natural(weight)


def _natural(number: float) -> float:
    return -math.inf if number <= NEVER else number * _LN10


def _check(gram: Words, found: Mapping[Words, float], shorter: list[dict[Words, float]]) -> None:
    """Raise a ValueError where an n-gram comes twice, or where what it begins with or a word of it is no n-gram."""
    if gram in found:
        raise ValueError(f"found {shown(' '.join(gram))} twice, expected each n-gram once")
    if not shorter:
        return
    for word in gram:
        if (word,) not in shorter[0]:
            raise ValueError(f"found word {shown(word)}, no 1-gram, expected all words among the 1-grams")
    if gram[:-1] not in shorter[-1]:
        history = shown(" ".join(gram[:-1]))
        raise ValueError(f"found {shown(' '.join(gram))}, expected its beginning {history} among {len(gram) - 1}-grams")
    if END in gram[:-1] or START in gram[1:]:
        raise ValueError(f"found {shown(' '.join(gram))}, expected {START} first and {END} last")
