"""Compiled search for the best path of one utterance, with all scores in memory.

An utterance of a few seconds has so few scores that processing it alone, in one call, takes half the time of a batch of
utterances, in which a block of frames takes many calls.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.graph import StateGraph
from gmmspeech.phones.hmm.native import viterbi_kernel
from gmmspeech.phones.hmm.trellis import Float32, Transitions

FEWEST = 2**13  # frames times nodes: of fewer, the calls take longer
MOST = 2**24  # of more, the search from mark to mark takes less


def is_whole(graph: StateGraph, emissions: Float32) -> bool:
    """Say whether an utterance is best searched like this."""
    return FEWEST <= len(emissions) * graph.num_nodes <= MOST and viterbi_kernel.available()


def best_whole_path(
    graph: StateGraph, emissions: Float32, transitions: Transitions, acoustic_scale: float = 1.0
) -> NDArray[np.intp] | None:
    """Best path, (T,), or None where there is none."""
    rows = emissions if acoustic_scale == 1 else emissions * np.float32(acoustic_scale)
    peaks = rows.max(axis=1)
    peaks[~np.isfinite(peaks)] = 0
    rows = rows - peaks[:, None]  # small scores lose least
    stay, leave = (x.astype(np.float32)[graph.state] for x in (transitions.stay, transitions.leave))
    advance = np.full(graph.num_nodes, -np.inf, np.float32)
    advance[1:][graph.chained[1:]] = leave[:-1][graph.chained[1:]]
    arcs = viterbi_kernel.Arcs(
        stay, advance, graph.source, graph.target, graph.weight.astype(np.float32) + leave[graph.source]
    )
    scores = np.empty((len(rows), graph.num_nodes), np.float32)
    scores[0] = graph.initial + rows[0, graph.state]
    path = np.zeros((len(rows), 1), np.int64)
    if len(rows) > 1:
        arcs.fill_scores(rows[1:], graph.state, rows.shape[1], len(rows) - 1, scores)
    ends = scores[-1] + graph.final + leave
    path[-1] = ends.argmax()
    if not ends[path[-1, 0]] > -np.inf:
        return None
    if len(rows) > 1:
        path[0] = arcs.trace(scores, np.array([len(rows) - 2]), path[1:])
    return path[:, 0].astype(np.intp, copy=False)
