r"""Covariance types of mixtures: "full", "tied", "diag", "spherical", as scikit-learn names them.

EM keeps them as matrices (K, D, D) or as variances (K, D), with shared covariances or variances repeated; a mixture has
them in the shapes of scikit-learn: (K, D, D), (D, D), (K, D), (K,).

The variance floor (`gmmspeech.gmm.floors`) holds in every direction: with the floors of the columns on the diagonal of
F, all :math:`v^T C v \ge v^T F v`. If an update is below, its eigenvalues relative to F are raised to 1, which gives
the most likely matrix above F. As with variances, a matrix is never raised above its value before the update, so that
the likelihood can't fall.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.checks import real_array
from gmmspeech.errors import ModelError
from gmmspeech.gmm import em, floors
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.parameters import check_full_parameters, check_parameters
from gmmspeech.gmm.stats import GMMStats

KINDS = ("full", "tied", "diag", "spherical")
MATRICES = ("full", "tied")


def check(kind: str, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> Parameters:
    """Parameters with covariances of a kind, in its own shape, as float64, or a `ModelError`."""
    given = {"means": means, "covariances": covariances}
    m, c = (real_array(x, name, ModelError).astype(np.float64) for name, x in given.items())
    shape = m.shape
    expected = {"full": (*shape, *shape[1:]), "tied": shape[1:] * 2, "diag": shape, "spherical": shape[:1]}[kind]
    if len(shape) != 2 or c.shape != expected:
        raise ModelError(f"found means, covariances of shapes {shape}, {c.shape}, expected (K, D), {expected} ({kind})")
    whole = check_full_parameters if kind in MATRICES else check_parameters
    w, m, _ = whole(weights, m, expanded(kind, c, shape))
    return w, m, c


def expanded(kind: str, covariances: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Covariances as EM knows them: matrices (K, D, D) or variances (K, D)."""
    if kind == "tied":
        return np.broadcast_to(covariances, (*shape, shape[1]))
    return np.broadcast_to(covariances[:, None], shape) if kind == "spherical" else covariances


def contracted(kind: str, covariances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariances in the shape that a mixture of a kind shows."""
    if kind == "tied":
        return covariances[0].copy()
    return covariances[:, 0].copy() if kind == "spherical" else covariances


def as_kind(kind: str, parameters: Parameters) -> Parameters:
    """Parameters of another kind, as EM knows them, as a start of a kind: means of variances, or no correlations."""
    weights, means, found = parameters
    if kind not in MATRICES and found.ndim == 3:
        found = np.einsum("kii->ki", found)
    elif kind in MATRICES and found.ndim == 2:
        found = found[:, :, None] * np.eye(means.shape[1])
    if kind == "tied":
        found = np.broadcast_to(np.average(found, axis=0, weights=weights), found.shape)
    elif kind == "spherical":
        found = np.broadcast_to(found.mean(axis=1, keepdims=True), found.shape)
    return weights, means, found


def m_step(kind: str) -> em.MStep:
    """Update of mixtures of a kind."""
    if kind == "diag":
        return em.update
    return partial(_update_spherical if kind == "spherical" else _update_matrices, kind == "tied")


def num_free(kind: str, shape: tuple[int, ...]) -> int:
    """Free parameters of the covariances."""
    (components, dim), triangle = shape, shape[1] * (shape[1] + 1) // 2
    return {"full": components * triangle, "tied": triangle, "diag": components * dim, "spherical": components}[kind]


def _update_spherical(
    _: bool, stats: GMMStats, variance_floor: NDArray[np.float64], *, previous: Parameters
) -> tuple[Parameters, int]:
    """Variances are those of `em.update` without a floor, averaged over the columns, above the floors' average."""
    nowhere = np.full_like(variance_floor, np.finfo(np.float64).tiny)
    weights, means, variances = em.maximize(stats, nowhere, previous=previous)
    average = np.broadcast_to(variances.mean(axis=1, keepdims=True), variances.shape)
    floor = np.full_like(variance_floor, variance_floor.mean())
    floored = floors.apply(floor, stats.n, means, average, previous=previous[2])
    variances = np.broadcast_to(floored.variances.max(axis=1, keepdims=True), means.shape)
    return (weights, means, variances), floored.number // len(floor)


def _update_matrices(
    tied: bool, stats: GMMStats, variance_floor: NDArray[np.float64], *, previous: Parameters
) -> tuple[Parameters, int]:
    """Maximum-likelihood update of full covariances, or of the one that all have, floored."""
    total = stats.n.sum()
    if not np.isfinite(total) or total <= 0:
        raise ModelError(f"EM: found {total:g} frames over all components, expected a positive number")
    scatter = stats.scatter_about(stats.center, 1 if tied else len(stats.n))
    alive = stats.n > np.finfo(np.float32).tiny * total
    n = np.where(alive, stats.n, total)
    means = np.where(alive[:, None], stats.sum_x / n[:, None], previous[1])
    apart = means - stats.center
    least = np.maximum(variance_floor, floors.ROUNDING * (means - stats.n @ means / total) ** 2)
    if tied:
        spread = (scatter[0] - (stats.n[:, None] * apart).T @ apart) / total
        covariance, number = _floored(spread, least.max(axis=0), previous[2][0])
        return (stats.n / total, means, np.broadcast_to(covariance, previous[2].shape)), number
    covariances, number = previous[2].copy(), 0
    for k in np.flatnonzero(alive):
        spread = scatter[k] / n[k] - np.outer(apart[k], apart[k])
        covariances[k], below = _floored(spread, least[k], previous[2][k])
        number += below
    return (stats.n / total, means, covariances), number


def _floored(
    covariance: NDArray[np.float64], floor: NDArray[np.float64], previous: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    """Most likely matrix above a floor (D,), and in how many directions it lies on it."""
    scale = np.sqrt(floor)
    unit = np.outer(scale, scale)
    relative = (covariance + covariance.T) / (2 * unit)
    try:
        np.linalg.cholesky(relative - np.eye(len(floor)))
        return relative * unit, 0
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(previous / unit)  # what lay below the floor before may stay as low as it was
    root = np.sqrt(np.clip(values, np.finfo(np.float64).eps, 1))
    up, down = (vectors * root) @ vectors.T, (vectors / root) @ vectors.T
    values, vectors = np.linalg.eigh(down @ relative @ down)
    found = up @ ((vectors * np.maximum(values, 1)) @ vectors.T) @ up
    return (found + found.T) / 2 * unit, int((values < 1).sum())


def num_directions(kind: str, shape: tuple[int, ...]) -> int:
    """Count the variances, in whichever direction, that a floor is for."""
    return {"tied": shape[1], "spherical": shape[0]}.get(kind, shape[0] * shape[1])
