"""Systems with enrollments and tests in and a matrix out, against the functions that they are made of."""

from pathlib import Path

import numpy as np
import pytest
from sessions import Sessions, count_sessions, cut, open_sessions, write_sessions
from sklearn.svm import SVC
from systems import SYSTEMS, SystemSettings

import gmmspeech as gs

SETTINGS = SystemSettings(relevance_factor=8.0, rank=3, session_rank=2, svm_c=1.0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """A background model, and three open sets of sessions of speakers who differ in their means."""
    folder: Path = tmp_path_factory.mktemp("sides")
    rng = np.random.default_rng(0)
    frames: dict[str, dict[str, np.ndarray]] = {"background": {}, "models": {}, "tests": {}}
    for side, names in (("background", "abcdefghij"), ("models", "xyz"), ("tests", "xyz")):
        for name in names:
            center = np.random.default_rng(ord(name)).normal(size=4)
            frames[side][name] = (center + rng.normal(size=(120, 4))).astype(np.float32)
    ubm = gs.train_ubm(list(frames["background"].values()), 2)
    sides = []
    for name, found in frames.items():
        gs.write_store(folder / f"{name}.h5", found.items())
        write_sessions(
            folder / name, [folder / f"{name}.h5"], cut({u: u for u in found}, 3 if name == "background" else 1)
        )
        count_sessions(folder / name, ubm)
        sides.append(open_sessions(folder / name))
    yield ubm, *(side.__enter__() for side in sides)
    for side in sides:
        side.__exit__(None, None, None)


@pytest.mark.parametrize("system", SYSTEMS)
def test_targets_score_higher(world, system: str) -> None:
    ubm, background, models, tests = world
    score = SYSTEMS[system](ubm, background, SETTINGS)
    scores = score(models, tests)
    assert scores.shape == (3, 3)
    assert np.diagonal(scores).mean() > scores[~np.eye(3, dtype=bool)].max() - 1e-9
    assert score(models, background).shape == (3, 30)


def test_gmm_scores_are_those_of_the_functions(world) -> None:
    ubm, background, models, tests = world
    adapted = [gs.map_adapt(ubm, stats, relevance_factor=8.0) for stats in models.stats.values()]
    for system, top_c in (("gmm-full", None), ("gmm-top", 2)):
        expected = gs.scoring.log_likelihood_ratios(adapted, ubm, list(tests.frames.values()), top_c=top_c)
        np.testing.assert_array_equal(SYSTEMS[system](ubm, background, SETTINGS)(models, tests), expected)
    expected = gs.linear_score(adapted, ubm, tests.stats)
    np.testing.assert_allclose(SYSTEMS["gmm-linear"](ubm, background, SETTINGS)(models, tests), expected)
    symmetric = SYSTEMS["gmm-symmetric"](ubm, background, SETTINGS)
    np.testing.assert_allclose(symmetric(models, tests), symmetric(tests, models).T)


def vectors(ubm: gs.DiagonalGMM, side: Sessions) -> np.ndarray:
    return gs.speaker.supervectors(ubm, gs.speaker.adapted_means(ubm, side.stats, relevance_factor=8.0))


def test_svm_is_that_of_sklearn_on_all_other_speakers(world) -> None:
    ubm, background, models, tests = world
    scores = SYSTEMS["svm"](ubm, background, SETTINGS)
    for side, others in ((models, range(30)), (background, range(3, 30))):  # the background's own: all but himself
        negatives = vectors(ubm, background)[list(others)]
        x = np.concatenate([vectors(ubm, side)[:1], negatives])
        machine = SVC(kernel="linear", C=1.0, class_weight="balanced").fit(x, np.arange(len(x)) == 0)
        expected = machine.decision_function(vectors(ubm, tests))
        np.testing.assert_allclose(scores(side, tests)[0], expected, atol=2e-3)
