"""State posteriors on graphs of HMM states, for batches of utterances: the E-step of Baum-Welch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.graph import StateGraph
from gmmspeech.phones.hmm.trellis import BLOCK, Batch, BlockScores, Float32, Transitions, forward, searched, totals

EXACT_CELLS = 2**26  # frames times nodes; a score and an emission of each is kept: half a gigabyte
FIRST_BEAM = 200.0  # nats; what a search that widens begins with
WIDER = 4.0
SAME_SCORE = 0.01  # nats: the rounding of float32 over a long recording


@dataclass(frozen=True, eq=False)
class StatePosteriors:
    """Posteriors of the states for the frames of an utterance, sparse.

    Attributes
    ----------
    frame, state : ndarray of int, shape (M,)
        Sorted by frame.
    weight : ndarray, shape (M,), float64
        They sum to one in each frame.
    stays : ndarray, shape (S,), float64
        Expected number of self-loop transitions of each state.
    log_likelihood : float
        Log-likelihood of the utterance, in nats.
    """

    frame: NDArray[np.intp]
    state: NDArray[np.intp]
    weight: NDArray[np.float64]
    stays: NDArray[np.float64]
    log_likelihood: float


Found = tuple[StatePosteriors, float] | None
"""Posteriors and the log-likelihood."""


def best_states(posteriors: StatePosteriors) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Frames, and the most probable state of each."""
    order = np.lexsort((-posteriors.weight, posteriors.frame))
    frame, first = np.unique(posteriors.frame[order], return_index=True)
    return frame, posteriors.state[order][first]


def forward_backward(
    graphs: Sequence[StateGraph],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    *,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
    least: float = 1e-3,
) -> list[StatePosteriors | None]:
    """State posteriors of each utterance over all paths through its graph, or over those within a beam in nats."""
    search = partial(_posteriors, least=least)
    alone = partial(_widened, search)
    found = searched(graphs, emissions, transitions, acoustic_scale, beam, EXACT_CELLS, search, alone)
    return [None if result is None else result[0] for result in found]


def _widened(search: Callable[[Batch, float], list[Found]], batch: Batch) -> Found:
    """Search a graph within a beam that is widened until the score is that of all paths, which needs no memory."""
    (best,) = totals(batch, np.inf, np.logaddexp)
    beam = FIRST_BEAM
    while best > -np.inf:
        (result,) = search(batch, beam)
        if result is not None and result[1] >= best - SAME_SCORE:
            return result
        beam *= WIDER
    return None


def _posteriors(batch: Batch, beam: float, least: float) -> list[Found]:
    """Posteriors of each utterance and its log-likelihood, in the order of the graphs."""
    blocks = [found for _, found in forward(batch, beam, np.logaddexp)]
    pieces = []
    stays = np.zeros((len(batch.order), batch.num_states))
    following: Float32 = np.full(len(batch.state), -np.inf, np.float32)
    for block in reversed(blocks):
        pieces.append(_block_posteriors(batch, block, following, stays, least))
    frame, node, weight = (np.concatenate(column) for column in zip(*pieces, strict=True))
    utterance = batch.utterance[node]
    order = np.lexsort((node, frame, utterance))
    edges = np.searchsorted(utterance[order], np.arange(len(batch.order) + 1))
    results: list[Found] = [None] * len(batch.order)
    for rank, i in enumerate(batch.order):
        block = blocks[(batch.lengths[rank] - 1) // BLOCK]
        total = float(np.logaddexp.reduce(batch.ends(block, rank).astype(np.float64)) + block.offset[rank])
        if total > -np.inf:
            rows = order[edges[rank] : edges[rank + 1]]
            sums = np.bincount(frame[rows], weight[rows])
            weights = weight[rows] / sums[frame[rows]]
            found = StatePosteriors(frame[rows], batch.state[node[rows]], weights, stays[rank], total)
            results[i] = found, total
    return results


def _block_posteriors(
    batch: Batch, block: BlockScores, following: Float32, stays: NDArray[np.float64], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Go backwards through a block; give the frames, nodes and posteriors, and add to the counts of stays.

    `following` has, for all nodes, the score of the frames after the block, and then that of those after its start.
    """
    nodes, first = block.nodes, block.first
    counts = np.diff(np.append(first, len(nodes)))
    utterance = np.repeat(np.arange(len(first)), counts)
    emissions, after = block.emissions_of(0, len(block.scores) - 1), following[nodes]
    by_source = np.argsort(block.source, kind="stable")
    sources, starts = np.unique(block.source[by_source], return_index=True)
    frames, chosen, weights = [], [], []
    for t in range(len(emissions) - 1, -1, -1):
        frame = block.start + t
        ending = np.isin(utterance, np.arange(batch.num_active(frame + 1), batch.num_active(frame)))
        after = np.where(ending, batch.final[nodes], after)
        joint = block.scores[t + 1] + after
        peak = np.maximum.reduceat(joint, first)
        peak = np.where(np.isfinite(peak), peak, 0)[utterance]
        total = np.add.reduceat(np.exp(joint - peak), first)
        with np.errstate(divide="ignore"):
            evidence = peak + np.log(total)[utterance]
        posterior = np.exp(joint - np.where(np.isfinite(evidence), evidence, 0))
        keep = (posterior >= least) & (utterance < batch.num_active(frame))
        frames.append(np.full(np.count_nonzero(keep), frame))
        chosen.append(nodes[keep])
        weights.append(posterior[keep].astype(np.float64))
        if frame == 0:
            break
        onward = emissions[t] + after
        stayed = np.exp(block.scores[t] + block.stay + onward - np.where(np.isfinite(evidence), evidence, np.inf))
        stayed = np.where(utterance < batch.num_active(frame), stayed, 0)
        np.add.at(stays, (utterance, batch.state[nodes]), stayed)
        now = block.stay + onward
        now[:-1] = np.logaddexp(now[:-1], block.advance[1:] + onward[1:])
        if len(sources):
            candidates = (block.weight + onward[block.target])[by_source]
            now[sources] = np.logaddexp(now[sources], np.logaddexp.reduceat(candidates, starts))
        best = np.maximum.reduceat(now, first)
        after = now - np.where(np.isfinite(best), best, 0)[utterance]
    following[:] = -np.inf
    following[nodes] = after
    return np.concatenate(frames), np.concatenate(chosen), np.concatenate(weights)
