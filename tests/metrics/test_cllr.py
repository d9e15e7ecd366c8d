"""Cllr against its definition, minCllr against scikit-learn and a search through all calibrations, Tippett curves."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.isotonic import IsotonicRegression

from gmmspeech.errors import DataError
from gmmspeech.metrics.cllr import cllr, min_cllr, tippett_curves

tied_scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=25)
any_scores = tied_scores | st.lists(st.floats(-30, 30, allow_subnormal=False), min_size=1, max_size=25)


def naive_cllr(targets, nontargets):
    """The definition, as a loop; infinite ratios of the right sign cost nothing."""
    missed = sum(math.log2(1 + math.exp(-x)) for x in targets) / len(targets)
    accepted = sum(math.log2(1 + math.exp(x)) for x in nontargets) / len(nontargets)
    return (missed + accepted) / 2


def best_of_all_calibrations(targets, nontargets):
    """Least Cllr over all ways to cut the distinct scores into bins, each with its own ratio, if ratios rise."""
    values = sorted({*targets, *nontargets})
    best = math.inf
    for cuts in product([False, True], repeat=len(values) - 1):
        bins = np.cumsum([0, *cuts])
        t = [sum(bins[values.index(x)] == b for x in targets) / len(targets) for b in range(bins[-1] + 1)]
        n = [sum(bins[values.index(x)] == b for x in nontargets) / len(nontargets) for b in range(bins[-1] + 1)]
        ratios = [u / v if v else math.inf for u, v in zip(t, n, strict=True)]
        if ratios != sorted(ratios):
            continue
        cost = sum(u * math.log2(1 + v / u) for u, v in zip(t, n, strict=True) if u)
        cost += sum(v * math.log2(1 + u / v) for u, v in zip(t, n, strict=True) if v)
        best = min(best, cost / 2)
    return best


@given(any_scores, any_scores)
def test_cllr_is_its_definition(targets, nontargets):
    """To the last digits."""
    assert cllr(targets, nontargets) == pytest.approx(naive_cllr(targets, nontargets), rel=1e-12)


def test_cllr_of_extreme_ratios():
    """No overflow, no loss of what is small."""
    assert cllr([1000.0], [-1000.0]) == 0
    assert cllr([-1000.0], [1000.0]) == pytest.approx(1000 / math.log(2))
    assert cllr([40.0], [-1e300]) == pytest.approx(math.exp(-40) / math.log(2) / 2, rel=1e-12)
    assert cllr([0.0], [0.0] * 5) == 1


@given(
    st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12),
    st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12),
)
def test_min_cllr_is_the_best_of_all_calibrations(targets, nontargets):
    """On up to seven distinct scores, with many ties, all calibrations can be tried."""
    assert min_cllr(targets, nontargets) == pytest.approx(best_of_all_calibrations(targets, nontargets), abs=1e-12)


@pytest.mark.parametrize("decimals", [0, 1, 12])
@pytest.mark.parametrize("separation", [-1.0, 0.0, 1.0, 3.0, 30.0])
def test_min_cllr_by_isotonic_regression(separation, decimals):
    """scikit-learn's isotonic regression gives the posteriors, and Cllr of their log odds is the minimum."""
    rng = np.random.default_rng(6)
    targets, nontargets = rng.normal(separation, 1, 300).round(decimals), rng.normal(0, 1, 1700).round(decimals)
    labels = np.repeat([1.0, 0.0], [300, 1700])
    posteriors = IsotonicRegression().fit_transform(np.concatenate([targets, nontargets]), labels)
    with np.errstate(divide="ignore"):
        llrs = np.log(posteriors) - np.log1p(-posteriors) - math.log(300 / 1700)
    costs = np.logaddexp(0, -llrs[:300]).mean() + np.logaddexp(0, llrs[300:]).mean()
    assert min_cllr(targets, nontargets) == pytest.approx(costs / 2 / math.log(2), abs=1e-12)


@given(any_scores, any_scores)
def test_min_cllr_is_a_minimum(targets, nontargets):
    """No rising map of the scores has a lower Cllr; only their order counts."""
    least = min_cllr(targets, nontargets)
    assert 0 <= least <= 1
    for scale, offset in [(1.0, 0.0), (0.3, 1.0), (2.0, -1.0)]:
        moved = scale * np.array(targets) + offset, scale * np.array(nontargets) + offset
        assert least <= cllr(*moved) + 1e-12
    assert min_cllr(np.array(targets) / 8, np.array(nontargets) / 8) == pytest.approx(least, abs=1e-12)
    assert min_cllr(-np.array(nontargets), -np.array(targets)) == pytest.approx(least, abs=1e-12)


def test_ties_are_not_told_apart():
    """Where all scores are equal nothing is known, in whatever order the trials come."""
    assert min_cllr([1.0] * 3, [1.0] * 4) == 1
    assert min_cllr([1.0, 2.0], [1.0, 0.0]) == 0.5
    assert min_cllr([2.0, 3.0], [0.0, 1.0]) == 0


@given(any_scores, any_scores)
def test_tippett_is_its_definition(targets, nontargets):
    """Shares at or above every value."""
    values, above, other = tippett_curves(targets, nontargets)
    assert values.tolist() == [*sorted({*targets, *nontargets}), math.inf]
    for value, a, b in zip(values, above, other, strict=True):
        assert a == np.mean(np.array(targets) >= value)
        assert b == np.mean(np.array(nontargets) >= value)


@pytest.mark.parametrize("function", [cllr, min_cllr, tippett_curves])
def test_bad_scores_are_refused(function):
    """As everywhere in this room."""
    with pytest.raises(DataError, match=r"^target scores: found an array of shape \(0,\)"):
        function([], [0.0])
    with pytest.raises(DataError, match=r"^nontarget scores: found an array of shape \(0,\)"):
        function([0.0], [])
    with pytest.raises(DataError, match=r"^nontarget scores: found 1 NaN and 0 infinite among 2"):
        function([0.0], [1.0, np.nan])
