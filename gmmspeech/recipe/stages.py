"""Stages of a recipe, in order; a finished one is not redone unless its inputs or configuration changed."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gmmspeech.errors import ConfigError
from gmmspeech.files.atomic import write_lines

RECEIPTS = ".stages"


@dataclass(frozen=True)
class Stage:
    """One step of a recipe.

    Parameters
    ----------
    name : str
    run : callable
        Does the work, without arguments.
    outputs : sequence of Path
        Files it makes.
    inputs : sequence of Path
        Files and folders it reads that no earlier stage made; a folder stands for all files under it.
    configuration : object
        What else decides the outputs; anything that JSON can hold.
    """

    name: str
    run: Callable[[], None]
    outputs: Sequence[Path]
    inputs: Sequence[Path] = ()
    configuration: Any = None


def run_stages(stages: Sequence[Stage], out: Path, *, first: int | None = None) -> None:
    """Run stages in order, each unless it is finished.

    A stage's digest covers its configuration, its inputs, and the digest of the stage before, so whatever
    changes upstream is redone downstream.

    Parameters
    ----------
    stages : sequence of Stage
    out : Path
        Folder of the outputs; receipts are kept in a folder ``.stages`` in it.
    first : int, optional
        Number (from 1) of the stage to begin with: it and all later ones are done anew, earlier ones are taken as
        they are.

    Raises
    ------
    ConfigError
        A number that no stage has, or an earlier stage whose outputs are missing.
    """
    if first is not None and not 1 <= first <= len(stages):
        raise ConfigError(f"--stage: found {first}, expected 1 to {len(stages)}")
    digest = ""
    redo = False
    for number, stage in enumerate(stages, start=1):
        digest = _digest(stage, digest)
        receipt = _receipt(out, number, stage)
        title = f"stage {number} of {len(stages)}, {stage.name}"
        if first is not None and number < first:
            missing = [output for output in stage.outputs if not output.exists()]
            if missing:
                raise ConfigError(f"--stage {first}: {missing[0]} of stage {number}, {stage.name}, is not there")
            continue
        if first is None and not redo and _is_finished(stage, receipt, digest):
            print(f"{title}: done before", file=sys.stderr)
            continue
        redo = True
        print(f"{title} ...", file=sys.stderr)
        began = time.perf_counter()
        # all later ones are to be redone too, in this run or the next
        for later, other in enumerate(stages[number - 1 :], start=number):
            _receipt(out, later, other).unlink(missing_ok=True)
        stage.run()
        write_lines(receipt, [digest])
        print(f"{title}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


def _receipt(out: Path, number: int, stage: Stage) -> Path:
    return out / RECEIPTS / f"{number}-{stage.name}"


def _is_finished(stage: Stage, receipt: Path, digest: str) -> bool:
    made_of_the_same = receipt.is_file() and receipt.read_bytes().strip() == digest.encode()
    return made_of_the_same and all(output.exists() for output in stage.outputs)


def _digest(stage: Stage, before: str) -> str:
    parts = [before, stage.name, json.dumps(stage.configuration, sort_keys=True, default=str)]
    for path in stage.inputs:
        for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            # audio is told apart by size and time, as make does: reading a large corpus again would take minutes
            found = file.stat() if file.exists() else None
            parts.append(f"{file} {found.st_size} {found.st_mtime_ns}" if found else f"{file} missing")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
