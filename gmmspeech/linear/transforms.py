"""Splicing of frames, and linear transforms of frames or means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import single_threaded_blas
from gmmspeech.checks import as_matrix, check_at_least
from gmmspeech.errors import FeatureError


def splice(frames: NDArray[np.floating], context: int) -> NDArray[np.floating]:
    """Put every frame side by side with its neighbors.

    Row t holds frames t - context, ..., t, ..., t + context in this order; the first and last frame stand in for
    those beyond the edges, as in Kaldi's splice-feats.

    Shapes: `frames` (T, D); gives (T, (2 c + 1) D).
    """
    check_at_least(0, context=context)
    count, dim = as_matrix(frames).shape
    neighbors = np.arange(count)[:, None] + np.arange(-context, context + 1)
    return frames[neighbors.clip(0, max(count - 1, 0))].reshape(count, (2 * context + 1) * dim)


@single_threaded_blas()  # the last bits would depend on its threads
def apply_transform(frames: NDArray[np.floating], transform: NDArray[np.float64]) -> NDArray[np.floating]:
    """Rows x become A x, or A x + b where the transform has one more column than the rows.

    The rows may be frames, or the means of a mixture whose frames are being transformed.

    Shapes: `frames` (T, D), `transform` (D', D); gives (T, D').
    """
    if frames.ndim != 2 or transform.ndim != 2 or not 0 <= transform.shape[1] - frames.shape[1] <= 1:
        raise FeatureError(
            f"frames: found shape {frames.shape}, expected a matrix of as many columns as the transform "
            f"of shape {transform.shape}, or one fewer"
        )
    dim = frames.shape[1]
    matrix = transform.astype(frames.dtype, copy=False)
    transformed = frames @ matrix[:, :dim].T
    return transformed + matrix[:, dim] if matrix.shape[1] > dim else transformed
