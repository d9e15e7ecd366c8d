r"""Mixtures with full or tied covariances, evaluated by matrix products.

Frames are whitened by the covariance of the whole mixture, :math:`z = W (x - s)`; with the products of pairs of columns
appended, log density and log weight of every component are one matrix product, as with diagonal covariances:

    log w_k N(x; mu_k, C_k) = [1, z, z_i z_j for i <= j] @ matrix[:, k]

Components with a tied covariance, whitened by it, have variance 1 in every column, so the kernels for diagonal
covariances evaluate them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gmmspeech.gmm.kernels import get_backend, numpy_kernel
from gmmspeech.gmm.kernels.parameters import NARROW, KernelParameters, pack
from gmmspeech.gmm.stats import GMMStats

BLOCK = 1024  # frames, of D (D + 3) / 2 + 1 numbers and K densities each


@dataclass(frozen=True, eq=False)
class FullParameters:
    """Packed mixture: see the module's text.

    Attributes
    ----------
    shift : ndarray, shape (D,), float64
    root : ndarray, shape (D, D), float64
        Cholesky factor of the covariance of the whole; W is its inverse.
    matrix : ndarray, shape (1 + D + D (D + 1) / 2, K), float64
    narrowest : float
        Least deviation of a component in any direction, that of the whole being one.
    """

    shift: NDArray[np.float64]
    root: NDArray[np.float64]
    matrix: NDArray[np.float64]
    narrowest: float

    @cached_property
    def matrix32(self) -> NDArray[np.float32]:
        """The matrix for float32 frames."""
        return self.matrix.astype(np.float32)

    @cached_property
    def whitening(self) -> NDArray[np.float64]:
        """W, transposed."""
        return np.asarray(np.linalg.inv(self.root).T, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class TiedParameters:
    """Packed mixture of one covariance in common.

    Attributes
    ----------
    shift : ndarray, shape (D,), float64
    root : ndarray, shape (D, D), float64
        Cholesky factor of the covariance.
    white : KernelParameters
        Of the whitened mixture, whose variances are 1.
    """

    shift: NDArray[np.float64]
    root: NDArray[np.float64]
    white: KernelParameters

    @cached_property
    def whitening(self) -> NDArray[np.float64]:
        """W, transposed."""
        return np.asarray(np.linalg.inv(self.root).T, dtype=np.float64)

    @cached_property
    def log_scale(self) -> float:
        """What brings a log density of whitened frames back to that of frames."""
        return float(-np.log(np.diagonal(self.root)).sum())


def pack_full(
    weights: NDArray[np.float64], means: NDArray[np.float64], covariances: NDArray[np.float64]
) -> FullParameters:
    """Pack a mixture with covariances (K, D, D)."""
    shift, dim = weights @ means, means.shape[1]
    apart = means - shift
    root = root_of_whole(weights, apart, covariances)
    whitening = np.linalg.inv(root)
    z_means, z_covariances = apart @ whitening.T, whitening @ covariances @ whitening.T
    values, vectors = np.linalg.eigh(z_covariances)
    values = np.maximum(values, np.finfo(np.float64).tiny)
    precisions = (vectors / values[:, None, :]) @ vectors.transpose(0, 2, 1)
    linear = np.einsum("kij,kj->ki", precisions, z_means)
    with np.errstate(divide="ignore"):  # a weight of zero is a component that never answers
        constants = np.log(weights) - np.log(np.diagonal(root)).sum() - 0.5 * dim * np.log(2 * np.pi)
    constants -= 0.5 * (np.log(values).sum(axis=1) + (linear * z_means).sum(axis=1))
    rows, columns = np.triu_indices(dim)
    quadratic = precisions[:, rows, columns] * np.where(rows == columns, -0.5, -1.0)
    matrix = np.concatenate([constants[:, None], linear, quadratic], axis=1).T
    return FullParameters(shift, root, np.ascontiguousarray(matrix), float(np.sqrt(values.min())))


def root_of_whole(
    weights: NDArray[np.float64], apart: NDArray[np.float64], covariances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Cholesky factor of the covariance of a whole mixture, whose means lie so far apart from its own, (K, D)."""
    whole = np.einsum("k,kij->ij", weights, covariances) + (weights[:, None] * apart).T @ apart
    return np.asarray(np.linalg.cholesky(whole), dtype=np.float64)


def pack_tied(
    weights: NDArray[np.float64], means: NDArray[np.float64], covariance: NDArray[np.float64]
) -> TiedParameters:
    """Pack a mixture with one covariance (D, D)."""
    shift, root = weights @ means, np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    z_means = np.asarray(np.linalg.solve(root, (means - shift).T).T, dtype=np.float64)
    return TiedParameters(shift, root, pack(weights, z_means, np.ones_like(means)))


