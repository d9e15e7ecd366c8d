"""Cases by number: a kind of file, a target and damage to the file, all drawn from a seed and the number."""

from __future__ import annotations

import os
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from fuzz import kinds_of_binaries, kinds_of_models, kinds_of_text, world
from fuzz.bounded import bounded
from fuzz.kinds import KINDS, Kind
from fuzz.mutations_of_bytes import BINARY, BYTES
from fuzz.mutations_of_hdf5 import HDF5
from fuzz.mutations_of_places import PLACES
from fuzz.mutations_of_text import TEXT
from fuzz.sealing import sealed_again
from fuzz.verdicts import Judged, Whole, examine, leaves_of, whole_of
from fuzz.world import UTTERANCES

__all__ = ["KINDS", "Case", "Result", "Workshop", "kinds_of_binaries", "kinds_of_models", "kinds_of_text"]

SEED = 0
_PEAK = 300 << 20  # bytes of memory that any small file may take
_FORMS = {"hdf5": [*HDF5, *BYTES], "text": [*TEXT], "binary": [*BINARY], "audio": [*BINARY]}
_ENDS = {"raised": "died"}
_PLACE = 0.04  # share of cases in which something else than a file is there


class Case(NamedTuple):
    """A case."""

    number: int
    kind: str
    target: str
    damage: str
    seed: int


class Result(NamedTuple):
    """What came of a case."""

    case: Case
    verdict: str
    told: str
    seconds: float
    peak: int


class Workshop:
    """A folder with whole files of all kinds, where cases are run.

    Parameters
    ----------
    folder : Path
        Empty.
    only : iterable of str, optional
        Some of the kinds.
    """

    def __init__(self, folder: Path, only: Iterable[str] | None = None) -> None:
        self.folder, self.world = folder, folder / "world"
        self.world.mkdir(parents=True)
        world.build(self.world)
        self.kinds = list(KINDS) if only is None else list(only)
        self._whole: dict[tuple[str, str], Whole] = {}
        for name in self.kinds:
            path = self._home(KINDS[name]) / KINDS[name].file
            path.parent.mkdir(parents=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                KINDS[name].make(path, self.world)

    def case(self, number: int, seed: int = SEED, *, damage: str = "") -> Case:
        """Draw a case by its number."""
        rng = np.random.default_rng([seed, number])
        kind = KINDS[self.kinds[number % len(self.kinds)]]
        target = str(rng.choice(list(kind.targets)))
        names = list(PLACES) if rng.random() < _PLACE else _FORMS[kind.form]
        if kind.form == "audio":  # of which GiB are decoded, and that takes its time
            names = [name for name in names if name != "sparse"]
        return Case(number, kind.name, target, damage or str(rng.choice(names)), seed)

    def run(self, case: Case, keep: Path | None = None) -> Result:
        """Run a case; `keep` is where its file is to be left."""
        kind = KINDS[case.kind]
        sealed = kind.sealed and case.damage in BYTES.keys() | HDF5.keys() and not _means_harm(case)
        verdict, told, seconds, peak = self.judge(
            kind, case.target, lambda path: _damage(path, self.world, case), sealed
        )
        if keep is not None:
            ignored = shutil.ignore_patterns("pipe")
            shutil.copytree(self.folder / "case", keep, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        return Result(case, verdict, told, seconds, peak)

    def judge(
        self, kind: Kind, target: str, change: Callable[[Path], object], sealed: bool
    ) -> tuple[str, str, float, int]:
        """Change a copy of a whole file and judge what a target makes of it: verdict, words, seconds, bytes.

        `look` has been there before.
        """
        whole = self._whole[kind.name, target]
        here = self.folder / "case"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(self._home(kind), here, symlinks=True)
        path = here / kind.file
        if kind.form == "hdf5":  # in a process of its own, which HDF5 may end
            changed = bounded(lambda: bool(change(path)), seconds=60, memory=8 << 30, file_size=16 << 30)
            if changed.how != "ended":
                return "not made", f"{changed.how}: {changed.value}", changed.seconds, 0
        else:
            change(path)
        for _ in range(2):  # once more where it takes too long: the machine may have been busy
            ended = bounded(partial(_judge, kind, target, path, self.world, whole, sealed))
            if ended.how != "hang":
                break
        verdict, told = ended.value if ended.how == "ended" else (_ENDS.get(ended.how, ended.how), str(ended.value))
        size = path.stat().st_size if path.is_file() else 0
        if verdict in ("ok", "refused") and ended.peak > _PEAK + 20 * size:
            verdict, told = "memory", f"{ended.peak >> 20} MiB; {told}"
        return verdict, told.replace(str(self.folder), ""), ended.seconds, ended.peak

    def look(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Find out, for names of kinds and their targets, what these find in whole files."""
        unknown = sorted(set(pairs) - self._whole.keys())
        # in one process for all of them, which may start threads: this one must not
        ended = bounded(lambda: [self._found(KINDS[name], target) for name, target in unknown], seconds=120)
        if ended.how != "ended":
            raise RuntimeError(f"{ended.how}: {ended.value}, of a whole file")
        self._whole |= {pair: Whole(*found) for pair, found in zip(unknown, ended.value, strict=True)}

    def _found(self, kind: Kind, target: str) -> Whole:
        here = self.folder / "case"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(self._home(kind), here)
        try:
            return whole_of(leaves_of(kind.targets[target](here / kind.file, self.world)))
        except Exception as error:
            raise RuntimeError(f"{kind.name}, {target}: {type(error).__name__}: {error}") from error

    def _home(self, kind: Kind) -> Path:
        return self.folder / "whole" / kind.name.replace("/", " ")


def _means_harm(case: Case) -> bool:
    """Whether the checksum of what is changed is written anew, in every second case."""
    return case.damage in HDF5 and case.number % 2 == 1


def _damage(path: Path, world: Path, case: Case) -> None:
    rng = np.random.default_rng([case.seed, case.number, 1])
    if case.damage in PLACES:
        PLACES[case.damage](path, rng)
    elif case.damage in HDF5:
        with h5py.File(path, "r+", libver="latest") as file:
            HDF5[case.damage](file, rng, world)
        if _means_harm(case):
            sealed_again(path)
    else:
        path.write_bytes({**TEXT, **BINARY}[case.damage](path.read_bytes(), rng))


def _judge(kind: Kind, target: str, path: Path, world: Path, whole: Whole, sealed: bool) -> Judged:
    warnings.simplefilter("ignore")
    files = [os.fspath(file) for folder in (path.parent, world) for file in folder.rglob("*")]
    names = sorted(
        [*files, path.name, os.fspath(path.parent / "out"), *(f"utterance {u}" for u in UTTERANCES)],
        key=len,
        reverse=True,
    )
    return examine(lambda: kind.targets[target](path, world), names, whole, sealed=sealed)


def table(results: Iterable[Result]) -> list[str]:
    """Lines of a table: kinds and how many cases ended with which verdict."""
    counts: dict[str, Counter[str]] = {}
    for result in results:
        counts.setdefault(result.case.kind, Counter())[result.verdict] += 1
    total = sum(counts.values(), Counter())
    verdicts = [name for name, _ in total.most_common()]
    rows = [["kind", *verdicts]]
    rows += [[kind, *(str(counts[kind][v]) for v in verdicts)] for kind in sorted(counts)]
    rows += [["all", *(str(total[v]) for v in verdicts)]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
