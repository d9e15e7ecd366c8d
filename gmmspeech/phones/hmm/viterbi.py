"""Best paths and state posteriors on graphs of HMM states, for batches of utterances at a time.

One recursion, in the log domain, serves all: over the nodes of all utterances of a batch side by side it takes the
maximum (Viterbi) or the log-sum (forward-backward). Frames go by in blocks. At the start of a block the nodes that
can't matter any more are left out: in a graph whose arcs lead forwards, those before the first and after the last
node within the beam, plus what a path can gain in a block. Scores are counted anew from each block's best, so
float32 loses nothing however long a recording is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.graph import StateGraph

BLOCK = 16  # frames between two looks at the beam

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Transitions:
    """Log probabilities to stay in each state of a model and to leave it, shape (S,)."""

    stay: NDArray[np.float64]
    leave: NDArray[np.float64]

    @classmethod
    def of(cls, self_loop: NDArray[np.float64]) -> Transitions:
        """From the probabilities to stay."""
        return cls(np.log(self_loop), np.log1p(-self_loop))


@dataclass(frozen=True)
class StatePosteriors:
    """Posteriors of the states for the frames of an utterance, sparse.

    Attributes
    ----------
    frame, state : ndarray of int, shape (M,)
        Sorted by frame.
    weight : ndarray, shape (M,), float64
        They sum to one in each frame.
    stays : ndarray, shape (S,), float64
        Expected number of times that each state was followed by itself.
    log_likelihood : float
        Of the utterance, in nats.
    """

    frame: NDArray[np.intp]
    state: NDArray[np.intp]
    weight: NDArray[np.float64]
    stays: NDArray[np.float64]
    log_likelihood: float


def viterbi(
    graphs: Sequence[StateGraph],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    *,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
) -> list[NDArray[np.intp] | None]:
    """Most probable path through each graph, (T,)."""
    paths = _best_paths(graphs, emissions, transitions, acoustic_scale, np.inf if beam is None else beam)
    lost = [i for i, path in enumerate(paths) if path is None] if beam is not None else []
    if lost:
        again = [graphs[i] for i in lost], [emissions[i] for i in lost]
        for i, path in zip(lost, _best_paths(*again, transitions, acoustic_scale, np.inf), strict=True):
            paths[i] = path
    return paths


def best_scores(
    graphs: Sequence[StateGraph],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    *,
    acoustic_scale: float = 1.0,
) -> NDArray[np.float64]:
    """Log score of the best path through each graph, shape (number of graphs,); minus infinity where there is none."""
    batch = _Batch(graphs, emissions, transitions, acoustic_scale)
    scores = np.empty(len(graphs))
    scores[batch.order] = _totals(batch, list(_forward(batch, np.inf, np.maximum)), np.maximum)
    return scores


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


def forward_backward(
    graphs: Sequence[StateGraph],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    *,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
    least: float = 1e-3,
) -> list[StatePosteriors | None]:
    """State posteriors of each utterance over all paths through its graph (Baum-Welch's E-step)."""
    results = _all_posteriors(graphs, emissions, transitions, acoustic_scale, np.inf if beam is None else beam, least)
    lost = [i for i, result in enumerate(results) if result is None] if beam is not None else []
    if lost:
        again = [graphs[i] for i in lost], [emissions[i] for i in lost]
        for i, result in zip(lost, _all_posteriors(*again, transitions, acoustic_scale, np.inf, least), strict=True):
            results[i] = result
    return results


class _Batch:
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
        self.emissions: Float32 = np.concatenate([emissions[i].ravel() for i in self.order])
        if acoustic_scale != 1:
            self.emissions *= np.float32(acoustic_scale)
        rows = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.place = rows[self.utterance] * self.num_states + self.state  # of each node's score in the first frame
        self._set_reach(chained)

    def _set_reach(self, chained: NDArray[np.bool_]) -> None:
        """Furthest node that a path from each node (or one before it) can reach within a block."""
        num_nodes = len(self.state)
        step = np.arange(num_nodes)
        step[:-1][chained[1:]] += 1
        np.maximum.at(step, self.source, self.target)
        step = np.maximum.accumulate(step)
        reach = np.arange(num_nodes)
        for _ in range(BLOCK):
            reach = step[reach]
        self.reach = np.minimum(reach, self.offsets[self.utterance + 1] - 1)
        backwards = np.zeros(len(self.order), dtype=np.bool_)
        backwards[self.utterance[self.source[self.target <= self.source]]] = True
        self.has_loop = backwards

    def num_active(self, frame: int) -> int:
        """Number of utterances, of the longest first, that have this frame."""
        return int(np.searchsorted(-self.lengths, -frame, side="left"))


@dataclass
class _Block:
    """Scores of one block of frames for the nodes that matter in it.

    `scores` has one row more than frames: row 0 is the frame before the block, counted from each utterance's best.
    """

    start: int
    nodes: NDArray[np.intp]
    first: NDArray[np.intp]  # place of each active utterance's first node
    stay: Float32
    advance: Float32
    source: NDArray[np.intp]  # arcs, by place among `nodes`
    target: NDArray[np.intp]
    weight: Float32
    emissions: Float32
    scores: Float32
    offset: NDArray[np.float64]  # of each active utterance: what is to be added to its scores


def _forward(batch: _Batch, beam: float, combine: np.ufunc) -> Iterator[_Block]:
    """Run the recursion; yield block after block."""
    scores = batch.initial
    nodes = np.arange(len(batch.state))
    offset = np.zeros(len(batch.order))
    for start in range(0, int(batch.lengths[0]), BLOCK):
        active = batch.num_active(start)
        first, end = _window(batch, nodes, scores, active, beam)
        counts = end - first
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        window = np.repeat(first - starts, counts) + np.arange(counts.sum())
        before = np.full(len(batch.state), -np.inf, np.float32)
        before[nodes] = scores
        row = before[window]
        best = np.maximum.reduceat(row, starts)
        best = np.where(np.isfinite(best), best, 0)
        offset = offset[:active] + best
        block = _open_block(batch, start, window, starts, row - np.repeat(best, counts), offset)
        _run_block(block, combine)
        yield block
        nodes, scores = window, block.scores[-1]


def _window(
    batch: _Batch, nodes: NDArray[np.intp], scores: Float32, active: int, beam: float
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


def _open_block(
    batch: _Batch,
    start: int,
    nodes: NDArray[np.intp],
    first: NDArray[np.intp],
    row: Float32,
    offset: NDArray[np.float64],
) -> _Block:
    size = min(BLOCK, int(batch.lengths[0]) - start)
    place_of = np.full(len(batch.state), -1)
    place_of[nodes] = np.arange(len(nodes))
    source, target = place_of[batch.source], place_of[batch.target]
    inside = (source >= 0) & (target >= 0)
    advance = batch.advance[nodes]
    advance[first] = -np.inf
    places = batch.place[nodes] + start * batch.num_states + np.arange(size)[:, None] * batch.num_states
    # an utterance that ends within the block goes on with frames of another's: those scores are not used
    emissions = batch.emissions.take(places, mode="clip")
    scores = np.empty((size + 1, len(nodes)), np.float32)
    scores[0] = row
    return _Block(
        *(start, nodes, first, batch.stay[nodes], advance, source[inside], target[inside], batch.weight[inside]),
        *(emissions, scores, offset),
    )


def _run_block(block: _Block, combine: np.ufunc) -> None:
    targets, starts = np.unique(block.target, return_index=True)
    moved, candidates = np.empty(len(block.nodes), np.float32), np.empty(len(block.source), np.float32)
    for t, emission in enumerate(block.emissions):
        before, now = block.scores[t], block.scores[t + 1]
        if block.start + t == 0:
            np.add(before, emission, out=now)
            continue
        np.add(before, block.stay, out=now)
        np.add(before[:-1], block.advance[1:], out=moved[1:])
        combine(now[1:], moved[1:], out=now[1:])
        if len(targets):
            before.take(block.source, out=candidates, mode="clip")
            np.add(candidates, block.weight, out=candidates)
            now[targets] = combine(now[targets], combine.reduceat(candidates, starts))
        np.add(now, emission, out=now)


def _best_paths(
    graphs: Sequence[StateGraph],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    acoustic_scale: float,
    beam: float,
) -> list[NDArray[np.intp] | None]:
    batch = _Batch(graphs, emissions, transitions, acoustic_scale)
    blocks = list(_forward(batch, beam, np.maximum))
    num_utterances = len(batch.order)
    paths = np.zeros((int(batch.lengths[0]), num_utterances), dtype=np.intp)
    found = np.zeros(num_utterances, dtype=np.bool_)
    current = np.zeros(num_utterances, dtype=np.intp)
    for block in reversed(blocks):
        _trace_block(batch, block, paths, current, found)
    results: list[NDArray[np.intp] | None] = [None] * num_utterances
    for rank, i in enumerate(batch.order):
        if found[rank]:
            results[i] = paths[: batch.lengths[rank], rank] - batch.offsets[rank]
    return results


def _trace_block(
    batch: _Batch, block: _Block, paths: NDArray[np.intp], current: NDArray[np.intp], found: NDArray[np.bool_]
) -> None:
    """Follow the best paths back through a block; `current` is their node in the frame that follows it."""
    place_of = np.full(len(batch.state) + 1, -1)
    place_of[block.nodes] = np.arange(len(block.nodes))
    arcs_in = _Incoming(block)
    ends = np.append(block.first[1:], len(block.nodes))
    for t in range(len(block.emissions) - 1, -1, -1):
        frame = block.start + t
        active = batch.num_active(frame)
        for u in range(batch.num_active(frame + 1), active):  # those whose last frame this is
            here = slice(block.first[u], ends[u])
            final = block.scores[t + 1, here] + batch.final[block.nodes[here]]
            best = int(final.argmax())
            found[u] = final[best] > -np.inf
            current[u] = block.nodes[block.first[u] + best]
        paths[frame, :active] = current[:active]
        if frame > 0:
            places = place_of[current[:active]]
            current[:active] = block.nodes[_predecessors(block, arcs_in, block.scores[t], places)]


class _Incoming:
    """Arcs into each node of a block that has some, in rows of equal length."""

    def __init__(self, block: _Block) -> None:
        targets, starts, counts = np.unique(block.target, return_index=True, return_counts=True)
        self.row_of = np.full(len(block.nodes), -1)
        self.row_of[targets] = np.arange(len(targets))
        width = int(counts.max(initial=0))
        column = np.arange(width)
        arcs = np.minimum(starts[:, None] + column, max(len(block.source) - 1, 0))
        self.source = block.source[arcs] if width else np.empty((0, 0), np.intp)
        self.weight = np.where(column < counts[:, None], block.weight[arcs] if width else 0, -np.inf)


def _predecessors(block: _Block, arcs_in: _Incoming, before: Float32, places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Place of the best predecessor of each node, given the scores of the frame before."""
    stay = before[places] + block.stay[places]
    move = before[places - 1] + block.advance[places]  # the first node of all wraps around, and has no such arc
    best = np.where(move > stay, places - 1, places)
    rows = arcs_in.row_of[places]
    entered = np.flatnonzero(rows >= 0)
    if len(entered):
        rows = rows[entered]
        candidates = before[arcs_in.source[rows]] + arcs_in.weight[rows]
        chosen = candidates.argmax(axis=1)
        jump = candidates[np.arange(len(rows)), chosen] > np.maximum(stay, move)[entered]
        best[entered[jump]] = arcs_in.source[rows, chosen][jump]
    return best


def _all_posteriors(
    graphs: Sequence[StateGraph],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    acoustic_scale: float,
    beam: float,
    least: float,
) -> list[StatePosteriors | None]:
    batch = _Batch(graphs, emissions, transitions, acoustic_scale)
    blocks = list(_forward(batch, beam, np.logaddexp))
    log_likelihoods = _totals(batch, blocks, np.logaddexp)
    pieces = []
    stays = np.zeros((len(batch.order), batch.num_states))
    following: Float32 = np.full(len(batch.state), -np.inf, np.float32)
    for block in reversed(blocks):
        pieces.append(_block_posteriors(batch, block, following, stays, least))
    frame, node, weight = (np.concatenate(column) for column in zip(*pieces, strict=True))
    utterance = batch.utterance[node]
    order = np.lexsort((node, frame, utterance))
    edges = np.searchsorted(utterance[order], np.arange(len(batch.order) + 1))
    results: list[StatePosteriors | None] = [None] * len(batch.order)
    for rank, i in enumerate(batch.order):
        if np.isfinite(log_likelihoods[rank]):
            rows = order[edges[rank] : edges[rank + 1]]
            sums = np.bincount(frame[rows], weight[rows])
            results[i] = StatePosteriors(
                *(frame[rows], batch.state[node[rows]], weight[rows] / sums[frame[rows]]),
                *(stays[rank], float(log_likelihoods[rank])),
            )
    return results


def _totals(batch: _Batch, blocks: Sequence[_Block], combine: np.ufunc) -> NDArray[np.float64]:
    """Score of each utterance over all paths (or the best), in the batch's order."""
    out = np.full(len(batch.order), -np.inf)
    for u, length in enumerate(batch.lengths):
        block = blocks[(length - 1) // BLOCK]
        here = slice(block.first[u], block.first[u + 1] if u + 1 < len(block.first) else len(block.nodes))
        last = block.scores[(length - 1) % BLOCK + 1, here].astype(np.float64)
        out[u] = combine.reduce(last + batch.final[block.nodes[here]]) + block.offset[u]
    return out


def _block_posteriors(
    batch: _Batch, block: _Block, following: Float32, stays: NDArray[np.float64], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Go backwards through a block; give the frames, nodes and posteriors, and add to the counts of stays.

    `following` has, for all nodes, the score of the frames after the block, and then that of those after its start.
    """
    nodes, first = block.nodes, block.first
    counts = np.diff(np.append(first, len(nodes)))
    utterance = np.repeat(np.arange(len(first)), counts)
    after = following[nodes]
    by_source = np.argsort(block.source, kind="stable")
    sources, starts = np.unique(block.source[by_source], return_index=True)
    frames, chosen, weights = [], [], []
    for t in range(len(block.emissions) - 1, -1, -1):
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
        onward = block.emissions[t] + after
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
