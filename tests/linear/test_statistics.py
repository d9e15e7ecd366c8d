"""Weighted second moments against a loop, and which moments count as singular."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.errors import ModelError, counted
from gmmspeech.linear.fmllr import accumulate_fmllr
from gmmspeech.linear.mllt import accumulate_mllt
from gmmspeech.linear.statistics import BLOCK, check_determined, weighted_moments


@pytest.mark.parametrize("count", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK - 1])
@pytest.mark.parametrize(("dim", "num_weights"), [(1, 1), (4, 3), (3, 5)])
def test_moments_equal_a_loop(count, dim, num_weights):
    rng = np.random.default_rng(count)
    frames, weights = rng.normal(size=(count, dim)), rng.uniform(size=(count, num_weights))
    expected = np.zeros((num_weights, dim, dim))
    for x, w in zip(frames, weights, strict=True):
        expected += w[:, None, None] * np.outer(x, x)
    np.testing.assert_allclose(weighted_moments(weights, frames), expected, rtol=1e-10, atol=1e-10)


def test_units_do_not_make_moments_singular():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3)) * [1e-9, 1.0, 1e9]
    check_determined(x.T @ x, "here", 100)
    check_determined(np.stack([x.T @ x] * 2), "here", 100)


@pytest.mark.parametrize("count", [1, 5])
def test_fewer_frames_than_dimensions_are_singular(count):
    x = np.random.default_rng(0).normal(size=(count, 6))
    with pytest.raises(
        ModelError, match=f"here: the statistics of {counted(count, 'frame')} in 6 dimensions are singular"
    ):
        check_determined(x.T @ x, "here", count)


@pytest.mark.parametrize("accumulate", [accumulate_fmllr, accumulate_mllt])
@given(seed=st.integers(0, 10**6), cut=st.integers(0, 60))
@settings(max_examples=25, deadline=None)
def test_statistics_of_parts_add(make_case, accumulate, seed, cut):
    frames, posteriors, *model = make_case(seed).everything()
    whole = accumulate(frames, posteriors, *model)
    parts = [accumulate(frames[rows], posteriors[rows], *model) for rows in (slice(cut), slice(cut, None))]
    for field in dataclasses.fields(whole):
        np.testing.assert_allclose(getattr(sum(parts), field.name), getattr(whole, field.name), rtol=1e-9, atol=1e-9)
