"""Transforms and scores of i-vectors: whitening, length normalization, LDA, WCCN, cosine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check_fields, checked
from gmmspeech.checks import as_labels, check_each_has, check_parameters_finite, first_bad, real_array
from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError, counted
from gmmspeech.linear.lda import discriminants, fix_signs

SMALLEST_RATIO = 1e-10  # of variances within classes to those of all vectors; less is rounding
CONSTANT = 1e-10  # part of its mean by which a dimension deviates at least


@dataclass(frozen=True, eq=False)
class AffineTransform:
    """The map x -> matrix (x - mean), optionally followed by length normalization.

    Parameters
    ----------
    mean : ndarray, shape (R,), float64
    matrix : ndarray, shape (S, R), float64
    unit_length : bool
        Scale the result to length 1; see `length_normalize`.

    Examples
    --------
    >>> import numpy as np
    >>> AffineTransform(np.array([1.0, 1.0]), 2 * np.eye(2))([[2.0, 3.0]])
    array([[2., 4.]])
    """

    mean: NDArray[np.float64]
    matrix: NDArray[np.float64]
    unit_length: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        if self.matrix.ndim != 2 or self.mean.shape != self.matrix.shape[1:]:
            raise ModelError(
                f"transform: found mean and matrix of shapes {self.mean.shape} and {self.matrix.shape}, "
                "expected (R,) and (S, R)"
            )
        check_parameters_finite("transform", mean=self.mean, matrix=self.matrix)

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Transform vectors, (U, R) to (U, S)."""
        vectors = (as_vectors(x, dim=len(self.mean)) - self.mean) @ self.matrix.T
        return length_normalize(vectors) if self.unit_length else vectors


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """First- and second-order statistics of labeled vectors.

    Parameters
    ----------
    counts : ndarray, shape (S,), float64
        Number of vectors in each class.
    means : ndarray, shape (S, R)
        Mean of each class.
    mean : ndarray, shape (R,)
        Mean of all vectors.
    within : ndarray, shape (R, R)
        Scatter of the vectors about the means of their classes, divided by the number of vectors.
    """

    counts: NDArray[np.float64]
    means: NDArray[np.float64]
    mean: NDArray[np.float64]
    within: NDArray[np.float64]

    @property
    def between(self) -> NDArray[np.float64]:
        """Covariance of the class means, (R, R), with classes weighted by their number of vectors."""
        shifts = self.means - self.mean
        return (shifts * self.counts[:, None]).T @ shifts / self.counts.sum()


def class_statistics(x: ArrayLike, labels: ArrayLike) -> ClassStatistics:
    """Compute the statistics for LDA, WCCN and PLDA."""
    vectors, names = as_vectors(x), as_labels(labels)
    check_each_has(names, len(vectors), "vector")
    if not len(vectors):
        raise DataError("found no vector, expected one or more")
    _, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(sums, which, vectors)
    means = sums / counts[:, None]
    inner = vectors - means[which]
    return ClassStatistics(counts.astype(np.float64), means, vectors.mean(axis=0), inner.T @ inner / len(vectors))


def whitening(x: ArrayLike) -> AffineTransform:
    r"""Transform after which the vectors have mean 0 and covariance I: :math:`\Lambda^{-1/2} Q^T S^{-1} (x - m)`.

    S has the standard deviations of the dimensions, and :math:`Q \Lambda Q^T` is their correlation matrix. Rows are in
    the order of decreasing λ, with the sign that makes the largest coefficient positive.
    """
    vectors = as_vectors(x)
    mean = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1])
    centered = vectors - mean
    covariance = centered.T @ centered / max(len(vectors), 1)
    _check_covariance(covariance, covariance, "whitening: covariance", vectors, np.zeros(len(vectors)))
    scale = 1 / np.sqrt(np.diagonal(covariance))
    variances, directions = np.linalg.eigh(covariance * scale[:, None] * scale)
    return AffineTransform(mean, fix_signs((directions / np.sqrt(variances)).T[::-1] * scale))


