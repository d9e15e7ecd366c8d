"""Best paths through graphs of HMM states, for batches of utterances at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.graph import StateGraph
from gmmspeech.phones.hmm.native import viterbi_kernel
from gmmspeech.phones.hmm.trellis import (
    BLOCK,
    Batch,
    Block,
    BlockScores,
    Float32,
    Transitions,
    forward,
    score_block,
    searched,
    totals,
)

EXACT_CELLS = 2**31  # frames times nodes; a row of float32 for every block of frames is kept: half a gigabyte

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
    found = searched(graphs, emissions, transitions, acoustic_scale, beam, EXACT_CELLS, _paths, np.maximum)
    return [None if result is None else BestPath(*result) for result in found]


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
    for a, b in zip(before[jumps], after[jumps], strict=True):
        total += float(graph.weight[(graph.source == a) & (graph.target == b)].max(initial=-np.inf))
    return total


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
    size, active = len(block.emissions), batch.num_active(block.start)
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
    trace = block.arcs.trace if viterbi_kernel.available() else _Incoming(block).trace
    origin = trace(block.scores, last, places)
    paths[block.start : block.start + size, :active] = block.nodes[places]
    current[:active] = block.nodes[origin]


class _Incoming:
    """Arcs into each node of a block that has some, in rows of equal length; for an install without a compiler."""

    def __init__(self, block: BlockScores) -> None:
        self.stay, self.advance = block.stay, block.advance
        targets, starts, counts = np.unique(block.target, return_index=True, return_counts=True)
        self.row_of = np.full(len(block.nodes), -1)
        self.row_of[targets] = np.arange(len(targets))
        width = int(counts.max(initial=0))
        column = np.arange(width)
        arcs = np.minimum(starts[:, None] + column, max(len(block.source) - 1, 0))
        self.source = block.source[arcs] if width else np.empty((0, 0), np.intp)
        self.weight = np.where(column < counts[:, None], block.weight[arcs] if width else 0, -np.inf)

    def trace(self, scores: Float32, last: NDArray[np.int64], paths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Follow paths, (frames, P), back from their last frames, (P,), where they are given; give the nodes before."""
        origin = np.empty(len(last), np.int64)
        for t in range(len(paths) - 1, -1, -1):
            here = np.flatnonzero(last >= t)
            before = self._predecessors(scores[t], paths[t, here])
            if t:
                paths[t - 1, here] = before
            else:
                origin[here] = before
        return origin

    def _predecessors(self, before: Float32, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Place of the best predecessor of each node, given the scores of the frame before."""
        stay = before[places] + self.stay[places]
        move = before[places - 1] + self.advance[places]  # the first node of all wraps around, and has no such arc
        best = np.where(move > stay, places - 1, places)
        rows = self.row_of[places]
        entered = np.flatnonzero(rows >= 0)
        if len(entered):
            rows = rows[entered]
            candidates = before[self.source[rows]] + self.weight[rows]
            chosen = candidates.argmax(axis=1)
            jump = candidates[np.arange(len(rows)), chosen] > np.maximum(stay, move)[entered]
            best[entered[jump]] = self.source[rows, chosen][jump]
        return best
