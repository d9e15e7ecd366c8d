"""Unsupervised adaptation of PLDA and back ends to another domain by unlabeled i-vectors."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.blocks import single_threaded_blas
from gmmspeech.errors import ConfigError, DataError, ModelError, counted
from gmmspeech.linear.lda import joint_eigh
from gmmspeech.speaker.backend import BackEnd
from gmmspeech.speaker.plda import PLDA
from gmmspeech.speaker.transforms import as_vectors


@checked
def adapt_plda(
    plda: PLDA,
    x: ArrayLike,
    *,
    within_scale: float = 0.3,
    between_scale: float = 0.7,
    mean_scale: float = 1.0,
) -> PLDA:
    r"""Adapt PLDA to a domain by unlabeled vectors, as Kaldi's ``ivector-adapt-plda``.

    The mean becomes that of the vectors. In directions in which they vary more than the model, the excess is divided
    between sessions and speakers. With the model's total covariance :math:`T = W + B`, the covariance :math:`C` of the
    vectors plus :math:`\mu d d^T` for the shift :math:`d` of the mean, and the solutions of
    :math:`C p_i = s_i T p_i` with :math:`p_i^T T p_i = 1`,

    .. math::
        E = \sum_{s_i > 1} (s_i - 1) \, T p_i p_i^T T, \qquad W \leftarrow W + \omega E, \quad B \leftarrow B + \beta E

    Directions in which they vary less are not changed, because the vectors may be of few speakers.

    Parameters
    ----------
    plda : PLDA
    x : array-like, shape (N, R)
        Input vectors for `plda`, of two or more utterances; a good covariance needs hundreds, of many speakers.
    within_scale, between_scale : float
        The shares :math:`\omega` and :math:`\beta` of the excess, at least 0; usually they sum to 1.
    mean_scale : float
        The weight :math:`\mu` of the shift, at least 0.

    Returns
    -------
    PLDA
        Its speaker subspace has all R dimensions if B changes.

    Raises
    ------
    FeatureError
        Vectors of another dimension, or not finite.
    DataError
        Fewer than two vectors.
    ConfigError
        A scale below 0.
    ModelError
        A `plda` that is singular.

    See Also
    --------
    adapt_backend : adapts the transforms too.

    References
    ----------
    D. Povey et al., Kaldi, ``ivector/plda.cc`` (PldaUnsupervisedAdaptor), 2016.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> plda = gs.speaker.PLDA(np.zeros(1), np.array([[1.0]]), np.eye(1))
    >>> adapted = gs.speaker.adapt_plda(plda, [[-2.0], [6.0]], mean_scale=0.0)  # of variance 16, not 2
    >>> adapted.mean, adapted.within.round(6), adapted.between.round(6)
    (array([2.]), array([[5.2]]), array([[10.8]]))
    """
    for name, scale in (("within_scale", within_scale), ("between_scale", between_scale), ("mean_scale", mean_scale)):
        if not (math.isfinite(scale) and scale >= 0):
            raise ConfigError(f"{name}: found {scale!r}, expected a number from 0")
    vectors = as_vectors(x, dim=len(plda.mean))
    if len(vectors) < 2:
        raise DataError(f"adaptation: found {counted(len(vectors), 'vector')}, expected two or more")
    with single_threaded_blas():  # the last bits would depend on its threads
        mean = vectors.mean(axis=0)
        shift = mean - plda.mean
        covariance = (vectors - mean).T @ (vectors - mean) / len(vectors) + mean_scale * np.outer(shift, shift)
        excess = _excess(covariance, plda.within + plda.between)
        factors = plda.factors if not (between_scale and excess.any()) else _root(plda.between + between_scale * excess)
        return PLDA(mean, factors, plda.within + within_scale * excess)


@checked
def adapt_backend(
    backend: BackEnd,
    x: ArrayLike,
    *,
    within_scale: float = 0.3,
    between_scale: float = 0.7,
    mean_scale: float = 1.0,
    extractor_digest: str | None = None,
) -> BackEnd:
    """Adapt a back end to a domain by unlabeled i-vectors.

    Its first transform then subtracts their mean instead of that of the training data. PLDA is adapted to the
    transformed vectors (`adapt_plda`).

    Parameters
    ----------
    backend : BackEnd
    x : array-like, shape (N, R)
        i-vectors.
    within_scale, between_scale, mean_scale
        As in `adapt_plda`.
    extractor_digest : str, optional
        Digest of their extractor; a `ModelError` if the back end was trained with another one.

    Returns
    -------
    BackEnd

    Raises
    ------
    FeatureError, DataError, ConfigError, ModelError
        As for `adapt_plda`; a back end with cosine scoring and no transforms, which can't be adapted.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> speakers = np.repeat(np.arange(50), 4)
    >>> x = 3 * rng.normal(size=(50, 3))[speakers] + rng.normal(size=(200, 3))
    >>> backend = gs.speaker.train_backend(x, speakers, steps=["center"])
    >>> adapted = gs.speaker.adapt_backend(backend, x + 5)
    >>> np.abs(adapted.transform(x + 5).mean(axis=0)).max() < 1e-9
    np.True_
    """
    vectors = as_vectors(x)
    if not backend.transforms and backend.plda is None:
        raise ModelError("back end: found neither transforms nor PLDA, expected something to adapt")
    backend.transform(vectors, extractor_digest=extractor_digest)  # checks them
    if backend.transforms:
        first, *rest = backend.transforms
        backend = replace(backend, transforms=(replace(first, mean=vectors.mean(axis=0)), *rest))
    if backend.plda is None:
        return backend
    scales = {"within_scale": within_scale, "between_scale": between_scale, "mean_scale": mean_scale}
    return replace(backend, plda=adapt_plda(backend.plda, backend.transform(vectors), **scales))


def _excess(covariance: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of a covariance that is more than another one, in the directions in which it is."""
    try:
        ratios, directions = joint_eigh(covariance, total)
    except np.linalg.LinAlgError as error:
        raise ModelError("PLDA: found a total covariance that is not positive definite") from error
    axes = total @ directions
    return (axes * np.maximum(ratios - 1, 0.0)) @ axes.T


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors, (R, R), whose product with their transpose is a covariance."""
    variances, directions = np.linalg.eigh(covariance)
    return directions[:, ::-1] * np.sqrt(np.maximum(variances[::-1], 0.0))
