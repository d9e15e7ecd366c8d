"""Processes that take turns, and what their times come to."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gmmspeech.gmm.kernels import native_kernel

TITLES = {
    "products": "bare sgemm",
    "native": "gmmspeech, native",
    "accelerated": "gmmspeech, native, accelerated",
    "numpy": "gmmspeech, NumPy",
    "sklearn32": "scikit-learn, float32",
    "sklearn64": "scikit-learn, float64",
    "kaldi": "kaldi-hmm-gmm",
    "float64": "textbook, float64",
}
NEVER = str(2**35)
KEEP_MEMORY = {"MALLOC_TOP_PAD_": str(2**26), "MALLOC_MMAP_THRESHOLD_": NEVER, "MALLOC_TRIM_THRESHOLD_": NEVER}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


@dataclass
class Side:
    """A process that works when asked: see em_sides.py.

    Attributes
    ----------
    wall, cpu : dict of lists
        Seconds of every task with a name to time it under. The first of each is for caches and pages, and not counted.
    """

    title: str
    process: subprocess.Popen[str]
    wall: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def ask(self, task: str, *arguments: object, timed_as: str = "", scale: float = 1.0) -> Any:
        """Have a task done and give its result; note its times, times `scale`, under the name `timed_as`."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([task, *arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.title}: the process ended in task {task!r}")
        reply = json.loads(line)
        self.wall[timed_as].append(scale * reply["wall"])
        self.cpu[timed_as].append(scale * reply["cpu"])
        return reply["result"]

    def median(self, name: str) -> float:
        """Median processor seconds of what was timed under a name."""
        return statistics.median(self._counted(name, "cpu"))

    def least(self, name: str) -> float:
        """Least wall seconds of what was timed under a name."""
        return min(self._counted(name, "wall"))

    def ratio(self, name: str, other: Side, other_name: str = "", *, clock: str = "cpu") -> float:
        """Median over the rounds of seconds of this side by those of another."""
        pairs = zip(self._counted(name, clock), other._counted(other_name or name, clock), strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)

    def share(self, name: str) -> float:
        """Share of the wall time in which the process had a core, for one thread."""
        return sum(self._counted(name, "cpu")) / sum(self._counted(name, "wall"))

    def _counted(self, name: str, clock: str) -> list[float]:
        return {"wall": self.wall, "cpu": self.cpu}[clock][name][1:]


@contextmanager
def processes(
    names: Iterable[str], folder: Path, *, core: int | None = None, jobs: int = 1, keep_memory: bool = True
) -> Iterator[dict[str, Side]]:
    """Start sides, each in a process of its own, on the core or on any; end them afterwards."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(jobs)), **(KEEP_MEMORY if keep_memory else {})}
    with ExitStack() as stack:
        sides = {}
        for name in names:
            command = [sys.executable, str(Path(__file__).with_name("em_sides.py")), name, str(folder), str(jobs)]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            stack.enter_context(process)
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            sides[name] = Side(TITLES[name], process)
        yield sides


def present(names: Iterable[str]) -> list[str]:
    """Names of the sides that can run here; say which can't."""
    reasons = {}
    if importlib.util.find_spec("kaldi_hmm_gmm") is None:
        reasons["kaldi"] = "kaldi-hmm-gmm is not installed (pip install kaldi-hmm-gmm)"
    if not native_kernel.available():
        reasons["native"] = "the native kernel was not compiled (no C compiler at install?)"
    names = list(names)
    for name in names:
        if name in reasons:
            print(f"Left out: {reasons[name]}.\n")
    return [name for name in names if name not in reasons]


def say_how_busy(sides: Iterable[Side], name: str) -> None:
    """Print how far from idle the machine was."""
    least = min(side.share(name) for side in sides)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"The processes had a core in {100 * least:.0f} % of the wall time or more; load average {load}.\n")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print Markdown."""
    for row in (header, ["---"] * len(header), *rows):
        print("| " + " | ".join(row) + " |")
    print(flush=True)
