"""How long evaluation, bootstrap, calibration and normalization of many trials take.

python tests/benchmarks/scores_speed.py [--trials 10000000] [--runs 3]

Every line has the least of the runs: seconds by the wall clock, and seconds of processor time, which hardly depend on
what else the machine does.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gmmspeech.formats.score_files import map_scores
from gmmspeech.metrics.bootstrap import bootstrap_ci
from gmmspeech.metrics.cllr import cllr, min_cllr
from gmmspeech.metrics.dcf import min_dcf
from gmmspeech.metrics.eer import eer
from gmmspeech.metrics.summary import summarize
from gmmspeech.scoring.calibration import fit_calibration, fit_pav
from gmmspeech.scoring.normalization import s_norm
from gmmspeech.scoring.score_normalizer import ScoreNormalizer
from gmmspeech.scoring.trials import Scores


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    for share in (0.01, 0.5):
        figures(options.trials, int(share * options.trials), options.runs)
    bootstrap(options.trials // 10, options.runs)
    normalization(options.runs)
    score_file(options.trials // 10, options.runs)


def figures(trials: int, num_targets: int, runs: int) -> None:
    """Figures of merit and calibrations of many trials, one by one, each with a sort of its own."""
    rng = np.random.default_rng(0)
    targets, nontargets = rng.normal(2, 2, num_targets), rng.normal(-2, 2, trials - num_targets)
    print(f"{num_targets:,} targets, {len(nontargets):,} nontargets")
    total = [0.0, 0.0]
    for function in (eer, min_dcf, cllr, min_cllr):
        spent = measure(function.__name__, lambda function=function: function(targets, nontargets), runs)
        total = [a + b for a, b in zip(total, spent, strict=True)]
    tell("these four", total)
    measure("all of them from one sort (summarize)", lambda: summarize(targets, nontargets), runs)
    for function in (fit_calibration, fit_pav):
        measure(function.__name__, lambda function=function: function(targets, nontargets), runs)


def bootstrap(trials: int, runs: int) -> None:
    """1,000 resamples: every speaker against all others, and trials of which half are targets."""
    rng = np.random.default_rng(0)
    side = round(trials**0.5)
    models, tests = (axis.ravel() for axis in np.indices((side, side)))
    many = rng.integers(0, 1000, (2, trials))
    many[1] = np.where(rng.random(trials) < 0.5, many[0], many[1])
    for first, second in ((models, tests), many):
        is_target = first == second
        scores = rng.normal(np.where(is_target, 2.0, -2.0), 2.0)
        name = f"bootstrap, {len(scores):,} trials, {is_target.sum():,} targets"
        measure(name, lambda s=scores, t=is_target, a=first, b=second: bootstrap_ci(s, t, a, b), min(runs, 2))


def normalization(runs: int) -> None:
    """Adaptive s-norm of a matrix: a foreign cohort, and one in which every claimed speaker is."""
    rng = np.random.default_rng(0)
    scores, models, tests = (rng.normal(size=(1000, 1000)) for _ in range(3))
    for top_n in (300, None):
        measure(
            f"s_norm 1,000 x 1,000, cohort 1,000, top {top_n}",
            lambda n=top_n: s_norm(scores, models, tests, top_n=n),
            runs,
        )
        names = dict.fromkeys(("model_speakers", "model_cohort_speakers", "test_cohort_speakers"), range(1000))
        measure(
            "    without the claimed speaker",
            lambda n=top_n, s=names: s_norm(scores, models, tests, top_n=n, **s),
            runs,
        )


def score_file(trials: int, runs: int) -> None:
    """Z-norm of a score file."""
    cohort = Scores(["ann"] * 2 + ["bob"] * 2, ["c1", "c2"] * 2, np.arange(4.0))
    normalizer = ScoreNormalizer("z", model_cohort=cohort)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores"
        path.write_text("".join(f"{('ann', 'bob')[i % 2]} test-{i} {i / 7:.9g}\n" for i in range(trials)))
        measure(
            f"z-norm of a file of {trials:,} lines",
            lambda: map_scores(path, path.with_name("out"), normalizer.apply),
            runs,
        )


def measure(name: str, function: Callable[[], object], runs: int) -> list[float]:
    """Least seconds, by both clocks; printed."""
    least = [float("inf")] * 2
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        function()
        least = [min(least[0], time.perf_counter() - start[0]), min(least[1], time.process_time() - start[1])]
    tell(name, least)
    return least


def tell(name: str, seconds: list[float]) -> None:
    """One line."""
    print(f"  {name:55} {seconds[0]:7.2f} s  {seconds[1]:7.2f} s of processor", flush=True)


if __name__ == "__main__":
    main()
