"""Rows of the tables that recipes print: measurements as text under headings."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.metrics.bootstrap import Interval, bootstrap_ci
from gmmspeech.metrics.boundaries import TOLERANCES, BoundaryAgreement, BoundaryDetection, boundary_agreement
from gmmspeech.metrics.cllr import cllr
from gmmspeech.metrics.error_rate import ErrorRate, Times
from gmmspeech.metrics.summary import Summary
from gmmspeech.phones.decoding.alignment import Alignment

Row = dict[str, str]
ERROR = 0.02  # s: boundaries that are farther off are errors


def verification_row(task: str, found: Sequence[Summary]) -> Row:
    """Row of speaker verification: means over seeds."""
    rates = [100 * s.eer_rocch for s in found]
    return {
        "task": task,
        "trials (targets)": f"{found[0].num_targets + found[0].num_nontargets} ({found[0].num_targets})",
        "EER, ROC hull": f"{np.mean(rates):.2f} % ({', '.join(f'{r:.2f}' for r in rates)})",
        "EER, Kaldi": f"{100 * np.mean([s.eer_kaldi for s in found]):.2f} %",
        "minDCF 0.01": f"{np.mean([s.costs[0].min_dcf for s in found]):.3f}",
    }


def interval_row(
    scores: NDArray[np.float64],
    llrs: NDArray[np.float64],
    is_target: NDArray[np.bool_],
    model_speakers: Sequence[str],
    test_speakers: Sequence[str],
    *,
    resamples: int = 1000,
) -> Row:
    """Row of scores, and of the ratios that calibration made of them, with intervals of resampled speakers."""
    who = is_target, model_speakers, test_speakers
    found = bootstrap_ci(scores, *who, metrics=("eer", "min_dcf"), n_resamples=resamples)
    calibrated = bootstrap_ci(llrs, *who, metrics=("cllr",), n_resamples=resamples)["cllr"]
    return {
        "EER, %": _interval(found["eer"], 100, 2),
        "minDCF 0.01": _interval(found["min_dcf"], 1, 3),
        "Cllr as it is": f"{cllr(scores[is_target], scores[~is_target]):.3f}",
        "Cllr calibrated": _interval(calibrated, 1, 3),
    }


def calibrated_row(task: str, learned: str, found: Summary) -> Row:
    """Row of log-likelihood ratios, and of what the calibration that made them was learned on."""
    cost = found.costs[0]
    return {
        "ratios of": task,
        "calibration learned on": learned,
        "trials (targets)": f"{found.num_targets + found.num_nontargets} ({found.num_targets})",
        "EER": f"{100 * found.eer_rocch:.2f} %",
        "minDCF 0.01": f"{cost.min_dcf:.3f}",
        "actual DCF 0.01": f"{cost.actual_dcf:.3f}",
        "Cllr": f"{found.cllr:.3f}",
        "minCllr": f"{found.min_cllr:.3f}",
    }


def classification_row(task: str, found: Sequence[Mapping[str, str]], labels: Mapping[str, str]) -> Row:
    """Row of classification: errors of every seed, each a class for every utterance that has a label."""
    errors = [sum(classes[utterance] != label for utterance, label in labels.items()) for classes in found]
    return {
        "task": task,
        "utterances": str(len(labels)),
        "errors, a seed each": ", ".join(map(str, errors)),
        "right": f"{100 * (1 - sum(errors) / (len(errors) * len(labels))):.2f} %",
    }


def boundary_row(
    task: str, reference: Mapping[str, Times], found: Mapping[str, Times], *, ignore: Collection[str] = ("SIL",)
) -> Row:
    """Row of alignment: how far the starts of phones are from those of other labels."""
    theirs = {utterance: reference[utterance] for utterance in found}
    agreement = boundary_agreement(theirs, found, ignore=ignore)
    matched = len(agreement.differences)
    return {
        "task": task,
        "utterances": str(len(found)),
        "phones": str(agreement.num_reference),
        "unmatched": str(agreement.num_reference - matched),
        "within 20 ms": f"{100 * agreement.within(0.02):.2f} %",
        "within 10 ms": f"{100 * agreement.within(0.01):.2f} %",
        "median difference": f"{1000 * agreement.median:+.1f} ms",
    }


def agreement_row(name: str, found: BoundaryAgreement) -> Row:
    """Row of boundaries: mean and median distance, bias, and how many are within some tolerances."""
    matched = len(found.differences)
    row = {
        "boundaries": name,
        "matched": f"{matched} of {found.num_reference}" if found.num_reference > matched else str(matched),
        "mean abs.": f"{1000 * found.mean_absolute:.1f} ms",
        "median abs.": f"{1000 * found.median_absolute:.1f} ms",
        "bias": f"{1000 * found.bias:+.1f} ms",
        **{f"within {1000 * limit:g} ms": f"{100 * found.within(limit):.1f} %" for limit in TOLERANCES},
    }
    return _dashed(row)


def deviation_row(task: str, found: BoundaryAgreement, alignments: Mapping[str, Alignment]) -> Row:
    """Row of what the deviations of starts tell: their intervals, and where errors above 20 ms are."""
    from scipy.stats import mannwhitneyu  # which takes a while

    known = {
        (utterance, round(phone.start, 7)): deviation
        for utterance, each in alignments.items()
        for phone, deviation in zip(each.phones, each.deviations if each.deviations is not None else (), strict=True)
    }
    starts = (found.times + found.differences).round(7)
    deviations = np.array([known[place] for place in zip(found.utterances.tolist(), starts.tolist(), strict=True)])
    errors, wrong = np.abs(found.differences), found.beyond(ERROR)
    area = mannwhitneyu(deviations[wrong], deviations[~wrong]).statistic / (wrong.sum() * (~wrong).sum())
    worst = np.argsort(-deviations, kind="stable")[: len(deviations) // 10]
    limit = f"{1000 * ERROR:g} ms"
    return {
        "boundaries": task,
        "in 95 % intervals": f"{100 * np.mean(errors <= 1.96 * deviations):.1f} %",
        f"above {limit}": f"{100 * np.mean(wrong):.1f} %",
        "AUC for them": f"{area:.3f}",
        "of them in the worst tenth": f"{100 * wrong[worst].sum() / wrong.sum():.1f} %",
    }


def detection_row(tolerance: float, found: BoundaryDetection) -> Row:
    """Row of boundaries as events without names: precision, recall, F1 and R-value at a tolerance."""
    row = {
        "tolerance": f"{1000 * tolerance:g} ms",
        "found": f"{found.hits} of {found.num_reference}",
        "surplus": str(found.num_hypothesis - found.hits),
        "precision": f"{found.precision:.4f}",
        "recall": f"{found.recall:.4f}",
        "F1": f"{found.f1:.4f}",
        "R-value": f"{found.r_value:.4f}",
    }
    return _dashed(row)


def error_row(task: str, errors: ErrorRate) -> Row:
    """Row of recognition: phone or word errors."""
    return {
        "task": task,
        "reference": str(errors.num_reference),
        "error rate": f"{100 * errors.rate:.2f} %",
        "substitutions": str(errors.substitutions),
        "deletions": str(errors.deletions),
        "insertions": str(errors.insertions),
    }


def speed_row(step: str, speech: float, cpu: float) -> Row:
    """Row of how long a step took on so many seconds of speech."""
    return {
        "step": step,
        "speech": f"{speech:.0f} s",
        "CPU": f"{cpu:.1f} s",
        "times faster than real time": f"{speech / cpu:.0f}",
    }


def _dashed(row: Row) -> Row:
    """Row with dashes in place of figures of nothing."""
    return {name: "–" if re.match("[+]?nan( |$)", cell) else cell for name, cell in row.items()}


def _interval(found: Interval, factor: float, digits: int) -> str:
    value, low, high = (f"{factor * x:.{digits}f}" for x in (found.value, found.low, found.high))
    return f"{value} ({low}–{high})"
