"""The matrices between power spectra and cepstra: mel filters, and the liftered cosine transform."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError


def hz_to_mel(frequency: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """Mel scale of Kaldi and HTK, 1127 ln(1 + f / 700), in float32 as they compute it."""
    one, break_frequency, factor = np.float32(1.0), np.float32(700.0), np.float32(1127.0)
    return factor * np.log(one + np.asarray(frequency, dtype=np.float32) / break_frequency)


@lru_cache(maxsize=64)
def mel_filters(
    convention: str,
    num_mel_bins: int,
    num_fft: int,
    rate: float,
    low_freq: float,
    high_freq: float,
    *,
    scale: str = "mel",
    warp: tuple[float, float, float] | None = None,
) -> NDArray[np.float32]:
    """Triangular filters over the bins of an FFT.

    Kaldi and HTK: triangles on the mel axis with equal spacing and height 1; the bin of the Nyquist frequency
    stays unused. Their edges may be warped, as `warped` has it. HTK besides leaves out the first bin at or above
    `low_freq`. librosa: its default,
    Slaney's scale with triangles of equal area.

    Gives (num_fft // 2 + 1, M).
    """
    if convention == "librosa":
        from librosa.filters import mel  # takes a while, and only this convention needs it

        filters = mel(sr=rate, n_fft=num_fft, n_mels=num_mel_bins, fmin=low_freq, fmax=high_freq).T.copy()
    else:
        filters = _triangles(num_mel_bins, num_fft, rate, low_freq, high_freq, scale, warp)
        if convention == "htk":
            filters[: int(low_freq * num_fft / rate + 1.5)] = 0
            filters[int(high_freq * num_fft / rate + 0.5) :] = 0
    filters.flags.writeable = False
    return filters


def center_frequencies(num_mel_bins: int, low_freq: float, high_freq: float) -> NDArray[np.float64]:
    """Where the mel filters of Kaldi and HTK have their tops, in Hz."""
    mel = _edges(num_mel_bins, low_freq, high_freq, "mel")[1:-1].astype(np.float64)
    return 700 * np.expm1(mel / 1127)


def warped(
    frequency: NDArray[np.float32], low_freq: float, high_freq: float, factor: float, low: float, high: float
) -> NDArray[np.float32]:
    """Frequencies divided by a factor, for another length of the vocal tract (Lee and Rose 1996; in pieces as Kaldi's).

    The lowest and the highest of a band stay where they are; from there to `low` and from `high` on, both as the factor
    leaves room for, the warp is linear too. All in Hz.
    """
    first, last = low * max(1.0, factor), high * min(1.0, factor)
    given = [low_freq, first, last, high_freq]
    wanted = [low_freq, first / factor, last / factor, high_freq]
    return np.interp(frequency, given, wanted).astype(np.float32)


def _on_axis(frequency: NDArray[np.float32] | float, scale: str) -> NDArray[np.float32]:
    return hz_to_mel(frequency) if scale == "mel" else np.asarray(frequency, dtype=np.float32)


def _edges(num_mel_bins: int, low_freq: float, high_freq: float, scale: str) -> NDArray[np.float32]:
    low, high = _on_axis(low_freq, scale), _on_axis(high_freq, scale)
    return low + np.arange(num_mel_bins + 2, dtype=np.float32) * ((high - low) / np.float32(num_mel_bins + 1))


def _triangles(
    num_mel_bins: int,
    num_fft: int,
    rate: float,
    low_freq: float,
    high_freq: float,
    scale: str,
    warp: tuple[float, float, float] | None,
) -> NDArray[np.float32]:
    # In float32 throughout: an edge that falls beside a bin weighs that bin with the rounding of Kaldi and HTK.
    edges = _edges(num_mel_bins, low_freq, high_freq, scale)
    if warp is not None:
        edges = hz_to_mel(warped(np.float32(700) * np.expm1(edges / np.float32(1127)), low_freq, high_freq, *warp))
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    num_bins = num_fft // 2 + 1
    at = _on_axis(np.float32(rate / num_fft) * np.arange(num_bins, dtype=np.float32), scale)[:, None]
    filters = np.maximum(np.minimum((at - left) / (center - left), (right - at) / (right - center)), 0)
    if num_fft % 2 == 0:
        filters[-1] = 0
    check_none_empty(filters, num_fft, rate)
    return filters


def check_none_empty(filters: NDArray[np.floating], num_fft: int, rate: float) -> None:
    """Raise a `ConfigError` if there are so many filters that no bin of the FFT falls into one."""
    empty = np.flatnonzero(~filters.any(axis=0))
    if len(empty):
        raise ConfigError(
            f"num_mel_bins: found {filters.shape[1]}, expected fewer: no bin of a {num_fft}-point FFT at {rate:g} Hz"
            f" falls into filter {empty[0]}"
        )


@lru_cache(maxsize=64)
def cepstral_matrix(num_mel_bins: int, num_ceps: int, *, lifter: float, lifter_start: int = 0) -> NDArray[np.float64]:
    """Orthonormal cosine transform (type II) with the lifter on its columns.

    Column n is c_n cos(pi n (m + 0.5) / M) (1 + L / 2 sin(pi (n + s) / L)) with c_0 = sqrt(1 / M), other
    c_n = sqrt(2 / M), lifter L (0 for none) and start s: 0, but 1 in librosa.

    Gives (M, num_ceps).
    """
    m, n = np.arange(num_mel_bins)[:, None] + 0.5, np.arange(num_ceps)
    transform = np.sqrt(2 / num_mel_bins) * np.cos(np.pi / num_mel_bins * m * n)
    transform[:, 0] = np.sqrt(1 / num_mel_bins)
    if lifter:
        transform *= 1 + lifter / 2 * np.sin(np.pi * (n + lifter_start) / lifter)
    transform.flags.writeable = False
    return transform
