"""Metrics of scored trials for one or more systems, with intervals and tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.commands.score_names import distinct_names
from gmmspeech.errors import ConfigError, DataError, counted, naming, shown
from gmmspeech.formats.loading import load
from gmmspeech.formats.trials import read_labeled_trials, read_scores, read_speakers
from gmmspeech.metrics.bootstrap import Difference, Interval, bootstrap_systems
from gmmspeech.metrics.summary import Summary, summarize
from gmmspeech.scoring.trials import TrialList


@dataclass(frozen=True, eq=False)
class System:
    """Scores of one system in the order of the trials, and their figures.

    Attributes
    ----------
    name : str
    scores : ndarray, shape (trials,)
    summary : Summary
    intervals : dict
        Name of a row of the summary to its 95 % confidence interval.
    differences : dict
        Name of a row to the `Difference` of the first system and this one.
    """

    name: str
    scores: NDArray[np.float64]
    summary: Summary
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    differences: Mapping[str, Difference] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """Result of `evaluate_scores`."""

    trials: TrialList
    systems: tuple[System, ...]


def evaluate_scores(
    scores: Sequence[Path],
    trials: Path,
    *,
    p_targets: Sequence[float] = (0.01, 0.05),
    c_miss: float = 1.0,
    c_fa: float = 1.0,
    bootstrap: int = 0,
    speakers: Sequence[Path] = (),
) -> Evaluation:
    """Evaluate the score files of one or several systems on the same trials."""
    if bool(bootstrap) != bool(speakers):
        found = f"found bootstrap = {bootstrap} and {counted(len(speakers), 'file')} of speakers"
        raise ConfigError(f"{found}, expected both or none of them: it is speakers that are resampled")
    listed = read_labeled_trials(trials)
    is_target = np.asarray(listed.is_target)
    columns = finite_scores(scores, listed).T
    summaries = [
        summarize(column[is_target], column[~is_target], p_targets=p_targets, c_miss=c_miss, c_fa=c_fa)
        for column in columns
    ]
    systems = [System(*one) for one in zip(distinct_names(scores), columns, summaries, strict=True)]
    if bootstrap:
        sides = trial_speakers(listed, read_speakers(speakers), trials)
        systems = _resampled(systems, is_target, sides, bootstrap)
    return Evaluation(listed, tuple(systems))


def _resampled(
    systems: Sequence[System], is_target: NDArray[np.bool_], sides: tuple[list[str], list[str]], n_resamples: int
) -> list[System]:
    """Add intervals to systems and, to all but the first, tests against that."""
    points = list(_figures(systems[0].summary))
    columns = [system.scores for system in systems]
    found = bootstrap_systems(columns, is_target, *sides, points, n_resamples=n_resamples)
    resampled = []
    for system, of_points in zip(systems, found, strict=True):
        intervals: dict[str, Interval] = {}
        differences: dict[str, Difference] = {}
        for (rows, _), (spans, tests) in zip(_figures(system.summary), of_points, strict=True):
            intervals |= {rows[metric]: span for metric, span in spans.items()}
            differences |= {rows[metric]: test for metric, test in tests.items()}
        ordered = {name: differences[name] for name, _ in system.summary.rows() if name in differences}
        resampled.append(replace(system, intervals=intervals, differences=ordered))
    return resampled


def aligned_scores(scores: Sequence[Path], trials: TrialList) -> NDArray[np.float64]:
    """Scores of every trial (rows) from every file (columns), or a DataError that names the file."""
    columns = np.empty((len(trials), len(scores)), order="F")
    for i, path in enumerate(scores):
        found = read_scores(path)
        with naming(path, DataError):
            columns[:, i] = found.align(trials)
    return columns


def finite_scores(scores: Sequence[Path], trials: TrialList) -> NDArray[np.float64]:
    """Give `aligned_scores`, or a DataError that names file and trial of an infinite one: no figure is made of it."""
    columns = aligned_scores(scores, trials)
    check_finite_scores(scores, trials, columns)
    return columns


def check_finite_scores(scores: Sequence[Path], trials: TrialList, columns: NDArray[np.float64]) -> None:
    """Raise a DataError that names file and trial of the first infinite one of aligned scores."""
    for path, column in zip(scores, columns.T, strict=True):
        infinite = np.flatnonzero(np.isinf(column))
        if infinite.size:
            trial = f"model {shown(trials.models[infinite[0]])}, test {shown(trials.tests[infinite[0]])}"
            found = f"found {column[infinite[0]]:g} as the score of {trial} ({infinite.size} infinite)"
            raise DataError(f"{path}: {found}, expected finite numbers")


def trial_speakers(trials: TrialList, speakers: Mapping[str, str], path: Path) -> tuple[list[str], list[str]]:
    """Speaker of the model and of the test of every trial, or a DataError that names the one without."""
    for kind, names in (("model", trials.models), ("test", trials.tests)):
        unknown = [name for name in dict.fromkeys(names) if name not in speakers]
        if unknown:
            found = f"found no speaker of {kind} {unknown[0]} ({len(unknown)} such)"
            raise DataError(f"{path}: {found}, expected one in the files of speakers")
    return [speakers[name] for name in trials.models], [speakers[name] for name in trials.tests]


def rows_of_figures(evaluation: Evaluation) -> list[list[str]]:
    """Table of all figures as text, its head first: a column for each system, and one for the intervals it has."""
    systems = evaluation.systems
    head: list[str] = [""]
    rows = [[name] for name, _ in systems[0].summary.rows()]
    for system in systems:
        head.append(system.name)
        for row, (_, value) in zip(rows, system.summary.rows(), strict=True):
            row.append(value)
        if system.intervals:
            head.append("95 %")
            for row in rows:
                row.append(_span(row[0], system.intervals.get(row[0])))
    return [head, *rows]


def rows_of_differences(system: System) -> list[list[str]]:
    """Table of what was tested, as text: name, difference (first system less this), its interval and the p-value."""
    rows = [["", "difference", "95 %", "p"]]
    for name, found in system.differences.items():
        difference = _number(name, found.difference.value, "+")
        rows.append([name, difference, _span(name, found.difference, "+"), f"{found.p_value:.3f}"])
    return rows


def _span(name: str, interval: Interval | None, sign: str = "") -> str:
    return "" if interval is None else f"{_number(name, interval.low, sign)} to {_number(name, interval.high, sign)}"


def _number(name: str, value: float, sign: str = "") -> str:
    return f"{100 * value:{sign}.2f} %" if name.startswith("EER") else f"{value:{sign}.4f}"


def _figures(summary: Summary) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    """Metrics of the bootstrap and the rows that they belong to, for every operating point."""
    for i, cost in enumerate(summary.costs):
        figures = {"min_dcf": f"minDCF ({cost.where})", "actual_dcf": f"actual DCF ({cost.where})"}
        if i == 0:
            figures = {"eer": "EER (ROC convex hull)", **figures, "cllr": "Cllr", "min_cllr": "minCllr"}
        yield figures, {"p_target": cost.p_target, "c_miss": cost.c_miss, "c_fa": cost.c_fa}


def split_scores(scores: Path, trials: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Target and nontarget scores of the trials in a list."""
    listed = read_labeled_trials(trials)
    (column,), is_target = finite_scores([scores], listed).T, np.asarray(listed.is_target)
    return column[is_target], column[~is_target]


