"""Linear discriminant analysis: the directions in which classes differ most relative to their spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import single_threaded_blas
from gmmspeech.checks import check_each_has
from gmmspeech.errors import ConfigError, DataError, ModelError, counted
from gmmspeech.linear.statistics import SMALLEST_PIVOT, check_determined, finite_frames

ROUNDING = 1e-13  # of the mean: a deviation that frames of one value seem to have


@dataclass(frozen=True, eq=False)
class LDAStats:
    """Class statistics of frames; they add.

    The scatter, (D, D), is the sum of the products of frames less the mean of their class: sums about zero would lose
    digits where frames have a common offset that is large for their spread.
    """

    n: NDArray[np.float64]
    means: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @property
    def sum_x(self) -> NDArray[np.float64]:
        """Sum of the frames of each class."""
        return self.n[:, None] * self.means

    def __add__(self, other: LDAStats | int) -> LDAStats:
        if isinstance(other, int) and other == 0:  # what sum() starts from
            return self
        if not isinstance(other, LDAStats):
            return NotImplemented
        if self.means.shape != other.means.shape:
            raise ModelError(f"LDAStats: means of shape {self.means.shape} and {other.means.shape} do not add")
        rows = np.flatnonzero(other.n)  # of an utterance, few of many classes
        ours, theirs = self.n[rows], other.n[rows]
        share = theirs / (ours + theirs)
        shifts = other.means[rows] - self.means[rows]
        means = self.means.copy()
        means[rows] += share[:, None] * shifts
        apart = np.sqrt(ours * share)[:, None] * shifts  # nothing of a class that was not seen before
        return LDAStats(self.n + other.n, means, self.scatter + other.scatter + apart.T @ apart)

    __radd__ = __add__


@single_threaded_blas()  # the last bits would depend on its threads
def accumulate_lda(frames: NDArray[np.floating], labels: NDArray[np.integer], num_classes: int) -> LDAStats:
    """Class statistics of labeled frames. Costs D**2 multiplications a frame.

    Shapes: `frames` (T, D), `labels` (T,).
    """
    x = finite_frames(frames)
    check_each_has(labels, len(x), "frame")
    if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise DataError(f"labels: found {labels.min()} to {labels.max()}, expected 0 to {num_classes - 1}")
    from scipy import sparse

    seen, row, counts = np.unique(labels, return_inverse=True, return_counts=True)
    members = sparse.csr_array((np.ones(len(x)), (row, np.arange(len(x)))), shape=(len(seen), len(x)))
    shift = x[0] if len(x) else np.zeros(x.shape[1])  # sums of what is left of a large offset keep their digits
    rest = x - shift
    inner = members @ rest / counts[:, None]
    rest -= inner[row]
    n, means = np.zeros(num_classes), np.zeros((num_classes, x.shape[1]))
    n[seen], means[seen] = counts, inner + shift
    return LDAStats(n, means, rest.T @ rest)


@single_threaded_blas()  # the last bits would depend on its threads
def lda(stats: LDAStats, dim: int) -> NDArray[np.float64]:
    r"""Linear discriminant transform (Fisher 1936; Rao 1948; for speech Haeb-Umbach and Ney 1992).

    With N frames, class means m_c and overall mean m,

    Gives (dim, D).
    """
    seen = stats.n > 0
    full, most = len(stats.scatter), min(len(stats.scatter), int(seen.sum()) - 1)
    if not 1 <= dim <= most:
        raise ConfigError(
            f"dim: found {dim}, expected 1 to {most}, with frames of {counted(full, 'dimension')} "
            f"in {counted(seen.sum(), 'class')}"
        )
    total = stats.n.sum()
    weights, means = stats.n[seen] / total, stats.means[seen]
    shifts = means - means[0]
    mean = weights @ shifts
    scaled = (shifts - mean) * np.sqrt(weights)[:, None]
    between, within = scaled.T @ scaled, stats.scatter / total
    rounding = np.diag((ROUNDING * (means[0] + mean)) ** 2) / SMALLEST_PIVOT
    check_determined(within, "LDA", total, within + between + rounding)
    return discriminants(between, within, dim)


def discriminants(between: NDArray[np.float64], within: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
    """Rows a, (dim, D), of the largest λ in ``between a = λ within a``, in decreasing order; within becomes I."""
    return fix_signs(joint_eigh(between, within)[1].T[::-1][:dim])


@single_threaded_blas()  # the last bits would depend on its threads
def joint_eigh(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues, rising, and columns v of ``a v = λ b v``, with ``v^T b v`` = 1; a LinAlgError if b has no root.

    SciPy does the same, but takes a fifth of a second to import, which is as long as a short command.
    """
    root = np.linalg.cholesky(b)
    values, vectors = np.linalg.eigh(np.linalg.solve(root, np.linalg.solve(root, a).T))
    return values, np.linalg.solve(root.T, vectors)


def fix_signs(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give every row the sign with which its largest coefficient is positive."""
    largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(rows * np.sign(largest))
