"""Boundaries along an aligned chain of states, in finer steps than frames, with standard deviations.

The best path gives the first frame of each state. Forward-backward over the same chain of states weights all other ways
to divide the frames among the states. The probability that boundary b lies after frame t is
``P(b > t) = P(frame t is in a state before the boundary)``. Therefore the mean of b is the sum of this probability over
the frames, and its second moment the sum of ``(2 t + 1)`` times it. Frames are not independent, contrary to the
assumption of HMMs; log-likelihoods are scaled down to account for that.

The deviation is taken about the reported boundary, which at silence is not the posterior mean: if static features and
all features disagree, the boundary is less certain.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.decoding.spans import PhoneSpan
from gmmspeech.phones.hmm.deviation_scale import DeviationScale
from gmmspeech.phones.hmm.native import chain_kernel
from gmmspeech.phones.hmm.trellis import Transitions

MEAN_SCALE = 0.1  # of log-likelihoods, for where a boundary is
DEVIATION_SCALE = 0.05  # and for how certain that is, where no model has learned it: intervals cover what they should
FLOOR = 0.8  # frames of deviation that no boundary goes below
NEVER = np.float32(-1e20)  # log probability of what can't be: finite, so that differences are numbers
RENEWED = 8  # frames after which scores are counted anew from the best: float32 loses nothing in so few
LATER = 7.0  # ms by which an utterance begins later than where frames, whose windows look ahead, see it
REACH = 25  # frames by which a state may begin before the best path has it, and end after

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Chain:
    """Consecutive states along a best path: each state, and its first frame."""

    state: NDArray[np.intp]
    entry: NDArray[np.intp]
    num_frames: int

    @classmethod
    def of(cls, nodes: NDArray[np.intp], states: NDArray[np.intp]) -> Chain:
        """From the node and the state of each frame."""
        entry = np.flatnonzero(np.concatenate([[True], nodes[1:] != nodes[:-1]]))
        return cls(states[entry], entry, len(nodes))


class Moments(NamedTuple):
    """Mean and standard deviation, in frames, of where each state of a chain begins; those of the first are 0."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


def boundary_moments(
    chains: Sequence[Chain],
    emissions: Sequence[Float32],
    transitions: Transitions,
    *,
    scales: Sequence[float] = (MEAN_SCALE, DEVIATION_SCALE),
    reach: int = REACH,
) -> list[list[Moments]]:
    """Find where each state of each chain begins, with log-likelihoods scaled by each of some factors."""
    if not chains:
        return []
    if chain_kernel.available():
        pairs = zip(chains, emissions, strict=True)
        return [_compiled_moments(chain, theirs, transitions, scales, reach) for chain, theirs in pairs]
    return _numpy_moments(chains, emissions, transitions, scales, reach)


def _compiled_moments(
    chain: Chain, emissions: Float32, transitions: Transitions, scales: Sequence[float], reach: int
) -> list[Moments]:
    window = _Window.of(chain, reach)
    stay, leave = transitions.stay[chain.state], transitions.leave[chain.state]
    found = chain_kernel.moments(
        *(chain.state, window.entry, window.first, window.last, stay, np.append(0.0, leave[:-1]), emissions), scales
    )
    if found is None:  # logarithms never underflow
        return _numpy_moments([chain], [emissions], transitions, scales, reach)[0]
    return [_starts(window, mean, variance) for mean, variance in found]


def _numpy_moments(
    chains: Sequence[Chain],
    emissions: Sequence[Float32],
    transitions: Transitions,
    scales: Sequence[float],
    reach: int,
) -> list[list[Moments]]:
    order = sorted(range(len(chains)), key=lambda i: -chains[i].num_frames)
    windows = [_Window.of(chains[i], reach) for i in order]
    width = max(window.width for window in windows)
    bands = (
        band
        for i, window in zip(order, windows, strict=True)
        for band in _bands(window, chains[i], emissions[i], transitions, scales, width)
    )
    lengths = np.repeat([chains[i].num_frames for i in order], len(scales))
    posteriors = iter(_posteriors(bands, lengths, width))
    found = {i: _moments(window, [next(posteriors) for _ in scales]) for i, window in zip(order, windows, strict=True)}
    return [found[i] for i in range(len(chains))]


