"""Statistics of phone HMMs, and their use: new parameters, more Gaussians."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmspeech.gmm import floors
from gmmspeech.gmm.kernels import get_backend, pack
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.model import PhoneHMM

SPLIT_STEP = 0.2  # deviations between a Gaussian and either of its halves, as HTK's HHEd has it
SPLIT_OCCUPANCY = 20.0  # frames that each Gaussian of a state must have before the state gets one more; Kaldi's
ROUNDING = 1e-11  # of a variance, relative to the squared distance from the mean of all frames, in float32
TRANSITION_FLOOR = 0.01  # least probability to stay in a state, and to leave it; Kaldi's


@dataclass(frozen=True, eq=False)
class HMMStats:
    """Sufficient statistics of a phone HMM; those of two sets of utterances add.

    Attributes
    ----------
    gaussians : GMMStats
        Of all K Gaussians. The log-likelihood is that of the frames in the states they were given to.
    stays : ndarray, shape (S,), float64
        Expected number of times that each state was followed by itself.
    """

    gaussians: GMMStats
    stays: NDArray[np.float64]

    def __add__(self, other: HMMStats) -> HMMStats:
        return HMMStats(self.gaussians + other.gaussians, self.stays + other.stays)


def accumulate(
    model: PhoneHMM, frames: Sequence[NDArray], posteriors: Sequence[StatePosteriors], *, backend: str = "auto"
) -> HMMStats:
    """Statistics of utterances whose frames were given to states."""
    kernel = get_backend(backend)
    offsets = np.cumsum([0, *map(len, frames)])
    rows = np.concatenate([p.frame + offset for p, offset in zip(posteriors, offsets, strict=False)])
    states = np.concatenate([p.state for p in posteriors])
    weights = np.concatenate([p.weight for p in posteriors])
    order = np.argsort(states, kind="stable")
    gathered = np.concatenate(frames)[rows[order]]
    weights = weights[order]
    edges = np.searchsorted(states[order], np.arange(model.num_states + 1))
    unweighted = bool((weights == 1).all())
    n = np.zeros(model.num_gaussians)
    sum_x, sum_xx, squares = (np.zeros_like(model.means) for _ in range(3))
    center = np.empty_like(model.means)
    for first, stop in itertools.pairwise(model.mixture_offsets):
        mine = slice(first, stop)
        center[mine] = model.weights[mine] @ model.means[mine]
    log_likelihood = 0.0
    for s in np.flatnonzero(np.diff(edges)):
        here, mine = slice(*edges[s : s + 2]), slice(*model.mixture_offsets[s : s + 2])
        parameters = pack(model.weights[mine], model.means[mine], model.variances[mine])
        stats = kernel.accumulate(gathered[here], parameters, None if unweighted else weights[here])
        n[mine], sum_x[mine], sum_xx[mine] = stats.n, stats.sum_x, stats.sum_xx
        squares[mine] = stats.squares_about(center[mine][0])
        log_likelihood += stats.log_likelihood
    return HMMStats(
        GMMStats(n, sum_x, sum_xx, log_likelihood, float(weights.sum()), center, squares),
        np.sum([p.stays for p in posteriors], axis=0),
    )


def state_occupancy(model: PhoneHMM, stats: HMMStats) -> NDArray[np.float64]:
    """Expected number of frames in each state, shape (S,)."""
    return np.add.reduceat(stats.gaussians.n, model.mixture_offsets[:-1])


def maximize(
    model: PhoneHMM, stats: HMMStats, *, variance_floor: float, min_occupancy: float = 10.0
) -> tuple[PhoneHMM, floors.Floored]:
    """Maximum-likelihood update of all parameters (the M-step), and which variances lie on the floor.

    A Gaussian of fewer than `min_occupancy` frames is removed, but for the fullest of its state; a state that has
    fewer frames than that in all keeps the parameters it had. The floor is that of `gmmspeech.gmm.floors`.
    """
    n = stats.gaussians.n
    occupancy = state_occupancy(model, stats)
    fed = (occupancy >= min_occupancy)[model.state_of_gaussian]
    seen = np.maximum(n, np.finfo(np.float64).tiny)
    found_means, found_variances = stats.gaussians.moments(np.where(fed, seen, 1.0))
    means = np.where(fed[:, None], found_means, model.means)
    variances = np.where(fed[:, None], found_variances, model.variances)
    weights = np.where(fed, n, model.weights)
    fullest = np.maximum.reduceat(n, model.mixture_offsets[:-1])[model.state_of_gaussian]
    keep = ~fed | (n >= min(min_occupancy, np.inf)) | (n == fullest)
    counts = np.add.reduceat(keep.astype(np.intp), model.mixture_offsets[:-1])
    weights = weights[keep]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    weights = weights / np.repeat(np.add.reduceat(weights, offsets[:-1]), counts)
    stay = stats.stays / np.maximum(occupancy, np.finfo(np.float64).tiny)
    stay = np.where(occupancy >= min_occupancy, stay.clip(TRANSITION_FLOOR, 1 - TRANSITION_FLOOR), model.self_loop)
    floor = _floor(model, stats.gaussians, variance_floor)
    floored = floors.apply(
        floor, np.where(fed, n, 0.0)[keep], means[keep], variances[keep], previous=model.variances[keep]
    )
    updated = replace(
        model,
        self_loop=stay,
        mixture_offsets=offsets,
        weights=weights,
        means=means[keep],
        variances=floored.variances,
    )
    return updated, floored


def _floor(model: PhoneHMM, stats: GMMStats, share: float) -> NDArray[np.float64]:
    """Variance floor, shape (D,), from the variances of Gaussians, but for those that shrink to equal frames."""
    some = stats.n > 0
    n, center = stats.n[some], stats.n @ model.means / stats.n.sum()
    means = stats.sum_x[some] / n[:, None]
    variances = stats.squares_about(center)[some] / n[:, None] - (means - center) ** 2
    # a floor that followed them would fall with every update; a state's only Gaussian begins with all frames' variance
    alone = (np.diff(model.mixture_offsets) == 1)[model.state_of_gaussian][some]
    shrinking = (variances < share * model.variances[some]) & ~alone[:, None]
    equal = variances < ROUNDING * (means - center) ** 2
    return floors.of_groups(share, n, means, np.where(shrinking | equal, 0.0, variances))


def split(model: PhoneHMM, occupancy: NDArray[np.float64], total: int, *, power: float = 0.25) -> PhoneHMM:
    """Split the heaviest Gaussians until there are `total`, more in states that have more frames.

    Gaussians are allotted so that a state's share goes with ``occupancy ** power``, as Kaldi's gmm-est does. A
    Gaussian is split into two of half the weight, 0.2 deviations to either side.
    """
    wanted = np.maximum(_allot(occupancy, total, power), np.diff(model.mixture_offsets))
    parts = []
    for s, number in enumerate(wanted.tolist()):
        here = slice(*model.mixture_offsets[s : s + 2])
        parts.append(_split_state(model.weights[here], model.means[here], model.variances[here], number))
    weights, means, variances = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    offsets = np.concatenate([[0], np.cumsum(wanted)])
    return replace(model, mixture_offsets=offsets, weights=weights, means=means, variances=variances)


def _allot(occupancy: NDArray[np.float64], total: int, power: float) -> NDArray[np.intp]:
    """Give each state one Gaussian, then one more at a time to the state with most ``occupancy**power`` for each."""
    numbers = np.ones(len(occupancy), dtype=np.intp)
    queue = [(-(float(frames) ** power), s) for s, frames in enumerate(occupancy) if frames >= 2 * SPLIT_OCCUPANCY]
    heapq.heapify(queue)
    for _ in range(total - len(occupancy)):
        if not queue:
            break
        _, s = heapq.heappop(queue)
        numbers[s] += 1
        if occupancy[s] >= SPLIT_OCCUPANCY * (numbers[s] + 1):
            heapq.heappush(queue, (-(float(occupancy[s]) ** power) / numbers[s], s))
    return numbers


def _split_state(
    weights: NDArray[np.float64], means: NDArray[np.float64], variances: NDArray[np.float64], number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    w, m, v = list(weights), list(means), list(variances)
    while len(w) < number:
        k = int(np.argmax(w))
        step = SPLIT_STEP * np.sqrt(v[k])
        w[k] /= 2
        w.append(w[k])
        m.append(m[k] + step)
        v.append(v[k])
        m[k] = m[k] - step
    return np.array(w), np.array(m), np.array(v)
