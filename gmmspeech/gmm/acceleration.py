"""EM in fewer passes: squared extrapolation (SQUAREM) of its steps.

Near an optimum every step of EM goes a little less far in much the same direction. Two steps in a row show how far such
steps would lead, and SQUAREM [1]_ (scheme S3) goes there at once, looks whether the likelihood agrees, and takes plain
EM's way where it does not.

.. [1] R. Varadhan and C. Roland, "Simple and globally convergent methods for accelerating the convergence of any EM
   algorithm", Scandinavian Journal of Statistics 35(2), 2008.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.files.saving import Saved, State, from_fields
from gmmspeech.gmm.em import EMMonitor, EMState, check_alike, mean_log_likelihood, update
from gmmspeech.gmm.em import fit as fit_plainly
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.stats import GMMStats

WARM_UP = 5  # plain updates, in which components that starve are seeded anew
GROWTH = 4.0  # of the longest step allowed when it was good, and its shrinking when it was not
SMALLEST_WEIGHT = 1e-12  # whose logarithm is still a number


@dataclass(frozen=True)
class AcceleratedState(Saved, kind="AcceleratedState"):
    """State of accelerated EM, after its plain updates and before an extrapolation.

    Attributes
    ----------
    first, second : tuple of weights (K,), means (K, D), variances (K, D)
        A mixture and what an update makes of it.
    likelihood : float
        Of `first`, in nats a frame.
    longest : float
        Length of the longest step allowed.
    passes : int
        Over the data, done.
    history : tuple of float
    unsettled : int
        As `EMMonitor` has them.
    floor : ndarray, shape (D,)
        Of variances.
    """

    first: Parameters
    second: Parameters
    likelihood: float
    longest: float
    passes: int
    history: tuple[float, ...]
    unsettled: int = 0
    floor: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make a state of what was saved, of mixtures of one shape."""
        found = from_fields(cls, state)
        check_alike(found.first, found.second)
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """Components and dimensions."""
        return self.first[1].shape


def resume(
    checkpoint: Checkpoint, settings: Mapping[str, Any], shape: tuple[int, int]
) -> EMState | AcceleratedState | None:
    """Give the state in a checkpoint, of mixtures of a shape (K, D), or None where there is no file."""
    state = checkpoint.resume(settings, (EMState, AcceleratedState))
    if state is not None and (state.shape, state.floor.shape) != (shape, shape[1:]):
        found = f"found shape {state.shape}, expected {shape}, with a floor of {state.floor.shape}"
        raise DataError(f"{checkpoint.path}: damaged checkpoint ({found})")
    return state


def fit(
    accumulate: Callable[[Parameters], GMMStats],
    start: Parameters | EMState | AcceleratedState,
    *,
    variance_floor: NDArray[np.float64],
    max_iter: int,
    tol: float,
    callback: Callable[[EMMonitor], None] | None = None,
    save: Callable[[EMState | AcceleratedState], None] | None = None,
) -> tuple[Parameters, EMMonitor]:
    """Run accelerated EM; arguments and results are those of `gmmspeech.gmm.em.fit`.

    `max_iter` counts passes over the data. The monitor's history holds the mixtures that were kept, so a pass that
    showed an extrapolation to be bad is not in it.
    """
    if isinstance(start, AcceleratedState):
        first, second, likelihood = start.first, start.second, start.likelihood
        longest, passes = start.longest, start.passes
        monitor = EMMonitor(tol, list(start.history), unsettled=start.unsettled)
    else:
        first, monitor = fit_plainly(
            *(accumulate, start),
            variance_floor=variance_floor,
            max_iter=min(WARM_UP, max_iter),
            tol=tol,
            callback=callback,
            save=save,
        )
        longest, passes = 1.0, len(monitor.history)

    def step(mixture: Parameters) -> tuple[float, Parameters]:
        nonlocal passes
        stats = accumulate(mixture)
        passes += 1
        updated, monitor.floored = update(stats, variance_floor, previous=mixture)
        return mean_log_likelihood(stats), updated

    def keep(likelihood: float) -> None:
        monitor.history.append(max(likelihood, monitor.history[-1]))
        if callback is not None:
            callback(monitor)

    if not isinstance(start, AcceleratedState):
        if monitor.converged or monitor.fall or passes >= max_iter:
            return first, monitor
        likelihood, second = step(first)
        keep(likelihood)
    last = -np.inf
    while passes + 2 <= max_iter:
        if save is not None:
            done = passes, tuple(monitor.history), monitor.unsettled
            save(AcceleratedState(first, second, likelihood, longest, *done, variance_floor))
        before, begun = likelihood, passes
        likelihood, third = step(second)
        keep(likelihood)
        lowest = np.minimum(variance_floor, third[2])
        candidate, length = extrapolate(first, second, third, lowest, longest)
        reached, beyond = step(candidate)
        if reached >= likelihood:
            if length == longest:
                longest *= GROWTH
            first, second, likelihood = candidate, beyond, reached
            keep(likelihood)
        else:
            longest = max(longest / GROWTH, 1.0)
            first, second = second, third
        gain = (likelihood - before) / (passes - begun)
        if gain <= last:  # the halves of what was split part ever faster at first
            monitor.unsettled = max(monitor.unsettled - (passes - begun), 0)
        last = gain
        if gain < -monitor.margin(likelihood):
            monitor.fall = before - likelihood
            break
        if gain < monitor.tol and not monitor.unsettled:
            monitor.converged = True
            break
    return second, monitor


def extrapolate(
    first: Parameters,
    second: Parameters,
    third: Parameters,
    lowest: NDArray[np.float64],
    longest: float,
) -> tuple[Parameters, float]:
    """Go on from two steps of EM as far as they promise.

    With r = second - first and v = third - second - r, the result is first + 2 s r + s**2 v for the step length
    s = |r| / |v|, between 1 (which gives `third`) and `longest`. Steps are taken in the logarithms of weights and
    variances and in means by deviations of the third mixture, in which all parameters are of one size.
    """
    scale = np.sqrt(third[2])
    start, middle, end = (_coordinates(mixture, scale) for mixture in (first, second, third))
    step = middle - start
    change = end - middle - step
    curvature = float(np.linalg.norm(change))
    length = float(np.linalg.norm(step)) / curvature if curvature > 0 else 1.0
    length = min(max(length, 1.0), longest)
    log_weights, means, log_variances = np.split(
        start + 2 * length * step + length**2 * change, np.cumsum([len(scale), scale.size])
    )
    weights = np.exp(log_weights - log_weights.max())
    most = 10 * third[2].max(axis=0)  # what is beyond is no extrapolation any more
    variances = np.exp(np.minimum(log_variances.reshape(scale.shape), np.log(most)))
    return (weights / weights.sum(), means.reshape(scale.shape) * scale, np.maximum(variances, lowest)), length


def _coordinates(mixture: Parameters, scale: NDArray[np.float64]) -> NDArray[np.float64]:
    weights, means, variances = mixture
    log_weights = np.log(np.maximum(weights, SMALLEST_WEIGHT))
    return np.concatenate([log_weights, (means / scale).ravel(), np.log(variances).ravel()])
