"""Accelerated EM beside plain EM, and its momentum."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.gmm import acceleration, em
from gmmspeech.gmm.acceleration import WARM_UP, AcceleratedState, approach, fit, further
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


def test_a_step_goes_on_by_nine_tenths_of_the_step_before():
    """In the means and in the logarithms of weights and variances, within the limits of variances."""
    rng = np.random.default_rng(2)
    before, after = ((rng.dirichlet(np.ones(3)), *rng.uniform(1, 2, (2, 3, 2))) for _ in range(2))
    weights, means, variances = further(before, after, lowest=np.full((3, 2), 0.1))
    share = after[0] * (after[0] / before[0]) ** 0.9
    np.testing.assert_allclose(weights, share / share.sum())
    np.testing.assert_allclose(means, 1.9 * after[1] - 0.9 * before[1])
    np.testing.assert_allclose(np.log(variances), 1.9 * np.log(after[2]) - 0.9 * np.log(before[2]))
    narrower = further(before, (after[0], after[1], before[2] / 100), lowest=before[2] / 200)
    np.testing.assert_allclose(narrower[2], before[2] / 200)


def test_a_step_that_lowers_the_likelihood_is_taken_back():
    """Momentum that always lands far away leaves plain EM, at the cost of every second pass."""
    rng = np.random.default_rng(4)
    frames = overlapping(rng)
    start = a_start(rng, frames, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acceleration, "further", lambda before, after, lowest: (after[0], after[1] + 100, after[2]))
        (_, means, _), fast, passes = train(fit, frames, start, max_iter=WARM_UP + 20, tol=0)
    (_, plain_means, _), plain, _ = train(em.fit, frames, start, max_iter=WARM_UP + 10, tol=0)
    assert len(passes) == WARM_UP + 20
    np.testing.assert_allclose(fast.history, plain.history)
    np.testing.assert_allclose(means, plain_means)


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


def many(seed=5, n=36_000):
    """Frames so many that the first passes are over some of them."""
    return overlapping(np.random.default_rng(seed), n).astype(np.float32)


def test_passes_over_few_frames_come_first():
    """As EM on each part in turn would have it, the momentum going on from part to part; only the start is theirs."""
    rng = np.random.default_rng(6)
    frames = overlapping(rng)
    start, passes = a_start(rng, frames, 4), []

    def over(name, some):
        def accumulate(parameters):
            passes.append(name)
            return numpy_kernel.accumulate(some, pack(*parameters))

        return accumulate

    stages = [(over("few", frames[::4]), WARM_UP + 3), (over("more", frames[::2]), 4)]
    state = approach(stages, start, variance_floor=np.full(3, 0.01), tol=0)
    assert passes == ["few"] * (WARM_UP + 3) + ["more"] * 4
    assert (state.passes, state.history, state.plain) == (0, (), True)
    before, after = (numpy_kernel.log_likelihood(frames, pack(*p)).mean() for p in (start, state.current))
    assert after > before
    assert not np.array_equal(state.current[1], state.updated[1])  # it goes on beyond
    _, monitor, _ = train(fit, frames, state, max_iter=10, tol=0)
    assert monitor.history[0] == pytest.approx(after)


def test_passes_over_few_frames_may_converge():
    frames = np.random.default_rng(7).normal(size=(2000, 2))
    start = (np.ones(1), frames[:1], np.ones((1, 2)))
    passes = []

    def accumulate(parameters):
        passes.append(parameters)
        return numpy_kernel.accumulate(frames, pack(*parameters))

    state = approach([(accumulate, 40), (accumulate, 40)], start, variance_floor=np.full(2, 0.01), tol=1e-6)
    assert len(passes) < 20
    np.testing.assert_allclose(state.current[1][0], frames.mean(axis=0), atol=1e-6)


def test_an_estimator_begins_on_few_of_many_frames():
    options = {"max_iter": 6, "tol": 0, "random_state": 0}
    frames = many()
    plain = DiagonalGMM(6, **options).fit(frames)
    fast = DiagonalGMM(6, accelerate=True, **options).fit(frames)
    assert fast.history_[0] > plain.history_[-1]
    again = DiagonalGMM(6, accelerate=True, n_jobs=2, **options).fit(frames)
    np.testing.assert_array_equal(again.means_, fast.means_)
    weighted = DiagonalGMM(6, accelerate=True, **options).fit(frames, sample_weight=np.ones(len(frames)))
    assert weighted.history_[-1] == pytest.approx(fast.history_[-1], abs=0.01)
    few = DiagonalGMM(6, accelerate=True, **options).fit(frames[:20_000])
    assert few.history_[0] == DiagonalGMM(6, **options).fit(frames[:20_000]).history_[0]


def test_a_training_that_ended_behind_the_few_frames_goes_on(tmp_path):
    frames = many()
    whole = DiagonalGMM(6, accelerate=True, max_iter=4, tol=0, random_state=0).fit(frames)
    checkpoint = Checkpoint(tmp_path / "c")
    saved = []

    def killed(state):
        Checkpoint.save(checkpoint, state)
        saved.append(state)
        raise KeyboardInterrupt

    gmm = DiagonalGMM(6, accelerate=True, max_iter=4, tol=0, random_state=0)
    checkpoint.save = killed
    with pytest.raises(KeyboardInterrupt):
        gmm.fit(frames, checkpoint=checkpoint)
    assert isinstance(saved[0], AcceleratedState)
    gmm.fit(frames, checkpoint=Checkpoint(tmp_path / "c"))
    np.testing.assert_array_equal(gmm.means_, whole.means_)
    assert gmm.history_ == whole.history_
