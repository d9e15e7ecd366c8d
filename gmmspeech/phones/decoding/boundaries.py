"""Where boundaries lie along an aligned chain of states, finer than a frame, and how certain that is.

The best path says in which frame each state begins. Around it, forward-backward over the same chain of states weighs
all other ways to divide the frames among them. What the frames before boundary b are is a matter of which state each
frame is in: ``P(b > t) = P(frame t is in a state before the boundary)``, so the mean of b is the sum over the frames
of that probability, and its second moment the sum of ``(2 t + 1)`` times it. Frames are not independent, as an HMM
takes them to be; log-likelihoods are scaled down for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.decoding.spans import PhoneSpan
from gmmspeech.phones.hmm.trellis import Transitions

MEAN_SCALE = 0.1  # of log-likelihoods, for where a boundary is
DEVIATION_SCALE = 0.05  # and for how certain that is: it tells errors best, and its intervals cover what they should
FLOOR = 0.8  # frames of deviation that no boundary goes below
REACH = 25  # frames by which a state may begin before the best path has it, and end after

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Chain:
    """States that follow one another along a best path: each state, and the frame that it begins in."""

    state: NDArray[np.intp]
    entry: NDArray[np.intp]
    num_frames: int

    @classmethod
    def of(cls, nodes: NDArray[np.intp], states: NDArray[np.intp]) -> Chain:
        """From the node and the state of each frame."""
        entry = np.flatnonzero(np.concatenate([[True], nodes[1:] != nodes[:-1]]))
        return cls(states[entry], entry, len(nodes))


def boundary_moments(
    chains: Sequence[Chain],
    emissions: Sequence[Float32],
    transitions: Transitions,
    *,
    scale: float = MEAN_SCALE,
    reach: int = REACH,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Mean and standard deviation, in frames, of where each state of each chain begins; those of the first are 0."""
    order = sorted(range(len(chains)), key=lambda i: -chains[i].num_frames)
    bands = [_Band.of(chains[i], emissions[i], transitions, scale, reach) for i in order]
    posteriors = _posteriors(bands)
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = [(np.empty(0), np.empty(0))] * len(chains)
    for i, band, posterior in zip(order, bands, posteriors, strict=True):
        found[i] = _moments(band, posterior)
    return found


@dataclass(frozen=True)
class _Band:
    """The states that each frame may be in: `first[t]` and the W - 1 after it, what they cost and how they are left."""

    first: NDArray[np.intp]  # (T,)
    emission: Float32  # (T, W); with the log probability to stay
    ratio: Float32  # (T, W): log probability to come from the state before, over that to stay
    entry: NDArray[np.intp]  # (N,), first frame that each state may be in

    @classmethod
    def of(cls, chain: Chain, emissions: Float32, transitions: Transitions, scale: float, reach: int) -> _Band:
        """Lay a band around a path."""
        number, frames = len(chain.state), chain.num_frames
        place = np.arange(number)
        low = np.maximum(chain.entry - reach, place)
        end = np.minimum(np.append(chain.entry[1:], frames) + reach, frames - number + 1 + place)
        time = np.arange(frames)
        first = np.searchsorted(end, time, side="right")
        last = np.searchsorted(low, time, side="right")
        here = first[:, None] + np.arange(int((last - first).max()))
        inside = here < last[:, None]
        here = np.minimum(here, number - 1)
        stay = transitions.stay[chain.state]
        ratio = np.concatenate([[-np.inf], transitions.leave[chain.state[:-1]]]) - stay
        emission = scale * emissions[time[:, None], chain.state[here]] + stay.astype(np.float32)[here]
        return cls(first, np.where(inside, emission, -np.inf), ratio.astype(np.float32)[here], low)


def _posteriors(bands: Sequence[_Band]) -> Iterable[Float32]:
    """Posteriors of the states in each band, longest first, (T, W) each: forward-backward of all at once."""
    width = max(band.emission.shape[1] for band in bands)
    lengths = np.array([len(band.first) for band in bands])
    shape = (int(lengths[0]), len(bands), width)
    emission, ratio = np.full(shape, -np.inf, np.float32), np.full(shape, -np.inf, np.float32)
    steps = np.zeros(shape[:2], np.intp)
    for u, band in enumerate(bands):
        rows, columns = band.emission.shape
        emission[:rows, u, :columns], ratio[:rows, u, :columns] = band.emission, band.ratio
        steps[1:rows, u] = np.diff(band.first)
    active = np.searchsorted(-lengths, -np.arange(shape[0]), side="left")
    onward = _forward(emission, ratio, steps, active)
    onward += _backward(emission, ratio, steps, lengths, active)
    onward -= onward.max(axis=2, keepdims=True)
    np.exp(onward, out=onward)
    onward /= onward.sum(axis=2, keepdims=True)
    for u, band in enumerate(bands):
        yield onward[: lengths[u], u, : band.emission.shape[1]]


