"""What one process of em_speed.py runs: a side's work, on request.

    python tests/benchmarks/em_sides.py SIDE FOLDER JOBS

FOLDER holds frames.npy and start.npz. Every line of the standard input is a JSON list, a task of the side and its
arguments; every line of the output says how long that took, and what it gave.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from em_data import held_out_frames
from numpy.typing import NDArray

Tasks = dict[str, Callable[..., Any]]
Start = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
Frames = NDArray[np.float32]

TEST_FRAMES = 1000  # 10 s, of a test and of what each model is adapted to


def nothing(result: object) -> None:
    """Keep a result in this process."""


def judged(stamps: list[float], levels: list[float], mixtures: list[Start]) -> list[tuple[float, float, float]]:
    """Rows of seconds, nats a frame of training, and nats a frame of held-out ones, by the same code for all."""
    import gmmspeech as gs

    held_out = held_out_frames()
    found = []
    for stamp, level, (weights, means, variances) in zip(stamps, levels, mixtures, strict=False):
        total = weights.sum(dtype=np.float64)  # in float32 it is not quite 1
        mixture = gs.DiagonalGMM.from_parameters(weights / total, means, variances)
        found.append((stamp, level, float(mixture.score(held_out))))
    return found


def gmmspeech_side(frames: Frames, start: Start, jobs: int, backend: str, *, accelerate: bool = False) -> Tasks:
    """Ours, with one of the kernels."""
    import gmmspeech as gs
    from gmmspeech.gmm import acceleration, em
    from gmmspeech.gmm.em import maximize, update
    from gmmspeech.gmm.stats import GMMStats
    from gmmspeech.scoring.llr import scorer

    gmm = gs.DiagonalGMM.from_parameters(*start, backend=backend, n_jobs=jobs)
    floor = gmm.absolute_variance_floor()

    def iterate(num_frames: int) -> None:
        maximize(gmm.accumulate(frames[:num_frames]), floor, previous=start)

    def fit(components: int, max_iter: int, tol: float, seed: int) -> list[tuple[float, float, float]]:
        """Processor seconds of a training, k-means included, after every E-step, and nats a frame (see `judged`)."""
        begun, stamps, mixtures = time.process_time(), [], []

        def traced(stats: GMMStats, floor: NDArray[np.float64], *, previous: Start) -> tuple[Start, int]:
            if len(mixtures) < len(stamps):  # not those of passes over few frames, with which the accelerated begins
                mixtures.append(previous)
            return update(stats, floor, previous=previous)

        how = {"accelerate": accelerate, "random_state": seed, "backend": backend, "n_jobs": jobs}
        ubm = gs.DiagonalGMM(components, max_iter=max_iter, tol=tol, **how)
        with mock.patch.object(em, "update", traced), mock.patch.object(acceleration, "update", traced):
            ubm.fit(frames, callback=lambda _: stamps.append(time.process_time() - begun))
        return judged(stamps, ubm.history_, mixtures)

    def memory(num_frames: int) -> dict[str, float]:
        """MiB resident without the frames: before an iteration, and what its peak adds to that."""
        before = _resident("VmRSS")
        iterate(num_frames)
        return {"before": before - frames.nbytes / 2**20, "added": _resident("VmHWM") - before}

    def statistics(num_frames: int) -> dict[str, Any]:
        some = frames[:num_frames]
        _, means, variances = maximize(gmm.accumulate(some), floor, previous=start)
        return {"scores": gmm.score_samples(some).tolist(), "means": means.tolist(), "variances": variances.tolist()}

    @cache
    def models(number: int) -> list[gs.DiagonalGMM]:
        starts = np.linspace(TEST_FRAMES, len(frames) - TEST_FRAMES, number, dtype=int)
        return [gs.map_adapt(gmm, frames[i : i + TEST_FRAMES]) for i in starts]

    @cache
    def prepared(number: int, top_c: int | None) -> Callable[[Frames], NDArray[np.float64]]:
        return scorer(models(number), gmm, top_c=top_c)

    return {
        "iterate": iterate,
        "score": lambda num_frames: nothing(gmm.score_samples(frames[:num_frames])),
        "fit": fit,
        "memory": memory,
        "statistics": statistics,
        "adapt models": lambda number: nothing(models(number)),
        "prepare models": lambda number, top_c: nothing(prepared(number, top_c)),
        "score models": lambda number, top_c: nothing(prepared(number, top_c)(frames[:TEST_FRAMES])),
    }


def product_side(frames: Frames, start: Start, jobs: int) -> Tasks:
    """The bare products: (N, 2D) by (2D, K), which gives the densities, and (K, N) by (N, 2D), which gives the sums."""
    num_components = len(start[0])
    expanded = np.concatenate([frames, frames**2], axis=1)
    matrix = np.ones((expanded.shape[1], num_components), np.float32)
    joint = np.ones((len(frames), num_components), np.float32)
    sums = np.ones((num_components, expanded.shape[1]), np.float32)

    def one(num_frames: int) -> None:
        np.matmul(expanded[:num_frames], matrix, out=joint[:num_frames])

    def two(num_frames: int) -> None:
        one(num_frames)
        np.matmul(joint[:num_frames].T, expanded[:num_frames], out=sums)

    return {"iterate": two, "score": one}


def scikit_learn_side(frames: Frames, start: Start, jobs: int, dtype: type) -> Tasks:
    """`GaussianMixture` on frames of a type."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    typed = frames.astype(dtype)

    def iterate(num_frames: int) -> None:
        gmm = GaussianMixture(len(start[0]), covariance_type="diag")
        gmm.weights_, gmm.means_, gmm.covariances_ = (p.astype(dtype) for p in start)
        gmm.precisions_cholesky_ = 1 / np.sqrt(gmm.covariances_)
        some = typed[:num_frames]
        _, log_posteriors = gmm._e_step(some)
        gmm._m_step(some, log_posteriors)

    class Traced(GaussianMixture):
        def _e_step(self, *arguments: Any, **options: Any) -> Any:
            result = super()._e_step(*arguments, **options)
            self.stamps.append(time.process_time() - self.begun)
            self.levels.append(float(result[0]))
            self.mixtures.append((self.weights_, self.means_, self.covariances_))
            return result

    def fit(components: int, max_iter: int, tol: float, seed: int) -> list[tuple[float, float, float]]:
        """Processor seconds of a training, k-means included, after every E-step, and nats a frame (see `judged`)."""
        gmm = Traced(components, covariance_type="diag", max_iter=max_iter, tol=tol, random_state=seed)
        gmm.begun, gmm.stamps, gmm.levels, gmm.mixtures = time.process_time(), [], [], []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            gmm.fit(typed)
        return judged(gmm.stamps, gmm.levels, gmm.mixtures)

    return {"iterate": iterate, "fit": fit}


