"""How close EM comes to the two matrix products it can't do without, and how far others are from it.

    python tests/benchmarks/em_speed.py [--workloads W1 W2 W3 R1 R2 quality ...] [--repetitions 7] [--core 0]

Prints a section of Markdown for every workload:

- W1, W2, W3: an iteration of EM (E-step and update), and scoring all frames, by our kernels, by the bare float32
  products in one BLAS call each on all frames (into arrays written to beforehand), by scikit-learn's `GaussianMixture`
  and by Kaldi's classes (PyPI `kaldi-hmm-gmm`), from the same mixture on the same frames, drawn ones;
- R1, R2: the same on real frames (`clean_speech` of librispeech-mini);
- quality: from frames to a mixture as good, on held-out frames, as a long training makes it, by `DiagonalGMM` (with
  `accelerate`, and without) and `GaussianMixture`, else with their defaults, k-means included (real frames where
  GMMSPEECH_CORPORA says where librispeech-mini is, of other speakers than those held out);
- scoring: many adapted models on one test, by the ten best components of each frame and by all;
- threads, memory, errors: what the names say.

Every side is a process of its own that stays alive; they take turns, one repetition each, so that a busy machine slows
all alike. All have one thread (`threads` apart) and an allocator that keeps what is freed (`memory` apart). Seconds are
those of the processor, which are wall time on an idle machine and leave out on a busy one what others took; with two
threads, which need both cores at once, the least wall time counts. Times are medians, ratios medians of the ratios
within a round. What would take long is timed on fewer frames and scaled.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
from em_data import quality_frames, real_frames, save_workload, speech_like
from em_process import present, processes, say_how_busy, table
from threadpoolctl import threadpool_info

from gmmspeech.gmm.kernels import native_kernel

SIZES = {"W1": (200_000, 60, 512), "W2": (200_000, 60, 2048), "W3": (50_000, 39, 64)}  # frames, columns, components
REAL_SIZES = {"R1": (200_000, 512), "R2": (200_000, 2048)}  # frames, components
DENSITIES = 110_000_000  # that scikit-learn is given to hold at once, which it does several times over
KALDI_FRAMES = 2000
MODELS, FULL_MODELS, TOP_C = 1000, 50, 10
ERROR_FRAMES = 50_000
MEMORY_FRAMES = (200_000, 400_000)
NEAR = 0.01  # nats a frame
DEFAULT_UPDATES = {"native": 20, "accelerated": 20, "sklearn32": 100, "sklearn64": 100}
DEFAULT_TOLERANCE = 1e-3  # nats a frame, of both
LONG_TOLERANCE = 1e-5  # of a training to the end
KERNELS = ("native", "numpy")


def drawn_workload(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Time an iteration and the scoring of drawn frames."""
    num_frames, dim, components = SIZES[name]
    kernel_workload(name, speech_like(num_frames, dim), "drawn", components, folder, options)


