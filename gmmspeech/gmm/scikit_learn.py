"""Conversion of mixtures to scikit-learn's ``GaussianMixture`` and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from gmmspeech.arguments import check, instance
from gmmspeech.errors import ModelError
from gmmspeech.gmm.errors import NotFittedError
from gmmspeech.gmm.init import Parameters


def to_sklearn(
    parameters: Parameters, *, history: list[float], num_updates: int, covariance_type: str = "diag", **options: Any
) -> GaussianMixture:
    """Give a mixture as scikit-learn's, fitted."""
    weights, means, covariances = (array.copy() for array in parameters)
    mixture = GaussianMixture(len(weights), covariance_type=covariance_type, **options)
    mixture.weights_, mixture.means_, mixture.covariances_ = weights / weights.sum(), means, covariances
    if covariance_type in ("diag", "spherical"):
        mixture.precisions_ = 1 / covariances
        mixture.precisions_cholesky_ = np.sqrt(mixture.precisions_)
    else:
        roots = np.linalg.inv(np.linalg.cholesky(covariances)).swapaxes(-1, -2)
        mixture.precisions_, mixture.precisions_cholesky_ = roots @ roots.swapaxes(-1, -2), roots
    mixture.n_features_in_ = means.shape[1]
    mixture.n_iter_ = num_updates
    mixture.lower_bound_ = history[-1] if history else -np.inf
    return mixture


def from_sklearn(mixture: GaussianMixture) -> tuple[Parameters, dict[str, Any]]:
    """Take over a fitted mixture of scikit-learn's whose covariances are diagonal or spherical."""
    (weights, means, variances), options = any_from_sklearn(mixture)
    if options.pop("covariance_type") not in ("diag", "spherical"):
        expected = "diag or spherical: DiagonalGMM has no others, GMM has"
        raise ModelError(f"covariance_type: found {mixture.covariance_type!r}, expected {expected}")
    if variances.ndim == 1:
        variances = np.repeat(variances[:, None], means.shape[1], axis=1)
    return (weights, means, variances), options


def any_from_sklearn(mixture: GaussianMixture) -> tuple[Parameters, dict[str, Any]]:
    """Take over a fitted mixture of scikit-learn's, its covariances in the shape of their type."""
    check(instance(GaussianMixture, BayesianGaussianMixture, words="a mixture of scikit-learn's"), mixture=mixture)
    if not hasattr(mixture, "weights_"):
        raise NotFittedError(f"this {type(mixture).__name__} is not fitted yet: call fit")
    options = {name: getattr(mixture, name) for name in ("covariance_type", "max_iter", "tol", "random_state")}
    return (mixture.weights_, mixture.means_, mixture.covariances_), options
