"""Rows of recipes' tables."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from gmmspeech.metrics.boundaries import boundary_agreement
from gmmspeech.metrics.error_rate import error_rate
from gmmspeech.metrics.summary import summarize
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import Label
from gmmspeech.report.rows import (
    agreement_row,
    boundary_row,
    classification_row,
    deviation_row,
    error_row,
    speed_row,
    verification_row,
)


def test_a_row_of_verification_has_means_over_seeds() -> None:
    found = [summarize([2.0, 3.0, 4.0], [-1.0, 0.0, 1.0]), summarize([0.0, 3.0, 4.0], [-1.0, 0.0, 1.0])]
    rates = [100 * summary.eer_rocch for summary in found]
    assert rates[1] > 0
    row = verification_row("digits", found)
    assert (row["task"], row["trials (targets)"]) == ("digits", "6 (3)")
    assert row["EER, ROC hull"] == f"{sum(rates) / 2:.2f} % ({rates[0]:.2f}, {rates[1]:.2f})"


def test_a_row_of_classification_counts_errors_of_all_seeds() -> None:
    found = [dict(enumerate("aaaa")), dict(enumerate("aabb"))]
    assert classification_row("t", found, dict(enumerate("aaaa"))) == {
        "task": "t",
        "utterances": "4",
        "errors, a seed each": "0, 2",
        "right": "75.00 %",
    }


def test_a_row_of_speed() -> None:
    assert speed_row("train", 60.0, 4.0) == {
        "step": "train",
        "speech": "60 s",
        "CPU": "4.0 s",
        "times faster than real time": "15",
    }


def test_rows_of_boundaries_and_errors() -> None:
    reference = {
        "u": [Label(0.0, 0.3, "SIL"), Label(0.3, 0.5, "AA"), Label(0.5, 0.6, "T"), Label(0.6, 0.7, "S")],
        "v": [Label(0.0, 0.3, "AA")],
    }
    found = {"u": [Label(0.0, 0.31, "SIL"), Label(0.31, 0.53, "AA"), Label(0.53, 0.7, "S")]}
    assert boundary_row("task", reference, found) == {
        "task": "task",
        "utterances": "1",
        "phones": "3",
        "unmatched": "1",
        "within 20 ms": "50.00 %",
        "within 10 ms": "50.00 %",
        "median difference": "-30.0 ms",
    }
    assert boundary_row("task", reference, found, ignore=["T"])["phones"] == "3"
    agreement = boundary_agreement({"u": reference["u"]}, found, ends=True)
    assert agreement_row("all", agreement) == {  # two starts, 10 and -70 ms, and the end of S
        "boundaries": "all",
        "matched": "3 of 4",
        "mean abs.": "26.7 ms",
        "median abs.": "10.0 ms",
        "bias": "-20.0 ms",
        **{"within 5 ms": "33.3 %", "within 10 ms": "66.7 %", "within 20 ms": "66.7 %", "within 50 ms": "66.7 %"},
    }
    assert agreement_row("part", agreement.of(~agreement.is_end))["matched"] == "2"
    assert error_row("task", error_rate({"u": ["AA", "T"]}, {"u": ["AA", "S", "S"]})) == {
        "task": "task",
        "reference": "2",
        "error rate": "100.00 %",
        "substitutions": "1",
        "deletions": "0",
        "insertions": "1",
    }


def test_a_start_just_20_ms_away_is_no_error() -> None:
    exact = {"u": [Label(0.1 * i, 0.1 * i + 0.1, f"P{i}") for i in range(1, 21)]}
    found = [Label(a + 0.02 + 0.01 * (i == 3), b, name) for i, (a, b, name) in enumerate(exact["u"])]
    aligned = {"u": Alignment([], found, np.zeros(20), None, 0.0, deviations=np.full(20, 0.01))}
    agreement = boundary_agreement(exact, {"u": found})
    assert deviation_row("t", agreement, aligned)["above 20 ms"] == "5.0 %"
    assert agreement.beyond(0.02).tolist() == [i == 3 for i in range(20)]


def test_a_row_of_deviations() -> None:
    """Area and worst tenth as scikit-learn and sorting by hand have them."""
    rng = np.random.default_rng(0)
    deviations = np.round(rng.uniform(0.001, 0.03, 100), 3)  # with ties
    errors = rng.normal(0, deviations)
    starts = np.arange(1, 101) * 0.25
    ends = np.append(starts[1:], 26.0)
    exact = {"u": [Label(a, b, f"P{i % 7}") for i, (a, b) in enumerate(zip(starts, ends, strict=True))]}
    found = [Label(a + error, b, name) for (a, b, name), error in zip(exact["u"], errors, strict=True)]
    aligned = {"u": Alignment([], found, np.zeros(100), None, 0.0, deviations=deviations)}
    row = deviation_row("t", boundary_agreement(exact, {"u": found}), aligned)
    wrong = np.abs(errors) > 0.02
    first = np.argsort(-deviations, kind="stable")[:10]
    assert row == {
        "boundaries": "t",
        "in 95 % intervals": f"{np.mean(np.abs(errors) <= 1.96 * deviations):.1%}".replace("%", " %"),
        "above 20 ms": f"{wrong.sum()}.0 %",
        "AUC for them": f"{roc_auc_score(wrong, deviations):.3f}",
        "of them in the worst tenth": f"{100 * wrong[first].sum() / wrong.sum():.1f} %",
    }
