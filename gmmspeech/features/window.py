"""From samples to windowed frames and their power spectra, a block of frames at a time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import FeatureError
from gmmspeech.features.kaldi_fft import fused, kaldi_power_spectra
from gmmspeech.features.options import FLT_EPSILON, StaticOptions

INT16_SCALE = 32768.0
BLOCK = 65536  # samples worked on at a time, 128 frames of a 512-point FFT: they stay in the second-level cache
WIDE = 13.0  # nats between a frame's loudest and faintest filter from which Kaldi's FFT is heard in its numbers
LANES = 32  # frames worked on together: less are filled up, so that a frame's bits don't depend on how many follow


@lru_cache(maxsize=64)
def window_function(
    window_type: str, length: int, *, periodic: bool = False, blackman_coeff: float = 0.42
) -> NDArray[np.float32]:
    """Weights of a frame's samples.

    With a = 2 pi / (L - 1), or 2 pi / L where `periodic` (as librosa has it):

    - hanning 0.5 - 0.5 cos(a n), hamming 0.54 - 0.46 cos(a n), povey hanning**0.85, sine sin(a n / 2),
    - blackman b - 0.5 cos(a n) + (0.5 - b) cos(2 a n) with b = `blackman_coeff`, rectangular 1.

    Parameters
    ----------
    window_type : {"povey", "hamming", "hanning", "blackman", "rectangular", "sine"}
    length : int
        Samples in a frame, L.
    periodic : bool
    blackman_coeff : float

    Returns
    -------
    ndarray, shape (L,), float32
        Shared between calls and read-only.

    Examples
    --------
    >>> window_function("hanning", 5)
    array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    angle = 2 * np.pi * np.arange(length) / (length if periodic else length - 1)
    blackman_coeff = float(np.float32(blackman_coeff))  # Kaldi's options are float32, and the difference is heard
    hanning = 0.5 - 0.5 * np.cos(angle)
    weights = {
        "hanning": hanning,
        "hamming": 0.54 - 0.46 * np.cos(angle),
        "povey": hanning**0.85,
        "sine": np.sin(0.5 * angle),
        "blackman": blackman_coeff - 0.5 * np.cos(angle) + (0.5 - blackman_coeff) * np.cos(2 * angle),
        "rectangular": np.ones(length),
    }[window_type].astype(np.float32)
    weights.flags.writeable = False
    return weights


def checked_signal(signal: ArrayLike) -> tuple[NDArray[np.float32], float]:
    """Samples as float32, and their full scale; FeatureError if they aren't one channel of finite numbers.

    Parameters
    ----------
    signal : array_like, shape (n,)
        Floating point with full scale 1, or integers with full scale 32768.

    Returns
    -------
    samples : ndarray, shape (n,), float32
    full_scale : float

    Examples
    --------
    >>> import numpy as np
    >>> checked_signal([0.5, -1.0])
    (array([ 0.5, -1. ], dtype=float32), 1.0)
    >>> checked_signal(np.array([16384, -1], dtype=np.int16))
    (array([ 1.6384e+04, -1.0000e+00], dtype=float32), 32768.0)
    """
    samples = np.asarray(signal)
    if samples.ndim != 1:
        raise FeatureError(
            f"signal: found shape {samples.shape}, expected one channel (n,);"
            " choose one, as with read_audio(..., channel=0)"
        )
    if samples.dtype.kind not in "fiu":
        raise FeatureError(f"signal: found dtype {samples.dtype}, expected floating point or integers")
    with np.errstate(over="ignore", invalid="ignore"):  # reported below
        converted = samples.astype(np.float32, copy=False)
        total = converted.sum()
    if not np.isfinite(total):  # the sum takes half the time of looking at every sample
        bad = np.flatnonzero(~np.isfinite(converted))
        if len(bad):
            raise FeatureError(f"signal: found {samples[bad[0]]} at sample {bad[0]}, expected finite numbers")
    return converted, 1.0 if samples.dtype.kind == "f" else INT16_SCALE


