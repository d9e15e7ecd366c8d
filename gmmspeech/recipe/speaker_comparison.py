"""Stages that compare the family of systems on one task: same background, same trials, one row each in one table."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.commands.evaluation import aligned_scores, evaluate_file
from gmmspeech.commands.scores import cross_calibrate_files
from gmmspeech.commands.verification import train_ubm_file
from gmmspeech.files.atomic import write_lines
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.loading import load
from gmmspeech.formats.trials import read_trials, write_scores
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.metrics.bootstrap import Interval, bootstrap_ci
from gmmspeech.metrics.cllr import cllr
from gmmspeech.recipe.sides import Entry, count_side, open_side, write_side
from gmmspeech.recipe.speaker_systems import SYSTEMS, SystemSettings
from gmmspeech.recipe.stages import Stage
from gmmspeech.scoring.normalization import s_norm
from gmmspeech.scoring.trials import Scores, TrialList

NORMS = ("raw", "as-norm")
FUSION = "fusion"


@dataclass(frozen=True)
class Background:
    """Speakers who are in no trial: what the background model and all that is trained besides are trained on.

    Parameters
    ----------
    folder : Path
        Where its sides ``sessions`` and ``cohort`` and its background model are kept.
    sessions, cohort : sequence of Entry
        What is trained on, and what scores are normalized by.
    n_components : int
    seed : int
    """

    folder: Path
    sessions: Sequence[Entry]
    cohort: Sequence[Entry]
    n_components: int
    seed: int = 0

    @property
    def ubm(self) -> Path:
        """File of the background model."""
        return self.folder / "ubm.h5"


@dataclass(frozen=True)
class Task:
    """Trials on which the systems are compared.

    Parameters
    ----------
    name : str
    folder : Path
        Where its sides ``models`` and ``tests``, scores and figures are kept.
    background : Background
    models, tests : sequence of Entry
        Named as in the trials.
    trials : Path
    settings : SystemSettings
    top_n : int
        Size of the adaptive cohorts.
    fused : sequence of str
        Systems that are fused.
    resamples : int
        Of speakers, for the intervals.
    """

    name: str
    folder: Path
    background: Background
    models: Sequence[Entry]
    tests: Sequence[Entry]
    trials: Path
    settings: SystemSettings
    top_n: int
    fused: Sequence[str]
    resamples: int = 1000

    def scores_path(self, system: str, norm: str, kind: str = "scores") -> Path:
        """File of scores, or (`kind` = "llrs") of calibrated log-likelihood ratios."""
        return self.folder / kind / f"{system}-{norm}"

    def times_path(self, system: str) -> Path:
        """File of the processor seconds that a system took."""
        return self.folder / "times" / f"{system}.json"


def background_stages(background: Background, features: Sequence[Path], *, jobs: int) -> list[Stage]:
    """Stages that make the sides of a background, its background model, and the statistics under it."""
    folder, name = background.folder, background.folder.name
    sides = {"sessions": background.sessions, "cohort": background.cohort}

    def arrange() -> None:
        for side, entries in sides.items():
            write_side(folder / side, features, entries)

    def train() -> None:
        with _timed(folder / "ubm.json", "training"):
            train_ubm_file(
                folder / "sessions" / "frames.h5",
                background.ubm,
                background.n_components,
                random_state=background.seed,
                n_jobs=jobs,
            )
        for side in sides:
            count_side(folder / side, load(background.ubm, DiagonalGMM), jobs=jobs)

    entries = {side: [asdict(entry) for entry in found] for side, found in sides.items()}
    return [
        Stage(f"sides-{name}", arrange, [folder / side / "frames.h5" for side in sides], configuration=entries),
        Stage(
            f"ubm-{name}",
            train,
            [background.ubm, *(folder / side / "statistics.h5" for side in sides)],
            configuration=[background.n_components, background.seed],
        ),
    ]


def task_stages(task: Task, features: Sequence[Path], *, jobs: int) -> list[Stage]:
    """Stages that count a task's models and tests, score them by every system, and evaluate the scores."""
    sides = {"models": task.models, "tests": task.tests}

    def count() -> None:
        for side, entries in sides.items():
            write_side(task.folder / side, features, entries)
        with _timed(task.folder / "counting.json", "counting"):
            for side in sides:
                count_side(task.folder / side, load(task.background.ubm, DiagonalGMM), jobs=jobs)

    entries = {side: [asdict(entry) for entry in found] for side, found in sides.items()}
    stages = [
        Stage(
            f"count-{task.name}",
            count,
            [task.folder / side / "statistics.h5" for side in sides],
            configuration=entries,
        )
    ]
    for system in SYSTEMS:
        stages.append(
            Stage(
                f"score-{task.name}-{system}",
                partial(_score, task, system, jobs),
                [task.times_path(system), *(task.scores_path(system, norm) for norm in NORMS)],
                inputs=[task.trials],
                configuration=[asdict(task.settings), task.top_n],
            )
        )
    stages.append(
        Stage(
            f"evaluate-{task.name}",
            partial(_evaluate, task),
            [_figures_path(task), task.folder / "report" / "index.html"],
            inputs=[task.trials],
            configuration=[task.fused, task.resamples],
        )
    )
    return stages


