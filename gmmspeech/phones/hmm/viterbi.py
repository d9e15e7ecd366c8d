"""Best paths through graphs of HMM states, for batches of utterances."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.graph import StateGraph
from gmmspeech.phones.hmm.long_search import best_long_path
from gmmspeech.phones.hmm.traces import trace
from gmmspeech.phones.hmm.trellis import (
    BLOCK,
    Batch,
    Block,
    BlockScores,
    Transitions,
    forward,
    score_block,
    searched,
    totals,
)
from gmmspeech.phones.hmm.whole_search import best_whole_path, is_whole

BATCH_CELLS = 2**25  # frames times nodes; a row of float32 for every block of frames is kept: 8 MB

Scored = tuple[NDArray[np.intp], float]
"""A path and its score."""


class BestPath(NamedTuple):
    """A path, (T,), and the beam within which it is the best; None if it is the best of all."""

    nodes: NDArray[np.intp]
    beam: float | None


def best_paths(
    graphs: Sequence[StateGraph],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    *,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
) -> list[BestPath | None]:
    """Most probable path through each graph: of all, or within a beam in nats; None where there is no path."""
    paths: list[BestPath | None] = [None] * len(graphs)
    others = []
    for i, (graph, theirs) in enumerate(zip(graphs, emissions, strict=True)):
        if beam is None and is_whole(graph, theirs):
            path = best_whole_path(graph, theirs, transitions, acoustic_scale)
            paths[i] = None if path is None else BestPath(path, None)
        else:
            others.append(i)
    found = searched(
        *([graphs[i] for i in others], [emissions[i] for i in others], transitions, acoustic_scale, beam),
        *(BATCH_CELLS, _paths, partial(best_long_path, acoustic_scale)),
    )
    for i, result in zip(others, found, strict=True):
        paths[i] = None if result is None else BestPath(*result)
    return paths


def viterbi(
    graphs: Sequence[StateGraph],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    *,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
) -> list[NDArray[np.intp] | None]:
    """Most probable path through each graph, (T,); as `best_paths`."""
    found = best_paths(graphs, emissions, transitions, acoustic_scale=acoustic_scale, beam=beam)
    return [None if path is None else path.nodes for path in found]


def best_scores(
    graphs: Sequence[StateGraph],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    *,
    acoustic_scale: float = 1.0,
) -> NDArray[np.float64]:
    """Log score of the best path through each graph, shape (number of graphs,); minus infinity where there is none."""
    return totals(Batch(graphs, emissions, transitions, acoustic_scale), np.inf, np.maximum)


def path_log_likelihood(
    graph: StateGraph, path: NDArray[np.intp], emissions: NDArray[np.float32], transitions: Transitions
) -> float:
    """Log-likelihood of an utterance along one path: emissions, transitions and the graph's own arcs, in nats."""
    states = graph.state[path]
    total = float(emissions[np.arange(len(path)), states].sum(dtype=np.float64))
    total += float(graph.initial[path[0]] + transitions.leave[states[-1]] + graph.final[path[-1]])
    before, after = path[:-1], path[1:]
    stays = after == before
    total += float(np.where(stays, transitions.stay[states[:-1]], transitions.leave[states[:-1]]).sum())
    jumps = ~stays & ~((after == before + 1) & graph.chained[after])
    return total + float(_arc_weights(graph, before[jumps], after[jumps]).sum())


def _arc_weights(graph: StateGraph, sources: NDArray[np.intp], targets: NDArray[np.intp]) -> NDArray[np.float64]:
    """Log probabilities of the arcs from nodes to nodes; minus infinity where there is none."""
    arcs, asked = graph.target * graph.num_nodes + graph.source, targets * graph.num_nodes + sources
    order = np.argsort(arcs, kind="stable")
    ordered = arcs[order]
    first, last = np.searchsorted(ordered, asked, "left"), np.searchsorted(ordered, asked, "right")
    best = np.full(len(asked), -np.inf)
    for place in range(int((last - first).max(initial=0))):  # several arcs may lead from one node to another
        there = first + place < last
        best[there] = np.maximum(best[there], graph.weight[order[first[there] + place]])
    return best


def _paths(batch: Batch, beam: float) -> list[Scored | None]:
    """Best path of each utterance and its score, in the order of the graphs."""
    blocks = [block for block, _ in forward(batch, beam, np.maximum)]
    num_utterances = len(batch.order)
    paths = np.zeros((int(batch.lengths[0]), num_utterances), dtype=np.intp)
    scores = np.full(num_utterances, -np.inf)
    current = np.zeros(num_utterances, dtype=np.intp)
    for block in reversed(blocks):
        # only scores before a block are kept: the few of its nodes that can lead to the path are gone through again
        again = score_block(batch, _leading_to(batch, block, current), np.maximum)
        _trace_block(batch, again, paths, current, scores)
    results: list[Scored | None] = [None] * num_utterances
    for rank, i in enumerate(batch.order):
        if scores[rank] > -np.inf:
            results[i] = paths[: batch.lengths[rank], rank] - batch.offsets[rank], float(scores[rank])
    return results


def _leading_to(batch: Batch, block: Block, current: NDArray[np.intp]) -> Block:
    """The part of a block from which the paths can come that are at the nodes `current` in the frame after it."""
    first, end = block.first.copy(), np.append(block.first[1:], len(block.nodes))
    going_on = np.arange(batch.num_active(block.start + BLOCK))
    going_on = going_on[~batch.has_loop[going_on]]
    before = block.nodes[block.first[going_on]]
    # one without any path stands at a node that may be left out: it keeps another
    end[going_on] = first[going_on] + np.maximum(current[going_on] + 1 - before, 1)
    first[going_on] += np.maximum(batch.origin[current[going_on]] - before, 0)
    return block.part(first, end - first)


def _trace_block(
    batch: Batch, block: BlockScores, paths: NDArray[np.intp], current: NDArray[np.intp], scores: NDArray[np.float64]
) -> None:
    """Follow the best paths back through a block; `current` is their node in the frame that follows it."""
    size, active = len(block.scores) - 1, batch.num_active(block.start)
    for u in range(batch.num_active(block.start + size), active):  # those whose last frame is in it
        final = batch.ends(block, u)
        best = int(final.argmax())
        scores[u] = final[best] + block.offset[u]
        current[u] = block.nodes[block.first[u] + best]
    last = np.minimum(batch.lengths[:active] - block.start, size) - 1
    place_of = np.zeros(len(batch.state), dtype=np.int64)
    place_of[block.nodes] = np.arange(len(block.nodes))
    places = np.zeros((size, active), dtype=np.int64)
    places[last, np.arange(active)] = place_of[current[:active]]
    origin = trace(block, last, places)
    paths[block.start : block.start + size, :active] = block.nodes[places]
    current[:active] = block.nodes[origin]
