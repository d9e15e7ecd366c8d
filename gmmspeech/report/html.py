"""The report of a verification experiment: one self-contained HTML file."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import DataError, counted
from gmmspeech.metrics.summary import DetectionCost, Summary, summarize
from gmmspeech.plot import score_plots, tradeoffs
from gmmspeech.plot.style import figure_of
from gmmspeech.report.page import (
    Configuration,
    Table,
    configuration_section,
    fill_template,
    inline_svg,
    section,
    table,
    write_page,
)

WORST_TRIALS = 10
MAX_MODEL_ROWS = 20

_GROUPS = (
    "<p>Trials within a group of speakers, and between groups. Misses and false alarms are those at the one threshold "
    "at which all trials have their EER: where they differ much, so do the levels of the scores.</p>"
)
_INTERVALS = "Intervals and p-values are by resampling the speakers: they hold for other speakers, recorded alike."


def write_report(
    directory: str | os.PathLike[str],
    *,
    title: str,
    models: Sequence[str],
    tests: Sequence[str],
    is_target: ArrayLike,
    scores: ArrayLike,
    configuration: Configuration | None = None,
    subtitle: str = "",
    summary: Summary | None = None,
    figures: Table | None = None,
    tests_against: Mapping[str, Table] | None = None,
    others: Mapping[str, ArrayLike] | None = None,
    notes: Sequence[str] = (),
    by_group: Table = (),
) -> Path:
    """Write ``index.html``: figures of merit, curves, histograms, the worst errors, the models, the configuration.

    The file refers to nothing outside itself and has no scripts. Equal input gives equal bytes. It appears only once it
    is complete.

    Shapes: `is_target` (N,), `scores` (N,).
    """
    values, target = np.asarray(scores, dtype=np.float64), np.asarray(is_target, dtype=bool)
    if values.ndim != 1 or not (len(models) == len(tests) == len(values) and target.shape == values.shape):
        raise DataError(
            f"found {counted(len(models), 'model')}, {counted(len(tests), 'test')}, "
            f"{counted(target.size, 'label')} and {counted(values.size, 'score')}, "
            "expected one of each for every trial"
        )
    target_scores, nontarget_scores = values[target], values[~target]
    summary = summary or summarize(target_scores, nontarget_scores)
    threshold = summary.eer_point.threshold
    sides = target_scores, nontarget_scores
    curves = {name: (np.asarray(x)[target], np.asarray(x)[~target]) for name, x in (others or {}).items()}
    pictures = {
        "det": (figure_of(tradeoffs.det, *sides, summary=summary, others=curves), _describe_det(summary)),
        "scores": (figure_of(score_plots.scores, *sides, threshold=threshold), _describe_scores(*sides, threshold)),
        "tippett": (figure_of(score_plots.tippett, *sides), "Tippett curves of the scores as log-likelihood ratios."),
        "bayes": (
            figure_of(score_plots.bayes_error, *sides, p_targets=[_effective_prior(cost) for cost in summary.costs]),
            f"Bayes error rates. Cllr {summary.cllr:.4f}, at best {summary.min_cllr:.4f}.",
        ),
    }
    pictures["entropy"] = (figure_of(score_plots.ece, *sides), "Empirical cross-entropy over priors.")
    told = "".join(f"<li>{escape(note)}</li>\n" for note in notes)
    body = section("What the figures are worth", f"<ul>\n{told}</ul>") if notes else ""
    if by_group:
        head, *rows = by_group
        body += section("Errors by group", f"{_GROUPS}\n{table(head, rows, numbers=len(head) - 1)}")
    body += fill_template(
        "verification.html",
        **{name: inline_svg(figure, name=name, alt=alt) for name, (figure, alt) in pictures.items()},
        layout="columns" if figures is None or len(figures[0]) == 2 else "wide",
        figures=_figures_table(summary, figures),
        intervals=_INTERVALS if figures is not None and "95 %" in figures[0] else "",
        comparisons=_comparisons(tests_against or {}),
        worst=_worst_section(models, tests, target, values, threshold),
        models=_models_section(models, target, values, threshold),
        configuration=configuration_section(configuration or {}),
    )
    return write_page(
        Path(directory) / "index.html", title=title, subtitle=subtitle, headline=_headline(summary), body=body
    )


def worst_trials(
    is_target: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Trials that lie the farthest on the wrong side of a threshold, and after those the ones closest to it.

    Shapes: `is_target` (N,), `scores` (N,); gives `indices` (min(WORST_TRIALS, N),).
    """
    distances = np.where(is_target, threshold - scores, scores - threshold)
    count = min(WORST_TRIALS, len(scores))
    least = np.partition(distances, -count)[-count]
    candidates = np.flatnonzero(distances >= least)
    errors = is_target[candidates] != (scores[candidates] >= threshold)  # decides at a distance of 0
    indices = candidates[np.lexsort((~errors, -distances[candidates]))][:count]
    return indices, distances[indices]


