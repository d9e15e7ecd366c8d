"""A recipe that is killed goes on where it was, and ends with the same files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gmmspeech.pipeline import MARKS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def digits(thinned: Callable[..., Path], tmp_path: Path) -> Path:
    """Three digits of the tiny corpus, all of which is for verification too."""
    source = thinned("fsdd-tiny", **dict.fromkeys(("all", "test"), lambda utterance: utterance.split("-")[1] in "147"))
    (tmp_path / "digits" / "data").mkdir(parents=True)
    (tmp_path / "digits" / "audio").symlink_to(source / "audio")
    for name, part in (("train", "all"), ("test", "test"), ("verify", "all"), ("all", "all")):
        (tmp_path / "digits" / "data" / name).symlink_to(source / "data" / part)
    return tmp_path / "digits"


@pytest.fixture
def run(digits: Path) -> Iterator[Run]:
    """A function: run the recipe, kill it once a file is there; give how it ended, what it printed and what it said."""
    program = [sys.executable, str(Path(__file__).with_name("killing.py"))]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # a process is forked that has one thread
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen(program, **pipes) as process:

        def run_one(out: Path, awaited: Path | None = None) -> tuple[int, str, str]:
            words = ["--corpus", digits, "--out", out, "--seeds", 2, "--jobs", 1]
            process.stdin.write(json.dumps([awaited and str(awaited), list(map(str, words))]) + "\n")
            process.stdin.flush()
            return tuple(json.loads(process.stdout.readline()))

        yield run_one
        process.stdin.close()


def killed_at(awaited: Path, run: Run, out: Path) -> str:
    """Kill a run once a file is there; give what it had said."""
    status, _, said = run(out, awaited)
    assert status < 0, "it had ended before it could be killed"
    assert awaited.exists()
    return said


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_run_goes_on_where_it_was(run: Run, tmp_path: Path) -> None:
    """Killed in the second background model, and gone on with; killed again in the verification, and gone on with."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    killed_at(killed / "ubm-alone-seed0.h5", run, killed)
    features = (killed / "feats-ubm-alone.h5").stat().st_mtime_ns

    said = killed_at(killed / MARKS / "6-ubm-alone", run, killed)
    assert "stage 1, features-train: done before" in said
    assert "ubm-alone ..." in said
    assert "stage 6, ubm-alone: done before" not in said
    assert (killed / "feats-ubm-alone.h5").stat().st_mtime_ns == features

    status, printed, said = run(killed)
    assert status == 0, said
    assert "stage 1, features-train: done before" in said
    assert "stage 6, ubm-alone: done before" in said
    assert "verify-alone ..." in said
    assert (killed / "feats-ubm-alone.h5").stat().st_mtime_ns == features

    assert run(whole)[:2] == (0, printed)
    names = sorted(str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file())
    assert "ubm-alone-seed1.h5" in names
    for name in names:
        if not name.startswith(MARKS) and name != "results.json":
            assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
