"""The DET curve against its definition, its convex hull against exact arithmetic, scikit-learn live."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import isotonic_regression
from sklearn.metrics import roc_curve

from gmmspeech.errors import DataError
from gmmspeech.metrics.det import convex_hull, count_errors, det_curve, rocch

# Few distinct values, so that ties are common; and any finite numbers.
some_scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=25) | st.lists(
    st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=25
)


def naive_curve(targets, nontargets):
    """The definition: count at every distinct score and above all."""
    points = []
    for threshold in [*sorted(set(targets) | set(nontargets)), np.inf]:
        p_miss = Fraction(sum(s < threshold for s in targets), len(targets))
        p_fa = Fraction(sum(s >= threshold for s in nontargets), len(nontargets))
        points.append((p_miss, p_fa, threshold))
    return points


def naive_hull(points):
    """Andrew's monotone chain in exact fractions; points in the middle of an edge are left out."""
    hull = []
    for x, y in points:  # x rises or stays, y falls or stays
        while len(hull) > 1:
            (ax, ay), (bx, by) = hull[-2:]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            hull.pop()
        hull.append((x, y))
    return hull


@given(some_scores, some_scores)
def test_curve_is_its_definition(targets, nontargets):
    """Ties move at once and the threshold itself accepts."""
    expected = np.array(naive_curve(targets, nontargets), dtype=float)
    np.testing.assert_array_equal(np.column_stack(det_curve(targets, nontargets)), expected)


@given(some_scores, some_scores)
def test_hull_is_exact(targets, nontargets):
    """The corners are those of the hull computed with fractions."""
    p_miss, p_fa, thresholds = rocch(targets, nontargets)
    curve = naive_curve(targets, nontargets)
    hull = naive_hull([point[:2] for point in curve])
    on_curve = {(float(m), float(f), t) for m, f, t in curve}
    assert set(zip(p_miss, p_fa, thresholds, strict=True)) <= on_curve
    # Rounding may keep a point in the middle of an edge, which changes nothing; every true corner must be there.
    found = list(zip(p_miss, p_fa, strict=True))
    assert {(float(m), float(f)) for m, f in hull} <= set(found)
    exact = naive_hull([(Fraction(m).limit_denominator(100), Fraction(f).limit_denominator(100)) for m, f in found])
    assert exact == hull


@pytest.mark.parametrize("seed", range(3))
def test_hull_of_many_trials_is_that_of_isotonic_regression(seed):
    rng = np.random.default_rng(seed)
    counts = count_errors(rng.normal(1, 1, 2000), rng.normal(0, 1, 5000))
    steps = np.diff(counts.misses - counts.false_alarms)
    corners = isotonic_regression(np.diff(counts.misses) / steps, weights=steps).blocks
    np.testing.assert_array_equal(convex_hull(counts).thresholds, counts.thresholds[corners])


def test_hull_of_many_trials_lies_below_the_curve():
    """No point of a long curve is below the hull, which is convex and made of few corners."""
    rng = np.random.default_rng(1)
    targets, nontargets = rng.normal(1, 1, 20_000), rng.normal(0, 1, 50_000)
    p_miss, p_fa, _ = det_curve(targets, nontargets)
    hull_miss, hull_fa, _ = rocch(targets, nontargets)
    assert len(hull_miss) < 1000
    below = np.interp(p_miss - p_fa, hull_miss - hull_fa, hull_miss)
    assert (p_miss - below).min() > -1e-12
    turns = np.diff(hull_miss)[1:] * np.diff(hull_fa)[:-1] - np.diff(hull_miss)[:-1] * np.diff(hull_fa)[1:]
    assert (turns <= 1e-15).all()


@pytest.mark.parametrize("decimals", [1, 12])
def test_curve_agrees_with_scikit_learn(decimals):
    """scikit-learn's ROC curve at all thresholds is the same curve, listed from above."""
    rng = np.random.default_rng(2)
    targets, nontargets = rng.normal(1, 1, 300).round(decimals), rng.normal(0, 1, 700).round(decimals)
    labels = np.repeat([1, 0], [300, 700])
    fpr, tpr, thresholds = roc_curve(labels, np.concatenate([targets, nontargets]), drop_intermediate=False)
    p_miss, p_fa, ours = det_curve(targets, nontargets)
    np.testing.assert_allclose(p_fa, fpr[::-1], atol=1e-15)
    np.testing.assert_allclose(p_miss, 1 - tpr[::-1], atol=1e-15)
    np.testing.assert_array_equal(ours, thresholds[::-1])


@pytest.mark.parametrize(
    ("targets", "nontargets", "message"),
    [
        ([], [1.0], r"^target scores: found an array of shape \(0,\), expected one or more"),
        ([1.0], [], r"^nontarget scores: found an array of shape \(0,\)"),
        ([1.0, np.nan, np.inf, -np.inf], [0.0], r"^target scores: found 1 NaN and 2 infinite among 4, expected finite"),
        ([1.0], [np.nan], r"^nontarget scores: found 1 NaN and 0 infinite among 1"),
        ([[1.0]], [0.0], r"^target scores: found an array of shape \(1, 1\)"),
        (["high"], [0.0], r"^target scores: found something that is no number"),
    ],
)
def test_bad_scores_are_refused(targets, nontargets, message):
    """One line that counts what is wrong."""
    for function in (det_curve, rocch):
        with pytest.raises(DataError, match=message) as caught:
            function(targets, nontargets)
        assert "\n" not in str(caught.value)
