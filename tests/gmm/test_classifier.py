"""`GMMClassifier` against Bayes' rule on the classes' own mixtures, in plain loops."""

import pickle

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from gmmspeech.errors import ConfigError, FeatureError, GmmSpeechWarning, ModelError
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.mixture import DiagonalGMM

LABELS = {"words": np.array(["ah", "ee", "oo"]), "numbers": np.array([-3, 7, 40])}


def data(labels=LABELS["words"], each=120, seed=0):
    rng = np.random.default_rng(seed)
    counts = [each, each // 2, each]
    frames = np.concatenate([rng.normal(2.0 * i, 1.5, (n, 2)) for i, n in enumerate(counts)])
    y = np.repeat(labels, counts)
    order = rng.permutation(len(y))
    return frames[order], y[order]


def naive_log_density(x, model):
    components = [
        np.log(w) + sum(norm.logpdf(a, m, v**0.5) for a, m, v in zip(x, means, variances, strict=True))
        for w, means, variances in zip(model.weights_, model.means_, model.covariances_, strict=True)
    ]
    return np.logaddexp.reduce(components)


@pytest.fixture(scope="module")
def fitted():
    return GMMClassifier(3, random_state=0).fit(*data())


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_one_mixture_a_class_on_that_classs_frames(labels):
    frames, y = data(labels)
    classifier = GMMClassifier(3, random_state=0, max_iter=5, variance_floor=0.02).fit(frames, y)
    np.testing.assert_array_equal(classifier.classes_, labels)
    np.testing.assert_allclose(classifier.priors_, [0.4, 0.2, 0.4])
    for label, model in zip(labels, classifier.models_, strict=True):
        alone = DiagonalGMM(3, random_state=0, max_iter=5, variance_floor=0.02).fit(frames[y == label])
        np.testing.assert_array_equal(model.means_, alone.means_)
        np.testing.assert_array_equal(model.covariances_, alone.covariances_)
    assert classifier.predict(frames).dtype == labels.dtype
    assert classifier.score(frames, y) > 0.6


def test_posteriors_are_bayes_rule(fitted):
    frames, _ = data(each=20, seed=1)
    joint = np.array([[naive_log_density(x, m) for m in fitted.models_] for x in frames]) + np.log([0.4, 0.2, 0.4])
    posterior = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(frames), posterior, rtol=1e-9)
    np.testing.assert_allclose(fitted.predict_log_proba(frames), np.log(posterior), atol=1e-9)
    np.testing.assert_allclose(fitted.log_likelihoods(frames), joint - np.log([0.4, 0.2, 0.4]), atol=1e-9)
    np.testing.assert_array_equal(fitted.predict(frames), fitted.classes_[joint.argmax(axis=1)])


def test_segments_are_sums_over_their_frames(fitted):
    frames, _ = data(each=40, seed=2)
    segments = np.split(frames, [1, 4, 30, 31, 60])
    sums = np.array([[sum(naive_log_density(x, m) for x in s) for m in fitted.models_] for s in segments])
    np.testing.assert_allclose(fitted.segment_log_likelihoods(segments), sums, rtol=1e-9)
    expected = fitted.classes_[(sums + np.log([0.4, 0.2, 0.4])).argmax(axis=1)]
    np.testing.assert_array_equal(fitted.predict_segments(segments), expected)
    one_frame_each = np.split(frames, len(frames))
    np.testing.assert_array_equal(fitted.predict_segments(one_frame_each), fitted.predict(frames))
    assert fitted.predict_segments([]).shape == (0,)
    mixed = [segments[0].astype(np.float32), segments[1].tolist()]
    assert len(fitted.predict_segments(mixed)) == 2


def test_priors_decide_where_frames_do_not():
    frames, y = data()
    sure = GMMClassifier(2, priors=[0, 1, 0], random_state=0).fit(frames, y)
    np.testing.assert_array_equal(sure.predict(frames), "ee")
    np.testing.assert_array_equal(sure.predict_proba(frames)[:, 1], 1)
    for priors in ([0.5, 0.5], [0.5, 0.6, -0.1], [0.5, 0.1, 0.1], [np.nan, 0.5, 0.5]):
        with pytest.raises(ConfigError, match="expected 3 numbers, none negative, that sum to 1"):
            GMMClassifier(2, priors=priors).fit(frames, y)


