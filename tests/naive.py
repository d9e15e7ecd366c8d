"""What tests compare with: densities by scipy in double precision, random mixtures, frames with correlated columns."""

import numpy as np
from scipy.stats import norm

from gmmspeech.gmm.mixture import DiagonalGMM

LEARNED = ("weights_", "means_", "covariances_")


def naive_log_densities(frames, gmm):
    """Log of weight times density by scipy, (T, K)."""
    x = np.asarray(frames, dtype=np.float64)[:, None]
    return norm.logpdf(x, gmm.means_, np.sqrt(gmm.covariances_)).sum(axis=2) + np.log(gmm.weights_)


def mixture(rng, k=4, d=3, **options):
    return DiagonalGMM.from_parameters(
        rng.dirichlet(np.full(k, 3.0)), rng.normal(0, 2, (k, d)), rng.uniform(0.3, 2, (k, d)), **options
    )


def speechlike(rng, t=2000, d=4):
    return rng.normal(size=(t, d)) @ rng.normal(size=(d, d)) + rng.choice([-3, 0, 3], (t, 1))


def assert_same(a, b, tolerance=0.0):
    for name in LEARNED:
        x, y = getattr(a, name), getattr(b, name)
        if tolerance:
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=name)
        else:
            np.testing.assert_array_equal(x, y, err_msg=name)


def log_determinant(transform):
    """Logarithm of |det A| for a square A, or for the A in [A, b]: what it adds to a log-likelihood of frames."""
    return np.log(abs(np.linalg.det(transform[:, : len(transform)])))
