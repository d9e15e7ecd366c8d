"""Accelerated EM beside plain EM, and its extrapolation where the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmspeech.gmm import em
from gmmspeech.gmm.acceleration import WARM_UP, extrapolate, fit
from gmmspeech.gmm.kernels import numpy_kernel, pack
from gmmspeech.gmm.mixture import DiagonalGMM


def overlapping(rng, n=4000, d=3):
    """Frames of clusters that overlap, on which EM is slow."""
    return rng.normal(size=(n, d)) + rng.normal(0, 0.8, (6, d))[rng.integers(6, size=n)]


def train(how, frames, start, **options):
    passes = []

    def accumulate(parameters):
        passes.append(parameters)
        return numpy_kernel.accumulate(frames, pack(*parameters))

    return (*how(accumulate, start, variance_floor=0.01, **options), passes)


def a_start(rng, frames, k):
    means = frames[rng.choice(len(frames), k, replace=False)]
    return np.full(k, 1 / k), means, np.tile(frames.var(axis=0), (k, 1))


def test_a_third_of_the_passes_reach_what_plain_em_reaches():
    rng = np.random.default_rng(0)
    frames = overlapping(rng)
    start = a_start(rng, frames, 6)
    _, plain, _ = train(em.fit, frames, start, max_iter=150, tol=0)
    _, fast, passes = train(fit, frames, start, max_iter=50, tol=0)
    assert len(passes) <= 50
    assert fast.history[-1] > plain.history[-1]


@given(seed=st.integers(0, 10**6), k=st.integers(1, 5), max_iter=st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_likelihoods_are_those_of_the_mixtures_and_never_fall(seed, k, max_iter):
    rng = np.random.default_rng(seed)
    frames = overlapping(rng, n=300, d=2)
    (weights, means, variances), monitor, passes = train(fit, frames, a_start(rng, frames, k), max_iter=max_iter, tol=0)
    assert (np.diff(monitor.history) >= 0).all()
    assert 1 <= len(monitor.history) <= len(passes) <= max_iter
    assert weights.sum() == pytest.approx(1)
    assert (variances > 0).all()
    assert np.isfinite(means).all()
    last = numpy_kernel.log_likelihood(frames, pack(weights, means, variances)).mean()
    assert last >= monitor.history[-1] - 1e-9


def test_the_first_passes_are_plain_em():
    rng = np.random.default_rng(1)
    frames = overlapping(rng)
    start = a_start(rng, frames, 4)
    plain, plain_monitor, _ = train(em.fit, frames, start, max_iter=WARM_UP, tol=0)
    fast, fast_monitor, _ = train(fit, frames, start, max_iter=WARM_UP, tol=0)
    assert plain_monitor.history == fast_monitor.history
    for ours, theirs in zip(fast, plain, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_steps_that_shrink_evenly_lead_to_their_limit():
    """Means m + c 0.9^t are at m after endless steps; one extrapolation of length 1 / (1 - 0.9) goes there."""
    rng = np.random.default_rng(2)
    weights, limit, direction = np.full(3, 1 / 3), rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    variances = rng.uniform(0.5, 2, (3, 2))
    points = [(weights, limit + 0.9**t * direction, variances) for t in range(3)]
    (found_weights, means, found_variances), length = extrapolate(*points, np.zeros(2), longest=100.0)
    assert length == pytest.approx(10)
    np.testing.assert_allclose(means, limit, atol=1e-9)
    np.testing.assert_allclose(found_weights, weights)
    np.testing.assert_allclose(found_variances, variances)
    plain, length = extrapolate(*points, np.zeros(2), longest=1.0)
    assert length == 1
    np.testing.assert_allclose(plain[1], points[2][1])


def test_it_stops_when_a_pass_gains_little_and_an_estimator_takes_it():
    rng = np.random.default_rng(3)
    frames = overlapping(rng)
    seen = []
    gmm = DiagonalGMM(6, accelerate=True, max_iter=200, tol=1e-5, random_state=0).fit(
        frames, callback=lambda monitor: seen.append(monitor.history[-1])
    )
    assert gmm.converged_
    assert len(gmm.history_) < 150
    assert seen == gmm.history_
    again = DiagonalGMM(6, accelerate=True, max_iter=200, tol=1e-5, random_state=0, n_jobs=2).fit(frames)
    np.testing.assert_array_equal(again.means_, gmm.means_)
