"""Cepstral mean and variance normalization, over an utterance or a sliding window, and RASTA."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError
from gmmspeech.features.deltas import checked_frames

UTTERANCE_FLOOR = 1e-20  # of a variance, Kaldi's in apply-cmvn
SLIDING_FLOOR = 1e-10  # and in apply-cmvn-sliding
BLOCK = 2**14  # frames whose windows are worked on at a time


@checked
def cmvn(frames: ArrayLike, *, norm_vars: bool = False, mean_scale: float = 1.0) -> NDArray[np.float32]:
    """Subtract the mean of all frames, like Kaldi's apply-cmvn with the utterance's own statistics.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    norm_vars : bool
        Also divide by the (population) standard deviation.
    mean_scale : float
        Fraction of the mean to subtract.

    Returns
    -------
    ndarray, shape (T, D), float32

    Raises
    ------
    FeatureError
        `frames` is not a matrix.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.cmvn([[1.0], [3.0]])
    array([[-1.], [ 1.]], dtype=float32)
    """
    x = checked_frames(frames)
    if not len(x):
        return x
    mean = x.mean(axis=0, dtype=np.float64)
    normalized = x - mean_scale * mean
    if norm_vars:
        normalized /= np.sqrt(np.maximum(np.mean((x - mean) ** 2, axis=0), UTTERANCE_FLOOR))
    return normalized.astype(np.float32)


def cmvn_by_first(frames: NDArray[np.float32], dim: int, *, norm_vars: bool = False) -> NDArray[np.float32]:
    """Give frames whose first columns are as `cmvn` makes them, and the others, their deltas, as if it came before."""
    if frames.shape[1] == dim or not len(frames):
        return cmvn(frames, norm_vars=norm_vars)
    first = frames[:, :dim].astype(np.float64)
    mean = first.mean(axis=0)
    normalized = frames - np.pad(mean, (0, frames.shape[1] - dim))
    if norm_vars:
        deviation = np.sqrt(np.maximum(np.mean((first - mean) ** 2, axis=0), UTTERANCE_FLOOR))
        normalized /= np.tile(deviation, frames.shape[1] // dim)
    return normalized.astype(np.float32)


@checked
def sliding_cmvn(
    frames: ArrayLike,
    *,
    cmn_window: int = 600,
    min_cmn_window: int = 100,
    center: bool = False,
    norm_vars: bool = False,
) -> NDArray[np.float32]:
    """Subtract the mean of the frames around or before each frame, like Kaldi's apply-cmvn-sliding.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    cmn_window : int
        Frames in the window.
    min_cmn_window : int
        Minimum number of frames at the start, where the window may reach ahead. No effect with `center`.
    center : bool
        Center the window on the frame (and move it inwards at the ends) instead of ending it there.
    norm_vars : bool
        Also divide by the standard deviation in the window.

    Returns
    -------
    ndarray, shape (T, D), float32

    Raises
    ------
    ConfigError
        A window below 1 frame.
    FeatureError
        `frames` is not a matrix.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.sliding_cmvn([[1.0], [3.0], [8.0]], cmn_window=1, min_cmn_window=1)
    array([[0. ], [1. ], [2.5]], dtype=float32)
    """
    if cmn_window < 1 or min_cmn_window < 1:
        raise ConfigError(
            f"sliding_cmvn: found cmn_window={cmn_window}, min_cmn_window={min_cmn_window}, expected 1 or more"
        )
    x = checked_frames(frames)
    if not len(x):
        return x
    normalized = np.empty_like(x)
    sums, place = running_sums(x[:0].astype(np.float64)), 0  # of the frames from `place` on
    for first in range(0, len(x), BLOCK):  # sums of a long recording would take ten times the room of its frames
        t = np.arange(first, min(first + BLOCK, len(x)))
        start, end = window_bounds(t, len(x), cmn_window, min_cmn_window, center)
        sums, place = sums[start[0] - place :], start[0]
        more = x[place + len(sums) - 1 : end[-1]].astype(np.float64) - x[0]
        sums = np.concatenate([sums, running_sums(more, sums[-1])[1:]])
        normalized[t] = normalized_by_windows(x[t], start - place, end - place, sums, norm_vars, x[0])
    return normalized


def running_sums(centered: NDArray[np.float64], before: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Sums of frames and of their squares up to each frame, (T + 1, 2, D); the first are zero, or those `before`."""
    both = np.stack([centered, centered**2], axis=1)
    start = np.zeros((1, *both.shape[1:])) if before is None else before[None]
    return np.cumsum(np.concatenate([start, both]), axis=0)


