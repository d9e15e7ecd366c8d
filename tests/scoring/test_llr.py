"""Log-likelihood ratios against scipy's densities."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from naive import naive_log_densities
from scipy.special import logsumexp

from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.scoring.llr import log_likelihood_ratio, log_likelihood_ratios

K, D = 8, 3


def mixture(rng, k=K, d=D):
    return DiagonalGMM.from_parameters(rng.dirichlet(np.ones(k)), rng.normal(0, 2, (k, d)), rng.uniform(0.3, 2, (k, d)))


def naive_llr(model, ubm, frames, best=slice(None)):
    """`best`: components of each frame, (T, C)."""
    background, own = naive_log_densities(frames, ubm), naive_log_densities(frames, model)
    if not isinstance(best, slice):
        background, own = (np.take_along_axis(x, best, axis=1) for x in (background, own))
    return np.mean(logsumexp(own, axis=1) - logsumexp(background, axis=1))


@given(seed=st.integers(0, 10**6), top_c=st.integers(1, K), single=st.booleans())
@settings(max_examples=40, deadline=None)
def test_equal_to_the_definition(seed, top_c, single):
    """A mean-only adaptation, one of all parameters, and a mixture that shares nothing with the background."""
    rng = np.random.default_rng(seed)
    ubm = mixture(rng)
    frames = rng.normal(0.5, 2, (60, D)).astype(np.float32 if single else np.float64)
    models = [map_adapt(ubm, frames[:30]), map_adapt(ubm, frames[:30], update="mvw"), mixture(rng)]
    best = np.argsort(-naive_log_densities(frames, ubm), axis=1)[:, :top_c]
    tolerance = {"abs": 2e-4 if single else 1e-10}
    for model in models:
        assert log_likelihood_ratio(model, ubm, frames) == pytest.approx(naive_llr(model, ubm, frames), **tolerance)
        restricted = naive_llr(model, ubm, frames, best)
        assert log_likelihood_ratio(model, ubm, frames, top_c=top_c) == pytest.approx(restricted, **tolerance)
        everything = log_likelihood_ratio(model, ubm, frames, top_c=K)
        assert everything == pytest.approx(log_likelihood_ratio(model, ubm, frames), **tolerance)
    for c in (None, top_c):
        tests = [frames, frames[:7]]
        together = log_likelihood_ratios(models, ubm, tests, top_c=c, n_jobs=2)
        alone = [[log_likelihood_ratio(model, ubm, X, top_c=c) for X in tests] for model in models]
        np.testing.assert_allclose(together, alone, atol=tolerance["abs"])


@pytest.mark.parametrize("top_c", [None, 3])
def test_properties(top_c):
    rng = np.random.default_rng(0)
    ubm = mixture(rng)
    frames = rng.normal(0, 2, (200, D)).astype(np.float32)
    assert log_likelihood_ratio(ubm, ubm, frames, top_c=top_c) == 0
    model = map_adapt(ubm, frames + 1)
    parts = [log_likelihood_ratio(model, ubm, x, top_c=top_c) for x in (frames[:50], frames[50:])]
    whole = log_likelihood_ratio(model, ubm, frames, top_c=top_c)
    assert whole == pytest.approx((50 * parts[0] + 150 * parts[1]) / 200, abs=1e-6)
    assert log_likelihood_ratio(model, ubm, frames + 1, top_c=top_c) > whole
    assert log_likelihood_ratios([], ubm, [frames], top_c=top_c).shape == (0, 1)
    assert log_likelihood_ratios([model], ubm, [], top_c=top_c).shape == (1, 0)
    assert log_likelihood_ratio(model, ubm, frames.tolist(), top_c=top_c) == pytest.approx(whole, abs=1e-5)


def test_few_components_are_close_to_all():
    """Why `top_c` exists: an adapted mixture's best components are the background's."""
    rng = np.random.default_rng(0)
    ubm = mixture(rng, k=64)
    frames = rng.normal(0, 2, (300, D))
    model = map_adapt(ubm, frames[:150])
    full = log_likelihood_ratio(model, ubm, frames)
    errors = [abs(log_likelihood_ratio(model, ubm, frames, top_c=c) - full) for c in (1, 10, 64)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 0.01


def test_frames_far_from_zero():
    rng = np.random.default_rng(0)
    frames = rng.normal(1e3, 1, (500, D)).astype(np.float32)
    ubm = DiagonalGMM(4, random_state=0).fit(frames)
    model = map_adapt(ubm, frames[:100])
    for top_c in (None, 2):
        double = log_likelihood_ratio(model, ubm, frames.astype(np.float64), top_c=top_c)
        assert log_likelihood_ratio(model, ubm, frames, top_c=top_c) == pytest.approx(double, abs=1e-5)


def test_what_is_refused():
    rng = np.random.default_rng(0)
    ubm, other = mixture(rng), mixture(rng, k=3)
    frames = np.zeros((5, D))
    for X in (np.zeros((5, 2)), np.zeros(D), np.zeros((0, D))):
        with pytest.raises(FeatureError, match=r"found frames of shape .*, expected \(one or more, 3\)"):
            log_likelihood_ratio(ubm, ubm, X)
    with pytest.raises(FeatureError, match="frame 1, column 2: found nan"):
        log_likelihood_ratio(ubm, ubm, np.where(np.arange(6).reshape(2, 3) == 5, np.nan, 0.0))
    for top_c in (0, K + 1):
        with pytest.raises(ConfigError, match=f"top_c: found {top_c}, expected 1 to 8"):
            log_likelihood_ratio(ubm, ubm, frames, top_c=top_c)
    assert np.isfinite(log_likelihood_ratio(other, ubm, frames))  # of another size, but a ratio all the same
    with pytest.raises(ModelError, match="found a model of 3 components, expected 8"):
        log_likelihood_ratio(other, ubm, frames, top_c=2)
    with pytest.raises(ModelError, match="found a model of 2 dimensions, expected 3"):
        log_likelihood_ratio(mixture(rng, d=2), ubm, frames)
    for pair in ((DiagonalGMM(2), ubm), (ubm, DiagonalGMM(2))):
        with pytest.raises(ModelError, match="not fitted"):
            log_likelihood_ratio(*pair, frames)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize("top_c", [None, 1])
def test_frames_whose_squares_overflow_are_refused(top_c):
    ubm = DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0], [1.0]])
    with pytest.raises(FeatureError, match="squares overflow"):
        log_likelihood_ratio(ubm, ubm, np.array([[1e200], [-1e200]]), top_c=top_c)
