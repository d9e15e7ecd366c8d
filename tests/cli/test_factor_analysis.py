"""The commands of ISV and JFA: what they say of good and of bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from said import beside_passes

import gmmspeech as gs

Run = Callable[..., Result]
Fails = Callable[..., None]


@pytest.fixture
def world(scored: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder to work in, with statistics."""
    monkeypatch.chdir(scored)
    assert run("statistics", "u.h5", "f.h5", "st.h5").exit_code == 0
    return scored


def does(run: Run, line: str) -> str:
    result = run(*line.split())
    assert (result.exit_code, beside_passes(result.stderr)) == (0, ""), result.output
    return result.stdout


def test_from_statistics_to_scores(run: Run, world: Path) -> None:
    said = does(run, "train-isv u.h5 st.h5 utt2spk isv.h5 -r 2 --max-iter 3 --relevance-factor 4")
    assert said == "ISV: rank 2 of sessions, 3 iterations\n"
    said = does(run, "train-jfa u.h5 st.h5 utt2spk jfa.h5 --speaker-rank 1 --session-rank 2 --max-iter 1 --jobs 2")
    assert said == "JFA: rank 1 of speakers, 2 of sessions, 1 iteration each\n"
    again = "train-jfa u.h5 st.h5 utt2spk again.h5 --speaker-rank 1 --session-rank 1 --max-iter 1"
    assert run(*again.split()).stderr.count("EM: iteration ") == 3  # of speakers, sessions and what is left
    assert gs.load("isv.h5").relevance_factor == 4
    assert "JFA: rank 1 of speakers, 2 of sessions" in does(run, "show jfa.h5")
    for kind in ("isv", "jfa"):
        assert does(run, f"score-statistics {kind}.h5 st.h5 enroll trials {kind}") == "4 trials scored\n"
        assert [line.split()[:2] for line in (world / kind).read_text().splitlines()] == [
            line.split()[:2] for line in (world / "trials").read_text().splitlines()
        ]
    assert "EER" in run("evaluate", "isv", "trials").stdout  # of two targets, which may well be below the others


def test_linear_scores_of_enrolled_models(run: Run, world: Path) -> None:
    does(run, "score m.h5 f.h5 trials linear --scoring linear")
    models, ubm = gs.load("m.h5").models_, gs.load("u.h5")
    with gs.FeatureStore("f.h5") as store:
        for line in (world / "linear").read_text().splitlines():
            name, test, value = line.split()
            expected = gs.linear_score([models[name]], ubm, [ubm.accumulate(store[test])])[0, 0]
            assert float(value) == pytest.approx(expected, rel=1e-5)


def test_bad_input(run: Run, world: Path, fails: Fails) -> None:
    does(run, "train-isv u.h5 st.h5 utt2spk isv.h5 -r 1 --max-iter 1")
    does(run, "train-ubm f.h5 u2.h5 -k 2")
    does(run, "enroll u.h5 f.h5 enroll mv.h5 --update mv")
    for name, text in {
        "alone": "ann-1 ann\nbob-1 bob\n",
        "gone": "ann-1 ann\nann-9 ann\n",
        "few": "bob bob-1\n",
        "lost": "ann ann-1\nbob bob-7 bob-8\n",
        "strange": "ann bob-4 target\n",
    }.items():
        (world / name).write_text(text)
    for line, *expected in (
        ("train-isv u.h5 st.h5 alone x -r 1", "alone: found 2 speakers of one session each, expected"),
        ("train-isv u.h5 st.h5 gone x -r 1", "gone: utterance ann-9 is not in st.h5 (1 such of 2)", "ann-"),
        ("train-isv u.h5 st.h5 utt2spk x", "st.h5: found 6 sessions, expected at least as many as the rank (20)"),
        ("train-isv u2.h5 st.h5 utt2spk x -r 1", "st.h5: found statistics under background model"),
        ("train-isv st.h5 st.h5 utt2spk x -r 1", "st.h5: found gmmspeech statistics, expected gmmspeech model"),
        ("train-jfa u.h5 st.h5 utt2spk x --session-rank 2", "st.h5: found 2 speakers, expected at least as many as"),
        ("train-jfa u.h5 st.h5 alone x --speaker-rank 1 --session-rank 1", "alone: found 2 speakers of one"),
        ("score-statistics u.h5 st.h5 enroll trials x", "u.h5: found a DiagonalGMM, expected ISV or JFA"),
        ("score-statistics isv.h5 st.h5 few trials x", "trials: model ann is not in few (1 such of 2)"),
        ("score-statistics isv.h5 st.h5 lost trials x", "lost: utterance bob-7 is not in st.h5 (2 such of 2)"),
        ("score-statistics isv.h5 st.h5 enroll strange x", "strange: utterance bob-4 is not in st.h5 (1 such of 1)"),
        ("score mv.h5 f.h5 trials x --scoring linear", "--scoring: found 'linear' with update = 'mv', expected 'm'"),
    ):
        fails(world, tuple(line.split()), *expected)
