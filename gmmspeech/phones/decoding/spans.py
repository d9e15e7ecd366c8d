"""Phones along a path through a graph of HMM states."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.graph import StateGraph


class PhoneSpan(NamedTuple):
    """A phone on a path: frames ``start`` to ``stop``, its index, and the word that it belongs to."""

    start: int
    stop: int
    phone: int
    word: int
    starts_word: bool


def phone_spans(graph: StateGraph, path: NDArray[np.intp]) -> list[PhoneSpan]:
    """Phones along a path, silence included."""
    enters = graph.phone_start[path]
    enters[1:] &= path[1:] != path[:-1]
    starts = np.flatnonzero(enters)
    nodes = path[starts]
    return [
        PhoneSpan(*span)
        for span in zip(
            starts.tolist(),
            [*starts[1:].tolist(), len(path)],
            graph.phone[nodes].tolist(),
            graph.word[nodes].tolist(),
            graph.word_start[nodes].tolist(),
            strict=True,
        )
    ]
