"""Filter outputs of the LFCC of the ASVspoof baselines, in float64 as MATLAB and NumPy compute them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gmmspeech.features.mel import check_none_empty
from gmmspeech.features.options import FLT_EPSILON, LfccOptions
from gmmspeech.features.spectra import lane_product
from gmmspeech.features.window import frame_layout, window_weights

BLOCK = 128  # frames worked on at a time


def asvspoof_log_filters(
    samples: NDArray[np.float32],
    rate: float,
    options: LfccOptions,
    *,
    scale: float,
    noise: np.random.Generator | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Decimal logarithms of the filters' outputs, and log energies.

    Shapes: `samples` (n,) at least one frame of them; gives `log_filters` (T, M), `log_energy` (T,).
    """
    import scipy.fft  # which takes a tenth of a second

    length, shift, points = options.frame_sizes(rate)
    count, _ = frame_layout(len(samples), rate, options)
    filters = linear_filters(options.convention, options.num_mel_bins, points, rate, *options.band(rate))
    weights = window_weights(options.window_type, length, blackman_coeff=options.blackman_coeff)
    # One zero before the first sample, which pre-emphasis leaves as it is, and zeros up to the end of the last frame.
    after = max(0, (count - 1) * shift + length - len(samples))
    frames = sliding_window_view(np.pad(samples, (1, after)), length + 1)[::shift][:count]
    log_filters, energy = np.empty((count, filters.shape[1])), np.empty(count)
    for start in range(0, count, BLOCK):
        block = frames[start : start + BLOCK] * np.float64(scale)
        if noise:
            block += options.dither * noise.standard_normal(block.shape)
        if options.remove_dc_offset:
            block -= block[:, 1:].mean(axis=1, keepdims=True)
        windowed = (block[:, 1:] - options.preemphasis_coefficient * block[:, :-1]) * weights
        if after and start + BLOCK >= count:
            windowed[-1, -after:] = 0  # MATLAB's buffer adds them to what pre-emphasis gave
        given = block[:, 1:] if options.raw_energy else windowed
        energy[start : start + BLOCK] = np.einsum("tn,tn->t", given, given)
        spectra = np.abs(scipy.fft.rfft(windowed, points, axis=1))
        outputs = lane_product(spectra**2 if options.use_power else spectra, filters)
        log_filters[start : start + BLOCK] = np.log10(outputs + options.mel_floor)
    return log_filters, np.log(np.maximum(energy, max(options.energy_floor, FLT_EPSILON))).astype(np.float32)


@lru_cache(maxsize=16)
def linear_filters(
    convention: str, num_filters: int, num_fft: int, rate: float, low_freq: float, high_freq: float
) -> NDArray[np.float64]:
    """Triangles of height 1 at equal distances: of 2019 in Hz, of 2021 from bin to bin of an FFT of one point more.

    Gives (num_fft // 2 + 1, M).
    """
    edges, at = np.linspace(low_freq, high_freq, num_filters + 2), np.arange(num_fft // 2 + 1)[:, None]
    edges = np.floor((num_fft + 1) * edges / rate) if convention == "asvspoof2021" else edges * num_fft / rate
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    with np.errstate(divide="ignore", invalid="ignore"):  # where a side has no width, the other one stays
        rising = np.where(at < center, (at - left) / (center - left), 1)
        falling = np.where(at > center, (right - at) / (right - center), 1)
    filters = np.where((at >= left) & (at < right), np.minimum(rising, falling), 0.0)
    check_none_empty(filters, num_fft, rate)
    filters.flags.writeable = False
    return filters
