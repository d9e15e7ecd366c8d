"""Expectation-maximization: the loop, the update, and the treatment of starved components.

The loop sees a mixture only as (weights, means, variances) and the data only through a function that returns the
statistics under a mixture, so one loop serves arrays in memory, feature stores and remote machines.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import GmmSpeechWarning, ModelError, counted, say_step
from gmmspeech.files.saving import Saved, State, from_fields
from gmmspeech.gmm import floors
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.parameters import check_full_parameters, check_parameters
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.progress import progress_bar, showing

logger = logging.getLogger(__name__)

STARVED = 0.01  # of the fair share N / K: neither the unit of weights nor how frames are repeated matters
SPLIT_STEP = 1.0  # deviations between a component and either of its halves; HTK's 0.2 ends at worse optima here
SETTLING = 10  # updates after a re-seeding in which a small gain is no convergence: halves part slowly at first
GIVE_UP = 1.0  # nats a frame that a re-seeding may lose in the meantime
NOISE = 1e-5  # rounding of a mean log-likelihood, relative to it (or to one nat)


class Mixture(Protocol):
    """What EM has trained."""

    history_: list[float]


Trained = TypeVar("Trained", bound=Mixture)


class MStep(Protocol):
    """An update of a mixture from statistics: the new one, and how many variances lie on the floor."""

    def __call__(
        self, stats: GMMStats, variance_floor: NDArray[np.float64], *, previous: Parameters
    ) -> tuple[Parameters, int]: ...


@dataclass
class EMMonitor:
    """History of EM: mean log-likelihood per frame of every mixture kept, and whether EM converged.

    EM has converged if the last update changed the mean log-likelihood by less than `tol`, or than rounding errors, and
    no component was re-seeded shortly before. A larger fall, which only occurs at the limits of the arithmetic, ends EM
    with the previous mixture, not converged.

    Attributes
    ----------
    history : list of float
        In nats per frame; entry i is of the parameters before update i + 1. It never falls.
    converged : bool
        Whether the last gain was less than the tolerance.
    averaged : int
        Number of passes, as far as available, whose mean gain is compared with the tolerance.
    unsettled : int
        Number of next updates in which a small gain does not count as convergence.
    fall : float
        Fall of the log-likelihood at the end of EM in nats per frame, usually 0.
    floored : int
        Number of variances on the floor after the last update.
    """

    tol: float
    history: list[float] = field(default_factory=list)
    converged: bool = False
    unsettled: int = 0
    fall: float = 0.0
    floored: int = 0
    averaged: int = 1

    def report(self, log_likelihood: float) -> bool:
        """Take the newest mean log-likelihood; say whether to go on."""
        if self.history:
            gain = log_likelihood - self.history[-1]
            growing = len(self.history) > 1 and gain > self.history[-1] - self.history[-2]
            self.unsettled -= self.unsettled > 0 and not (growing and gain > 0)
            margin = self.margin(log_likelihood)
            if gain < -margin:
                self.fall = -gain
                return False
            self.converged = not self.unsettled and self._mean_gain(log_likelihood) < self.tol
            if gain < 0 and self.converged:  # rounding at the optimum: the parameters before were as good
                return False
            log_likelihood = max(log_likelihood, self.history[-1])
        self.history.append(log_likelihood)
        return not self.converged

    def _mean_gain(self, log_likelihood: float) -> float:
        passes = min(self.averaged, len(self.history))
        return (log_likelihood - self.history[-passes]) / passes

    def margin(self, log_likelihood: float) -> float:
        """Nats a frame by which a likelihood may fall without meaning."""
        return max(self.tol, NOISE * max(1.0, abs(log_likelihood)))


@dataclass(frozen=True, eq=False)
class EMState(Saved, kind="EMState"):
    """State of EM before a pass over the data: with it, another run goes on and ends with the same bits.

    Attributes
    ----------
    current : tuple of weights (K,), means (K, D), variances (K, D)
        The start, or what the last update gave, with starved components seeded anew.
    fallback : tuple, optional
        What to go on from if the re-seeding turns out to lower the likelihood.
    best : tuple
        The last mixture whose likelihood is known.
    history : tuple of float
        As for `EMMonitor`.
    may_reseed : bool
        Re-seeding has not lowered the likelihood yet.
    unsettled : int
        As for `EMMonitor`.
    floor : ndarray, shape (D,)
        Of variances.
    """

    current: Parameters
    fallback: Parameters | None
    best: Parameters
    history: tuple[float, ...] = ()
    may_reseed: bool = True
    unsettled: int = 0
    floor: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make a state of what was saved, of mixtures of one shape."""
        found = from_fields(cls, state)
        check_alike(found.current, found.fallback or found.current, found.best)
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """Components and dimensions."""
        return self.best[1].shape


