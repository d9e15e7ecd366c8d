"""Checks of the parameters of a mixture."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gmmspeech.checks import real_array
from gmmspeech.errors import ModelError
from gmmspeech.gmm.init import Parameters


def check_parameters(weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> Parameters:
    """Parameters of a mixture as float64 arrays, or a `ModelError` that names the component at fault."""
    given = {"weights": weights, "means": means, "covariances": covariances}
    w, m, v = (real_array(a, name, ModelError).astype(np.float64) for name, a in given.items())
    if w.ndim != 1 or m.ndim != 2 or v.shape != m.shape or len(w) != len(m) or not m.size:
        raise ModelError(
            f"found weights, means, variances of shapes {w.shape}, {m.shape}, {v.shape}, expected (K,), (K, D), (K, D)"
        )
    for name, values, good in (
        ("weight", w[:, None], np.isfinite(w[:, None]) & (w[:, None] >= 0)),
        ("mean", m, np.isfinite(m)),
        ("variance", v, np.isfinite(v) & (v > 0)),
    ):
        if not good.all():
            k, d = np.argwhere(~good)[0]
            raise ModelError(
                f"component {k}: found {name} {values[k, d]}, expected a finite {name}"
                + (" above 0" if name == "variance" else "")
            )
    total = w.sum()
    if abs(total - 1) > 1e-3:
        raise ModelError(f"found weights that sum to {total:.6g}, expected 1")
    # what is normalized already keeps its bits: a mixture saved and loaded is the same
    return (w if abs(total - 1) < 1e-12 else w / total), m, v


def check_full_parameters(weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> Parameters:
    """Parameters of a mixture with covariances (K, D, D), or a `ModelError` that names the component at fault."""
    c = real_array(covariances, "covariances", ModelError).astype(np.float64)
    shape = real_array(means, "means", ModelError).shape
    if len(shape) != 2 or c.shape != (*shape, shape[1]):
        raise ModelError(f"found means, covariances of shapes {shape}, {c.shape}, expected (K, D), (K, D, D)")
    w, m, _ = check_parameters(weights, means, np.einsum("kii->ki", c))
    for k, matrix in enumerate(c):
        if not np.isfinite(matrix).all() or np.abs(matrix - matrix.T).max() > 1e-8 * np.abs(matrix).max():
            raise ModelError(f"component {k}: found a covariance that is not symmetric and finite, expected one")
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            raise ModelError(f"component {k}: found a covariance that is not positive definite, expected one") from None
    return w, m, c
