"""Summary metrics of one verification experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.metrics.cllr import hull_cllr, mean_cllr
from gmmspeech.metrics.dcf import bayes_threshold, detection_cost, least_cost
from gmmspeech.metrics.det import both_sides, convex_hull, count_sorted
from gmmspeech.metrics.eer import closest_rates, hull_eer, kaldi_eer, middle_threshold


@dataclass(frozen=True)
class OperatingPoint:
    """Error rates at one threshold; a trial is accepted if its score is at or above it."""

    threshold: float
    p_miss: float
    p_fa: float


@dataclass(frozen=True)
class DetectionCost:
    """Normalized detection costs for one prior and costs of the two errors.

    Attributes
    ----------
    p_target, c_miss, c_fa : float
    min_dcf : float
        At the best threshold for these trials.
    point : OperatingPoint
        Where that is reached.
    actual_dcf : float
        At the threshold that prior and costs give for log-likelihood ratios (`gmmspeech.metrics.dcf.bayes_threshold`).
    bayes_point : OperatingPoint
        There.
    """

    p_target: float
    c_miss: float
    c_fa: float
    min_dcf: float
    point: OperatingPoint
    actual_dcf: float
    bayes_point: OperatingPoint

    @property
    def where(self) -> str:
        """Prior, and costs unless both are 1, as text."""
        costs = "" if self.c_miss == self.c_fa == 1 else f", c_miss = {self.c_miss:g}, c_fa = {self.c_fa:g}"
        return f"p_target = {self.p_target:g}{costs}"


@dataclass(frozen=True)
class Summary:
    """Metrics of one system, as returned by `summarize`.

    Attributes
    ----------
    num_targets, num_nontargets : int
    eer_rocch, eer_kaldi : float
        Equal error rate, in [0, 1], by both definitions of `gmmspeech.metrics.eer.eer`.
    eer_point : OperatingPoint
        Point at which the two error rates are closest; see `gmmspeech.metrics.eer.eer_threshold`.
    costs : tuple of DetectionCost
        One for every given prior.
    cllr, min_cllr : float
        See `gmmspeech.metrics.cllr`; like the actual costs, `cllr` is meaningful only for log-likelihood ratios.
    """

    num_targets: int
    num_nontargets: int
    eer_rocch: float
    eer_kaldi: float
    eer_point: OperatingPoint
    costs: tuple[DetectionCost, ...]
    cllr: float
    min_cllr: float

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
        for cost in self.costs:
            threshold = f"{cost.point.threshold:#.4g}" if isfinite(cost.point.threshold) else "none: reject all"
            rows += [
                (f"minDCF ({cost.where})", f"{cost.min_dcf:.4f}"),
                (f"threshold at minDCF ({cost.where})", threshold),
                (f"actual DCF ({cost.where})", f"{cost.actual_dcf:.4f}"),
                (f"Bayes threshold ({cost.where})", f"{cost.bayes_point.threshold:#.4g}"),
            ]
        return [*rows, ("Cllr", f"{self.cllr:.4f}"), ("minCllr", f"{self.min_cllr:.4f}")]


def summarize(
    target_scores: ArrayLike,
    nontarget_scores: ArrayLike,
    *,
    p_targets: Sequence[float] = (0.01, 0.05),
    c_miss: float = 1.0,
    c_fa: float = 1.0,
) -> Summary:
    """Compute the metrics of one experiment, all from one sort of the scores.

    Shapes: `target_scores` (T,), `nontarget_scores` (T,).
    """
    targets, nontargets = (np.sort(side) for side in both_sides(target_scores, nontarget_scores))
    counts = count_sorted(targets, nontargets)
    hull = convex_hull(counts)

    def point(index: int) -> OperatingPoint:
        return _point(middle_threshold(counts.thresholds, index), targets, nontargets)

    costs = []
    for p_target in p_targets:
        options = {"p_target": p_target, "c_miss": c_miss, "c_fa": c_fa}
        corner, cost = least_cost(hull, **options)  # the least cost is at a corner of the hull
        best = int(np.searchsorted(counts.thresholds, hull.thresholds[corner]))
        bayes = _point(bayes_threshold(**options), targets, nontargets)
        actual = detection_cost(bayes.p_miss, bayes.p_fa, **options)
        costs.append(DetectionCost(**options, min_dcf=cost, point=point(best), actual_dcf=actual, bayes_point=bayes))
    return Summary(
        num_targets=len(targets),
        num_nontargets=len(nontargets),
        eer_rocch=hull_eer(hull),
        eer_kaldi=kaldi_eer(targets, nontargets),
        eer_point=point(closest_rates(counts)),
        costs=tuple(costs),
        cllr=mean_cllr(targets, nontargets),
        min_cllr=hull_cllr(hull),
    )


def _point(threshold: float, targets: NDArray[np.float64], nontargets: NDArray[np.float64]) -> OperatingPoint:
    """Error rates at a threshold, of scores that rise."""
    missed, rejected = np.searchsorted(targets, threshold), np.searchsorted(nontargets, threshold)
    return OperatingPoint(threshold, missed / len(targets), (len(nontargets) - rejected) / len(nontargets))