def real_workload(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Time an iteration and the scoring of real frames."""
    num_frames, components = REAL_SIZES[name]
    frames = real_frames(num_frames)
    if frames is None:
        print(f"Left out: {name}, as GMMSPEECH_CORPORA does not say where librispeech-mini is.\n")
        return
    kernel_workload(name, frames, "real", components, folder, options)


def kernel_workload(
    name: str, frames: np.ndarray, kind: str, components: int, folder: Path, options: argparse.Namespace
) -> None:
    """Time an iteration and the scoring of all frames."""
    num_frames, dim = frames.shape
    save_workload(folder, frames, components)
    scikit_learn = min(num_frames, DENSITIES // components)
    counts = dict.fromkeys(("products", *KERNELS), num_frames)
    counts |= {"sklearn32": scikit_learn, "sklearn64": scikit_learn, "kaldi": KALDI_FRAMES}
    with processes(present(counts), folder, core=options.core) as sides:
        for _ in range(1 + options.repetitions):
            for key, side in sides.items():
                side.ask("iterate", counts[key], timed_as="iterate", scale=num_frames / counts[key])
                if key in ("products", *KERNELS):
                    side.ask("score", counts[key], timed_as="score")
    products, ours = sides["products"], sides.get("native", sides["numpy"])
    print(f"### {name}: {num_frames:,} × {dim} {kind} frames, {components} components\n")
    header = ["", "frames timed", "EM iteration, s", "by two sgemm", "by ours", "scoring, s", "by one sgemm"]
    rows = []
    for key, side in sides.items():
        row = [side.title, f"{counts[key]:,}", f"{side.median('iterate'):.3f}"]
        row += [f"{side.ratio('iterate', products):.2f}", f"{side.ratio('iterate', ours):.2f}"]
        if "score" in side.wall:
            row += [f"{side.median('score'):.3f}", f"{side.ratio('score', products):.2f}"]
        else:
            row += ["", ""]
        rows.append(row)
    table(header, rows)
    say_how_busy(sides.values(), "iterate")


def quality(folder: Path, options: argparse.Namespace) -> None:
    """Time trainings until they are as good, on held-out frames, as scikit-learn's and as their own long ones."""
    frames, words = quality_frames(options.quality_frames)
    components, updates, seeds = options.quality_components, options.quality_updates, options.quality_seeds
    save_workload(folder, frames, components)
    print(f"### quality: {words}, {components} components, medians of {seeds} seeds\n")
    with processes(present(["accelerated", "native", "sklearn32", "sklearn64"]), folder, core=options.core) as sides:
        # a row for every E-step: seconds since the start of k-means, nats a frame of training and held out
        traces: dict[str, list[np.ndarray]] = {key: [] for key in sides}
        for seed in range(seeds):
            for key, side in sides.items():
                traces[key].append(np.array(side.ask("fit", components, updates, LONG_TOLERANCE, seed)))
    default = np.median([trace[_default_stop("sklearn64", trace), 2] for trace in traces["sklearn64"]])
    best = np.median([trace[:, 2].max() for trace in traces["sklearn64"]])
    goals: dict[str, Callable[[str, np.ndarray], int]] = {
        "first E-step (k-means and one pass)": lambda key, trace: 0,
        "last E-step of its default run": _default_stop,
        f"{default - NEAR:.3f}, {NEAR} below scikit-learn's default": lambda key, trace: _first(trace[:, 2], default),
        f"{best - NEAR:.3f}, {NEAR} below scikit-learn's best": lambda key, trace: _first(trace[:, 2], best),
        f"{NEAR} below its own best": lambda key, trace: _first(trace[:, 2], trace[:, 2].max()),
        "the same of the frames of training": lambda key, trace: _first(trace[:, 1], trace[:, 1].max()),
        f"gain below {LONG_TOLERANCE:.0e} or {updates} E-steps": lambda key, trace: len(trace) - 1,
    }
    rows = []
    for goal, step in goals.items():
        ours = np.nan
        for key in sides:
            reached = [_row(trace, step(key, trace)) for trace in traces[key]]
            steps, seconds, level, held_out = np.median(reached, axis=0)
            ours = seconds if key == "accelerated" else ours
            row = [goal, sides[key].title, f"{steps:.0f}", f"{level:.3f}", f"{held_out:.3f}", f"{seconds:.2f}"]
            ratio = f"{seconds / ours:.1f}" if np.isfinite([seconds, ours]).all() else ""
            rows.append([*row, ratio] if np.isfinite(seconds) else [*row[:2], "not reached", "", "", "", ""])
    table(["until", "", "E-steps", "nats a frame of training", "held out", "s", "by ours"], rows)


def _first(level: np.ndarray, goal: float) -> int:
    """Index of the first E-step that is near the goal; one too many where there is none."""
    return int(np.argmax(np.append(level, np.inf) >= goal - NEAR))


def _default_stop(key: str, trace: np.ndarray) -> int:
    """Index of the last E-step of a training with default options."""
    small = np.append(np.diff(trace[:, 1]) < DEFAULT_TOLERANCE, True)
    return min(1 + int(np.argmax(small)), DEFAULT_UPDATES[key] - 1, len(trace) - 1)


def _row(trace: np.ndarray, index: int) -> tuple[float, ...]:
    """Number of E-steps, seconds, nats a frame of training and held out."""
    return (1.0 + index, *trace[index]) if index < len(trace) else (np.inf, np.inf, -np.inf, -np.inf)


def scoring(folder: Path, options: argparse.Namespace) -> None:
    """Time many models on one test by their best components, and some of them by all."""
    num_frames, dim, components = SIZES["W1"]
    save_workload(folder, speech_like(num_frames, dim), components)
    print(f"### scoring: {MODELS:,} models adapted in their means, {components} components, one test of 1,000 frames\n")
    with processes(present(KERNELS), folder, core=options.core) as sides:
        for side in sides.values():
            side.ask("adapt models", MODELS)
            side.ask("prepare models", MODELS, TOP_C, timed_as="prepare")
            side.ask("adapt models", FULL_MODELS)
            side.ask("prepare models", FULL_MODELS, None)
        for _ in range(1 + options.repetitions):
            for side in sides.values():
                side.ask("score models", MODELS, TOP_C, timed_as="top")
                side.ask("score models", FULL_MODELS, None, timed_as="full", scale=MODELS / FULL_MODELS)
    rows = []
    for side in sides.values():
        row = [side.title, f"{side.median('full'):.2f}", f"{side.median('top'):.3f}"]
        row += [f"{side.ratio('full', side, 'top'):.1f}", f"{side.cpu['prepare'][0]:.2f}"]
        rows.append(row)
    header = ["", f"all components, s (of {FULL_MODELS} models, scaled)", f"top {TOP_C}, s", "ratio"]
    table([*header, "once for all tests, s"], rows)
    say_how_busy(sides.values(), "top")


def threads(folder: Path, options: argparse.Namespace) -> None:
    """Time an iteration with one thread and with two."""
    num_frames, dim, components = SIZES["W1"]
    if len(os.sched_getaffinity(0)) < 2:
        print("Left out: threads, as there is one core only (pinned?).\n")
        return
    save_workload(folder, speech_like(num_frames, dim), components)
    print(f"### threads: {num_frames:,} × {dim} frames, {components} components\n")
    names = present(["products", *KERNELS])
    with processes(names, folder, jobs=1) as one, processes(names, folder, jobs=2) as two:
        for _ in range(1 + options.repetitions):
            for key in names:
                for side in (one[key], two[key]):
                    side.ask("iterate", num_frames, timed_as="iterate")
    rows = []
    for key in names:
        single, double = one[key], two[key]
        row = [single.title, f"{single.least('iterate'):.3f}", f"{double.least('iterate'):.3f}"]
        row += [f"{single.least('iterate') / double.least('iterate'):.2f}"]
        row += [f"{single.ratio('iterate', double, clock='wall'):.2f}", f"{double.ratio('iterate', single):.2f}"]
        rows.append(row)
    header = ["", "one thread, wall s, least of the rounds", "two threads", "one by two"]
    table([*header, "one by two, median of the rounds", "processor time, two by one"], rows)
    say_how_busy(one.values(), "iterate")


def memory(folder: Path, options: argparse.Namespace) -> None:
    """Measure what an iteration needs beyond the frames."""
    _, dim, components = SIZES["W2"]
    save_workload(folder, speech_like(max(MEMORY_FRAMES), dim), components)
    print(f"### memory: {components} components, {dim} columns, MiB\n")
    rows = []
    for key in present(KERNELS):
        for jobs in (1, 2):
            found = []
            for num_frames in MEMORY_FRAMES:
                with processes([key], folder, jobs=jobs, keep_memory=False) as sides:
                    found.append(sides[key].ask("memory", num_frames))
            added = [f"{each['added']:.0f}" for each in found]
            rows.append([sides[key].title, str(jobs), f"{found[0]['before']:.0f}", *added])
    counts = (f"peak of an iteration, {num_frames:,} frames" for num_frames in MEMORY_FRAMES)
    table(["", "threads", "package imported, no frames", *counts], rows)


def errors(folder: Path, options: argparse.Namespace) -> None:
    """Compare statistics of float32 frames with textbook formulas in float64."""
    _, dim, components = SIZES["W1"]
    save_workload(folder, speech_like(ERROR_FRAMES, dim), components)
    print(
        f"### errors: against float64, {ERROR_FRAMES:,} × {dim} float32 frames, {components} components, one update\n"
    )
    with processes(present(["float64", *KERNELS]), folder, core=options.core) as sides:
        found = {key: side.ask("statistics", ERROR_FRAMES) for key, side in sides.items()}
    scores, means, variances = (np.array(value) for value in found.pop("float64").values())
    rows = []
    for key, each in found.items():
        row = [sides[key].title, f"{abs(np.mean(each['scores']) - scores.mean()):.1e}"]
        row += [f"{np.abs(each['scores'] - scores).max():.1e}"]
        row += [f"{(np.abs(each['means'] - means) / np.sqrt(variances)).max():.1e}"]
        row += [f"{(np.abs(each['variances'] - variances) / variances).max():.1e}"]
        rows.append(row)
    header = ["worst", "mean log-likelihood a frame, nats", "log-likelihood of a frame, nats", "means, deviations"]
    table([*header, "variances, relative"], rows)


def header() -> None:
    """Say what ran, and on what."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    sets = ", ".join(native_kernel.instruction_sets()[-1:]) or "not compiled"
    print(f"- {cpu}, {os.cpu_count()} cores; native kernel: {sets}")
    blas = {
        f"{pool['internal_api']} {pool['version']} for {pool.get('architecture', 'unknown')}"
        for pool in threadpool_info()
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]
    }
    core_type = os.environ.get("OPENBLAS_CORETYPE", "unset")
    print(f"- BLAS of NumPy: {', '.join(blas) or 'unknown'}; OPENBLAS_CORETYPE {core_type}")
    print(f"- Python {platform.python_version()}", end="")
    for package in ("numpy", "scikit-learn", "kaldi-hmm-gmm", "gmmspeech"):
        try:
            print(f", {package} {metadata.version(package)}", end="")
        except metadata.PackageNotFoundError:
            print(f", no {package}", end="")
    print("\n")


SECTIONS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "W1": lambda *given: drawn_workload("W1", *given),
    "W2": lambda *given: drawn_workload("W2", *given),
    "W3": lambda *given: drawn_workload("W3", *given),
    "R1": lambda *given: real_workload("R1", *given),
    "R2": lambda *given: real_workload("R2", *given),
    "quality": quality,
    "scoring": scoring,
    "threads": threads,
    "memory": memory,
    "errors": errors,
}


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(
        description="Time EM against bare matrix products, scikit-learn and Kaldi; print Markdown."
    )
    parser.add_argument("--workloads", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="all, if not given")
    parser.add_argument("--repetitions", type=int, default=7, help="rounds, after one that is not counted")
    parser.add_argument("--core", type=int, help="the one core for processes of one thread, outside `threads`; Linux")
    parser.add_argument("--quality-frames", type=int, default=50_000, help="200000 is as in W1, and takes an hour")
    parser.add_argument("--quality-components", type=int, default=128, help="512 is as in W1")
    parser.add_argument("--quality-updates", type=int, default=200, help="of a training to the end")
    parser.add_argument("--quality-seeds", type=int, default=3)
    options = parser.parse_args()
    header()
    for name in options.workloads:
        with tempfile.TemporaryDirectory() as folder:
            SECTIONS[name](Path(folder), options)


if __name__ == "__main__":
    main()
