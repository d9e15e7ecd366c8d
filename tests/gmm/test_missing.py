"""Missing values against a naive evaluation in float64, value by value, and what EM must hold with them."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import gmmspeech as gs
from gmmspeech.errors import FeatureError
from gmmspeech.gmm import missing
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats

STEP = DiagonalGMM(3, max_iter=1, tol=0, variance_floor=0, allow_nan=True)


def data(n=300, share=0.3, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    x = (
        rng.normal(size=(n, 4)) * [1, 5, 0.3, 2]
        + np.array([[0, 30, -2, 9], [4, 10, 0, 0], [-5, 0, 3, 4]])[np.arange(n) % 3]
    )
    x[rng.random(x.shape) < share] = np.nan
    return x.astype(dtype)


def mixture(**options):
    rng = np.random.default_rng(1)
    means, variances = rng.normal(0, 4, (3, 4)), rng.uniform(0.5, 9, (3, 4))
    return DiagonalGMM.from_parameters([0.2, 0.5, 0.3], means, variances, allow_nan=True, **options)


def naive(gmm, x, weight=None):
    """Log-likelihoods, posteriors, and the parameters after one update of EM, by loops over every single value."""
    (n, dim), k = x.shape, len(gmm.weights_)
    weight = np.ones(n) if weight is None else weight
    joint = np.zeros((n, k))
    for t in range(n):
        for j in range(k):
            joint[t, j] = np.log(gmm.weights_[j])
            for d in range(dim):
                if not np.isnan(x[t, d]):
                    joint[t, j] += norm.logpdf(x[t, d], gmm.means_[j, d], np.sqrt(gmm.covariances_[j, d]))
    likelihood = np.log(np.exp(joint).sum(axis=1))
    posterior = np.exp(joint - likelihood[:, None])
    means, variances = np.zeros((k, dim)), np.zeros((k, dim))
    for j in range(k):
        gamma = posterior[:, j] * weight
        for d in range(dim):
            gone = np.isnan(x[:, d])
            first = np.where(gone, gmm.means_[j, d], x[:, d])
            means[j, d] = (gamma * first).sum() / gamma.sum()
            spread = (first - means[j, d]) ** 2 + np.where(gone, gmm.covariances_[j, d], 0)
            variances[j, d] = (gamma * spread).sum() / gamma.sum()
    return likelihood, posterior, (posterior * weight[:, None]).sum(axis=0) / weight.sum(), means, variances


@pytest.mark.parametrize("weighted", [False, True])
def test_one_update_is_the_naive_one(weighted):
    gmm, x = mixture(), data()
    x[7] = np.nan
    weight = np.random.default_rng(2).uniform(0, 3, len(x)) if weighted else None
    likelihood, posterior, *updated = naive(gmm, x, weight)
    np.testing.assert_allclose(gmm.score_samples(x), likelihood, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(gmm.predict_proba(x), posterior, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(gmm.predict(x), posterior.argmax(axis=1))
    for found in (gmm.estimate(gmm.accumulate(x, sample_weight=weight)), fit_from(gmm, x, weight)):
        for value, expected in zip((found.weights_, found.means_, found.covariances_), updated, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-10)


def fit_from(gmm, x, weight):
    return STEP.__sklearn_clone__().set_params(init=gmm).fit(x, sample_weight=weight)


def test_a_row_without_any_value_tells_nothing():
    gmm, nothing = mixture(), np.full((2, 4), np.nan)
    assert gmm.score_samples(nothing).tolist() == pytest.approx([0, 0], abs=1e-12)
    np.testing.assert_allclose(gmm.predict_proba(nothing), [gmm.weights_] * 2, rtol=1e-12)
    again = gmm.estimate(gmm.accumulate(nothing))
    np.testing.assert_allclose(again.means_, gmm.means_, rtol=1e-12)
    np.testing.assert_allclose(again.covariances_, gmm.covariances_, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_frames_are_as_ever(dtype):
    x = data(share=0, dtype=dtype)
    tolerant, plain = (DiagonalGMM(3, random_state=0, allow_nan=allow).fit(x) for allow in (True, False))
    np.testing.assert_array_equal(tolerant.means_, plain.means_)
    np.testing.assert_array_equal(tolerant.score_samples(x), plain.score_samples(x))
    np.testing.assert_allclose(missing.log_likelihood(x, plain.kernel_parameters()), plain.score_samples(x), rtol=1e-4)
    one, other = (f(x, plain.kernel_parameters()) for f in (missing.accumulate, lambda x, _: plain.accumulate(x)))
    for name in ("n", "sum_x", "sum_xx", "squares"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("init", ["kmeans", "random"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_likelihood_never_falls_and_the_classes_are_found(init, dtype):
    x = data(3000, dtype=dtype)
    gmm = DiagonalGMM(3, init=init, random_state=0, max_iter=60, tol=1e-6, allow_nan=True).fit(x)
    assert (np.diff(gmm.history_) >= 0).all()
    assert gmm.score(x) == pytest.approx(gmm.history_[-1], abs=1e-5)
    order = np.argsort(gmm.means_[:, 1])
    np.testing.assert_allclose(gmm.means_[order], [[-5, 0, 3, 4], [4, 10, 0, 0], [0, 30, -2, 9]], atol=0.5)
    np.testing.assert_allclose(gmm.covariances_.mean(axis=0), [1, 25, 0.09, 4], rtol=0.2)


def test_threads_lists_weights_and_partial_fit():
    x = data(40_000)
    one, two = (DiagonalGMM(3, random_state=0, max_iter=3, allow_nan=True, n_jobs=n).fit(x) for n in (1, 2))
    np.testing.assert_array_equal(one.means_, two.means_)
    np.testing.assert_array_equal(
        DiagonalGMM(3, random_state=0, max_iter=3, allow_nan=True).fit([x[:9], x[9:]]).means_, one.means_
    )
    small = x[:600]
    twice = mixture().accumulate(np.repeat(small, 2, axis=0))
    np.testing.assert_allclose(mixture().accumulate(small, sample_weight=np.full(600, 2.0)).sum_xx, twice.sum_xx)
    stream = DiagonalGMM(3, random_state=0, allow_nan=True)
    for batch in np.split(x, 20):
        stream.partial_fit(batch)
    assert stream.score(x) == pytest.approx(one.score(x), abs=0.2)


def test_adapted_statistics_are_of_what_is_there():
    """A component whose column never is there keeps its mean under MAP."""
    gmm, x = mixture(), data(share=0)
    x[:, 2] = np.nan
    stats = gmm.accumulate(x)
    assert isinstance(stats, GMMStats)
    np.testing.assert_allclose(map_adapt(gmm, x).means_[:, 2], gmm.means_[:, 2], rtol=1e-12)


def test_nan_is_named_unless_it_is_allowed(tmp_path):
    x = data()
    first = tuple(np.argwhere(np.isnan(x))[0])
    message = f"frame {first[0]}, column {first[1]}: found nan"
    gmm = mixture().set_params(allow_nan=False)
    for call in (DiagonalGMM(2).fit, gmm.score_samples, gmm.predict_proba, gmm.accumulate, gmm.predict, gmm.score):
        with pytest.raises(FeatureError, match=message):
            call(x)
    tolerant, infinite = mixture(), x.copy()
    infinite[200, 3] = np.inf
    for call in (STEP.__sklearn_clone__().fit, tolerant.score_samples, tolerant.predict_proba, tolerant.accumulate):
        with pytest.raises(FeatureError, match="frame 200, column 3: found inf, expected a finite number or NaN"):
            call(infinite)
    x[:, 1] = np.nan
    with pytest.raises(FeatureError, match="column 1: found no value in 300 frames, expected some"):
        STEP.__sklearn_clone__().fit(x)
    for allow in (True, False):
        mixture().set_params(allow_nan=allow).save(tmp_path / "gmm.h5")
        assert gs.load(tmp_path / "gmm.h5").allow_nan is allow
    assert tolerant.__sklearn_tags__().input_tags.allow_nan
    assert not DiagonalGMM().__sklearn_tags__().input_tags.allow_nan


def test_na_of_a_table_is_nan():
    """Columns of pandas' own types say NA where others have NaN."""
    rng = np.random.default_rng(0)
    frames = np.where(rng.random((200, 3)) < 0.2, np.nan, rng.normal(size=(200, 3)))
    table = pd.DataFrame(frames, columns=list("abc")).astype("Float64")
    assert table.isna().any().all()
    gmm = DiagonalGMM(2, allow_nan=True, max_iter=2, random_state=0).fit(frames)
    np.testing.assert_array_equal(
        DiagonalGMM(2, allow_nan=True, max_iter=2, random_state=0).fit(table).means_, gmm.means_
    )
    with pytest.raises(FeatureError, match="found nan, expected a finite number"):
        DiagonalGMM(2).fit(table)
