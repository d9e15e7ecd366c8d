"""Supervectors against MAP adaptation and the kernel they stand for; Fisher vectors against gradients and a peer."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.speaker.supervectors import adapted_means, fisher_vectors, supervectors


@pytest.fixture
def case(background):
    rng = np.random.default_rng(0)
    ubm = background(rng)
    return ubm, [ubm.accumulate(rng.normal(rng.normal(), 1.5, (t, 3))) for t in (1, 10, 200)]


@pytest.mark.parametrize("relevance_factor", [0.5, 16.0])
def test_means_are_those_of_map(case, relevance_factor, monkeypatch):
    ubm, stats = case
    expected = [map_adapt(ubm, s, relevance_factor=relevance_factor).means_ for s in stats]
    np.testing.assert_allclose(adapted_means(ubm, stats, relevance_factor=relevance_factor), expected, rtol=1e-10)
    monkeypatch.setattr(sys.modules[adapted_means.__module__], "BATCH", 2)
    np.testing.assert_allclose(adapted_means(ubm, stats, relevance_factor=relevance_factor), expected, rtol=1e-10)
    assert adapted_means(ubm, []).shape == (0, 4, 3)


def test_dot_product_is_campbells_kernel(case):
    ubm, stats = case
    means = adapted_means(ubm, stats)
    x = supervectors(ubm, means)
    assert x.shape == (3, 12)
    for i in range(3):
        for j in range(3):
            kernel = sum(
                ubm.weights_[k] * means[i, k] @ np.diag(1 / ubm.covariances_[k]) @ means[j, k] for k in range(4)
            )
            assert x[i] @ x[j] == pytest.approx(kernel, rel=1e-12)


def test_an_svm_tells_speakers_apart(background, draw):
    rng = np.random.default_rng(0)
    ubm = background(rng)
    shifts = 0.8 * rng.normal(size=(3, 4, 3))
    stats = [draw(rng, ubm, ubm.means_ + shifts[i % 3], 80).stats for i in range(60)]
    x = supervectors(ubm, adapted_means(ubm, stats))
    svm = LinearSVC(random_state=0).fit(x[:30], np.arange(30) % 3)
    assert (svm.predict(x[30:]) == np.arange(30) % 3).mean() > 0.9


def test_bad_input(case):
    ubm, stats = case
    for r in (0, -1, np.nan):
        with pytest.raises(ConfigError, match="relevance_factor: found"):
            adapted_means(ubm, stats, relevance_factor=r)
    with pytest.raises(FeatureError, match="statistics 0: found 0 frames"):
        adapted_means(ubm, [ubm.accumulate(np.empty((0, 3)))])
    with pytest.raises(ModelError, match=r"means: found shape \(3, 12\), expected \(utterances, 4 components, 3 dim"):
        supervectors(ubm, np.zeros((3, 12)))


def naive_fisher(ubm, x):
    """Frame by frame, in float64, by the formulas of Sánchez et al. 2013, equations 16 to 18."""
    w, mu, sigma = ubm.weights_, ubm.means_, np.sqrt(ubm.covariances_)
    parts = np.zeros(4), np.zeros((4, 3)), np.zeros((4, 3))
    for frame in x:
        joint = w * np.prod(np.exp(-(((frame - mu) / sigma) ** 2) / 2) / sigma, axis=1)
        for k, gamma in enumerate(joint / joint.sum()):
            z = (frame - mu[k]) / sigma[k]
            parts[0][k] += (gamma - w[k]) / np.sqrt(w[k])
            parts[1][k] += gamma * z / np.sqrt(w[k])
            parts[2][k] += gamma * (z**2 - 1) / np.sqrt(2 * w[k])
    return np.concatenate([part.ravel() for part in parts]) / len(x)


def test_fisher_vectors_are_the_gradients(background, monkeypatch):
    rng = np.random.default_rng(1)
    ubm = background(rng)
    utterances = [rng.normal(rng.normal(), 1.5, (t, 3)) for t in (1, 10, 200)]
    stats = [ubm.accumulate(x) for x in utterances]
    plain = np.array([naive_fisher(ubm, x) for x in utterances])
    np.testing.assert_allclose(fisher_vectors(ubm, stats, improved=False), plain, rtol=0, atol=1e-10)
    root = np.sign(plain) * np.abs(plain) ** 0.5
    monkeypatch.setattr(sys.modules[fisher_vectors.__module__], "BATCH", 2)
    found = fisher_vectors(ubm, stats)
    np.testing.assert_allclose(found, root / np.linalg.norm(root, axis=1, keepdims=True), rtol=0, atol=1e-7)
    assert fisher_vectors(ubm, []).shape == (0, 28)


def test_fisher_vectors_of_frames_far_from_zero(background):
    rng = np.random.default_rng(1)
    ubm, x = background(rng), rng.normal(0, 1.5, (20, 3))
    far = ubm.with_parameters(ubm.weights_, ubm.means_ + 1e6, ubm.covariances_)
    expected = fisher_vectors(ubm, [ubm.accumulate(x)], improved=False)
    np.testing.assert_allclose(fisher_vectors(far, [far.accumulate(x + 1e6)], improved=False), expected, atol=1e-8)


def test_fisher_vectors_are_those_of_scikit_image(background):
    fisher_vector = pytest.importorskip("skimage.feature._fisher_vector").fisher_vector
    rng = np.random.default_rng(2)
    ubm, x = background(rng), rng.normal(0, 2, (100, 3))
    theirs = fisher_vector(x, ubm.to_sklearn())
    theirs[-12:] *= -1
    np.testing.assert_allclose(fisher_vectors(ubm, [ubm.accumulate(x)], improved=False)[0], theirs, atol=1e-12)


def test_fisher_vectors_of_the_mixtures_own_frames_are_short():
    ubm = DiagonalGMM.from_parameters([0.3, 0.7, 0], [[0.0], [5.0], [9.0]], [[1.0], [2.0], [1.0]], random_state=0)
    found = fisher_vectors(ubm, [ubm.accumulate(ubm.sample(20_000)[0])], improved=False)
    assert np.abs(found).max() < 0.03
    assert (found[:, [2, 5, 8]] == 0).all()


def test_fisher_vectors_need_squares(case):
    ubm, stats = case
    with pytest.raises(FeatureError, match="statistics 0: found NaN or infinity"):
        fisher_vectors(ubm, [replace(stats[0], sum_xx=np.full((4, 3), np.nan), squares=None)])
