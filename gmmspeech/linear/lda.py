"""Linear discriminant analysis: the directions in which classes differ most for their spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import eigh

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.linear.statistics import Additive, check_determined, finite_frames


@dataclass(frozen=True)
class LDAStats(Additive):
    """Class statistics of frames; they add.

    Parameters
    ----------
    n : ndarray, shape (C,), float64
        Frames of each class.
    sum_x : ndarray, shape (C, D), float64
        Their sums.
    sum_xx : ndarray, shape (D, D), float64
        ``sum_t x_t x_t^T`` over the frames of all classes.
    """

    n: NDArray[np.float64]
    sum_x: NDArray[np.float64]
    sum_xx: NDArray[np.float64]


def accumulate_lda(frames: NDArray[np.floating], labels: NDArray[np.integer], num_classes: int) -> LDAStats:
    """Class statistics of labeled frames. Costs D**2 multiplications a frame.

    Parameters
    ----------
    frames : ndarray, shape (T, D)
    labels : ndarray of int, shape (T,)
        Class of each frame, from 0 to `num_classes` - 1.
    num_classes : int
        C, the same for all statistics that are to be added.

    Returns
    -------
    LDAStats

    Raises
    ------
    DataError
        Labels of another number than the frames, or outside the classes.
    FeatureError
        NaN or infinity in a frame.

    Examples
    --------
    >>> import numpy as np
    >>> accumulate_lda(np.array([[1.0], [2.0], [5.0]]), np.array([0, 0, 1]), 2).sum_x
    array([[3.],
           [5.]])
    """
    x = finite_frames(frames)
    if labels.shape != (len(x),):
        raise DataError(f"labels: found shape {labels.shape}, expected ({len(x)},), one for each frame")
    if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise DataError(f"labels: found {labels.min()} to {labels.max()}, expected 0 to {num_classes - 1}")
    members = sparse.csr_array((np.ones(len(x)), (labels, np.arange(len(x)))), shape=(num_classes, len(x)))
    return LDAStats(np.bincount(labels, minlength=num_classes).astype(np.float64), np.asarray(members @ x), x.T @ x)


def lda(stats: LDAStats, dim: int) -> NDArray[np.float64]:
    r"""Linear discriminant transform (Fisher 1936; Rao 1948; for speech Haeb-Umbach and Ney 1992).

    With N frames, class means m_c and overall mean m,

    - within-class covariance S_w = (Σ_t x_t x_tᵀ - Σ_c n_c m_c m_cᵀ) / N,
    - between-class covariance S_b = Σ_c n_c (m_c - m)(m_c - m)ᵀ / N,

    the rows w of the transform W solve S_b w = λ S_w w and come in the order of decreasing λ, the between-class
    variance along the row. The within-class covariance of the transformed frames is the identity (W S_w Wᵀ = I),
    as in Kaldi's est-lda and scikit-learn's "eigen" solver. The transform is linear: no mean is removed, as by
    default in Kaldi. Of each row's two signs the one is taken whose largest coefficient is positive.

    Parameters
    ----------
    stats : LDAStats
    dim : int
        Rows to keep: at most D, and fewer than there are classes with frames, for S_b has no more directions.

    Returns
    -------
    ndarray, shape (dim, D), float64
        For `apply_transform`.

    Raises
    ------
    ConfigError
        `dim` out of its range.
    ModelError
        Singular within-class covariance.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.array([[0.0, 1], [0, -1], [1, 0], [-1, 0]])
    >>> shifted = frames + [4, 0]
    >>> stats = accumulate_lda(np.concatenate([frames, shifted]), np.repeat([0, 1], 4), 2)
    >>> lda(stats, 1).round(4)
    array([[1.4142, 0.    ]])
    """
    seen = stats.n > 0
    full, most = len(stats.sum_xx), min(len(stats.sum_xx), int(seen.sum()) - 1)
    if not 1 <= dim <= most:
        raise ConfigError(
            f"dim: found {dim}, expected 1 to {most}, with frames of {full} dimensions in {seen.sum()} classes"
        )
    total = stats.n.sum()
    scaled = stats.sum_x[seen] / np.sqrt(stats.n[seen])[:, None]
    about_zero = scaled.T @ scaled / total  # of the class means
    mean = stats.sum_x.sum(axis=0) / total
    within = stats.sum_xx / total - about_zero
    between = about_zero - np.outer(mean, mean)
    check_determined(within, "LDA", total)
    rows = eigh(between, within, subset_by_index=(full - dim, full - 1))[1].T[::-1]
    largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(rows * np.sign(largest))