@dataclass(frozen=True, eq=False)
class _Window:
    """The states that each frame may be in, `first` to `last` - 1, and the first frame that each state may be in."""

    first: NDArray[np.intp]  # (T,)
    last: NDArray[np.intp]  # (T,)
    entry: NDArray[np.intp]  # (N,)

    @classmethod
    def of(cls, chain: Chain, reach: int) -> _Window:
        """Lay it around a path."""
        number, frames = len(chain.state), chain.num_frames
        place = np.arange(number)
        entry = np.maximum(chain.entry - reach, place)
        end = np.minimum(np.append(chain.entry[1:], frames) + reach, frames - number + 1 + place)
        time = np.arange(frames)
        return cls(np.searchsorted(end, time, side="right"), np.searchsorted(entry, time, side="right"), entry)

    @property
    def width(self) -> int:
        """Columns for the states of any two frames that follow one another, and for one before the first."""
        return int(max((self.last[1:] - self.first[:-1]).max(initial=0), self.last[0])) + 1


def _bands(
    window: _Window,
    chain: Chain,
    emissions: Float32,
    transitions: Transitions,
    scales: Sequence[float],
    width: int,
) -> Iterator[tuple[Float32, Float32]]:
    """What it costs to stay in a state into each frame, and to come there from the state before, (T, W) each, by scale.

    State n has column ``n % W``, as long as frames may be in it: what stays, stays in its column.
    """
    first, last = window.first[:, None], window.last[:, None]
    place = first + (np.arange(width) - first) % width
    first_before, last_before = np.vstack([[[-1]], first[:-1]]), np.vstack([[[0]], last[:-1]])
    inside = place < last
    stays = inside & (place < last_before)
    comes = inside & (place > first_before) & (place <= last_before)
    here = np.minimum(place, len(chain.state) - 1)
    emission = np.maximum(emissions[np.arange(len(place))[:, None], chain.state[here]], NEVER)
    stay = transitions.stay[chain.state].astype(np.float32)[here]
    enter = np.append(0, transitions.leave[chain.state[:-1]]).astype(np.float32)[here]
    for scale in scales:
        scaled = np.float32(scale) * emission
        yield np.where(stays, scaled + stay, NEVER), np.where(comes, scaled + enter, NEVER)


def _posteriors(bands: Iterable[tuple[Float32, Float32]], lengths: NDArray[np.intp], width: int) -> Iterable[Float32]:
    """Posteriors of the columns of each band, longest first, (T, W) each: forward-backward of all at once."""
    active = np.searchsorted(-lengths, -np.arange(lengths[0]), side="left")
    rows = np.concatenate([[0], np.cumsum(active)])  # of each frame's utterances, the longest first
    stays, comes = np.empty((rows[-1], width), np.float32), np.empty((rows[-1], width), np.float32)
    for u, band in enumerate(bands):
        stays[rows[: lengths[u]] + u], comes[rows[: lengths[u]] + u] = band
    scores = _forward(stays, comes, rows)
    _add_backward(scores, stays, comes, rows)
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True, dtype=np.float64)  # or the batch's width would change roundings
    for u, length in enumerate(lengths):
        yield scores[rows[:length] + u]


def _forward(stays: Float32, comes: Float32, rows: NDArray[np.intp]) -> Float32:
    """Scores of the frames up to each."""
    scores = np.empty_like(stays)
    before = np.full_like(stays[: rows[1]], NEVER)
    before[:, -1] = 0  # from where the first state is come to
    for t, (start, end) in enumerate(itertools.pairwise(rows.tolist())):
        before = before[: end - start]
        now = _log_add(before + stays[start:end], _rolled(before, 1) + comes[start:end])
        if t % RENEWED == 0:
            now -= now.max(axis=1, keepdims=True)
        scores[start:end] = before = now
    return scores


def _add_backward(scores: Float32, stays: Float32, comes: Float32, rows: NDArray[np.intp]) -> None:
    """Add scores of the frames after each."""
    after = np.zeros_like(stays[: rows[1]])  # nothing comes after an utterance's last frame
    for t, (start, end) in reversed(list(enumerate(itertools.pairwise(rows.tolist())))):
        here = after[: end - start]
        scores[start:end] += here
        now = _log_add(here + stays[start:end], _rolled(here + comes[start:end], -1))
        if t % RENEWED == 0:
            now -= now.max(axis=1, keepdims=True)
        here[:] = now


def _rolled(scores: Float32, step: int) -> Float32:
    """Each score in the column after its own (1) or before it (-1); the columns form a ring."""
    rolled = np.empty_like(scores)
    rolled[:, step:], rolled[:, :step] = scores[:, :-step], scores[:, -step:]
    return rolled


def _log_add(a: Float32, b: Float32) -> Float32:
    """Log of the sum of two exponentials, as `np.logaddexp`, whose loop takes four times as long."""
    total = np.abs(a - b)
    np.negative(total, out=total)
    np.exp(total, out=total)
    total += 1
    np.log(total, out=total)
    total += np.maximum(a, b)
    return total


