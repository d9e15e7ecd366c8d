"""i-vectors against the dense Gaussian, bob's number, and what the fast variant may and may not change."""

import numpy as np
import pytest

from gmmspeech.errors import FeatureError, ModelError
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.utterance_stats import StatsBatch, gmm_digest
from gmmspeech.speaker.ivector import IVectorExtractor


@pytest.fixture
def case(background, draw):
    """An extractor with means of its own, and utterances from it."""
    rng = np.random.default_rng(0)
    ubm = background(rng)
    matrix = rng.normal(size=(4, 3, 2))
    extractor = IVectorExtractor(ubm.weights_, ubm.means_ + 0.3, ubm.covariances_, matrix, gmm_digest(ubm))
    utterances = [draw(rng, ubm, extractor.means + matrix @ rng.normal(size=2), 5 + i) for i in range(20)]
    return extractor, utterances


def test_it_is_the_mean_of_the_dense_posterior(case):
    extractor, utterances = case
    found = extractor.extract([u.stats for u in utterances])
    for ivector, u in zip(found, utterances, strict=True):
        design = extractor.matrix[u.components].reshape(-1, 2)
        covariance = design @ design.T + np.diag(extractor.variances[u.components].ravel())
        residue = (u.frames - extractor.means[u.components]).ravel()
        np.testing.assert_allclose(ivector, design.T @ np.linalg.solve(covariance, residue), atol=1e-8)


def test_bobs_number():
    """Projection of bob.learn.em's tests, from its C++ implementation."""
    matrix = np.array([[[1, 2], [4, 1], [0, 3]], [[5, 8], [7, 10], [11, 1]]], float)
    variances = np.array([[1, 2, 1], [3, 2, 4]], float)
    means = np.array([[1, 7, 4], [4, 5, 3]], float)
    extractor = IVectorExtractor(np.array([0.4, 0.6]), means, variances, matrix)
    stats = GMMStats(np.array([0.4, 0.6]), np.array([[1.0, 2, 3], [2, 4, 3]]), np.zeros((2, 3)), 0.0, 1.0)
    np.testing.assert_allclose(extractor.extract([stats]), [[-0.04213415, 0.21463343]], atol=5e-9)


@pytest.mark.parametrize("fast", [False, True])
def test_batches_and_jobs_change_nothing(case, fast, monkeypatch):
    extractor, utterances = case
    stats = [u.stats for u in utterances]
    expected = extractor.extract(stats, fast=fast)
    np.testing.assert_array_equal(extractor.extract(stats, fast=fast, n_jobs=3), expected)
    np.testing.assert_allclose(extractor.extract(stats[7:8], fast=fast), expected[7:8], rtol=1e-12)
    monkeypatch.setattr("gmmspeech.speaker.ivector.BATCH", 6)
    np.testing.assert_allclose(extractor.extract(stats, fast=fast), expected, rtol=1e-12)
    assert extractor.extract([], fast=fast).shape == (0, 2)


def test_fast_is_exact_where_the_products_have_one_basis(case):
    """With T_k = a_k T / sigma_k all T_k^T T_k are multiples of one matrix."""
    extractor, utterances = case
    scales = np.array([0.5, 1.0, 2.0, 3.0])[:, None, None]
    shared = np.random.default_rng(1).normal(size=(3, 2)) * scales * np.sqrt(extractor.variances)[:, :, None]
    alike = IVectorExtractor(extractor.weights, extractor.means, extractor.variances, shared)
    stats = [u.stats for u in utterances]
    np.testing.assert_allclose(alike.extract(stats, fast=True), alike.extract(stats), atol=1e-12)
    assert not np.allclose(extractor.extract(stats, fast=True), extractor.extract(stats), atol=1e-3)


def test_no_frame_and_other_sizes_are_refused(case):
    extractor, utterances = case
    none = GMMStats(np.zeros(4), np.zeros((4, 3)), np.zeros((4, 3)), 0.0, 0.0)
    with pytest.raises(FeatureError, match="statistics 1: found 0 frames"):
        extractor.extract([utterances[0].stats, none])
    other = GMMStats(np.ones(4), np.zeros((4, 2)), np.zeros((4, 2)), 0.0, 1.0)
    with pytest.raises(ModelError, match=r"found shape \(4, 2\)"):
        extractor.extract([other])
    elsewhere = StatsBatch(np.ones((1, 4)), np.ones((1, 4, 3)), np.ones(1), ubm_digest="f" * 64)
    with pytest.raises(ModelError, match=r"model ffffffffffff, expected \w{12} as the i-vector extractor has"):
        extractor.extract(elsewhere)


def test_parameters_that_are_no_extractor():
    good = (np.ones(2) / 2, np.zeros((2, 3)), np.ones((2, 3)), np.ones((2, 3, 1)))
    assert IVectorExtractor(*good).rank == 1
    for i, shape in enumerate([(3,), (3, 3), (2, 2), (2, 2, 1)]):
        bad = [np.ones(shape) if i == j else a for j, a in enumerate(good)]
        with pytest.raises(ModelError, match=r"found weights, means, variances, matrix of shapes"):
            IVectorExtractor(*bad)
    with pytest.raises(ModelError, match="not finite, or a variance not above 0"):
        IVectorExtractor(good[0], good[1], np.zeros((2, 3)), good[3])


def test_extractors_differ_by_name(case):
    extractor, _ = case
    other = IVectorExtractor(extractor.weights, extractor.means, extractor.variances, extractor.matrix * (1 + 1e-15))
    same = IVectorExtractor(extractor.weights, extractor.means, extractor.variances, extractor.matrix.copy())
    assert extractor.digest == same.digest != other.digest
