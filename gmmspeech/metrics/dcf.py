"""The detection cost function of the NIST evaluations: minimum, at a threshold, and over all priors."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_vector, check_positive, check_probability
from gmmspeech.metrics.det import ErrorCounts, both_sides, convex_hull, count_errors


class BayesErrorRates(NamedTuple):
    """Bayes error rates over priors, as returned by `bayes_error_rates`: arrays with a value for every prior."""

    prior_log_odds: NDArray[np.float64]
    actual: NDArray[np.float64]
    minimum: NDArray[np.float64]


@checked
def min_dcf(
    target_scores: ArrayLike,
    nontarget_scores: ArrayLike,
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
) -> float:
    r"""Minimum normalized detection cost over all thresholds.

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
        From 0 (separable) to 1 (no better than a system that ignores the audio).

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.
    ConfigError
        A prior or cost that is out of range.

    References
    ----------
    NIST 2016 Speaker Recognition Evaluation Plan, section 3.1.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.min_dcf([1.0, 2.0, 4.0, 5.0], [-1.0, 0.0, 1.5, 3.0], p_target=0.5)
    0.5
    """
    hull = convex_hull(count_errors(target_scores, nontarget_scores))
    return least_cost(hull, p_target=p_target, c_miss=c_miss, c_fa=c_fa)[1]


@checked
def bayes_threshold(*, p_target: float = 0.01, c_miss: float = 1.0, c_fa: float = 1.0) -> float:
    r"""Threshold on calibrated log-likelihood ratios that minimizes the expected cost.

    .. math:: \theta = \log \frac{C_{fa} (1 - P_{target})}{C_{miss} P_{target}}

    Parameters
    ----------
    p_target : float
        Prior probability of a target, between 0 and 1.
    c_miss, c_fa : float
        Costs of a miss and of a false alarm, above 0.

    Returns
    -------
    float
        In nats. A trial is accepted if its ratio is at or above it.

    Raises
    ------
    ConfigError
        A prior or cost that is out of range.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> round(gs.metrics.bayes_threshold(p_target=0.01), 4)
    4.5951
    >>> gs.metrics.bayes_threshold(p_target=0.5, c_miss=2.0, c_fa=2.0)
    0.0
    """
    miss_weight, fa_weight = _weights(p_target, c_miss, c_fa)
    return math.log(fa_weight) - math.log(miss_weight)


@checked
def actual_dcf(
    target_llrs: ArrayLike,
    nontarget_llrs: ArrayLike,
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
) -> float:
    """Normalized detection cost of decisions by log-likelihood ratios at the Bayes threshold.

    The cost is that of `min_dcf`, but at `bayes_threshold` instead of the best threshold for these trials; the
    difference between the two is calibration loss.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios, such as `gmmspeech.scoring.calibration` gives.
    p_target : float
        Prior probability of a target, between 0 and 1.
    c_miss, c_fa : float
        Costs of a miss and of a false alarm, above 0.

    Returns
    -------
    float
        At least 0; above 1, decisions without the system would cost less.

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.
    ConfigError
        A prior or cost that is out of range.

    References
    ----------
    N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech & Language
    20, 2006.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.metrics.actual_dcf([1.0, 2.0, 4.0, 5.0], [-1.0, 0.5, 1.5, -3.0], p_target=0.5)
    0.5
    """
    targets, nontargets = both_sides(target_llrs, nontarget_llrs)
    threshold = bayes_threshold(p_target=p_target, c_miss=c_miss, c_fa=c_fa)
    p_miss = np.count_nonzero(targets < threshold) / len(targets)
    p_fa = np.count_nonzero(nontargets >= threshold) / len(nontargets)
    return detection_cost(p_miss, p_fa, p_target=p_target, c_miss=c_miss, c_fa=c_fa)


def bayes_error_rates(target_llrs: ArrayLike, nontarget_llrs: ArrayLike, prior_log_odds: ArrayLike) -> BayesErrorRates:
    r"""Normalized Bayes error rates over a range of priors: actual and minimum detection cost at each.

    .. math::

    Shapes: `target_llrs` (T,), `nontarget_llrs` (T,), `prior_log_odds` (P,).

    N. Brümmer and E. de Villiers, "The BOSARIS Toolkit: theory, algorithms and code for surviving the new DCF", 2011.
    """
    targets, nontargets = (np.sort(side) for side in both_sides(target_llrs, nontarget_llrs))
    odds = as_vector(prior_log_odds, "prior log-odds")
    miss_weight, fa_weight = np.exp(np.maximum(odds, 0)), np.exp(np.maximum(-odds, 0))  # over the lesser of the two
    p_miss = np.searchsorted(targets, -odds) / len(targets)
    p_fa = 1 - np.searchsorted(nontargets, -odds) / len(nontargets)
    hull_miss, hull_fa, _ = convex_hull(count_errors(targets, nontargets)).rates()
    minimum = np.array([np.min(m * hull_miss + f * hull_fa) for m, f in zip(miss_weight, fa_weight, strict=True)])
    return BayesErrorRates(odds, miss_weight * p_miss + fa_weight * p_fa, minimum)


def least_cost(counts: ErrorCounts, *, p_target: float, c_miss: float, c_fa: float) -> tuple[int, float]:
    """Index of the lowest threshold of least cost on a curve of error counts, and that cost, normalized."""
    miss_weight, fa_weight = _normalized(p_target, c_miss, c_fa)
    p_miss, p_fa, _ = counts.rates()
    costs = miss_weight * p_miss + fa_weight * p_fa
    best = int(np.argmin(costs))
    return best, float(costs[best])


def detection_cost(p_miss: float, p_fa: float, *, p_target: float, c_miss: float, c_fa: float) -> float:
    """Normalized cost of given error rates."""
    miss_weight, fa_weight = _normalized(p_target, c_miss, c_fa)
    return float(miss_weight * p_miss + fa_weight * p_fa)


def _normalized(p_target: float, c_miss: float, c_fa: float) -> tuple[float, float]:
    """Weights of the two error rates over the lesser of them, so that rejecting all costs 1 without rounding."""
    miss_weight, fa_weight = _weights(p_target, c_miss, c_fa)
    scale = min(miss_weight, fa_weight)
    return miss_weight / scale, fa_weight / scale


def _weights(p_target: float, c_miss: float, c_fa: float) -> tuple[float, float]:
    check_probability(p_target=p_target)
    check_positive(c_miss=c_miss, c_fa=c_fa)
    return c_miss * p_target, c_fa * (1 - p_target)
