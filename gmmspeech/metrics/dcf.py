"""The detection cost function of the NIST evaluations."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gmmspeech.errors import ConfigError
from gmmspeech.metrics.det import ErrorCounts, count_errors


def min_dcf(
    target_scores: ArrayLike,
    nontarget_scores: ArrayLike,
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
) -> float:
    r"""Least normalised detection cost over all thresholds.

    .. math::

        \min_\theta \frac{C_{miss} P_{target} P_{miss}(\theta) + C_{fa} (1 - P_{target}) P_{fa}(\theta)}
                         {\min(C_{miss} P_{target}, C_{fa} (1 - P_{target}))}

    The divisor is the cost of the better of the two systems that accept or reject everything.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
        Higher means more like a target.
    p_target : float
        Prior probability of a target, between 0 and 1.
    c_miss, c_fa : float
        Costs of a miss and of a false alarm, above 0.

    Returns
    -------
    float
        From 0 (separable) to 1 (no better than a system without ears).

    Raises
    ------
    DataError
        No scores, scores that are no numbers, NaN or infinite.
    ConfigError
        A prior or cost out of its range.

    References
    ----------
    NIST 2016 Speaker Recognition Evaluation Plan, section 3.1.

    Examples
    --------
    >>> min_dcf([1.0, 2.0, 4.0, 5.0], [-1.0, 0.0, 1.5, 3.0], p_target=0.5)
    0.5
    """
    _, cost = least_cost(count_errors(target_scores, nontarget_scores), p_target=p_target, c_miss=c_miss, c_fa=c_fa)
    return cost


def least_cost(counts: ErrorCounts, *, p_target: float, c_miss: float, c_fa: float) -> tuple[int, float]:
    """Index of the lowest threshold of least cost on a curve of error counts, and that cost, normalised."""
    if not 0 < p_target < 1:
        raise ConfigError(f"p_target: found {p_target!r}, expected a probability between 0 and 1")
    for name, cost in (("c_miss", c_miss), ("c_fa", c_fa)):
        if not (math.isfinite(cost) and cost > 0):
            raise ConfigError(f"{name}: found {cost!r}, expected a number above 0")
    miss_weight, fa_weight = c_miss * p_target, c_fa * (1 - p_target)
    scale = min(miss_weight, fa_weight)  # the weights are divided first, so that rejecting all costs 1 without rounding
    p_miss, p_fa, _ = counts.rates()
    costs = miss_weight / scale * p_miss + fa_weight / scale * p_fa
    best = int(np.argmin(costs))
    return best, float(costs[best])
