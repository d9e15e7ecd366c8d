"""Empirical cross-entropy against lir, its definition as a loop, and Cllr."""

import math

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.metrics.cllr import cllr, min_cllr
from gmmspeech.metrics.cross_entropy import empirical_cross_entropy

ODDS = np.linspace(-7, 7, 15)


def ratios(seed):
    rng = np.random.default_rng(seed)
    t, n = rng.integers(2, 200, 2)
    gap, spread = rng.uniform(0.3, 4), rng.uniform(0.5, 1.5)
    targets, nontargets = rng.normal(gap, gap * spread, t), rng.normal(-gap, gap * spread, n)
    return (targets.round(1), nontargets.round(1)) if seed % 4 == 0 else (targets, nontargets)


def naive_entropy(targets, nontargets, tau):
    """The definition: minus the mean log of the posterior probability of what is true."""
    prior = 1 / (1 + math.exp(-tau))
    of_targets = [-math.log2(1 / (1 + math.exp(-x - tau))) for x in targets]
    of_nontargets = [-math.log2(1 / (1 + math.exp(x + tau))) for x in nontargets]
    return prior * np.mean(of_targets) + (1 - prior) * np.mean(of_nontargets)


@pytest.mark.parametrize("seed", range(20))
def test_cross_entropy_is_that_of_lir(seed):
    """Of ratios as they are and after the pool-adjacent-violators algorithm, at every prior."""
    from lir.algorithms.isotonic_regression import IsotonicCalibrator
    from lir.plotting.expected_calibration_error import calculate_ece

    targets, nontargets = ratios(seed)
    labels = np.r_[np.ones(len(targets)), np.zeros(len(nontargets))]
    scores, priors = np.concatenate([targets, nontargets]) / math.log(10), 1 / (1 + np.exp(-ODDS))
    found = empirical_cross_entropy(targets, nontargets, ODDS)
    np.testing.assert_allclose(found.actual, calculate_ece(10**scores, labels, priors), atol=1e-6)
    with np.errstate(divide="ignore"):
        best = IsotonicCalibrator().fit_transform(scores, labels)
    np.testing.assert_allclose(found.minimum, calculate_ece(10**best, labels, priors), atol=1e-6)
    np.testing.assert_allclose(found.neutral, calculate_ece(np.ones(len(labels)), labels, priors), atol=1e-6)


def test_cross_entropy_is_its_definition():
    """And at even odds it is Cllr."""
    targets, nontargets = ratios(1)
    found = empirical_cross_entropy(targets, nontargets, ODDS)
    np.testing.assert_allclose(found.actual, [naive_entropy(targets, nontargets, tau) for tau in ODDS], rtol=1e-12)
    even = empirical_cross_entropy(targets, nontargets, [0.0])
    assert even.actual[0] == pytest.approx(cllr(targets, nontargets), rel=1e-12)
    assert even.minimum[0] == pytest.approx(min_cllr(targets, nontargets), rel=1e-12)
    assert even.neutral[0] == 1


def test_cross_entropy_of_extremes():
    """No overflow; bad input is named."""
    found = empirical_cross_entropy([1e4], [-1e4], [-800.0, 0.0, 800.0])
    assert found.actual.tolist() == [0, 0, 0]
    assert np.isfinite(found.neutral).all()
    with pytest.raises(DataError, match=r"^prior log-odds: found"):
        empirical_cross_entropy([1.0], [0.0], [np.nan])
