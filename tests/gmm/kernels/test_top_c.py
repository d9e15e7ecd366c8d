"""Sums over the background's best components, by both kernels, against densities written out in double loops."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from naive_kernels import naive_joint, naive_log_likelihood
from scipy.special import logsumexp
from scipy.stats import norm

from gmmspeech.gmm.kernels import native_kernel

SINGLE, DOUBLE = np.float32, np.float64


@given(
    seed=st.integers(0, 10**6),
    top_c=st.integers(1, 6),
    num_frames=st.integers(1, 40),
    dtype=st.sampled_from([SINGLE, DOUBLE]),
)
@settings(max_examples=25, deadline=None)
def test_top_c_is_the_sum_over_the_backgrounds_best(kernel, mixture, seed, top_c, num_frames, dtype):
    rng = np.random.default_rng(seed)
    background = mixture(rng, 6, 3)
    moved = background[0], background[1] + rng.normal(0, 0.3, (6, 3)), background[2]
    frames = rng.normal(0, 2, (num_frames, 3)).astype(dtype)
    for models in ([moved], [moved, mixture(rng, 6, 3)]):  # with the background's variances, and with others
        stack = kernel.stack_models(background, models, dtype)
        assert_top_c(kernel.top_c_log_likelihood(frames, stack, top_c), frames, background, models, top_c)


def assert_top_c(found, frames, background, models, top_c):
    """Models are evaluated where the background has its best components, none of which has weight zero."""
    joint = naive_joint(frames, *background)
    left_out = joint < np.sort(joint, axis=1)[:, -top_c, None]
    left_out |= background[0] == 0
    expected = []
    for parameters in (background, *models):
        joint = naive_joint(frames, *parameters)
        expected.append(naive_log_likelihood(np.where(left_out, -np.inf, joint)).sum())
    single = frames.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5 if single else 1e-10, atol=1e-4 if single else 1e-9)


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_weights_of_zero_in_the_background_and_in_models(kernel, mixture, dtype):
    rng = np.random.default_rng(11)
    _, means, variances = mixture(rng, 6, 3, spread=1.0)
    background = np.array([0.0, 0.3, 0.2, 0.0, 0.5, 0.0]), means, variances
    shared = np.array([0.0, 0.5, 0.5, 0.0, 0.0, 0.0]), means + 0.1, variances
    others = np.array([0.2, 0.0, 0.3, 0.2, 0.1, 0.2]), means - 0.1, 2 * variances
    frames = rng.normal(size=(50, 3)).astype(dtype)
    for models in ([], [shared], [shared, others]):
        stack = kernel.stack_models(background, models, dtype)
        for top_c in (2, 3, 4, 6):  # of which three answer
            assert_top_c(kernel.top_c_log_likelihood(frames, stack, top_c), frames, background, models, top_c)


@pytest.mark.filterwarnings("error")
def test_a_model_of_no_weight_where_the_background_answers(kernel, mixture):
    rng = np.random.default_rng(12)
    background = mixture(rng, 2, 3)
    model = np.array([1.0, 0.0]), *background[1:]
    stack = kernel.stack_models(background, [model], np.float64)
    found = kernel.top_c_log_likelihood(background[1], stack, 1)
    assert np.isfinite(found[0])
    assert found[1] == -np.inf


@pytest.mark.parametrize("same_variances", [True, False])
@pytest.mark.parametrize("size", [1e18, 1e25, 1e38])
def test_top_c_of_frames_whose_square_float32_cannot_hold(kernel, mixture, size, same_variances):
    rng = np.random.default_rng(7)
    background, model = mixture(rng, 5, 3), mixture(rng, 5, 3)
    models = [(*model[:2], background[2] if same_variances else model[2])]
    frames = rng.normal(size=(100, 3)).astype(np.float32)
    frames[40, 1] = size
    stack = kernel.stack_models(background, models, np.float32)
    assert_top_c(kernel.top_c_log_likelihood(frames, stack, 2), frames, background, models, 2)


@pytest.mark.parametrize("width", [0.05, 6e-3])
def test_top_c_of_narrow_components(kernel, width):
    """Models adapted by one deviation keep their digits in float32."""
    rng = np.random.default_rng(15)
    weights, means, variances = np.full(6, 1 / 6), rng.choice([-1.0, 1], (6, 8)) + 100, np.full((6, 8), width**2)
    models = [(weights, means + width * rng.normal(size=means.shape), variances) for _ in range(3)]
    frames = (np.repeat(means, 50, axis=0) + width * rng.normal(size=(300, 8))).astype(np.float32)
    found = kernel.top_c_log_likelihood(frames, kernel.stack_models((weights, means, variances), models, SINGLE), 2)
    joint = [norm.logpdf(frames[:, None].astype(float), m[1], width).sum(axis=2) - np.log(6) for m in models]
    best = np.argsort(norm.logpdf(frames[:, None].astype(float), means, width).sum(axis=2), axis=1)[:, -2:]
    expected = [logsumexp(np.take_along_axis(each, best, axis=1), axis=1).sum() for each in joint]
    np.testing.assert_allclose(found[1:], expected, rtol=2e-7, atol=2e-5 * len(frames))


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@pytest.mark.parametrize("first", [0, 16, 65])
def test_a_model_does_not_depend_on_the_others_in_its_stack(kernel, mixture, dtype, first):
    """`first`: the first model whose variances are not the background's."""
    rng = np.random.default_rng(13)
    background = mixture(rng, 20, 5)
    models = [
        (rng.dirichlet(np.ones(20)), background[1] + rng.normal(0, 0.5, (20, 5)), background[2]) for _ in range(65)
    ]
    models[first:] = [(w, m, v * rng.uniform(0.5, 2, (20, 5))) for w, m, v in models[first:]]
    frames = rng.normal(0, 2, (70, 5)).astype(dtype)
    whole = kernel.top_c_log_likelihood(frames, kernel.stack_models(background, models, dtype), 4)
    assert whole.shape == (66,)
    assert_top_c(whole[:3], frames, background, models[:2], 4)
    for count in (0, 1, 15, 16, 17, 31, 32, 33, 63, 64):
        some = kernel.top_c_log_likelihood(frames, kernel.stack_models(background, models[:count], dtype), 4)
        if kernel is native_kernel:
            np.testing.assert_array_equal(some, whole[: 1 + count])
        else:
            np.testing.assert_allclose(some, whole[: 1 + count], rtol=1e-6 if dtype == SINGLE else 1e-12)
    others = kernel.top_c_log_likelihood(frames, kernel.stack_models(background, models[::-1], dtype), 4)
    np.testing.assert_allclose(others[1:], whole[:0:-1], rtol=1e-6 if dtype == SINGLE else 1e-12)
