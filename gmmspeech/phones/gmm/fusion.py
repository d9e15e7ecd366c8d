"""Fusion of the scores of several systems, by weights that fit held-out segments best."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from gmmspeech.checks import check_finite
from gmmspeech.errors import DataError, counted


def fit_weights(scores: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    r"""Weights of systems by which their scores make the true classes most probable.

    The combined posterior of class c is proportional to ``exp(Σ_i w_i score_i(c))``: logistic regression with one
    weight a system (Brümmer et al. 2007), whose log-likelihood has a single maximum. A log prior may be a system.
    """
    stack, classes = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.int64)
    if stack.ndim != 3 or not stack.size or classes.shape != stack.shape[1:2]:
        raise DataError(
            f"scores: found shape {stack.shape} with {counted(classes.size, 'class')}, expected (systems, S, C)"
        )
    check_finite("scores", stack, item="system", kind=DataError)
    if not 0 <= classes.min() <= classes.max() < stack.shape[2]:
        raise DataError(f"truth: found {classes.min()} to {classes.max()}, expected 0 to {stack.shape[2] - 1}")
    stack = stack - stack.mean(axis=2, keepdims=True)  # what all classes share changes nothing
    scale = np.maximum(np.sqrt(np.mean(stack**2, axis=(1, 2))), np.finfo(np.float64).tiny)
    stack = stack / scale[:, None, None]
    segments = np.arange(len(classes))

    def negative_log_posterior(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        joint = np.tensordot(weights, stack, 1)
        log_posteriors = joint - logsumexp(joint, axis=1, keepdims=True)
        expected = np.einsum("isc,sc->is", stack, np.exp(log_posteriors))
        gradient = (expected - stack[:, segments, classes]).mean(axis=1)
        return -log_posteriors[segments, classes].mean(), gradient

    found = minimize(negative_log_posterior, np.full(len(stack), 1 / len(stack)), jac=True, method="L-BFGS-B")
    return found.x / scale


def combine(scores: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Weighted sum of the scores of systems, shape (S, C)."""
    return np.tensordot(np.asarray(weights, np.float64), np.asarray(scores, np.float64), 1)
