"""Phones and the arcs between them, expanded for states that depend on the neighboring phones.

A phone with several possible neighbors appears once for each group of neighbors that give it the same states, and arcs
connect only compatible phones. This includes the first and last phones of words, across words, unless contexts are
word-internal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.tree import ContextTree

Ends = list[tuple[int, float]]
"""Places and log probabilities: where a part of a graph is entered, or left."""


@dataclass(frozen=True)
class PhoneNet:
    """Phones that may be said, and what may follow what.

    Attributes
    ----------
    phone : list of int
        Index of the phone in each place.
    chained : list of bool
        Whether an arc of log probability 0 leads to a place from the one before.
    arcs : list of (int, int, float)
        The other arcs: from a place to a place, and their log probabilities.
    initial, final : list of (int, float)
        Places to begin and to end in, and their log probabilities.
    of_words : bool
        Whether those arcs lead from words to words, and chains are words; else all are phones and nothing more.
    """

    phone: list[int]
    chained: list[bool]
    arcs: list[tuple[int, int, float]]
    initial: Ends
    final: Ends
    of_words: bool = True


def in_context(
    tree: ContextTree, net: PhoneNet, beyond: tuple[int, int]
) -> tuple[PhoneNet, list[int], list[NDArray[np.intp]]]:
    """Split phones by what may stand beside them; beyond the ends are two given ones.

    Returns
    -------
    net : PhoneNet
    origin : list of int
        Place that each new one comes from.
    states : list of ndarray, shape (positions of the phone,)
    """
    if tree.word_internal and net.of_words:
        return net, list(range(len(net.phone))), _in_words(tree, net, beyond)
    arcs = net.arcs + [(u - 1, u, 0.0) for u, follows in enumerate(net.chained) if follows]
    left, right = (_beside(net, arcs, ends, beyond[side], side) for side, ends in enumerate((net.initial, net.final)))

    phone: list[int] = []
    origin: list[int] = []
    states: list[NDArray[np.intp]] = []
    alone: list[bool] = []
    behind_left, before_right = defaultdict(list), defaultdict(list)  # new places by old one and neighbor
    for u, p in enumerate(net.phone):
        found = tree.variants(p, frozenset(left[u]), frozenset(right[u]))
        for these, those, chain in found:
            for neighbor in these:
                behind_left[u, neighbor].append(len(phone))
            for neighbor in those:
                before_right[u, neighbor].append(len(phone))
            phone.append(p)
            origin.append(u)
            states.append(chain)
            alone.append(len(found) == 1)
    chained = [net.chained[u] and alone[v] and alone[v - 1] for v, u in enumerate(origin)]
    still = {u for u, follows in zip(origin, chained, strict=True) if follows}
    spread = [
        (a, b, p)
        for i, (u, v, p) in enumerate(arcs)
        if i < len(net.arcs) or v not in still
        for a in before_right[u, net.phone[v]]
        for b in behind_left[v, net.phone[u]]
    ]
    initial = [(v, p) for u, p in net.initial for v in behind_left[u, beyond[0]]]
    final = [(v, p) for u, p in net.final for v in before_right[u, beyond[1]]]
    return PhoneNet(phone, chained, spread, initial, final), origin, states


def _in_words(tree: ContextTree, net: PhoneNet, beyond: tuple[int, int]) -> list[NDArray[np.intp]]:
    """States of each place, whose neighbors are those in its word alone; beyond a word's ends are two given ones."""
    behind = [*net.chained[1:], False]
    return [
        tree.states(p, net.phone[u - 1] if follows else beyond[0], net.phone[u + 1] if leads else beyond[1])
        for u, (p, follows, leads) in enumerate(zip(net.phone, net.chained, behind, strict=True))
    ]


def _beside(
    net: PhoneNet, arcs: Sequence[tuple[int, int, float]], ends: Ends, beyond: int, side: int
) -> list[set[int]]:
    """Phones that may stand before each place (side 0), or behind it (side 1)."""
    found: list[set[int]] = [set() for _ in net.phone]
    for source, target, _ in arcs:
        here, there = (target, source) if side == 0 else (source, target)
        found[here].add(net.phone[there])
    for place, _ in ends:
        found[place].add(beyond)
    return found
