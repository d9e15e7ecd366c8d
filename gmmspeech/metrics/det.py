"""Miss and false-alarm rates at every threshold, and the convex hull of that curve."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_vector
from gmmspeech.errors import GmmSpeechWarning

_PASSES = 6  # over all points at once; of the few that are left then, one is looked at after the other


class ErrorCounts(NamedTuple):
    """Numbers of misses and false alarms at every threshold."""

    misses: NDArray[np.int64]
    false_alarms: NDArray[np.int64]
    thresholds: NDArray[np.float64]

    def rates(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return (p_miss, p_fa, thresholds)."""
        return self.misses / self.misses[-1], self.false_alarms / self.false_alarms[0], self.thresholds


@checked
def det_curve(
    target_scores: ArrayLike, nontarget_scores: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute miss and false-alarm rates at every distinct threshold.

    A trial is accepted if its score is at or above the threshold. Trials with equal scores are accepted or rejected
    together: there is one threshold for every distinct score, and one above all scores.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
        Higher means more like a target.

    Returns
    -------
    p_miss : ndarray of float64, shape (M + 1,)
        Share of the targets below the threshold; rises from 0 to 1. M is the number of distinct scores.
    p_fa : ndarray of float64, shape (M + 1,)
        Share of the nontargets at or above the threshold; falls from 1 to 0.
    thresholds : ndarray of float64, shape (M + 1,)
        The distinct scores in ascending order, then infinity (reject everything).

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.

    References
    ----------
    A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> p_miss, p_fa, thresholds = gs.det_curve([1.0, 3.0], [0.0, 1.0])
    >>> for point in zip(thresholds.tolist(), p_miss.tolist(), p_fa.tolist()):
    ...     print(point)
    (0.0, 0.0, 1.0)
    (1.0, 0.0, 0.5)
    (3.0, 0.5, 0.0)
    (inf, 1.0, 0.0)
    """
    return count_errors(target_scores, nontarget_scores).rates()


def rocch(
    target_scores: ArrayLike, nontarget_scores: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Corners of the ROC convex hull: the thresholds that are the best for some prior and costs.

    Between two corners every mixture of the two can be had by tossing a coin, so the straight line between them
    belongs to the curve. The corners are found by the pool-adjacent-violators algorithm, in time linear in the number
    of sorted trials.

    Shapes: `target_scores` (T,), `nontarget_scores` (T,); gives `p_miss, p_fa, thresholds` (H,).

    N. Brümmer and E. de Villiers, "The BOSARIS Toolkit: theory, algorithms and code for surviving the new DCF", 2011.
    T. Fawcett and A. Niculescu-Mizil, "PAV and the ROC convex hull", Machine Learning 68, 2007.
    """
    return convex_hull(count_errors(target_scores, nontarget_scores)).rates()


def count_errors(target_scores: ArrayLike, nontarget_scores: ArrayLike) -> ErrorCounts:
    """Misses and false alarms at every threshold; see `det_curve`, which divides them by the numbers of trials."""
    return count_sorted(*(np.sort(side) for side in both_sides(target_scores, nontarget_scores)))


def count_sorted(targets: NDArray[np.float64], nontargets: NDArray[np.float64]) -> ErrorCounts:
    """Misses and false alarms at every threshold, of scores that rise."""
    # The two halves are sorted by themselves, much faster than indices would be; the stable sort then only merges.
    scores = np.concatenate([targets, nontargets])
    order = np.argsort(scores, kind="stable")
    scores = scores[order]
    targets_passed = np.cumsum(order < len(targets))

    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)  # the last trial of every tie
    misses = np.concatenate([[0], targets_passed[ends]])
    rejected = np.concatenate([[0], ends + 1])
    thresholds = np.append(scores[rejected[:-1]], np.inf)
    return ErrorCounts(misses, len(nontargets) - (rejected - misses), thresholds)


def convex_hull(counts: ErrorCounts) -> ErrorCounts:
    """Keep only the thresholds at the corners of the lower convex hull, found in whole numbers."""
    rejected = counts.misses - counts.false_alarms  # but for a constant; it rises at every step
    corners = np.arange(len(rejected))
    for _ in range(_PASSES):  # what lies above the line from one neighbor to the other is no corner
        runs, rises = np.diff(rejected[corners]), np.diff(counts.misses[corners])
        below = rises[:-1] * runs[1:] < rises[1:] * runs[:-1]
        corners = corners[np.concatenate([[True], below, [True]])]
        if below.all():
            break
    else:
        corners = corners[_chain(rejected[corners].tolist(), counts.misses[corners].tolist())]
    return ErrorCounts(counts.misses[corners], counts.false_alarms[corners], counts.thresholds[corners])


def _chain(xs: list[int], ys: list[int]) -> list[int]:
    """Indices of the corners of the lower convex hull of points of rising x (Andrew's monotone chain)."""
    corners: list[int] = []
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        while len(corners) > 1:
            first, last = corners[-2:]
            if (ys[last] - ys[first]) * (x - xs[last]) < (y - ys[last]) * (xs[last] - xs[first]):
                break
            corners.pop()
        corners.append(i)
    return corners


def both_sides(
    target_scores: ArrayLike, nontarget_scores: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both sets of scores as float64 vectors, or a DataError that says what is wrong with them.

    Targets that lie below the nontargets by more than chance give a warning: sides were swapped, or the sign of the
    scores.
    """
    targets, nontargets = as_vector(target_scores, "target scores"), as_vector(nontarget_scores, "nontarget scores")
    middle, other = float(np.median(targets)), float(np.median(nontargets))
    if middle < other and _below_by_more_than_chance(targets, nontargets):
        found = f"target scores: found a median of {middle:.4g}, below that of the nontarget scores, {other:.4g}"
        warnings.warn(f"{found}: are the two swapped, or distances for scores?", GmmSpeechWarning, stacklevel=4)
    for name, side, scores in (("target", targets, nontargets), ("nontarget", nontargets, targets)):
        if len(side) == len(scores) > 2 and _are_flags(side) and not _are_flags(scores):
            found = f"{name} scores: found only 0 and 1, as many as there are other scores"
            advice = "were labels given? Scores are told apart beforehand: scores[labels == 1], scores[labels == 0]"
            warnings.warn(f"{found}: {advice}", GmmSpeechWarning, stacklevel=4)
    return targets, nontargets


def _are_flags(values: NDArray[np.float64]) -> bool:
    return bool(np.isin(values, (0, 1)).all()) and values.min() < values.max()


def _below_by_more_than_chance(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> bool:
    """Say whether all of `lower` lies below `upper`, or so much of it that ranks at random would hardly do it."""
    m, n = len(lower), len(upper)
    ordered = np.sort(upper)
    above = np.searchsorted(ordered, lower, "left").sum() + np.searchsorted(ordered, lower, "right").sum()
    deviation = np.sqrt((m + n + 1) / (12 * m * n))  # of the share of ordered pairs (Mann and Whitney 1947)
    return bool(above == 0 or above / (2 * m * n) < 0.5 - 1.96 * deviation)
