"""Silence in labels of other sources: other names, or time without a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.phone_sets import is_silence

_SILENCE = "SIL"
_SHORTEST = 0.03  # seconds: shorter gaps are times that were rounded, or moved by hand


def named_silence(labels: Mapping[str, Sequence[Label]]) -> dict[str, list[Label]]:
    """Give labels in which silence of any of its usual names is named SIL.

    Examples
    --------
    >>> named_silence({"u": [Label(0.0, 0.2, "sp"), Label(0.2, 0.5, "a")]})
    {'u': [Label(start=0.0, end=0.2, name='SIL'), Label(start=0.2, end=0.5, name='a')]}
    """
    return {
        name: [label._replace(name=_SILENCE) if is_silence(label.name) else label for label in own]
        for name, own in labels.items()
    }


def filled_with_silence(
    labels: Mapping[str, Sequence[Label]], lasting: Mapping[str, float]
) -> tuple[dict[str, list[Label]], float]:
    """Give labels with silence where there is none of anything, and how many seconds of it.

    Examples
    --------
    >>> filled_with_silence({"u": [Label(0.25, 0.5, "a")]}, {"u": 1.0})[0]["u"][::2]
    [Label(start=0.0, end=0.25, name='SIL'), Label(start=0.5, end=1.0, name='SIL')]
    """
    filled: dict[str, list[Label]] = {}
    seconds = 0.0
    for name, own in labels.items():
        if not own:  # nobody has looked at it
            filled[name] = []
            continue
        end = lasting.get(name, 0.0)
        edges = zip([0.0, *(label.end for label in own)], [*(label.start for label in own), end], strict=True)
        gaps = [Label(start, stop, _SILENCE) for start, stop in edges if stop - start >= _SHORTEST]
        seconds += sum(gap.end - gap.start for gap in gaps)
        filled[name] = sorted([*own, *gaps])
    return filled, seconds