def _moments(window: _Window, posteriors: Sequence[Float32]) -> list[Moments]:
    """Where each state begins, from posteriors of the columns of a band."""
    number, width = len(window.entry), posteriors[0].shape[1]
    place = window.first[:, None] + np.arange(width)
    columns = place % width
    time = np.broadcast_to(np.arange(len(place))[:, None], place.shape)
    # of frames before a state's entry it is certain that they come before its end
    open_ = (place < number) & (time >= window.entry[np.minimum(place, number - 1)])
    place, time = place[open_], time[open_]
    twice = 2 * (time - window.entry[place]) + 1
    moments = []
    for posterior in posteriors:
        in_order = np.take_along_axis(posterior, columns, axis=1)
        before = np.minimum(np.cumsum(in_order, axis=1, dtype=np.float64)[open_], 1.0)
        total = np.bincount(place, before, minlength=number)
        squares = np.bincount(place, twice * before, minlength=number)
        moments.append(_starts(window, total, squares - total**2))
    return moments


def _starts(window: _Window, ahead: NDArray, variance: NDArray) -> Moments:
    """Moments of the start of each state from those of the end of each, counted from its first possible frame."""
    mean, deviation = window.entry[:-1] + ahead[:-1], np.sqrt(np.maximum(variance[:-1], 0.0))
    return Moments(np.append(0.0, mean), np.append(0.0, deviation))


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Where the phones of an utterance begin, in frames, the end of the last one too, and deviations of the starts.

    `around` has those of the posteriors at both scales, about where the starts are before offsets move them.
    """

    edges: NDArray[np.float64]  # (P + 1,)
    deviations: NDArray[np.float64]  # (P,)
    around: NDArray[np.float64]  # (2, P)


def place_boundaries(
    spans: Sequence[Sequence[PhoneSpan]],
    chains: Sequence[Chain],
    emissions: Sequence[Float32],
    transitions: Transitions,
    silence: int,
    scale: DeviationScale | None = None,
) -> list[Boundaries]:
    """Place the boundaries of utterances at the means of their posteriors, those of silence where the path has them.

    Deviations are those of the posteriors, or what a scale makes of them; where it has offsets, boundaries are moved.
    """
    moments = boundary_moments(chains, emissions, transitions)
    placed = []
    for phones, chain, both in zip(spans, chains, moments, strict=True):
        starts = np.array([span.start for span in phones])
        first = np.searchsorted(chain.entry, starts)
        silent = np.array([span.phone == silence for span in phones])
        fixed = silent | np.concatenate([[True], silent[:-1]])
        edges = np.append(_between(both[0].mean[first], starts, fixed, chain.num_frames), chain.num_frames)
        around = np.array([np.hypot(deviation[first], mean[first] - edges[:-1]) for mean, deviation in both])
        large, small = around
        spread = unscaled(small)
        if scale is not None:
            phone = np.array([span.phone for span in phones])
            spread = scale(large, small, np.roll(phone, 1), phone)
            if scale.offsets is not None:
                edges[1:-1] += scale.offsets[phone[:-1], phone[1:]]
                edges = _a_frame_apart(edges)
        spread[0] = 0.0
        placed.append(Boundaries(edges, spread, around))
    return placed


def first_start_moved(placed: Boundaries, phones: Sequence[PhoneSpan], silence: int, later: float) -> Boundaries:
    """Let what follows an utterance's first silence begin `later`, in frames; by models that saw no labels."""
    if len(phones) < 2 or phones[0].phone != silence:
        return placed
    edges = placed.edges.copy()
    edges[1] += later
    return replace(placed, edges=_a_frame_apart(edges))


def _a_frame_apart(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give boundaries that were moved back a frame for each phone; the first and the last stay."""
    place = np.arange(len(edges))
    later = np.maximum.accumulate(edges - place)
    return np.minimum(later, edges[-1] - place[-1]) + place


def unscaled(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Deviations of boundaries by those of their posteriors at the smaller scale alone."""
    return np.hypot(deviations, FLOOR)


def _between(
    means: NDArray[np.float64], starts: NDArray[np.intp], fixed: NDArray[np.bool_], end: int
) -> NDArray[np.float64]:
    """Means of boundaries, each at least a frame away from its neighbors where those are fixed to the path."""
    place = np.arange(len(means))
    before = np.maximum.accumulate(np.where(fixed, place, 0))
    after = np.minimum.accumulate(np.where(fixed, place, len(means))[::-1])[::-1]
    known = np.append(starts, end)
    low, high = starts[before] + (place - before), known[after] - (after - place)
    return np.clip(means, low, high)
