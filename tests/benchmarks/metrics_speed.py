"""How long the metrics take, as multiples of one numpy sort of the same scores, beside scikit-learn's curves.

python tests/benchmarks/metrics_speed.py [--trials 10000000] [--runs 3]

Every line is the least of the runs, all measured in the same process; the runs of different functions take turns.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import sklearn.metrics

from gmmspeech.metrics.dcf import min_dcf
from gmmspeech.metrics.det import det_curve, rocch
from gmmspeech.metrics.eer import eer
from gmmspeech.metrics.summary import summarize


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    for share in (0.01, 0.5):
        num_targets = max(1, int(share * options.trials))
        rng = np.random.default_rng(0)
        targets, nontargets = rng.normal(2, 1, num_targets), rng.normal(0, 1, options.trials - num_targets)
        print(f"{num_targets:,} targets, {len(nontargets):,} nontargets; least of {options.runs} runs")
        report(measure(functions(targets, nontargets), options.runs))


def functions(targets: np.ndarray, nontargets: np.ndarray) -> dict[str, Callable[[], object]]:
    """What is measured."""
    scores = np.concatenate([targets, nontargets])
    labels = np.repeat([1, 0], [len(targets), len(nontargets)])
    return {
        "numpy.sort": lambda: np.sort(scores),
        "det_curve": lambda: det_curve(targets, nontargets),
        "rocch": lambda: rocch(targets, nontargets),
        "eer, rocch": lambda: eer(targets, nontargets),
        "eer, kaldi": lambda: eer(targets, nontargets, method="kaldi"),
        "min_dcf": lambda: min_dcf(targets, nontargets),
        "summarize": lambda: summarize(targets, nontargets),
        "sklearn roc_curve": lambda: sklearn.metrics.roc_curve(labels, scores),
        "sklearn det_curve": lambda: sklearn.metrics.det_curve(labels, scores),
    }


def measure(functions: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Least seconds of every function."""
    least = dict.fromkeys(functions, float("inf"))
    for _ in range(runs):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            least[name] = min(least[name], time.perf_counter() - start)
    return least


def report(seconds: dict[str, float]) -> None:
    """One line a function."""
    for name, value in seconds.items():
        print(f"  {name:18} {value:7.3f} s  {value / seconds['numpy.sort']:6.2f} sorts")


if __name__ == "__main__":
    main()
