"""`SegmentGaussian`: a full-covariance Gaussian for the segment vectors of each phone."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from gmmspeech.arguments import check_options, real
from gmmspeech.checks import all_finite, as_names
from gmmspeech.errors import DataError, ModelError, counted
from gmmspeech.files.saving import State
from gmmspeech.gmm.estimator import Estimator, check_fitted
from gmmspeech.gmm.frames import as_table, check_names, known_columns, saved_names, set_names
from gmmspeech.linear.statistics import check_determined


class SegmentGaussian(Estimator):
    r"""Gaussians of segment vectors, their covariances drawn towards what the phones have in common.

    Phones have some hundred segments, their vectors a hundred dimensions, which are far from independent. With n_q
    segments of covariance S_q, and the mean S of all S_q weighted by n_q, phone q gets

        Σ_q = (n_q S_q + τ S) / (n_q + τ)

    which is regularized discriminant analysis (Friedman 1989), the weight being that of τ segments, as in MAP.

    Parameters
    ----------
    shrinkage : float
        τ, in segments. Many: linear discriminant analysis; 0: every phone's own covariance.

    Attributes
    ----------
    phones_ : tuple of str
        P phones, sorted.
    means_ : ndarray, shape (P, E), float64
    precision_factors_ : ndarray, shape (P, E, E), float64
        Inverses of the covariances' Cholesky factors, lower triangles.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.concatenate([rng.normal(-1, 1, (50, 3)), rng.normal(1, 1, (50, 3))])
    >>> model = SegmentGaussian(shrinkage=10.0).fit(x, ["AA"] * 50 + ["S"] * 50)
    >>> model.log_likelihoods(np.ones((1, 3))).argmax()
    np.int64(1)
    """

    _parameter_constraints: ClassVar = {"shrinkage": real(least=0, below=float("inf"))}

    def __init__(self, *, shrinkage: float = 1000.0) -> None:
        self.shrinkage = shrinkage

    def fit(self, X: ArrayLike, phones: ArrayLike) -> Self:
        """Estimate the Gaussians.

        Parameters
        ----------
        X : array_like, shape (S, E)
            Segment vectors; see `segment_vectors`.
        phones : array_like of str, shape (S,)

        Raises
        ------
        DataError
            Another number of phones than of vectors, or none.
        ModelError
            Singular covariances: fewer segments than dimensions, or a constant one.
        """
        check_options(self)
        check_names(self, X, reset=True)
        vectors = as_table(X).astype(np.float64, copy=False)
        names, indices, counts = np.unique(as_names(phones, "phones"), return_inverse=True, return_counts=True)
        if indices.shape != (len(vectors),) or not len(vectors):
            raise DataError(
                f"found {counted(len(vectors), 'vector')} and "
                f"{counted(indices.size, 'phone')}, expected one or more, as many"
            )
        means = np.stack([vectors[indices == i].mean(axis=0) for i in range(len(names))])
        centered = vectors - means[indices]
        scatters = np.stack([centered[indices == i].T @ centered[indices == i] for i in range(len(names))])
        pooled = scatters.sum(axis=0) / len(vectors)
        weights = (counts + self.shrinkage)[:, None, None]
        try:
            covariances = (scatters + self.shrinkage * pooled) / weights
            centered = vectors - vectors.mean(axis=0)
            check_determined(covariances, "segment vectors", len(vectors), centered.T @ centered / len(vectors))
            factors = [cholesky(c, lower=True) for c in covariances]
        except (LinAlgError, ModelError):
            raise ModelError(
                f"segment vectors: the covariances of {counted(len(vectors), 'vector')} of "
                f"{counted(vectors.shape[1], 'dimension')} are "
                "singular; expected more different ones, with no constant dimension, or some shrinkage"
            ) from None
        identity = np.eye(vectors.shape[1])
        self.phones_ = tuple(names.tolist())
        self.means_ = means
        self.precision_factors_ = np.stack([solve_triangular(factor, identity, lower=True) for factor in factors])
        return self

    def to_state(self) -> State:
        """Give phones, means and precisions, for a file."""
        return {
            "shrinkage": self.shrinkage,
            "phones": self.phones_,
            "feature_names": saved_names(self),
            "means": self.means_,
            "precision_factors": self.precision_factors_,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild a model from the result of `to_state`."""
        model = cls(shrinkage=float(state["shrinkage"]))
        model.phones_ = tuple(state["phones"])
        set_names(model, state.get("feature_names"))
        means, factors = state["means"], state["precision_factors"]
        count, dim = means.shape
        if len(set(model.phones_)) != count or factors.shape != (count, dim, dim):
            raise ModelError(f"segment Gaussians: found means, factors of shapes {means.shape}, {factors.shape}")
        if not all_finite(means, factors) or not (np.diagonal(factors, axis1=1, axis2=2) > 0).all():
            raise ModelError("segment Gaussians: found parameters that are not finite, or a variance not above 0")
        model.means_, model.precision_factors_ = means, factors
        return model

    def log_likelihoods(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood of every vector under every phone, shape (S, P), in nats."""
        check_fitted(self, "means_")
        dim = self.means_.shape[1]
        vectors = known_columns(self, X, dim, "vectors").astype(np.float64, copy=False)
        out = np.empty((len(vectors), len(self.phones_)))
        for i, (mean, factor) in enumerate(zip(self.means_, self.precision_factors_, strict=True)):
            whitened = (vectors - mean) @ factor.T
            out[:, i] = np.log(np.diag(factor)).sum() - 0.5 * np.square(whitened).sum(axis=1)
        return out - 0.5 * dim * np.log(2 * np.pi)
