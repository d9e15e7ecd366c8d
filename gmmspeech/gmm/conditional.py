"""Conditional mixtures: some columns given the others, as in Gaussian mixture regression.

If (x, y) has a mixture density, the density of y given x is also a mixture (Sung 2004; in speech, Toda, Black and
Tokuda 2007): its weights are the posteriors of the components given x, and each component's mean is linear in x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import told
from gmmspeech.blocks import scipy_linalg
from gmmspeech.checks import as_matrix, check_finite
from gmmspeech.errors import ConfigError, FeatureError, counted
from gmmspeech.gmm.init import Parameters


@dataclass(frozen=True, eq=False)
class ConditionalMixture:
    """Conditional mixtures of some columns given the others, one for each of N frames, from `GMM.conditional`.

    Parameters
    ----------
    columns : tuple of int
        Indices of the M columns, in ascending order.
    weights : ndarray, shape (N, K), float64
    means : ndarray, shape (N, K, M), float64
    covariances : ndarray, shape (K, M, M), float64
        The same for all frames.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gmm = gs.GMM.from_parameters([1.0], [[0.0, 1.0]], [[[1.0, 0.8], [0.8, 1.0]]])
    >>> found = gmm.conditional([[2.0]], given=[0])
    >>> found.mean, found.covariance.round(2), found.score_samples([[2.6]]).round(4)
    (array([[2.6]]), array([[[0.36]]]), array([-0.4081]))
    """

    columns: tuple[int, ...]
    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Expected values, shape (N, M): the regression of these columns on the others."""
        found: NDArray[np.float64] = np.einsum("nk,nkm->nm", self.weights, self.means)
        return found

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariances about the expected values, shape (N, M, M)."""
        within = np.einsum("nk,kij->nij", self.weights, self.covariances)
        apart = self.means - self.mean[:, None]
        found: NDArray[np.float64] = within + np.einsum("nk,nki,nkj->nij", self.weights, apart, apart)
        return found

    def score_samples(self, Y: ArrayLike) -> NDArray[np.float64]:
        """Log density of values (N, M) of these columns, each row given its frame, shape (N,), in nats.

        Raises
        ------
        FeatureError
            Values of another shape, or not finite.
        """
        values = as_matrix(Y, owner="Y", dim=len(self.columns), axes="N, M").astype(np.float64)
        if len(values) != len(self.weights):
            raise FeatureError(f"Y: found {counted(len(values), 'row')}, expected {len(self.weights)}, as were given")
        check_finite("Y", values, item="row")
        with np.errstate(divide="ignore"):
            joint = np.log(self.weights)
        for k, covariance in enumerate(self.covariances):
            joint[:, k] += _log_density(values - self.means[:, k], covariance)
        return _log_sum(joint)


def conditional(parameters: Parameters, X: ArrayLike, given: Sequence[int]) -> ConditionalMixture:
    """Mixtures of the columns that are not given; parameters are as EM knows them, see `Mixture.conditional`."""
    weights, means, covariances = parameters
    if covariances.ndim == 2:
        covariances = covariances[:, :, None] * np.eye(means.shape[1])
    seen, others = _columns(given, means.shape[1])
    x = as_matrix(X, dim=len(seen), axes="N, M").astype(np.float64)
    check_finite("X", x, item="frame")
    with np.errstate(divide="ignore"):
        joint = np.tile(np.log(weights), (len(x), 1))
    found = np.empty((len(x), len(weights), len(others)))
    rest = np.empty((len(weights), len(others), len(others)))
    for k, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        apart, between = x - mean[seen], covariance[np.ix_(seen, others)]
        joint[:, k] += _log_density(apart, covariance[np.ix_(seen, seen)])
        gain = np.linalg.solve(covariance[np.ix_(seen, seen)], between)
        found[:, k] = mean[others] + apart @ gain
        rest[k] = covariance[np.ix_(others, others)] - between.T @ gain
        rest[k] = (rest[k] + rest[k].T) / 2
    posterior = np.exp(joint - _log_sum(joint)[:, None])
    return ConditionalMixture(tuple(others.tolist()), posterior, found, rest)


def _columns(given: Sequence[int], dim: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of the columns that are given, in their order, and of the others."""
    numbers = np.asarray(given) if isinstance(given, (list, tuple, range, np.ndarray)) else np.empty(0)
    right = numbers.ndim == 1 and numbers.dtype.kind in "iu" and 0 < len(set(numbers.tolist())) == len(numbers) < dim
    if not right or numbers.min() < 0 or numbers.max() >= dim:
        expected = f"different columns, some of 0 to {dim - 1} and not all"
        raise ConfigError(f"given: found {told(given)}, expected {expected}")
    return numbers.astype(np.intp), np.setdiff1d(np.arange(dim), numbers)


def _log_density(apart: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log density of a Gaussian, shape (N,), at distances (N, M) from its mean."""
    linalg = scipy_linalg()
    root = np.linalg.cholesky(covariance)
    white = linalg.solve_triangular(root, apart.T, lower=True)
    constant = len(covariance) * np.log(2 * np.pi) / 2 + np.log(np.diagonal(root)).sum()
    found: NDArray[np.float64] = -0.5 * np.square(white).sum(axis=0) - constant
    return found


def _log_sum(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    peak = joint.max(axis=1)
    return peak + np.log(np.exp(joint - peak[:, None]).sum(axis=1))
