"""ISV and JFA from files to files, beside the functions that they call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands.factor_analysis import score_statistics_file, train_isv_file, train_jfa_file
from gmmspeech.commands.speaker import statistics_file
from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import read_map, write_map
from gmmspeech.formats.trials import read_scores, read_trials
from gmmspeech.stores.statistics import StatisticsStore

TRAINING = ("ubm", "stats", "train")
SCORING = ("stats", "enroll", "trials")
RANKS = {"speaker_rank": 2, "session_rank": 2}


def trained(world: Path, kind: str) -> Path:
    places = [world / name for name in (*TRAINING, kind)]
    if kind == "isv":
        train_isv_file(*places, 2, max_iter=3, n_jobs=2)
    else:
        train_jfa_file(*places, **RANKS, max_iter=3, n_jobs=2)
    return places[-1]


@pytest.mark.parametrize("kind", ["isv", "jfa"])
def test_models_are_those_of_the_functions(world: Path, kind: str) -> None:
    labels = read_map(world / "train")
    ubm = gs.load(world / "ubm")
    with StatisticsStore(world / "stats") as store:
        given = ubm, store.select(list(labels)), list(labels.values())
        if kind == "isv":
            expected = gs.speaker.train_isv(*given, 2, max_iter=3)
        else:
            expected = gs.speaker.train_jfa(*given, **RANKS, max_iter=3)
    found = gs.load(trained(world, kind))
    for name in ("session",) if kind == "isv" else ("speaker", "session", "residual"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("kind", ["isv", "jfa"])
def test_scores_are_those_of_the_functions(world: Path, kind: str, monkeypatch) -> None:
    """Whatever the number of models that are scored together, and the order of the trials."""
    path, trials = trained(world, kind), read_trials(world / "trials")
    model, enrolled = gs.load(path), gs.read_list_map(world / "enroll")
    found = score_statistics_file(path, *(world / name for name in SCORING), world / "out", n_jobs=2)
    with StatisticsStore(world / "stats") as store:
        for i in range(0, len(trials), 31):
            means = model.enroll([store[name] for name in enrolled[trials.models[i]]])
            expected = model.score(means[None], [store[trials.tests[i]]])[0, 0]
            assert found.values[i] == pytest.approx(expected, rel=1e-9)
    assert gs.eer(*found.split(trials)) < 0.3
    np.testing.assert_allclose(read_scores(world / "out").values, found.values, rtol=1e-6)
    lines = (world / "trials").read_text().splitlines()
    order = np.random.default_rng(0).permutation(len(lines))[:100]
    (world / "trials").write_text("\n".join(lines[i] for i in order) + "\n")
    monkeypatch.setattr("gmmspeech.commands.factor_analysis.MODELS_AT_ONCE", 5)
    again = score_statistics_file(path, *(world / name for name in SCORING), world / "out")
    np.testing.assert_allclose(again.values, found.values[order], rtol=1e-9)


def test_tests_of_several_utterances(world: Path) -> None:
    """Whether `statistics --groups` took them as one or scoring does, they score as the sum of their statistics."""
    path, enrolled = trained(world, "isv"), gs.read_list_map(world / "enroll")
    with StatisticsStore(world / "stats") as store:
        names = [name for name in store if name.startswith("s00")]
        write_map(world / "tests", {"both": names[-2:]})
        model, total = gs.load(path), store[names[-2]] + store[names[-1]]
        means = np.stack([model.enroll([store[name] for name in sessions]) for sessions in enrolled.values()])
        expected = model.score(means, [total])[:, 0]
    statistics_file(world / "ubm", world / "feats", world / "grouped", groups=world / "tests")
    (world / "trials").write_text("".join(f"{name} both\n" for name in enrolled))
    places = (path, world / "grouped", world / "enroll", world / "trials", world / "out")
    found = score_statistics_file(*places, enrollment=world / "stats")
    np.testing.assert_allclose(found.values, expected, rtol=1e-5)  # frames of a store are float32
    places = (path, *(world / name for name in SCORING), world / "out")
    found = score_statistics_file(*places, groups=world / "tests")
    np.testing.assert_allclose(found.values, expected, rtol=1e-9)
    (world / "trials").write_text("".join(f"{name} others\n" for name in enrolled))
    with pytest.raises(DataError, match=r"trials: test others is not in .*tests .1 such of 1"):
        score_statistics_file(*places, groups=world / "tests")
    write_map(world / "tests", {"others": ["s00-0", "s00-77"]})
    with pytest.raises(DataError, match=r"tests: utterance s00-77 is not in .*stats .1 such of 2"):
        score_statistics_file(*places, groups=world / "tests")


def test_enrollment_from_another_file(world: Path) -> None:
    path = trained(world, "isv")
    expected = score_statistics_file(path, *(world / name for name in SCORING), world / "one", max_iter=4)
    with StatisticsStore(world / "stats") as store:
        write_map(world / "tests", {name: [name] for name in store if name[-1] in "23"})
    statistics_file(world / "ubm", world / "feats", world / "only", groups=world / "tests")
    only = (path, world / "only", *(world / name for name in SCORING[1:]), world / "two")
    with pytest.raises(DataError, match="enroll: utterance s00-0 is not in "):
        score_statistics_file(*only)
    found = score_statistics_file(*only, enrollment=world / "stats", max_iter=4)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-9)
