"""Word-position-dependent phones, as in Kaldi and the Montreal Forced Aligner: AA_B, AA_I, AA_E, AA_S."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from gmmspeech.phones.labels.dictionary import Pronunciation, as_probable

_SUFFIXES = ("_B", "_I", "_E", "_S")  # begin, inside, end, singleton


def has_positions(phones: Collection[str]) -> bool:
    """Say whether phones are named by where in a word they stand."""
    return any(phone.endswith(_SUFFIXES) for phone in phones)


def without_positions(phones: Iterable[str]) -> list[str]:
    """Give the names of phones wherever in a word they stand, each once.

    Examples
    --------
    >>> without_positions(["sil", "AA1_B", "AA1_E"])
    ['sil', 'AA1']
    """
    return list(dict.fromkeys(map(without_position, phones)))


def without_position(phone: str) -> str:
    """Name of a phone wherever in a word it stands."""
    return phone[:-2] if phone.endswith(_SUFFIXES) else phone


def with_positions(
    entries: Mapping[str, Sequence[Sequence[str]]], known: Collection[str]
) -> dict[str, list[Pronunciation]]:
    """Give pronunciations in the phones of a model, by where in the word they stand where the model tells them apart.

    Examples
    --------
    >>> with_positions({"AH": [["AA"]], "TEA": [["T", "IY"]]}, {"AA_S", "T_B", "IY_E"})
    {'AH': [('AA_S',)], 'TEA': [('T_B', 'IY_E')]}
    """
    names = set(known)
    return {word: [_positioned(phones, names) for phones in variants] for word, variants in entries.items()}


def _positioned(phones: Sequence[str], known: Collection[str]) -> Pronunciation:
    """One pronunciation; as it is where the model has its phones so, or has none of them by place."""
    last = len(phones) - 1
    places = ["_S"] if not last else ["_B", *["_I"] * (last - 1), "_E"]
    named = [p if p in known else p + place for p, place in zip(phones, places, strict=True)]
    return as_probable(named if all(phone in known for phone in named) else phones, phones)