def normalized_by_windows(
    x: NDArray[np.float32],
    start: NDArray[np.intp],
    end: NDArray[np.intp],
    sums: NDArray[np.float64],
    norm_vars: bool,
    reference: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Frames less the mean of their windows, given as places in `running_sums`.

    Those are of frames less a `reference`, the utterance's first frame, so that the squares cancel little.
    """
    count = (end - start)[:, None].astype(np.float64)
    mean, square = np.moveaxis((sums[end] - sums[start]) / count[:, None], 1, 0)
    normalized = x - (x[0] if reference is None else reference).astype(np.float64) - mean
    if norm_vars:
        normalized /= np.sqrt(np.maximum(square - mean**2, SLIDING_FLOOR))
        normalized[end - start == 1] = 0
    return normalized.astype(np.float32)


def window_bounds(
    t: NDArray[np.intp], num_frames: int, cmn_window: int, min_cmn_window: int, center: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First frame, and the one after the last, of the windows of frames `t` of an utterance."""
    if center:
        start = np.maximum(t - cmn_window // 2, 0)
        end = start + cmn_window
    else:
        start = np.maximum(t - cmn_window, 0)
        end = np.maximum(t + 1, min_cmn_window)
    beyond = np.maximum(end - num_frames, 0)
    return np.maximum(start - beyond, 0), end - beyond


@checked
def rasta(frames: ArrayLike, *, pole: float = 0.98) -> NDArray[np.float32]:
    """Apply RASTA filtering, which keeps changes at about the rate of speech.

    Each column is filtered by y_t = pole y_{t-1} + 0.1 (2 x_t + x_{t-1} - x_{t-3} - 2 x_{t-4}), the filter of Hermansky
    and Morgan without their shift back by four frames: the filter is causal. It starts as if the first frame had always
    been there, so the first output is 0.

    Parameters
    ----------
    frames : array_like, shape (T, D)
        Logarithms of a spectrum, or cepstra, which are linear in them.
    pole : float
        Pole of the filter: 0.98 as in the paper; 0.94 is also common and forgets faster.

    Returns
    -------
    ndarray, shape (T, D), float32

    Raises
    ------
    ConfigError
        `pole` is not in [0, 1).
    FeatureError
        `frames` is not a matrix.

    References
    ----------
    H. Hermansky and N. Morgan, "RASTA processing of speech", IEEE Trans. Speech and Audio Processing 2(4), 1994.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.rasta([[0.0], [1.0], [1.0]]).round(3)
    array([[0.   ], [0.2  ], [0.496]], dtype=float32)
    """
    if not 0 <= pole < 1:
        raise ConfigError(f"rasta: found pole={pole}, expected 0 or more and less than 1")
    x = checked_frames(frames)
    return rasta_from(rasta_state(x, pole), x, pole)[0] if len(x) else x


RASTA_NUMERATOR = np.array([0.2, 0.1, 0.0, -0.1, -0.2])


def rasta_state(x: NDArray[np.float32], pole: float) -> NDArray[np.float64]:
    """State of the filter after the first of some frames has stood for ever."""
    from scipy.signal import lfilter_zi  # which takes a while, as below

    return lfilter_zi(RASTA_NUMERATOR, [1, -pole])[:, None] * x[0]


def rasta_from(
    state: NDArray[np.float64], x: NDArray[np.float32], pole: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Filtered frames, and the state of the filter after them."""
    from scipy.signal import lfilter

    filtered, state = lfilter(RASTA_NUMERATOR, [1, -pole], x.astype(np.float64), axis=0, zi=state)
    return filtered.astype(np.float32), state
