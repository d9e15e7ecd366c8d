"""The recursion over the nodes of graphs of HMM states, for batches of utterances at a time.

One recursion in the log domain serves all purposes: over the nodes of all utterances of a batch it takes the maximum
(Viterbi) or the log-sum (forward-backward). Frames are processed in blocks. At the start of a block, nodes that can no
longer matter are left out: in a graph whose arcs lead forwards, those before the first and after the last node within
the beam plus the possible gain of a path in a block. The search for the best path prunes paths outside the beam in
every frame, as Kaldi does. Scores are relative to the best score at the start of each block, so float32 is precise
enough for recordings of any length.

Without a beam, all nodes that a path can reach are included. Memory then grows with the square of the length of a
recording, so long recordings are searched singly, by other methods with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.graph import StateGraph
from gmmspeech.phones.hmm.native import viterbi_kernel

BLOCK = 16  # frames between two looks at the beam
LEAST_NODES = 20  # that are kept in a frame, however far behind they are, as in Kaldi's decoders

Float32 = NDArray[np.float32]
Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Transitions:
    """Log probabilities to stay in each state of a model and to leave it, shape (S,)."""

    stay: NDArray[np.float64]
    leave: NDArray[np.float64]

    @classmethod
    def of(cls, self_loop: NDArray[np.float64]) -> Transitions:
        """From the probabilities to stay."""
        return cls(np.log(self_loop), np.log1p(-self_loop))

    def scaled(self, scale: float) -> Transitions:
        """Log probabilities times a factor."""
        return self if scale == 1 else Transitions(scale * self.stay, scale * self.leave)


class Batch:
    """Graphs side by side, longest utterance first; scores are those of the model's present parameters."""

    def __init__(
        self,
        graphs: Sequence[StateGraph],
        emissions: Sequence[NDArray[np.float32]],
        transitions: Transitions,
        acoustic_scale: float,
    ) -> None:
        self.lengths = np.array([len(e) for e in emissions])
        self.order = np.argsort(-self.lengths, kind="stable")
        self.lengths = self.lengths[self.order]
        ordered = [graphs[i] for i in self.order]
        sizes = np.array([g.num_nodes for g in ordered])
        self.offsets = np.concatenate([[0], np.cumsum(sizes)])
        self.utterance = np.repeat(np.arange(len(ordered)), sizes)
        self.state = np.concatenate([g.state for g in ordered])
        chained = np.concatenate([g.chained for g in ordered])
        leave = transitions.leave.astype(np.float32)[self.state]
        self.stay: Float32 = transitions.stay.astype(np.float32)[self.state]
        self.advance: Float32 = np.where(chained, np.concatenate([[np.float32(0)], leave[:-1]]), np.float32(-np.inf))
        self.source = np.concatenate([g.source + o for g, o in zip(ordered, self.offsets, strict=False)])
        self.target = np.concatenate([g.target + o for g, o in zip(ordered, self.offsets, strict=False)])
        self.weight: Float32 = np.concatenate([g.weight for g in ordered]).astype(np.float32) + leave[self.source]
        self.initial: Float32 = np.concatenate([g.initial for g in ordered]).astype(np.float32)
        self.final: Float32 = np.concatenate([g.final for g in ordered]).astype(np.float32) + leave
        self.num_states = len(transitions.stay)
        beyond = np.zeros(BLOCK * self.num_states, np.float32)  # what an utterance is given that ends within a block
        self.emissions: Float32 = np.concatenate([*(emissions[i].ravel() for i in self.order), beyond])
        if acoustic_scale != 1:
            self.emissions *= np.float32(acoustic_scale)
        rows = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        place = rows[self.utterance] * self.num_states + self.state  # of each node's score in the first frame
        self.place = place.astype(np.int32 if len(self.emissions) < 2**31 else np.int64)
        self._set_reach(chained)

    def _set_reach(self, chained: NDArray[np.bool_]) -> None:
        """Furthest node that a path from each node (or one before it) can reach within a block, and come from."""
        onward, back = np.arange(len(self.state)), np.arange(len(self.state))
        onward[:-1][chained[1:]] += 1
        back[1:][chained[1:]] -= 1
        np.maximum.at(onward, self.source, self.target)
        np.minimum.at(back, self.target, self.source)
        self.reach = _repeated(np.maximum.accumulate(onward))
        self.origin = _repeated(np.minimum.accumulate(back[::-1])[::-1])
        backwards = np.zeros(len(self.order), dtype=np.bool_)
        backwards[self.utterance[self.source[self.target <= self.source]]] = True
        self.has_loop = backwards

    def num_active(self, frame: int) -> int:
        """Number of utterances, of the longest first, that have this frame."""
        return int(np.searchsorted(-self.lengths, -frame, side="left"))

    def ends(self, block: BlockScores, u: int) -> Float32:
        """Scores of an utterance's nodes in its last frame, which is in the block, to end there."""
        here = slice(block.first[u], block.first[u + 1] if u + 1 < len(block.first) else len(block.nodes))
        return block.scores[self.lengths[u] - block.start, here] + self.final[block.nodes[here]]


