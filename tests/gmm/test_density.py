"""What a mixture can do with its parameters, against Kaldi, scikit-learn and SciPy."""

import pickle

import joblib
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from naive import assert_same, mixture, naive_log_densities, speechlike
from scipy.special import logsumexp
from scipy.stats import kstest, norm
from sklearn.mixture import GaussianMixture

from gmmspeech.checks import finite
from gmmspeech.errors import ConfigError, FeatureError, GmmSpeechError, ModelError
from gmmspeech.gmm.kernels import pack
from gmmspeech.gmm.mixture import DiagonalGMM

few = settings(max_examples=25, deadline=None)


def in_scikit_learn(gmm):
    theirs = GaussianMixture(len(gmm.weights_), covariance_type="diag")
    theirs.weights_, theirs.means_, theirs.covariances_ = gmm.weights_, gmm.means_, gmm.covariances_
    theirs.precisions_cholesky_ = 1 / np.sqrt(gmm.covariances_)
    return theirs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kaldis_log_likelihoods(kaldi, kaldi_mixture, kaldi_frames, dtype):
    gmm = DiagonalGMM.from_parameters(*kaldi_mixture("after.txt"))
    expected = kaldi("frame_log_likelihoods.txt")
    assert list(expected) == list(kaldi_frames)
    for utterance, frames in kaldi_frames.items():
        np.testing.assert_allclose(gmm.score_samples(frames.astype(dtype)), expected[utterance], rtol=1e-3)


def test_kaldis_five_best_components(golden, kaldi_mixture, kaldi_frames):
    gmm = DiagonalGMM.from_parameters(*kaldi_mixture("after.txt"))
    for line in (golden / "kaldi/gmm/gselect_top5.txt").read_text().splitlines():
        utterance, _, rest = line.partition(" ")
        best = np.array([frame.split() for frame in rest.split(";") if frame.strip()], dtype=int)
        posterior = gmm.predict_proba(kaldi_frames[utterance])
        assert best.shape == (len(posterior), 5)
        theirs = np.take_along_axis(posterior, best, axis=1)
        # the same posteriors place by place, so that equally good components may change places
        np.testing.assert_allclose(theirs, -np.sort(-posterior, axis=1)[:, :5], rtol=1e-3)
        first_is_clear = theirs[:, 0] > 1.01 * theirs[:, 1]
        np.testing.assert_array_equal(gmm.predict(kaldi_frames[utterance])[first_is_clear], best[first_is_clear, 0])


@given(seed=st.integers(0, 10**6), single=st.booleans(), k=st.integers(1, 6), d=st.integers(1, 5))
@few
def test_evaluation_equals_scikit_learns_and_scipys(seed, single, k, d):
    """float32 keeps seven digits of log densities of size ten to a hundred."""
    rng = np.random.default_rng(seed)
    gmm = mixture(rng, k, d)
    frames = rng.normal(0, 3, (40, d)).astype(np.float32 if single else np.float64)
    theirs, exact = in_scikit_learn(gmm), frames.astype(np.float64)
    joint = naive_log_densities(frames, gmm)
    close = {"rtol": 1e-5, "atol": 1e-4} if single else {"rtol": 1e-9, "atol": 1e-12}
    np.testing.assert_allclose(gmm.score_samples(frames), logsumexp(joint, axis=1), **close)
    np.testing.assert_allclose(gmm.score_samples(frames), theirs.score_samples(exact), **close)
    np.testing.assert_allclose(gmm.predict_proba(frames), theirs.predict_proba(exact), **close)
    np.testing.assert_allclose(gmm.score(frames), theirs.score(exact), **close)
    np.testing.assert_allclose(gmm.bic(frames), theirs.bic(exact), **close)
    np.testing.assert_allclose(gmm.aic(frames), theirs.aic(exact), **close)
    np.testing.assert_array_equal(gmm.predict(frames), gmm.predict_proba(frames).argmax(axis=1))
    assert gmm.score_samples(frames).dtype == np.float64


def test_samples_come_from_the_mixture():
    gmm = DiagonalGMM.from_parameters([0.3, 0.7], [[-5.0, 0], [5, 2]], [[1.0, 4], [0.25, 1]], random_state=0)
    frames, components = gmm.sample(20_000)
    assert frames.shape == (20_000, 2)
    assert components.mean() == pytest.approx(0.7, abs=0.02)
    for k in range(2):
        for d in range(2):
            expected = norm(gmm.means_[k, d], gmm.covariances_[k, d] ** 0.5)
            assert kstest(frames[components == k, d], expected.cdf).pvalue > 1e-3
    again = DiagonalGMM(2, random_state=0).fit(frames)
    order = np.argsort(again.means_[:, 0])
    np.testing.assert_allclose(again.means_[order], gmm.means_, atol=0.1)
    np.testing.assert_allclose(again.covariances_[order], gmm.covariances_, rtol=0.1)
    with pytest.raises(ConfigError, match="n_samples: found 0"):
        gmm.sample(0)