def _forward(emission: Float32, ratio: Float32, steps: NDArray[np.intp], active: NDArray[np.intp]) -> Float32:
    """Scores of the frames up to each, from the best of its frame."""
    scores = np.zeros_like(emission)
    before = _Moved(emission.shape[1:], int(steps.max(initial=0)))
    scores[0] = np.where(np.arange(emission.shape[2]) == 0, emission[0], -np.inf)
    for t in range(1, len(emission)):
        n = active[t]
        stayed, moved = before.onward(scores[t - 1, :n], steps[t, :n])
        now = np.logaddexp(stayed, moved + ratio[t, :n])
        now += emission[t, :n]
        now -= now.max(axis=1, keepdims=True)
        scores[t, :n] = now
    return scores


def _backward(
    emission: Float32, ratio: Float32, steps: NDArray[np.intp], lengths: NDArray[np.intp], active: NDArray[np.intp]
) -> Float32:
    """Scores of the frames after each, from the best of its frame."""
    scores = np.zeros_like(emission)
    after = _Moved(emission.shape[1:], int(steps.max(initial=0)))
    for t in range(len(emission) - 2, -1, -1):
        n = active[t + 1]
        following = scores[t + 1, :n] + emission[t + 1, :n]
        stayed, moved = after.back(following, following + ratio[t + 1, :n], steps[t + 1, :n])
        now = np.logaddexp(stayed, moved)
        now -= now.max(axis=1, keepdims=True)
        scores[t, :n] = now
    return scores


class _Moved:
    """Rows of scores, moved by as many states as each one's band moves from a frame to the next."""

    def __init__(self, shape: tuple[int, ...], furthest: int) -> None:
        rows, self.width = shape
        self.margin = furthest + 1
        self.padded = np.full((2, rows, self.width + 2 * self.margin), -np.inf, np.float32)
        self.columns = np.arange(self.width) + self.margin
        self.rows = np.arange(rows)[:, None]

    def onward(self, scores: Float32, step: NDArray[np.intp]) -> tuple[Float32, Float32]:
        """Scores in the frame before of each state, and of the state before it."""
        n, middle = len(scores), slice(self.margin, self.margin + self.width)
        self.padded[0, :n, middle] = scores
        here = self.columns + step[:, None]
        return self.padded[0, self.rows[:n], here], self.padded[0, self.rows[:n], here - 1]

    def back(self, stays: Float32, comes: Float32, step: NDArray[np.intp]) -> tuple[Float32, Float32]:
        """Scores in the frame after of each state, and of the state after it."""
        n, middle = len(stays), slice(self.margin, self.margin + self.width)
        self.padded[0, :n, middle], self.padded[1, :n, middle] = stays, comes
        here = self.columns - step[:, None]
        return self.padded[0, self.rows[:n], here], self.padded[1, self.rows[:n], here + 1]


def _moments(band: _Band, posterior: Float32) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of where each state begins, from the posteriors of a band."""
    number = len(band.entry)
    place = band.first[:, None] + np.arange(posterior.shape[1])
    time = np.broadcast_to(np.arange(len(band.first))[:, None], place.shape)
    # of frames before a state's entry it is certain that they come before its end
    open_ = (place < number) & (time >= band.entry[np.minimum(place, number - 1)])
    before = np.minimum(np.cumsum(posterior, axis=1, dtype=np.float64)[open_], 1.0)
    place, time = place[open_], time[open_]
    total = np.bincount(place, before, minlength=number)[:-1]
    squares = np.bincount(place, (2 * (time - band.entry[place]) + 1) * before, minlength=number)[:-1]
    means = np.concatenate([[0.0], band.entry[:-1] + total])
    variances = np.concatenate([[0.0], squares - total**2])
    return means, np.sqrt(np.maximum(variances, 0.0))


@dataclass(frozen=True)
class Boundaries:
    """Where the phones of an utterance begin, in frames, the end of the last one too, and deviations of the starts."""

    edges: NDArray[np.float64]  # (P + 1,)
    deviations: NDArray[np.float64]  # (P,)


def place_boundaries(
    spans: Sequence[Sequence[PhoneSpan]],
    chains: Sequence[Chain],
    emissions: Sequence[Float32],
    transitions: Transitions,
    silence: int,
) -> list[Boundaries]:
    """Place the boundaries of utterances at the means of their posteriors, those of silence where the path has them."""
    means = boundary_moments(chains, emissions, transitions, scale=MEAN_SCALE)
    deviations = boundary_moments(chains, emissions, transitions, scale=DEVIATION_SCALE)
    placed = []
    for phones, chain, (mean, _), (_, deviation) in zip(spans, chains, means, deviations, strict=True):
        starts = np.array([span.start for span in phones])
        first = np.searchsorted(chain.entry, starts)
        silent = np.array([span.phone == silence for span in phones])
        fixed = silent | np.concatenate([[True], silent[:-1]])
        edges = np.append(_between(mean[first], starts, fixed, chain.num_frames), chain.num_frames)
        spread = np.hypot(deviation[first], FLOOR)
        spread[0] = 0.0
        placed.append(Boundaries(edges, spread))
    return placed


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
