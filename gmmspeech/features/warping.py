"""Feature warping: short-time Gaussianization."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError
from gmmspeech.features.deltas import checked_frames
from gmmspeech.features.normalization import window_bounds


@checked
def feature_warp(frames: ArrayLike, *, window: int = 301) -> NDArray[np.float32]:
    """Warp each column to a normal distribution over a sliding window, by the ranks of its values.

    A value with rank R of N in the window around its frame (1 for the smallest) becomes the normal quantile of
    (R - 1/2) / N. Equal values share the mean of their ranks. At the ends the window stays within the utterance, so
    the first frames share one window and the last another; in an utterance shorter than the window all share one.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    window : int
        Frames in the window, N; 301 frames are 3 s at a frame shift of 10 ms.

    Returns
    -------
    ndarray, shape (T, D), float32

    Raises
    ------
    ConfigError
        `window` is below 1.
    FeatureError
        `frames` is not a matrix.

    References
    ----------
    J. Pelecanos and S. Sridharan, "Feature warping for robust speaker verification", Odyssey 2001.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.feature_warp([[3.0], [90.0], [4.0]]).round(2)
    array([[-0.97], [ 0.97], [ 0.  ]], dtype=float32)
    """
    if window < 1:
        raise ConfigError(f"feature_warp: found window={window}, expected 1 or more")
    x = checked_frames(frames)
    return warped(x, *window_bounds(np.arange(len(x)), len(x), window, 1, True), x) if len(x) else x


def warped(
    x: NDArray[np.float32], start: NDArray[np.intp], end: NDArray[np.intp], all_frames: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Warp frames by their ranks in windows, all of one length, that are given as places among all frames."""
    length = int(end[0] - start[0])
    twice = np.zeros(x.shape, dtype=np.int32)  # the rank, less 1/2
    for step in range(length):
        other = all_frames[start + step]
        twice += other < x
        twice += other <= x
    return _quantiles(length)[twice]


@lru_cache(maxsize=16)
def _quantiles(length: int) -> NDArray[np.float32]:
    with np.errstate(divide="ignore"):
        from scipy.special import ndtri

        return ndtri(np.arange(2 * length + 1) / (2 * length)).astype(np.float32)
