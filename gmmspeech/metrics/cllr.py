"""The cost of the log-likelihood ratio (Cllr), its minimum over calibrations, and Tippett curves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.metrics.det import ErrorCounts, both_sides, convex_hull, count_errors


@checked
def cllr(target_llrs: ArrayLike, nontarget_llrs: ArrayLike) -> float:
    r"""Cost of log-likelihood ratios (Cllr), over all thresholds.

    .. math::

        C_{llr} = \frac{1}{2 T} \sum_{t=1}^{T} \log_2 (1 + e^{-\ell_t})
                + \frac{1}{2 N} \sum_{n=1}^{N} \log_2 (1 + e^{\ell_n})

    It is the mean information, in bits, that is still missing when the ratio is known and targets and nontargets have
    equal priors. The difference to `min_cllr` is calibration loss.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios, such as `gmmspeech.scoring.calibration` gives.

    Returns
    -------
    float
        0 is perfect; 1 is the cost of ratios that are always 1 (no information); there is no upper limit.

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.

    References
    ----------
    N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech & Language
    20, 2006.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> round(gs.cllr([3.0, 1.0], [-4.0, -2.0, 0.0]), 4)
    0.3321
    >>> gs.cllr([0.0], [0.0, 0.0])
    1.0
    """
    return mean_cllr(*both_sides(target_llrs, nontarget_llrs))


@checked
def min_cllr(target_scores: ArrayLike, nontarget_scores: ArrayLike) -> float:
    r"""Minimum Cllr: that of the best monotonic calibration of the scores, chosen on these same trials.

    The best calibration is found by the pool-adjacent-violators algorithm, which gives each bin between two corners of
    the ROC convex hull one ratio. With the share :math:`u_b` of the targets and :math:`v_b` of the nontargets in bin
    :math:`b`, this ratio is :math:`u_b / v_b`, and

    .. math::

        C_{llr}^{min} = \frac12 \sum_b \left( u_b \log_2 \frac{u_b + v_b}{u_b} + v_b \log_2 \frac{u_b + v_b}{v_b}
        \right)

    Trials with equal scores are in the same bin, because the scores do not distinguish them.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
        Higher means more like a target; any unit.

    Returns
    -------
    float
        From 0 (separable) to 1. With few trials it is far below what a calibration from other trials can reach.

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.

    References
    ----------
    N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech & Language
    20, 2006.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> round(gs.min_cllr([3.0, 1.0], [-4.0, -2.0, 2.0]), 4)
    0.4046
    >>> gs.min_cllr([1.0], [1.0, 1.0])
    1.0
    """
    return hull_cllr(convex_hull(count_errors(target_scores, nontarget_scores)))


def tippett_curves(
    target_llrs: ArrayLike, nontarget_llrs: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Shares of the targets and of the nontargets whose log-likelihood ratio is at or above every value.

    Where the ratio is 0, one minus the first is the share of targets with evidence that misleads, and the second the
    share of nontargets with such evidence (or evidence of nothing).

    Shapes: `target_llrs` (T,), `nontarget_llrs` (T,); gives `values` (M + 1,), `targets_above, nontargets_above` (M +
    1,).

    I. Evett and J. Buckleton, "Statistical analysis of STR data", Advances in Forensic Haemogenetics 6, 1996.
    """
    counts = count_errors(target_llrs, nontarget_llrs)
    _, nontargets_above, values = counts.rates()
    return values, (counts.misses[-1] - counts.misses) / counts.misses[-1], nontargets_above


def mean_cllr(targets: NDArray[np.float64], nontargets: NDArray[np.float64]) -> float:
    """Cllr of ratios that are known to be finite."""
    return (softplus(-targets).mean() + softplus(nontargets).mean()).item() / (2 * math.log(2))


def hull_cllr(hull: ErrorCounts) -> float:
    """Minimum Cllr from the corners of the convex hull of a curve of error counts."""
    targets, nontargets = np.diff(hull.misses) / hull.misses[-1], -np.diff(hull.false_alarms) / hull.false_alarms[0]
    both = targets + nontargets
    entropy = sum(-(side[side > 0] * np.log((side / both)[side > 0])).sum().item() for side in (targets, nontargets))
    return max(0.0, entropy / (2 * math.log(2)))


def softplus(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give log(1 + exp(x)) without overflow, several times faster than `numpy.logaddexp`."""
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)
