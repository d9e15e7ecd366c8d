"""What NumPy's kernel alone has: posteriors, against scipy's densities."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm

from gmmspeech.gmm.kernels import pack
from gmmspeech.gmm.kernels.numpy_kernel import BLOCK, accumulate, posteriors


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("t", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1])
def test_posteriors(mixture, dtype, tolerance, t):
    rng = np.random.default_rng(t)
    weights, means, variances = mixture(rng, 6, 4)
    frames = rng.normal(0, 2, (t, 4)).astype(dtype)
    gammas = posteriors(frames, pack(weights, means, variances))
    densities = norm.logpdf(frames.astype(np.float64)[:, None], means, np.sqrt(variances)).sum(axis=2)
    np.testing.assert_allclose(gammas, softmax(np.log(weights) + densities, axis=1), atol=tolerance)
    np.testing.assert_allclose(gammas.sum(axis=1), 1, atol=1e-6)
    assert gammas.dtype == np.float64


def test_posteriors_of_frames_whose_square_float32_cannot_hold(mixture):
    packed = pack(*mixture(np.random.default_rng(0), 6, 4))
    frames = np.zeros((3, 4), np.float32)
    frames[1] = 1e25
    np.testing.assert_array_equal(posteriors(frames, packed), posteriors(frames.astype(np.float64), packed))


def test_posteriors_sum_to_the_statistics(mixture):
    rng = np.random.default_rng(1)
    packed = pack(*mixture(rng, 6, 4))
    frames = rng.normal(0, 2, (500, 4))
    gammas, stats = posteriors(frames, packed), accumulate(frames, packed)
    np.testing.assert_allclose(gammas.sum(axis=0), stats.n)
    np.testing.assert_allclose(gammas.T @ frames, stats.sum_x)
