"""Detection costs against their definition."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.metrics.dcf import actual_dcf, bayes_error_rates, bayes_threshold, min_dcf

any_scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=25) | st.lists(
    st.floats(-1e6, 1e6), min_size=1, max_size=25
)


def naive_min_dcf(targets, nontargets, p_target, c_miss, c_fa):
    """The cost at every threshold, one by one."""
    costs = []
    for threshold in [*targets, *nontargets, np.inf]:
        p_miss = sum(s < threshold for s in targets) / len(targets)
        p_fa = sum(s >= threshold for s in nontargets) / len(nontargets)
        costs.append(c_miss * p_target * p_miss + c_fa * (1 - p_target) * p_fa)
    return min(costs) / min(c_miss * p_target, c_fa * (1 - p_target))


@given(any_scores, any_scores, st.floats(0.001, 0.999), st.floats(0.1, 10), st.floats(0.1, 10))
def test_is_its_definition(targets, nontargets, p_target, c_miss, c_fa):
    """For any prior and costs; never above the cost of deciding without looking."""
    found = min_dcf(targets, nontargets, p_target=p_target, c_miss=c_miss, c_fa=c_fa)
    assert found == pytest.approx(naive_min_dcf(targets, nontargets, p_target, c_miss, c_fa), rel=1e-12, abs=1e-15)
    assert 0 <= found <= 1


@given(any_scores, any_scores, st.floats(0.001, 0.999))
def test_exchanging_the_kinds(targets, nontargets, p_target):
    """Targets and nontargets swapped, scores negated, costs and prior swapped: the same cost."""
    swapped = min_dcf(-np.array(nontargets), -np.array(targets), p_target=1 - p_target, c_miss=2.0, c_fa=3.0)
    assert min_dcf(targets, nontargets, p_target=p_target, c_miss=3.0, c_fa=2.0) == pytest.approx(swapped, rel=1e-9)


def test_ends_of_the_scale():
    """Separable scores cost nothing, useless ones as much as deciding without looking, exactly."""
    assert min_dcf([2.0, 3.0], [0.0, 1.0]) == 0
    for p_target in (0.001, 0.01, 0.05, 0.1, 0.7):
        assert min_dcf([0.0] * 3, [0.0] * 7, p_target=p_target) == 1
        assert min_dcf([0.0, 1.0], [2.0, 3.0], p_target=p_target) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p_target": 0.0}, "^p_target: found 0.0, expected a probability between 0 and 1$"),
        ({"p_target": float("nan")}, "^p_target: found nan"),
        ({"c_miss": -1.0}, "^c_miss: found -1.0, expected a number above 0$"),
        ({"c_fa": float("inf")}, "^c_fa: found inf"),
    ],
)
def test_bad_options_are_refused(options, message):
    """One line with the option and its value."""
    with pytest.raises(ConfigError, match=message):
        min_dcf([1.0], [0.0], **options)


def test_bad_scores_are_refused():
    """As everywhere in this room."""
    with pytest.raises(DataError, match=r"^nontarget scores: found 0 NaN and 1 infinite among 2"):
        min_dcf([1.0], [0.0, np.inf])


@given(st.floats(0.001, 0.999), st.floats(0.1, 10), st.floats(0.1, 10))
def test_bayes_threshold_weighs_both_errors_alike(p_target, c_miss, c_fa):
    """At the threshold, accepting and rejecting cost the same on the average."""
    ratio = np.exp(bayes_threshold(p_target=p_target, c_miss=c_miss, c_fa=c_fa))
    assert c_miss * p_target * ratio == pytest.approx(c_fa * (1 - p_target))


@given(any_scores, any_scores, st.floats(0.001, 0.999), st.floats(0.1, 10), st.floats(0.1, 10))
def test_actual_cost_is_its_definition(targets, nontargets, p_target, c_miss, c_fa):
    """Decisions by the Bayes threshold, counted in a loop; never below the minimum."""
    threshold = np.log(c_fa * (1 - p_target) / (c_miss * p_target))
    if min(abs(np.array([*targets, *nontargets]) - threshold)) < 1e-9:
        return  # on which side of a rounding error it lies is not asked here
    cost = c_miss * p_target * sum(s < threshold for s in targets) / len(targets)
    cost += c_fa * (1 - p_target) * sum(s >= threshold for s in nontargets) / len(nontargets)
    cost /= min(c_miss * p_target, c_fa * (1 - p_target))
    found = actual_dcf(targets, nontargets, p_target=p_target, c_miss=c_miss, c_fa=c_fa)
    assert found == pytest.approx(cost, rel=1e-12)
    assert found >= min_dcf(targets, nontargets, p_target=p_target, c_miss=c_miss, c_fa=c_fa) - 1e-12


def test_a_ratio_at_the_threshold_is_accepted():
    """As by any other threshold here."""
    assert actual_dcf([0.0], [-1.0], p_target=0.5) == 0
    assert actual_dcf([1.0], [0.0], p_target=0.5) == 1


@given(any_scores, any_scores, st.lists(st.floats(-6, 6), min_size=1, max_size=5))
def test_bayes_error_rates_are_the_costs_of_every_prior(targets, nontargets, odds):
    """Actual and minimum cost, prior by prior."""
    rates = bayes_error_rates(targets, nontargets, odds)
    assert rates.prior_log_odds.tolist() == odds
    for prior_log_odds, actual, minimum in zip(*rates, strict=True):
        if min(abs(np.array([*targets, *nontargets]) + prior_log_odds)) < 1e-9:
            continue
        p_target = 1 / (1 + np.exp(-prior_log_odds))
        assert actual == pytest.approx(actual_dcf(targets, nontargets, p_target=p_target), abs=1e-9)
        assert minimum == pytest.approx(min_dcf(targets, nontargets, p_target=p_target), abs=1e-9)


def test_bad_input_of_the_actual_cost_is_refused():
    """Scores, priors and options."""
    with pytest.raises(ConfigError, match=r"^p_target: found 1.5, expected"):
        actual_dcf([1.0], [0.0], p_target=1.5)
    with pytest.raises(ConfigError, match=r"^c_fa: found 0"):
        bayes_threshold(c_fa=0)
    with pytest.raises(DataError, match=r"^target scores: found 1 NaN"):
        actual_dcf([np.nan], [0.0])
    with pytest.raises(DataError, match=r"^nontarget scores: found an array of shape"):
        bayes_error_rates([0.0], [], [0.0])
    for odds in ([], [np.nan], 0.0):
        with pytest.raises(DataError, match=r"^prior log-odds: found .*, expected .*finite numbers"):
            bayes_error_rates([0.0], [1.0], odds)
