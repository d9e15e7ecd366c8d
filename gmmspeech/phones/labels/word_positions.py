"""Phones named by where in a word they stand, as Kaldi and the Montreal Forced Aligner do: AA_B, AA_I, AA_E, AA_S."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

_SUFFIXES = ("_B", "_I", "_E", "_S")  # begin, inside, end, singleton


def has_positions(phones: Collection[str]) -> bool:
    """Say whether phones are named by where in a word they stand."""
    return any(phone.endswith(_SUFFIXES) for phone in phones)


def with_positions(
    entries: Mapping[str, Sequence[Sequence[str]]], known: Collection[str]
) -> dict[str, list[Sequence[str]]]:
    """Give pronunciations in the phones of a model, by where in the word they stand where the model tells them apart.

    Examples
    --------
    >>> with_positions({"AH": [["AA"]], "TEA": [["T", "IY"]]}, {"AA_S", "T_B", "IY_E"})
    {'AH': [['AA_S']], 'TEA': [['T_B', 'IY_E']]}
    """
    names = set(known)
    return {word: [_positioned(phones, names) for phones in variants] for word, variants in entries.items()}


def _positioned(phones: Sequence[str], known: Collection[str]) -> Sequence[str]:
    """One pronunciation; as it is where the model has its phones so, or has none of them by place."""
    if all(phone in known for phone in phones):
        return phones
    last = len(phones) - 1
    places = ["_S"] if not last else ["_B", *["_I"] * (last - 1), "_E"]
    named = [p if p in known else p + place for p, place in zip(phones, places, strict=True)]
    return named if all(phone in known for phone in named) else phones
