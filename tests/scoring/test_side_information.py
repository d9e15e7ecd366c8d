"""Side information is a bilinear logistic regression, and helps where scores depend on quality."""

import numpy as np
import pytest
from scipy.optimize import minimize

import gmmspeech as gs
from gmmspeech.errors import DataError
from gmmspeech.scoring.calibration import fit_calibration
from gmmspeech.scoring.side_information import distance_information, side_information


def trials(rng, n=4000):
    """Scores whose scale and offset follow the quality of both sides."""
    is_target, quality = rng.random(n) < 0.3, rng.uniform(-1, 1, (n, 2))
    scale = np.exp(quality.sum(axis=1))
    scores = scale * (3.0 * is_target + rng.normal(size=n)) + quality[:, 1]
    return scores, is_target, quality[:, :1], quality[:, 1:]


def test_columns_are_those_of_the_formula():
    """A slope and an offset that both are linear in the measures."""
    rng = np.random.default_rng(0)
    scores, model, test, weights = rng.normal(size=9), rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), np.arange(9.0)
    w, c, d, u, v = weights[0], weights[[1, 5]], weights[[2, 6]], weights[[3, 7]], weights[[4, 8]]
    expected = [s * (w + u @ q + v @ r) + c @ q + d @ r for s, q, r in zip(scores, model, test, strict=True)]
    np.testing.assert_allclose(side_information(scores, model, test) @ weights, expected)


def test_calibration_with_it_is_the_best_of_that_form():
    """The same minimum as a search over slope and offset as they are written down."""
    rng = np.random.default_rng(1)
    scores, is_target, model, test = trials(rng, 600)
    columns = side_information(scores, model, test)
    found = fit_calibration(columns[is_target], columns[~is_target], ridge=0.0)

    def cost(x):
        llr = x[0] + x[1] * model[:, 0] + x[2] * test[:, 0] + (x[3] + x[4] * model[:, 0] + x[5] * test[:, 0]) * scores
        return np.logaddexp(0, -llr[is_target]).mean() + np.logaddexp(0, llr[~is_target]).mean()

    best = minimize(cost, np.zeros(6), method="BFGS", options={"gtol": 1e-9})
    own = cost([found.offset, *found.weights[[1, 2, 0, 3, 4]]])
    assert own == pytest.approx(best.fun, abs=1e-6)


def test_it_helps_where_quality_varies():
    """On other trials, Cllr falls by a third."""
    rng = np.random.default_rng(2)
    (scores, is_target, *learn), (others, target, *held_out) = trials(rng), trials(rng)
    columns, other_columns = side_information(scores, *learn), side_information(others, *held_out)
    plain = fit_calibration(scores[is_target], scores[~is_target]).apply(others)
    with_it = fit_calibration(columns[is_target], columns[~is_target]).apply(other_columns)
    assert gs.cllr(with_it[target], with_it[~target]) < 0.67 * gs.cllr(plain[target], plain[~target])


def test_bad_measures_are_refused():
    """Shapes and numbers."""
    with pytest.raises(DataError, match=r"^test measures: found an array of shape \(1, 1\), expected \(2, measures\)"):
        side_information([1.0, 2.0], [[1.0], [2.0]], [[1.0]])
    with pytest.raises(DataError, match="model measures: found NaN or infinity"):
        side_information([1.0], [[np.nan]], [[1.0]])


def test_distances_are_those_of_the_formula():
    """Slope and offset by how far the sides are apart, whichever is the higher."""
    rng = np.random.default_rng(3)
    scores, model, test, weights = rng.normal(size=9), rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), np.arange(4.0)
    expected = []
    for s, q, r in zip(scores, model, test, strict=True):
        apart = [abs(a - b) for a, b in zip(q, r, strict=True)]
        expected.append(apart[0] * (weights[0] + weights[1] * s) + apart[1] * (weights[2] + weights[3] * s))
    np.testing.assert_allclose(distance_information(scores, model, test) @ weights, expected)
    np.testing.assert_array_equal(distance_information(scores, test, model), distance_information(scores, model, test))
    with pytest.raises(DataError, match=r"^test measures: found an array of shape \(9, 1\), expected \(9, measures\)"):
        distance_information(scores, model, test[:, :1])


def test_distances_help_where_nontargets_are_of_two_groups():
    """Nontargets of another group are told from targets by their pitch, whatever they score."""
    rng, found = np.random.default_rng(4), {}
    for part in ("learn", "others"):
        groups = rng.integers(0, 2, (2, 4000))
        is_target = rng.random(4000) < 0.1
        groups[1, is_target] = groups[0, is_target]
        scores = rng.normal(2.0 * is_target)
        pitch = np.log(110 + 90 * groups) + rng.normal(0, 0.05, groups.shape)
        found[part] = is_target, scores, np.column_stack([scores, distance_information(scores, *pitch[..., None])])
    costs = []
    for kind in (1, 2):
        learn, others = found["learn"], found["others"]
        calibration = fit_calibration(learn[kind][learn[0]], learn[kind][~learn[0]])
        llrs = calibration.apply(others[kind])
        costs.append(gs.cllr(llrs[others[0]], llrs[~others[0]]))
    assert costs[1] < 0.75 * costs[0]
