"""The compiled forward-backward over a chain against its NumPy twin, which has logarithms of probabilities."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.phones.decoding.boundaries import Chain, boundary_moments
from gmmspeech.phones.hmm.native import chain_kernel
from gmmspeech.phones.hmm.trellis import Transitions

pytestmark = pytest.mark.skipif(not chain_kernel.available(), reason="installed without a C compiler")


def drawn(seed):
    """A chain of which some states last a frame, and a frame that no state fits."""
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(1, 120))
    number = int(rng.integers(1, frames + 1))
    entry = np.append(0, 1 + np.sort(rng.choice(frames - 1, number - 1, replace=False)))
    emissions = rng.normal(-50, rng.choice([2, 20, 100]), (frames, 6)).astype(np.float32)
    emissions[rng.integers(frames)] -= 1000
    transitions = Transitions.of(rng.uniform(0.05, 0.95, 6))
    return Chain(rng.integers(0, 6, number), entry, frames), emissions, transitions


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.01, 0.05, 0.1]), reach=st.integers(0, 40))
def test_moments_are_the_twins(seed, scale, reach):
    chain, emissions, transitions = drawn(seed)

    def found():
        return boundary_moments([chain], [emissions], transitions, scales=[scale], reach=reach)[0][0]

    compiled = found()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain_kernel, "_library", lambda: None)
        expected = found()
    np.testing.assert_allclose(compiled.mean, expected.mean, atol=2e-3)
    np.testing.assert_allclose(compiled.deviation, expected.deviation, atol=5e-2)


def test_where_probabilities_do_not_suffice_logarithms_do(monkeypatch):
    chain, emissions, transitions = drawn(5)
    expected = boundary_moments([chain], [emissions], transitions)
    monkeypatch.setattr(chain_kernel, "moments", lambda *_: None)
    for found, other in zip(boundary_moments([chain], [emissions], transitions)[0], expected[0], strict=True):
        np.testing.assert_allclose(found.mean, other.mean, atol=2e-3)


def test_densities_that_no_number_holds_are_told():
    """Of 200 frames each state but the last fits none, and each but the first may be in few."""
    count = 200
    state, entry = np.arange(count), np.arange(count)
    enter = np.full(count, -745.0)  # the least that float64 holds, in every step
    found = chain_kernel.moments(
        *(state, entry, np.arange(count), np.arange(count) + 1, np.full(count, -1.0), enter - 10.0),
        *(np.zeros((count, count), np.float32), [0.1]),
    )
    assert found is None


@pytest.mark.parametrize("least", [-708.0, -720.0, -744.0])
def test_numbers_that_lost_digits_are_none(least):
    """From 2^-1022 (exp(-708.4)) down float64 has ever fewer digits, and the inverse of the least is infinite."""
    count = 4
    found = chain_kernel.moments(
        *(np.arange(count), np.arange(count), np.arange(count), np.arange(count) + 1),
        *(np.full(count, -1.0), np.full(count, least), np.zeros((count, count), np.float32), [0.1]),
    )
    assert (found is None) == (least < -708.3)
    if found is not None:
        np.testing.assert_array_equal(found[0][0], np.ones(count))
