"""Enrollment and scoring against the functions they are made of, and against what every way of scoring must hold."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError
from gmmspeech.formats.loading import load
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.scoring.linear import linear_score
from gmmspeech.scoring.llr import log_likelihood_ratio
from gmmspeech.scoring.statistics import statistics_llr
from gmmspeech.scoring.trials import TrialList
from gmmspeech.speaker.ubm import train_ubm
from gmmspeech.speaker.verifier import SCORINGS, SpeakerVerifier
from gmmspeech.stores.features import FeatureStore, write_store

SPEAKERS = ("ann", "bob", "eve")
FRONT_END = json.dumps({"features": {"num_ceps": 3}, "vad": None})


def speech(speaker, session, t=150):
    rng = np.random.default_rng([SPEAKERS.index(speaker), session])
    means = np.random.default_rng(SPEAKERS.index(speaker)).normal(0, 1, 3)
    return (rng.normal(size=(t, 3)) + means).astype(np.float32)


@pytest.fixture(scope="module")
def utterances():
    return {f"{speaker}{i}": speech(speaker, i, 120 + 20 * i) for speaker in SPEAKERS for i in range(5)}


@pytest.fixture(scope="module")
def store(utterances, tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "feats.h5"
    write_store(path, utterances.items(), front_end=FRONT_END)
    return FeatureStore(path)


@pytest.fixture(scope="module")
def ubm(store):
    return train_ubm(store, 4, max_iter=5)


@pytest.fixture
def make(ubm, store):
    """A function: options to a verifier with two sessions of each speaker enrolled."""

    def enrolled(**options):
        verifier = SpeakerVerifier(ubm, **options)
        verifier.enroll_all({s: [f"{s}0", f"{s}1"] for s in SPEAKERS}, store)
        return verifier

    return enrolled


@pytest.fixture
def trials():
    """All pairs, shuffled, so that neither models nor tests come in blocks."""
    pairs = [(s, f"{other}{i}") for s in SPEAKERS for other in SPEAKERS for i in (2, 3, 4)]
    pairs = [pairs[i] for i in np.random.default_rng(0).permutation(len(pairs))]
    models, tests = zip(*pairs, strict=True)
    return TrialList(models, tests, np.array([test.startswith(model) for model, test in pairs]))


# --- enrollment


@pytest.mark.parametrize("update", ["m", "mvw"])
def test_a_model_is_the_adapted_background_model(ubm, make, utterances, update):
    verifier = make(relevance_factor=8, update=update)
    assert list(verifier.models_) == list(SPEAKERS)
    for speaker in SPEAKERS:
        sessions = [utterances[f"{speaker}{i}"] for i in range(2)]
        expected = map_adapt(ubm, np.concatenate(sessions), relevance_factor=8, update=update)
        for data in (np.concatenate(sessions), sessions, ubm.accumulate(sessions)):
            verifier.enroll("again", data)
            for name in (speaker, "again"):
                model = verifier.models_[name]
                np.testing.assert_array_equal(model.weights_, expected.weights_)
                np.testing.assert_array_equal(model.means_, expected.means_)
                np.testing.assert_array_equal(model.covariances_, expected.covariances_)
        np.testing.assert_array_equal(verifier.statistics_[speaker].n, ubm.accumulate(sessions).n)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_enrolling_again_replaces(ubm, utterances, scoring):
    verifier, fresh = (SpeakerVerifier(ubm, scoring=scoring) for _ in range(2))
    verifier.enroll("ann", utterances["bob0"])
    verifier.enroll("ann", utterances["ann0"])
    fresh.enroll("ann", utterances["ann0"])
    assert verifier.score("ann", utterances["ann3"]) == fresh.score("ann", utterances["ann3"])
    assert list(verifier.models_) == ["ann"]


# --- scores


@pytest.mark.parametrize("top_c", [None, 2])
def test_frame_scores_are_log_likelihood_ratios(ubm, make, store, trials, top_c):
    verifier = make(top_c=top_c)
    scores = verifier.score_trials(trials, store)
    for model, test, value in zip(trials.models, trials.tests, scores.values, strict=True):
        expected = log_likelihood_ratio(verifier.models_[model], ubm, store[test], top_c=top_c)
        assert value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("scoring", "function"), [("statistics", statistics_llr), ("linear", linear_score)])
def test_statistics_scores_are_of_the_statistics(ubm, make, store, trials, scoring, function):
    verifier = make(scoring=scoring)
    scores = verifier.score_trials(trials, store)
    for model, test, value in zip(trials.models, trials.tests, scores.values, strict=True):
        expected = function([verifier.models_[model]], ubm, [ubm.accumulate(store[test])])[0, 0]
        assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_targets_score_above_nontargets(make, store, trials, scoring):
    targets, nontargets = make(scoring=scoring).score_trials(trials, store).split(trials)
    assert targets.min() > nontargets.max()
    assert targets.mean() > 0 > nontargets.mean()


@pytest.mark.parametrize("scoring", SCORINGS)
def test_scores_stand_in_the_order_of_the_trials(make, store, utterances, trials, scoring):
    verifier = make(scoring=scoring)
    scores = verifier.score_trials(trials, store)
    assert (list(scores.models), list(scores.tests)) == (list(trials.models), list(trials.tests))
    order = np.random.default_rng(1).permutation(len(trials))
    shuffled = TrialList([trials.models[i] for i in order], [trials.tests[i] for i in order])
    np.testing.assert_allclose(verifier.score_trials(shuffled, store).values, scores.values[order], rtol=1e-12)
    for model, test, value in zip(trials.models, trials.tests, scores.values, strict=True):
        assert verifier.score(model, utterances[test]) == pytest.approx(value, abs=1e-9)
    assert len(verifier.score_trials(TrialList([], []), store)) == 0


@pytest.mark.parametrize("scoring", SCORINGS)
def test_a_dict_and_any_number_of_threads_give_the_same_bits(ubm, make, store, utterances, trials, scoring):
    expected = make(scoring=scoring).score_trials(trials, store).values
    for n_jobs in (1, 3):
        verifier = SpeakerVerifier(ubm, scoring=scoring, n_jobs=n_jobs)
        verifier.enroll_all({s: [f"{s}0", f"{s}1"] for s in SPEAKERS}, utterances)
        np.testing.assert_array_equal(verifier.score_trials(trials, utterances).values, expected)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_a_group_is_its_utterances_joined(make, store, utterances, scoring):
    verifier = make(scoring=scoring)
    groups = {"first": ["ann2", "ann3"], "second": ["bob4"], "twice": ["ann2", "ann2"]}
    trials = TrialList(["ann", "bob", "ann", "eve"], ["first", "first", "twice", "second"])
    joined = {name: np.concatenate([utterances[u] for u in members]) for name, members in groups.items()}
    np.testing.assert_array_equal(
        verifier.score_trials(trials, store, groups=groups).values, verifier.score_trials(trials, joined).values
    )


def test_more_tests_than_are_in_memory_together(make, utterances):
    verifier = make()
    many = {f"u{i}": utterances["ann2"][i : i + 20] for i in range(100)}
    trials = TrialList(["ann", "bob"] * 100, [f"u{i // 2}" for i in range(200)])
    batches = []
    scores = verifier.score_trials(trials, many, progress=lambda items: batches.append(len(items)) or items)
    expected = [verifier.score(m, many[t]) for m, t in zip(trials.models, trials.tests, strict=True)]
    np.testing.assert_allclose(scores.values, expected, atol=1e-9)
    assert batches[0] > 1


def test_progress_over_enrollments(ubm, store):
    seen = []
    verifier = SpeakerVerifier(ubm)
    verifier.enroll_all(
        {s: [f"{s}0"] for s in SPEAKERS}, store, progress=lambda items: (seen.append(x) or x for x in items)
    )
    assert seen == list(SPEAKERS)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_saved_and_loaded_it_gives_the_same_bits(make, store, trials, tmp_path, scoring):
    verifier = make(scoring=scoring, relevance_factor=5, update="m" if scoring == "linear" else "mw")
    verifier.save(tmp_path / "models.h5")
    again = load(tmp_path / "models.h5")
    np.testing.assert_array_equal(again.score_trials(trials, store).values, verifier.score_trials(trials, store).values)
    with pytest.raises(FeatureError, match="vad"):
        again.enroll_all({"zoe": ["u"]}, other_front_end(tmp_path, vad={"method": "energy"}))


def test_models_without_a_prior_are_saved_too(make, store, trials, tmp_path):
    verifier = make(relevance_factor=0)
    verifier.save(tmp_path / "models.h5")
    again = load(tmp_path / "models.h5")
    np.testing.assert_array_equal(again.score_trials(trials, store).values, verifier.score_trials(trials, store).values)
    with pytest.raises(ConfigError, match=r"relevance_factor: found -1, expected 0 or more"):
        make(relevance_factor=-1)


# --- what is refused


def other_front_end(folder, **changes):
    front_end = json.dumps({**json.loads(FRONT_END), **changes})
    write_store(folder / "other.h5", [("u", np.ones((5, 3)))], front_end=front_end)
    return FeatureStore(folder / "other.h5")


def test_frames_of_another_front_end(make, tmp_path):
    other = other_front_end(tmp_path, features={"num_ceps": 20})
    message = r"other\.h5: found frames with features\.num_ceps = 20, expected features\.num_ceps = 3 as the background"
    with pytest.raises(FeatureError, match=message):
        make().score_trials(TrialList(["ann"], ["u"]), other)
    with pytest.raises(FeatureError, match=message):
        make().enroll_all({"zoe": ["u"]}, other)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_full_covariances_score_as_mixtures_of_normals(utterances, tmp_path, kind):
    ubm = train_ubm([utterances[f"{s}4"] for s in SPEAKERS], 2, covariance_type=kind, max_iter=3)
    X, Y = (utterances[name].astype(np.float64) for name in ("ann0", "ann2"))
    covariances = np.broadcast_to(ubm.covariances_, (2, 3, 3))

    def densities(means, Z):
        normals = [multivariate_normal(m, c) for m, c in zip(means, covariances, strict=True)]
        return np.array([w * n.pdf(Z) for w, n in zip(ubm.weights_, normals, strict=True)])

    def adapted(Z):
        posteriors = densities(ubm.means_, Z)
        posteriors /= posteriors.sum(axis=0)
        return (posteriors @ Z + 16 * ubm.means_) / (posteriors.sum(axis=1) + 16)[:, None]

    def ratio(means, Z):
        return np.mean(np.log(densities(means, Z).sum(axis=0)) - np.log(densities(ubm.means_, Z).sum(axis=0)))

    one_way, back = ratio(adapted(X), Y), ratio(adapted(Y), X)
    for scoring, expected in (("frames", one_way), ("symmetric", (one_way + back) / 2)):
        verifier = SpeakerVerifier(ubm, scoring=scoring)
        verifier.enroll("ann", utterances["ann0"])
        verifier.save(tmp_path / scoring)
        for each in (verifier, load(tmp_path / scoring)):
            assert each.score("ann", utterances["ann2"]) == pytest.approx(expected, abs=1e-5)
        assert f"{kind} covariances" in "".join(verifier.describe())


@pytest.mark.parametrize("options", [{"scoring": "statistics"}, {"scoring": "linear"}, {"top_c": 1}])
def test_full_covariances_have_no_scores_of_statistics_or_few_components(utterances, options):
    ubm = train_ubm([utterances["ann0"]], 2, covariance_type="full", max_iter=1)
    with pytest.raises(ConfigError, match="with a GMM, expected 'frames' or 'symmetric'"):
        SpeakerVerifier(ubm, **options)


def test_names_that_are_not_there(make, store, utterances):
    verifier = make()
    with pytest.raises(DataError, match="model zoe is not enrolled, expected one of 3 models"):
        verifier.score_trials(TrialList(["ann", "zoe"], ["ann2", "ann2"]), store)
    with pytest.raises(DataError, match="model zoe is not enrolled"):
        verifier.score("zoe", utterances["ann2"])
    with pytest.raises(DataError, match=r"test zoe2: utterance zoe2 is not in .*feats\.h5"):
        verifier.score_trials(TrialList(["ann"], ["zoe2"]), store)
    with pytest.raises(DataError, match="test zoe2: utterance zoe2 is not in the store"):
        verifier.score_trials(TrialList(["ann"], ["zoe2"]), utterances)
    with pytest.raises(DataError, match="model zoe: utterance zoe0 is not in"):
        verifier.enroll_all({"zoe": ["ann0", "zoe0"]}, store)
    with pytest.raises(DataError, match="model zoe: found no utterance"):
        verifier.enroll_all({"zoe": []}, store)
    with pytest.raises(DataError, match="test g2: not among the 1 group of utterances"):
        verifier.score_trials(TrialList(["ann"], ["g2"]), store, groups={"g": ["ann2"]})


@pytest.mark.parametrize("scoring", SCORINGS)
def test_bad_frames_are_named(make, scoring):
    verifier = make(scoring=scoring)
    good, nan = np.zeros((4, 3)), np.full((4, 3), np.nan)
    for frames, found in (
        (np.zeros((4, 2)), r"found frames of shape \(4, 2\), expected \(one or more, 3\)"),
        (np.zeros((0, 3)), r"found frames of shape \(0, 3\)"),
        (np.zeros(3), r"found frames of shape \(3,\)"),
        (nan, "frame 0, column 0: found nan"),
    ):
        with pytest.raises(FeatureError, match=f"test t: utterance t: {found}"):
            verifier.score_trials(TrialList(["ann", "ann"], ["good", "t"]), {"good": good, "t": frames})
        with pytest.raises(FeatureError, match=f"model zoe: utterance u: {found}"):
            verifier.enroll_all({"zoe": ["u"]}, {"u": frames})
        with pytest.raises(FeatureError, match=f"model zoe: .*{found}"):
            verifier.enroll("zoe", [good, frames])
        with pytest.raises(FeatureError, match=r"found (frames of|nan)|frame 0, column 0"):
            verifier.score("ann", frames)
    with pytest.raises(FeatureError, match="model zoe: found no frames"):
        verifier.enroll("zoe", [])
    assert "zoe" not in verifier.models_


def test_bad_options(ubm):
    with pytest.raises(ConfigError, match="scoring: found 'lineal', expected one of"):
        SpeakerVerifier(ubm, scoring="lineal")
    with pytest.raises(ConfigError, match="scoring: found 'linear' with update = 'mv', expected 'm', means only"):
        SpeakerVerifier(ubm, scoring="linear", update="mv")
    with pytest.raises(ConfigError, match="scoring: found 'linear' with update = 'w', expected"):
        SpeakerVerifier(ubm, update="w").set_scoring("linear")
    for scoring in ("statistics", "symmetric", "linear"):
        with pytest.raises(ConfigError, match=f"top_c: found 5 with scoring = '{scoring}'"):
            SpeakerVerifier(ubm, scoring=scoring, top_c=5)
    with pytest.raises(ModelError, match="not fitted"):
        SpeakerVerifier(DiagonalGMM(2)).enroll("ann", np.zeros((3, 2)))


def test_symmetric_scoring_needs_the_frames_of_enrollment(ubm, make, utterances):
    verifier = make()  # enrolled while the scoring needed none
    verifier.set_scoring("symmetric")
    with pytest.raises(DataError, match="model ann: found no enrollment frames"):
        verifier.score("ann", utterances["ann2"])
    with pytest.raises(FeatureError, match="model ann: found statistics, expected frames"):
        verifier.enroll("ann", ubm.accumulate(utterances["ann0"]))
    verifier.enroll("ann", utterances["ann0"])
    assert np.isfinite(verifier.score("ann", utterances["ann2"]))


def test_scoring_can_be_changed(make, utterances):
    verifier = make()
    verifier.set_scoring("statistics")
    assert verifier.score("ann", utterances["ann2"]) == make(scoring="statistics").score("ann", utterances["ann2"])
    verifier.set_scoring("frames", top_c=2)
    assert verifier.score("ann", utterances["ann2"]) == make(top_c=2).score("ann", utterances["ann2"])


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_tables_are_frames_whose_columns_count():
    frames = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=["a", "b", "c"])
    verifier = SpeakerVerifier(DiagonalGMM(2, random_state=0).fit(frames))
    verifier.enroll("ann", frames[:50])
    score = verifier.score("ann", frames)
    verifier.enroll("ann", frames[:50].to_numpy())
    assert score == verifier.score("ann", frames.to_numpy()) == verifier.score("ann", frames.to_numpy().tolist())
    for call in (verifier.enroll, verifier.score):
        with pytest.raises(FeatureError, match="same order"):
            call("ann", frames[["c", "b", "a"]])


@pytest.mark.parametrize("X", ["a.wav", {"a": 1}, np.zeros((2, 2), "M8[s]"), [[1], [1, 2]], None, np.zeros((0, 2))])
def test_what_is_no_frames_is_refused(ubm, make, X):
    verifier = make()
    verifier.enroll("ann", np.zeros((5, ubm.means_.shape[1])))
    with pytest.raises(FeatureError, match="test: utterance 0"):
        verifier.score("ann", X)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_tables_with_names_need_no_warning_and_keep_their_order(scoring):
    """Scores of a table are those of its numbers; columns in another order are refused."""
    frames = np.random.default_rng(0).normal(size=(90, 3)) + np.repeat([[0.0], [3.0], [6.0]], 30, axis=0)
    table = pd.DataFrame(frames, columns=list("abc"))
    named, plain = (DiagonalGMM(2, random_state=0).fit(X) for X in (table, frames))
    scores = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for ubm, X in ((named, table), (plain, frames)):
            verifier = SpeakerVerifier(ubm, scoring=scoring)
            verifier.enroll("ann", X[:30])
            scores.append(verifier.score("ann", X[30:50]))
    assert scores[0] == pytest.approx(scores[1], rel=1e-12)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        SpeakerVerifier(named, scoring=scoring).enroll("ann", table[["c", "b", "a"]])
