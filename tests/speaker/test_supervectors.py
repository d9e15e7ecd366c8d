"""Supervectors against MAP adaptation and the kernel that they stand for."""

import sys

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.speaker.supervectors import adapted_means, supervectors


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
