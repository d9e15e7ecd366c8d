"""Training: the likelihood that it reports is the dense one and never falls; bits, resumption, bad input."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from threadpoolctl import threadpool_limits

from gmmspeech.errors import ConfigError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import StatsBatch, gmm_digest
from gmmspeech.speaker.ivector_training import train_ivector_extractor


@pytest.fixture
def case(background, draw):
    rng = np.random.default_rng(0)
    ubm = background(rng)
    matrix = rng.normal(size=(4, 3, 2))
    return ubm, matrix, [draw(rng, ubm, ubm.means_ + 0.2 + matrix @ rng.normal(size=2), 10 + i % 9) for i in range(60)]


def same_bits(a, b):
    for name in ("means", "variances", "matrix"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.history == b.history


@pytest.mark.parametrize("min_divergence", [True, False])
def test_the_likelihood_is_the_dense_one_and_never_falls(case, min_divergence):
    ubm, _, utterances = case
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


def test_minimum_divergence_is_quicker_and_makes_the_prior_standard(case):
    ubm, _, utterances = case
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


def test_same_bits_for_any_number_of_jobs_and_after_an_interruption(case, monkeypatch):
    monkeypatch.setattr("gmmspeech.speaker.ivector_training.BATCH", 16)
    ubm, _, utterances = case
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


def test_it_knows_where_it_comes_from(case):
    ubm, _, utterances = case
    ubm.front_end_ = '{"num_ceps": 3}'
    model = train_ivector_extractor(ubm, [u.stats for u in utterances], 1, max_iter=1)
    assert (model.ubm_digest, model.front_end, model.rank) == (gmm_digest(ubm), '{"num_ceps": 3}', 1)
    np.testing.assert_array_equal(model.weights, ubm.weights_)


def test_bad_input(case, background):
    ubm, _, utterances = case
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
