"""Mixtures to scikit-learn's ``GaussianMixture`` and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture

from gmmspeech.errors import ModelError
from gmmspeech.gmm.errors import NotFittedError
from gmmspeech.gmm.init import Parameters


def to_sklearn(parameters: Parameters, *, history: list[float], num_updates: int, **options: Any) -> GaussianMixture:
    """Give a mixture as scikit-learn's, fitted, with diagonal covariances.

    Parameters
    ----------
    parameters : tuple of weights (K,), means (K, D), variances (K, D)
    history : list of float
        Log-likelihoods of its training.
    num_updates : int
    **options
        Of ``GaussianMixture``.

    Returns
    -------
    sklearn.mixture.GaussianMixture

    Examples
    --------
    >>> mixture = np.array([0.5, 0.5]), np.array([[0.0], [4.0]]), np.array([[1.0], [0.25]])
    >>> to_sklearn(mixture, history=[], num_updates=0).predict([[0.1], [3.0]])
    array([0, 1])
    """
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
    """Take over a fitted mixture of scikit-learn's whose covariances are diagonal or spherical.

    Parameters
    ----------
    mixture : sklearn.mixture.GaussianMixture
        Or BayesianGaussianMixture.

    Returns
    -------
    parameters : tuple of weights (K,), means (K, D), variances (K, D)
    options : dict
        Its `max_iter`, `tol` and `random_state`.

    Raises
    ------
    NotFittedError
        The mixture is not fitted.
    ModelError
        Its covariances are full or tied.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> theirs = GaussianMixture(2, covariance_type="diag", random_state=0).fit(x)
    >>> (weights, means, variances), options = from_sklearn(theirs)
    >>> means.shape, options
    ((2, 2), {'max_iter': 100, 'tol': 0.001, 'random_state': 0})
    """
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
