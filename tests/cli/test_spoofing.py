"""The commands of countermeasures: a classifier's scores, and their figures by attack."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from said import works

import gmmspeech as gs
from gmmspeech.formats.asvspoof import read_cm_scores

Run = Callable[..., Result]
Fails = Callable[..., None]


def test_from_frames_to_figures(scored: Path, run: Run) -> None:
    done = works(run("score-classes", scored / "c.h5", scored / "f.h5", scored / "cm", "--target", "ann", "--jobs", 2))
    assert done.stdout == "6 utterances scored\n"
    scores = read_cm_scores(scored / "cm")
    classifier = gs.load(scored / "c.h5")
    with gs.FeatureStore(scored / "f.h5") as store:
        for utterance, score in scores.items():
            sides = classifier.segment_log_likelihoods([store[utterance]])[0] / len(store[utterance])
            assert score == pytest.approx(sides[0] - sides[1], abs=1e-5)
    lines = [f"ann ann-{i} - - bonafide" for i in (1, 2, 3)] + [f"bob bob-{i} - A0{i} spoof" for i in (1, 2, 3)]
    (scored / "protocol").write_text("\n".join(lines) + "\n")
    (scored / "asv").write_text("bonafide target 2\nbonafide target 3\nbonafide nontarget 0\nA01 spoof 2.5\n")
    told = works(run("evaluate-spoofing", scored / "cm", scored / "protocol", "--asv-scores", scored / "asv"))
    rows = [line.split() for line in told.stdout.splitlines()]
    assert [row[0] for row in rows] == ["attack", "all", "A01", "A02", "A03"]
    assert rows[1] == ["all", "3", "3", "0.00", "%", "0.1597"]
    plain = run("evaluate-spoofing", scored / "cm", scored / "protocol")
    assert "t-DCF" not in plain.stdout
    again = run("score-classes", scored / "c.h5", scored / "f.h5", scored / "2019", "--target", "ann",
                "--protocol", scored / "protocol")  # fmt: skip
    assert again.exit_code == 0
    assert (scored / "2019").read_text().splitlines()[5].startswith("bob-3 A03 spoof ")
    legacy = run(
        "evaluate-spoofing", scored / "2019", scored / "protocol", "--asv-rates", 0.1, 0.1, 0.5, "--form", "2019"
    )
    assert np.isclose(float(legacy.stdout.splitlines()[1].split()[-1]), 0)


def test_bad_usage(scored: Path, fails: Fails) -> None:
    words = ("score-classes", scored / "c.h5", scored / "f.h5", scored / "cm")
    fails(scored, words, "--target: found 'bonafide', expected one of ann, bob, the classes of ")
    fails(scored, (*words, "--target", "ann", "--other", "ann"), "other: found 'ann', the target")
    (scored / "protocol").write_text("ann ann-1 - - bonafide\n")
    (scored / "scores").write_text("ann-1 2.5\n")
    words = ("evaluate-spoofing", scored / "scores", scored / "protocol")
    fails(scored, words, "found only bona fide speech, expected both to evaluate")
    fails(scored, (*words, "--asv-keys", scored / "asv"), "found --asv-keys without --asv-scores")
    fails(scored, (*words, "--asv-rates", 0, 0, 0, "--asv-scores", scored / "asv"), "found both --asv-scores and")
    (scored / "protocol").write_text("ann ann-1 - - bonafide\nbob bob-1 - A01 spoof\n")
    fails(scored, words, "scores: found no score of bob-1 of ", "(1 such utterance)")
    (scored / "scores").write_text("ann-1 2.5\nbob-1 1\n")
    fails(scored, (*words, "--asv-rates", 0.1, 0.1, 0), "asv: found no spoof accepted")
