"""Word lattices: recognition alternatives, the best word sequences, and word confidences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError
from gmmspeech.phones.decoding.transducers import kaldifst

_MOST_STATES = 200_000  # of a lattice in which each sequence of words comes once

Link = tuple[int, int, int, float]  # from, to, word, cost


@dataclass(frozen=True, eq=False)
class WordLattice:
    """Sequences of words, each once, as paths from the first state to one that may be the last.

    Attributes
    ----------
    fst : kaldifst.StdVectorFst
        Words, with costs in nats: those of the best path that says them.
    links : list of (int, int, int, float)
        Its arcs, from states to those after them, with words and costs; states are in the order of time.
    final : ndarray, shape (states,), float64
        Cost of ending in each state.
    """

    fst: Any
    links: list[Link]
    final: NDArray[np.float64]


def word_lattice(raw: Any) -> WordLattice:
    """Lattice of words from one of states of HMMs, as a decoder gives it."""
    library = kaldifst()
    rows = (line.split() for line in raw.to_str(show_weight_one=True).splitlines())
    made = library.compile("".join(map(_of_words, rows)))
    try:
        whole = not library.determinize_star(made, max_states=_MOST_STATES)
    except RuntimeError:  # which has no other cause
        whole = False
    if not whole:
        found = f"found a lattice of more than {_MOST_STATES} states"
        raise DataError(f"{found}, expected a smaller lattice_beam, or beam")
    library.minimize_encoded(made)
    return _ordered(made)


def _of_words(row: Sequence[str]) -> str:
    """Line of a transducer of words, with one cost, from one of states, with two."""
    *places, costs = row
    cost = math.fsum(map(float, costs.split(",")))
    word = f"{places[1]} {places[3]} {places[3]} " if len(places) > 1 else ""
    return f"{places[0]} {word}{cost:.6f}\n"


def _ordered(fst: Any) -> WordLattice:
    """Number the states of an acyclic transducer so that all arcs lead forward."""
    library = kaldifst()
    states = list(library.StateIterator(fst))
    arcs = {
        state: [(arc.nextstate, arc.olabel, arc.weight.value) for arc in library.ArcIterator(fst, state)]
        for state in states
    }
    entering = dict.fromkeys(states, 0)
    for target, _, _ in (arc for leaving in arcs.values() for arc in leaving):
        entering[target] += 1
    ready, number = [state for state in states if not entering[state]], dict[int, int]()
    while ready:
        state = ready.pop()
        number[state] = len(number)
        for target, _, _ in arcs[state]:
            entering[target] -= 1
            if not entering[target]:
                ready.append(target)
    links = sorted((number[a], number[b], word, cost) for a in states for b, word, cost in arcs[a])
    final = np.full(len(states), np.inf)
    for state in states:
        final[number[state]] = fst.final(state).value
    return WordLattice(fst, links, final)


def best_sequences(lattice: WordLattice, count: int) -> list[tuple[list[int], float]]:
    """Give the best sequences of words, with their posterior probabilities among all of the lattice, the best first."""
    library = kaldifst()
    total = -_forward(lattice)[1]
    found = []
    for path in library.convert_nbest_to_vector(library.shortest_path(lattice.fst, n=count)):
        _, _, words, weight = library.get_linear_symbol_sequence(path)
        found.append((list(words), math.exp(min(0.0, total - weight.value))))
    return sorted(found, key=lambda each: -each[1])


def _forward(lattice: WordLattice) -> tuple[NDArray[np.float64], float]:
    """Log of the sum of all paths to each state, and of all paths that end."""
    alpha = np.full(len(lattice.final), -np.inf)
    alpha[0] = 0.0
    for source, target, _, cost in lattice.links:  # by their sources, which come before their targets
        alpha[target] = np.logaddexp(alpha[target], alpha[source] - cost)
    return alpha, float(np.logaddexp.reduce(alpha - lattice.final))


def word_confidences(lattice: WordLattice, words: Sequence[int]) -> NDArray[np.float64]:
    """Posterior probability that each of some words was said in its place.

    Every path of the lattice is set beside the words with as few edits as can be; the probability of a word is that of
    the paths which have it in its place, in the expectation that Xu, Povey, Mangu and Zhu (2011) compute for minimum
    Bayes risk, as Kaldi's `lattice-to-ctm-conf` does.
    """
    alpha, total = _forward(lattice)
    spoken = np.array(words, dtype=np.intp)
    size, last = len(words), len(lattice.final)
    # one more state, where all paths end; arcs into each state with their shares of it
    arriving: list[list[tuple[int, int, float]]] = [[] for _ in range(last + 1)]
    for source, target, word, cost in lattice.links:
        arriving[target].append((source, word, math.exp(alpha[source] - cost - alpha[target])))
    for source in np.flatnonzero(np.isfinite(lattice.final)).tolist():
        arriving[last].append((source, 0, math.exp(alpha[source] - lattice.final[source] - total)))
    edits = np.zeros((last + 1, size + 1))
    edits[0] = np.arange(size + 1)
    for state in range(1, last + 1):
        for source, word, share in arriving[state]:
            edits[state] += share * _edits(edits[source], word, spoken)[0]
    reached = np.zeros((last + 1, size + 1))
    reached[last, size] = 1.0
    found = np.zeros(size)
    for state in range(last, 0, -1):
        for source, word, share in arriving[state]:
            _, matched, inserted = _edits(edits[source], word, spoken)
            # what reaches a place by leaving out words comes from the place where that began
            starts = np.flatnonzero(matched | inserted)
            flow = np.zeros(size + 1)
            flow[starts] = np.add.reduceat(share * reached[state], starts)
            places = np.flatnonzero(matched)
            reached[source, places - 1] += flow[places]
            reached[source] += np.where(inserted, flow, 0.0)
            same = places[spoken[places - 1] == word]
            found[same - 1] += flow[same]
    return np.clip(found, 0.0, 1.0)


def _edits(
    before: NDArray[np.float64], word: int, words: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Edits of a path with one more word, beside each beginning of words; where it stands for one, where for none.

    No word (0) costs nothing more.
    """
    size = len(words)
    steps = np.arange(size + 1.0)
    inserted = before + (word != 0)
    matched = np.full(size + 1, np.inf)
    if word:
        matched[1:] = before[:-1] + (words != word)
    best = np.minimum(matched, inserted)
    out = np.minimum.accumulate(best - steps) + steps
    stands = (matched <= inserted) & (matched <= out + 1e-12)
    return out, stands, ~stands & (inserted <= out + 1e-12)
