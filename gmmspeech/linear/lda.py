"""Linear discriminant analysis: the directions in which classes differ most for their spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError, DataError, counted
from gmmspeech.linear.statistics import Additive, check_determined, finite_frames


@dataclass(frozen=True)
class LDAStats(Additive):
    """Class statistics of frames; they add."""

    n: NDArray[np.float64]
    sum_x: NDArray[np.float64]
    sum_xx: NDArray[np.float64]


def accumulate_lda(frames: NDArray[np.floating], labels: NDArray[np.integer], num_classes: int) -> LDAStats:
    """Class statistics of labeled frames. Costs D**2 multiplications a frame.

    Shapes: `frames` (T, D), `labels` (T,).
    """
    x = finite_frames(frames)
    if labels.shape != (len(x),):
        raise DataError(f"labels: found shape {labels.shape}, expected ({len(x)},), one for each frame")
    if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise DataError(f"labels: found {labels.min()} to {labels.max()}, expected 0 to {num_classes - 1}")
    from scipy import sparse

    members = sparse.csr_array((np.ones(len(x)), (labels, np.arange(len(x)))), shape=(num_classes, len(x)))
    return LDAStats(np.bincount(labels, minlength=num_classes).astype(np.float64), np.asarray(members @ x), x.T @ x)


def lda(stats: LDAStats, dim: int) -> NDArray[np.float64]:
    r"""Linear discriminant transform (Fisher 1936; Rao 1948; for speech Haeb-Umbach and Ney 1992).

    With N frames, class means m_c and overall mean m,

    Gives (dim, D).
    """
    seen = stats.n > 0
    full, most = len(stats.sum_xx), min(len(stats.sum_xx), int(seen.sum()) - 1)
    if not 1 <= dim <= most:
        raise ConfigError(
            f"dim: found {dim}, expected 1 to {most}, with frames of {counted(full, 'dimension')} "
            f"in {counted(seen.sum(), 'class')}"
        )
    total = stats.n.sum()
    scaled = stats.sum_x[seen] / np.sqrt(stats.n[seen])[:, None]
    about_zero = scaled.T @ scaled / total  # of the class means
    mean = stats.sum_x.sum(axis=0) / total
    within = stats.sum_xx / total - about_zero
    between = about_zero - np.outer(mean, mean)
    check_determined(within, "LDA", total, stats.sum_xx / total)
    return discriminants(between, within, dim)


def discriminants(between: NDArray[np.float64], within: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
    """Rows a, (dim, D), of the largest λ in ``between a = λ within a``, in decreasing order; within becomes I."""
    full = len(within)
    from scipy.linalg import eigh

    return fix_signs(eigh(between, within, subset_by_index=(full - dim, full - 1))[1].T[::-1])


def fix_signs(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give every row the sign with which its largest coefficient is positive."""
    largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(rows * np.sign(largest))
