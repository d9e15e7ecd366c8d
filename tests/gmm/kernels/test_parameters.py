"""Packed mixtures against scipy's densities, stacks against the packed mixtures that they were made of."""

import numpy as np
import pytest
from scipy.stats import norm

from gmmspeech.gmm.kernels.parameters import pack, stack_models, unscaled, working_frames


def log_joint(frames, weights, means, variances):
    return np.log(weights) + norm.logpdf(frames[:, None], means, np.sqrt(variances)).sum(axis=2)


def rows(frames, packed):
    z = (frames - packed.shift) * packed.scale
    return np.hstack([np.ones((len(frames), 1)), z, z**2])


@pytest.mark.parametrize("mean", [0.0, 1e3])
def test_pack_is_the_density_as_one_product(mixture, mean):
    rng = np.random.default_rng(3)
    weights, means, variances = mixture(rng, 4, 3)
    means += mean
    packed = pack(weights, means, variances)
    assert (packed.num_components, packed.dim) == (4, 3)
    frames = rng.normal(mean, 2, (10, 3))
    expected = log_joint(frames, weights, means, variances)
    np.testing.assert_allclose(rows(frames, packed) @ packed.matrix, expected, rtol=1e-9)
    np.testing.assert_allclose(packed.shift, weights @ means)
    np.testing.assert_allclose(packed.scale**-2, weights @ (variances + means**2) - (weights @ means) ** 2, rtol=1e-7)
    assert packed.matrix32.dtype == np.float32
    np.testing.assert_allclose(packed.matrix32, packed.matrix, rtol=1e-7)


def test_pack_with_the_moments_of_another(mixture):
    rng = np.random.default_rng(4)
    background, model = pack(*mixture(rng, 5, 3)), mixture(rng, 4, 3)
    packed = pack(*model, like=background)
    np.testing.assert_array_equal(packed.shift, background.shift)
    np.testing.assert_array_equal(packed.scale, background.scale)
    frames = rng.normal(0, 2, (10, 3))
    np.testing.assert_allclose(rows(frames, packed) @ packed.matrix, log_joint(frames, *model), rtol=1e-10)


def test_a_weight_of_zero_is_a_density_of_zero(mixture):
    _, means, variances = mixture(np.random.default_rng(5), 2, 3)
    matrix = pack(np.array([1.0, 0.0]), means, variances).matrix
    assert matrix[0, 1] == -np.inf
    assert np.isfinite(matrix[1:]).all()


@pytest.mark.parametrize(("width", "narrow"), [(0.1, False), (0.06, False), (0.049, True), (1e-6, True)])
def test_narrow_is_a_twentieth_of_the_whole_in_any_dimension(width, narrow):
    variances = np.ones((2, 2))
    variances[1, 1] = width**2
    packed = pack(np.array([1 - 1e-9, 1e-9]), np.zeros((2, 2)), variances)
    assert packed.narrowest == pytest.approx(width)
    frames = np.zeros((1, 2), np.float32)
    assert working_frames(frames, packed).dtype == (np.float64 if narrow else np.float32)
    assert working_frames(frames, packed, width / 2).dtype == np.float32
    assert working_frames(np.zeros((1, 2), np.int16), packed).dtype == np.float64


@pytest.mark.parametrize(("count", "width", "single"), [(2, 0.02, True), (3, 0.02, False), (1, 0.004, False)])
def test_a_few_narrow_components_leave_the_others_in_float32(count, width, single):
    """Up to an eighth of all, and none narrower than a two-hundredth of the whole."""
    variances = np.ones((16, 2))
    variances[:count, 0] = width**2
    weights = np.where(np.arange(16) < count, 1e-9, 1.0)
    packed = pack(weights / weights.sum(), np.zeros((16, 2)), variances)
    assert packed.narrow.tolist() == list(range(count))
    assert working_frames(np.zeros((1, 2), np.float32), packed).dtype == (np.float32 if single else np.float64)


@pytest.mark.parametrize("same_variances", [True, False])
@pytest.mark.parametrize("columns", [1, 3, 4, 16])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 8])
def test_a_stack_is_the_models_less_the_background(mixture, same_variances, columns, count):
    rng = np.random.default_rng(6)
    background = mixture(rng, 4, 3)
    models = [mixture(rng, 4, 3) for _ in range(count)]
    if same_variances:
        models = [(weights, means, background[2]) for weights, means, _ in models]
    stack = stack_models(background, models, dtype=np.float64, columns=columns, unit=2.0)
    assert stack.num_models == count
    packed, differences = stack.background, stack.differences
    terms = 1 + 3 if same_variances or not count else 1 + 3 + 3
    assert differences.shape == (-(-(1 + count) // columns), 4, terms, columns)
    flat = differences.transpose(1, 2, 0, 3).reshape(4, terms, -1)  # (K, terms, columns of all groups)
    assert not flat[:, :, 0].any()  # the background itself
    assert not flat[:, :, 1 + count :].any()  # no model
    frames = rng.normal(0, 2, (10, 3))
    y = (frames[:, None] - background[1]) * packed.scale  # (frames, K, D)
    powers = np.concatenate([np.ones((10, 4, 1)), y, y**2], axis=2)[:, :, :terms]
    for number, model in enumerate(models, start=1):
        found = 2 * np.einsum("tkf,kf->tk", powers, flat[:, :, number])
        expected = log_joint(frames, *model) - log_joint(frames, *background)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_stacked_weights_of_zero(mixture):
    """A component that the background never chooses says nothing about a model; one of a model's own is impossible."""
    _, means, variances = mixture(np.random.default_rng(7), 3, 2)
    background, model = np.array([0.0, 0.5, 0.5]), np.array([0.0, 0.0, 1.0])
    stack = stack_models((background, means, variances), [(model, means, variances)], dtype=np.float64, columns=2)
    assert not np.isnan(stack.differences).any()
    np.testing.assert_allclose(stack.differences[0, 1:, 0, 1], [-np.inf, np.log(2)])


def test_type_of_a_stack(mixture):
    rng = np.random.default_rng(8)
    background, model = mixture(rng, 3, 2), mixture(rng, 3, 2)
    narrow = model[0], model[1], 1e-6 * model[2]
    near = narrow[0], background[1] + 1e-3 * np.sqrt(model[2]), narrow[2]  # by its own deviation, from the background

    def made(dtype, *models, background=background):
        return stack_models(background, models, dtype=dtype, columns=4).differences.dtype

    assert made(np.float32) == made(np.float32, model) == made("float32", model) == np.float32
    assert made(np.float64, model) == made(np.dtype(">f4"), model) == np.float64
    assert made(np.float32, near) == np.float32
    assert made(np.float32, model, narrow) == made(np.float32, background=narrow) == np.float64


def test_unscaled_statistics(mixture):
    rng = np.random.default_rng(9)
    packed = pack(*mixture(rng, 4, 3))
    frames, gammas = rng.normal(5, 2, (50, 3)), rng.dirichlet(np.ones(4), 50)
    stats = unscaled(gammas.T @ rows(frames, packed), packed, -1.5, 50)
    np.testing.assert_allclose(stats.n, gammas.sum(axis=0))
    np.testing.assert_allclose(stats.sum_x, gammas.T @ frames)
    np.testing.assert_allclose(stats.sum_xx, gammas.T @ frames**2)
    assert (stats.log_likelihood, stats.num_frames) == (-1.5, 50)
