"""EM in fewer passes, with momentum.

Near an optimum, EM steps become slightly smaller in nearly the same direction. Here each step is extended by a fraction
of the previous step, as in Nesterov's method, in the logarithms of weights and variances and in the means. The next
pass over the data computes the likelihood anyway: if it fell, the step is replaced by the plain EM step, which can't
lower it (O'Donoghue and Candès). This costs that pass.

If there are many more frames than k-means used, the first passes are over the k-means frames only, because few frames
are enough for the first changes of EM. The passes over all frames then start from a better mixture.

Y. Nesterov, "A method for solving the convex programming problem with convergence rate O(1/k²)", Soviet Mathematics
Doklady 27, 1983.

B. O'Donoghue and E. Candès, "Adaptive restart for accelerated gradient schemes", Foundations of Computational
Mathematics 15, 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.files.saving import Saved, State, from_fields
from gmmspeech.gmm.em import EMMonitor, EMState, check_alike, fit as fit_plainly, mean_log_likelihood, update
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.stats import GMMStats

WARM_UP = 5  # plain updates, in which components that starve are seeded anew
MOMENTUM = 0.9  # share of the step before; 0.8 needs more passes, 0.95 falls more often and needs as many
STAGES = ((2, 12), (1, 8))  # of the frames that k-means had every so manieth, and passes over them before all frames
MANY = 1.5  # times these frames there are at least; of fewer, passes over all cost little more
AVERAGED = 2  # passes whose mean gain tells convergence: with momentum, one small gain may come before large ones
SMALLEST_WEIGHT = 1e-12  # whose logarithm is still a number
WIDEST = 10.0  # times the largest variance of any component: what is beyond is no extrapolation any more


@dataclass(frozen=True, eq=False)
class AcceleratedState(Saved, kind="AcceleratedState"):
    """State of accelerated EM, after its plain updates and before a pass over the data.

    Attributes
    ----------
    current : tuple of weights (K,), means (K, D), variances (K, D)
        The mixture that the pass is for.
    updated : tuple
        What plain EM made of the best one: where the next step begins if `current` turns out to be worse.
    best : tuple
        The last mixture whose likelihood is known and was kept.
    plain : bool
        `current` is `updated`, without momentum.
    passes : int
        Over the data, done.
    history : tuple of float
    unsettled : int
        As for `EMMonitor`.
    floor : ndarray, shape (D,)
        Of variances.
    """

    current: Parameters
    updated: Parameters
    best: Parameters
    plain: bool
    passes: int
    history: tuple[float, ...]
    unsettled: int = 0
    floor: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make a state of what was saved, of mixtures of one shape."""
        found = from_fields(cls, state)
        check_alike(found.current, found.updated, found.best)
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """Components and dimensions."""
        return self.best[1].shape


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
    showed a step to be bad is not in it.
    """
    if isinstance(start, AcceleratedState):
        state = start
    else:
        first, monitor = fit_plainly(
            *(accumulate, start),
            variance_floor=variance_floor,
            max_iter=min(WARM_UP, max_iter),
            tol=tol,
            callback=callback,
            save=save,
        )
        if monitor.converged or monitor.fall:
            return first, monitor
        done = len(monitor.history), tuple(monitor.history)
        state = AcceleratedState(first, first, first, True, *done, monitor.unsettled, variance_floor)
    monitor = EMMonitor(tol, list(state.history), unsettled=state.unsettled, averaged=AVERAGED)
    found = _passes(accumulate, state, monitor, max_iter=max_iter, callback=callback, save=save)
    return found.updated if isinstance(found, AcceleratedState) else found, monitor


def _passes(
    accumulate: Callable[[Parameters], GMMStats],
    state: AcceleratedState,
    monitor: EMMonitor,
    *,
    max_iter: int,
    callback: Callable[[EMMonitor], None] | None = None,
    save: Callable[[AcceleratedState], None] | None = None,
) -> AcceleratedState | Parameters:
    """Do passes with momentum: gives the mixture where they converged, else where to go on."""
    while state.passes < max_iter:
        if save is not None:
            save(state)
        stats = accumulate(state.current)
        likelihood, passes = mean_log_likelihood(stats), state.passes + 1
        if not state.plain and likelihood < monitor.history[-1]:
            state = replace(state, current=state.updated, plain=True, passes=passes)
            continue
        go_on = monitor.report(likelihood)
        if callback is not None:
            callback(monitor)
        if not go_on and likelihood < monitor.history[-1]:
            return state.best
        updated, monitor.floored = update(stats, state.floor, previous=state.current)
        if not go_on:
            return updated
        beyond = further(state.updated, updated, np.minimum(state.floor, updated[2]))
        state = AcceleratedState(
            *(beyond, updated, state.current, False, passes, tuple(monitor.history), monitor.unsettled), state.floor
        )
    return state


def approach(
    stages: Iterable[tuple[Callable[[Parameters], GMMStats], int]],
    start: Parameters,
    *,
    variance_floor: NDArray[np.float64],
    tol: float,
) -> AcceleratedState:
    """Find where the passes over all frames begin, by passes over a few of them.

    Parameters
    ----------
    stages : iterable of (callable, int)
        Functions from a mixture to the statistics of some of the frames, and how many passes to do.
    start : tuple of weights (K,), means (K, D), variances (K, D)
    variance_floor : ndarray, shape (D,)
    tol : float
        As for `fit`.

    Returns
    -------
    AcceleratedState
        With its momentum, but no likelihood of all frames yet.
    """
    state = AcceleratedState(start, start, start, True, 0, (), 0, variance_floor)
    for accumulate, passes in stages:
        done = 0
        if state.current is start:
            done = min(WARM_UP, passes)
            first, _ = fit_plainly(accumulate, start, variance_floor=variance_floor, max_iter=done, tol=tol)
            state = replace(state, current=first, updated=first)
        state = replace(state, plain=True, passes=done, history=(), unsettled=0)
        found = _passes(accumulate, state, EMMonitor(tol, averaged=AVERAGED), max_iter=passes)
        if not isinstance(found, AcceleratedState):
            found = replace(state, current=found, updated=found)
        state = found
    return replace(state, best=state.current, plain=True, passes=0, history=(), unsettled=0)


def further(before: Parameters, after: Parameters, lowest: NDArray[np.float64]) -> Parameters:
    """Mixture that lies beyond `after` by a share of the step from `before`; variances are `lowest` or more, (K, D)."""
    log_weights, log_before = (np.log(np.maximum(mixture[0], SMALLEST_WEIGHT)) for mixture in (after, before))
    log_weights += MOMENTUM * (log_weights - log_before)
    weights = np.exp(log_weights - log_weights.max())
    means = after[1] + MOMENTUM * (after[1] - before[1])
    variances = after[2] * (after[2] / before[2]) ** MOMENTUM
    return weights / weights.sum(), means, np.clip(variances, lowest, WIDEST * after[2].max(axis=0))
