"""Logistic regression, beside SciPy's minimum of the cost as it is written down."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from gmmspeech.scoring.logistic import least_cross_entropy, whitened


@pytest.mark.parametrize(("p_target", "penalty"), [(0.5, 0.0), (0.01, 0.0), (0.3, 0.2)])
def test_least_cross_entropy_is_scipys_minimum(p_target, penalty):
    rng = np.random.default_rng(0)
    targets, nontargets = rng.normal(1, 1, (60, 2)), rng.normal(0, 1.5, (400, 2))

    def cost(x):
        odds = [scores @ x[:2] + x[2] + math.log(p_target / (1 - p_target)) for scores in (targets, nontargets)]
        costs = p_target * np.mean(np.logaddexp(0, -odds[0])) + (1 - p_target) * np.mean(np.logaddexp(0, odds[1]))
        return costs + penalty * x[:2] @ x[:2] / 2

    weights, offset = least_cross_entropy(targets, nontargets, p_target, penalty)
    found = minimize(cost, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose([*weights, offset], found.x, atol=2e-6)
    assert cost(np.append(weights, offset)) <= found.fun + 1e-15


def test_whitened_scores_have_no_covariance_within_the_kinds_and_systems_that_repeat_are_left_out():
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(2, 3))
    targets, nontargets = rng.normal(1, 1, (50, 2)) @ mixing, rng.normal(0, 2, (300, 2)) @ mixing
    middle, whitening = whitened(targets, nontargets)
    assert whitening.shape == (3, 2)
    np.testing.assert_allclose(middle, (targets.mean(axis=0) + nontargets.mean(axis=0)) / 2)
    within = sum(np.cov((scores @ whitening).T, bias=True) for scores in (targets, nontargets)) / 2
    np.testing.assert_allclose(within, np.eye(2), atol=1e-4)