def lda(x: ArrayLike, labels: ArrayLike, dim: int) -> AffineTransform:
    r"""Linear discriminant analysis: the directions in which speakers differ most, within-class covariance I.

    With :math:`S_b` the covariance of the class means and :math:`S_w` that within the classes, rows a of the transform
    solve :math:`S_b a = \lambda S_w a`, in the order of decreasing λ. The mean of all vectors is subtracted.
    """
    stats = class_statistics(x, labels)
    full = len(stats.mean)
    most = min(full, len(stats.counts) - 1)
    if not 1 <= dim <= most:
        raise ConfigError(
            f"lda: found dim = {dim}, expected 1 to {most}, with {counted(full, 'dimension')} and "
            f"{counted(len(stats.counts), 'class')}"
        )
    return AffineTransform(stats.mean, discriminants(stats.between, within_covariance(stats, "lda", x, labels), dim))


def wccn(x: ArrayLike, labels: ArrayLike) -> AffineTransform:
    r"""Within-class covariance normalization (Hatch, Kajarekar, Stolcke 2006).

    The transform is :math:`B^T x` with :math:`B B^T = W^{-1}`, where W is the covariance within the classes. No mean is
    subtracted, because for cosine scores this has been done before.
    """
    within = within_covariance(class_statistics(x, labels), "wccn", x, labels)
    return AffineTransform(np.zeros(len(within)), np.linalg.cholesky(np.linalg.inv(within)).T)


