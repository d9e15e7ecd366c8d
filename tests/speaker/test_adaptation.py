"""Unsupervised adaptation against the steps of Kaldi's program, taken one by one in double precision."""

import numpy as np
import pytest
import scipy.linalg

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError
from gmmspeech.speaker.adaptation import adapt_backend, adapt_plda
from gmmspeech.speaker.backend import BackEnd, train_backend
from gmmspeech.speaker.plda import PLDA


def kaldis(plda, x, within_scale, between_scale, mean_scale):
    """Between and within covariance after Kaldi's steps: two transforms, each inverted at the end."""
    variance = np.cov(x.T, bias=True) + mean_scale * np.outer(x.mean(axis=0) - plda.mean, x.mean(axis=0) - plda.mean)
    psi, columns = scipy.linalg.eigh(plda.between, plda.within)
    transform = columns.T / np.sqrt(1 + psi)[:, None]  # the total covariance becomes the identity
    s, p = np.linalg.eigh(transform @ variance @ transform.T)
    within, between = p.T @ np.diag(1 / (1 + psi)) @ p, p.T @ np.diag(psi / (1 + psi)) @ p
    for i, ratio in enumerate(s):
        if ratio > 1:
            within[i, i] += within_scale * (ratio - 1)
            between[i, i] += between_scale * (ratio - 1)
    back = np.linalg.inv(p.T @ transform)
    return back @ between @ back.T, back @ within @ back.T


@pytest.mark.parametrize("scales", [(0.3, 0.7, 1.0), (0.75, 0.25, 0.0), (1.0, 0.0, 0.5)])
@pytest.mark.parametrize("rank", [5, 2])
def test_adaptation_is_kaldis(scales, rank):
    """To rounding, and so are the scores."""
    rng = np.random.default_rng(rank)
    root = rng.normal(size=(5, 5))
    plda = PLDA(rng.normal(size=5), rng.normal(size=(5, rank)), root @ root.T + 0.1 * np.eye(5))
    x = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5)) * 1.5 + rng.normal(size=5)
    adapted = adapt_plda(plda, x, **dict(zip(("within_scale", "between_scale", "mean_scale"), scales, strict=True)))
    between, within = kaldis(plda, x, *scales)
    np.testing.assert_allclose(adapted.mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(adapted.within, within, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(adapted.between, between, rtol=1e-8, atol=1e-9)


def test_nothing_is_added_where_vectors_vary_less():
    """The mean moves, the covariances stay."""
    plda = PLDA(np.zeros(2), np.eye(2), np.eye(2))
    adapted = adapt_plda(plda, 0.1 * np.random.default_rng(0).normal(size=(50, 2)), mean_scale=0.0)
    np.testing.assert_array_equal(adapted.factors, plda.factors)
    np.testing.assert_array_equal(adapted.within, plda.within)
    assert adapted.mean.any()


def domain(rng, speakers, shift, stretch):
    """Vectors of a domain that is moved, and in which sessions vary more in some dimensions."""
    names = np.repeat(np.arange(speakers), 5)
    within = rng.normal(size=(5 * speakers, 6)) * (1 + stretch * (np.arange(6) < 3))
    return rng.normal(size=(speakers, 6))[names] * 2 + within + shift, names


def test_it_helps_in_another_domain():
    """Costs fall on speakers of a domain that the back end was not trained in, adapted to others of it."""
    rng = np.random.default_rng(0)
    backend = train_backend(*domain(rng, 200, 0.0, 0.0), steps=["center"])
    adapted = adapt_backend(backend, domain(rng, 100, 3.0, 2.0)[0], within_scale=0.7, between_scale=0.3)
    x, names = domain(rng, 60, 3.0, 2.0)

    def cost(model):
        vectors = model.transform(x)
        scores, same = model.score(vectors[::5], vectors), names[::5][:, None] == names
        apart = same & (np.arange(0, len(x), 5)[:, None] != np.arange(len(x)))
        return gs.cllr(scores[apart], scores[~same])

    assert cost(adapted) < 0.8 * cost(backend)


def test_bad_input_is_refused():
    plda = PLDA(np.zeros(2), np.eye(2), np.eye(2))
    with pytest.raises(DataError, match=r"^adaptation: found 1 vector, expected two or more"):
        adapt_plda(plda, [[1.0, 2.0]])
    with pytest.raises(FeatureError, match="found vectors of shape"):
        adapt_plda(plda, np.ones((4, 3)))
    with pytest.raises(ConfigError, match=r"^within_scale: found -1.0, expected a number from 0"):
        adapt_plda(plda, np.eye(2), within_scale=-1.0)
    with pytest.raises(ModelError, match="neither transforms nor PLDA"):
        adapt_backend(BackEnd(), np.eye(2))
    with pytest.raises(ModelError, match="extractor"):
        adapt_backend(BackEnd((), plda, "a" * 40), np.eye(2), extractor_digest="b" * 40)
