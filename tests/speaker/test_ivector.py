"""i-vectors against the dense Gaussian, bob's number, and what the fast variant may and may not change; and training.

The likelihood that training reports is the dense one and never falls; bits, resumption, bad input.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from threadpoolctl import threadpool_limits

import gmmspeech as gs
from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.utterance_stats import StatsBatch, gmm_digest
from gmmspeech.speaker.ivector import IVectorExtractor, train_ivector_extractor


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


# --- training


@pytest.fixture
def corpus(background, draw):
    rng = np.random.default_rng(0)
    ubm = background(rng)
    matrix = rng.normal(size=(4, 3, 2))
    return ubm, matrix, [draw(rng, ubm, ubm.means_ + 0.2 + matrix @ rng.normal(size=2), 10 + i % 9) for i in range(60)]


def same_bits(a, b):
    for name in ("means", "variances", "matrix"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.history == b.history


@pytest.mark.parametrize("min_divergence", [True, False])
def test_the_likelihood_is_the_dense_one_and_never_falls(corpus, min_divergence):
    ubm, _, utterances = corpus
    models = []
    train_ivector_extractor(
        ubm, [u.stats for u in utterances], 2, max_iter=8, min_divergence=min_divergence, callback=models.append
    )
    history = models[-1].history
    assert len(history) == 8
    assert (np.diff(history) > 0).all()
    num_frames = sum(len(u.frames) for u in utterances)
    for model, after in zip(models, history[1:], strict=False):
        dense = 0.0
        for u in utterances:
            design = model.matrix[u.components].reshape(-1, 2)
            noise = ubm.covariances_[u.components].ravel()
            dense += multivariate_normal(model.means[u.components].ravel(), design @ design.T + np.diag(noise)).logpdf(
                u.frames.ravel()
            )
            dense -= multivariate_normal(ubm.means_[u.components].ravel(), np.diag(noise)).logpdf(u.frames.ravel())
        assert after == pytest.approx(dense / num_frames, abs=1e-10)


def test_minimum_divergence_is_quicker_and_makes_the_prior_standard(corpus):
    ubm, _, utterances = corpus
    stats = [u.stats for u in utterances]
    with_it = train_ivector_extractor(ubm, stats, 2, max_iter=20)
    without = train_ivector_extractor(ubm, stats, 2, max_iter=20, min_divergence=False)
    assert with_it.history[3] > without.history[3]
    np.testing.assert_array_equal(without.means, ubm.means_)
    ivectors = with_it.extract(stats)
    assert np.abs(ivectors.mean(axis=0)).max() < 0.02
    assert 0.7 < ivectors.var(axis=0).min() <= ivectors.var(axis=0).max() < 1


def test_the_space_is_found(background, draw):
    """Of 400 utterances from a model, the principal angle between its space and the trained one is small."""
    rng = np.random.default_rng(1)
    ubm = background(rng)
    matrix = 2 * rng.normal(size=(4, 3, 1))
    stats = [draw(rng, ubm, ubm.means_ + matrix @ rng.normal(size=1), 60).stats for _ in range(400)]
    found = train_ivector_extractor(ubm, stats, 1).matrix.ravel()
    cosine = abs(found @ matrix.ravel()) / np.linalg.norm(found) / np.linalg.norm(matrix)
    assert cosine > 0.995
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(matrix), rel=0.1)


def test_same_bits_for_any_number_of_jobs_and_after_an_interruption(corpus, monkeypatch):
    monkeypatch.setattr("gmmspeech.speaker.ivector.BATCH", 16)
    ubm, _, utterances = corpus
    stats = [u.stats for u in utterances]
    models = []
    whole = train_ivector_extractor(ubm, stats, 2, max_iter=5, callback=models.append)
    assert len(models) == 5
    assert models[-1] is whole
    same_bits(train_ivector_extractor(ubm, stats, 2, max_iter=5, n_jobs=3), whole)
    same_bits(train_ivector_extractor(ubm, stats, 2, max_iter=3, init=models[1], random_state=7), whole)
    arrays = (np.array([getattr(s, f) for s in stats]) for f in ("n", "sum_x", "num_frames"))
    batch = StatsBatch(*arrays, gmm_digest(ubm))
    same_bits(train_ivector_extractor(ubm, batch, 2, max_iter=5), whole)
    other = train_ivector_extractor(ubm, stats, 2, max_iter=5, random_state=1)
    assert not np.array_equal(other.matrix, whole.matrix)
    assert other.history[-1] == pytest.approx(whole.history[-1], rel=0.05)


def test_same_bits_for_any_number_of_blas_threads():
    rng = np.random.default_rng(0)
    ubm = DiagonalGMM.from_parameters(np.full(8, 1 / 8), rng.normal(size=(8, 40)), np.ones((8, 40)))
    stats = [ubm.accumulate(rng.normal(size=(60, 40))) for _ in range(80)]
    made, ivectors = [], []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            made.append(train_ivector_extractor(ubm, stats, 60, max_iter=2))
            ivectors.append([made[-1].extract(stats, fast=fast) for fast in (False, True)])
    same_bits(*made)
    np.testing.assert_array_equal(*ivectors)


def test_it_knows_where_it_comes_from(corpus):
    ubm, _, utterances = corpus
    ubm.front_end_ = '{"num_ceps": 3}'
    model = train_ivector_extractor(ubm, [u.stats for u in utterances], 1, max_iter=1)
    assert (model.ubm_digest, model.front_end, model.rank) == (gmm_digest(ubm), '{"num_ceps": 3}', 1)
    np.testing.assert_array_equal(model.weights, ubm.weights_)


def test_bad_input(corpus, background):
    ubm, _, utterances = corpus
    stats = [u.stats for u in utterances]
    with pytest.raises(ModelError, match=r"found 60 utterances, expected at least as many as the rank \(61\)"):
        train_ivector_extractor(ubm, stats, 61)
    for options in ({"rank": 0}, {"max_iter": 0}):
        with pytest.raises(ConfigError, match=f"{next(iter(options))}: found 0, expected 1 or more"):
            train_ivector_extractor(ubm, stats, **{"rank": 2, **options})
    model = train_ivector_extractor(ubm, stats, 2, max_iter=1)
    with pytest.raises(ConfigError, match="init: found an extractor of rank 2, expected rank = 3"):
        train_ivector_extractor(ubm, stats, 3, init=model)
    other = background(np.random.default_rng(9))
    with pytest.raises(ModelError, match="init: found an extractor of another background model"):
        train_ivector_extractor(other, stats, 2, init=model)
    train_ivector_extractor(ubm, stats, 2, max_iter=1, init=replace(model, ubm_digest=None))
    foreign = StatsBatch(np.ones((5, 4)), np.ones((5, 4, 3)), np.ones(5), gmm_digest(other))
    with pytest.raises(ModelError, match="found statistics under background model"):
        train_ivector_extractor(ubm, foreign, 2)


def test_full_covariances_are_diagonal_ones_of_frames_that_a_triangle_maps():
    rng = np.random.default_rng(5)
    diagonal = gs.DiagonalGMM.from_parameters([0.4, 0.6], rng.normal(0, 3, (2, 3)), rng.uniform(0.5, 2, (2, 3)))
    triangle = np.tril(rng.normal(size=(3, 3)), -1) + np.diag([0.5, 1.0, 2.0])  # chol(A V A^T) is A V^(1/2) then
    covariances = triangle @ (diagonal.covariances_[:, :, None] * triangle.T)
    full = gs.GMM.from_parameters(diagonal.weights_, diagonal.means_ @ triangle.T, covariances)
    utterances = [
        diagonal.means_[rng.integers(2, size=40)] + rng.normal(0, 1, 3) + rng.normal(size=(40, 3)) for _ in "abcdefgh"
    ]
    one = train_ivector_extractor(diagonal, [diagonal.accumulate(x) for x in utterances], rank=2, max_iter=3)
    stats = [full.accumulate(x @ triangle.T) for x in utterances]
    two = train_ivector_extractor(full, stats, rank=2, max_iter=3)
    np.testing.assert_allclose(two.history, one.history, rtol=1e-9)
    expected = one.extract([diagonal.accumulate(x) for x in utterances])
    np.testing.assert_allclose(two.extract(stats), expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(two.matrix, triangle @ one.matrix, rtol=1e-7, atol=1e-9)
    more = train_ivector_extractor(full, stats, rank=2, max_iter=1, init=two)
    assert more.history[:3] == two.history
    with pytest.raises(ModelError, match="init: found an extractor of full covariances, expected one of diagonal ones"):
        train_ivector_extractor(diagonal, stats, rank=2, init=two)


@pytest.mark.parametrize("kind", ["tied", "diag", "spherical"])
def test_other_covariances_are_full_ones_too(kind):
    rng = np.random.default_rng(6)
    utterances = [rng.normal(rng.normal(size=3), 1, (40, 3)) for _ in range(8)]
    ubm = gs.GMM(2, covariance_type=kind, random_state=0).fit(np.concatenate(utterances))
    found = np.asarray(ubm.covariances_)
    matrices = found if kind == "tied" else [np.eye(3) * each for each in found]
    full = gs.GMM.from_parameters(ubm.weights_, ubm.means_, np.broadcast_to(matrices, (2, 3, 3)))
    vectors = []
    for model in (ubm, full):
        stats = [model.accumulate(x) for x in utterances]
        vectors.append(train_ivector_extractor(model, stats, rank=2, max_iter=2).extract(stats))
    np.testing.assert_allclose(*vectors, rtol=1e-6, atol=1e-8)
