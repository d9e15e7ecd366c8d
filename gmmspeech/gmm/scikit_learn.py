"""Mixtures to scikit-learn's ``GaussianMixture`` and back."""

from __future__ import annotations

import numpy as np
from sklearn.mixture import GaussianMixture

from gmmspeech.errors import ModelError
from gmmspeech.gmm.errors import NotFittedError
from gmmspeech.gmm.mixture import DiagonalGMM


def to_sklearn(gmm: DiagonalGMM) -> GaussianMixture:
    """Give a mixture as scikit-learn's, fitted, with diagonal covariances.

    Parameters
    ----------
    gmm : DiagonalGMM

    Returns
    -------
    sklearn.mixture.GaussianMixture
        `max_iter`, `tol` and `random_state` are those of `gmm`.

    Raises
    ------
    NotFittedError
        The mixture is not fitted.

    Examples
    --------
    >>> gmm = DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [4.0]], [[1.0], [0.25]])
    >>> to_sklearn(gmm).predict([[0.1], [3.0]])
    array([0, 1])
    """
    weights, means, variances = (array.copy() for array in gmm.parameters())
    mixture = GaussianMixture(
        n_components=len(weights),
        covariance_type="diag",
        max_iter=gmm.max_iter,
        tol=gmm.tol,
        random_state=gmm.random_state,
    )
    mixture.weights_, mixture.means_, mixture.covariances_ = weights / weights.sum(), means, variances
    mixture.precisions_ = 1 / variances
    mixture.precisions_cholesky_ = np.sqrt(mixture.precisions_)
    mixture.n_features_in_ = means.shape[1]
    mixture.converged_, mixture.n_iter_ = getattr(gmm, "converged_", True), getattr(gmm, "n_iter_", 0)
    mixture.lower_bound_ = gmm.history_[-1] if gmm.history_ else -np.inf
    return mixture


def from_sklearn(mixture: GaussianMixture) -> DiagonalGMM:
    """Take over a fitted mixture of scikit-learn's whose covariances are diagonal or spherical.

    Parameters
    ----------
    mixture : sklearn.mixture.GaussianMixture
        Or BayesianGaussianMixture.

    Returns
    -------
    DiagonalGMM
        `max_iter`, `tol` and `random_state` are those of `mixture`.

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
    >>> bool(np.isclose(from_sklearn(theirs).score(x), theirs.score(x)))
    True
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
    return DiagonalGMM.from_parameters(mixture.weights_, mixture.means_, variances, **options)
