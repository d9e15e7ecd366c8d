"""Some columns given the others, against ratios of scipy's joint and marginal densities, and numeric integrals."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from scipy.stats import multivariate_normal

import gmmspeech as gs
from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.gmm import covariance_types

KINDS = covariance_types.KINDS


def mixture(kind):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 2 * rng.normal(size=4) for _ in range(3)])
    return gs.GMM(3, covariance_type=kind, random_state=0, max_iter=3).fit(x), x


def density(gmm, x, columns):
    weights, means, matrices = covariance_types.as_kind("full", gmm._internal())
    parts = zip(weights, means, matrices, strict=True)
    return sum(w * multivariate_normal(m[columns], c[np.ix_(columns, columns)]).pdf(x) for w, m, c in parts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", [[0], [3, 1], [0, 1, 2]])
def test_the_density_is_the_joint_over_the_marginal(kind, given):
    gmm, x = mixture(kind)
    found = gmm.conditional(x[:, given], given=given)
    others = [d for d in range(4) if d not in given]
    assert found.columns == tuple(others)
    expected = density(gmm, x[:, given + others], given + others) / density(gmm, x[:, given], given)
    np.testing.assert_allclose(np.exp(found.score_samples(x[:, others])), expected, rtol=1e-9)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_mean_and_covariance_are_those_of_the_density(kind):
    gmm, x = mixture(kind)
    found = gmm.conditional(x[:3, [0, 1, 3]], given=[0, 1, 3])
    y = np.linspace(-60, 60, 200_001)
    for i in range(3):
        p = np.exp(gmm.conditional(np.tile(x[i, [0, 1, 3]], (len(y), 1)), given=[0, 1, 3]).score_samples(y[:, None]))
        mean = trapezoid(p * y, y)
        assert found.mean[i, 0] == pytest.approx(mean, rel=1e-6, abs=1e-6)
        assert found.covariance[i, 0, 0] == pytest.approx(trapezoid(p * (y - mean) ** 2, y), rel=1e-6)


def test_regression_finds_a_curve_and_diagonal_mixtures_have_it_too():
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, 3000)
    data = np.column_stack([x, np.sin(x) + rng.normal(0, 0.05, len(x))])
    full = gs.GMM(12, random_state=0, max_iter=50).fit(data)
    diagonal = gs.DiagonalGMM(60, random_state=0, max_iter=50, variance_floor=1e-4).fit(data)
    points = np.linspace(-2.8, 2.8, 50)[:, None]
    assert np.abs(full.conditional(points, given=[0]).mean - np.sin(points)).max() < 0.1
    assert np.abs(diagonal.conditional(points, given=[0]).mean - np.sin(points)).max() < 0.2


def test_columns_of_a_table_are_those_given():
    """By name, and in the order of their numbers; a range is a sequence of numbers, too."""
    table = pd.DataFrame(mixture("full")[1], columns=list("abcd"))
    gmm = gs.GMM(2, max_iter=2, random_state=0).fit(table)
    expected = gmm.conditional(table.to_numpy()[:, :2], given=[0, 1]).mean
    np.testing.assert_array_equal(gmm.conditional(table[["a", "b"]], given=range(2)).mean, expected)
    for names in (["b", "a"], ["c", "d"]):
        with pytest.raises(FeatureError, match=f"X: found columns {', '.join(names)}, expected a, b, as given"):
            gmm.conditional(table[names], given=[0, 1])


def test_bad_input():
    gmm, x = mixture("full")
    for given in ([], [0, 0], [4], [-1], [0, 1, 2, 3], [0.0], "0", None, 2, [[0]], [True]):
        with pytest.raises(ConfigError, match="expected different columns, some of 0 to 3 and not all"):
            gmm.conditional(x[:, :1], given=given)
    with pytest.raises(FeatureError, match=r"frames: found shape \(600, 2\), expected \(N, 1\)"):
        gmm.conditional(x[:, :2], given=[0])
    with pytest.raises(FeatureError, match="X: found NaN or infinity in frame 0"):
        gmm.conditional([[np.nan]], given=[0])
    found = gmm.conditional(x[:5, :1], given=[0])
    with pytest.raises(FeatureError, match="Y: found 4 rows, expected 5"):
        found.score_samples(x[:4, 1:])
    with pytest.raises(FeatureError, match=r"Y: found shape \(5, 4\), expected \(N, 3\)"):
        found.score_samples(x[:5])
