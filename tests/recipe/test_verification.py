"""The verification recipes' stages, also when the process is killed in the middle of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.recipe.stages import RECEIPTS, Stage, run_stages
from gmmspeech.recipe.verification import (
    Protocol,
    VerificationConfig,
    features_path,
    features_stage,
    scores_path,
    summaries,
    tell_results,
    train_stage,
    ubm_path,
    verification_row,
    verify_stage,
)

FRONT = gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": 13}, vad={"method": "relative"})
CONFIG = VerificationConfig(n_components=8, relevance_factor=4.0, scoring="frames", seeds=(0, 1))

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_verification import CONFIG, run
from dataclasses import replace
run(Path(sys.argv[1]), Path(sys.argv[2]), replace(CONFIG, n_components=32, seeds=(0, 1, 2)))
"""


def protocol(data: Path, out: Path) -> Protocol:
    return Protocol("all", features_path(out, "all"), data / "enroll_spk2utt", data / "trials")


def stages(data: Path, out: Path, config: VerificationConfig) -> list[Stage]:
    return [
        features_stage("all", [read_data_dir(data)], out, FRONT, jobs=1),
        train_stage("own", features_path(out, "all"), out, config, jobs=1),
        verify_stage("own", protocol(data, out), out, config, jobs=1),
    ]


def run(data: Path, out: Path, config: VerificationConfig) -> None:
    run_stages(stages(data, out, config), out)


def done(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Names of the stages that were done, not those that had been done before."""
    return [line.split(", ")[1][:-4] for line in capsys.readouterr().err.splitlines() if line.endswith(" ...")]


@pytest.fixture
def data(corpus) -> Path:
    return corpus("fsdd-tiny") / "data" / "all"


def test_from_audio_to_results(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(data, tmp_path, CONFIG)
    assert done(capsys) == ["features-all", "ubm-own", "verify-own-all"]
    found = summaries(tmp_path, "own", protocol(data, tmp_path), CONFIG)
    assert [(s.num_targets, s.num_nontargets) for s in found] == [(120, 600)] * 2
    row = verification_row("digits", found)
    rates = [100 * s.eer_rocch for s in found]
    assert max(rates) < 12
    assert row["trials (targets)"] == "720 (120)"
    assert row["EER, ROC hull"] == f"{np.mean(rates):.2f} % ({rates[0]:.2f}, {rates[1]:.2f})"
    assert "8 components" in (tmp_path / "report-own-all" / "index.html").read_text(encoding="utf-8")

    tell_results([row, row], tmp_path)
    printed = capsys.readouterr().out.splitlines()
    assert printed == (tmp_path / "results.md").read_text(encoding="utf-8").splitlines()
    assert len(printed) == 4
    assert printed[2].startswith("| digits | 720 (120) | ")
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8")) == [row, row]

    run(data, tmp_path, CONFIG)
    assert done(capsys) == []
    run(data, tmp_path, replace(CONFIG, relevance_factor=10.0))
    assert done(capsys) == ["verify-own-all"]
    run(data, tmp_path, replace(CONFIG, relevance_factor=10.0, n_components=4))
    assert done(capsys) == ["ubm-own", "verify-own-all"]


def test_other_trials_redo_the_verification_only(data: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "exp"
    (tmp_path / "trials").write_bytes((data / "trials").read_bytes())
    config = replace(CONFIG, seeds=(0,))
    own = replace(protocol(data, out), trials=tmp_path / "trials")

    def go() -> list[str]:
        run_stages([*stages(data, out, config)[:2], verify_stage("own", own, out, config, jobs=1)], out)
        return done(capsys)

    assert len(go()) == 3
    lines = (tmp_path / "trials").read_text().splitlines()
    (tmp_path / "trials").write_text("\n".join(lines[::2]) + "\n")
    assert go() == ["verify-own-all"]
    assert len(scores_path(out, "own", own, 0).read_text().splitlines()) == 360
    scores_path(out, "own", own, 0).unlink()
    assert go() == ["verify-own-all"]
    ubm_path(out, "own", 0).unlink()
    assert go() == ["ubm-own", "verify-own-all"]


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("moment", ["the second background model", "the verification"])
def test_a_killed_run_goes_on_where_it_was(data: Path, tmp_path: Path, moment: str) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    awaited = (
        killed
        / {"the second background model": "ubm-own-seed0.h5", "the verification": f"{RECEIPTS}/2-ubm-own"}[moment]
    )
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(folder=str(Path(__file__).parent)))

    def start(out: Path) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, script, data, out], stderr=subprocess.PIPE, text=True)

    first = start(killed)
    while not awaited.exists() and first.poll() is None:
        time.sleep(0.002)
    first.kill()
    first.communicate()
    assert first.returncode < 0, "it had ended before it could be killed"
    assert awaited.exists()
    features = features_path(killed, "all").stat()

    second = start(killed)
    _, said = second.communicate()
    assert second.returncode == 0, said
    again = "ubm-own" if moment == "the second background model" else "verify-own-all"
    assert "stage 1 of 3, features-all: done before" in said
    assert f"{again} ..." in said
    assert ("stage 2 of 3, ubm-own: done before" in said) == (moment == "the verification")
    assert features_path(killed, "all").stat() == features

    run(data, whole, replace(CONFIG, n_components=32, seeds=(0, 1, 2)))
    names = sorted(str(p.relative_to(whole)) for p in whole.rglob("*") if p.is_file())
    assert "ubm-own-seed2.h5" in names
    for name in names:
        if not name.startswith(RECEIPTS):
            assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
