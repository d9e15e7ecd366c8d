"""Conversion of sampling rates by soxr, or like Kaldi's ``LinearResample`` for features equal to Kaldi's."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from gmmspeech.errors import FeatureError

Resampler = Literal["soxr", "kaldi"]
_MOST_TIMES = 50  # as many samples: of 1 Hz, some kB would become GB
_CUTOFF = 0.99 * 0.5  # of the lower of both rates, as Kaldi's feature programs have it
_NUM_ZEROS = 6  # of the sinc on either side


def resampled(
    samples: NDArray[np.float32],
    full_scale: float,
    rate: float,
    new_rate: int,
    resampler: Resampler,
    allowed: bool | Literal["down", "up"] = True,
) -> tuple[NDArray[np.float32], float]:
    """Samples at another rate, and their full scale; a FeatureError where that is not allowed, or would be too many."""
    if allowed not in (True, "down" if rate > new_rate else "up"):
        also = {"down": " or more", "up": " or less"}.get(str(allowed), "")
        raise FeatureError(
            f"found {rate:g} Hz, expected {new_rate} Hz{also}; set resample = true to convert, or sample_frequency = "
            f"{rate:g}, in the front end's configuration"
        )
    if new_rate > _MOST_TIMES * rate:
        raise FeatureError(
            f"found {rate:g} Hz, expected at least {new_rate / _MOST_TIMES:g} Hz to convert to {new_rate}"
        )
    if resampler == "soxr":
        return soxr.resample(samples / np.float32(full_scale), rate, new_rate, quality="HQ"), 1.0
    if rate != int(rate):
        raise FeatureError(f"found {rate:g} Hz, expected a whole number for resampler = 'kaldi'")
    return linear_resample(samples, int(rate), new_rate), full_scale


def linear_resample(samples: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    r"""Resample as Kaldi's ``ResampleWaveform`` does: a sinc under a Hann window, six zeros to a side.

    Sample :math:`i` lies at :math:`t_i = i / f'`, with :math:`f'` the new rate, and is

    .. math:: y_i = \frac{1}{f} \sum_j x_j h(j / f - t_i), \quad
        h(t) = \frac{\sin 2 \pi c t}{\pi t} \cdot \frac{1 + \cos (2 \pi c t / 6)}{2}, \quad |t| < 3 / c,

    with :math:`c` 0.99 of half the lower rate; what lies before the first sample and behind the last is zero.
    """
    common = math.gcd(rate, new_rate)
    step, phases = rate // common, new_rate // common  # samples that come again at the same places between each other
    length = -(-len(samples) * phases // step)
    first, weights = _filters(rate, new_rate)
    before, width = -int(first.min()), weights.shape[1]
    last = int(first.max()) + (length // phases + 1) * step + width
    padded = np.pad(samples, (before, max(0, last - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    out = np.empty(length, np.float32)
    for phase in range(min(phases, length)):
        own = out[phase::phases]
        start = before + int(first[phase])
        own[:] = windows[start : start + step * len(own) : step] @ weights[phase]
    return out


@lru_cache(maxsize=8)
def _filters(rate: int, new_rate: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """First sample that each of the places needs, and weights of it and those behind, zeros at the end of some."""
    cutoff = _CUTOFF * min(rate, new_rate)
    half = _NUM_ZEROS / (2 * cutoff)
    times = np.arange(new_rate // math.gcd(rate, new_rate)) / new_rate
    first = np.ceil((times - half) * rate).astype(np.int64)
    width = int((np.floor((times + half) * rate).astype(np.int64) - first).max()) + 1
    apart = (first[:, None] + np.arange(width)) / rate - times[:, None]
    window = np.where(np.abs(apart) < half, 0.5 * (1 + np.cos(2 * np.pi * cutoff / _NUM_ZEROS * apart)), 0)
    return first, (2 * cutoff * np.sinc(2 * cutoff * apart) * window / rate).astype(np.float32)
