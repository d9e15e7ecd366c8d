"""devPAV: the distance of likelihood ratios from their best calibration on the same trials."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.metrics.det import both_sides, convex_hull, count_sorted


@checked
def devpav(target_llrs: ArrayLike, nontarget_llrs: ArrayLike) -> float:
    r"""Mean distance of log-likelihood ratios from those of their best monotonic calibration (devPAV).

    The pool-adjacent-violators algorithm maps every ratio :math:`x` to the ratio :math:`y` of the trials in its bin.
    For well-calibrated ratios both are equal. devPAV is the area between the line through the points :math:`(x, y)`
    and the diagonal, over the range of :math:`x` with finite :math:`y`.

    .. math:: \frac{1}{x_M - x_1} \int_{x_1}^{x_M} |y(x) - x| \, dx

    Unlike Cllr minus minimum Cllr, it weights rare large ratios like frequent small ones. Chance alone makes it greater
    than 0, and much greater with few trials.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios.

    Returns
    -------
    float
        In powers of ten, as published: 0.3 means that ratios are wrong by a factor of two on average. NaN if a
        threshold separates targets from nontargets, because then no bin has a finite ratio.

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.

    References
    ----------
    P. Vergeer et al., "Measuring calibration of likelihood-ratio systems: a comparison of four metrics, including a new
    metric devPAV", Forensic Science International 321, 2021.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> targets, nontargets = rng.normal(2, 2, 5000), rng.normal(-2, 2, 5000)  # ratios as they should be
    >>> round(gs.metrics.devpav(targets, nontargets), 2), round(gs.metrics.devpav(2 * targets, 2 * nontargets), 2)
    (0.11, 1.12)
    """
    targets, nontargets = (np.sort(side) for side in both_sides(target_llrs, nontarget_llrs))
    x = np.unique(np.concatenate([targets, nontargets]))
    with np.errstate(divide="ignore"):
        y = pav_llrs(x, targets, nontargets) / math.log(10)
    finite = np.isfinite(y)
    if not finite.any():
        return math.nan
    x = x[finite] / math.log(10)
    gap = y[finite] - x
    if len(x) == 1:
        return float(abs(gap[0]))
    before, after = gap[:-1], gap[1:]
    size = np.abs(before) + np.abs(after)
    crossing = before * after < 0
    with np.errstate(invalid="ignore", divide="ignore"):
        heights = np.where(crossing, (before**2 + after**2) / (2 * size), size / 2)
    return float(heights @ np.diff(x) / (x[-1] - x[0]))


def pav_llrs(
    values: NDArray[np.float64], targets: NDArray[np.float64], nontargets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Ratios that rising trials give to their own scores; infinite in bins of one kind only."""
    hull = convex_hull(count_sorted(targets, nontargets))
    shares = np.diff(hull.misses) / len(targets), -np.diff(hull.false_alarms) / len(nontargets)
    with np.errstate(divide="ignore"):
        ratios = np.log(shares[0]) - np.log(shares[1])
    return ratios[np.searchsorted(hull.thresholds, values, "right") - 1]