def check_alike(*mixtures: Parameters) -> None:
    """Raise a `ModelError` unless all are mixtures, and of one shape."""
    checks = (check_full_parameters if np.ndim(parameters[2]) == 3 else check_parameters for parameters in mixtures)
    shapes = {check(*parameters)[1].shape for check, parameters in zip(checks, mixtures, strict=True)}
    if len(shapes) > 1:
        raise ModelError(f"found mixtures of shapes {', '.join(map(str, sorted(shapes)))}, expected one")


def fit(
    accumulate: Callable[[Parameters], GMMStats],
    start: Parameters | EMState,
    *,
    variance_floor: NDArray[np.float64],
    max_iter: int,
    tol: float,
    callback: Callable[[EMMonitor], None] | None = None,
    save: Callable[[EMState], None] | None = None,
    m_step: MStep | None = None,
) -> tuple[Parameters, EMMonitor]:
    """Run EM from a start until it converged (see `EMMonitor`), or `max_iter` updates are done.

    `variance_floor`, shape (D,), is that of `gmmspeech.gmm.floors`. `m_step` is `update` unless another is given, with
    which covariances may be matrices (K, D, D).
    """
    m_step = m_step or update
    state = start if isinstance(start, EMState) else EMState(start, None, start, floor=variance_floor)
    monitor = EMMonitor(tol, list(state.history), unsettled=state.unsettled)
    while len(monitor.history) < max_iter:
        if save is not None:
            save(state)
        current, fallback, may_reseed = state.current, state.fallback, state.may_reseed
        stats = accumulate(current)
        if fallback is not None:
            loss = monitor.history[-1] - mean_log_likelihood(stats)
            if loss <= 0:
                fallback = None
            elif loss > GIVE_UP or monitor.unsettled <= 1:
                logger.info("re-seeding lowered the likelihood; it is taken back and not tried again")
                current, fallback, may_reseed, monitor.unsettled = fallback, None, False, 0
                stats = accumulate(current)
        likelihood = mean_log_likelihood(stats)
        if fallback is not None:  # on trial: it counts from when it has made up for its loss
            likelihood = monitor.history[-1]
        go_on = monitor.report(likelihood)
        if not go_on and likelihood < monitor.history[-1]:  # this pass does not count
            return state.best, monitor
        if callback is not None:
            callback(monitor)
        updated, monitor.floored = m_step(stats, variance_floor, previous=current)
        if not go_on:
            return updated, monitor
        reseeded = updated
        if may_reseed and fallback is None:
            reseeded = reseed_starved(updated, stats)
            if reseeded is not updated:
                fallback, monitor.unsettled = updated, monitor.unsettled or SETTLING
        state = EMState(
            reseeded, fallback, current, tuple(monitor.history), may_reseed, monitor.unsettled, variance_floor
        )
    return state.fallback or state.current, monitor


def showing_passes(
    callback: Callable[[EMMonitor], None] | None, max_iter: int, *, shown: bool
) -> AbstractContextManager[Callable[[EMMonitor], None] | None]:
    """Give a callback that shows a bar, where it is to be `shown`, and calls another one."""
    return showing(
        callback, lambda monitor: len(monitor.history), note=_note, desc="EM", unit="pass", total=max_iter, shown=shown
    )