def within_covariance(stats: ClassStatistics, name: str, x: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Within-class covariance of statistics, or a `ModelError` that tells how to get one that is not singular."""
    codes = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.float64)
    whole = stats.within + stats.between
    _check_covariance(stats.within, whole, f"{name}: within-class covariance", as_vectors(x), codes)
    return stats.within


def check_means_differ(stats: ClassStatistics, name: str) -> None:
    """Raise a `ModelError` if the means of all classes are the same but for rounding."""
    between, within = np.diagonal(stats.between), np.diagonal(stats.within)
    if not (between > (1e-14 * np.abs(stats.mean)) ** 2 + 1e-28 * within).any():
        raise ModelError(
            f"{name}: found the same mean in all {counted(len(stats.counts), 'class')}, expected them to differ"
        )


def _check_covariance(
    covariance: NDArray[np.float64],
    whole: NDArray[np.float64],
    name: str,
    vectors: NDArray[np.float64],
    classes: NDArray[np.float64],
) -> None:
    """Raise a `ModelError` unless a covariance can be inverted, whatever the units; `whole` is that of all vectors."""
    dim = len(whole)
    deviations = np.sqrt(np.diagonal(whole))
    mean = np.abs(vectors.mean(axis=0)) if len(vectors) else np.zeros(dim)
    varies = deviations > CONSTANT * mean
    scale = 1 / deviations[varies]
    values = np.linalg.eigvalsh(covariance[np.ix_(varies, varies)] * scale[:, None] * scale)
    rank = int((values > SMALLEST_RATIO).sum())
    if rank == dim:
        return
    number = int(classes.max(initial=0)) + 1
    of_classes = f" of {counted(number, 'class')}" if covariance is not whole else ""
    found = (
        f"found it singular, from {counted(len(vectors), 'vector')}{of_classes} in "
        f"{counted(dim, 'dimension')}: 0 in {dim - rank} of them"
    )
    raise ModelError(f"{name}: {found}, as {_why_singular(vectors, classes, varies, bool(of_classes))}")


def _why_singular(
    vectors: NDArray[np.float64], classes: NDArray[np.float64], varies: NDArray[np.bool_], within: bool
) -> str:
    """Say why a covariance is singular, and what helps."""
    if not varies.all() and len(vectors) > 1 and varies.any():
        return f"dimension {int(varies.argmin())} is the same in all vectors; expected such dimensions left out"
    distinct, number = len(np.unique(np.column_stack([classes, vectors]), axis=0)), int(classes.max(initial=0)) + 1
    fewer = "fewer dimensions (a lower rank of the i-vectors)"
    if within and distinct == number:
        once = "one vector" if len(vectors) == number else "one distinct vector"
        sessions = "different vectors of the same class (numpy.array_split of an utterance's frames gives some)"
        return f"every class has {once}; expected {sessions}"
    if distinct - number < len(varies):
        repeated = "" if distinct == len(vectors) else f", {distinct} of them distinct,"
        most = "that less the number of classes" if within else "one less"
        return f"so many vectors{repeated} vary in no more dimensions than {most}; expected more vectors, or {fewer}"
    return f"a dimension is a combination of others, or vectors repeat but for rounding; expected {fewer}"


@checked
def length_normalize(x: ArrayLike) -> NDArray[np.float64]:
    """Scale every vector to length 1 (Garcia-Romero and Espy-Wilson 2011).

    Parameters
    ----------
    x : array_like, shape (U, R)

    Returns
    -------
    ndarray, shape (U, R), float64

    Raises
    ------
    FeatureError
        A vector of length 0, NaN or infinity, or another number of dimensions.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.speaker.length_normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    vectors = as_vectors(x)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise FeatureError(f"vector {int((lengths[:, 0] > 0).argmin())}: found length 0, expected a direction")
    return vectors / lengths


@checked
def cosine_scores(models: ArrayLike, tests: ArrayLike) -> NDArray[np.float64]:
    """Score all models against all tests by the cosine of the angle between them.

    Parameters
    ----------
    models : array_like, shape (M, R)
    tests : array_like, shape (U, R)

    Returns
    -------
    ndarray, shape (M, U), float64
        From -1 to 1.

    Raises
    ------
    FeatureError
        As for `length_normalize`, or vectors of different dimensions R.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.speaker.cosine_scores([[1.0, 0.0]], [[2.0, 0.0], [0.0, 1.0]])
    array([[1., 0.]])
    """
    rows, columns = as_vectors(models), as_vectors(tests)
    return length_normalize(rows) @ length_normalize(as_vectors(columns, dim=rows.shape[1])).T


@checked
def average_sessions(
    vectors: Mapping[str, NDArray], sessions: Mapping[str, Sequence[str]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compute the mean vector and the number of every model's enrollment sessions.

    Parameters
    ----------
    vectors : mapping
        Vector (R,) of each utterance.
    sessions : mapping
        Utterances of each model, as in a ``spk2utt`` file.

    Returns
    -------
    means : ndarray, shape (M, R)
        In the order of `sessions`.
    counts : ndarray, shape (M,), int

    Raises
    ------
    DataError
        A model without utterances, or an utterance without a vector.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.speaker.average_sessions({"a1": np.array([0.0]), "a2": np.array([1.0])}, {"ann": ["a1", "a2"]})
    (array([[0.5]]), array([2]))
    """
    means = []
    for model, utterances in sessions.items():
        missing = [utterance for utterance in utterances if utterance not in vectors]
        if missing or not utterances:
            found = f"utterance {missing[0]} has no vector" if missing else "found no utterance, expected one or more"
            raise DataError(f"model {model}: {found}")
        means.append(np.mean([vectors[utterance] for utterance in utterances], axis=0))
    return np.array(means, dtype=np.float64), np.array([len(u) for u in sessions.values()], dtype=np.int64)


def as_vectors(x: ArrayLike, *, dim: int | None = None) -> NDArray[np.float64]:
    """Vectors as float64 (U, R), or a `FeatureError`."""
    if hasattr(x, "columns"):
        raise FeatureError(f"found a {type(x).__name__}, whose names of columns are not kept, expected an array")
    vectors = real_array(x, "vectors").astype(np.float64, copy=False)
    if vectors.ndim != 2 or dim not in (None, vectors.shape[1]):
        expected = "two dimensions (utterances, coefficients)" if dim is None else f"(utterances, {dim})"
        raise FeatureError(f"found vectors of shape {vectors.shape}, expected {expected}")
    bad = first_bad(vectors)
    if bad is not None:
        raise FeatureError(f"vector {bad[0]}: found NaN or infinity, expected finite numbers")
    return vectors