def test_large_finite_frames_are_not_taken_for_infinite():
    frames = np.full((4, 1), 3e38, np.float32)  # their sum overflows
    assert finite(frames) is frames


def test_wrong_dimension():
    gmm = mixture(np.random.default_rng(0))
    for use in (gmm.score_samples, gmm.accumulate, gmm.predict, gmm.predict_proba, gmm.score, gmm.aic):
        for frames in (np.zeros((5, 4)), [np.zeros((5, 4))]):
            with pytest.raises(FeatureError, match="found frames of 4 columns, expected 3, as the mixture has"):
                use(frames)
    with pytest.raises(ModelError, match=r"init: found a mixture of shape \(4, 3\) .* expected \(4, 2\)"):
        DiagonalGMM(4, init=gmm).fit(np.zeros((9, 2)))


def test_no_frames_give_no_scores():
    gmm = mixture(np.random.default_rng(0))
    assert gmm.score_samples(np.empty((0, 3))).shape == (0,)
    assert gmm.predict_proba(np.empty((0, 3), np.float32)).shape == (0, 4)
    assert gmm.predict([np.empty((0, 3))]).shape == (0,)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (([1.0], [[0.0]], [[0.0]]), "component 0: found variance 0.0, expected a finite variance above 0"),
        (([0.5, 0.5], [[0.0], [np.nan]], [[1.0], [1.0]]), "component 1: found mean nan"),
        (([1.5, -0.5], [[0.0], [0.0]], [[1.0], [1.0]]), "component 1: found weight -0.5"),
        (([0.5, 0.6], [[0.0], [0.0]], [[1.0], [1.0]]), r"weights that sum to 1\.1, expected 1"),
        (([1.0], [[0.0, 1.0]], [[1.0]]), r"shapes \(1,\), \(1, 2\), \(1, 1\), expected \(K,\), \(K, D\), \(K, D\)"),
        (([], np.empty((0, 2)), np.empty((0, 2))), r"shapes \(0,\)"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(ModelError, match=message):
        DiagonalGMM.from_parameters(*parameters)


@pytest.mark.parametrize("copy", ["pickle", "joblib"])
def test_copies_are_the_same_mixture(tmp_path, copy):
    frames = speechlike(np.random.default_rng(0))
    gmm = DiagonalGMM(3, random_state=0, variance_floor=0.02).fit(frames)
    gmm.score(frames)  # fills what is cached
    if copy == "pickle":
        again = pickle.loads(pickle.dumps(gmm))
    else:
        joblib.dump(gmm, tmp_path / "gmm.joblib")
        again = joblib.load(tmp_path / "gmm.joblib")
    assert_same(again, gmm)
    assert again.get_params() == gmm.get_params()
    assert again.history_ == gmm.history_
    np.testing.assert_array_equal(again.score_samples(frames), gmm.score_samples(frames))


def test_written_parameters_are_seen():
    gmm, frames = mixture(np.random.default_rng(0)), np.zeros((1, 3))
    for change in range(5):
        np.testing.assert_allclose(gmm.score_samples(frames), logsumexp(naive_log_densities(frames, gmm), axis=1))
        if change % 2:
            gmm.means_ = gmm.means_ + 1
        else:
            gmm.covariances_[0] *= 2


def test_a_packed_mixture_is_kept():
    gmm = mixture(np.random.default_rng(0))
    assert gmm.kernel_parameters() is gmm.kernel_parameters()
    np.testing.assert_array_equal(
        gmm.kernel_parameters().matrix, pack(gmm.weights_, gmm.means_, gmm.covariances_).matrix
    )


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid", "ignore:divide")
@pytest.mark.parametrize(
    "method", ["score", "score_samples", "predict", "predict_proba", "accumulate", "bic", "fit", "partial_fit"]
)
def test_frames_whose_squares_overflow_are_refused(method):
    gmm = DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0], [1.0]])
    with pytest.raises(GmmSpeechError, match=r"squares overflow|expected a finite number"):
        getattr(gmm, method)(np.array([[1e200], [-1e200], [3e250]]))
