"""Quality of a recording for speaker recognition: duration of the speech and signal-to-noise ratio."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_positive
from gmmspeech.errors import FeatureError, counted
from gmmspeech.features.window import checked_signal

_FRAME, _SHIFT = 0.025, 0.01  # seconds
_RUMBLE = 200.0  # Hz, below which there is hum rather than speech
_NOISE = 0.1  # share of the frames, the lowest ones, that the noise is measured in
_ABOVE_NOISE = 2.0  # power of frames with speech over that of the noise at least
_BELOW_SPEECH = 1e-3  # power of frames with speech relative to the loudest twentieth at least
_STEP = 1 / 32768**2 / 12  # power of the rounding to 16 bits, below which no noise is counted
_LEAST_SNR = -20.0  # dB


class Quality(NamedTuple):
    """Quality measures of a recording, as returned by `speech_quality`.

    Attributes
    ----------
    seconds : float
        Duration of speech.
    snr : float
        Signal-to-noise ratio, in dB.
    """

    seconds: float
    snr: float


@checked
def speech_quality(signal: ArrayLike, rate: float) -> Quality:
    """Measure the duration of the speech in a recording, and its signal-to-noise ratio.

    The noise level is that of the quietest tenth of the frames (25 ms each, every 10 ms). Speech frames have more than
    twice that power and are at most 30 dB below the loudest twentieth. Frequencies below 200 Hz (hum and rumble) are
    ignored. Measuring noise requires pauses: in speech without pauses, or with noise that varies, the ratio is off by
    several dB.

    Parameters
    ----------
    signal : array-like, shape (n,)
        Float samples in [-1, 1], or integers at their own scale.
    rate : float
        Sampling rate in Hz.

    Returns
    -------
    Quality
        The ratio is at least -20 dB, the speech at least one frame.

    Raises
    ------
    FeatureError
        Samples that are not finite numbers, or fewer than a frame.
    ConfigError
        A rate that is not a number above 0.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> tone = np.sin(np.arange(16000)) * np.repeat([0, 1], 8000)
    >>> found = gs.features.speech_quality(0.1 * tone + rng.normal(0, 0.005, 16000), 16000)
    >>> round(found.seconds, 1), round(found.snr)
    (0.5, 24)
    """
    check_positive(rate=rate)
    samples, scale = checked_signal(signal)
    length, shift = round(_FRAME * rate), max(round(_SHIFT * rate), 1)
    if not 0 < length <= len(samples):
        raise FeatureError(
            f"signal: found {counted(len(samples), 'sample')}, expected {max(length, 1)} or more, a frame"
        )
    clean = _without_rumble(samples / np.float32(scale), rate)
    squares = np.concatenate([[0.0], np.cumsum(clean**2, dtype=np.float64)])
    starts = np.arange(0, len(samples) - length + 1, shift)
    powers = np.sort(np.maximum(squares[starts + length] - squares[starts], 0) / length) + _STEP
    noise = powers[: max(round(_NOISE * len(powers)), 1)].mean()
    loudest = powers[-max(len(powers) // 20, 1) :].mean()
    speech = powers[powers > max(_ABOVE_NOISE * noise, _BELOW_SPEECH * loudest)]
    if not speech.size:
        return Quality(_SHIFT, _LEAST_SNR)
    ratio = max(speech.mean() / noise - 1, 10 ** (_LEAST_SNR / 10))
    return Quality(len(speech) * _SHIFT, float(10 * np.log10(ratio)))


def _without_rumble(samples: NDArray[np.float32], rate: float) -> NDArray[np.float64]:
    """Samples without their lowest frequencies."""
    if rate <= 4 * _RUMBLE:
        return samples.astype(np.float64)
    from scipy.signal import butter, sosfilt

    return sosfilt(butter(4, _RUMBLE, "highpass", fs=rate, output="sos"), samples.astype(np.float64))
