"""Empirical bounds of likelihood ratios: how far from 1 the trials can support them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.metrics.det import both_sides

_STEP = 0.01  # of the thresholds, in powers of ten
_EXTREME = 9.0  # powers of ten beyond which a ratio counts as no larger


@checked
def elub_bounds(target_llrs: ArrayLike, nontarget_llrs: ArrayLike) -> tuple[float, float]:
    r"""Empirical lower and upper bounds (ELUB) of log-likelihood ratios.

    A ratio far from 1 is an extrapolation: so few trials have such a score that one more misleading trial would change
    its value. Therefore one misleading trial of each kind is added, a target below and a nontarget above every
    threshold :math:`\theta`, and the expected cost of decisions by the ratios is compared with that of decisions
    without them (by a ratio of 1):

    .. math::

        \frac{\#\{t : \ell_t \le \theta\} + 1}{T + 1} + e^\theta \, \frac{\#\{n : \ell_n > \theta\} + 1}{N + 1}
        \le \min(1, e^\theta)

    The bounds are the thresholds closest to 0 on either side beyond which this does not hold, on a grid of a hundredth
    of a power of ten. Ratios outside the bounds are set to them.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios, of trials that the calibration was not trained on.

    Returns
    -------
    lower, upper : float
        In nats: 0 or below, and 0 or above. Never beyond log(T + 1) and log(N + 1).

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.

    References
    ----------
    P. Vergeer et al., "Numerical likelihood ratios outputted by LR systems are often based on extrapolation: when to
    stop extrapolating?", Science & Justice 56, 2016.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> lower, upper = gs.metrics.elub_bounds(rng.normal(8, 4, 100), rng.normal(-8, 4, 1000))
    >>> round(lower, 2), round(upper, 2)
    (-4.42, 6.45)
    """
    targets, nontargets = (_as_powers(side) for side in both_sides(target_llrs, nontarget_llrs))
    lowest = max(min(targets[0], nontargets[0]), -math.log10(len(targets) + 1))
    highest = min(max(targets[-1], nontargets[-1]), math.log10(len(nontargets) + 1))
    first, last = min(0, math.floor(lowest / _STEP)), max(0, math.floor(highest / _STEP) + 1)
    steps = np.arange(first, last + 1)  # whole numbers, so that bounds of several calibrations that are equal are equal
    odds = 10 ** (steps * _STEP)
    missed = np.searchsorted(10**targets, odds, "right") + 1
    accepted = len(nontargets) - np.searchsorted(10**nontargets, odds, "right") + 1
    costs = missed / (len(targets) + 1) + odds * accepted / (len(nontargets) + 1)
    harmful = steps[costs > np.minimum(odds, 1)]
    lower = min(int(np.max(harmful[harmful <= 0] + 1, initial=first)), 0)
    upper = max(int(np.min(harmful[harmful >= 0] - 1, initial=last)), 0)
    return math.log(10) * _STEP * lower, math.log(10) * _STEP * upper


def _as_powers(llrs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ratios as powers of ten, rising, none so large that it would overflow."""
    return np.sort(np.clip(llrs / math.log(10), -_EXTREME, _EXTREME))
