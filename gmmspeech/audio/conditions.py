"""Simulation of recording conditions: telephone, codecs of mobile phones and messengers, noise."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.audio.samples import resample
from gmmspeech.checks import check_positive, first_bad, real_array
from gmmspeech.errors import AudioError, ConfigError, shown

_CODECS = {  # rate, container and encoding that audio goes through
    "telephone": (8000, "WAV", "ULAW"),
    "gsm": (8000, "WAV", "GSM610"),
    "mp3": (16000, "MP3", "MPEG_LAYER_III"),
    "opus": (16000, "OGG", "OPUS"),
}
_BAND = 300.0, 3400.0  # Hz, of a telephone line
_NARROW = ("telephone", "gsm")  # come at 8 kHz
_NOISE = re.compile(r"noise:(-?[0-9]+(?:\.[0-9]+)?)")
_LOUDEST_NOISE, _SOFTEST_NOISE = -20.0, 100.0  # dB of the signal over it

CONDITIONS = "telephone, gsm, mp3, opus or noise:DB"


@checked
def simulate_conditions(
    signal: ArrayLike, rate: int, conditions: str | Sequence[str], *, random_state: int = 0
) -> NDArray[np.float32]:
    """Simulate recording conditions: pass a recording through one or more channels in turn.

    Parameters
    ----------
    signal : array-like of float, shape (n,)
        Samples in [-1, 1].
    rate : int
        Sampling rate in Hz.
    conditions : str or sequence of str
        One or more of the following, separated by commas in text:

        - ``telephone``: 300 to 3400 Hz, 8 kHz, G.711 (mu-law);
        - ``gsm``: the same band through GSM 06.10 full rate;
        - ``mp3``, ``opus``: compressed and decompressed at 16 kHz by libsndfile;
        - ``noise:DB``: stationary noise with the spectrum of the recording, DB decibels below its mean power.
    random_state : int
        Seed of the noise.

    Returns
    -------
    ndarray, shape (n,), float32
        At the same rate and of the same length.

    Raises
    ------
    ConfigError
        An unknown condition, or a rate that is not above 0.
    AudioError
        Samples that are not one channel of finite numbers.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> sound = rng.normal(0, 0.1, 16000)
    >>> far = gs.audio.simulate_conditions(sound, 16000, "noise:10,telephone")
    >>> spectrum = np.abs(np.fft.rfft(far)) ** 2  # in steps of 1 Hz
    >>> bool(spectrum[4000:].sum() < 0.01 * spectrum.sum()), far.shape
    (True, (16000,))
    """
    check_positive(rate=rate)
    samples = real_array(signal, "signal", AudioError).astype(np.float32)
    if samples.ndim != 1 or not len(samples):
        raise AudioError(f"signal: found shape {samples.shape}, expected one channel (n,)")
    if first_bad(samples) is not None:
        raise AudioError("signal: found NaN or infinity, expected finite numbers")
    rng = np.random.default_rng(random_state)
    for condition in parse_conditions(conditions):
        noise = _NOISE.fullmatch(condition)
        samples = _coded(samples, rate, condition) if noise is None else _noisy(samples, float(noise[1]), rng)
    return samples


def parse_conditions(conditions: str | Sequence[str]) -> tuple[str, ...]:
    """Give the names of conditions, or a ConfigError for one that there is not."""
    names = conditions.split(",") if isinstance(conditions, str) else list(conditions)
    found = tuple(name.strip() for name in names if isinstance(name, str) and name.strip())
    for name in found:
        noise = _NOISE.fullmatch(name)
        if name not in _CODECS and (noise is None or not _LOUDEST_NOISE <= float(noise[1]) <= _SOFTEST_NOISE):
            within = f" (from {_LOUDEST_NOISE:g} to {_SOFTEST_NOISE:g} dB)" if noise else ""
            raise ConfigError(f"conditions: found {shown(repr(name))}, expected {CONDITIONS}{within}")
    if len(found) < len(names) and found + tuple(names) != ("",):
        raise ConfigError(f"conditions: found {shown(repr(conditions))}, expected {CONDITIONS}, with commas between")
    return found


def is_narrow(conditions: Sequence[str]) -> bool:
    """Say whether what comes over such channels has nothing above 4 kHz."""
    return any(name in _NARROW for name in conditions)


def _coded(samples: NDArray[np.float32], rate: int, condition: str) -> NDArray[np.float32]:
    """Samples after a codec, at the rate and of the length that they had."""
    import soundfile  # which loads a library

    between, container, encoding = _CODECS[condition]
    sent = resample(samples, rate, between)
    if condition in _NARROW:
        sent = _band_passed(sent, between)
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(sent, -1, 1), between, format=container, subtype=encoding)
    buffer.seek(0)
    received, _ = soundfile.read(buffer, dtype="float32")
    back = resample(received, between, rate)[: len(samples)]
    return np.pad(back, (0, len(samples) - len(back)))


def _band_passed(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Samples within the band of a telephone line."""
    from scipy.signal import butter, sosfiltfilt

    filters = butter(4, _BAND, "bandpass", fs=rate, output="sos")
    padding = min(len(samples) - 1, 100)
    return sosfiltfilt(filters, samples, padlen=padding).astype(np.float32)


def _noisy(samples: NDArray[np.float32], decibels: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Samples with noise of their own spectrum, so many dB softer."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64)))
    noise = np.fft.irfft(spectrum * np.exp(2j * math.pi * rng.random(len(spectrum))), len(samples))
    power = np.mean(noise**2)
    if power == 0:
        return samples
    wanted = np.mean(samples.astype(np.float64) ** 2) * 10 ** (-decibels / 10)
    return (samples + noise * math.sqrt(wanted / power)).astype(np.float32)
