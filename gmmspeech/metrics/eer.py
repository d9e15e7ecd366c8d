"""The equal error rate, by two definitions, and the threshold closest to it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError
from gmmspeech.metrics.det import ErrorCounts, both_sides, convex_hull, count_errors


@checked
def eer(target_scores: ArrayLike, nontarget_scores: ArrayLike, *, method: Literal["rocch", "kaldi"] = "rocch") -> float:
    r"""Equal error rate: the error rate at which misses and false alarms are equal.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
        Higher means more like a target.
    method : {"rocch", "kaldi"}
        With finitely many trials the two error rates are rarely equal at any threshold, so a definition is needed:

        - "rocch": the point of the ROC convex hull at which both are equal. This is the minimum Bayes error at the
          worst prior, :math:`\max_\pi \min_\theta \, \pi P_{miss}(\theta) + (1 - \pi) P_{fa}(\theta)`; it is never
          above 0.5, and exchanging the two kinds of trials (and the sign of the scores) does not change it.
        - "kaldi": the value of Kaldi's ``compute-eer``: the smallest i / T such that the i-th sorted target (from 0) is
          above the nontarget that has floor(i N / T) nontargets after it in sorted order, or (T - 1) / T if there is no
          such i. It is a multiple of 1 / T, mostly at or above "rocch", coarse with few targets (with one target it
          is 0, whatever the scores) and above 0.5 if scores are inverted. Kaldi reads scores as float32; here they stay
          float64, which matters only if rounding makes two scores equal.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.
    ConfigError
        An unknown method.

    References
    ----------
    N. Brümmer and E. de Villiers, "The BOSARIS Toolkit: theory, algorithms and code for surviving the new DCF", 2011.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> targets, nontargets = [1.0, 3.0, 4.0], [0.0, 2.0]
    >>> round(gs.eer(targets, nontargets), 4), round(gs.eer(targets, nontargets, method="kaldi"), 4)
    (0.2, 0.3333)
    """
    if method == "rocch":
        return rocch_eer(count_errors(target_scores, nontarget_scores))
    if method == "kaldi":
        return kaldi_eer(*(np.sort(side) for side in both_sides(target_scores, nontarget_scores)))
    raise ConfigError(f'method: found {method!r}, expected "rocch" or "kaldi"')


def eer_threshold(target_scores: ArrayLike, nontarget_scores: ArrayLike) -> float:
    """Threshold at which the miss and the false-alarm rate are the closest to each other.

    All thresholds between two neighboring scores take the same decisions; of these the middle is given. Where several
    come equally close, the lowest counts. The rates at this threshold are error rates that these trials really have;
    the EER, by either definition, need not equal one of them.

    Shapes: `target_scores` (T,), `nontarget_scores` (T,).
    """
    counts = count_errors(target_scores, nontarget_scores)
    return middle_threshold(counts.thresholds, closest_rates(counts))


def rocch_eer(counts: ErrorCounts) -> float:
    """Equal error rate on the convex hull of a curve of error counts."""
    return hull_eer(convex_hull(counts))


def hull_eer(hull: ErrorCounts) -> float:
    """Equal error rate from the corners of the convex hull."""
    p_miss, p_fa, _ = hull.rates()
    gap = p_fa - p_miss  # falls from 1 to -1
    after = int(np.argmax(gap < 0))
    before = after - 1
    share = gap[before] / (gap[before] - gap[after])  # of the way along the edge that crosses the diagonal
    return float(p_miss[before] + share * (p_miss[after] - p_miss[before]))


def kaldi_eer(targets: NDArray[np.float64], nontargets: NDArray[np.float64]) -> float:
    """Equal error rate as Kaldi's compute-eer has it, of scores that rise."""
    above = len(nontargets) * np.arange(len(targets)) // len(targets)
    found = nontargets[len(nontargets) - 1 - above] < targets
    found[-1] = True  # the search ends at the last target without looking at it
    return int(np.argmax(found)) / len(targets)


def closest_rates(counts: ErrorCounts) -> int:
    """Index of the lowest threshold at which the two error rates are the closest to each other."""
    num_targets, num_nontargets = counts.misses[-1], counts.false_alarms[0]
    gap = counts.misses * num_nontargets - counts.false_alarms * num_targets  # whole numbers: ties are ties
    return int(np.argmin(np.abs(gap)))


def middle_threshold(thresholds: NDArray[np.float64], index: int) -> float:
    """Middle between a threshold and the distinct score below it; the threshold itself if either end is open."""
    upper = float(thresholds[index])
    if index == 0 or not np.isfinite(upper):
        return upper
    lower = float(thresholds[index - 1])
    middle = lower / 2 + upper / 2  # halved first: the sum could overflow
    return middle if lower < middle <= upper else upper
