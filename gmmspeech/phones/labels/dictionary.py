"""Pronunciation dictionaries: the words in upper case, each with one or more pronunciations.

A dictionary is a plain ``dict``, so a supplement is added with ``|``: in ``dictionary | supplement`` the
pronunciations of the supplement take the place of those that the dictionary has for the same word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gmmspeech.phones.labels.phone_sets import strip_stress

Pronunciation = tuple[str, ...]
Dictionary = dict[str, tuple[Pronunciation, ...]]


def make_dictionary(entries: Iterable[tuple[str, Sequence[str]]], *, keep_stress: bool = False) -> Dictionary:
    """Make a dictionary of words with their phones.

    Parameters
    ----------
    entries : iterable of (str, sequence of str)
        A word and the phones of one pronunciation; a word may come again. Upper and lower case are one word.
    keep_stress : bool
        Keep the stress of ARPAbet vowels. Without it, pronunciations that differ in stress alone become one.

    Returns
    -------
    dict of str to tuple of tuple of str
        Words in upper case; pronunciations in the order of the entries, each once.

    Examples
    --------
    >>> make_dictionary([("either", ["IY1", "DH", "ER0"]), ("Either", ["AY1", "DH", "ER0"])])
    {'EITHER': (('IY', 'DH', 'ER'), ('AY', 'DH', 'ER'))}
    """
    found: dict[str, dict[Pronunciation, None]] = {}
    for word, phones in entries:
        pronunciation = tuple(phones) if keep_stress else tuple(map(strip_stress, phones))
        found.setdefault(word.upper(), {})[pronunciation] = None
    return {word: tuple(pronunciations) for word, pronunciations in found.items()}


def pronounce(
    words: Iterable[str], dictionary: Mapping[str, tuple[Pronunciation, ...]]
) -> tuple[list[tuple[Pronunciation, ...]], list[str]]:
    """Look words up, in upper or lower case.

    Parameters
    ----------
    words : iterable of str
    dictionary : dict
        As `make_dictionary` makes it.

    Returns
    -------
    pronunciations : list of tuple of tuple of str
        For each word its pronunciations; ``()`` for a word that is missing.
    missing : list of str
        The words that are missing, each once, as they were given.

    Examples
    --------
    >>> pronounce(["a", "Cat", "xyzzy"], {"A": (("AH",), ("EY",)), "CAT": (("K", "AE", "T"),)})
    ([(('AH',), ('EY',)), (('K', 'AE', 'T'),), ()], ['xyzzy'])
    """
    listed = list(words)
    pronunciations = [dictionary.get(word.upper(), ()) for word in listed]
    missing = dict.fromkeys(word for word, found in zip(listed, pronunciations, strict=True) if not found)
    return pronunciations, list(missing)
