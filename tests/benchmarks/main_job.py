"""Every step of the main job beside its best peer and, where one is known, the machine's limit; prints Markdown.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 GMMSPEECH_CORPORA=... python tests/benchmarks/main_job.py [--runs 3]
        [--steps start-up features ...]

Peers are those that are installed of librosa, kaldi-native-fbank, kaldi-hmm-gmm, scikit-learn, bob.learn.em, hmmlearn,
pocketsphinx (all on PyPI), and Kaldi's binaries on the PATH. What takes them long is done in part and multiplied up;
the same work is done on all sides, with one thread. Times are the least of the runs, in which the sides take turns:
processor seconds, those of processes that were started included, and in brackets seconds by the clock.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path

import main_job_models
import main_job_scores
from em_process import table
from main_job_steps import Step, Way
from startup import GMMSPEECH, NUMPY, RUNS, make_audio, run

SECTIONS: dict[str, Callable[[Path], Iterator[Step]]] = {
    "features": main_job_scores.features,
    "mixtures": main_job_scores.mixtures,
    "i-vectors": main_job_models.ivectors,
    "phones": main_job_models.phones,
    "metrics": main_job_scores.metrics,
}
PEERS = ("librosa", "kaldi-native-fbank", "kaldi-hmm-gmm", "scikit-learn", "bob.learn.em", "hmmlearn", "pocketsphinx")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    choices = ("start-up", *SECTIONS)
    parser.add_argument("--steps", nargs="+", choices=choices, default=choices, help="all, if not given")
    options = parser.parse_args()
    say_what_runs()
    with tempfile.TemporaryDirectory() as folder:
        if "start-up" in options.steps:
            start_up(Path(folder), options.runs)
        rows = []
        for name in options.steps:
            for step in SECTIONS[name](Path(folder)) if name in SECTIONS else ():
                rows.append(row(step, options.runs))
        if rows:
            header = ["step", "gmmspeech, s", "best peer", "s", "its time by ours", "others, s"]
            table([*header, "limit", "s", "our time by it"], rows)


def say_what_runs() -> None:
    """Say what is compared, and on what."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    print(f"- {cpu}, {os.cpu_count()} cores, of whose work {os.getloadavg()[0]:.1f} were wanted")
    versions = []
    for package in ("gmmspeech", "numpy", *PEERS):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package}: missing")
    print(f"- Python {platform.python_version()}, {', '.join(versions)}\n")


def start_up(folder: Path, runs: int) -> None:
    """Print how long the commands take that have next to nothing to do, beside NumPy's import."""
    make_audio(folder)
    words = {"python -c 'import gmmspeech'": [GMMSPEECH[0], "-c", "import gmmspeech"]}
    words |= {f"gmmspeech {line}": [*GMMSPEECH, *line.split()] for line in ("--help", *RUNS.splitlines())}
    rows = []
    for name, command in words.items():
        mine, numpy = least([Way(partial(run, each, str(folder))) for each in (command, NUMPY)], runs)
        rows.append([f"`{name}`", seconds(mine), seconds(numpy), f"{mine[0] / numpy[0]:.1f}"])
    table(["start-up", "s", "`import numpy`, s", "ratio"], rows)


def row(step: Step, runs: int) -> list[str]:
    """Measure a step, and write it down."""
    there = {name: way for name, way in step.peers.items() if way}
    spent = least([step.ours, *there.values(), *([step.limit[1]] if step.limit else [])], runs)
    ours, peers = spent[0], dict(zip(there, spent[1:], strict=False))
    cells = [step.name, seconds(ours)]
    others = [f"{name}: missing" for name, way in step.peers.items() if not way]
    if peers:
        best = min(peers, key=lambda name: peers[name][0])
        cells += [best, seconds(peers[best]), f"{peers[best][0] / ours[0]:.3g}"]
        others = [f"{name} {seconds(peers[name])}" for name in peers if name != best] + others
    else:
        cells += ["none", "", ""]
    cells.append("; ".join(others))
    if step.limit:
        return [*cells, step.limit[0], seconds(spent[-1]), f"{ours[0] / spent[-1][0]:.3g}"]
    return [*cells, "", "", ""]


def least(ways: list[Way], runs: int) -> list[tuple[float, float]]:
    """Least processor and wall seconds of each, which take turns, multiplied up to the whole work."""
    found = [(math.inf, math.inf)] * len(ways)
    for _ in range(runs):
        for i, way in enumerate(ways):
            wall, processor = time.perf_counter(), processor_seconds()
            way.function()
            spent = processor_seconds() - processor, time.perf_counter() - wall
            found[i] = min(found[i][0], way.times * spent[0]), min(found[i][1], way.times * spent[1])
    return found


def processor_seconds() -> float:
    """Those of this process and of the ones that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def seconds(spent: tuple[float, float]) -> str:
    """Processor seconds, and those by the clock in brackets."""
    return "{} ({})".format(*(f"{s:,.0f}" if s >= 1000 else f"{s:.3g}" for s in spent))


if __name__ == "__main__":
    main()
