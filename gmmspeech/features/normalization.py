"""Cepstral mean and variance normalisation, over an utterance or a sliding window."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import ConfigError
from gmmspeech.features.deltas import checked_frames

UTTERANCE_FLOOR = 1e-20  # of a variance, Kaldi's in apply-cmvn
SLIDING_FLOOR = 1e-10  # and in apply-cmvn-sliding


def cmvn(frames: ArrayLike, *, norm_vars: bool = False, mean_scale: float = 1.0) -> NDArray[np.float32]:
    """Subtract the mean of all frames, as Kaldi's apply-cmvn does with the utterance's own statistics.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    norm_vars : bool
        Divide by the (population) deviation too.
    mean_scale : float
        Part of the mean that is subtracted.

    Returns
    -------
    ndarray, shape (T, D), float32

    Raises
    ------
    FeatureError
        `frames` isn't a matrix.

    Examples
    --------
    >>> cmvn([[1.0], [3.0]])
    array([[-1.], [ 1.]], dtype=float32)
    """
    x = checked_frames(frames)
    if not len(x):
        return x
    mean = x.mean(axis=0, dtype=np.float64)
    normalised = x - mean_scale * mean
    if norm_vars:
        normalised /= np.sqrt(np.maximum(np.mean((x - mean) ** 2, axis=0), UTTERANCE_FLOOR))
    return normalised.astype(np.float32)


def sliding_cmvn(
    frames: ArrayLike,
    *,
    cmn_window: int = 600,
    min_cmn_window: int = 100,
    center: bool = False,
    norm_vars: bool = False,
) -> NDArray[np.float32]:
    """Subtract the mean of the frames around or before each frame, as Kaldi's apply-cmvn-sliding does.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    cmn_window : int
        Frames in the window.
    min_cmn_window : int
        Least frames at the start, where the window may reach ahead. Without effect if `center`.
    center : bool
        Window centred on the frame (and moved inwards at the ends) instead of ending at it.
    norm_vars : bool
        Divide by the window's deviation too.

    Returns
    -------
    ndarray, shape (T, D), float32

    Raises
    ------
    ConfigError
        A window below 1 frame.
    FeatureError
        `frames` isn't a matrix.

    Examples
    --------
    >>> sliding_cmvn([[1.0], [3.0], [8.0]], cmn_window=1, min_cmn_window=1)
    array([[0. ], [1. ], [2.5]], dtype=float32)
    """
    if cmn_window < 1 or min_cmn_window < 1:
        raise ConfigError(
            f"sliding_cmvn: found cmn_window={cmn_window}, min_cmn_window={min_cmn_window}, expected 1 or more"
        )
    x = checked_frames(frames)
    if not len(x):
        return x
    start, end = _windows(len(x), cmn_window, min_cmn_window, center)
    count = (end - start)[:, None].astype(np.float64)
    # About the utterance's mean, so that the sums of squares cancel nothing.
    centred = x - x.mean(axis=0, dtype=np.float64)
    mean = _window_sums(centred, start, end) / count
    normalised = centred - mean
    if norm_vars:
        variance = _window_sums(centred**2, start, end) / count - mean**2
        normalised /= np.sqrt(np.maximum(variance, SLIDING_FLOOR))
        normalised[end - start == 1] = 0
    return normalised.astype(np.float32)


def _windows(
    num_frames: int, cmn_window: int, min_cmn_window: int, center: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First frame, and the one after the last, of each frame's window."""
    t = np.arange(num_frames)
    if center:
        start = np.maximum(t - cmn_window // 2, 0)
        end = start + cmn_window
    else:
        start = np.maximum(t - cmn_window, 0)
        end = np.maximum(t + 1, min_cmn_window)
    beyond = np.maximum(end - num_frames, 0)
    return np.maximum(start - beyond, 0), end - beyond


def _window_sums(x: NDArray[np.float64], start: NDArray[np.intp], end: NDArray[np.intp]) -> NDArray[np.float64]:
    sums = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
    return sums[end] - sums[start]
