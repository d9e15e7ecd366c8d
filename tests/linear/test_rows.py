"""The one-row maximum against a search that starts in both half-spaces."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from gmmspeech.linear.rows import ascend, best_row, objective

few = settings(max_examples=30, deadline=None)


@given(seed=st.integers(0, 10**6), dim=st.integers(1, 4), beta=st.sampled_from([0.1, 1.0, 50.0]))
@few
def test_a_row_is_the_best_of_both_signs(seed, dim, beta):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(dim, dim))
    g, k, p = root @ root.T + np.eye(dim), rng.normal(0, 5, dim), rng.normal(size=dim)

    def value(w):
        return beta * np.log(abs(p @ w)) + k @ w - 0.5 * w @ g @ w

    row = best_row(p, beta, k @ np.linalg.inv(g), np.linalg.inv(g))
    searched = [minimize(lambda w: -value(w), start, method="Nelder-Mead").fun for start in (p, -p)]
    assert value(row) >= -min(searched) - 1e-9
    np.testing.assert_allclose(beta * p / (p @ row) + k - g @ row, 0, atol=1e-7 * (1 + beta))
    scaled = best_row(-7.0 * p, beta, k @ np.linalg.inv(g), np.linalg.inv(g))
    np.testing.assert_allclose(scaled, row, rtol=1e-7, atol=1e-9)


def test_the_objective_is_its_formula():
    rng = np.random.default_rng(0)
    transform, k, g = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4, 4))
    expected = 7 * np.log(abs(np.linalg.det(transform[:, :3])))
    expected += sum(k[d] @ transform[d] - 0.5 * transform[d] @ g[d] @ transform[d] for d in range(3))
    assert objective(transform, 7.0, k, g) == pytest.approx(expected)


def test_the_start_is_left_alone():
    start = np.eye(2)
    ascend(start, 1.0, np.zeros((2, 2)), np.stack([np.eye(2) * 4] * 2), 5)
    np.testing.assert_array_equal(start, np.eye(2))