def evaluate_file(scores: Path, trials: Path, *, report: Path | None = None, models: Path | None = None) -> Summary:
    """Figures of scored trials, and a report on them.

    Parameters
    ----------
    scores, trials : Path
        Score file and trial list.
    report : Path, optional
        Folder in which to write ``index.html``.
    models : Path, optional
        Enrolled speakers that gave the scores; the report tells their configuration.
    """
    found = evaluate_scores([scores], trials)
    if report is not None:
        report_file(found, trials, report, models=models)
    return found.systems[0].summary


def report_file(
    evaluation: Evaluation,
    trials: Path,
    report: Path,
    *,
    models: Path | None = None,
    notes: Sequence[str] = (),
    tables: Mapping[str, Mapping[str, object]] | None = None,
    by_group: Sequence[Sequence[str]] = (),
) -> None:
    """Write a page on evaluated scores, with notes at the top, errors by group, and tables before the configuration."""
    from gmmspeech.report.html import write_report
    from gmmspeech.speaker.verifier import SpeakerVerifier

    verifier = None if models is None else load(models, SpeakerVerifier)
    system, *others = evaluation.systems
    listed = evaluation.trials
    write_report(
        report,
        title=f"Speaker verification: {system.name}",
        subtitle=f"trials of {'/'.join(trials.parts[-2:])}",
        models=listed.models,
        tests=listed.tests,
        is_target=np.asarray(listed.is_target),
        scores=system.scores,
        summary=system.summary,
        figures=rows_of_figures(evaluation),
        tests_against={other.name: rows_of_differences(other) for other in others if other.differences},
        others={other.name: other.scores for other in others},
        configuration={**(tables or {}), **({} if verifier is None else verifier.configuration())},
        notes=notes,
        by_group=by_group,
    )
