"""Updates of phone HMMs against sums written out, and the splitting of Gaussians."""

import dataclasses

import numpy as np
import pytest

from gmmspeech.gmm.stats import GMMStats
from gmmspeech.phones.hmm.estimation import HMMStats, accumulate, maximize, split
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.model import PhoneHMM


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    return PhoneHMM(
        ("SIL", "AA"),
        [0, 1, 3],
        [0.5, 0.6, 0.7],
        [0, 2, 3, 6],
        [0.3, 0.7, 1, 0.2, 0.3, 0.5],
        rng.normal(size=(6, 2)),
        rng.uniform(0.5, 2, (6, 2)),
    )


def posteriors(rng, num_frames, num_states=3):
    """Two states a frame, with weights that sum to one."""
    first = rng.integers(0, num_states, num_frames)
    weight = rng.uniform(0.2, 0.8, num_frames)
    return StatePosteriors(
        frame=np.repeat(np.arange(num_frames), 2),
        state=np.stack([first, (first + 1) % num_states], axis=1).ravel(),
        weight=np.stack([weight, 1 - weight], axis=1).ravel(),
        stays=rng.uniform(0, 5, num_states),
        log_likelihood=0.0,
    )


def test_statistics_are_the_plain_sums_and_add(model):
    rng = np.random.default_rng(1)
    frames = [rng.normal(size=(n, 2)) for n in (40, 7)]
    given = [posteriors(rng, len(x)) for x in frames]
    found = accumulate(model, frames, given)
    n, sum_x, sum_xx = np.zeros(6), np.zeros((6, 2)), np.zeros((6, 2))
    for x, p in zip(frames, given, strict=True):
        for t, s, w in zip(p.frame, p.state, p.weight, strict=True):
            here = slice(*model.mixture_offsets[s : s + 2])
            variance = model.variances[here]
            density = model.weights[here] * np.exp(-0.5 * (x[t] - model.means[here]) ** 2 / variance).prod(axis=1)
            density /= np.sqrt(variance.prod(axis=1))
            gamma = w * density / density.sum()
            n[here] += gamma
            sum_x[here] += gamma[:, None] * x[t]
            sum_xx[here] += gamma[:, None] * x[t] ** 2
    np.testing.assert_allclose(found.gaussians.n, n)
    np.testing.assert_allclose(found.gaussians.sum_x, sum_x)
    np.testing.assert_allclose(found.gaussians.sum_xx, sum_xx)
    np.testing.assert_allclose(found.stays, given[0].stays + given[1].stays)
    parts = accumulate(model, frames[:1], given[:1]) + accumulate(model, frames[1:], given[1:])
    np.testing.assert_allclose(parts.gaussians.sum_xx, sum_xx)
    assert parts.gaussians.num_frames == pytest.approx(47)


def stats_of(n, mean=1.0, second=3.0):
    n = np.asarray(n, dtype=float)
    sums = np.tile(n[:, None], (1, 2))
    return HMMStats(GMMStats(n, mean * sums, second * sums, 0.0, n.sum()), np.array([50.0, 30.0, 2.0]))


def test_update_of_all_parameters(model):
    new, floored = maximize(model, stats_of([40, 60, 100, 20, 30, 50]), variance_floor=0.1)
    assert floored.number == 0
    np.testing.assert_allclose(new.weights, [0.4, 0.6, 1, 0.2, 0.3, 0.5])
    np.testing.assert_allclose(new.means, 1)
    np.testing.assert_allclose(new.variances, 2)
    np.testing.assert_allclose(new.self_loop, [0.5, 0.3, 0.02])
    second = np.array([3.0, 3, 3, 3, 1, 3])[:, None]  # equal frames in one of them
    new, floored = maximize(model, stats_of([40, 60, 100, 20, 30, 50], second=second), variance_floor=0.1)
    assert floored.number == 2
    np.testing.assert_allclose(new.variances[4], 0.1 * 2)  # of the narrowest Gaussian that has some
    np.testing.assert_allclose(np.delete(new.variances, 4, axis=0), 2)


def test_starved_gaussians_go_and_starved_states_stay(model):
    new, _ = maximize(model, stats_of([3, 60, 4, 0, 0, 0]), variance_floor=0.1, min_occupancy=10)
    np.testing.assert_array_equal(new.mixture_offsets, [0, 1, 2, 5])
    np.testing.assert_allclose(new.means[0], 1)
    np.testing.assert_allclose(new.means[1:], model.means[2:])
    np.testing.assert_allclose(new.weights, [1, 1, 0.2, 0.3, 0.5])
    np.testing.assert_allclose(new.self_loop[1:], model.self_loop[1:])


def test_splitting_keeps_means_of_states_and_goes_with_occupancy(model):
    single = PhoneHMM.from_phones(["SIL", "AA"], mean=[1.0, 2.0], variance=[1.0, 4.0], num_states=2)
    new = split(single, np.array([10000.0, 10000.0, 16.0, 625.0]), 16, power=0.25)
    numbers = np.diff(new.mixture_offsets)
    assert numbers.sum() == 16
    assert numbers[2] == 1  # too few frames for two
    assert numbers[0] >= numbers[1] > numbers[3] > 1
    for s in range(4):
        here = slice(*new.mixture_offsets[s : s + 2])
        np.testing.assert_allclose(new.weights[here] @ new.means[here], [1, 2])
    assert split(new, np.full(4, 1e4), 4).num_gaussians == 16  # none is taken away


def test_no_more_gaussians_than_frames_for_them():
    single = PhoneHMM.from_phones(["SIL"], mean=[0.0], variance=[1.0], num_states=1)
    assert split(single, np.array([100.0]), 50).num_gaussians == 5


def test_model_is_left_alone(model):
    before = dataclasses.replace(model, means=model.means.copy())
    split(model, np.full(3, 1e4), 20)
    maximize(model, stats_of([40, 60, 100, 20, 30, 50]), variance_floor=0.1)
    np.testing.assert_array_equal(model.means, before.means)
