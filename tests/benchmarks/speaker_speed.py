"""How long i-vector training and extraction, linear and PLDA scoring take, and the memory that training holds.

python tests/benchmarks/speaker_speed.py [--jobs 2] [--utterances 1000] [--components 512] [--dim 60] [--rank 100]

Statistics are drawn from a model. Scores are of as many models as tests; full scoring, of frames, is timed on 20 of the
models and tests each and multiplied up, since it grows with their product.
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np

from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import StatsBatch
from gmmspeech.scoring.linear import linear_score
from gmmspeech.scoring.llr import log_likelihood_ratios
from gmmspeech.speaker.ivector import train_ivector_extractor
from gmmspeech.speaker.plda import PLDA

FRAMES = 500  # of an utterance
PART = 20  # models and tests scored in full


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("jobs", 2), ("utterances", 1000), ("components", 512), ("dim", 60), ("rank", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = options.components, options.dim
    ubm = DiagonalGMM.from_parameters(
        rng.dirichlet(np.full(shape[0], 5.0)), rng.normal(size=shape), rng.uniform(0.5, 2, shape)
    )
    stats = draw(rng, ubm, options.utterances, options.rank)
    ivectors(ubm, stats, options)
    scores(rng, ubm, stats, options)


def draw(rng: np.random.Generator, ubm: DiagonalGMM, count: int, rank: int) -> StatsBatch:
    """Statistics of utterances whose means lie in a space of some rank."""
    k, d = ubm.means_.shape
    matrix = rng.normal(size=(k, d, rank)) / np.sqrt(16 * rank)
    n = FRAMES * rng.dirichlet(np.full(k, 0.3), count)
    sum_x = np.empty((count, k, d))
    for i in range(count):
        means = ubm.means_ + matrix @ rng.normal(size=rank)
        sum_x[i] = n[i][:, None] * means + np.sqrt(n[i][:, None] * ubm.covariances_) * rng.normal(size=(k, d))
    return StatsBatch(n, sum_x, np.full(count, float(FRAMES)))


def ivectors(ubm: DiagonalGMM, stats: StatsBatch, options: argparse.Namespace) -> None:
    """Training and extraction."""
    before = peak_mib()
    ends = [time.perf_counter()]
    extractor = train_ivector_extractor(
        ubm, stats, options.rank, max_iter=4, n_jobs=options.jobs, callback=lambda _: ends.append(time.perf_counter())
    )
    iterations = ", ".join(f"{seconds:.2f}" for seconds in np.diff(ends))
    print(f"training, {options.jobs} jobs: {iterations} s an iteration; {peak_mib() - before:.0f} MiB more than before")
    for fast in (False, True):
        extractor.extract(stats, fast=fast)  # makes what all calls share
        seconds = least(lambda fast=fast: extractor.extract(stats, fast=fast, n_jobs=options.jobs))
        print(
            f"extraction{', fast' if fast else ''}: {seconds:.2f} s, {1e3 * seconds / len(stats):.2f} ms an utterance"
        )


def scores(rng: np.random.Generator, ubm: DiagonalGMM, stats: StatsBatch, options: argparse.Namespace) -> None:
    """Linear scores beside full ones, and PLDA."""
    count = len(stats)
    means = ubm.means_ + 0.1 * rng.normal(size=(count, *ubm.means_.shape))
    linear = least(lambda: linear_score(means, ubm, stats))
    frames = [rng.normal(size=(FRAMES, options.dim)).astype(np.float32) for _ in range(PART)]
    models = [ubm.with_parameters(ubm.weights_, m, ubm.covariances_) for m in means[:PART]]
    full = least(lambda: log_likelihood_ratios(models, ubm, frames, n_jobs=options.jobs)) * (count / PART) ** 2
    counting = least(lambda: [ubm.accumulate(x) for x in frames]) * count / PART
    print(
        f"{count} x {count} scores: full {full:.0f} s (of {PART} x {PART}), linear {linear:.2f} s ({full / linear:.0f} "
        f"times faster); counting of the tests {counting:.2f} s ({full / (linear + counting):.0f} times with it)"
    )
    vectors, identity = rng.normal(size=(count, options.rank)), np.eye(options.rank)
    plda = PLDA(np.zeros(options.rank), identity, identity)
    print(f"{count} x {count} PLDA scores: {1e3 * least(lambda: plda.score(vectors, vectors)):.0f} ms")


def least(function: Callable[[], object], runs: int = 3) -> float:
    """Least seconds of some runs."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def peak_mib() -> float:
    """Most memory that the process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