def frame_layout(num_samples: int, rate: float, options: StaticOptions) -> tuple[int, int]:
    """How many frames a signal has, and the sample (negative for one before the start) at which the first begins.

    Kaldi and HTK: with `snip_edges` as many frames as fit, else one for every shift, rounded, each centred on its
    shift. librosa: with `snip_edges` as many FFTs as fit, else FFTs centred on the multiples of the shift.

    Examples
    --------
    >>> from gmmspeech.features.options import MfccOptions
    >>> kaldi = MfccOptions.model_validate({})
    >>> frame_layout(1000, 16000, kaldi)
    (4, 0)
    """
    length, shift, points = options.frame_sizes(rate)
    if options.convention == "librosa":
        edge = 0 if options.snip_edges else points // 2
        room = num_samples + 2 * edge - points
        count = 1 + room // shift if room >= 0 and num_samples else 0
        return count, (points - length) // 2 - edge
    if options.snip_edges:
        return (1 + (num_samples - length) // shift if num_samples >= length else 0), 0
    return (num_samples + shift // 2) // shift, shift // 2 - length // 2


def least_samples(rate: float, options: StaticOptions) -> int:
    """The number of samples from which a signal has a frame."""
    length, shift, points = options.frame_sizes(rate)
    if options.snip_edges:
        return points if options.convention == "librosa" else length
    return 1 if options.convention == "librosa" else shift - shift // 2


def framed(signal: NDArray[np.float32], rate: float, options: StaticOptions) -> NDArray[np.float32]:
    """View of the samples as (T, L) frames; beyond the ends samples are mirrored, or zero for librosa."""
    length, shift, _ = options.frame_sizes(rate)
    count, first = frame_layout(len(signal), rate, options)
    if count == 0:
        return np.zeros((0, length), dtype=np.float32)
    before, after = max(0, -first), max(0, first + (count - 1) * shift + length - len(signal))
    if before or after:
        signal = np.pad(signal, (before, after), mode="constant" if options.convention == "librosa" else "symmetric")
    return sliding_window_view(signal, length)[first + before :: shift][:count]


@lru_cache(maxsize=8)
def _window_rows(
    window_type: str, length: int, points: int, periodic: bool, blackman_coeff: float, scale: float
) -> NDArray[np.float32]:
    """The window times a scale, with zeros up to `points`, once for every row of a block, (rows, points).

    Products of whole blocks run through memory in one go, which row by row they don't.
    """
    rows = np.zeros((padded(max(1, BLOCK // points)), points), dtype=np.float32)
    rows[:, :length] = scale * window_function(window_type, length, periodic=periodic, blackman_coeff=blackman_coeff)
    rows.flags.writeable = False
    return rows


def padded(count: int) -> int:
    """The next multiple of LANES."""
    return -(-count // LANES) * LANES


def lane_product(x: NDArray, matrix: NDArray) -> NDArray:
    """Matrix product x @ matrix, always of LANES rows at a time.

    So a row has the same bits whatever comes after it: BLAS sums in an order that depends on the number of rows.
    """
    rows = np.zeros((padded(len(x)), x.shape[1]), dtype=x.dtype)
    rows[: len(x)] = x
    product = np.empty((len(rows), matrix.shape[1]), dtype=np.result_type(x, matrix))
    _lane_product(rows, matrix, product)
    return product[: len(x)]


def _lane_product(rows: NDArray, matrix: NDArray, out: NDArray) -> None:
    for start in range(0, len(rows), LANES):
        np.matmul(rows[start : start + LANES], matrix, out=out[start : start + LANES])


def mel_energies(
    frames: NDArray[np.float32],
    rate: float,
    options: StaticOptions,
    filters: NDArray[np.float32],
    *,
    scale: float = 1.0,
    noise: np.random.Generator | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Filter-bank energies and log energies of frames of samples.

    A frame's bits depend on its samples, and on its place among LANES frames, alone.

    Parameters
    ----------
    frames : ndarray, shape (T, L), float32
        As `framed` gives them.
    rate : float
        Hz.
    options : StaticOptions
    filters : ndarray, shape (num_fft // 2 + 1, M), float32
    scale : float
        What to multiply the samples with.
    noise : Generator, optional
        Of the dither.

    Returns
    -------
    mel : ndarray, shape (T, M), float32
        Not floored, no logarithm.
    log_energy : ndarray, shape (T,), float32
        Natural logarithm of the frame's sum of squares, floored at `energy_floor` and FLT_EPSILON.
    """
    length, _, points = options.frame_sizes(rate)
    # The scale waits until the window, which costs nothing; it is a power of two, so no bit changes.
    periodic = options.convention == "librosa"
    window = _window_rows(options.window_type, length, points, periodic, options.blackman_coeff, scale)
    mel = np.empty((padded(len(frames)), filters.shape[1]), dtype=np.float32)
    energy, offset = np.empty(len(mel), dtype=np.float32), np.zeros(len(mel), dtype=np.float32)

    rows = min(len(window), len(mel))
    buffer, scratch = np.zeros((rows, points), dtype=np.float32), np.empty((rows, points), dtype=np.float32)
    power = np.empty((rows, points // 2 + 1), dtype=np.float32)
    for start in range(0, len(frames), rows):
        given = frames[start : start + rows]
        part = slice(start, start + padded(len(given)))
        n = part.stop - start
        block = buffer[:n]
        frame = block[:, :length]
        np.copyto(frame[: len(given)], given)
        frame[len(given) :] = 0
        if noise:
            add_dither(frame[: len(given)], options, scale, noise)
        if options.remove_dc_offset:
            np.divide(np.einsum("tn->t", frame), np.float32(length), out=offset[part])
            block -= offset[part, None]
        if options.raw_energy:
            np.einsum("tn,tn->t", frame, frame, out=energy[part])
        if options.preemphasis_coefficient:
            _preemphasise(block, np.float32(options.preemphasis_coefficient), scratch[:n])
        block *= window[:n]
        if not options.raw_energy:
            np.einsum("tn,tn->t", frame, frame, out=energy[part])
        _power_spectra(block, power[:n])
        if not options.use_power:
            np.sqrt(power[:n], out=power[:n])
        _lane_product(power[:n], filters, mel[part])
    mel, energy = mel[: len(frames)], energy[: len(frames)]
    if options.convention == "kaldi" and options.logarithmic and not options.dither and points % 2 == 0:
        wide = _wide_frames(mel, options)
        for start in range(0, len(wide), rows):
            some = wide[start : start + rows]
            spectra = _as_kaldi(frames[some] - offset[some, None], window[: len(some)], options)
            mel[some] = lane_product(spectra if options.use_power else np.sqrt(spectra), filters)
    if options.raw_energy:
        energy *= np.float32(scale**2)
    np.maximum(energy, max(options.energy_floor, FLT_EPSILON), out=energy)
    return mel, np.log(energy, out=energy)


def add_dither(frames: NDArray[np.float32], options: StaticOptions, scale: float, noise: np.random.Generator) -> None:
    """Add Gaussian noise to frames of samples that are to be multiplied by `scale`, in place."""
    frames += np.float32(options.dither / scale) * noise.standard_normal(frames.shape, dtype=np.float32)


def _wide_frames(mel: NDArray[np.float32], options: StaticOptions) -> NDArray[np.intp]:
    """Frames with a faintest filter more than WIDE nats of power below the loudest one."""
    faintest = np.maximum(mel.min(axis=1), np.float32(options.mel_floor))
    wide = WIDE if options.use_power else WIDE / 2
    return np.flatnonzero(mel.max(axis=1) > np.float32(np.exp(wide)) * faintest)


def _as_kaldi(frames: NDArray[np.float32], window: NDArray[np.float32], options: StaticOptions) -> NDArray[np.float32]:
    """Power spectra of (T, L) frames of centred samples with Kaldi's own roundings; it has its pre-emphasis fused."""
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    block = np.zeros_like(window)
    block[:, : frames.shape[1]] = fused(before, np.float32(-options.preemphasis_coefficient), frames)
    return kaldi_power_spectra(block * window)


def _preemphasise(block: NDArray[np.float32], coefficient: np.float32, scratch: NDArray[np.float32]) -> None:
    """In place x[n] - c x[n - 1]; the first sample of a row counts as its own predecessor."""
    first = block[:, 0] - coefficient * block[:, 0]
    np.multiply(block, coefficient, out=scratch)
    samples = block.reshape(-1)
    samples[1:] -= scratch.reshape(-1)[:-1]
    block[:, 0] = first


def _power_spectra(frames: NDArray[np.float32], power: NDArray[np.float32]) -> None:
    parts = scipy.fft.rfft(frames, axis=1).view(np.float32)
    np.multiply(parts, parts, out=parts)
    np.add(parts[:, 0::2], parts[:, 1::2], out=power)
