"""What the command line's tests share: a way to run a command, and a small data directory that it works on."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from contents import contents
from said import stops, works

from gmmspeech.cli.main import main
from gmmspeech.formats.dictionary import cmudict_dictionary

cmudict_once = functools.cache(cmudict_dictionary)
RATE = 8000
FRONT_END = """\
sample_frequency = 8000
[features]
type = "mfcc"
num_ceps = 6
[vad]
method = "relative"
"""


def run_words(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], prog_name="gmmspeech")


@pytest.fixture
def run() -> Callable[..., Result]:
    """A function that runs a command in this process and gives what it printed and its exit status."""
    return run_words


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs a command as a process of its own."""

    def run_process(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gmmspeech", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return run_process


@pytest.fixture(scope="session")
def made_voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of two speakers' three short noises each, with a front end for it in ``front.toml``."""
    folder = tmp_path_factory.mktemp("made") / "voices"
    folder.mkdir()
    (folder / "front.toml").write_text(FRONT_END)
    rng = np.random.default_rng(0)
    utterances = [f"{speaker}-{i}" for speaker in ("ann", "bob") for i in (1, 2, 3)]
    for utterance in utterances:
        noise = rng.standard_normal(RATE // 2) / 10
        if utterance.startswith("bob"):
            noise = np.convolve(noise, np.ones(8) / 8, mode="same")
        soundfile.write(folder / f"{utterance}.wav", noise, RATE)
    (folder / "wav.scp").write_text("".join(f"{u} {u}.wav\n" for u in utterances))
    (folder / "utt2spk").write_text("".join(f"{u} {u[:3]}\n" for u in utterances))
    (folder / "enroll").write_text("ann ann-1 ann-2\nbob bob-1 bob-2\n")
    tests = [(model, f"{test}-3") for model in ("ann", "bob") for test in ("ann", "bob")]
    labels = [("nontarget", "target")[test.startswith(model)] for model, test in tests]
    (folder / "trials").write_text("".join(f"{m} {t} {x}\n" for (m, t), x in zip(tests, labels, strict=True)))
    return folder


@pytest.fixture(scope="session")
def made_scored(made_voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder, with features f.h5, background model u.h5, models m.h5, scores and classifier c.h5."""
    folder = Path(shutil.copytree(made_voices, tmp_path_factory.mktemp("made") / "voices"))
    f, u, m, c = (folder / f"{name}.h5" for name in "fumc")
    for words in (
        ("features", folder, f, "--config", folder / "front.toml"),
        ("train-ubm", f, u, "-k", 4),
        ("enroll", u, f, folder / "enroll", m),
        ("score", m, f, folder / "trials", folder / "scores"),
        ("train-classifier", f, folder / "utt2spk", c, "-k", 2),
    ):
        works(run_words(*words))
    return folder


@pytest.fixture
def voices(made_voices: Path, tmp_path: Path) -> Path:
    """A copy of the data directory, for a test to work in."""
    return Path(shutil.copytree(made_voices, tmp_path / "voices"))


@pytest.fixture
def scored(made_scored: Path, tmp_path: Path) -> Path:
    """A copy of the folder with features, models and scores, for a test to work in."""
    return Path(shutil.copytree(made_scored, tmp_path / "voices"))


@pytest.fixture
def digits(corpus, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first take of six speakers' digits."""
    monkeypatch.setattr("gmmspeech.commands.transcripts.cmudict_dictionary", cmudict_once)  # which takes a second
    whole, place = corpus("fsdd-tiny"), tmp_path_factory.mktemp("corpus")
    (place / "audio").symlink_to(whole / "audio")
    (place / "data" / "test").mkdir(parents=True)
    for name in ("wav.scp", "utt2spk", "text", "phones.ctm"):
        lines = (whole / "data" / "test" / name).read_text().splitlines(keepends=True)
        kept = (line for line in lines if line.split()[0].endswith("-00"))
        (place / "data" / "test" / name).write_text("".join(kept))
    return place / "data" / "test"


@pytest.fixture
def fails(run: Callable[..., Result]) -> Callable[..., None]:
    """A function: the command fails, says all that is expected in one line, and changes no file of a folder."""

    def check(folder: Path, words: tuple[object, ...], *expected: str) -> None:
        before = contents(folder)
        stops(run(*words), *expected)
        after = contents(folder)
        assert after.keys() == before.keys()
        assert after == before

    return check
