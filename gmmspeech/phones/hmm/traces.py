"""Backtracking of best paths through a block of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.native import viterbi_kernel
from gmmspeech.phones.hmm.trellis import BlockScores, Float32


def trace(block: BlockScores, last: NDArray[np.int64], paths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Follow paths, (frames, P), back from their last frames, (P,), where they are given; give the nodes before."""
    by = block.arcs if viterbi_kernel.available() else _Incoming(block)
    return by.trace(block.scores, last, paths)


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
