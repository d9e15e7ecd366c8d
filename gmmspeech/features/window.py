"""Windows, and the positions of frames in a signal."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.audio import not_finite
from gmmspeech.checks import real_array
from gmmspeech.errors import FeatureError, GmmSpeechWarning
from gmmspeech.features.options import ASVSPOOF, StaticOptions

INT16_SCALE = 32768.0
LOUDEST = 16.0  # of floating-point samples: mixed or boosted ones may leave [-1, 1]
QUIETEST = 8.0  # of the loudest integers: less is what becomes of [-1, 1], or silence


@lru_cache(maxsize=64)
def window_function(
    window_type: str, length: int, *, periodic: bool = False, blackman_coeff: float = 0.42
) -> NDArray[np.float32]:
    """Weights of a frame's samples as `window_weights` has them, in float32 and read-only, (L,)."""
    blackman_coeff = float(np.float32(blackman_coeff))  # Kaldi's options are float32, and the difference is heard
    weights = window_weights(window_type, length, periodic=periodic, blackman_coeff=blackman_coeff).astype(np.float32)
    weights.flags.writeable = False
    return weights


def window_weights(
    window_type: str, length: int, *, periodic: bool = False, blackman_coeff: float = 0.42
) -> NDArray[np.float64]:
    """Weights of a frame's samples; angles are 2 pi / (L - 1) apart, or 2 pi / L where `periodic`, (L,)."""
    angle = 2 * np.pi * np.arange(length) / (length if periodic else length - 1)
    hanning = 0.5 - 0.5 * np.cos(angle)
    return {
        "hanning": hanning,
        "hamming": 0.54 - 0.46 * np.cos(angle),
        "povey": hanning**0.85,
        "sine": np.sin(0.5 * angle),
        "blackman": blackman_coeff - 0.5 * np.cos(angle) + (0.5 - blackman_coeff) * np.cos(2 * angle),
        "rectangular": np.ones(length),
    }[window_type]


def utterance_prefix(utterance: str) -> str:
    """What a message about an utterance begins with."""
    return f"utterance {utterance}: " if utterance else ""


def checked_signal(signal: ArrayLike, *, whole: bool = True, owner: str = "") -> tuple[NDArray[np.float32], float]:
    """Samples as float32, and their full scale; FeatureError if they aren't one channel of finite numbers.

    A warning tells, once of each `owner`, of samples that must have been meant at another scale; a part of a signal
    may be quiet.

    Shapes: `signal` (n,); gives `samples` (n,).
    """
    samples = real_array(signal, "signal")
    if samples.ndim != 1:
        found = f"found shape {samples.shape}, expected one channel (n,)"
        raise FeatureError(f"signal: {found}; {_one_channel(samples.shape)}")
    with np.errstate(over="ignore", invalid="ignore"):  # reported below
        converted = samples.astype(np.float32, copy=False)
    bad = not_finite(converted)
    if len(bad):
        raise FeatureError(f"signal: found {samples[bad[0]]} at sample {bad[0]}, expected finite numbers")
    _warn_of_scale(converted, samples.dtype, whole, owner)
    return converted, 1.0 if samples.dtype.kind == "f" else INT16_SCALE


def _one_channel(shape: tuple[int, ...]) -> str:
    """Tell how to come by one channel instead of an array of another shape."""
    if not shape:
        return "the samples come first, then their rate"
    if len(shape) == 2 and 1 in shape:
        return "ravel() makes it one"
    first = "signal[0]" if len(shape) != 2 or shape[0] < shape[1] else "signal[:, 0]"
    return f"choose one, as with {first} or read_audio(..., channel=0)"


def _warn_of_scale(samples: NDArray[np.float32], dtype: np.dtype, whole: bool, owner: str) -> None:
    """Tell of samples far outside the scale they are taken at; the same words each time, so that they come once."""
    peak = max(samples.max(), -samples.min()) if len(samples) else 0.0
    if dtype.kind == "f":
        given, taken, other = "floating-point", "in [-1, 1]", "divide 16-bit samples by 32768, or give integers"
        lowest, highest = 1 / INT16_SCALE, LOUDEST
    else:
        given, taken, other = "integer", "of 16 bits", "give floating point in [-1, 1] as it is, others as int16"
        lowest, highest = QUIETEST, INT16_SCALE
    if peak > highest:
        found = f"beyond {highest:g}"
    elif dtype.kind == "u":
        found = "without a sign"
    elif whole and 0 < peak < lowest:
        found = f"all within {lowest:g}"
    else:
        return
    warnings.warn(f"{owner}signal: found {given} samples {found}, expected samples {taken}: {other}", GmmSpeechWarning)


def frame_layout(num_samples: int, rate: float, options: StaticOptions) -> tuple[int, int]:
    """How many frames a signal has, and the sample (negative for one before the start) at which the first begins.

    Kaldi and HTK: with `snip_edges` as many frames as fit, else one for every shift, rounded, each centered on its
    shift. librosa: with `snip_edges` as many FFTs as fit, else FFTs centered on the multiples of the shift. ASVspoof:
    with `snip_edges` as many frames as fit, else one more if samples are left, as MATLAB's buffer has it.
    """
    length, shift, points = options.frame_sizes(rate)
    if options.convention == "librosa":
        edge = 0 if options.snip_edges else points // 2
        room = num_samples + 2 * edge - points
        count = 1 + room // shift if room >= 0 and num_samples else 0
        return count, (points - length) // 2 - edge
    if options.snip_edges:
        return (1 + (num_samples - length) // shift if num_samples >= length else 0), 0
    if options.convention in ASVSPOOF:
        return (max(0, -((length - shift - num_samples) // shift)) if num_samples else 0), 0
    return (num_samples + shift // 2) // shift, shift // 2 - length // 2


def least_samples(rate: float, options: StaticOptions) -> int:
    """The number of samples from which a signal has a frame."""
    length, shift, points = options.frame_sizes(rate)
    if options.snip_edges:
        return points if options.convention == "librosa" else length
    if options.convention in ASVSPOOF:
        return max(1, length - shift + 1)
    return 1 if options.convention == "librosa" else shift - shift // 2


def framed(signal: NDArray[np.float32], rate: float, options: StaticOptions) -> NDArray[np.float32]:
    """View of the samples as (T, L) frames; beyond the ends samples are mirrored, or zero as in librosa."""
    length, shift, _ = options.frame_sizes(rate)
    count, first = frame_layout(len(signal), rate, options)
    if count == 0:
        return np.zeros((0, length), dtype=np.float32)
    before, after = max(0, -first), max(0, first + (count - 1) * shift + length - len(signal))
    if before or after:
        signal = np.pad(signal, (before, after), mode="constant" if options.full_scale_is_one else "symmetric")
    signal = np.ascontiguousarray(signal)
    step = signal.itemsize
    frames = np.ndarray((count, length), signal.dtype, signal, (first + before) * step, (shift * step, step))
    frames.flags.writeable = False  # rows overlap
    return frames
