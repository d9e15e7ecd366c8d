"""The best path through the graph of a long recording, such as an hour with one transcript.

All frames times all nodes do not fit in memory, and not all need to be computed. Scores are kept only at checkpoints,
and between two of them only the few nodes that can lead to the path are computed again. A small graph, in which all
nodes of a state are merged, bounds what the frames after a checkpoint can add to any path. With this bound, nodes whose
paths can't reach an assumed score are left out (as in A*: Hart, Nilsson and Raphael 1968). If the best path reaches the
assumed score, no path that was left out can be better; if not, a lower score is assumed. So the result is always the
best of all paths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.native import viterbi_kernel
from gmmspeech.phones.hmm.traces import trace
from gmmspeech.phones.hmm.trellis import Batch, BlockScores, Float32, run

MARK = 256  # frames from a mark to the next
GAPS = (1.5, 3.0, 6.0, np.inf)  # nats a frame that the best path may have less than the bound; 1.2 of right words
ROUNDING = 1e-3  # nats a frame, more than float32 loses


def best_long_path(acoustic_scale: float, batch: Batch) -> tuple[NDArray[np.intp], float] | None:
    """Best path, (T,), of the one utterance of a batch, whose emissions are changed, and its score."""
    frames = int(batch.lengths[0])
    rows = batch.emissions[: frames * batch.num_states].reshape(frames, -1)
    peaks = rows.max(axis=1)
    peaks[~np.isfinite(peaks)] = 0
    rows -= peaks[:, None]  # small scores lose least
    reach = None if batch.has_loop[0] else _Reach.of(batch)
    first = batch.initial + rows[0, batch.state]
    ahead = _bounds(batch, rows)
    most = float((first + (ahead[0][batch.state] if ahead else batch.final)).max())
    for gap in GAPS if most > -np.inf else ():
        least = most - gap * acoustic_scale * frames
        marks, node, score = _search(batch, reach, first, ahead, least - ROUNDING * frames)
        if score > -np.inf and score >= least:
            return _followed_back(batch, reach, marks, node), score + float(peaks.sum(dtype=np.float64))
    return None


@dataclass(frozen=True, eq=False)
class _Reach:
    """Fewest frames after which a path comes to a node: the most of those up to each node, the least of those from it.

    Where arcs lead forwards.
    """

    up_to: NDArray[np.intp]
    from_on: NDArray[np.intp]

    @classmethod
    def of(cls, batch: Batch) -> _Reach:
        """Count the frames."""
        fewest = np.where(np.isfinite(batch.initial), 0, len(batch.state)).tolist()
        into: dict[int, list[int]] = {n: [n - 1] for n in np.flatnonzero(np.isfinite(batch.advance)).tolist()}
        for source, target in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
            into.setdefault(target, []).append(source)
        for node in sorted(into):
            fewest[node] = min(fewest[node], *(1 + fewest[source] for source in into[node]))
        count = np.array(fewest)
        return cls(np.maximum.accumulate(count), np.minimum.accumulate(count[::-1])[::-1])

    def end(self, last: int, frames: int) -> int:
        """Give a node that no path comes to from those up to `last` within some frames, nor to those behind it."""
        return int(np.searchsorted(self.from_on, self.up_to[last] + frames, side="right"))

    def begin(self, node: int, frames: int) -> int:
        """Give the first node from which a path may come that is at `node` some frames later."""
        return int(np.searchsorted(self.up_to, self.from_on[node] - frames))


@dataclass(frozen=True, eq=False)
class _Mark:
    """A frame, and scores in the one before it, (n,), of the nodes from `first` on, less the best of them."""

    frame: int
    first: int
    row: Float32


def _search(
    batch: Batch, reach: _Reach | None, row: Float32, ahead: list[NDArray[np.float64]], least: float
) -> tuple[list[_Mark], int, float]:
    """Go from mark to mark with the nodes that may come to a least score; give the marks, the last node and the score.

    `row` has the scores of all nodes in the first frame, `ahead` what may be added from each mark on, by state.
    """
    frames, first, offset = int(batch.lengths[0]), 0, 0.0
    marks: list[_Mark] = []
    for frame, bound in zip(range(1, frames, MARK), ahead, strict=True):
        most = row + bound[batch.state[first : first + len(row)]] + offset
        alive = np.flatnonzero((most >= least) & (most > -np.inf))
        if not len(alive):
            return marks, 0, -np.inf
        if reach is not None:
            row, first = row[alive[0] : alive[-1] + 1], first + int(alive[0])
        best = row.max()
        offset += float(best)
        marks.append(_Mark(frame, first, row - best))
        size = min(MARK, frames - frame)
        end = len(batch.state) if reach is None else reach.end(first + len(row) - 1, size)
        row = _last_scores(_block(batch, marks[-1], first, end, _num_rows(size)), size)
    ends = row + batch.final[first : first + len(row)]
    last = int(ends.argmax())
    return marks, first + last, float(ends[last]) + offset


def _followed_back(batch: Batch, reach: _Reach | None, marks: list[_Mark], node: int) -> NDArray[np.intp]:
    """Follow the best path back from its last node, from mark to mark."""
    stop = int(batch.lengths[0])
    path = np.empty(stop, np.intp)
    for mark in reversed(marks):
        size = stop - mark.frame
        first, end = 0, len(batch.state)
        if reach is not None:
            first, end = max(mark.first, reach.begin(node, size)), node + 1
        block = _block(batch, mark, first, end, size + 1)
        _last_scores(block, size)
        places = np.zeros((size, 1), np.int64)
        places[-1] = node - first
        node = first + int(trace(block, np.array([size - 1]), places)[0])
        path[mark.frame : stop] = first + places[:, 0]
        stop = mark.frame
    path[:stop] = node
    return path


def _bounds(batch: Batch, rows: Float32) -> list[NDArray[np.float64]]:
    """Most that can be added from each mark on to paths that are in a state before, (S,): with one node for each state.

    `rows` are the emissions, (T, S).
    """
    states, one, of_node = np.unique(batch.state, return_index=True, return_inverse=True)
    chained = np.flatnonzero(np.isfinite(batch.advance))
    source, target = np.append(chained - 1, batch.source), np.append(chained, batch.target)
    pairs, of_arc = np.unique(of_node[source] * len(states) + of_node[target], return_inverse=True)
    weight, row = np.full(len(pairs), -np.inf, np.float32), np.full(len(states), -np.inf, np.float32)
    np.maximum.at(weight, of_arc, np.append(batch.advance[chained], batch.weight))
    np.maximum.at(row, of_node, batch.final)
    into, out_of = np.divmod(pairs, len(states))  # frames go backwards, and so do the arcs

    def back(row: Float32, emissions: Float32) -> Float32:
        scores = np.empty((_num_rows(len(emissions)), len(row)), np.float32)
        scores[0] = row
        block = BlockScores(
            start=0,
            nodes=np.arange(len(row)),
            first=np.zeros(1, np.intp),
            offset=np.zeros(1),
            stay=batch.stay[one],
            advance=np.full_like(row, -np.inf),
            source=out_of,
            target=into,
            weight=weight,
            emissions=emissions.ravel(),
            place=states.astype(np.int32),
            stride=batch.num_states,
            scores=scores,
            floor=None,
        )
        return _last_scores(block, len(emissions))

    bounds: list[NDArray[np.float64]] = []
    row, stop, offset, silent = row + rows[-1, states], len(rows) - 1, 0.0, np.zeros_like(rows[:1])
    for frame in reversed(range(1, len(rows), MARK)):
        row = back(row, rows[frame:stop][::-1])
        best = row.max()
        if best > -np.inf:
            row, offset = row - best, offset + float(best)
        bounds.append(np.full(batch.num_states, -np.inf))
        bounds[-1][states] = back(row, silent) + offset
        stop = frame
    return bounds[::-1]


def _num_rows(frames: int) -> int:
    """Rows of scores for so many frames of which only the last is asked for."""
    return 2 if viterbi_kernel.available() else frames + 1


def _last_scores(block: BlockScores, frames: int) -> Float32:
    """Fill rows of scores; give the last."""
    run(block, np.maximum, 0, frames)
    return block.scores[frames % len(block.scores)]


def _block(batch: Batch, mark: _Mark, first: int, end: int, num_rows: int) -> BlockScores:
    """Block from a mark on, of the nodes from `first` to `end` - 1, with so many rows of scores."""
    arcs = slice(*np.searchsorted(batch.target, [first, end]))
    inside = (batch.source[arcs] >= first) & (batch.source[arcs] < end)
    advance = batch.advance[first:end].copy()
    advance[0] = -np.inf
    scores = np.full((num_rows, end - first), -np.inf, np.float32)
    known = mark.row[first - mark.first :][: end - first]
    scores[0, : len(known)] = known
    return BlockScores(
        start=mark.frame,
        nodes=np.arange(first, end),
        first=np.zeros(1, np.intp),
        offset=np.zeros(1),
        stay=batch.stay[first:end],
        advance=advance,
        source=batch.source[arcs][inside] - first,
        target=batch.target[arcs][inside] - first,
        weight=batch.weight[arcs][inside],
        emissions=batch.emissions[mark.frame * batch.num_states :],
        place=batch.state[first:end].astype(np.int32),
        stride=batch.num_states,
        scores=scores,
        floor=None,
    )
