"""EM against Kaldi, bob and scikit-learn; what it promises of every data set; what happens to starved components."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.mixture import GaussianMixture

from gmmspeech.errors import ModelError
from gmmspeech.gmm import em
from gmmspeech.gmm.kernels import numpy_kernel, pack
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats

few = settings(max_examples=25, deadline=None)


def random_start(rng, frames, k):
    variance = frames.var(axis=0, dtype=np.float64)
    means = rng.normal(frames.mean(axis=0), 2 * np.sqrt(variance) + 0.1, (k, frames.shape[1]))
    return rng.dirichlet(np.ones(k)), means, np.maximum(variance, 0.1) * rng.uniform(0.2, 2, means.shape)


def fed_start(rng, frames, k):
    """One from which no component starves."""
    weights = rng.dirichlet(np.full(k, 20.0))
    return weights, rng.choice(frames, k, replace=False), np.tile(frames.var(axis=0), (k, 1))


def run(frames, start, *, floor=1e-3, max_iter=12, tol=0.0, callback=None):
    return em.fit(
        lambda p: numpy_kernel.accumulate(frames, pack(*p)),
        start,
        variance_floor=floor,
        max_iter=max_iter,
        tol=tol,
        callback=callback,
    )


# --- other systems


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_update_equals_kaldis(kaldi, kaldi_mixture, kaldi_frames, dtype):
    start = kaldi_mixture("init.txt")
    frames = np.concatenate(list(kaldi_frames.values())).astype(dtype)
    stats = numpy_kernel.accumulate(frames, pack(*start))
    expected = kaldi("stats.txt")
    np.testing.assert_allclose(stats.n, expected["OCCUPANCY"], rtol=1e-3)
    # sums of numbers of either sign: relative to what the sum could be at most, by Cauchy and Schwarz
    scale = np.sqrt(expected["OCCUPANCY"][:, None] * expected["DIAGVARACCS"])
    assert np.abs((stats.sum_x - expected["MEANACCS"]) / scale).max() < 1e-3
    np.testing.assert_allclose(stats.sum_xx, expected["DIAGVARACCS"], rtol=1e-3)

    weights, means, variances = em.maximize(stats, 0, previous=start)
    kaldi_weights, kaldi_means, kaldi_variances = kaldi_mixture("after.txt")
    np.testing.assert_allclose(weights, kaldi_weights, rtol=1e-3)
    np.testing.assert_allclose(variances, kaldi_variances, rtol=1e-3)
    assert np.abs((means - kaldi_means) / np.sqrt(kaldi_variances)).max() < 1e-3
    constants = np.log(weights) - 0.5 * (np.log(2 * np.pi * variances) + means**2 / variances).sum(axis=1)
    np.testing.assert_allclose(constants, kaldi("after.txt")["GCONSTS"], rtol=1e-3)


def test_25_iterations_equal_bobs(bob):
    start = np.exp(bob("weightsAfterKMeans")), bob("meansAfterKMeans"), bob("variancesAfterKMeans")
    (weights, means, variances), monitor = run(bob("dataNormalized"), start, max_iter=25)
    assert len(monitor.history) == 25
    np.testing.assert_allclose(means, bob("meansAfterML"), atol=2e-3)
    np.testing.assert_allclose(variances, bob("variancesAfterML"), atol=5e-3)
    np.testing.assert_allclose(weights, bob("weightsAfterML"), atol=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-3)])
def test_ten_iterations_equal_scikit_learns(dtype, tolerance):
    """In float32 a frame's log densities err by about 1e-6, which ten iterations multiply."""
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(3000, 5)) @ rng.normal(size=(5, 5)) + rng.choice([-3, 0, 3], (3000, 1))
    frames = frames.astype(dtype)
    start = fed_start(rng, frames.astype(np.float64), 6)
    (weights, means, variances), _ = run(frames, start, floor=0, max_iter=10)
    theirs = GaussianMixture(
        6,
        covariance_type="diag",
        reg_covar=0,
        tol=0,
        max_iter=10,
        weights_init=start[0],
        means_init=start[1],
        precisions_init=1 / start[2],
    )
    with pytest.warns(match="did not converge"):
        theirs.fit(frames.astype(np.float64))
    np.testing.assert_allclose(weights, theirs.weights_, rtol=tolerance)
    np.testing.assert_allclose(means, theirs.means_, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(variances, theirs.covariances_, rtol=tolerance)


# --- what holds for all data


@given(seed=st.integers(0, 10**6), k=st.integers(1, 8), single=st.booleans(), kind=st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_likelihood_never_falls(seed, k, single, kind):
    """Whatever the start, with components that starve and are re-seeded, in float32 too."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(200, 2)) + rng.choice([-5, 0, 5], (200, 1))
    start = random_start(rng, frames, k)
    if kind == 1:  # far from every frame
        start[1][0] = 80.0
    elif kind == 2:
        frames = np.round(frames)  # many equal ones
    elif kind == 3:
        frames += 1e3
        start[1][:] += 1e3
    frames = frames.astype(np.float32 if single else np.float64)
    (weights, means, variances), monitor = run(frames, start)
    assert (np.diff(monitor.history) >= 0).all()
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert (variances > 0).all()
    assert np.isfinite(means).all()
    last = numpy_kernel.accumulate(frames, pack(weights, means, variances))
    rounding = 1e-5 * max(1, abs(monitor.history[-1])) if single else 1e-9
    assert last.log_likelihood / 200 >= monitor.history[-1] - rounding


@given(seed=st.integers(0, 10**6))
@few
def test_shifted_and_scaled_frames_give_the_shifted_and_scaled_mixture(seed):
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(150, 3)) + rng.choice([-3, 3], (150, 1))
    weights, means, variances = fed_start(rng, frames, 4)
    scale, shift = rng.uniform(0.01, 100, 3), rng.normal(0, 100, 3)
    plain, monitor = em.fit(
        lambda p: numpy_kernel.accumulate(frames, pack(*p)),
        (weights, means, variances),
        variance_floor=1e-3,
        max_iter=5,
        tol=0,
    )
    moved, moved_monitor = em.fit(
        lambda p: numpy_kernel.accumulate(frames * scale + shift, pack(*p)),
        (weights, means * scale + shift, variances * scale**2),
        variance_floor=1e-3 * scale**2,
        max_iter=5,
        tol=0,
    )
    np.testing.assert_allclose(moved[0], plain[0], rtol=1e-6)
    np.testing.assert_allclose((moved[1] - shift) / scale, plain[1], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(moved[2] / scale**2, plain[2], rtol=1e-5)
    np.testing.assert_allclose(
        np.array(monitor.history) - np.log(scale).sum(), moved_monitor.history, rtol=1e-8, atol=1e-8
    )


@given(seed=st.integers(0, 10**6))
@few
def test_permuted_components_stay_permuted(seed):
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(150, 2)) + rng.choice([-3, 3], (150, 1))
    start, order = fed_start(rng, frames, 4), rng.permutation(4)
    plain, _ = run(frames, start, max_iter=4)
    permuted, _ = run(frames, tuple(p[order] for p in start), max_iter=4)
    for a, b in zip(plain, permuted, strict=True):
        np.testing.assert_allclose(b, a[order], rtol=1e-6, atol=1e-8)


# --- the update


def test_maximize_is_the_weighted_mean_and_variance():
    rng = np.random.default_rng(0)
    frames, gammas = rng.normal(5, 2, (40, 3)), rng.dirichlet(np.ones(2), 40)
    stats = GMMStats(gammas.sum(axis=0), gammas.T @ frames, gammas.T @ frames**2, -1.0, 40)
    weights, means, variances = em.maximize(stats, 0.01, previous=(np.full(2, 0.5), np.zeros((2, 3)), np.ones((2, 3))))
    for k in range(2):
        np.testing.assert_allclose(weights[k], gammas[:, k].mean())
        np.testing.assert_allclose(means[k], np.average(frames, axis=0, weights=gammas[:, k]))
        deviations = np.average((frames - means[k]) ** 2, axis=0, weights=gammas[:, k])
        np.testing.assert_allclose(variances[k], deviations)


def test_a_component_without_frames_keeps_its_place():
    stats = GMMStats(np.array([4.0, 0.0]), np.array([[8.0], [0.0]]), np.array([[20.0], [0.0]]), -1.0, 4)
    previous = np.array([0.5, 0.5]), np.array([[0.0], [7.0]]), np.array([[1.0], [3.0]])
    weights, means, variances = em.maximize(stats, 0.1, previous=previous)
    np.testing.assert_array_equal(weights, [1, 0])
    np.testing.assert_array_equal(means, [[2], [7]])
    np.testing.assert_array_equal(variances, [[1], [3]])


def test_statistics_that_are_not_finite_are_refused():
    nan = GMMStats(np.ones(1), np.ones((1, 1)), np.ones((1, 1)), np.nan, 5)
    with pytest.raises(ModelError, match=r"EM: found log-likelihood nan over 5 frames, expected a finite number"):
        em.fit(lambda _: nan, (np.ones(1), np.ones((1, 1)), np.ones((1, 1))), variance_floor=1, max_iter=3, tol=0)
    nobody = GMMStats(np.zeros(1), np.ones((1, 1)), np.ones((1, 1)), 0.0, 0)
    with pytest.raises(ModelError, match=r"found 0\.0 frames over all components"):
        em.maximize(nobody, 1, previous=(np.ones(1), np.ones((1, 1)), np.ones((1, 1))))


# --- when it ends


def test_tolerance_iterations_and_callback():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(500, 2))
    start = random_start(rng, frames, 3)
    seen = []
    _, monitor = run(frames, start, tol=1e-4, max_iter=500, callback=lambda m: seen.append(len(m.history)))
    gains = np.diff(monitor.history)
    assert monitor.converged
    assert gains[-1] < 1e-4
    assert (gains[:-1] >= 1e-4).all()
    assert seen == list(range(1, len(monitor.history) + 1))
    _, monitor = run(frames, start, tol=1e-4, max_iter=3)
    assert len(monitor.history) == 3
    assert not monitor.converged


@pytest.mark.parametrize(("last", "converged"), [(-8.0 - 1e-7, True), (-8.5, False)])
def test_a_fall_keeps_the_mixture_before_and_is_no_convergence_but_for_rounding(last, converged):
    gone_through, told = [], []

    def accumulate(parameters):
        gone_through.append(parameters)
        return GMMStats(
            np.array([9.0]), np.array([[1.0]]), np.array([[9.0]]), [-9.0, -8.0, last][len(gone_through) - 1], 9
        )

    start = np.ones(1), np.zeros((1, 1)), np.ones((1, 1))
    options = {"max_iter": 9, "tol": 0, "callback": lambda monitor: told.append(len(monitor.history))}
    parameters, monitor = em.fit(accumulate, start, variance_floor=0, **options)
    assert told == [1, 2]  # the last pass does not count
    assert monitor.history == [-1.0, -8 / 9]
    assert monitor.converged is converged
    assert (monitor.fall > 0) is not converged
    assert parameters is gone_through[1]


def test_mixtures_that_are_trained_one_by_one_are_told(monkeypatch):
    said = []
    monkeypatch.setattr(em, "say_step", said.append)
    frames = np.random.default_rng(0).normal(size=(50, 2))
    one = DiagonalGMM(n_components=1).fit(frames)
    adapted = DiagonalGMM.from_parameters(one.weights_, one.means_, one.covariances_)
    assert em.train_each(iter([one, adapted]), ["a", "b[2]"], "phone", shown=True) == [one, adapted]
    passes = f"{len(one.history_)} passes" if len(one.history_) > 1 else "1 pass"
    assert said[0].startswith(f"phone a: {passes}, {one.history_[-1]:.4f} nats a frame, 0.")
    assert said[1].startswith("phone b[2]: adapted, 0.")


# --- starved components


def starving(rng):
    """Two clumps of frames, one component on both, another where nobody is."""
    frames = np.concatenate([rng.normal(-5, 1, (300, 2)), rng.normal(5, 1, (300, 2))])
    return frames, (np.array([0.9, 0.1]), np.array([[0.0, 0.0], [500.0, 500.0]]), np.full((2, 2), 30.0))


def test_a_starved_component_takes_half_of_the_heaviest(caplog):
    frames, start = starving(np.random.default_rng(0))
    with caplog.at_level(logging.INFO, "gmmspeech"):
        (weights, means, _), monitor = run(frames, start)
    assert "component 1 starved (0.00 frames): re-seeded by splitting component 0" in caplog.messages
    np.testing.assert_allclose(np.sort(means[:, 0]), [-5, 5], atol=0.2)
    np.testing.assert_allclose(weights, 0.5, atol=0.01)
    assert (np.diff(monitor.history) >= 0).all()


def test_reseeding_splits_along_the_deviations():
    stats = GMMStats(np.array([60.0, 0.2, 39.8]), np.zeros((3, 2)), np.zeros((3, 2)), -1.0, 100)
    parameters = np.array([0.6, 0.002, 0.398]), np.arange(6.0).reshape(3, 2), np.array([[4.0, 1], [9, 9], [1, 1]])
    weights, means, variances = em.reseed_starved(parameters, stats)
    np.testing.assert_allclose(weights, np.array([0.3, 0.3, 0.398]) / 0.998)
    np.testing.assert_allclose(means[0] + means[1], 2 * parameters[1][0])
    np.testing.assert_allclose(means[1] - means[0], 2 * em.SPLIT_STEP * np.sqrt([4.0, 1]))
    np.testing.assert_array_equal(variances[1], variances[0])
    np.testing.assert_array_equal(means[2], parameters[1][2])
    fed = GMMStats(np.array([60.0, 5.0, 35.0]), stats.sum_x, stats.sum_xx, -1.0, 100)
    assert em.reseed_starved(parameters, fed) is parameters
    for unit in (1e-6, 1e6):  # of weights
        assert em.reseed_starved(parameters, fed * unit) is parameters
        np.testing.assert_array_equal(em.reseed_starved(parameters, stats * unit)[1], means)


def test_reseeding_that_lowers_the_likelihood_is_taken_back(caplog):
    calls = []

    def accumulate(parameters):
        calls.append(parameters)
        moved = parameters[1][1, 0] != 100.0  # the starved component was given another place
        total = -200.0 if moved else -100.0 + len(calls)
        return GMMStats(np.array([99.8, 0.2]), np.array([[1.0], [20.0]]), np.array([[99.8], [2020.0]]), total, 100)

    start = np.array([0.9, 0.1]), np.array([[0.0], [100.0]]), np.ones((2, 1))
    with caplog.at_level(logging.INFO, "gmmspeech"):
        parameters, monitor = em.fit(accumulate, start, variance_floor=0.1, max_iter=4, tol=0)
    assert "re-seeding lowered the likelihood; it is taken back and not tried again" in caplog.messages
    assert monitor.history == [-0.99, -0.97, -0.96, -0.95]
    assert parameters[1][1, 0] == 100.0


def test_many_starved_components_at_once():
    rng = np.random.default_rng(1)
    frames = np.concatenate([rng.normal(c, 1, (100, 2)) for c in range(-35, 36, 10)])
    means = np.full((8, 2), 1e4) + np.arange(8)[:, None]
    means[0] = 0
    (weights, means, _), monitor = run(frames, (np.full(8, 1 / 8), means, np.full((8, 2), 500.0)), max_iter=60)
    assert (weights > 0.01).all()
    assert np.abs(means).max() < 40
    assert (np.diff(monitor.history) >= 0).all()
    assert DiagonalGMM.from_parameters(weights, means, np.ones((8, 2))).n_features_in_ == 2


@pytest.mark.parametrize("weights", [(0.5, 0.5, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)])
def test_halves_that_part_slowly_are_no_convergence(weights):
    """From a component of no weight EM comes to what the same clusters give from a start at their places."""
    rng = np.random.default_rng(5)
    frames = np.r_[rng.normal(-3, 1, (500, 1)), rng.normal(3, 1, (500, 1)), rng.normal(9, 0.5, (500, 1))]
    starts = [DiagonalGMM.from_parameters(w, [[-3.0], [3.0], [9.0]], np.ones((3, 1))) for w in (weights, [1 / 3] * 3)]
    found, best = (DiagonalGMM(3, init=start, max_iter=200).fit(frames) for start in starts)
    assert found.converged_
    assert found.score(frames) == pytest.approx(best.score(frames), abs=2e-3)
