"""Samples of waveforms: channels, sampling rate, and values that are not finite."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_finite, real_array
from gmmspeech.errors import AudioError, ConfigError, counted

Channel = int | Literal["mix"] | None  # one from 0, the mean of all, or the only one
_CANCELED = 1e-3  # of a channel's energy: 30 dB less, where two that differ lose 3 dB


def not_finite(samples: NDArray) -> NDArray[np.intp]:
    """Find the indices of samples that are infinite or NaN.

    Parameters
    ----------
    samples : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (number of such samples,), int

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.audio.not_finite(np.array([0.5, np.nan, 1.0, -np.inf])).tolist()
    [1, 3]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = samples.sum()  # takes half the time of looking at every sample
    return np.flatnonzero([] if np.isfinite(total) else ~np.isfinite(samples))


@checked
def resample(signal: NDArray, rate: int, target_rate: int) -> NDArray:
    """Change the sampling rate by soxr's high-quality polyphase filter.

    Parameters
    ----------
    signal : ndarray, shape (n,)
        float32, float64, int16 or int32.
    rate, target_rate : int
        Sampling rate in Hz.

    Returns
    -------
    ndarray, shape (about n * target_rate / rate,)
        Of the same type; `signal` itself if the rates are equal.

    Raises
    ------
    AudioError
        `signal` is not one channel of such numbers.
    ConfigError
        A rate that is not above 0.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> len(gs.audio.resample(np.zeros(16000, np.float32), 16000, 8000))
    8000
    """
    signal = real_array(signal, "signal", AudioError)
    if signal.ndim != 1 or signal.dtype not in (np.float32, np.float64, np.int16, np.int32):
        expected = "(n,) of float32, float64, int16 or int32"
        raise AudioError(f"signal: found {signal.dtype} of shape {signal.shape}, expected {expected}")
    check_finite("signal", signal, item="sample", kind=AudioError)
    for name, value in (("rate", rate), ("target_rate", target_rate)):
        if not value > 0:
            raise ConfigError(f"{name}: found {value}, expected more than 0 samples a second")
    if rate == target_rate:
        return signal
    import soxr

    return soxr.resample(signal, rate, target_rate, quality="HQ")


def one_channel(samples: NDArray, channel: Channel) -> NDArray:
    """Give one channel of samples, of shape (n,) or (n, channels), as it is taken of a file."""
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not 0 < samples.shape[1] <= max(len(samples), 1)):
        hint = "; samples.T, where channels stand in rows" if samples.ndim == 2 and samples.size else ""
        expected = f"(n,), or (n, channels){hint}"
        raise AudioError(f"audio: found samples of shape {samples.shape}, expected {expected}")
    column = channel_column("audio", 1 if samples.ndim == 1 else samples.shape[1], channel)
    if samples.ndim == 1:
        return samples
    if column is not None:
        return samples[:, column]
    mean = samples.mean(axis=1)
    check_not_canceled("audio", mean, energy(samples) / samples.shape[1])
    return mean


def energy(samples: NDArray) -> float:
    """Sum of squares."""
    return float(np.square(samples, dtype=np.float64).sum())


def check_not_canceled(name: str, mean: NDArray, of_channels: float) -> None:
    """Check that opposite channels, of this energy on average, have left something of their mean."""
    if energy(mean) < _CANCELED * of_channels:
        found = "channels that cancel when they are mixed, as one is the other turned over (antiphase)"
        raise AudioError(f"{name}: found {found}, expected one of them alone, such as channel 0")


def channel_column(name: str, channels: int, channel: Channel) -> int | None:
    """Place of the channel to read, None for the mean of all."""
    if channel == "mix":
        return 0 if channels == 1 else None
    if channel is None:
        if channels != 1:
            choice = "channel=0 for the first, channel='mix' for the mean of all"
            raise AudioError(f"{name}: found {counted(channels, 'channel')}, expected one, or a choice ({choice})")
        return 0
    if not 0 <= channel < channels:
        raise AudioError(f"{name}: channel {channel} of {channels}, expected 0 to {channels - 1}")
    return channel
