"""The catalog of commands: all are in it, their help ends with their examples, and these work as they stand."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile
from click.testing import Result

from gmmspeech.cli.catalog import SECTIONS
from gmmspeech.cli.main import main

Run = Callable[..., Result]
RATE = 16000
EXAMPLES = {name: example for commands in SECTIONS.values() for name, example in commands.items()}
# of which others test that they work: a model of English or eSpeak is loaded, or the work is too long for here
PARSED = (
    *("demo", "align", "verify", "compare", "train-phones", "recognize", "pronounce", "doctor"),
    *("train-phone-classifier", "classify-phones", "ali-to-phones"),
)
# what examples read that no example writes
BEFORE = {
    "enroll": ["features data/eval eval.h5 --config clean_speech"],
    "normalize-scores": ["score models.h5 train.h5 cohort_trials cohort"],
    "adapt-plda": [
        "statistics ubm.h5 eval.h5 eval_stats.h5",
        "extract-ivectors extractor.h5 eval_stats.h5 eval_ivectors.h5",
    ],
    "score-classes": ["train-classifier train.h5 utt2class spoofs.h5"],
}
GRID = """\
File type = "ooTextFile"
Object class = "TextGrid"

0
1
<exists>
1
"IntervalTier"
"phones"
0
1
2
0
{boundary}
"AH"
{boundary}
1
"S"
"""


def write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def write_data(folder: Path, speakers: str, num_takes: int) -> list[str]:
    """A data directory of noises, a color for each speaker; gives its utterances."""
    rng = np.random.default_rng(0)
    names = [f"{speaker}-{take}" for speaker in speakers for take in range(num_takes)]
    folder.mkdir(parents=True)
    for name in names:
        taps = np.cos(np.arange(8) * (1 + ord(name[0]) % 7) / 3)
        noise = np.convolve(rng.normal(0, 0.05, RATE), taps, mode="same") * np.repeat([1, 0.01, 1, 1], RATE // 4)
        soundfile.write(folder / f"{name}.wav", noise, RATE)
    write_lines(folder / "wav.scp", [f"{name} {name}.wav" for name in names])
    write_lines(folder / "utt2spk", [f"{name} {name[0]}" for name in names])
    write_lines(folder / "spk2utt", [" ".join([s, *(n for n in names if n[0] == s)]) for s in speakers])
    write_lines(folder / "text", [f"{name} one two" for name in names])
    return names


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder in which the examples are typed."""
    train = write_data(tmp_path / "data" / "train", "abcdef", 4)
    tests = write_data(tmp_path / "data" / "eval", "ghij", 3)
    write_lines(tmp_path / "data" / "eval" / "enroll_spk2utt", [f"{speaker} {speaker}-0" for speaker in "ghij"])
    write_lines(tmp_path / "phones.ctm", [f"{n} 1 {t} 0.5 {p}" for n in train for t, p in ((0, "AH"), (0.5, "S"))])
    write_lines(tmp_path / "utt2class", [f"{n} {'bonafide' if n[0] in 'abc' else 'spoof'}" for n in train])
    write_lines(tmp_path / "protocol", [f"{n[0]} {n} - {'- bonafide' if n[0] in 'gh' else 'A01 spoof'}" for n in tests])
    for name, boundary in (("corrected/a", 0.5), ("aligned/a", 0.52), ("a", 0.5)):
        write_lines(tmp_path / f"{name}.TextGrid", [GRID.format(boundary=boundary)])
    (tmp_path / "a.wav").symlink_to(tmp_path / "data" / "train" / "a-0.wav")
    for name in train:
        (tmp_path / "speakers" / name[0]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "speakers" / name[0] / f"{name}.wav").symlink_to(tmp_path / "data" / "train" / f"{name}.wav")
    monkeypatch.chdir(tmp_path)


def test_all_commands_are_in_it_once() -> None:
    assert sum(map(len, SECTIONS.values())) == len(EXAMPLES)
    assert EXAMPLES.keys() == main.commands.keys()
    assert all(example.split()[0] == name for name, example in EXAMPLES.items())


def test_help_lists_them_by_what_they_are_for(run: Run) -> None:
    lines = run("--help").stdout.splitlines()
    listed = [
        line.split()[0] for line in lines[lines.index("Start here:") :] if line.startswith("  ") and line[2] != " "
    ]
    assert listed == list(EXAMPLES)
    assert [line[:-1] for line in lines if line[:-1] in SECTIONS] == list(SECTIONS)


@pytest.mark.parametrize("name", main.commands)
def test_help_ends_with_the_example(run: Run, name: str) -> None:
    said = run(name, "--help").stdout.partition("\n  Example:\n")[2]
    assert shlex.split(said.replace("\\\n", "")) == ["gmmspeech", *EXAMPLES[name].split()]


@pytest.mark.parametrize("name", PARSED)
def test_what_takes_long_is_typed_rightly(name: str) -> None:
    command = main.commands[name]
    command.make_context(name, EXAMPLES[name].split()[1:], parent=click.Context(main, info_name="gmmspeech"))


@pytest.mark.filterwarnings("ignore")
def test_the_examples_work(run: Run, world: None) -> None:
    order = [name for section in [*SECTIONS][1:] for name in SECTIONS[section]] + list(SECTIONS["Start here"])
    for name in order:
        if name in PARSED:
            continue
        for words in [*BEFORE.get(name, []), EXAMPLES[name]]:
            result = run(*words.split())
            assert result.exit_code == 0, f"{words}\n{result.output}"
