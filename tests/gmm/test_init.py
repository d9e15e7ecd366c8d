"""Starts of EM against scikit-learn's k-means and against the clusters they claim to describe."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.cluster import KMeans

from gmmspeech.gmm.init import kmeans, random_frames

STARTS = {"kmeans": kmeans, "random": random_frames}


def clusters(rng, k, d, each):
    centers = 20 * rng.permutation(np.indices((k,) * d).reshape(d, -1).T)[:k]
    return np.concatenate([rng.normal(c, 1 + i / k, (each, d)) for i, c in enumerate(centers)])


def quantisation_error(frames, means):
    z = frames / frames.std(axis=0)
    return np.square(z[:, None] - means / frames.std(axis=0)).sum(axis=2).min(axis=1).sum()


def test_kmeans_describes_well_parted_clusters_exactly():
    rng = np.random.default_rng(0)
    frames = clusters(rng, 3, 2, 200)
    weights, means, variances = kmeans(frames, 3, rng)
    groups = frames.reshape(3, 200, 2)
    order = np.argsort(means @ [1e3, 1])
    expected = np.argsort(groups.mean(axis=1) @ [1e3, 1])
    np.testing.assert_allclose(means[order], groups.mean(axis=1)[expected], atol=1e-4)
    np.testing.assert_allclose(variances[order], groups.var(axis=1)[expected], rtol=1e-4)
    np.testing.assert_allclose(weights, 1 / 3, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_kmeans_is_about_as_good_as_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(4000, 5)) @ rng.normal(size=(5, 5))
    ours = quantisation_error(frames, kmeans(frames.astype(np.float32), 16, rng)[1])
    z = frames / frames.std(axis=0)
    theirs = KMeans(16, max_iter=10, n_init=1, random_state=seed).fit(z).inertia_
    assert ours < 1.05 * theirs


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 12), extra=st.integers(0, 30), kind=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_a_start_is_always_a_mixture_within_the_frames(start, seed, k, extra, kind):
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(k + extra, 3)).astype(np.float32)
    if kind == 1:  # fewer distinct frames than components
        frames[:] = frames[rng.integers(0, min(2, len(frames)), len(frames))]
    elif kind == 2:
        frames[:, 1] = 7.5
    elif kind == 3:
        frames[0] = 1e6
    weights, means, variances = start(frames, k, rng)
    assert weights.shape == (k,)
    assert means.shape == variances.shape == (k, 3)
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()
    assert (variances >= 0).all()
    assert np.isfinite(variances).all()
    slack = 1e-5 * np.ptp(frames, axis=0) + 1e-5
    assert (means >= frames.min(axis=0) - slack).all()
    assert (means <= frames.max(axis=0) + slack).all()


def test_random_frames_are_different_frames():
    frames = np.arange(30.0).reshape(10, 3)
    weights, means, variances = random_frames(frames, 10, np.random.default_rng(0))
    np.testing.assert_array_equal(means, frames)
    np.testing.assert_array_equal(weights, 0.1)
    np.testing.assert_allclose(variances, np.tile(frames.var(axis=0), (10, 1)))


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_a_seed_gives_the_same_start_again(start):
    frames = np.random.default_rng(0).normal(size=(500, 4))
    first, again, other = (start(frames, 8, np.random.default_rng(seed)) for seed in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[1], other[1])


def test_kmeans_sees_all_dimensions_alike():
    """Frames are standardized: neither units nor a far-away mean matter."""
    rng = np.random.default_rng(1)
    frames = rng.normal(size=(800, 3))
    _, means, variances = kmeans(frames, 6, np.random.default_rng(2))
    scale, shift = np.array([1e-3, 1.0, 1e4]), np.array([0.0, 1e3, -5.0])
    _, moved, stretched = kmeans(frames * scale + shift, 6, np.random.default_rng(2))
    np.testing.assert_allclose(moved, means * scale + shift, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(stretched, variances * scale**2, rtol=1e-4)


@pytest.mark.parametrize("outlier", [1e6, 1e9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_far_frame_does_not_widen_a_random_start(outlier, seed):
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(8, 4))[rng.integers(8, size=6000)] * 20 + rng.normal(size=(6000, 4))
    clean = random_frames(frames, 8, np.random.default_rng(seed))[2]
    frames[17] = outlier
    spoiled = random_frames(frames, 8, np.random.default_rng(seed))[2]
    assert (spoiled < 10 * clean).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kmeans_takes_weights_for_repeated_frames_in_any_order(seed):
    rng = np.random.default_rng(seed)
    frames, weight = rng.random((60, 5)), rng.integers(1, 5, 60)
    repeated = rng.permutation(frames.repeat(weight, axis=0))
    weighted = kmeans(frames, 4, np.random.default_rng(seed), weight=weight.astype(float))
    for found, expected in zip(weighted[1:], kmeans(repeated, 4, np.random.default_rng(seed))[1:], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_outlier_is_seldom_a_seed():
    """Of ten starts on data with 1 % of scattered frames, most give no component to fewer than five frames."""
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(4000, 10))
    frames[:40] *= 4
    counts = [kmeans(frames, 16, np.random.default_rng(seed))[0].min() * len(frames) for seed in range(10)]
    assert np.median(counts) > 5