@dataclass(frozen=True, eq=False)
class Block:
    """Nodes that matter in a block of frames, and their scores in the frame before, from each utterance's best."""

    start: int
    nodes: NDArray[np.intp]
    first: NDArray[np.intp]  # place of each active utterance's first node
    row: Float32
    offset: NDArray[np.float64]  # of each active utterance: what is to be added to its scores
    floor: Float32 | None = None  # (frames, U): what falls below is given up; None if nothing is, or not yet

    def part(self, first: NDArray[np.intp], counts: NDArray[np.intp]) -> Block:
        """The same block with fewer nodes: the places that each utterance's begin at, and how many they are."""
        starts, places = _ranges(first, counts)
        return Block(self.start, self.nodes[places], starts, self.row[places], self.offset, self.floor)


@dataclass(frozen=True, eq=False)
class BlockScores:
    """Scores of a block's nodes in its frames; row 0 is the frame before.

    Within a beam, those below the floor of their frame and utterance, (frames, U), are minus infinity but in the last.
    """

    start: int
    nodes: NDArray[np.intp]
    first: NDArray[np.intp]
    offset: NDArray[np.float64]
    stay: Float32
    advance: Float32
    source: NDArray[np.intp]  # arcs, by place among `nodes`
    target: NDArray[np.intp]
    weight: Float32
    emissions: Float32  # of all frames from the first on: of node n in frame t, `emissions[place[n] + t * stride]`
    place: NDArray[np.integer]
    stride: int
    scores: Float32
    floor: Float32 | None

    def emissions_of(self, start: int, stop: int) -> Float32:
        """Emissions of the block's nodes in some of its frames, (frames, nodes)."""
        return self.emissions.take(self.place + np.arange(start, stop)[:, None] * self.stride)

    @cached_property
    def arcs(self) -> viterbi_kernel.Arcs:
        """For what is compiled."""
        return viterbi_kernel.Arcs(self.stay, self.advance, self.source, self.target, self.weight)


def forward(batch: Batch, beam: float, combine: np.ufunc) -> Iterator[tuple[Block, BlockScores]]:
    """Run the recursion; yield block after block."""
    scores = batch.initial
    nodes = np.arange(len(batch.state))
    offset = np.zeros(len(batch.order))
    for start in range(0, int(batch.lengths[0]), BLOCK):
        active = batch.num_active(start)
        first, end = _window(batch, nodes, scores, active, beam)
        starts, window = _ranges(first, end - first)
        before = np.full(len(batch.state), -np.inf, np.float32)
        before[nodes] = scores
        row = before[window]
        best = np.maximum.reduceat(row, starts)
        best = np.where(np.isfinite(best), best, 0)
        offset = offset[:active] + best
        block = Block(start, window, starts, row - np.repeat(best, end - first), offset)
        found = score_block(batch, block, combine, beam)
        yield replace(block, floor=found.floor), found
        nodes, scores = window, found.scores[-1]


