"""Statistics of LDA, MLLT and fMLLR: additive weighted sums of x x^T."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gmmspeech.checks import as_matrix, check_finite
from gmmspeech.errors import FeatureError, ModelError, counted

if TYPE_CHECKING:
    from scipy import sparse

BLOCK = 512  # frames whose products x_i x_j are held at once: D (D + 1) / 2 numbers each
SMALLEST_PIVOT = 1e-12  # of a covariance with unit diagonal; rounding alone leaves 1e-16 times the dimension

ComponentPosteriors: TypeAlias = "NDArray[np.floating] | sparse.csr_array"


class Additive:
    """A frozen dataclass of arrays and numbers that adds field by field, also under `sum`, and can be multiplied."""

    def __add__(self, other: Self | int) -> Self:
        if isinstance(other, int) and other == 0:  # what sum() starts from
            return self
        if not isinstance(other, type(self)):
            return NotImplemented
        pairs = [(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)]  # type: ignore[arg-type]
        for ours, theirs in pairs:
            if np.shape(ours) != np.shape(theirs):
                raise ModelError(
                    f"{type(self).__name__}: arrays of shape {np.shape(ours)} and {np.shape(theirs)} do not add"
                )
        return type(self)(*(ours + theirs for ours, theirs in pairs))

    __radd__ = __add__

    def __rmul__(self, factor: float) -> Self:
        return type(self)(*(factor * getattr(self, f.name) for f in fields(self)))  # type: ignore[arg-type]


def finite_frames(frames: NDArray[np.floating]) -> NDArray[np.float64]:
    """Frames as float64; FeatureError if they aren't a matrix of finite numbers."""
    check_finite("frames", as_matrix(frames), item="frame")
    return frames.astype(np.float64, copy=False)


def frames_of_model(
    frames: NDArray[np.floating],
    posteriors: ComponentPosteriors,
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Frames as float64, after a check that all four fit one another."""
    expected = (len(frames), len(means))
    if means.ndim != 2 or means.shape != variances.shape:
        raise ModelError(f"means and variances: found shapes {means.shape} and {variances.shape}, expected (K, D) both")
    if posteriors.shape != expected:
        raise ModelError(f"posteriors: found shape {posteriors.shape}, expected (frames, components) = {expected}")
    checked = finite_frames(frames)
    if checked.shape[1] != means.shape[1]:
        raise FeatureError(
            f"found frames of {counted(checked.shape[1], 'column')}, expected {means.shape[1]}, as the means have"
        )
    return checked


def occupancy(posteriors: ComponentPosteriors) -> NDArray[np.float64]:
    """Sum of the posteriors of each component, shape (K,)."""
    return np.ones(posteriors.shape[0]) @ posteriors


def weighted_moments(weights: NDArray[np.floating], frames: NDArray[np.floating]) -> NDArray[np.float64]:
    """One second moment ``sum_t w_tj x_t x_t^T`` for each column of weights.

    The D (D + 1) / 2 different products of a frame are formed once; all J moments then are one matrix product. Within a
    block of frames all is as precise as weights and frames are; the sums over blocks are float64.

    Shapes: `weights` (T, J), `frames` (T, D); gives (J, D, D).
    """
    dim = frames.shape[1]
    packed = np.zeros((dim * (dim + 1) // 2, weights.shape[1]))
    products = np.empty((len(packed), min(BLOCK, len(frames))), frames.dtype)
    for start in range(0, len(frames), BLOCK):
        here = slice(start, start + BLOCK)
        packed += frame_products(frames[here], products) @ weights[here]
    return unpacked(packed, dim)


def frame_products(frames: NDArray[np.floating], out: NDArray[np.floating]) -> NDArray[np.floating]:
    """Different products x_i x_j of frames, (D (D + 1) / 2, T), in the first columns of an array."""
    columns, dim, row = np.ascontiguousarray(frames.T, out.dtype), frames.shape[1], 0
    products = out[:, : len(frames)]
    for d in range(dim):  # row by row of the upper triangle
        np.multiply(columns[d], columns[d:], out=products[row : row + dim - d])
        row += dim - d
    return products


def unpacked(packed: NDArray[np.floating], dim: int) -> NDArray[np.float64]:
    """Symmetric matrices, (J, D, D), from their upper triangles as columns, (D (D + 1) / 2, J)."""
    i, j = np.triu_indices(dim)
    moments = np.empty((packed.shape[1], dim, dim))
    moments[:, i, j] = packed.T
    moments[:, j, i] = packed.T
    return moments


def check_determined(
    moments: NDArray[np.float64], name: str, num_frames: float, whole: NDArray[np.float64] | None = None
) -> None:
    """Raise ModelError unless the second moments, shape (..., D, D), can be inverted.

    Rows and columns are first scaled to a unit diagonal, so that units don't matter: to that of `whole`, what the
    moments are a part of, so that what is left of it by rounding alone isn't taken for moments.
    """
    diagonal = np.diagonal(moments if whole is None else whole, axis1=-2, axis2=-1)
    if (diagonal > 0).all():
        scale: NDArray[Any] = 1 / np.sqrt(diagonal)
        try:
            factor = np.linalg.cholesky(moments * scale[..., :, None] * scale[..., None, :])
        except np.linalg.LinAlgError:
            pass
        else:
            if (np.diagonal(factor, axis1=-2, axis2=-1) ** 2).min() > SMALLEST_PIVOT:
                return
    raise ModelError(
        f"{name}: the statistics of {counted(num_frames, 'frame', 'g')} in "
        f"{counted(moments.shape[-1], 'dimension')} are singular; expected "
        "more different frames, and no dimension that is constant or a combination of others"
    )
