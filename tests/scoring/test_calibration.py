"""Calibrations against scikit-learn, against what they promise, and at the ends of the scale."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from gmmspeech.errors import ConfigError, DataError, ModelError
from gmmspeech.formats.loading import load
from gmmspeech.metrics.cllr import cllr, min_cllr
from gmmspeech.scoring.calibration import Calibration, fit_bounded, fit_calibration, fit_pav


def gaussian(num_systems=1, separation=1.0, num_targets=60, num_nontargets=900, seed=0):
    """Scores of correlated systems of different scales."""
    rng = np.random.default_rng(seed)
    mixing = np.linalg.qr(rng.normal(0, 1, (num_systems, num_systems)))[0] * np.logspace(-1, 1, num_systems)
    targets = rng.normal(separation, 1.0, (num_targets, num_systems)) @ mixing
    return targets + 3, rng.normal(0, 1.2, (num_nontargets, num_systems)) @ mixing + 3


@pytest.mark.parametrize("p_target", [0.5, 0.01, 0.9])
@pytest.mark.parametrize("num_systems", [1, 3])
def test_is_weighted_logistic_regression(num_systems, p_target):
    """scikit-learn's, with the prior as sample weights, none of its regularization, and tau taken from the offset."""
    targets, nontargets = gaussian(num_systems)
    weights = np.repeat([p_target / len(targets), (1 - p_target) / len(nontargets)], [len(targets), len(nontargets)])
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    model.fit(np.concatenate([targets, nontargets]), np.repeat([1, 0], [60, 900]), sample_weight=960 * weights)
    found = fit_calibration(targets, nontargets, p_target=p_target, ridge=0)
    np.testing.assert_allclose(found.weights, model.coef_[0], rtol=1e-6)
    assert found.offset == pytest.approx(model.intercept_[0] - np.log(p_target / (1 - p_target)), rel=1e-6)


def test_minimum_of_what_is_documented():
    """The formula of the docstring, by a general minimizer; p_target and ridge not the default."""
    targets, nontargets = gaussian(2, 2.0)
    p, strength = 0.1, 3.0
    tau = np.log(p / (1 - p))
    within = (np.cov(targets.T, ddof=0) + np.cov(nontargets.T, ddof=0)) / 2
    gap = targets.mean(axis=0) - nontargets.mean(axis=0)
    chance = 1 / len(targets) + 1 / len(nontargets)
    distance = gap @ np.linalg.solve(within, gap) + 2 * chance

    def cost(x):
        t, n = targets @ x[:2] + x[2], nontargets @ x[:2] + x[2]
        entropy = p * np.logaddexp(0, -t - tau).mean() + (1 - p) * np.logaddexp(0, n + tau).mean()
        return entropy + strength / 2 * chance * x[:2] @ within @ x[:2] / distance

    found = fit_calibration(targets, nontargets, p_target=p, ridge=strength)
    at = np.append(found.weights, found.offset)
    best = minimize(cost, at, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14})
    assert cost(at) <= best.fun + 1e-9
    np.testing.assert_allclose(at, best.x, rtol=1e-4)


def test_known_ratios_are_found():
    """Two normal distributions of one variance have ratios that are linear in the score."""
    rng = np.random.default_rng(1)
    targets, nontargets = rng.normal(7, 2, 100_000), rng.normal(1, 2, 100_000)
    for p_target in (0.5, 0.05):
        found = fit_calibration(targets, nontargets, p_target=p_target)
        assert found.weights[0] == pytest.approx(6 / 4, rel=0.03)
        assert found.apply([4.0])[0] == pytest.approx(0, abs=0.05)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_units_do_not_matter(seed):
    """Ratios are the same whatever affine map the scores have gone through before, mixtures of systems included."""
    rng = np.random.default_rng(seed)
    targets, nontargets = gaussian(2, 1.5, 30, 200, seed)
    rotation = np.linalg.qr(rng.normal(0, 1, (2, 2)))[0]
    mixing, shift = rotation * rng.uniform(0.2, 5, 2) * 10.0 ** rng.integers(-3, 4), rng.normal(0, 10, 2)
    plain = fit_calibration(targets, nontargets)
    moved = fit_calibration(targets @ mixing + shift, nontargets @ mixing + shift)
    np.testing.assert_allclose(moved.apply(targets @ mixing + shift), plain.apply(targets), rtol=1e-4, atol=1e-4)


def test_a_system_that_tells_nothing_new_changes_nothing():
    """A copy, a mixture, a constant: the fusion is what it was, and weights are shared out."""
    targets, nontargets = gaussian(2, 1.5)
    plain = fit_calibration(targets, nontargets).apply(nontargets)
    more = [np.column_stack([s, s[:, 0], s @ [2.0, -1.0], np.ones(len(s))]) for s in (targets, nontargets)]
    fused = fit_calibration(*more)
    np.testing.assert_allclose(fused.apply(more[1]), plain, rtol=1e-6, atol=1e-6)
    assert fused.weights[0] == pytest.approx(fused.weights[2])
    assert fused.weights[4] == 0


