"""MAP adaptation against bob's numbers and equations 11 to 13 of Reynolds, Quatieri and Dunn (2000), written out."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats

few = settings(max_examples=30, deadline=None)


def background(rng, k=4, d=3, **options):
    return DiagonalGMM.from_parameters(
        rng.dirichlet(np.full(k, 3.0)), rng.normal(0, 2, (k, d)), rng.uniform(0.5, 2, (k, d)),
        **{"variance_floor": 1e-6, **options},
    )  # fmt: skip


def naive_map(ubm, frames, r, update):
    """Reynolds et al., equations 7 to 13, a component, dimension and frame at a time."""
    w, mu, var = (p.tolist() for p in (ubm.weights_, ubm.means_, ubm.covariances_))
    num, dim, count = len(w), len(mu[0]), len(frames)
    gammas = []
    for x in frames.tolist():
        dens = [
            w[i] * math.prod(
                math.exp(-0.5 * (x[j] - mu[i][j]) ** 2 / var[i][j]) / math.sqrt(2 * math.pi * var[i][j])
                for j in range(dim)
            )
            for i in range(num)
        ]  # fmt: skip
        gammas.append([d / sum(dens) for d in dens])
    weights, means, variances = list(w), [list(m) for m in mu], [list(v) for v in var]
    for i in range(num):
        n = sum(g[i] for g in gammas)
        alpha = n / (n + r)
        if "w" in update:
            weights[i] = alpha * n / count + (1 - alpha) * w[i]
        for j in range(dim):
            first = sum(g[i] * x[j] for g, x in zip(gammas, frames.tolist(), strict=True)) / n
            second = sum(g[i] * x[j] ** 2 for g, x in zip(gammas, frames.tolist(), strict=True)) / n
            if "m" in update:
                means[i][j] = alpha * first + (1 - alpha) * mu[i][j]
            if "v" in update:
                variances[i][j] = alpha * second + (1 - alpha) * (var[i][j] + mu[i][j] ** 2) - means[i][j] ** 2
                if "m" not in update:  # about the mean that stays, as in Kaldi
                    variances[i][j] -= 2 * alpha * mu[i][j] * (first - mu[i][j])
    return np.array(weights) / sum(weights), np.array(means), np.array(variances)


@given(
    seed=st.integers(0, 10**6),
    update=st.sampled_from(["m", "v", "w", "mv", "mw", "vw", "mvw", "wvm"]),
    r=st.sampled_from([0.5, 4.0, 16.0, 300.0]),
)
@few
def test_any_letters_together_equal_the_equations(seed, update, r):
    rng = np.random.default_rng(seed)
    ubm, frames = background(rng), rng.normal(1, 1.5, (40, 3))
    weights, means, variances = naive_map(ubm, frames, r, update)
    floor = ubm.absolute_variance_floor()
    adapted = map_adapt(ubm, frames, relevance_factor=r, update=update)
    np.testing.assert_allclose(adapted.weights_, weights, rtol=1e-9)
    np.testing.assert_allclose(adapted.means_, means, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(adapted.covariances_, np.maximum(variances, floor), rtol=1e-7, atol=1e-10)
    single = map_adapt(ubm, frames.astype(np.float32), relevance_factor=r, update=update)
    np.testing.assert_allclose(single.means_, means, atol=1e-4)
    for letter, name in (("w", "weights_"), ("m", "means_"), ("v", "covariances_")):
        if letter not in update:
            np.testing.assert_array_equal(getattr(adapted, name), getattr(ubm, name))


def test_means_equal_bobs(bob):
    ubm = DiagonalGMM.from_parameters(bob("weights"), bob("means"), bob("variances"))
    adapted = map_adapt(ubm, bob("data")[None], relevance_factor=4)
    np.testing.assert_allclose(adapted.means_, bob("new_adapted_mean").T, atol=1e-4)


@given(seed=st.integers(0, 10**6))
@few
def test_between_the_background_and_maximum_likelihood(seed):
    """No relevance is one EM update, r without end changes nothing, and the way from one to the other is straight."""
    rng = np.random.default_rng(seed)
    ubm, frames = background(rng, variance_floor=0), rng.normal(size=(60, 3))
    stats = ubm.accumulate(frames)
    assume((stats.n > 0).all())  # a component that no frame has a share of stays, where EM would let it die
    ml = map_adapt(ubm, stats, relevance_factor=0, update="mvw")
    once = DiagonalGMM(4, init=ubm, max_iter=1, variance_floor=0).fit(frames)
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(ml, name), getattr(once, name), rtol=1e-6, atol=1e-9)
        far = map_adapt(ubm, stats, relevance_factor=1e12, update="mvw")
        np.testing.assert_allclose(getattr(far, name), getattr(ubm, name), rtol=1e-6, atol=1e-6)
    alpha = stats.n / (stats.n + 16)
    np.testing.assert_allclose(
        map_adapt(ubm, stats).means_ - ubm.means_, alpha[:, None] * (ml.means_ - ubm.means_), rtol=1e-9, atol=1e-9
    )


def test_frames_and_their_statistics_are_the_same():
    rng = np.random.default_rng(0)
    ubm, frames = background(rng), rng.normal(size=(50, 3))
    parts = ubm.accumulate(frames[:20]) + ubm.accumulate(frames[20:])
    np.testing.assert_allclose(map_adapt(ubm, parts).means_, map_adapt(ubm, frames).means_, rtol=1e-12)
    np.testing.assert_array_equal(map_adapt(ubm, [frames[:20], frames[20:]]).means_, map_adapt(ubm, frames).means_)


@pytest.mark.parametrize("r", [0, 16])
def test_components_nobody_saw_stay(r):
    rng = np.random.default_rng(0)
    ubm = DiagonalGMM.from_parameters([0.5, 0.5], [[0.0, 0], [1e4, 1e4]], np.ones((2, 2)), variance_floor=0)
    adapted = map_adapt(ubm, rng.normal(1, 1, (200, 2)), relevance_factor=r, update="mv")
    np.testing.assert_array_equal(adapted.means_[1], ubm.means_[1])
    np.testing.assert_allclose(adapted.covariances_[1], ubm.covariances_[1], rtol=1e-7)
    none = map_adapt(ubm, np.empty((0, 2)), relevance_factor=r, update="mw")
    np.testing.assert_array_equal(none.means_, ubm.means_)
    np.testing.assert_array_equal(none.weights_, ubm.weights_)


def test_variances_are_floored():
    ubm = DiagonalGMM.from_parameters([1.0], [[0.0]], [[4.0]], variance_floor=0.05)
    adapted = map_adapt(ubm, np.full((1000, 1), 2.0), update="mv", relevance_factor=0)
    np.testing.assert_allclose(adapted.covariances_, 0.05 * 4)


def test_the_rest_is_the_background_models():
    ubm = background(np.random.default_rng(0), front_end='{"num_ceps": 3}', tol=0.5)
    adapted = map_adapt(ubm, np.zeros((3, 3)))
    assert adapted.front_end_ == '{"num_ceps": 3}'
    assert adapted.get_params() == ubm.get_params()
    assert adapted.means_ is not ubm.means_


def test_what_is_refused():
    ubm, frames = background(np.random.default_rng(0)), np.zeros((5, 3))
    for update in ("", "x", "means", "mx"):
        with pytest.raises(ConfigError, match=f"update: found '{update}', expected one or more of the letters m, v, w"):
            map_adapt(ubm, frames, update=update)
    for r in (-1, math.nan):
        with pytest.raises(ConfigError, match="relevance_factor: found"):
            map_adapt(ubm, frames, relevance_factor=r)
    with pytest.raises(ModelError, match=r"statistics: found shape \(2, 3\) .* expected the model's \(4, 3\)"):
        map_adapt(ubm, GMMStats(np.ones(2), np.ones((2, 3)), np.ones((2, 3)), 0.0, 2))
    with pytest.raises(FeatureError, match="found frames of 2 columns, expected 3"):
        map_adapt(ubm, np.zeros((5, 2)))
    for data in (frames, ubm.accumulate(frames)):
        with pytest.raises(ModelError, match="not fitted"):
            map_adapt(DiagonalGMM(4), data)


def test_whole_weights_are_repeated_frames():
    rng = np.random.default_rng(0)
    ubm = DiagonalGMM.from_parameters([0.5, 0.5], rng.normal(size=(2, 3)), np.ones((2, 3)))
    frames, times = rng.normal(size=(50, 3)), rng.integers(0, 4, 50)
    weighted = map_adapt(ubm, frames, update="mvw", sample_weight=times)
    repeated = map_adapt(ubm, np.repeat(frames, times, axis=0), update="mvw")
    for a, b in zip(weighted.parameters(), repeated.parameters(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    with pytest.raises(ConfigError, match="sample_weight: goes with frames, found statistics"):
        map_adapt(ubm, ubm.accumulate(frames), sample_weight=times)