def comparison_rows(task: Task) -> list[dict[str, str]]:
    """Rows of the table, one for each system with and without normalization."""
    return json.loads(_figures_path(task).read_text(encoding="utf-8"))


def shared_row(task: Task) -> dict[str, str]:
    """Processor seconds that no system needs for itself alone."""
    return {
        "task": task.name,
        "background model, s": _seconds(task.background.folder / "ubm.json", "training"),
        "statistics of models and tests, s": _seconds(task.folder / "counting.json", "counting"),
        "trials (targets)": _trials(read_trials(task.trials)),
    }


def _score(task: Task, system: str, jobs: int) -> None:
    ubm = load(task.background.ubm, DiagonalGMM)
    trials = read_trials(task.trials)
    times = task.times_path(system)
    with ExitStack() as stack:
        folders = [task.background.folder / side for side in ("sessions", "cohort")]
        background, cohort = (stack.enter_context(open_side(folder)) for folder in folders)
        models, tests = (stack.enter_context(open_side(task.folder / side)) for side in ("models", "tests"))
        with _timed(times, "training"):
            score = SYSTEMS[system](ubm, background, task.settings, jobs=jobs)
        with _timed(times, "scoring"):
            scores = score(models, tests)
        with _timed(times, "cohort"):
            normalized = s_norm(scores, score(models, cohort), score(cohort, tests).T, top_n=task.top_n)
        rows, columns = ({name: i for i, name in enumerate(side.stats)} for side in (models, tests))
    places = [rows[model] for model in trials.models], [columns[test] for test in trials.tests]
    for norm, matrix in zip(NORMS, (scores, normalized), strict=True):
        write_scores(task.scores_path(system, norm), Scores(trials.models, trials.tests, matrix[places]))


def figures_of(
    scores: NDArray[np.float64],
    llrs: NDArray[np.float64],
    is_target: NDArray[np.bool_],
    model_speakers: Sequence[str],
    test_speakers: Sequence[str],
    *,
    resamples: int = 1000,
) -> dict[str, str]:
    """Figures of scores, and of the ratios that calibration made of them, with intervals; for a row of a table."""
    who = is_target, model_speakers, test_speakers
    found = bootstrap_ci(scores, *who, metrics=("eer", "min_dcf"), n_resamples=resamples)
    calibrated = bootstrap_ci(llrs, *who, metrics=("cllr",), n_resamples=resamples)["cllr"]
    return {
        "EER, %": _interval(found["eer"], 100, 2),
        "minDCF 0.01": _interval(found["min_dcf"], 1, 3),
        "Cllr as it is": f"{cllr(scores[is_target], scores[~is_target]):.3f}",
        "Cllr calibrated": _interval(calibrated, 1, 3),
    }


def _evaluate(task: Task) -> None:
    trials = read_trials(task.trials)
    sides = [task.folder / side / "utt2spk" for side in ("models", "tests")]
    speakers = [read_map(path) for path in sides]
    who = [speakers[0][name] for name in trials.models], [speakers[1][name] for name in trials.tests]
    rows = []
    for system in (*SYSTEMS, FUSION):
        for norm in NORMS:
            paths = [task.scores_path(part, norm) for part in (task.fused if system == FUSION else [system])]
            llrs = cross_calibrate_files(paths, task.trials, task.scores_path(system, norm, "llrs"), sides)
            scores = llrs.values if system == FUSION else aligned_scores(paths, trials)[:, 0]
            found = figures_of(scores, llrs.values, np.asarray(trials.is_target), *who, resamples=task.resamples)
            rows.append({"task": task.name, "system": system, "scores": norm, **found, **_times(task, system, norm)})
    write_lines(_figures_path(task), [json.dumps(rows, indent=1, ensure_ascii=False)])
    evaluate_file(task.scores_path(FUSION, NORMS[0], "llrs"), task.trials, report=task.folder / "report")


def _times(task: Task, system: str, norm: str) -> dict[str, str]:
    """Processor seconds of a row; a fusion takes those of its parts, and next to nothing itself."""
    if system == FUSION:
        return {"training, s": "", "scoring, s": "", "cohort, s": ""}
    path = task.times_path(system)
    cohort = "" if norm == NORMS[0] else _seconds(path, "cohort")
    return {"training, s": _seconds(path, "training"), "scoring, s": _seconds(path, "scoring"), "cohort, s": cohort}


def _interval(found: Interval, factor: float, digits: int) -> str:
    value, low, high = (f"{factor * x:.{digits}f}" for x in (found.value, found.low, found.high))
    return f"{value} ({low}–{high})"


def _figures_path(task: Task) -> Path:
    return task.folder / "figures.json"


def _trials(trials: TrialList) -> str:
    return f"{len(trials)} ({np.count_nonzero(np.asarray(trials.is_target))})"


@contextmanager
def _timed(path: Path, name: str) -> Iterator[None]:
    """Note in a file the processor seconds that something takes."""
    began = time.process_time()
    yield
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_lines(path, [json.dumps({**known, name: time.process_time() - began})])


def _seconds(path: Path, name: str) -> str:
    return f"{json.loads(path.read_text(encoding='utf-8'))[name]:.1f}"
