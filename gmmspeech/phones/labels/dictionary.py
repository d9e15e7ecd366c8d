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
    """Make a dictionary of words with their phones."""
    found: dict[str, dict[Pronunciation, None]] = {}
    for word, phones in entries:
        pronunciation = tuple(phones) if keep_stress else tuple(map(strip_stress, phones))
        found.setdefault(word.upper(), {})[pronunciation] = None
    return {word: tuple(pronunciations) for word, pronunciations in found.items()}


def pronounce(
    words: Iterable[str], dictionary: Mapping[str, tuple[Pronunciation, ...]]
) -> tuple[list[tuple[Pronunciation, ...]], list[str]]:
    """Look words up, in upper or lower case."""
    listed = list(words)
    pronunciations = [dictionary.get(word.upper(), ()) for word in listed]
    missing = dict.fromkeys(word for word, found in zip(listed, pronunciations, strict=True) if not found)
    return pronunciations, list(missing)
