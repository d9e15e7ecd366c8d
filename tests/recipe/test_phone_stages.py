"""Stages of phone recipes on sounds that are easily told apart, and the rows of results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.formats.labels import read_ctm
from gmmspeech.formats.loading import load
from gmmspeech.metrics.error_rate import error_rate
from gmmspeech.phones.labels.labels import Label
from gmmspeech.recipe.phone_stages import (
    Speech,
    align_stage,
    aligned_path,
    boundary_row,
    error_row,
    flat_start_stage,
    hmm_path,
    labels_stage,
    names_of,
    recognize_phones_stage,
    recognize_word_stage,
    recognized_path,
    speed_rows,
    state_path,
)
from gmmspeech.recipe.stages import run_stages
from gmmspeech.stores.features import write_store

SOUNDS = {"SIL": -6.0, "AA": 0.0, "S": 6.0}
DICTIONARY = {"ASS": [["AA", "S"]], "SAH": [["S", "AA"]]}
WORDS = {f"u{i}": ["ASS" if i % 3 else "SAH"] for i in range(9)}
SMALL = {"total_gaussians": 9, "max_iter": 6, "jobs": 1}


@pytest.fixture
def speech(tmp_path: Path) -> Speech:
    """Silence, two phones, silence; each lasts twelve frames."""
    rng = np.random.default_rng(0)
    frames = {
        name: np.concatenate([rng.normal(SOUNDS[p], 1, (12, 2)) for p in ("SIL", *DICTIONARY[word][0], "SIL")])
        for name, (word,) in WORDS.items()
    }
    path = tmp_path / "feats.h5"
    write_store(path, frames.items(), front_end=gs.FrontEnd().to_json())
    return Speech(path, WORDS)


def test_from_words_to_times_and_back(speech: Speech, tmp_path: Path) -> None:
    train, test = speech.only(list(WORDS)[:6]), speech.only(list(WORDS)[6:])
    learned = aligned_path(tmp_path, "train") / "phones.ctm"
    stages = [
        flat_start_stage("m", train, DICTIONARY, tmp_path, **SMALL),
        align_stage("train", "m", train, DICTIONARY, tmp_path, jobs=1),
        labels_stage("n", train, learned, tmp_path, **SMALL),
        align_stage("test", "n", test, DICTIONARY, tmp_path, jobs=1),
        recognize_phones_stage("phones", "m", test, learned, tmp_path, jobs=1),
        recognize_word_stage("words", "m", test, DICTIONARY, tmp_path, jobs=1),
    ]
    run_stages(stages, tmp_path)
    assert load(hmm_path(tmp_path, "m")).phones == ("SIL", "AA", "S")
    assert set(load(state_path(tmp_path, "m")).posteriors) == set(train.words)
    aligned = read_ctm(aligned_path(tmp_path, "test") / "phones.ctm")
    assert set(aligned) == set(test.words)
    for name, labels in aligned.items():
        assert [label.name for label in labels] == ["SIL", *DICTIONARY[WORDS[name][0]][0], "SIL"]
        np.testing.assert_allclose([label.start for label in labels], [0, 0.12, 0.24, 0.36], atol=0.0101)
    assert names_of(read_ctm(recognized_path(tmp_path, "phones"))) == names_of(aligned)
    assert names_of(read_ctm(recognized_path(tmp_path, "words"))) == test.words

    rows = speed_rows(tmp_path, stages)
    assert [row["step"] for row in rows] == ["train m", "align train", "train n", "align test", "recognize phones"]
    assert [row["speech"] for row in rows] == ["3 s", "3 s", "3 s", "1 s", "1 s"]  # 6 and 3 times 0.48 s


def test_other_words_are_another_stage(speech: Speech, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def train(dictionary: dict) -> str:
        run_stages([flat_start_stage("m", speech, dictionary, tmp_path, **SMALL)], tmp_path)
        return capsys.readouterr().err

    assert "done before" not in train(DICTIONARY)
    assert "done before" in train(DICTIONARY | {"UNSAID": [["S"]]})
    assert "done before" not in train(DICTIONARY | {"SAH": [["S", "AA"], ["S", "S"]]})


def test_entries_are_of_the_words_said() -> None:
    speech = Speech(Path("feats.h5"), {"u": ["see", "me"], "v": ["see"]})
    entries = speech.entries({"SEE": [["S", "IY"]], "SAW": [["S", "AO"]]})
    assert entries == {"see": [["S", "IY"]], "me": ()}
    assert speech.only(["v"]).words == {"v": ["see"]}


def test_rows() -> None:
    reference = {
        "u": [Label(0.0, 0.3, "SIL"), Label(0.3, 0.5, "AA"), Label(0.5, 0.6, "T"), Label(0.6, 0.7, "S")],
        "v": [Label(0.0, 0.3, "AA")],
    }
    found = {"u": [Label(0.0, 0.31, "SIL"), Label(0.31, 0.53, "AA"), Label(0.53, 0.7, "S")]}
    assert boundary_row("task", reference, found) == {
        "task": "task",
        "utterances": "1",
        "phones": "3",
        "unmatched": "1",
        "within 20 ms": "50.00 %",
        "within 10 ms": "50.00 %",
        "median difference": "-30.0 ms",
    }
    assert boundary_row("task", reference, found, ignore=["T"])["phones"] == "3"
    assert error_row("task", error_rate({"u": ["AA", "T"]}, {"u": ["AA", "S", "S"]})) == {
        "task": "task",
        "reference": "2",
        "error rate": "100.00 %",
        "substitutions": "1",
        "deletions": "0",
        "insertions": "1",
    }