def test_fusion_is_better_than_its_parts():
    """Two systems that err independently."""
    targets, nontargets = np.random.default_rng(2).normal(0, 1, (2, 5000, 2))
    targets += 2
    fused = fit_calibration(targets, nontargets)
    alone = fit_calibration(targets[:, 0], nontargets[:, 0])
    assert cllr(fused.apply(targets), fused.apply(nontargets)) < 0.8 * cllr(
        alone.apply(targets[:, 0]), alone.apply(nontargets[:, 0])
    )


@pytest.mark.parametrize(
    ("targets", "nontargets"),
    [
        ([2.0, 3.0], [0.0, 1.0]),
        ([1.0], [0.0]),
        ([1.0, 1.0, 1.0], [0.0, 0.0]),
        ([1e300, 1.1e300], [-1e300, 0.0]),
        ([100.0, 101.0], list(np.linspace(-1, 1, 1000))),
    ],
)
def test_separable_trials_have_moderate_ratios(targets, nontargets):
    """Finite, of the right sign, far from what floating point can hold."""
    if max(targets) > 1e200:  # squares overflow: such scores are beyond what is promised, but the scale must not matter
        targets, nontargets = np.array(targets) / 1e200, np.array(nontargets) / 1e200
    found = fit_calibration(targets, nontargets)
    assert (found.apply(targets) > 0).all()
    assert (found.apply(nontargets) < 0).all()
    assert abs(found.apply([*targets, *nontargets])).max() < 50
    with pytest.raises(ModelError, match=r"^calibration: found targets and nontargets that a threshold separates"):
        fit_calibration(targets, nontargets, ridge=0)


def test_the_ridge_pays_where_trials_are_few():
    """Learnt on 30 targets which (almost) separate, and tried on others: nothing explodes."""
    rng = np.random.default_rng(3)
    losses = {1e-12: [], 0.1: []}
    for _ in range(20):
        learn = 0.7 * rng.standard_t(4, 30) + 7, 0.7 * rng.standard_t(4, 870)
        test = 0.7 * rng.standard_t(4, 4000) + 7, 0.7 * rng.standard_t(4, 4000)
        for ridge, found in losses.items():
            calibration = fit_calibration(*learn, ridge=ridge)
            found.append(cllr(*map(calibration.apply, test)))
    assert np.mean(losses[0.1]) < 0.5 * np.mean(losses[1e-12])
    assert np.max(losses[0.1]) < 0.2


def test_scores_that_tell_nothing():
    """Ratios near 1, and exactly 1 if all scores are equal."""
    rng = np.random.default_rng(4)
    found = fit_calibration(rng.normal(0, 1, 500), rng.normal(0, 1, 500))
    assert abs(found.apply(rng.normal(0, 1, 100))).max() < 0.5
    assert fit_calibration([1.0, 1.0], [1.0]).apply([1.0, 2.0]).tolist() == [0, 0]


@given(
    st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=20),
    st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=20),
    st.sampled_from([0.5, 1.0]),
)
def test_pav_by_isotonic_regression(targets, nontargets, pseudo):
    """scikit-learn's, with one target below and one nontarget above all the trials."""
    low, high = -9.0, 9.0
    scores = np.array([*targets, *nontargets, low, high])
    labels = np.array([1.0] * len(targets) + [0.0] * len(nontargets) + [1.0, 0.0])
    weights = np.array([1.0] * (len(scores) - 2) + [pseudo] * 2)
    posteriors = IsotonicRegression().fit(scores, labels, sample_weight=weights).predict(np.unique(scores)[1:-1])
    llrs = np.log(posteriors / (1 - posteriors)) - np.log((len(targets) + pseudo) / (len(nontargets) + pseudo))
    found = fit_pav(targets, nontargets, pseudo_trials=pseudo)
    np.testing.assert_allclose(found.apply(np.unique(scores)[1:-1]), llrs, atol=1e-9)
    assert (np.diff(found.scores) > 0).all()
    assert (np.diff(found.llrs) >= 0).all()
    assert found.apply([-100.0])[0] == found.llrs[0]
    middle = (found.scores[:-1] + found.scores[1:]) / 2
    if len(middle):
        np.testing.assert_allclose(found.apply(middle), (found.llrs[:-1] + found.llrs[1:]) / 2)


