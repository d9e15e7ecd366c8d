"""A recipe that is killed goes on where it was, and ends with the same files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gmmspeech.pipeline import MARKS

RECIPE = Path(__file__).parent.parent.parent / "recipes" / "fsdd" / "run.py"


@pytest.fixture
def digits(corpus, tmp_path: Path) -> Path:
    """The tiny corpus, all of which is for verification too."""
    source = corpus("fsdd-tiny")
    (tmp_path / "digits" / "data").mkdir(parents=True)
    (tmp_path / "digits" / "audio").symlink_to(source / "audio")
    for name, part in (("train", "all"), ("test", "test"), ("verify", "all"), ("all", "all")):
        (tmp_path / "digits" / "data" / name).symlink_to(source / "data" / part)
    return tmp_path / "digits"


def start(digits: Path, out: Path) -> subprocess.Popen[str]:
    words = [sys.executable, RECIPE, "--corpus", digits, "--out", out, "--seeds", "2", "--jobs", "1"]
    return subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_at(awaited: Path, digits: Path, out: Path) -> str:
    """Kill a run once a file is there; give what it had said."""
    run = start(digits, out)
    while not awaited.exists() and run.poll() is None:
        time.sleep(0.002)
    run.kill()
    _, said = run.communicate()
    assert run.returncode < 0, "it had ended before it could be killed"
    assert awaited.exists()
    return said


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_run_goes_on_where_it_was(digits: Path, tmp_path: Path) -> None:
    """Killed in the second background model, and gone on with; killed again in the verification, and gone on with."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    killed_at(killed / "ubm-alone-seed0.h5", digits, killed)
    features = (killed / "feats-ubm-alone.h5").stat().st_mtime_ns

    said = killed_at(killed / MARKS / "6-ubm-alone", digits, killed)
    assert "stage 1, features-train: done before" in said
    assert "ubm-alone ..." in said
    assert "stage 6, ubm-alone: done before" not in said
    assert (killed / "feats-ubm-alone.h5").stat().st_mtime_ns == features

    last = start(digits, killed)
    printed, said = last.communicate()
    assert last.returncode == 0, said
    assert "stage 1, features-train: done before" in said
    assert "stage 6, ubm-alone: done before" in said
    assert "verify-alone ..." in said
    assert (killed / "feats-ubm-alone.h5").stat().st_mtime_ns == features

    assert start(digits, whole).communicate()[0] == printed
    names = sorted(str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file())
    assert "ubm-alone-seed1.h5" in names
    for name in names:
        if not name.startswith(MARKS) and name != "results.json":
            assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
