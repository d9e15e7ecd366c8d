"""Mixtures to scikit-learn's ``GaussianMixture`` and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from gmmspeech.arguments import check, instance
from gmmspeech.errors import ModelError
from gmmspeech.gmm.errors import NotFittedError
from gmmspeech.gmm.init import Parameters


def to_sklearn(parameters: Parameters, *, history: list[float], num_updates: int, **options: Any) -> GaussianMixture:
    """Give a mixture as scikit-learn's, fitted, with diagonal covariances."""
    weights, means, variances = (array.copy() for array in parameters)
    mixture = GaussianMixture(len(weights), covariance_type="diag", **options)
    mixture.weights_, mixture.means_, mixture.covariances_ = weights / weights.sum(), means, variances
    mixture.precisions_ = 1 / variances
    mixture.precisions_cholesky_ = np.sqrt(mixture.precisions_)
    mixture.n_features_in_ = means.shape[1]
    mixture.n_iter_ = num_updates
    mixture.lower_bound_ = history[-1] if history else -np.inf
    return mixture


def from_sklearn(mixture: GaussianMixture) -> tuple[Parameters, dict[str, Any]]:
    """Take over a fitted mixture of scikit-learn's whose covariances are diagonal or spherical."""
    check(instance(GaussianMixture, BayesianGaussianMixture, words="a mixture of scikit-learn's"), mixture=mixture)
    if not hasattr(mixture, "weights_"):
        raise NotFittedError(f"this {type(mixture).__name__} is not fitted yet: call fit")
    if mixture.covariance_type not in ("diag", "spherical"):
        expected = "diag or spherical: DiagonalGMM has no others"
        raise ModelError(f"covariance_type: found {mixture.covariance_type!r}, expected {expected}")
    variances = mixture.covariances_
    if mixture.covariance_type == "spherical":
        variances = np.repeat(variances[:, None], mixture.means_.shape[1], axis=1)
    options = {name: getattr(mixture, name) for name in ("max_iter", "tol", "random_state")}
    return (mixture.weights_, mixture.means_, variances), options