def test_pav_with_hardly_any_pseudo_trials_has_the_minimum_cllr():
    """On the trials it was learned from."""
    rng = np.random.default_rng(5)
    targets, nontargets = rng.normal(1, 1, 300).round(1), rng.normal(0, 1, 2000).round(1)
    found = fit_pav(targets, nontargets, pseudo_trials=1e-9)
    assert cllr(found.apply(targets), found.apply(nontargets)) == pytest.approx(min_cllr(targets, nontargets), abs=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: fit_calibration([], [0.0]),
            DataError,
            r"^target scores: found an array of shape \(0,\), expected one",
        ),
        (
            lambda: fit_calibration(pd.DataFrame([[1.0, 2.0]]), [[0.0, 1.0]]),
            DataError,
            "^target scores: found a DataFrame, whose names of columns are not kept, expected an array",
        ),
        (lambda: fit_calibration([0.0], []), DataError, r"^nontarget scores: found an array of shape \(0,\)"),
        (lambda: fit_pav([0.0], []), DataError, r"^nontarget scores: found an array of shape \(0,\)"),
        (
            lambda: fit_calibration([0.0, 1.0], [0.0, np.nan, np.nan]),
            DataError,
            r"^nontarget scores: found nan at trial 1 \(2 such of 3\), expected finite numbers$",
        ),
        (
            lambda: fit_calibration([[0.0, np.inf]], [[0.0, 1.0]]),
            DataError,
            r"^target scores: found inf at trial 0, system 1",
        ),
        (
            lambda: fit_calibration([[0.0, 1.0]], [0.0]),
            DataError,
            "^scores: found 2 systems for targets and 1 for nont",
        ),
        (
            lambda: fit_calibration(["a"], [0.0]),
            DataError,
            r"^target scores: found something that is no number .text., expected numbers",
        ),
        (lambda: fit_pav([[0.0, 1.0]], [0.0]), DataError, "^scores: found those of 2 systems, expected 1"),
        (lambda: fit_calibration([1.0], [0.0], p_target=1.0), ConfigError, "^p_target: found 1.0, expected a probab"),
        (lambda: fit_calibration([1.0], [0.0], ridge=-1), ConfigError, "^ridge: found -1, expected a number from 0$"),
        (
            lambda: fit_pav([1.0], [0.0], pseudo_trials=0),
            ConfigError,
            "^pseudo_trials: found 0, expected a number above",
        ),
        (
            lambda: fit_calibration([1.0], [0.0]).apply([[1.0, 2.0]]),
            DataError,
            "^scores: found those of 2 systems, expected 1$",
        ),
        (lambda: fit_pav([1.0], [0.0]).apply([np.nan]), DataError, "^scores: found nan at trial 0"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    """One line that says what is wrong."""
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [0.1, 1e-7, -1e9 / 3])
def test_scores_that_vary_by_rounding_alone_say_nothing(value):
    constant = fit_calibration(np.full(7, value), np.full(13, value))
    assert constant.weights == [0]
    assert constant.apply([value]) == pytest.approx([0], abs=1e-9)
    rng = np.random.default_rng(0)
    targets, nontargets = rng.normal(2, 1, 50), rng.normal(0, 1, 200)
    alone = fit_calibration(targets, nontargets)
    beside = fit_calibration(
        np.column_stack([np.full(50, value), targets]), np.column_stack([np.full(200, value), nontargets])
    )
    assert beside.weights == pytest.approx([0, *alone.weights], abs=1e-2)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_units_of_scores_change_no_ratio(unit):
    rng = np.random.default_rng(0)
    targets, nontargets = rng.normal(2, 1, (50, 2)), rng.normal(0, 1, (200, 2))
    scores = np.linspace(-1, 3, 9)[:, None] * [1.0, 0.5]
    found = fit_calibration(targets * unit, nontargets * unit).apply(scores * unit)
    np.testing.assert_allclose(found, fit_calibration(targets, nontargets).apply(scores), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fit", [fit_calibration, fit_pav])
def test_bounds_are_those_of_lir(fit, tmp_path):
    """Of the ratios of the trials that were learned from; kept in the file, never left."""
    from lir.algorithms.bayeserror import elub

    rng = np.random.default_rng(0)
    targets, nontargets = rng.normal(4, 1, 60), rng.normal(0, 1, 700)
    plain, bounded = fit(targets, nontargets), fit_bounded(targets, nontargets, fit=fit)
    llrs = plain.apply(np.concatenate([targets, nontargets]))
    expected = elub(llrs / np.log(10), np.r_[np.ones(60), np.zeros(700)])
    assert np.array([bounded.lower, bounded.upper]) / np.log(10) == pytest.approx(expected, abs=1e-6)
    bounded.save(tmp_path / "c.h5")
    scores = np.linspace(-30, 30, 61)
    found = load(tmp_path / "c.h5", type(plain))
    np.testing.assert_array_equal(found.apply(scores), np.clip(plain.apply(scores), bounded.lower, bounded.upper))
    assert "bounded to" in found.describe()[-1]


@pytest.mark.parametrize("bounds", [{"lower": 1.0, "upper": -1.0}, {"lower": np.nan}, {"measures": ("snr",)}])
def test_calibrations_that_cannot_be_are_refused(bounds):
    with pytest.raises(ModelError, match="don't fit together"):
        Calibration(np.ones(1), 0.0, **bounds)
