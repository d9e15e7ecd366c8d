"""Time derivatives of features."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_matrix, finite
from gmmspeech.errors import ConfigError
from gmmspeech.features.native import mel_kernel
from gmmspeech.features.options import DeltaConvention


def checked_frames(frames: ArrayLike) -> NDArray[np.float32]:
    """Frames as float32; FeatureError if they aren't a matrix of finite numbers."""
    return finite(as_matrix(frames).astype(np.float32, copy=False))


@checked
def add_deltas(
    frames: ArrayLike, *, order: int = 2, window: int = 2, convention: DeltaConvention = "kaldi"
) -> NDArray[np.float32]:
    """Append deltas (regression coefficients over time), as computed by Kaldi's add-deltas, HTK or rastamat.

    d_t = sum_j j x_{t+j} / sum_j j**2 for j = -window ... window; each higher order applies this filter to the
    previous one. Beyond the ends, Kaldi repeats the first and last frame of the features, HTK those of each order, so
    second and higher orders differ within order * window frames of the ends. rastamat, used by the ASVspoof baselines,
    works as HTK but without the division: with a window of 1, d_t = x_{t+1} - x_{t-1}.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    order : int
        Number of derivatives to append; 0 for none.
    window : int
        Frames on either side.
    convention : {"kaldi", "htk", "rastamat"}
        Program whose treatment of the ends, and whose scale, to follow.

    Returns
    -------
    ndarray, shape (T, (order + 1) * D), float32

    Raises
    ------
    ConfigError
        `order` is below 0, `window` is below 1, or the convention is unknown.
    FeatureError
        `frames` is not a matrix.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.add_deltas(np.arange(7.0)[:, None], order=1)[2:5]
    array([[2., 1.], [3., 1.], [4., 1.]], dtype=float32)
    """
    if order < 0 or window < 1:
        raise ConfigError(f"add_deltas: found order={order}, window={window}, expected order >= 0, window >= 1")
    if convention not in get_args(DeltaConvention):
        raise ConfigError(f"convention: found {convention!r}, expected 'kaldi', 'htk' or 'rastamat'")
    static = checked_frames(frames)
    if not len(static):
        return np.zeros((0, (order + 1) * static.shape[1]), dtype=np.float32)
    ramp = np.arange(-window, window + 1.0)
    if convention != "rastamat":
        ramp /= np.sum(ramp**2)
    again = convention != "kaldi"
    taps = [ramp]
    for _ in range(1, order):
        taps.append(ramp if again else np.convolve(taps[-1], ramp))
    if mel_kernel.available():
        return mel_kernel.deltas(static, taps[:order], again=again).reshape(len(static), -1)
    from scipy.ndimage import correlate1d  # which takes a fifth of a second

    blocks = [static]
    for by in taps[:order]:
        blocks.append(correlate1d(blocks[-1] if again else static, by, axis=0, mode="nearest"))
    return np.concatenate(blocks, axis=1)


@checked
def shifted_deltas(
    frames: ArrayLike, *, window: int = 1, num_blocks: int = 7, block_shift: int = 3
) -> NDArray[np.float32]:
    """Append shifted delta cepstra, as computed by Kaldi's add-deltas-sdc.

    Block i holds the deltas d_{t + i P} of `add_deltas` for i = 0 ... k - 1 with P = `block_shift`, k = `num_blocks`
    and d = `window`: in language identification, the N-d-P-k scheme. Beyond the ends, the first and the last frame are
    repeated.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    window : int
        Frames on either side of a delta, d.
    num_blocks : int
        Number of blocks of deltas, k.
    block_shift : int
        Frames from one block to the next, P.

    Returns
    -------
    ndarray, shape (T, (num_blocks + 1) * D), float32
        The frames themselves come first.

    Raises
    ------
    ConfigError
        An option is below 1.
    FeatureError
        `frames` is not a matrix.

    References
    ----------
    P. A. Torres-Carrasquillo et al., "Approaches to language identification using Gaussian mixture models and
    shifted delta cepstral features", ICSLP 2002.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.shifted_deltas(np.arange(7.0)[:, None] ** 2, num_blocks=2)[2]
    array([ 4.,  4., 10.], dtype=float32)
    """
    if min(window, num_blocks, block_shift) < 1:
        raise ConfigError(
            f"shifted_deltas: found window={window}, num_blocks={num_blocks}, block_shift={block_shift},"
            " expected 1 or more"
        )
    static = checked_frames(frames)
    if not len(static):
        return np.zeros((0, (num_blocks + 1) * static.shape[1]), dtype=np.float32)
    ahead = (num_blocks - 1) * block_shift
    extended = np.pad(static, ((0, ahead + window), (0, 0)), mode="edge")  # so that deltas go on beyond the end
    deltas = add_deltas(extended, order=1, window=window)[:, static.shape[1] :]
    blocks = [deltas[i * block_shift : i * block_shift + len(static)] for i in range(num_blocks)]
    return np.concatenate([static, *blocks], axis=1)
