"""What the systems are compared by: scores of all trials, figures with intervals, and processor seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from sessions import open_sessions
from systems import SYSTEMS, SystemSettings

import gmmspeech as gs
from gmmspeech.commands.evaluation import aligned_scores, evaluate_file
from gmmspeech.commands.scores import cross_calibrate_files
from gmmspeech.formats.datadir import read_map
from gmmspeech.report.rows import Row, interval_row
from gmmspeech.scoring.trials import of_matrix

NORMS = ("raw", "as-norm")
FUSION = "fusion"


def score(
    system: str,
    folder: Path,
    background: Path,
    ubm: Path,
    trials: Path,
    settings: SystemSettings,
    top_n: int,
    n_jobs: int,
) -> None:
    """Train a system, score all trials, and normalize the scores by the cohort."""
    listed, times = gs.read_trials(trials), folder / "times" / f"{system}.json"
    with ExitStack() as stack:
        paths = background / "sessions", background / "cohort", folder / "models", folder / "tests"
        known, cohort, models, tests = (stack.enter_context(open_sessions(path)) for path in paths)
        with timed(times, "training"):
            scorer = SYSTEMS[system](gs.load(ubm), known, settings, n_jobs=n_jobs)
        with timed(times, "scoring"):
            scores = scorer(models, tests)
        with timed(times, "cohort"):
            against = scorer(models, cohort), scorer(cohort, tests).T
            normalized = gs.scoring.s_norm(scores, *against, top_n=top_n)
        for norm, matrix in zip(NORMS, (scores, normalized), strict=True):
            values = of_matrix(matrix, list(models.stats), list(tests.stats), listed)
            gs.write_scores(folder / "scores" / f"{system}-{norm}", gs.Scores(listed.models, listed.tests, values))


def evaluate(name: str, folder: Path, trials: Path, fused: Sequence[str], resamples: int) -> list[Row]:
    """Calibrate the scores of every system, and of some fused; give a row for each, and write a report on these."""
    listed, files = gs.read_trials(trials), [folder / kind / "utt2spk" for kind in ("models", "tests")]
    models, tests = (read_map(path) for path in files)
    who = [models[model] for model in listed.models], [tests[test] for test in listed.tests]
    rows = []
    for system in (*SYSTEMS, FUSION):
        for norm in NORMS:
            paths = [folder / "scores" / f"{part}-{norm}" for part in (fused if system == FUSION else [system])]
            calibrated = cross_calibrate_files(paths, trials, folder / "llrs" / f"{system}-{norm}", files)
            fusion = calibrated.fusion
            scores = aligned_scores(paths, listed)[:, 0] if fusion is None else fusion.scores
            found = interval_row(scores, calibrated.llrs, np.asarray(listed.is_target), *who, resamples=resamples)
            times = seconds(folder / "times" / f"{system}.json")
            times["cohort"] = "" if norm == NORMS[0] else times.get("cohort", "")
            spent = {f"{step}, s": times.get(step, "") for step in ("training", "scoring", "cohort")}
            alone = "" if fusion is None or fusion.kept is None else fused[fusion.kept]
            rows.append({"task": name, "system": system, "scores": norm, **found, **spent, "kept alone": alone})
    evaluate_file(folder / "llrs" / f"{FUSION}-{NORMS[0]}", trials, report=folder / "report")
    return rows


def shared_row(name: str, background: Path, folder: Path, trials: Path) -> Row:
    """Processor seconds that no system needs for itself alone."""
    listed = gs.read_trials(trials)
    return {
        "task": name,
        "background model, s": seconds(background / "ubm.json").get("training", ""),
        "statistics of models and tests, s": seconds(folder / "counting.json")["counting"],
        "trials (targets)": f"{len(listed)} ({np.count_nonzero(np.asarray(listed.is_target))})",
    }


@contextmanager
def timed(path: Path, step: str) -> Iterator[None]:
    """Note in a file the processor seconds that something takes."""
    began = time.process_time()
    yield
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**known, step: time.process_time() - began}), encoding="utf-8")


def seconds(path: Path) -> dict[str, str]:
    """What `timed` noted; nothing for a fusion, which takes those of its parts and next to nothing itself."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {step: f"{spent:.1f}" for step, spent in found.items()}
