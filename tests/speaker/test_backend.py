"""A back end is its steps one after the other."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError
from gmmspeech.speaker.backend import BackEnd, train_backend
from gmmspeech.speaker.plda import train_plda
from gmmspeech.speaker.transforms import AffineTransform, cosine_scores, lda, length_normalize, wccn, whitening


@pytest.fixture
def speakers():
    rng = np.random.default_rng(0)
    names = np.arange(160) % 40
    return 3 + 2 * rng.normal(size=(40, 5))[names] + rng.normal(size=(160, 5)), names


def test_the_default_is_whitening_length_and_plda(speakers):
    x, names = speakers
    backend = train_backend(x, names, max_iter=7)
    vectors = length_normalize(whitening(x)(x))
    np.testing.assert_allclose(backend.transform(x), vectors, rtol=1e-12)
    expected = train_plda(vectors, names, max_iter=7)
    found = backend.score(vectors[:6], vectors, sessions=[1, 2, 3, 1, 2, 3])
    np.testing.assert_allclose(found, expected.score(vectors[:6], vectors, sessions=[1, 2, 3, 1, 2, 3]), rtol=1e-9)


def test_steps_follow_one_another(speakers):
    x, names = speakers
    backend = train_backend(x, names, steps=("center", "length", "lda", "wccn"), lda_dim=3, plda=False)
    vectors = length_normalize(x - x.mean(axis=0))
    vectors = lda(vectors, names, 3)(vectors)
    vectors = wccn(vectors, names)(vectors)
    np.testing.assert_allclose(backend.transform(x), vectors, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(backend.score(vectors[:3], vectors), cosine_scores(vectors[:3], vectors), rtol=1e-9)
    assert train_backend(x, names, plda_rank=2).plda.factors.shape == (5, 2)


def test_no_step_at_all(speakers):
    x, _ = speakers
    np.testing.assert_array_equal(BackEnd().transform(x), x)
    assert BackEnd().score(x[:2], x).shape == (2, 160)


def test_vectors_of_another_extractor_are_refused(speakers):
    x, names = speakers
    backend = train_backend(x, names, extractor_digest="a" * 64)
    backend.transform(x)
    backend.transform(x, extractor_digest="a" * 64)
    with pytest.raises(ModelError, match="found i-vectors of extractor bbbbbbbbbbbb, expected aaaaaaaaaaaa"):
        backend.transform(x, extractor_digest="b" * 64)


def test_same_bits_for_any_number_of_blas_threads():
    rng = np.random.default_rng(0)
    names = np.arange(900) % 200
    x = rng.normal(size=(200, 150))[names] + rng.normal(size=(900, 150))
    made = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            made.append(train_backend(x, names, max_iter=3))
    for name in ("mean", "factors", "within"):
        np.testing.assert_array_equal(getattr(made[0].plda, name), getattr(made[1].plda, name))


def test_bad_input(speakers):
    x, names = speakers
    with pytest.raises(ConfigError, match="steps: found 'pca', expected any of center, whiten, lda, wccn, length"):
        train_backend(x, names, steps=("pca",))
    with pytest.raises(ConfigError, match="lda_dim: found none with steps lda"):
        train_backend(x, names, steps=("lda",))
    with pytest.raises(ConfigError, match="lda_dim: found 3 with steps whiten, length"):
        train_backend(x, names, lda_dim=3)
    with pytest.raises(DataError, match="labels: found shape"):
        train_backend(x, names[:-1])
    with pytest.raises(ModelError, match="PLDA: within-class covariance: found it singular, from 160 vectors of 160"):
        train_backend(x, np.arange(160))
    with pytest.raises(FeatureError, match="found vectors of shape"):
        train_backend(x, names).transform(x[:, 1:])
    with pytest.raises(ModelError, match="found 2 dimensions after transform 0, expected 3"):
        BackEnd((AffineTransform(np.zeros(5), np.ones((2, 5))), AffineTransform(np.zeros(3), np.eye(3))))
    with pytest.raises(ModelError, match="found 2 dimensions after transform 0, expected 5"):
        BackEnd((AffineTransform(np.zeros(5), np.ones((2, 5))),), train_backend(x, names).plda)
