"""Time derivatives of features."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import correlate1d

from gmmspeech.errors import ConfigError, FeatureError


def checked_frames(frames: ArrayLike) -> NDArray[np.float32]:
    """Frames as float32; FeatureError if they aren't a matrix."""
    matrix = np.asarray(frames, dtype=np.float32)
    if matrix.ndim != 2:
        raise FeatureError(f"frames: found shape {matrix.shape}, expected (T, D)")
    return matrix


def add_deltas(frames: ArrayLike, *, order: int = 2, window: int = 2) -> NDArray[np.float32]:
    """Append regression coefficients over time, as Kaldi's add-deltas does.

    d_t = sum_j j x_{t+j} / sum_j j**2 for j = -window ... window; each higher order applies that filter to the one
    before. The composed filter runs over the features with their first and last frame repeated.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    order : int
        Derivatives to append; 0 for none.
    window : int
        Frames on either side.

    Returns
    -------
    ndarray, shape (T, (order + 1) * D), float32

    Raises
    ------
    ConfigError
        `order` is below 0 or `window` below 1.
    FeatureError
        `frames` isn't a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> add_deltas(np.arange(7.0)[:, None], order=1)[2:5]
    array([[2., 1.], [3., 1.], [4., 1.]], dtype=float32)
    """
    if order < 0 or window < 1:
        raise ConfigError(f"add_deltas: found order={order}, window={window}, expected order >= 0, window >= 1")
    static = checked_frames(frames)
    if not len(static):
        return np.zeros((0, (order + 1) * static.shape[1]), dtype=np.float32)
    ramp = np.arange(-window, window + 1) / np.sum(np.arange(-window, window + 1) ** 2)
    taps, blocks = np.ones(1), [static]
    for _ in range(order):
        taps = np.convolve(taps, ramp)
        blocks.append(correlate1d(static, taps, axis=0, mode="nearest"))
    return np.concatenate(blocks, axis=1)
