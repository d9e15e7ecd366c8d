"""The figures that describe one verification experiment."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from numpy.typing import ArrayLike

from gmmspeech.metrics.dcf import least_cost
from gmmspeech.metrics.det import checked, count_errors
from gmmspeech.metrics.eer import closest_rates, kaldi_eer, middle_threshold, rocch_eer


@dataclass(frozen=True)
class OperatingPoint:
    """Error rates at one threshold; a trial is accepted if its score is at or above it."""

    threshold: float
    p_miss: float
    p_fa: float


@dataclass(frozen=True)
class MinimumCost:
    """Least normalised detection cost for one prior (both costs 1), and where it is reached."""

    p_target: float
    min_dcf: float
    point: OperatingPoint


@dataclass(frozen=True)
class Summary:
    """What `summarise` gives.

    Attributes
    ----------
    num_targets, num_nontargets : int
    eer_rocch, eer_kaldi : float
        Equal error rate, in [0, 1], by both definitions of `gmmspeech.metrics.eer.eer`.
    eer_point : OperatingPoint
        Where the two error rates are the closest to each other; see `gmmspeech.metrics.eer.eer_threshold`.
    min_costs : tuple of MinimumCost
        One for every prior asked for.
    """

    num_targets: int
    num_nontargets: int
    eer_rocch: float
    eer_kaldi: float
    eer_point: OperatingPoint
    min_costs: tuple[MinimumCost, ...]

    def rows(self) -> list[tuple[str, str]]:
        """Names and values as text, in the order in which they are printed."""
        point = self.eer_point
        rows = [
            ("target trials", f"{self.num_targets:,}"),
            ("nontarget trials", f"{self.num_nontargets:,}"),
            ("EER (ROC convex hull)", f"{100 * self.eer_rocch:.2f} %"),
            ("EER (Kaldi's compute-eer)", f"{100 * self.eer_kaldi:.2f} %"),
            ("threshold at the EER", f"{point.threshold:#.4g}"),
            ("misses at that threshold", f"{100 * point.p_miss:.2f} %"),
            ("false alarms at that threshold", f"{100 * point.p_fa:.2f} %"),
        ]
        for cost in self.min_costs:
            rows.append((f"minDCF (p_target = {cost.p_target:g})", f"{cost.min_dcf:.4f}"))
            threshold = f"{cost.point.threshold:#.4g}" if isfinite(cost.point.threshold) else "none: reject all"
            rows.append((f"threshold at minDCF (p_target = {cost.p_target:g})", threshold))
        return rows


def summarise(
    target_scores: ArrayLike, nontarget_scores: ArrayLike, *, p_targets: tuple[float, ...] = (0.01, 0.05)
) -> Summary:
    """Compute the figures of one experiment, sorting the scores only once for most of them.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
        Higher means more like a target.
    p_targets : tuple of float
        Priors of a target for which the minimum detection cost is given (costs of 1).

    Returns
    -------
    Summary

    Raises
    ------
    DataError
        No scores, scores that are no numbers, NaN or infinite.
    ConfigError
        A prior out of its range.

    Examples
    --------
    >>> summary = summarise([2.0, 3.0, 4.0], [-1.0, 0.0, 1.0])
    >>> summary.eer_rocch, summary.eer_point.threshold
    (0.0, 1.5)
    >>> for name, value in summary.rows()[:3]:
    ...     print(f"{name}: {value}")
    target trials: 3
    nontarget trials: 3
    EER (ROC convex hull): 0.00 %
    """
    targets, nontargets = checked(target_scores, nontarget_scores)
    counts = count_errors(targets, nontargets)
    p_miss, p_fa, thresholds = counts.rates()

    def point(index: int) -> OperatingPoint:
        return OperatingPoint(middle_threshold(thresholds, index), float(p_miss[index]), float(p_fa[index]))

    min_costs = []
    for p_target in p_targets:
        best, cost = least_cost(counts, p_target=p_target, c_miss=1.0, c_fa=1.0)
        min_costs.append(MinimumCost(p_target, cost, point(best)))
    return Summary(
        num_targets=len(targets),
        num_nontargets=len(nontargets),
        eer_rocch=rocch_eer(counts),
        eer_kaldi=kaldi_eer(targets, nontargets),
        eer_point=point(closest_rates(counts)),
        min_costs=tuple(min_costs),
    )
