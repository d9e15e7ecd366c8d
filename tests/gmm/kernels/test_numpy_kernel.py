"""The kernels against densities and sums written out in double loops of plain float64 numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmspeech.errors import ConfigError
from gmmspeech.gmm.kernels import get_backend, numpy_kernel, pack
from gmmspeech.gmm.kernels.numpy_kernel import BLOCK, accumulate, log_likelihood, posteriors, top_c_log_likelihood


def mixture(rng, k, d, spread=2.0):
    weights = rng.dirichlet(np.ones(k))
    return weights, rng.normal(0, spread, (k, d)), rng.uniform(0.3, 2, (k, d))


def naive_log_density(x, mean, variance):
    return sum(
        -0.5 * (math.log(2 * math.pi * v) + (a - m) ** 2 / v)
        for a, m, v in zip(map(float, x), map(float, mean), map(float, variance), strict=True)
    )


def naive_joint(frames, weights, means, variances):
    """Log of weight times density, (T, K)."""
    joint = np.empty((len(frames), len(weights)))
    for t, x in enumerate(frames):
        for k, w in enumerate(weights):
            joint[t, k] = (math.log(w) if w > 0 else -math.inf) + naive_log_density(x, means[k], variances[k])
    return joint


def naive_log_sum(values):
    peak = max(values)
    return peak + math.log(sum(math.exp(v - peak) for v in values))


def naive_statistics(frames, parameters, sample_weight):
    joint = naive_joint(frames, *parameters)
    k, d = parameters[1].shape
    n, sum_x, sum_xx, total = np.zeros(k), np.zeros((k, d)), np.zeros((k, d)), 0.0
    for x, row, weight in zip(frames.astype(np.float64), joint, sample_weight, strict=True):
        frame = naive_log_sum(row)
        total += weight * frame
        for j in range(k):
            gamma = weight * math.exp(row[j] - frame)
            n[j] += gamma
            sum_x[j] += gamma * x
            sum_xx[j] += gamma * x**2
    return n, sum_x, sum_xx, total


def assert_statistics(stats, expected, tolerance):
    n, sum_x, sum_xx, total = expected
    np.testing.assert_allclose(stats.n, n, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(stats.sum_x, sum_x, rtol=tolerance, atol=tolerance * np.abs(sum_x).max())
    np.testing.assert_allclose(stats.sum_xx, sum_xx, rtol=tolerance, atol=tolerance * sum_xx.max())
    assert stats.log_likelihood == pytest.approx(total, rel=tolerance)
    assert stats.n.dtype == stats.sum_x.dtype == stats.sum_xx.dtype == np.float64


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-6)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("t", "k", "d"), [(50, 3, 2), (40, 7, 5), (30, 1, 1), (1, 4, 3)])
def test_statistics_equal_the_double_loop(dtype, tolerance, weighted, t, k, d):
    rng = np.random.default_rng(t)
    parameters = mixture(rng, k, d)
    frames = rng.normal(0, 2, (t, d)).astype(dtype)
    weight = rng.uniform(0, 3, t) if weighted else None
    stats = accumulate(frames, pack(*parameters), weight)
    assert_statistics(stats, naive_statistics(frames, parameters, np.ones(t) if weight is None else weight), tolerance)
    assert stats.num_frames == pytest.approx(t if weight is None else weight.sum())


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_densities_and_posteriors_equal_the_double_loop(dtype, tolerance):
    rng = np.random.default_rng(0)
    parameters = mixture(rng, 6, 4)
    frames = rng.normal(0, 2, (60, 4)).astype(dtype)
    joint = naive_joint(frames, *parameters)
    expected = np.array([naive_log_sum(row) for row in joint])
    np.testing.assert_allclose(log_likelihood(frames, pack(*parameters)), expected, atol=tolerance)
    gammas = posteriors(frames, pack(*parameters))
    np.testing.assert_allclose(gammas, np.exp(joint - expected[:, None]), atol=tolerance)
    np.testing.assert_allclose(gammas.sum(axis=1), 1, atol=1e-6)
    assert gammas.dtype == np.float64


@pytest.mark.parametrize("t", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
def test_edges_of_blocks(t):
    rng = np.random.default_rng(t)
    packed = pack(*mixture(rng, 3, 2))
    frames = rng.normal(size=(t, 2))
    whole = accumulate(frames, packed)
    parts = [accumulate(frames[i : i + 500], packed) for i in range(0, t, 500)]
    for name in ("n", "sum_x", "sum_xx", "log_likelihood", "num_frames"):
        total = sum((getattr(part, name) for part in parts), np.zeros_like(getattr(whole, name)))
        np.testing.assert_allclose(getattr(whole, name), total, rtol=1e-10, atol=1e-9)
    assert log_likelihood(frames, packed).shape == (t,)
    assert posteriors(frames, packed).shape == (t, 3)
    assert top_c_log_likelihood(frames, packed, [packed], 2).shape == (t, 2)


def test_a_component_of_weight_zero_never_answers():
    rng = np.random.default_rng(1)
    weights, means, variances = mixture(rng, 3, 2)
    weights = np.array([0.4, 0.0, 0.6])
    frames = rng.normal(size=(20, 2)).astype(np.float32)
    frames[0] = means[1]
    stats = accumulate(frames, pack(weights, means, variances))
    assert stats.n[1] == 0
    keep = [0, 2]
    assert_statistics(
        accumulate(frames, pack(weights[keep], means[keep], variances[keep])),
        naive_statistics(frames, (weights[keep], means[keep], variances[keep]), np.ones(20)),
        2e-6,
    )
    assert stats.log_likelihood == pytest.approx(
        accumulate(frames, pack(weights[keep], means[keep], variances[keep])).log_likelihood, rel=1e-6
    )


@pytest.mark.parametrize("width", [1e-3, 1e-4])
def test_narrow_components_get_float64_even_of_float32_frames(width):
    """A component that far below the global deviation would have negative variances in float32 sums."""
    rng = np.random.default_rng(2)
    parameters = np.array([0.5, 0.5]), np.array([[0.0, 0], [2.0, -1]]), np.array([[1.0, 1], [width**2, width**2]])
    frames = rng.normal(size=(3000, 2))
    frames[1500:] = frames[1500:] * width + [2.0, -1]
    frames = frames.astype(np.float32)
    packed = pack(*parameters)
    assert packed.narrow.tolist() == [1]
    stats, exact = accumulate(frames, packed), accumulate(frames.astype(np.float64), packed)
    for got, expected in ((stats.n, exact.n), (stats.sum_x, exact.sum_x), (stats.sum_xx, exact.sum_xx)):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-2)
    variance = stats.sum_xx[1] / stats.n[1] - (stats.sum_x[1] / stats.n[1]) ** 2
    np.testing.assert_allclose(variance, exact.sum_xx[1] / exact.n[1] - (exact.sum_x[1] / exact.n[1]) ** 2, rtol=1e-3)
    np.testing.assert_allclose(variance, width**2, rtol=0.1)
    np.testing.assert_allclose(
        log_likelihood(frames, packed), log_likelihood(frames.astype(np.float64), packed), rtol=1e-5, atol=1e-5
    )
    other = pack(parameters[0], parameters[1] + width, parameters[2])
    np.testing.assert_allclose(
        top_c_log_likelihood(frames, packed, [other], 2),
        np.stack([log_likelihood(frames.astype(np.float64), p) for p in (packed, other)], axis=1),
        rtol=1e-5,
        atol=1e-5,
    )


@given(seed=st.integers(0, 10**6), top_c=st.integers(1, 6), single=st.booleans())
@settings(max_examples=25, deadline=None)
def test_top_c_is_the_sum_over_the_backgrounds_best(seed, top_c, single):
    rng = np.random.default_rng(seed)
    background = mixture(rng, 6, 3)
    others = [  # one moved, one with everything different
        (background[0], background[1] + rng.normal(0, 0.3, (6, 3)), background[2]),
        mixture(rng, 6, 3),
    ]
    frames = rng.normal(0, 2, (25, 3)).astype(np.float32 if single else np.float64)
    got = top_c_log_likelihood(frames, pack(*background), [pack(*p) for p in others], top_c)
    best = np.argsort(-naive_joint(frames, *background), axis=1)[:, :top_c]
    for column, parameters in enumerate([background, *others]):
        joint = naive_joint(frames, *parameters)
        expected = [naive_log_sum(row[chosen]) for row, chosen in zip(joint, best, strict=True)]
        np.testing.assert_allclose(
            got[:, column], expected, rtol=1e-5 if single else 1e-10, atol=1e-4 if single else 1e-9
        )


@pytest.mark.parametrize("mean", [0.0, 1e3])
def test_pack_is_the_density_as_one_product(mean):
    rng = np.random.default_rng(3)
    weights, means, variances = mixture(rng, 4, 3)
    means += mean
    packed = pack(weights, means, variances)
    assert (packed.num_components, packed.dim) == (4, 3)
    frames = rng.normal(mean, 2, (10, 3))
    z = (frames - packed.shift) * packed.scale
    joint = np.hstack([z, z**2, np.ones((10, 1))]) @ packed.matrix
    np.testing.assert_allclose(joint, naive_joint(frames, weights, means, variances), rtol=1e-9)
    np.testing.assert_allclose(packed.shift, weights @ means)


def test_backends_by_name():
    assert get_backend("numpy") is get_backend() is numpy_kernel
    with pytest.raises(ConfigError, match=r"backend: found 'cuda', expected one of \['auto', 'numpy'\]"):
        get_backend("cuda")
