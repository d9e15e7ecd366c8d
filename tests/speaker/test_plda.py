"""PLDA against the dense Gaussians that it factorizes: scores of all pairs, the likelihood that training reports."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import multivariate_normal

from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechWarning, ModelError
from gmmspeech.speaker.plda import PLDA, train_plda


def random_plda(rng, dim=3, rank=3):
    root = rng.normal(size=(dim, dim))
    return PLDA(rng.normal(size=dim), rng.normal(size=(dim, rank)), root @ root.T + 0.1 * np.eye(dim))


def joint(plda, vectors):
    """Log-density of vectors of one speaker, as one Gaussian of all their numbers."""
    count = len(vectors)
    covariance = np.kron(np.ones((count, count)), plda.between) + np.kron(np.eye(count), plda.within)
    return multivariate_normal(np.tile(plda.mean, count), covariance).logpdf(np.concatenate(vectors))


@given(seed=st.integers(0, 10**6), dim=st.integers(1, 4), data=st.data())
@settings(max_examples=25, deadline=None)
def test_scores_are_ratios_of_joint_densities(seed, dim, data):
    """By the book, for one and for several sessions, with a full and with a low rank."""
    rng = np.random.default_rng(seed)
    plda = random_plda(rng, dim, data.draw(st.integers(1, dim)))
    enrollments = [rng.normal(size=(n, dim)) for n in (1, 3, 2, 7)]
    tests = 2 * rng.normal(size=(5, dim))
    means, counts = [e.mean(axis=0) for e in enrollments], [len(e) for e in enrollments]
    found = plda.score(means, tests, sessions=counts)
    for i, enrollment in enumerate(enrollments):
        for j, test in enumerate(tests):
            expected = joint(plda, [*enrollment, test]) - joint(plda, enrollment) - joint(plda, [test])
            assert found[i, j] == pytest.approx(expected, abs=1e-8, rel=1e-8)


def test_averaging_is_one_session():
    rng = np.random.default_rng(0)
    plda = random_plda(rng)
    models, tests = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    np.testing.assert_array_equal(plda.score(models, tests), plda.score(models, tests, sessions=[1] * 4))
    np.testing.assert_allclose(plda.score(models, tests), plda.score(tests, models).T, rtol=1e-9, atol=1e-12)
    several = plda.score(models, tests, sessions=[1, 2, 3, 4])
    np.testing.assert_array_equal(several[0], plda.score(models, tests)[0])
    for i, n in enumerate((1, 2, 3, 4)):
        np.testing.assert_allclose(several[i], plda.score(models[i : i + 1], tests, sessions=n)[0], rtol=1e-10)


def sample(rng, plda, speakers, counts):
    names = np.repeat(np.arange(speakers), counts)
    y = rng.normal(size=(speakers, plda.factors.shape[1])) @ plda.factors.T
    return plda.mean + y[names] + rng.multivariate_normal(np.zeros(len(plda.mean)), plda.within, len(names)), names


@pytest.mark.parametrize("rank", [None, 2, 1])
def test_the_likelihood_is_the_dense_one_and_never_falls(rank):
    rng = np.random.default_rng(0)
    x, names = sample(rng, random_plda(rng), 30, rng.integers(1, 6, 30))
    models = []
    train_plda(x, names, rank=rank, max_iter=12, callback=models.append)
    history = models[-1].history
    assert len(history) == 12
    assert (np.diff(history) > -1e-12).all()
    for model, after in zip(models, history[1:], strict=False):
        dense = sum(joint(model, x[names == s]) for s in range(30)) / len(x)
        assert after == pytest.approx(dense, abs=1e-10)


@pytest.mark.parametrize("rank", [3, 2])
def test_the_model_is_found(rank):
    rng = np.random.default_rng(2)
    true = random_plda(rng, 3, rank)
    x, names = sample(rng, true, 4000, rng.integers(2, 5, 4000))
    found = train_plda(x, names, rank=rank, max_iter=50)
    np.testing.assert_allclose(found.within, true.within, atol=0.05 * np.trace(true.within))
    np.testing.assert_allclose(found.between, true.between, atol=0.05 * np.trace(true.between))
    np.testing.assert_allclose(found.mean, true.mean, atol=0.1 * np.sqrt(np.trace(true.between)))


def test_balanced_speakers_have_the_textbook_solution():
    """With equally many sessions maximum likelihood is analysis of variance, where that is positive definite."""
    rng = np.random.default_rng(3)
    x, names = sample(rng, random_plda(rng), 60, 5)
    means = x.reshape(60, 5, 3).mean(axis=1)
    within = (x - means[names]).T @ (x - means[names]) / (60 * 4)
    between = np.cov(means.T, bias=True) - within / 5
    found = train_plda(x, names, max_iter=400)
    np.testing.assert_allclose(found.mean, x.mean(axis=0), atol=1e-10)
    np.testing.assert_allclose(found.within, within, atol=1e-4)
    np.testing.assert_allclose(found.between, between, atol=1e-3)


def test_resumed_training_has_the_same_bits():
    rng = np.random.default_rng(0)
    x, names = sample(rng, random_plda(rng), 20, 3)
    models = []
    whole = train_plda(x, names, rank=2, max_iter=6, callback=models.append)
    again = train_plda(x, names, rank=2, max_iter=4, init=models[1])
    for name in ("mean", "factors", "within"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    assert again.history == whole.history


def test_order_and_names_of_speakers_do_not_matter():
    rng = np.random.default_rng(0)
    x, names = sample(rng, random_plda(rng), 20, 3)
    shuffled = rng.permutation(60)
    a = train_plda(x, names, max_iter=5)
    b = train_plda(x[shuffled], np.array([f"speaker {s}" for s in names])[shuffled], max_iter=5)
    np.testing.assert_allclose(a.within, b.within, rtol=1e-9)
    np.testing.assert_allclose(a.between, b.between, rtol=1e-9)


def test_bad_input():
    rng = np.random.default_rng(0)
    x, names = sample(rng, random_plda(rng), 20, 3)
    for rank in (0, 4):
        with pytest.raises(ConfigError, match=f"rank: found {rank}, expected 1 to 3, the dimension of the vectors"):
            train_plda(x, names, rank=rank)
    with pytest.raises(ConfigError, match="max_iter: found 0"):
        train_plda(x, names, max_iter=0)
    with pytest.raises(ConfigError, match=r"init: found PLDA of shape \(3, 2\) .* expected \(3, 3\)"):
        train_plda(x, names, init=train_plda(x, names, rank=2, max_iter=1))
    with pytest.raises(ModelError, match="found vectors of 1 speaker, expected two or more"):
        train_plda(x, np.zeros(60))
    with pytest.raises(ModelError, match="PLDA: within-class covariance: found it singular, from 60 vectors of 60"):
        train_plda(x, np.arange(60))
    with pytest.raises(DataError, match="labels: found shape"):
        train_plda(x, names[1:])
    with pytest.warns(GmmSpeechWarning, match="PLDA: found 5 speakers, expected 10 or more"):
        train_plda(x, np.arange(60) % 5)
    plda = train_plda(x, names, max_iter=1)
    for sessions in (0, [1, 2], [[1]], np.nan):
        with pytest.raises(DataError, match="sessions: found"):
            plda.score(x[:3], x, sessions=sessions)
    with pytest.raises(FeatureError, match=r"expected \(utterances, 3\)"):
        plda.score(x[:, :2], x)
    with pytest.raises(ModelError, match="not positive definite"):
        PLDA(np.zeros(2), np.eye(2), np.diag([1.0, -1.0])).score(x[:, :2], x[:, :2])
    with pytest.raises(ModelError, match="found mean, factors, within of shapes"):
        PLDA(np.zeros(2), np.eye(2), np.eye(3))
    with pytest.raises(ModelError, match="not finite"):
        PLDA(np.zeros(1), np.eye(1), np.full((1, 1), np.nan))
