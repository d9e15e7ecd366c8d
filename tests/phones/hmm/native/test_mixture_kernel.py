"""The compiled sums over the Gaussians of states against naive ones in float64, and against their NumPy twin."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.phones.hmm import densities
from gmmspeech.phones.hmm.native import mixture_kernel

pytestmark = pytest.mark.skipif(not mixture_kernel.available(), reason="installed without a C compiler")


def states_of(rng, num_frames, most):
    """Rows of densities as far apart as those of real frames are, and the states that they belong to."""
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, most + 1, int(rng.integers(1, 9))))])
    joint = rng.normal(-80, 40, (offsets[-1], num_frames)).astype(np.float32)
    return joint, offsets


@given(seed=st.integers(0, 2**32 - 1), num_frames=st.integers(1, 150), most=st.integers(1, 9))
def test_logs_of_sums_are_naive_ones(seed, num_frames, most):
    rng = np.random.default_rng(seed)
    joint, offsets = states_of(rng, num_frames, most)
    joint[rng.random(joint.shape) < 0.05] = -np.inf  # a Gaussian without weight
    joint[offsets[:-1]] = np.maximum(joint[offsets[:-1]], -500)
    peaks, totals = mixture_kernel.sums_of_states(joint, offsets)
    for s, (first, last) in enumerate(itertools.pairwise(offsets)):
        rows = joint[first:last].astype(np.float64)
        np.testing.assert_array_equal(peaks[:, s], rows.max(axis=0))
        np.testing.assert_allclose(totals[:, s], np.exp(rows - rows.max(axis=0)).sum(axis=0), rtol=2e-6)


def test_they_are_the_twins():
    joint, offsets = states_of(np.random.default_rng(3), 200, 40)
    for compiled, plain in zip(
        mixture_kernel.sums_of_states(joint, offsets), densities.sums_of_states(joint, offsets), strict=True
    ):
        np.testing.assert_allclose(compiled, plain, rtol=2e-6)


def test_a_frame_has_the_same_bits_whatever_is_beside_it():
    joint, offsets = states_of(np.random.default_rng(4), 200, 6)
    some = np.ascontiguousarray(joint[:, 37:90])
    for all_, few in zip(
        mixture_kernel.sums_of_states(joint, offsets), mixture_kernel.sums_of_states(some, offsets), strict=True
    ):
        np.testing.assert_array_equal(all_[37:90], few)


def test_exponentials_that_float32_does_not_hold_are_nothing():
    joint = np.array([[0.0, -1e30, -3.0], [-200.0, -1e30, -np.inf]], np.float32)
    peaks, totals = mixture_kernel.sums_of_states(joint, np.array([0, 2]))
    np.testing.assert_array_equal(peaks[:, 0], joint[0])
    np.testing.assert_allclose(totals[:, 0], [1, 2, 1], rtol=1e-7)
