"""Constant-Q cepstral coefficients, as in the ASVspoof baselines."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError, FeatureError, counted
from gmmspeech.features.options import FLT_EPSILON, MAX_BINS, Section, check_rate, validated
from gmmspeech.features.window import INT16_SCALE, checked_signal

LEAST_BINS = 4  # of the spectrum in a filter
OFFSET = 228.7  # Hz: filters are wider than at constant Q by as much, times 1 / Q, so that low ones answer in time
FLOOR = float(np.finfo(np.float64).eps)  # added to a power before the logarithm
ENERGY_SECONDS = 0.025  # of signal around a frame, for its energy
BLOCK = 1 << 18  # numbers worked on at a time


class CqccOptions(Section):
    """Options of `cqcc`."""

    type: Literal["cqcc"] = "cqcc"
    num_ceps: int = Field(default=30, ge=1, le=MAX_BINS)
    bins_per_octave: int = Field(default=96, ge=1, le=1000)
    low_freq: float | None = Field(default=None, gt=0)
    high_freq: float = 0.0
    uniform_samples: int = Field(default=16, ge=1, le=1000)

    @property
    def dim(self) -> int:
        """Number of columns."""
        return self.num_ceps

    def band(self, rate: float) -> tuple[float, float]:
        """Lowest and highest frequency in Hz; `low_freq` None means whole octaves below `high_freq`, at most 20 Hz."""
        high = self.high_freq if self.high_freq > 0 else rate / 2 + self.high_freq
        if self.low_freq is not None or high <= 0:
            return self.low_freq or 0.0, high
        return high / 2 ** math.ceil(math.log2(high / 20) - 1e-9), high

    def check_rate(self, rate: float) -> None:
        """Raise ConfigError if the options are not valid at a sampling rate."""
        check_rate(rate)
        low, high = self.band(rate)
        if not 0 < high <= rate / 2:
            raise ConfigError(f"high_freq: found {high:g} Hz, expected at most {rate / 2:g} Hz, half the sampling rate")
        quality = self._width
        if low * (2 - quality) < OFFSET * quality:
            least = OFFSET * quality / (2 - quality)
            raise ConfigError(f"low_freq: found {low:g} Hz, expected at least {least:.3g} Hz for filters above 0 Hz")
        count = len(self.filters(rate)[0])
        if count < max(4, 1 + self.bins_per_octave):
            raise ConfigError(f"low_freq: found {low:g} Hz, expected an octave or more below {high:g} Hz")
        if len(uniform_grid(self, rate)) < self.num_ceps:
            raise ConfigError(f"num_ceps: found {self.num_ceps}, expected at most {len(uniform_grid(self, rate))}")

    @property
    def _width(self) -> float:
        """Width of a filter over its center frequency, 1 / Q."""
        return 2 ** (1 / self.bins_per_octave) - 2 ** (-1 / self.bins_per_octave)

    def filters(self, rate: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Center frequencies and widths in Hz of the filters that end below half the sampling rate."""
        low, high = self.band(rate)
        count = 1 + math.floor(self.bins_per_octave * math.log2(high / low) + 1e-9)
        if count > MAX_BINS:
            raise ConfigError(f"bins_per_octave: found {counted(count, 'filter')} in all, expected at most {MAX_BINS}")
        centers = low * 2 ** (np.arange(max(count, 0)) / self.bins_per_octave)
        widths = self._width * (centers + OFFSET)
        inside = centers + widths / 2 <= rate / 2
        return centers[inside], widths[inside]

    def least_samples(self, rate: float) -> int:
        """Minimum number of samples for a signal to have frames: the widest filter has LEAST_BINS bins."""
        return math.ceil((LEAST_BINS - 0.5) * rate / self.filters(rate)[1][-1])

    def shift(self, rate: float) -> float:
        """Approximate frame shift in milliseconds: the length of a signal is a whole number of them."""
        return float(1000 / self.filters(rate)[1][-1])


