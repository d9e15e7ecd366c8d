"""Tests of fMLLR against sums over frames and components, a general optimizer, and distortions to be undone."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from naive import log_determinant
from scipy import sparse
from scipy.optimize import minimize

from gmmspeech.errors import ConfigError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.linear.fmllr import accumulate_fmllr, fmllr
from gmmspeech.linear.transforms import apply_transform

few = settings(max_examples=25, deadline=None)


def gain_of(case, transform):
    """Gain in nats a frame, by a loop over frames."""
    return (case.naive_auxiliary(transform) - case.naive_auxiliary(np.eye(*transform.shape))) / len(case.frames)


@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 2), (5, 4)])
def test_statistics_equal_the_double_loop(make_case, k, d):
    case = make_case(k, t=600, k=k, d=d)  # more than one block
    stats = accumulate_fmllr(*case.everything())
    means, variances = case.model
    linear, moments = np.zeros((d, d + 1)), np.zeros((d, d + 1, d + 1))
    for x, gamma in zip(case.frames, case.posteriors, strict=True):
        xi = np.array([*x, 1.0])
        for j in range(d):
            linear[j] += (gamma * means[:, j] / variances[:, j]).sum() * xi
            moments[j] += (gamma / variances[:, j]).sum() * np.outer(xi, xi)
    assert stats.beta == pytest.approx(600)
    np.testing.assert_allclose(stats.k, linear, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(stats.g, moments, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 10**6), d=st.integers(1, 4))
@few
def test_no_sweep_lowers_the_auxiliary(make_case, seed, d):
    case = make_case(seed, d=d)
    stats = accumulate_fmllr(*case.everything())
    transforms = [fmllr(stats, max_iter=sweeps) for sweeps in (1, 2, 3, 5, 10, 100)]
    assert {transform.shape for transform in transforms} == {(d, d + 1)}
    gains = [gain_of(case, transform) for transform in transforms]
    assert gains[0] > -1e-12
    assert (np.diff(gains) > -1e-12).all()


@given(seed=st.integers(0, 10**6))
@few
def test_likelihood_gains_at_least_the_auxiliary(make_case, seed):
    case = make_case(seed, d=3)
    transform = fmllr(accumulate_fmllr(*case.everything()))
    after = case.gmm.score(apply_transform(case.frames, transform)) + log_determinant(transform)
    assert after >= case.gmm.score(case.frames) + gain_of(case, transform) - 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_reaches_the_optimum_of_a_general_optimizer(make_case, seed):
    case = make_case(seed)
    best = minimize(lambda w: -gain_of(case, w.reshape(2, 3)), np.eye(2, 3).ravel(), method="BFGS", tol=1e-7)
    transform = fmllr(accumulate_fmllr(*case.everything()), max_iter=10_000)
    assert gain_of(case, transform) == pytest.approx(-best.fun, abs=1e-6)
    np.testing.assert_allclose(transform, best.x.reshape(2, 3), atol=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_undoes_a_known_distortion(seed):
    """The transform found fits the distorted frames better than the true inverse, and is close to it."""
    rng = np.random.default_rng(seed)
    gmm = DiagonalGMM.from_parameters(
        np.full(8, 1 / 8), rng.normal(0, 3, (8, 5)), rng.uniform(0.3, 1, (8, 5)), random_state=seed
    )
    x = gmm.sample(5000)[0]
    distortion = np.eye(5) + rng.uniform(-0.15, 0.15, (5, 5))
    distorted = x @ distortion.T + rng.normal(0, 0.5, 5)
    transform, scores = np.eye(5, 6), []
    for _ in range(15):
        posteriors = gmm.predict_proba(apply_transform(distorted, transform))
        transform = fmllr(accumulate_fmllr(distorted, posteriors, gmm.means_, gmm.covariances_))
        scores.append(gmm.score(apply_transform(distorted, transform)) + log_determinant(transform))
    assert (np.diff(scores) > -1e-9).all()
    undistorted = gmm.score(x) - log_determinant(distortion)
    assert gmm.score(distorted) < undistorted <= scores[-1] < undistorted + 0.02
    np.testing.assert_allclose(transform[:, :5] @ distortion, np.eye(5), atol=0.05)
    assert np.abs(apply_transform(distorted, transform) - x).mean() < 0.1


def test_one_gaussian_is_met_exactly():
    rng = np.random.default_rng(0)
    frames, means, variances = rng.normal(2, 3, (1000, 4)), rng.normal(size=(1, 4)), rng.uniform(0.5, 2, (1, 4))
    stats = accumulate_fmllr(frames, np.ones((1000, 1)), means, variances)
    moved = apply_transform(frames, fmllr(stats))
    np.testing.assert_allclose(moved.mean(axis=0), means[0], atol=1e-6)
    np.testing.assert_allclose(moved.var(axis=0), variances[0], rtol=1e-3)


def test_an_offset_of_the_frames_changes_only_b(make_case):
    frames, posteriors, *model = make_case(0, d=4).everything()
    expected = fmllr(accumulate_fmllr(frames, posteriors, *model), max_iter=1000)
    far = fmllr(accumulate_fmllr(frames + 1e3, posteriors, *model), max_iter=1000)
    np.testing.assert_allclose(apply_transform(frames + 1e3, far), apply_transform(frames, expected), atol=2e-3)


@pytest.mark.parametrize("layout", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_and_single_posteriors(make_case, layout):
    make_case(0).check_sparse_and_single(accumulate_fmllr, layout)


def test_what_is_refused(make_case):
    frames, posteriors, *model = make_case(0).everything()
    stats = accumulate_fmllr(frames, posteriors, *model)
    with pytest.raises(ConfigError, match="max_iter: found 0"):
        fmllr(stats, max_iter=0)
    still = accumulate_fmllr(np.full((60, 2), 3.0), posteriors, *model)
    with pytest.raises(ModelError, match=r"fMLLR: the statistics of 60 frames in \d dimensions are singular"):
        fmllr(still)
    none = accumulate_fmllr(frames[:0], posteriors[:0], *model)
    with pytest.raises(ModelError, match="statistics of 0 frames"):
        fmllr(none)
    two = accumulate_fmllr(frames[:2], posteriors[:2], *model)
    with pytest.raises(ModelError, match="statistics of 2 frames in 3 dimensions are singular"):
        fmllr(two)
