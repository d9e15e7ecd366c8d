"""Fundamental frequency of voices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_positive
from gmmspeech.errors import ConfigError
from gmmspeech.features.window import checked_signal

_FRAME, _SHIFT = 0.04, 0.01  # seconds
_VOICED = 0.5  # of the frame's power that repeats after a period at least
_BELOW_LOUDEST = 1e-3  # of the loudest frame's power, in quieter ones noise may hum
_NEAR, _APART = 0.1, 2  # of log Hz, frames: so little a voice glides, whereas what repeats in noise or a whisper jumps
_STEADY = 0.3  # of the voiced frames at least: words in noise as loud as they are have more, most whispers less
_FIRST_PEAK = 0.9  # of the highest: a period twice as long repeats as well
_BATCH = 1000  # frames at a time


@checked
def median_pitch(signal: ArrayLike, rate: float, *, lowest: float = 60.0, highest: float = 400.0) -> float | None:
    """Measure the median fundamental frequency of a recording by autocorrelation.

    It distinguishes low from high voices over a few seconds of speech; single frames may be an octave off. Frames of
    noise or whisper may seem voiced, but their frequencies jump from one frame to the next.

    Parameters
    ----------
    signal : array-like, shape (n,)
    rate : float
        Sampling rate in Hz.
    lowest, highest : float
        Range of the fundamental frequency in Hz.

    Returns
    -------
    float or None
        In Hz; None if nothing is voiced or the frequencies jump.

    Raises
    ------
    FeatureError
        Samples that are not finite numbers.
    ConfigError
        A rate or frequency that is not above 0, or frequencies so low that a frame of 40 ms has less than two periods.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> pulses = np.zeros(16000)
    >>> pulses[::80] = 0.5
    >>> gs.features.median_pitch(pulses, 16000)
    200.0
    """
    check_positive(rate=rate, lowest=lowest, highest=highest)
    if not 2 / _FRAME <= lowest < highest <= rate / 4:
        expected = f"{2 / _FRAME:g} to {rate / 4:g} Hz, the first below the second"
        raise ConfigError(f"lowest, highest: found {lowest:g}, {highest:g}, expected {expected}")
    samples, _ = checked_signal(signal)
    length, shift = round(_FRAME * rate), max(round(_SHIFT * rate), 1)
    if len(samples) < length:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(samples, length)[::shift]
    found = [_periods(frames[i : i + _BATCH], round(rate / highest), round(rate / lowest)) for i in
             range(0, len(frames), _BATCH)]  # fmt: skip
    powers, periods, strengths = (np.concatenate(parts) for parts in zip(*found, strict=True))
    voiced = (strengths > _VOICED) & (powers > _BELOW_LOUDEST * powers.max()) & (periods > round(rate / highest))
    near = np.abs(np.log(periods[_APART:] / periods[:-_APART])) < _NEAR
    steady = near & voiced[_APART:] & voiced[:-_APART]
    return float(np.median(rate / periods[voiced])) if steady.sum() > _STEADY * voiced.sum() else None


def _periods(
    frames: NDArray, shortest: int, longest: int
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Power of frames, the period (in samples) after which they repeat the best, and the share of power that does."""
    length = frames.shape[1]
    window = np.hanning(length)
    size = 1 << (length + longest).bit_length()  # so that no frame's end reaches these lags from behind
    spectra = np.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * window, size)
    correlation = np.fft.irfft(np.abs(spectra) ** 2, size)[:, : longest + 1]
    taper = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2, size)[: longest + 1]
    powers = correlation[:, 0]
    shares = correlation / np.maximum(powers, 1e-30)[:, None] / (taper / taper[0])
    shares = shares[:, shortest:]
    strengths = shares.max(axis=1)
    rising = np.diff(shares, axis=1, prepend=np.inf) >= 0
    falling = np.diff(shares, axis=1, append=-np.inf) <= 0
    peaks = (shares >= _FIRST_PEAK * strengths[:, None]) & rising & falling
    first = np.where(peaks.any(axis=1), peaks.argmax(axis=1), 0)
    return powers, shortest + first, strengths