def accumulate(
    frames: NDArray, parameters: FullParameters | TiedParameters, sample_weight: NDArray[np.float64] | None = None
) -> GMMStats:
    """Statistics of the frames under the mixture (the E-step), with sums of products of columns."""
    if isinstance(parameters, TiedParameters):
        return _accumulate_tied(frames, parameters, sample_weight)
    dim, log_likelihood = len(parameters.shift), 0.0
    sums = np.zeros(parameters.matrix.T.shape)
    for rows, expanded, joint in _blocks(frames, parameters):
        totals, sums_of_rows = numpy_kernel.exponentiate(joint)
        shares = 1 / sums_of_rows
        if sample_weight is not None:
            shares = (shares * sample_weight[rows]).astype(joint.dtype)
            totals *= sample_weight[rows]
        expanded *= shares[:, None]  # cheaper than dividing the B x K array
        sums += joint.T @ expanded
        log_likelihood += float(totals.sum())
    n, first = sums[:, 0].copy(), sums[:, 1 : 1 + dim]
    upper = np.zeros((len(n), dim, dim))
    rows_of, columns_of = np.triu_indices(dim)
    upper[:, rows_of, columns_of] = upper[:, columns_of, rows_of] = sums[:, 1 + dim :]
    num_frames = len(frames) if sample_weight is None else float(sample_weight.sum())
    return unwhitened(parameters, n, first, upper, log_likelihood, num_frames)


class Whitened(Protocol):
    """What frames are whitened by."""

    @property
    def shift(self) -> NDArray[np.float64]: ...
    @property
    def root(self) -> NDArray[np.float64]: ...


def unwhitened(
    parameters: Whitened,
    n: NDArray[np.float64],
    first: NDArray[np.float64],
    products: NDArray[np.float64],
    log_likelihood: float,
    num_frames: float,
) -> GMMStats:
    """Statistics of frames from those of whitened ones: counts, sums (K, D) and sums of products (K, D, D)."""
    scatter = parameters.root @ products @ parameters.root.T
    squares = np.einsum("kii->ki", scatter).copy()
    moved = first @ parameters.root.T
    sum_x = moved + n[:, None] * parameters.shift
    sum_xx = squares + parameters.shift * (moved + sum_x)
    return GMMStats(n, sum_x, sum_xx, log_likelihood, num_frames, parameters.shift, squares, scatter)


def _accumulate_tied(
    frames: NDArray, parameters: TiedParameters, sample_weight: NDArray[np.float64] | None
) -> GMMStats:
    """Statistics in which products of columns are summed over all components, which is all that an update needs."""
    z = _whitened(frames, parameters)
    white = get_backend().accumulate(z.astype(frames.dtype, copy=False), parameters.white, sample_weight)
    weighted = z if sample_weight is None else z * sample_weight[:, None]
    scatter = (parameters.root @ (z.T @ weighted) @ parameters.root.T)[None]
    sum_x = white.sum_x @ parameters.root.T + white.n[:, None] * parameters.shift
    log_likelihood = white.log_likelihood + white.num_frames * parameters.log_scale
    unknown = np.full_like(sum_x, np.nan)
    return GMMStats(white.n, sum_x, unknown, log_likelihood, white.num_frames, parameters.shift, None, scatter)


def log_likelihood(frames: NDArray, parameters: FullParameters | TiedParameters) -> NDArray[np.float64]:
    """Log-likelihood of every frame, shape (T,), float64, in nats."""
    if isinstance(parameters, TiedParameters):
        z = _whitened(frames, parameters).astype(frames.dtype, copy=False)
        return get_backend().log_likelihood(z, parameters.white) + parameters.log_scale
    out = np.empty(len(frames))
    for rows, _, joint in _blocks(frames, parameters):
        out[rows] = numpy_kernel.exponentiate(joint)[0]
    return out


def posteriors(frames: NDArray, parameters: FullParameters | TiedParameters) -> NDArray[np.float64]:
    """Posterior probability of every component, shape (T, K), float64, rows summing to one."""
    if isinstance(parameters, TiedParameters):
        return numpy_kernel.posteriors(_whitened(frames, parameters), parameters.white)
    out = np.empty((len(frames), parameters.matrix.shape[1]))
    for rows, _, joint in _blocks(frames, parameters):
        shares = 1 / numpy_kernel.exponentiate(joint)[1]
        np.multiply(joint, shares[:, None], out=out[rows])
    return out


def _whitened(frames: NDArray, parameters: FullParameters | TiedParameters) -> NDArray[np.float64]:
    return (frames - parameters.shift) @ parameters.whitening


def _blocks(frames: NDArray, parameters: FullParameters) -> Iterator[tuple[slice, NDArray, NDArray]]:
    """Yield rows, [1, z, pairs] and log w_k N(x_t) of shape (B, K)."""
    plain = frames.dtype == np.float32 and parameters.narrowest >= NARROW
    matrix: NDArray = parameters.matrix32 if plain else parameters.matrix
    dim = len(parameters.shift)
    starts = 1 + dim + np.concatenate([[0], np.cumsum(np.arange(dim, 0, -1))])
    for start in range(0, len(frames), BLOCK):
        rows = slice(start, min(start + BLOCK, len(frames)))
        expanded = np.empty((rows.stop - start, len(matrix)), matrix.dtype)
        expanded[:, 0] = 1
        z = expanded[:, 1 : 1 + dim]
        z[:] = _whitened(frames[rows], parameters)
        for i in range(dim):
            np.multiply(z[:, i : i + 1], z[:, i:], out=expanded[:, starts[i] : starts[i + 1]])
        yield rows, expanded, expanded @ matrix