def _worst_section(
    models: Sequence[str],
    tests: Sequence[str],
    is_target: NDArray[np.bool_],
    scores: NDArray[np.float64],
    threshold: float,
) -> str:
    errors = int(np.count_nonzero(is_target != (scores >= threshold)))
    indices, distances = worst_trials(is_target, scores, threshold)
    rows = []
    for index, distance in zip(indices.tolist(), distances.tolist(), strict=True):
        accepted = scores[index] >= threshold
        if is_target[index]:
            kind = "target, accepted" if accepted else "missed target"
        else:
            kind = "false alarm" if accepted else "nontarget, rejected"
        rows.append((kind, models[index], tests[index], f"{scores[index]:#.4g}", f"{distance:+#.4g}"))
    if errors >= len(rows):
        lie = "lies" if errors == 1 else "lie"
        said = (
            f"{counted(errors, 'trial', ',')} {lie} on the wrong side of the threshold; these are the farthest on it."
        )
    else:
        said = {0: "No trial lies", 1: "Only one trial lies"}.get(errors, f"Only {errors} trials lie")
        said += " on the wrong side of the threshold"
        said += "; these are the closest calls." if not errors else "; the others are the closest calls."
    return f"<p>{said}</p>\n{table(['what', 'model', 'test', 'score', 'wrong by'], rows, numbers=2)}"


def _models_section(
    models: Sequence[str], is_target: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float
) -> str:
    numbers: dict[str, int] = {}
    codes = np.fromiter(
        (numbers.setdefault(model, len(numbers)) for model in models), dtype=np.int64, count=len(models)
    )
    names = list(numbers)
    accepted = scores >= threshold

    def count(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(codes[chosen], minlength=len(names))

    targets, nontargets = count(is_target), count(~is_target)
    misses, false_alarms = count(is_target & ~accepted), count(~is_target & accepted)
    lowest, highest = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    np.minimum.at(lowest, codes[is_target], scores[is_target])
    np.maximum.at(highest, codes[~is_target], scores[~is_target])

    order = sorted(range(len(names)), key=lambda i: (-misses[i] - false_alarms[i], lowest[i] - highest[i], names[i]))
    rows = [
        (
            names[i],
            f"{misses[i]:,} of {targets[i]:,}",
            f"{false_alarms[i]:,} of {nontargets[i]:,}",
            f"{lowest[i]:#.4g}" if targets[i] else "–",
            f"{highest[i]:#.4g}" if nontargets[i] else "–",
        )
        for i in order[:MAX_MODEL_ROWS]
    ]
    left_out = f" {MAX_MODEL_ROWS} of {len(names):,} models are listed." if len(names) > MAX_MODEL_ROWS else ""
    heads = ["model", "missed targets", "false alarms", "lowest target", "highest nontarget"]
    return (
        f"<p>Errors at the threshold, by claimed model, those with the most errors first.{left_out}</p>\n"
        f"{table(heads, rows, numbers=4)}"
    )


def _figures_table(summary: Summary, figures: Table | None) -> str:
    head, *rows = figures or [["figure", "value"], *summary.rows()]
    return table([head[0] or "figure", *head[1:]], rows, numbers=len(head) - 1)


def _comparisons(tables: Mapping[str, Table]) -> str:
    parts = []
    for name, (head, *rows) in tables.items():
        parts.append(f"<h3>Difference from {escape(name)}</h3>\n{table(head, rows, numbers=len(head) - 1)}")
    return "\n".join(parts)


def _effective_prior(cost: DetectionCost) -> float:
    """Prior that leads to the same decisions with costs of 1."""
    return 1 / (1 + math.exp(cost.bayes_point.threshold))


def _headline(summary: Summary) -> list[tuple[str, str, str]]:
    point = summary.eer_point
    return [
        (f"{100 * summary.eer_rocch:.2f} %", "equal error rate", "on the ROC convex hull"),
        *((f"{c.min_dcf:.3f}", "minimum DCF", f"at p_target = {c.p_target:g}") for c in summary.costs[:1]),
        (f"{summary.cllr:.3f}", "Cllr", f"at best {summary.min_cllr:.3f}"),
        (_errors(point.p_miss, summary.num_targets), "targets missed", "at the EER threshold"),
        (_errors(point.p_fa, summary.num_nontargets), "false alarms", "at the EER threshold"),
    ]


def _errors(rate: float, trials: int) -> str:
    return f"{round(rate * trials):,} of {trials:,}"


def _describe_det(summary: Summary) -> str:
    costs = "".join(f", minimum DCF {c.min_dcf:.3f} at p_target {c.p_target:g}" for c in summary.costs)
    return f"Detection error trade-off curve. Equal error rate {100 * summary.eer_rocch:.2f} percent{costs}."


def _describe_scores(targets: NDArray[np.float64], nontargets: NDArray[np.float64], threshold: float) -> str:
    return (
        f"Histograms of the scores. {counted(len(targets), 'target', ',')} with median {np.median(targets):#.4g}, "
        f"{counted(len(nontargets), 'nontarget', ',')} with median {np.median(nontargets):#.4g}, "
        f"threshold {threshold:#.4g}."
    )
