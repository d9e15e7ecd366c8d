"""MLLT against sums over frames and components, a general optimizer, and what its auxiliary function promises."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from naive import log_determinant
from scipy import sparse
from scipy.optimize import minimize

from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.linear.mllt import accumulate_mllt, mllt
from gmmspeech.linear.transforms import apply_transform

few = settings(max_examples=25, deadline=None)


def gain_of(case, transform):
    """Gain in nats a frame, the means transformed too, by a loop over frames."""
    moved = case.naive_auxiliary(transform, case.gmm.means_ @ transform.T)
    return (moved - case.naive_auxiliary(np.eye(len(transform)))) / len(case.frames)


@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 2), (5, 4)])
def test_statistics_equal_the_double_loop(make_case, k, d):
    case = make_case(k, t=600, k=k, d=d)  # more than one block
    stats = accumulate_mllt(*case.everything())
    n, sum_x, moments = np.zeros(k), np.zeros((k, d)), np.zeros((d, d, d))
    for x, gamma in zip(case.frames, case.posteriors, strict=True):
        n += gamma
        sum_x += np.outer(gamma, x)
        for j in range(d):
            moments[j] += (gamma / case.gmm.covariances_[:, j]).sum() * np.outer(x, x)
    for found, expected in ((stats.n, n), (stats.sum_x, sum_x), (stats.moments, moments)):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 10**6), d=st.integers(1, 4))
@few
def test_no_sweep_lowers_the_auxiliary(make_case, seed, d):
    case = make_case(seed, d=d)
    stats = accumulate_mllt(*case.everything())
    gains = [gain_of(case, mllt(stats, *case.model, max_iter=sweeps)) for sweeps in (1, 2, 3, 5, 10, 100)]
    assert gains[0] > -1e-12
    assert (np.diff(gains) > -1e-12).all()


@given(seed=st.integers(0, 10**6))
@few
def test_likelihood_gains_at_least_the_auxiliary(make_case, seed):
    case = make_case(seed, d=3)
    transform = mllt(accumulate_mllt(*case.everything()), *case.model)
    moved = case.gmm.with_parameters(
        case.gmm.weights_, apply_transform(case.gmm.means_, transform), case.gmm.covariances_
    )
    after = moved.score(apply_transform(case.frames, transform)) + log_determinant(transform)
    assert after >= case.gmm.score(case.frames) + gain_of(case, transform) - 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_reaches_the_optimum_of_a_general_optimizer(make_case, seed):
    case = make_case(seed)
    best = minimize(lambda a: -gain_of(case, a.reshape(2, 2)), np.eye(2).ravel(), method="BFGS", tol=1e-7)
    transform = mllt(accumulate_mllt(*case.everything()), *case.model, max_iter=10_000)
    assert gain_of(case, transform) == pytest.approx(-best.fun, abs=1e-6)
    np.testing.assert_allclose(transform, best.x.reshape(2, 2), atol=2e-2)


def test_one_gaussian_is_decorrelated():
    """With one Gaussian, A S A^T has the model's variances on its diagonal and nothing beside it."""
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(1000, 5)) @ rng.normal(size=(5, 5))
    means, variances = frames.mean(axis=0)[None], rng.uniform(0.5, 2, (1, 5))
    transform = mllt(accumulate_mllt(frames, np.ones((1000, 1)), means, variances), means, variances, max_iter=1000)
    np.testing.assert_allclose(transform @ np.cov(frames.T, bias=True) @ transform.T, np.diag(variances[0]), atol=1e-3)


def test_finds_the_directions_in_which_the_components_are_independent():
    """Frames of diagonal Gaussians, mixed by a matrix: MLLT undoes it but for order and scale."""
    rng = np.random.default_rng(1)
    hidden = DiagonalGMM.from_parameters(
        np.full(4, 0.25), rng.normal(0, 2, (4, 3)), rng.uniform(0.05, 4, (4, 3)), random_state=0
    )
    x, component = hidden.sample(20_000)
    mixing = rng.normal(size=(3, 3))
    frames, posteriors, total = x @ mixing.T, np.eye(4)[component], np.eye(3)
    for _ in range(30):  # EM over means and variances with known components, and MLLT
        y = apply_transform(frames, total)
        means = np.array([y[component == k].mean(axis=0) for k in range(4)])
        variances = np.array([y[component == k].var(axis=0) for k in range(4)])
        total = mllt(accumulate_mllt(y, posteriors, means, variances), means, variances) @ total
    found = np.abs(total @ mixing)
    found /= found.max(axis=1, keepdims=True)
    assert np.sort(found, axis=1)[:, -2].max() < 0.05
    assert sorted(found.argmax(axis=1)) == [0, 1, 2]


@pytest.mark.parametrize("layout", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_and_single_posteriors(make_case, layout):
    make_case(0).check_sparse_and_single(accumulate_mllt, layout)


def test_an_offset_of_all_frames_changes_nothing(make_case):
    frames, posteriors, means, variances = make_case(0, d=4).everything()
    expected = mllt(accumulate_mllt(frames, posteriors, means, variances), means, variances)
    frames, means = frames + 1e3, means + 1e3
    transform = mllt(accumulate_mllt(frames, posteriors, means, variances), means, variances)
    np.testing.assert_allclose(transform, expected, atol=1e-6)


def test_what_is_refused(make_case):
    frames, posteriors, means, variances = make_case(0).everything()
    stats = accumulate_mllt(frames, posteriors, means, variances)
    with pytest.raises(ConfigError, match="max_iter: found 0"):
        mllt(stats, means, variances, max_iter=0)
    with pytest.raises(ModelError, match=r"found statistics of shape \(3, 2\), means \(2, 2\)"):
        mllt(stats, means[:2], variances[:2])
    with pytest.raises(ModelError, match="MLLT: the statistics of 0 frames in 2 dimensions are singular"):
        mllt(accumulate_mllt(frames[:0], posteriors[:0], means, variances), means, variances)
    twins = np.repeat(frames[:, :1], 2, axis=1), posteriors, means[:, [0, 0]], variances
    with pytest.raises(ModelError, match="MLLT: the statistics of 60 frames in 2 dimensions are singular"):
        mllt(accumulate_mllt(*twins), *twins[2:])
    with pytest.raises(ModelError, match=r"posteriors: found shape \(60, 2\), expected .* \(60, 3\)"):
        accumulate_mllt(frames, posteriors[:, :2], means, variances)
    with pytest.raises(ModelError, match="means and variances: found shapes"):
        accumulate_mllt(frames, posteriors, means, variances[:2])
    with pytest.raises(FeatureError, match="found frames of 1 column, expected 2"):
        accumulate_mllt(frames[:, :1], posteriors, means, variances)
    with pytest.raises(FeatureError, match="NaN or infinity in frame 0"):
        accumulate_mllt(frames * np.inf, posteriors, means, variances)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_what_rounding_leaves_of_frames_on_their_means_is_no_spread(unit, offset):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 30)
    means, variances = (rng.normal(size=(8, 4)) + offset) * unit, np.full((8, 4), unit**2)
    with pytest.raises(ModelError, match="MLLT: the statistics of 240 frames in 4 dimensions are singular"):
        mllt(accumulate_mllt(means[labels], np.eye(8)[labels], means, variances), means, variances)
    spread = means[labels] + 0.1 * unit * rng.normal(size=(240, 4))
    transform = mllt(accumulate_mllt(spread, np.eye(8)[labels], means, variances), means, variances)
    np.testing.assert_allclose(np.abs(np.linalg.slogdet(transform)[1]), 4 * np.log(10), rtol=0.05)
