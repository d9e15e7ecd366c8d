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


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("moment", ["the second background model", "the verification"])
def test_a_killed_run_goes_on_where_it_was(digits: Path, tmp_path: Path, moment: str) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    last = {"the second background model": "ubm-alone-seed0.h5", "the verification": f"{MARKS}/7-ubm-alone"}[moment]
    awaited = killed / last

    def start(out: Path) -> subprocess.Popen[str]:
        words = [sys.executable, RECIPE, "--corpus", digits, "--out", out, "--seeds", "2", "--jobs", "1"]
        return subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    first = start(killed)
    while not awaited.exists() and first.poll() is None:
        time.sleep(0.002)
    first.kill()
    first.communicate()
    assert first.returncode < 0, "it had ended before it could be killed"
    assert awaited.exists()
    features = (killed / "feats-verify.h5").stat().st_mtime_ns

    second = start(killed)
    printed, said = second.communicate()
    assert second.returncode == 0, said
    again = "ubm-alone" if moment == "the second background model" else "verify-alone"
    assert "stage 1, features-train: done before" in said
    assert f"{again} ..." in said
    assert ("stage 7, ubm-alone: done before" in said) == (moment == "the verification")
    assert (killed / "feats-verify.h5").stat().st_mtime_ns == features

    third = start(whole)
    assert third.communicate()[0] == printed
    names = sorted(str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file())
    assert "ubm-alone-seed1.h5" in names
    for name in names:
        if not name.startswith(MARKS) and name != "results.json":
            assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