def _ranges(first: NDArray[np.intp], counts: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Runs of whole numbers one after the other: where each begins among them, and they."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return starts, np.repeat(first - starts, counts) + np.arange(counts.sum())


def _repeated(step: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where as many steps as a block has frames lead."""
    end = np.arange(len(step))
    for _ in range(BLOCK):
        end = step[end]
    return end


def _window(
    batch: Batch, nodes: NDArray[np.intp], scores: Float32, active: int, beam: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First node, and the one after the last, that matters in the next block for each active utterance."""
    keep = nodes < batch.offsets[active]
    nodes, scores = nodes[keep], scores[keep]
    utterance = batch.utterance[nodes]
    starts = np.searchsorted(utterance, np.arange(active))
    best = np.maximum.reduceat(scores, starts)
    alive = scores >= np.where(np.isfinite(best), best - beam, np.inf)[utterance]
    alive &= scores > -np.inf
    first = np.minimum.reduceat(np.where(alive, nodes, len(batch.state)), starts)
    last = np.maximum.reduceat(np.where(alive, nodes, -1), starts)
    dead = last < 0  # no path: one node goes on without one
    everything = batch.has_loop[:active]
    first = np.where(dead | everything, batch.offsets[:active], first)
    end = np.where(everything, batch.offsets[1 : active + 1], batch.reach[np.maximum(last, 0)] + 1)
    return first, np.where(dead & ~everything, first + 1, end)


def score_block(batch: Batch, block: Block, combine: np.ufunc, beam: float = np.inf) -> BlockScores:
    """Scores of a block's nodes, from those of the frame before it; within a beam if there is one and a maximum."""
    nodes, start = block.nodes, block.start
    size = min(BLOCK, int(batch.lengths[0]) - start)
    place_of = np.full(len(batch.state), -1)
    place_of[nodes] = np.arange(len(nodes))
    source, target = place_of[batch.source], place_of[batch.target]
    inside = (source >= 0) & (target >= 0)
    advance = batch.advance[nodes]
    advance[block.first] = -np.inf
    # an utterance that ends within the block goes on with frames of another's: those scores are not used
    scores = np.empty((size + 1, len(nodes)), np.float32)
    scores[0] = block.row
    floor = block.floor
    if floor is None and combine is np.maximum and beam < np.inf:
        floor = np.full((size, len(block.first)), np.nan, np.float32)
    found = BlockScores(
        start=start,
        nodes=nodes,
        first=block.first,
        offset=block.offset,
        stay=batch.stay[nodes],
        advance=advance,
        source=source[inside],
        target=target[inside],
        weight=batch.weight[inside],
        emissions=batch.emissions[start * batch.num_states :],
        place=batch.place[nodes],
        stride=batch.num_states,
        scores=scores,
        floor=floor,
    )
    first = int(start == 0)
    if first:
        np.add(scores[0], found.emissions_of(0, 1)[0], out=scores[1])
    if floor is None:
        run(found, combine, first, size)
    else:
        _run_above_floors(batch, found, floor, first, beam)
    return found


def _run_above_floors(batch: Batch, block: BlockScores, floor: Float32, start: int, beam: float) -> None:
    """Fill a block's rows of scores, giving up what lies below the floors; those of a beam are noted if not known."""
    counts = np.diff(np.append(block.first, len(block.nodes)))
    utterance = np.repeat(np.arange(len(counts)), counts)
    for t in range(start, len(floor)):
        row = block.scores[t]
        if beam < np.inf:
            floor[t] = _floors(row, block.first, counts, utterance, beam)
            floor[t, batch.num_active(block.start + t) :] = -np.inf  # those have ended in the row
        row[row < floor[t, utterance]] = -np.inf
        run(block, np.maximum, t, t + 1)


def _floors(
    row: Float32, first: NDArray[np.intp], counts: NDArray[np.intp], utterance: NDArray[np.intp], beam: float
) -> Float32:
    """Scores of a frame below which each utterance's nodes are given up: the beam's, or what leaves enough of them."""
    floors = np.maximum.reduceat(row, first) - np.float32(beam)
    left = np.add.reduceat(row >= floors[utterance], first, dtype=np.intp)
    for u in np.flatnonzero(left <= LEAST_NODES).tolist():
        own = row[first[u] : first[u] + counts[u]]
        floors[u] = np.partition(own, -LEAST_NODES - 1)[-LEAST_NODES - 1] if len(own) > LEAST_NODES else -np.inf
    return floors


def run(block: BlockScores, combine: np.ufunc, start: int, stop: int) -> None:
    """Fill rows `start` + 1 to `stop` of a block's scores from the row before them; fewer rows are filled in turn."""
    scores = block.scores[start : stop + 1]
    if combine is np.maximum and block.place.dtype == np.int32 and viterbi_kernel.available():
        emissions = block.emissions[start * block.stride :]
        block.arcs.fill_scores(emissions, block.place, block.stride, stop - start, scores)
        return
    targets, starts = np.unique(block.target, return_index=True)
    moved, candidates = np.empty(len(block.nodes), np.float32), np.empty(len(block.source), np.float32)
    for before, now, emission in zip(scores[:-1], scores[1:], block.emissions_of(start, stop), strict=True):
        np.add(before, block.stay, out=now)
        np.add(before[:-1], block.advance[1:], out=moved[1:])
        combine(now[1:], moved[1:], out=now[1:])
        if len(targets):
            before.take(block.source, out=candidates, mode="clip")
            np.add(candidates, block.weight, out=candidates)
            now[targets] = combine(now[targets], combine.reduceat(candidates, starts))
        np.add(now, emission, out=now)


def totals(batch: Batch, beam: float, combine: np.ufunc) -> NDArray[np.float64]:
    """Score of each utterance over all paths (or the best), in the order of the graphs."""
    out = np.full(len(batch.order), -np.inf)
    for _, found in forward(batch, beam, combine):
        for u in range(batch.num_active(found.start + BLOCK), len(found.first)):  # those that end in this block
            out[batch.order[u]] = combine.reduce(batch.ends(found, u).astype(np.float64)) + found.offset[u]
    return out


def searched(
    graphs: Sequence[StateGraph],
    emissions: Sequence[Float32],
    transitions: Transitions,
    acoustic_scale: float,
    beam: float | None,
    most: int,
    search: Callable[[Batch, float], Sequence[tuple[Found, float] | None]],
    alone: Callable[[Batch], tuple[Found, float] | None],
) -> list[tuple[Found, float | None] | None]:
    """Search each graph: what was found and the beam that it was found within, None where that left nothing out.

    `search` goes through a batch of the graphs within a beam, and gives what it found with its score. Where a beam
    loses all paths, it is as if none had been given. It keeps at most `most` scores at a time; a graph that has more is
    searched by `alone`, which needs fewer.
    """

    def batch_of(indices: Sequence[int]) -> Batch:
        return Batch([graphs[i] for i in indices], [emissions[i] for i in indices], transitions, acoustic_scale)

    sizes = [(len(e), g.num_nodes) for e, g in zip(emissions, graphs, strict=True)]
    results: list[tuple[Found, float | None] | None] = [None] * len(graphs)
    if beam is not None:
        for group in _groups(range(len(graphs)), sizes, most):
            for i, result in zip(group, search(batch_of(group), beam), strict=True):
                results[i] = None if result is None else (result[0], beam)
    for group in _groups([i for i, result in enumerate(results) if result is None], sizes, most):
        large = sizes[group[0]][0] * sizes[group[0]][1] > most
        found = [alone(batch_of(group))] if large else search(batch_of(group), np.inf)
        for i, result in zip(group, found, strict=True):
            results[i] = None if result is None else (result[0], None)
    return results


def _groups(indices: Iterable[int], sizes: Sequence[tuple[int, int]], most: int) -> Iterator[list[int]]:
    """Put utterances of given frames and nodes together while all their scores are at most so many."""
    group: list[int] = []
    longest = nodes = 0
    for i in indices:
        if group and max(longest, sizes[i][0]) * (nodes + sizes[i][1]) > most:
            yield group
            group, longest, nodes = [], 0, 0
        group.append(i)
        longest, nodes = max(longest, sizes[i][0]), nodes + sizes[i][1]
    if group:
        yield group
