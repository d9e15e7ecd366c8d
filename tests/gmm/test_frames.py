"""Names of columns: kept, checked and saved as scikit-learn has it, by every estimator; frames in columns."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture
from sklearn.utils import estimator_checks

import gmmspeech as gs
from gmmspeech.errors import FeatureError, GmmSpeechWarning
from gmmspeech.phones.gmm.segment_gaussian import SegmentGaussian

IRIS = load_iris(as_frame=True)
TABLE, KINDS = IRIS.data, IRIS.target_names[IRIS.target]
REVERSED = TABLE[TABLE.columns[::-1]]
RANGES = np.arange(0, 150, 5)[:, None] + [0, 5]


def fitted(name, X):
    options = {"random_state": 0}
    if name == "DiagonalGMM":
        return gs.DiagonalGMM(2, **options).fit(X)
    if name == "GMMClassifier":
        return gs.GMMClassifier(1, **options).fit(X, KINDS)
    if name == "PhoneGMM":
        return gs.PhoneGMM(1, **options).fit(X, RANGES, KINDS[::5])
    return SegmentGaussian().fit(X, KINDS)


def scored(model, X):
    for method in ("score_samples", "predict_log_proba", "frame_log_posteriors", "log_likelihoods"):
        if hasattr(model, method):
            return getattr(model, method)(X)


ESTIMATORS = ("DiagonalGMM", "GMMClassifier", "PhoneGMM", "SegmentGaussian")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_columns_in_another_order_are_refused(name):
    model = fitted(name, TABLE)
    assert model.feature_names_in_.tolist() == TABLE.columns.tolist()
    plain = fitted(name, TABLE.to_numpy())
    np.testing.assert_array_equal(scored(model, TABLE), scored(plain, TABLE.to_numpy()))
    for wrong, words in (
        (REVERSED, "Feature names must be in the same order as they were in fit"),
        (TABLE.rename(columns={TABLE.columns[0]: "width"}), "Feature names unseen at fit time"),
        (TABLE[TABLE.columns[:3]], "Feature names seen at fit time, yet now missing"),
    ):
        for error in (FeatureError, ValueError):
            with pytest.raises(error, match=words):
                scored(model, wrong)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        scored(model, TABLE.to_numpy())
    with pytest.warns(UserWarning, match="X has feature names, but"):
        scored(plain, TABLE)
    with pytest.raises(FeatureError, match=r"string names|Feature names are only supported"):
        fitted(name, TABLE.set_axis(["a", 1, "b", 2], axis=1))
    assert not hasattr(fitted(name, TABLE.set_axis(range(4), axis=1)), "feature_names_in_")


@pytest.mark.parametrize("name", ESTIMATORS[:3])
def test_names_are_saved(name, tmp_path):
    model = fitted(name, TABLE)
    model.save(tmp_path / "model.h5")
    again = gs.load(tmp_path / "model.h5")
    assert again.feature_names_in_.tolist() == TABLE.columns.tolist()
    np.testing.assert_array_equal(scored(again, TABLE), scored(model, TABLE))
    with pytest.raises(FeatureError, match="same order"):
        scored(again, REVERSED)
    fitted(name, TABLE.to_numpy()).save(tmp_path / "model.h5")
    assert not hasattr(gs.load(tmp_path / "model.h5"), "feature_names_in_")


def test_names_of_segment_gaussians_are_part_of_their_state():
    model = fitted("SegmentGaussian", TABLE)
    again = SegmentGaussian.from_state({"shrinkage": 1.0, **model.to_state()})
    assert again.feature_names_in_.tolist() == TABLE.columns.tolist()


def test_iris_with_its_columns_reversed():
    classifier = gs.GMMClassifier(1, random_state=0).fit(TABLE, KINDS)
    assert classifier.score(TABLE, KINDS) > 0.93
    with pytest.raises(FeatureError, match="same order"):
        classifier.score(REVERSED, KINDS)


def test_names_go_where_the_mixture_goes():
    gmm = fitted("DiagonalGMM", TABLE)
    speaker = gs.map_adapt(gmm, TABLE[:40])
    assert speaker.feature_names_in_.tolist() == TABLE.columns.tolist()
    for refused in (
        lambda: gs.map_adapt(gmm, REVERSED),
        lambda: gs.log_likelihood_ratio(speaker, gmm, REVERSED),
        lambda: gs.DiagonalGMM(2).fit(TABLE).partial_fit(REVERSED),
        lambda: fitted("PhoneGMM", TABLE).adapt(REVERSED, RANGES, KINDS[::5]),
        lambda: gs.GMMClassifier(1).fit([TABLE[:50], REVERSED[50:]], ["a", "b"]),
    ):
        with pytest.raises(FeatureError, match="same order"):
            refused()
    with pytest.raises(FeatureError, match="names of columns are not kept"):
        gs.speaker.train_plda(TABLE, KINDS)
    assert gmm.partial_fit(TABLE).feature_names_in_.tolist() == TABLE.columns.tolist()


@pytest.mark.parametrize("estimator", [gs.DiagonalGMM(), gs.GMMClassifier()], ids=repr)
def test_what_scikit_learn_checks_of_names(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GmmSpeechWarning)
        estimator_checks.check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


@pytest.mark.parametrize(
    "check",
    [
        "check_no_attributes_set_in_init",
        "check_get_params_invariance",
        "check_set_params",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_mixin_order",
    ],
)
@pytest.mark.parametrize("estimator", [gs.PhoneGMM(), SegmentGaussian(), gs.features.MfccTransformer()], ids=repr)
def test_what_scikit_learn_checks_of_estimators_that_take_segments(check, estimator):
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


def test_frames_that_stand_in_columns():
    frames = np.random.default_rng(0).normal(size=(200, 13))
    gmm = gs.DiagonalGMM(2, random_state=0).fit(frames)
    phones = gs.PhoneGMM(1).fit(frames, [[0, 100], [100, 200]], ["AA", "S"])
    for refused in (
        lambda: gmm.score(frames.T),
        lambda: gs.GMMClassifier(1).fit(frames, ["a"] * 100 + ["b"] * 100).predict(frames.T),
        lambda: gs.log_likelihood_ratio(gmm, gmm, frames.T),
        lambda: gs.map_adapt(gmm, frames.T),
        lambda: phones.log_likelihoods(frames.T),
    ):
        with pytest.raises(FeatureError, match=r"stand in columns: transpose, X\.T"):
            refused()
    with pytest.raises(FeatureError, match="stand in columns: transpose"):
        gs.DiagonalGMM(2).fit([frames.T, frames[:90].T])
    with pytest.warns(GmmSpeechWarning, match="^found 13 frames of 200 columns, more columns than frames"):
        gs.DiagonalGMM(2, random_state=0).fit(frames.T)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gs.PhoneGMM(1).fit(frames, [[0, 5], [5, 200]], ["AA", "S"])  # a phone may have fewer frames than columns


def test_clusters_and_their_members():
    rng = np.random.default_rng(0)
    frames = np.concatenate([rng.normal(middle, 1, (50, 2)) for middle in (-9, 0, 9)])
    found = gs.DiagonalGMM(3, random_state=0).fit_predict(frames)
    np.testing.assert_array_equal(found, gs.DiagonalGMM(3, random_state=0).fit(frames).predict(frames))
    theirs = GaussianMixture(3, covariance_type="diag", random_state=0).fit_predict(frames)
    assert (pd.crosstab(found, theirs).to_numpy() > 0).sum() == 3


def test_no_frames_have_no_score():
    gmm = fitted("DiagonalGMM", TABLE.to_numpy())
    for score in (gmm.score, gmm.bic, gmm.aic):
        with pytest.raises(FeatureError, match=r"^found 0 frames, expected one or more$"):
            score(np.empty((0, 4)))
    assert gmm.score_samples(np.empty((0, 4))).shape == (0,)
