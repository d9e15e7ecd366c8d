"""Weights of systems against scikit-learn's logistic regression and a known answer."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from gmmspeech.errors import DataError
from gmmspeech.phones.gmm.fusion import combine, fit_weights


def test_two_classes_are_logistic_regression():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    scores = rng.normal(size=(3, 400, 2))
    scores[:2, np.arange(400), truth] += [[1.0], [0.3]]
    difference = (scores[:, :, 1] - scores[:, :, 0]).T
    reference = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8).fit(difference, truth)
    np.testing.assert_allclose(fit_weights(scores, truth), reference.coef_[0], atol=1e-3)


def test_finds_the_weights_that_drew_the_classes():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 20000, 5)) * np.array([1.0, 500.0])[:, None, None] - 3000
    posteriors = softmax(combine(scores, [1.5, -0.002]), axis=1)
    truth = (posteriors.cumsum(axis=1) < rng.random((20000, 1))).sum(axis=1)
    np.testing.assert_allclose(fit_weights(scores, truth), [1.5, -0.002], rtol=0.1)


def test_a_system_that_says_nothing_does_no_harm():
    rng = np.random.default_rng(2)
    weights = fit_weights([rng.normal(size=(50, 3)), np.full((50, 3), 7.0)], rng.integers(0, 3, 50))
    assert np.isfinite(combine(np.ones((2, 1, 3)), weights)).all()


def test_what_is_refused():
    good = np.zeros((2, 3, 4))
    bad = good.copy()
    bad[1, 0, 0] = -np.inf
    for scores, truth, message in (
        (good, [0, 1], r"found shape \(2, 3, 4\) with 2 classes"),
        (good[0], [0, 1, 2], r"found shape \(3, 4\)"),
        (bad, [0, 1, 2], "NaN or infinity in system 1"),
        (good, [0, 1, 4], "truth: found 0 to 4, expected 0 to 3"),
    ):
        with pytest.raises(DataError, match=message):
            fit_weights(scores, truth)
