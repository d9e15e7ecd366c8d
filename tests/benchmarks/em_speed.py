"""How close a pass of EM comes to the two matrix products it can't do without, and how far from scikit-learn.

    python tests/benchmarks/em_speed.py [--frames 200000] [--dim 60] [--components 512] [--jobs 1] [--repetitions 5]

The products, on frames of the same size in float32: (N, 2D) by (2D, K), which gives the densities, and (K, N) by
(N, 2D), which gives the statistics, in one call each on all frames, with as many BLAS threads as EM has jobs. The sides
take turns, so that a busy machine slows both; all buffers are written to before the clock starts. Scikit-learn is timed
over one iteration of `GaussianMixture` (float64, as it works in), on fewer frames, and scaled to all.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_info, threadpool_limits

from gmmspeech.gmm.mixture import DiagonalGMM


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _products(frames: NDArray[np.float32], components: int, jobs: int) -> Callable[[], object]:
    expanded = np.concatenate([frames, frames**2], axis=1)
    matrix = np.ones((expanded.shape[1], components), np.float32)
    joint = np.ones((len(frames), components), np.float32)
    sums = np.ones((components, expanded.shape[1]), np.float32)

    def work() -> None:
        with threadpool_limits(jobs, user_api="blas"):
            np.matmul(expanded, matrix, out=joint)
            np.matmul(joint.T, expanded, out=sums)

    return work


def _scikit_learn(frames: NDArray[np.float32], gmm: DiagonalGMM, jobs: int) -> float:
    """Time of one iteration: what two cost more than one."""

    def fit(iterations: int) -> None:
        theirs = GaussianMixture(
            len(gmm.weights_), covariance_type="diag", tol=0, max_iter=iterations, weights_init=gmm.weights_,
            means_init=gmm.means_, precisions_init=1 / gmm.covariances_, init_params="random",
        )  # fmt: skip
        with warnings.catch_warnings(), threadpool_limits(jobs, user_api="blas"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            theirs.fit(frames.astype(np.float64))

    return -_seconds(lambda: fit(1)) + _seconds(lambda: fit(2))


def main() -> None:
    """Time the sides in turns and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=60)
    parser.add_argument("--components", type=int, default=512)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--scikit-learn-frames", type=int, default=40_000)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    shape = (options.components, options.dim)
    frames = rng.standard_normal((options.frames, options.dim), dtype=np.float32)
    gmm = DiagonalGMM.from_parameters(
        np.full(shape[0], 1 / shape[0]), rng.normal(size=shape), rng.uniform(0.5, 1.5, shape), n_jobs=options.jobs
    )
    products = _products(frames, options.components, options.jobs)
    sides = {"one pass of EM": lambda: gmm.accumulate(frames), "the two bare products": products}

    for work in sides.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.repetitions):
        for name, work in sides.items():
            times[name].append(_seconds(work))
    some = frames[: options.scikit_learn_frames]
    theirs = statistics.median(_scikit_learn(some, gmm, options.jobs) for _ in range(3)) * len(frames) / len(some)

    for pool in threadpool_info():
        print(f"{pool['internal_api']} {pool['version']}: {pool['num_threads']} threads, {pool.get('architecture')}")
    print(f"OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', '(unset)')}, {os.cpu_count()} cores")
    print(f"{options.frames} frames of {options.dim} columns, {options.components} components, {options.jobs} jobs")
    for name, seconds in times.items():
        print(f"{name:32} {statistics.median(seconds):7.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})")
    print(f"{'an iteration of scikit-learn':32} {theirs:7.2f} s  (scaled from {len(some)} frames)")
    pairs = zip(*times.values(), strict=True)
    print(f"EM by the two products: {statistics.median(em / bare for em, bare in pairs):.2f}")
    print(f"scikit-learn by EM:     {theirs / statistics.median(times['one pass of EM']):.1f}")


if __name__ == "__main__":
    main()