def kaldi_side(frames: Frames, start: Start, jobs: int) -> Tasks:
    """Kaldi's classes as `kaldi-hmm-gmm` gives them to Python, which take one frame at a time."""
    import kaldi_hmm_gmm as kaldi

    weights, means, variances = (p.astype(np.float32) for p in start)
    gmm = kaldi.DiagGmm(*means.shape)
    gmm.set_weights(weights)
    gmm.set_invvars_and_means(1 / variances, means)
    gmm.compute_gconsts()

    def iterate(num_frames: int) -> None:
        sums = kaldi.AccumDiagGmm(gmm, int(kaldi.GmmUpdateFlags.kGmmAll))
        for frame in frames[:num_frames]:
            sums.accumulate_from_diag(gmm, frame, 1.0)

    return {"iterate": iterate}


def float64_side(frames: Frames, start: Start, jobs: int) -> Tasks:
    """Textbook formulas, all in float64, to compare with."""
    weights, means, variances = start
    constants = np.log(weights) - 0.5 * np.log(2 * np.pi * variances).sum(axis=1)

    def statistics(num_frames: int) -> dict[str, Any]:
        wide = frames[:num_frames].astype(np.float64)
        posteriors, scores = np.empty((num_frames, len(weights))), np.empty(num_frames)
        for t, frame in enumerate(wide):
            joint = constants - 0.5 * ((frame - means) ** 2 / variances).sum(axis=1)
            scores[t] = np.logaddexp.reduce(joint)
            posteriors[t] = np.exp(joint - scores[t])
        counts = posteriors.sum(axis=0)[:, None]
        new_means = posteriors.T @ wide / counts
        deviations = (posteriors[:, k] @ (wide - new_means[k]) ** 2 for k in range(len(weights)))
        mean = weights @ means
        floor = 0.01 * (weights @ (variances + (means - mean) ** 2))  # as DiagonalGMM has it by default
        new_variances = np.maximum(np.array(list(deviations)) / counts, floor)
        return {"scores": scores.tolist(), "means": new_means.tolist(), "variances": new_variances.tolist()}

    return {"statistics": statistics}


SIDES: dict[str, Callable[[Frames, Start, int], Tasks]] = {
    "native": lambda *given: gmmspeech_side(*given, "native"),
    "accelerated": lambda *given: gmmspeech_side(*given, "native", accelerate=True),
    "numpy": lambda *given: gmmspeech_side(*given, "numpy"),
    "products": product_side,
    "sklearn32": lambda *given: scikit_learn_side(*given, np.float32),
    "sklearn64": lambda *given: scikit_learn_side(*given, np.float64),
    "kaldi": kaldi_side,
    "float64": float64_side,
}


def _resident(field: str) -> float:
    """VmRSS (now) or VmHWM (at most so far) of this process, in MiB; NaN where there is no /proc."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), np.nan)


def main(side: str, folder: str, jobs: str) -> None:
    """Answer requests until there are no more."""
    with np.load(Path(folder) / "start.npz") as arrays:
        weights, means, variances = arrays.values()
    tasks = SIDES[side](np.load(Path(folder) / "frames.npy"), (weights, means, variances), int(jobs))
    for line in sys.stdin:
        task, *arguments = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        result = tasks[task](*arguments)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps({"wall": wall, "cpu": cpu, "result": result}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