def train_each(mixtures: Iterable[Trained], names: Sequence[str], unit: str, *, shown: bool) -> list[Trained]:
    """Collect mixtures as they are trained, with a bar, where it is to be `shown`, or a line for each of the names."""
    began, trained = time.perf_counter(), []
    bar = progress_bar("training", unit, len(names), shown=shown)
    for name, mixture in zip(names, bar(mixtures), strict=True):
        history, now = mixture.history_, time.perf_counter()
        course = f"{counted(len(history), 'pass')}, {history[-1]:.4f} nats a frame" if history else "adapted"
        say_step(f"{unit} {name}: {course}, {now - began:.2f} s")
        began = now
        trained.append(mixture)
    return trained


def _note(monitor: EMMonitor) -> str:
    return f"{monitor.history[-1]:.4f} nats a frame"


def maximize(stats: GMMStats, variance_floor: NDArray[np.float64], *, previous: Parameters) -> Parameters:
    """Maximum-likelihood update (the M-step) with floored variances."""
    return update(stats, variance_floor, previous=previous)[0]


def update(stats: GMMStats, variance_floor: NDArray[np.float64], *, previous: Parameters) -> tuple[Parameters, int]:
    """Maximum-likelihood update, and how many variances lie on the floor."""
    total = stats.n.sum()
    if not np.isfinite(total) or total <= 0:
        raise ModelError(f"EM: found {counted(total, 'frame')} over all components, expected a positive number")
    alive = stats.n > np.finfo(np.float32).tiny * total
    found_means, found_variances = stats.moments(np.where(alive, stats.n, total))
    means = np.where(alive[:, None], found_means, previous[1])
    variances = np.where(alive[:, None], found_variances, previous[2])
    weights = stats.n / total
    floored = floors.apply(variance_floor, stats.n, means, variances, previous=previous[2])
    return (weights, means, floored.variances), floored.number


def reseed_starved(parameters: Parameters, stats: GMMStats) -> Parameters:
    """Give starved components half of the heaviest ones, each split once, a step to either side of its mean.

    What is left over waits until the halves have parted: parts of parts of one component find worse optima.
    """
    starved = np.flatnonzero(stats.n < STARVED * stats.n.sum() / len(stats.n))
    if not len(starved) or len(starved) == len(stats.n):
        return parameters
    weights, means, variances = (p.copy() for p in parameters)
    weights[starved] = 0
    heaviest_first = np.argsort(-weights, kind="stable")[: len(weights) - len(starved)]
    for k, heaviest in zip(starved, heaviest_first, strict=False):
        step = SPLIT_STEP * _deviation(variances[heaviest])
        weights[heaviest] /= 2
        weights[k] = weights[heaviest]
        means[k] = means[heaviest] + step
        means[heaviest] -= step
        variances[k] = variances[heaviest]
        logger.info("component %d starved (%.2f frames): re-seeded by splitting component %d", k, stats.n[k], heaviest)
    return weights / weights.sum(), means, variances


def _deviation(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A step of one deviation in every column (D,), of variances (D,) or a matrix (D, D)."""
    return np.sqrt(covariance) if covariance.ndim == 1 else np.linalg.cholesky(covariance).sum(axis=1)


def warn_of_fall(monitor: EMMonitor) -> None:
    """Say that EM ended with a fall of the likelihood, if it did."""
    if monitor.fall:
        warnings.warn(
            f"EM: the mean log-likelihood fell by {monitor.fall:.3g} nats at update {len(monitor.history)}, where "
            "rounding outweighs the data; the mixture before it is kept, not converged",
            GmmSpeechWarning,
            stacklevel=4,
        )


def mean_log_likelihood(stats: GMMStats) -> float:
    """Nats a frame, or a `ModelError` if that is no number."""
    if not np.isfinite(stats.log_likelihood):
        raise ModelError(
            f"EM: found log-likelihood {stats.log_likelihood} over "
            f"{counted(stats.num_frames, 'frame')}, expected a finite number"
        )
    return stats.log_likelihood / stats.num_frames