@checked
def cqcc(
    signal: ArrayLike,
    rate: float,
    *,
    num_ceps: int = 30,
    bins_per_octave: int = 96,
    low_freq: float | None = None,
    high_freq: float = 0.0,
    uniform_samples: int = 16,
) -> NDArray[np.float32]:
    r"""Constant-Q cepstral coefficients of the ASVspoof baselines (MATLAB's ``cqcc``), without derivatives.

    Filters have Hann shapes on the spectrum of the whole signal, with centers :math:`f_k = f_{min} 2^{k / B}` and
    widths :math:`(2^{1/B} - 2^{-1/B}) (f_k + 228.7)` Hz. The output of a filter, at the rate of the widest one, gives
    the power of a frame at :math:`f_k`. A cubic spline resamples its logarithm on a uniform grid with steps of
    :math:`f_{min} / d`, and an orthonormal cosine transform follows.

    Parameters
    ----------
    signal : array_like, shape (n,)
        Samples of one channel: floating point in [-1, 1], or 16-bit integers.
    rate : float
        Sampling rate in Hz.
    num_ceps : int
        Number of columns, including c0.
    bins_per_octave : int
        Filters per octave, B.
    low_freq : float, optional
        Center of the lowest filter in Hz; by default whole octaves below `high_freq`, at most 20 Hz: 15.625 Hz at
        16 kHz.
    high_freq : float
        Highest center of a filter in Hz; 0 or less counts from half the sampling rate. Filters that would reach beyond
        half the sampling rate are left out.
    uniform_samples : int
        Points of the uniform grid in the first octave, d.

    Returns
    -------
    ndarray, shape (T, num_ceps), float32
        One frame about every 8.5 ms by default.

    Raises
    ------
    FeatureError
        The signal is not a single channel of finite numbers, or is too short for four frames.
    ConfigError
        Invalid options, alone, in combination, or at this sampling rate.

    Notes
    -----
    The ASVspoof 2019 baseline uses the defaults and appends ``add_deltas(..., window=3, convention="htk")``; this is
    the front end "cqcc_asvspoof2019". The 2021 baseline has 12 bins per octave from 62.5 to 4000 Hz and 20 columns
    ("cqcc_asvspoof2021"). Its Python translation resamples along time instead of frequency, and is not followed.
    A center that is exactly on a bin of the spectrum is placed there; MATLAB's rounding puts it one bin lower in 2 % of
    recordings, and single frames then differ by up to 0.3.

    References
    ----------
    M. Todisco, H. Delgado and N. Evans, "Constant Q cepstral coefficients: a spoofing countermeasure for automatic
    speaker verification", Computer Speech & Language 45, 2017.
    C. Schörkhuber et al., "A Matlab toolbox for efficient perfect reconstruction time-frequency transforms with
    log-frequency resolution", AES 53rd Conference on Semantic Audio, 2014.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.cqcc(np.sin(np.arange(16000.0)), 16000).shape
    (117, 30)
    """
    options = validated(
        CqccOptions,
        {
            "num_ceps": num_ceps,
            "bins_per_octave": bins_per_octave,
            "low_freq": low_freq,
            "high_freq": high_freq,
            "uniform_samples": uniform_samples,
        },
    )
    samples, full_scale = checked_signal(signal)
    options.check_rate(rate)
    return cqcc_of_samples(samples, full_scale, rate, options)[0]


