"""Pronunciation dictionaries: the words in upper case, each with one or more pronunciations.

A dictionary is a plain ``dict``, so a supplement is added with ``|``: in ``dictionary | supplement`` the
pronunciations of the supplement take the place of those that the dictionary has for the same word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gmmspeech.phones.labels.phone_sets import strip_stress

Pronunciation = tuple[str, ...]
Dictionary = dict[str, tuple[Pronunciation, ...]]


def dictionary_key(word: str) -> str:
    """Give the form in which dictionaries have a word, the same for all cases of its letters.

    It is upper case, but for letters which upper case would make others: ``ı`` is no ``i``, ``ß`` no ``ss``.

    Examples
    --------
    >>> dictionary_key("Don't"), dictionary_key("Maße"), dictionary_key("λόγος") == dictionary_key("ΛΌΓΟΣ")
    ("DON'T", 'MAßE', True)
    """
    if word.isascii():
        return word.upper()
    return "".join(upper if (upper := c.upper()).lower() == c else c for c in word.lower())


def make_dictionary(entries: Iterable[tuple[str, Sequence[str]]], *, keep_stress: bool = False) -> Dictionary:
    """Make a dictionary of words with their phones."""
    found: dict[str, dict[Pronunciation, None]] = {}
    for word, phones in entries:
        pronunciation = tuple(phones) if keep_stress else tuple(map(strip_stress, phones))
        found.setdefault(dictionary_key(word), {})[pronunciation] = None
    return {word: tuple(pronunciations) for word, pronunciations in found.items()}


def pronounce(
    words: Iterable[str], dictionary: Mapping[str, tuple[Pronunciation, ...]]
) -> tuple[list[tuple[Pronunciation, ...]], list[str]]:
    """Look words up, in upper or lower case."""
    listed = list(words)
    pronunciations = [dictionary.get(dictionary_key(word), ()) for word in listed]
    missing = dict.fromkeys(word for word, found in zip(listed, pronunciations, strict=True) if not found)
    return pronunciations, list(missing)
