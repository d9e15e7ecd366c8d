"""Expectation-maximization: the loop, the update, and what happens to components that starve.

The loop knows a mixture only as (weights, means, variances) and the data only through a function that gives the
statistics of a mixture, so one loop serves arrays in memory, feature stores and machines far away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import ModelError
from gmmspeech.files.saving import Saved
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.stats import GMMStats

logger = logging.getLogger(__name__)

STARVED = 0.01  # of the fair share N / K; less than one frame counts as starved too
SPLIT_STEP = 0.2  # deviations between the heaviest component and either of its halves, as HTK's HHEd has it


@dataclass
class EMMonitor:
    """History of EM: mean log-likelihood a frame of every mixture it kept, and whether it converged.

    Attributes
    ----------
    history : list of float
        Nats a frame; entry i belongs to the parameters before update i + 1. It never falls.
    converged : bool
        The last gain was less than the tolerance.
    """

    tol: float
    history: list[float] = field(default_factory=list)
    converged: bool = False

    def report(self, log_likelihood: float) -> bool:
        """Take the newest mean log-likelihood; say whether to go on."""
        if self.history:
            gain = log_likelihood - self.history[-1]
            self.converged = gain < self.tol
            if gain < 0:  # rounding at the optimum: the parameters before were as good
                return False
        self.history.append(log_likelihood)
        return not self.converged


@dataclass(frozen=True)
class EMState(Saved, kind="EMState"):
    """State of EM before a pass over the data: with it, another run goes on and ends with the same bits.

    Attributes
    ----------
    plain : tuple of weights (K,), means (K, D), variances (K, D)
        The start, or what the last update gave.
    reseeded : tuple, optional
        The same with its starved components seeded anew, to be tried in its place.
    best : tuple
        The last mixture whose likelihood is known.
    history : tuple of float
        As `EMMonitor` has it.
    may_reseed : bool
        Re-seeding has not lowered the likelihood yet.
    """

    plain: Parameters
    reseeded: Parameters | None
    best: Parameters
    history: tuple[float, ...] = ()
    may_reseed: bool = True

    @classmethod
    def begin(cls, start: Parameters, variance_floor: NDArray[np.float64]) -> Self:
        """Give the state before the first pass."""
        weights, means, variances = start
        floored: Parameters = (weights, means, np.maximum(variances, variance_floor))
        return cls(floored, None, floored)


def fit(
    accumulate: Callable[[Parameters], GMMStats],
    start: Parameters | EMState,
    *,
    variance_floor: NDArray[np.float64],
    max_iter: int,
    tol: float,
    callback: Callable[[EMMonitor], None] | None = None,
    save: Callable[[EMState], None] | None = None,
) -> tuple[Parameters, EMMonitor]:
    """Run EM from a start until the gain is below `tol` nats a frame, or `max_iter` updates are done."""
    state = start if isinstance(start, EMState) else EMState.begin(start, variance_floor)
    monitor = EMMonitor(tol, list(state.history))
    while len(monitor.history) < max_iter:
        if save is not None:
            save(state)
        current, may_reseed = state.reseeded or state.plain, state.may_reseed
        stats = accumulate(current)
        if state.reseeded and monitor.history and mean_log_likelihood(stats) < monitor.history[-1]:
            logger.info("re-seeding lowered the likelihood; it is taken back and not tried again")
            may_reseed, current = False, state.plain
            stats = accumulate(current)
        go_on = monitor.report(mean_log_likelihood(stats))
        if callback is not None:
            callback(monitor)
        if monitor.history[-1] != mean_log_likelihood(stats):
            return state.best, monitor
        plain = maximize(stats, variance_floor, previous=current)
        if not go_on:
            return plain, monitor
        reseeded = reseed_starved(plain, stats, variance_floor) if may_reseed else plain
        state = EMState(plain, None if reseeded is plain else reseeded, current, tuple(monitor.history), may_reseed)
    return state.plain, monitor


def maximize(stats: GMMStats, variance_floor: NDArray[np.float64], *, previous: Parameters) -> Parameters:
    """Maximum-likelihood update (the M-step) with floored variances."""
    total = stats.n.sum()
    if not np.isfinite(total) or total <= 0:
        raise ModelError(f"EM: found {total} frames over all components, expected a positive number")
    alive = stats.n > np.finfo(np.float32).tiny
    n = np.where(alive, stats.n, 1.0)[:, None]
    means = np.where(alive[:, None], stats.sum_x / n, previous[1])
    variances = np.where(alive[:, None], stats.sum_xx / n - means**2, previous[2])
    return stats.n / total, means, np.maximum(variances, variance_floor)


def reseed_starved(parameters: Parameters, stats: GMMStats, variance_floor: NDArray[np.float64]) -> Parameters:
    """Give every starved component half of the heaviest one, a step to either side of its mean."""
    threshold = max(1.0, STARVED * stats.n.sum() / len(stats.n)) * stats.n.sum() / max(stats.num_frames, 1.0)
    starved = np.flatnonzero(stats.n < threshold)
    if not len(starved) or len(starved) == len(stats.n):
        return parameters
    weights, means, variances = (p.copy() for p in parameters)
    weights[starved] = 0
    for k in starved:
        heaviest = int(np.argmax(weights))
        step = SPLIT_STEP * np.sqrt(variances[heaviest])
        weights[heaviest] /= 2
        weights[k] = weights[heaviest]
        means[k] = means[heaviest] + step
        means[heaviest] -= step
        variances[k] = np.maximum(variances[heaviest], variance_floor)
        logger.info("component %d starved (%.2f frames): re-seeded by splitting component %d", k, stats.n[k], heaviest)
    return weights / weights.sum(), means, variances


def mean_log_likelihood(stats: GMMStats) -> float:
    """Nats a frame, or a `ModelError` if that is no number."""
    if not np.isfinite(stats.log_likelihood):
        raise ModelError(
            f"EM: found log-likelihood {stats.log_likelihood} over {stats.num_frames} frames, expected a finite number"
        )
    return stats.log_likelihood / stats.num_frames