def cqcc_of_samples(
    samples: NDArray[np.float32], full_scale: float, rate: float, options: CqccOptions
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cepstra, and log energies at the scale of 16-bit samples around each frame; a FeatureError where there is none.

    Shapes: `samples` (n,); gives `features` (T, num_ceps), `log_energy` (T,).
    """
    if len(samples) < options.least_samples(rate):
        found = f"found {counted(len(samples), 'sample')} at {rate:g} Hz"
        raise FeatureError(f"{found}, expected at least {options.least_samples(rate)}, {LEAST_BINS} frames")
    import scipy.fft  # which takes a tenth of a second

    centers, widths = options.filters(rate)
    signal = samples.astype(np.float64) / full_scale
    spectrum = scipy.fft.fft(signal) * (2 / len(signal))
    bins = np.maximum(np.floor(widths * len(signal) / rate + 0.5).astype(np.intp), LEAST_BINS)
    places = np.floor(centers * len(signal) / rate + 1e-9).astype(np.intp)
    count = int(bins[-1])
    transform = log_power_transform(options, rate)
    cepstra = np.zeros((count, options.num_ceps))
    rows = max(1, BLOCK // count)
    for start in range(0, len(bins), rows):
        part = slice(start, start + rows)
        power = _filtered_power(spectrum, places[part], bins[part], count)
        cepstra += np.log(power + FLOOR).T @ transform[part]
    return cepstra.astype(np.float32), _log_energies(signal, rate, count)


def _filtered_power(
    spectrum: NDArray[np.complex128], places: NDArray[np.intp], bins: NDArray[np.intp], count: int
) -> NDArray[np.float64]:
    """Power at the output of filters around some places of the spectrum, at `count` times each, (filters, count)."""
    import scipy.fft

    offsets = np.arange(-(bins[-1] // 2), -(-bins[-1] // 2))  # filters get wider: the last is the widest of these
    inside = (offsets >= -(bins[:, None] // 2)) & (offsets < -(-bins[:, None] // 2))
    hann = np.where(inside, 0.5 + 0.5 * np.cos(2 * np.pi * offsets / bins[:, None]), 0)
    outputs = np.zeros((len(bins), count), dtype=np.complex128)
    outputs[:, offsets % count] = hann * spectrum[(places[:, None] + offsets) % len(spectrum)]
    outputs = scipy.fft.ifft(outputs, axis=1, norm="forward", overwrite_x=True)
    return outputs.real**2 + outputs.imag**2


def uniform_grid(options: CqccOptions, rate: float) -> NDArray[np.float64]:
    """Frequencies in Hz at equal distances from the lowest filter's center to at most the highest one's."""
    centers, _ = options.filters(rate)
    step = centers[0] / options.uniform_samples
    return centers[0] + step * np.arange(1 + math.floor((centers[-1] - centers[0]) / step + 1e-9))


@lru_cache(maxsize=8)
def log_power_transform(options: CqccOptions, rate: float) -> NDArray[np.float64]:
    """The spline and the cosine transform in one matrix, since both are linear, (filters, num_ceps)."""
    from scipy.interpolate import CubicSpline

    centers, _ = options.filters(rate)
    grid = uniform_grid(options, rate)
    m, n = np.arange(len(grid)) + 0.5, np.arange(options.num_ceps)
    cosines = np.sqrt(2 / len(grid)) * np.cos(np.pi / len(grid) * m[:, None] * n)
    cosines[:, 0] = np.sqrt(1 / len(grid))
    transform = np.zeros((len(centers), options.num_ceps))
    spline = CubicSpline(centers, np.eye(len(centers)))
    for start in range(0, len(grid), 512):
        part = slice(start, start + 512)
        transform += spline(grid[part]).T @ cosines[part]
    transform.flags.writeable = False
    return transform


def _log_energies(signal: NDArray[np.float64], rate: float, count: int) -> NDArray[np.float32]:
    """Natural logarithm of the energy of 25 ms of signal around each of `count` frames, (T,)."""
    sums = np.concatenate([[0.0], np.cumsum((INT16_SCALE * signal) ** 2)])
    centers, half = np.arange(count) * len(signal) / count, ENERGY_SECONDS * rate / 2
    first = np.clip(np.round(centers - half).astype(np.intp), 0, len(signal))
    last = np.clip(np.round(centers + half).astype(np.intp), 0, len(signal))
    return np.log(np.maximum(sums[last] - sums[first], FLT_EPSILON)).astype(np.float32)
