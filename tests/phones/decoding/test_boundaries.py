"""Boundaries finer than a frame, beside all ways to divide the frames among the states."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.phones.decoding.boundaries import (
    Boundaries,
    Chain,
    boundary_moments,
    first_start_moved,
    place_boundaries,
)
from gmmspeech.phones.decoding.spans import PhoneSpan
from gmmspeech.phones.hmm.deviation_scale import DeviationScale
from gmmspeech.phones.hmm.native import chain_kernel
from gmmspeech.phones.hmm.trellis import Transitions


@pytest.fixture(params=["compiled", "NumPy"], scope="module", autouse=True)
def way(request):
    """Each test with the compiled loops and without."""
    if request.param == "compiled" and not chain_kernel.available():
        pytest.skip("installed without a C compiler")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "NumPy":
            patch.setattr(chain_kernel, "available", lambda: False)
        yield


def naive(chain, emissions, transitions, scale, reach=20, about=None):
    """Moments over all divisions of the frames among the states, one after the other, within a reach of the path."""
    number, frames = len(chain.state), chain.num_frames
    starts, weights = [], []
    for cuts in itertools.combinations(range(1, frames), number - 1):
        edges = [0, *cuts, frames]
        if (np.abs(edges[:-1] - chain.entry) > reach).any():
            continue
        total = 0.0
        for s, (first, stop) in zip(chain.state, itertools.pairwise(edges), strict=True):
            total += scale * emissions[first:stop, s].sum() + (stop - first - 1) * transitions.stay[s]
        total += transitions.leave[chain.state[:-1]].sum()
        starts.append(edges[:-1])
        weights.append(total)
    weights = np.exp(np.array(weights) - max(weights))
    weights /= weights.sum()
    means = weights @ np.array(starts)
    return means, np.sqrt(weights @ (np.array(starts) - (means if about is None else about)) ** 2)


def drawn(seed, frames, number, states=5):
    rng = np.random.default_rng(seed)
    entry = np.concatenate([[0], np.sort(rng.choice(np.arange(1, frames), number - 1, replace=False))])
    emissions = rng.normal(-50, 20, (frames, states)).astype(np.float32)
    return Chain(rng.integers(0, states, number), entry, frames), emissions


@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(4, 11), number=st.integers(1, 4))
def test_moments_are_those_of_all_divisions(seed, frames, number):
    chain, emissions = drawn(seed, frames, number)
    transitions = Transitions.of(np.random.default_rng(seed).uniform(0.2, 0.9, 5))
    (((means, deviations),),) = boundary_moments([chain], [emissions], transitions, scales=[0.1], reach=20)
    expected, spread = naive(chain, emissions, transitions, 0.1)
    np.testing.assert_allclose(means, expected, atol=2e-3)
    np.testing.assert_allclose(deviations, spread, atol=2e-2)


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(1, 6), reach=st.integers(1, 4))
def test_within_a_reach_they_are_those_of_the_divisions_there(seed, number, reach):
    chain, emissions = drawn(seed, 12, number)
    transitions = Transitions.of(np.random.default_rng(seed).uniform(0.2, 0.9, 5))
    (both,) = boundary_moments([chain], [emissions], transitions, scales=[0.1, 0.02], reach=reach)
    for scale, (means, deviations) in zip((0.1, 0.02), both, strict=True):
        expected, spread = naive(chain, emissions, transitions, scale, reach)
        np.testing.assert_allclose(means, expected, atol=2e-3)
        np.testing.assert_allclose(deviations, spread, atol=2e-2)


def test_chains_side_by_side_are_as_each_alone():
    transitions = Transitions.of(np.full(5, 0.7))
    sizes = [(40, 9), (90, 20), (6, 6), (90, 3), (200, 90)]
    pairs = [drawn(seed, frames, number) for seed, (frames, number) in enumerate(sizes)]
    together = boundary_moments([c for c, _ in pairs], [e for _, e in pairs], transitions)
    for (chain, emissions), ((means, deviations), _) in zip(pairs, together, strict=True):
        (((alone, spread), _),) = boundary_moments([chain], [emissions], transitions)
        np.testing.assert_array_equal(means, alone)
        np.testing.assert_array_equal(deviations, spread)
        assert (np.diff(means) >= 1 - 1e-3).all()


def test_no_boundary_is_further_from_the_path_than_the_reach():
    transitions = Transitions.of(np.full(5, 0.7))
    chain, emissions = drawn(3, 200, 4)
    (((means, _), _),) = boundary_moments([chain], [emissions], transitions, reach=5)
    assert (np.abs(means - chain.entry) <= 5 + 1e-6).all()


def test_frames_that_no_state_fits_do_not_break_it():
    transitions = Transitions.of(np.full(5, 0.7))
    chain, emissions = drawn(4, 60, 6)
    emissions[20:30] = -1e6
    emissions[40:50] = -np.inf
    (((means, deviations), _),) = boundary_moments([chain], [emissions], transitions)
    assert np.isfinite(means).all()
    assert np.isfinite(deviations).all()


def test_boundaries_of_silence_stay_on_the_path_and_no_phone_is_empty():
    transitions = Transitions.of(np.full(5, 0.5))
    for seed in range(30):
        rng = np.random.default_rng(seed)
        chain, emissions = drawn(seed, 40, 8)
        phones = rng.integers(0, 3, 8)
        stops = np.append(chain.entry[1:], 40)
        spans = [
            PhoneSpan(int(a), int(b), int(p), 0, False) for a, b, p in zip(chain.entry, stops, phones, strict=True)
        ]
        (placed,) = place_boundaries([spans], [chain], [emissions], transitions, silence=0)
        assert (np.diff(placed.edges) > 0).all()
        for i, phone in enumerate(phones):
            if phone == 0:
                assert placed.edges[i] == chain.entry[i]
                assert placed.edges[i + 1] == stops[i]
        assert placed.deviations[0] == 0
        assert placed.deviations[1:].min() >= 0.8 == pytest.approx(0.8)


@given(seed=st.integers(0, 2**32 - 1))
def test_deviations_are_about_where_boundaries_are_placed_at_silence_too(seed):
    chain, emissions, spans = one_state_each(seed, number=4, frames=11)
    transitions = Transitions.of(np.random.default_rng(seed).uniform(0.2, 0.9, 5))
    (placed,) = place_boundaries([spans], [chain], [emissions], transitions, silence=0)
    for scale, around in zip((0.1, 0.05), placed.around, strict=True):
        _, expected = naive(chain, emissions, transitions, scale, about=placed.edges[:-1])
        np.testing.assert_allclose(around, expected, atol=2e-2)
    np.testing.assert_allclose(placed.deviations[1:], np.hypot(placed.around[1, 1:], 0.8))


def one_state_each(seed, number=8, frames=60):
    """A chain of phones, each of one state, and their spans."""
    chain, emissions = drawn(seed, frames, number)
    phones = np.random.default_rng(seed).integers(0, 3, number)
    stops = np.append(chain.entry[1:], frames)
    rows = zip(chain.entry.tolist(), stops.tolist(), phones.tolist(), strict=True)
    return chain, emissions, [PhoneSpan(a, b, p, 0, False) for a, b, p in rows]


def scaled(offsets):
    return DeviationScale(np.zeros(3), np.zeros(3), np.zeros(3), np.asarray(offsets, float))


def test_offsets_move_boundaries_by_the_phones_on_both_sides():
    transitions = Transitions.of(np.full(5, 0.5))
    chain, emissions, spans = one_state_each(1, number=3)
    plain, moved = (
        place_boundaries([spans], [chain], [emissions], transitions, silence=9, scale=scaled(0.3 * offsets))[0].edges
        for offsets in (np.zeros((3, 3)), np.arange(9.0).reshape(3, 3))
    )
    pairs = [3 * a.phone + b.phone for a, b in itertools.pairwise(spans)]
    np.testing.assert_allclose(moved[1:-1] - plain[1:-1], 0.3 * np.array(pairs))
    assert (moved[0], moved[-1]) == (0, 60)


@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1.0, 10.0, 1e3]))
def test_offsets_reorder_no_boundaries_and_leave_none_without_a_frame(seed, size):
    chain, emissions, spans = one_state_each(seed)
    scale = scaled(np.random.default_rng(seed).normal(0, size, (3, 3)))
    (placed,) = place_boundaries([spans], [chain], [emissions], Transitions.of(np.full(5, 0.5)), 0, scale)
    assert (placed.edges[0], placed.edges[-1]) == (0, 60)
    assert np.diff(placed.edges).min() >= 1 - 1e-6


@pytest.mark.parametrize(
    ("first", "edges", "moved"),
    [(0, [0, 5, 8, 12], [0, 5.7, 8, 12]), (0, [0, 5, 6, 12], [0, 5.7, 6.7, 12]), (1, [0, 5, 8, 12], [0, 5, 8, 12])],
)
def test_an_utterance_begins_later_and_its_phones_keep_a_frame(first, edges, moved):
    placed = Boundaries(np.array(edges, float), np.zeros(3), np.zeros((2, 3)))
    phones = [PhoneSpan(0, 0, p, 0, False) for p in (first, 2, 0)]
    np.testing.assert_allclose(first_start_moved(placed, phones, silence=0, later=0.7).edges, moved)
