"""Frames spliced with their neighbors, and frames or means put through a matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmmspeech.checks import as_matrix, check_at_least
from gmmspeech.errors import FeatureError, ModelError


def splice(frames: NDArray[np.floating], context: int) -> NDArray[np.floating]:
    """Put every frame side by side with its neighbors.

    Row t holds frames t - context, ..., t, ..., t + context in this order; the first and last frame stand in for
    those beyond the edges, as in Kaldi's splice-feats.

    Parameters
    ----------
    frames : ndarray, shape (T, D)
    context : int
        Frames on either side, c.

    Returns
    -------
    ndarray, shape (T, (2 c + 1) D), the dtype of `frames`

    Raises
    ------
    ConfigError
        `context` below 0.
    FeatureError
        `frames` isn't a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> splice(np.array([[1.0], [2.0], [3.0]]), 1)
    array([[1., 1., 2.],
           [1., 2., 3.],
           [2., 3., 3.]])
    """
    check_at_least(0, context=context)
    count, dim = as_matrix(frames).shape
    neighbors = np.arange(count)[:, None] + np.arange(-context, context + 1)
    return frames[neighbors.clip(0, max(count - 1, 0))].reshape(count, (2 * context + 1) * dim)


def apply_transform(frames: NDArray[np.floating], transform: NDArray[np.float64]) -> NDArray[np.floating]:
    """Rows x become A x, or A x + b where the transform has one more column than the rows.

    The rows may be frames, or the means of a mixture whose frames are being transformed.

    Parameters
    ----------
    frames : ndarray, shape (T, D)
    transform : ndarray, shape (D', D) or (D', D + 1)
        A, or A with b as its last column.

    Returns
    -------
    ndarray, shape (T, D'), the dtype of `frames`

    Raises
    ------
    FeatureError
        The shapes don't fit.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.array([[1.0, 2.0]])
    >>> apply_transform(frames, np.array([[1.0, 1.0]])), apply_transform(frames, np.array([[1.0, 1.0, 5.0]]))
    (array([[3.]]), array([[8.]]))
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


def log_determinant(transform: NDArray[np.float64]) -> float:
    """Logarithm of |det A| for a square A, or for the A in [A, b], in nats.

    The log-likelihood of a frame x under a model of the transformed frames is that of A x + b plus this number.

    Parameters
    ----------
    transform : ndarray, shape (D, D) or (D, D + 1)

    Raises
    ------
    ModelError
        The transform has another shape: one that changes the dimension has no determinant.

    Examples
    --------
    >>> import numpy as np
    >>> round(log_determinant(np.array([[2.0, 0.0, 7.0], [0.0, -1.0, 7.0]])), 4)
    0.6931
    """
    rows = len(transform)
    if transform.ndim != 2 or not 0 <= transform.shape[1] - rows <= 1:
        raise ModelError(f"transform: found shape {transform.shape}, expected (D, D) or (D, D + 1)")
    return float(np.linalg.slogdet(transform[:, :rows])[1])