def test_a_class_with_fewer_frames_than_components_gets_one_component_a_frame():
    frames, y = data()
    y = np.where(np.arange(len(y)) < 3, "rare", y)
    with pytest.warns(GmmSpeechWarning, match="^class rare: found 3 frames for 4 components; its mixture gets 3$"):
        fitted = GMMClassifier(4, random_state=0).fit(frames, y)
    assert [len(model.weights_) for model in fitted.models_] == [3 if c == "rare" else 4 for c in fitted.classes_]
    with pytest.warns(GmmSpeechWarning, match="^class rare: found 2 frames"):  # those of weight 0 are no frames
        GMMClassifier(4, random_state=0).fit(frames, y, sample_weight=np.arange(len(y)) > 0)
    with pytest.raises(ModelError, match="class rare: found only frames of weight 0, expected some above"):
        GMMClassifier(4).fit(frames, y, sample_weight=(y != "rare").astype(float))


def test_what_is_refused(fitted, tmp_path):
    frames, y = data()
    with pytest.raises(FeatureError, match=r"labels of shape \(299,\), expected one for each of the 300 frames"):
        GMMClassifier().fit(frames, y[1:])
    broken = frames.copy()
    broken[200, 1] = np.nan
    with pytest.raises(FeatureError, match="frame 200, column 1: found nan"):  # counted in X, not within the class
        GMMClassifier().fit(broken, y)
    with pytest.raises(FeatureError, match="frame 200, column 1: found nan"):
        fitted.predict(broken)
    with pytest.raises(FeatureError, match="found frames of 3 columns, expected 2"):
        fitted.predict(np.zeros((4, 3)))
    with pytest.raises(FeatureError, match=r"segment 1: found shape \(0, 2\)"):
        fitted.predict_segments([frames[:3], frames[:0]])
    with pytest.raises(FeatureError, match=r"segment 0: found shape \(2,\)"):
        fitted.predict_segments([frames[0]])
    new = GMMClassifier()
    for use in (new.predict, new.predict_proba, new.predict_log_proba, new.log_likelihoods, new.predict_segments):
        for X in (frames, []):
            with pytest.raises(ModelError, match="not fitted yet: call fit"):
                use(X)
    with pytest.raises(ModelError, match="not fitted yet: call fit"):
        new.save(tmp_path / "classifier.h5")
    assert not list(tmp_path.iterdir())


def test_the_same_for_any_number_of_threads():
    frames, y = data()
    one, three = (GMMClassifier(2, random_state=0, n_jobs=n).fit(frames, y) for n in (1, 3))
    np.testing.assert_array_equal(one.predict_log_proba(frames), three.predict_log_proba(frames))


def test_an_estimator_like_others(fitted):
    frames, y = data()
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_log_proba(frames), fitted.predict_log_proba(frames))
    new = clone(GMMClassifier(2, priors=[0.2, 0.3, 0.5], random_state=3))
    assert new.get_params()["priors"] == [0.2, 0.3, 0.5]
    assert not hasattr(new, "models_")
    assert (cross_val_score(GMMClassifier(2, random_state=0), frames, y, cv=3) > 0.5).all()


def test_whole_weights_are_repeated_frames():
    x, y = data()
    times = np.random.default_rng(0).integers(0, 4, len(x))
    ours = GMMClassifier(2, random_state=0).fit(x, y, sample_weight=times)
    many, labels = np.repeat(x, times, axis=0), np.repeat(y, times)
    expected = GMMClassifier(2, random_state=0).fit(many, labels, sample_weight=np.ones(len(many)))
    np.testing.assert_allclose(ours.priors_, expected.priors_)
    np.testing.assert_allclose(ours.predict_log_proba(x), expected.predict_log_proba(x), atol=1e-2)
    weight = np.where(np.asarray(y) == y[0], 0, 1)
    with pytest.raises(ModelError, match=f"class {y[0]}: found only frames of weight 0"):
        GMMClassifier(2).fit(x, y, sample_weight=weight)
