"""From frames of samples to the outputs of mel filters, a block of frames at a time.

Compiled code is used if available (mel_kernel.py); Kaldi's features then have Kaldi's roundings in every frame.
Otherwise NumPy and scipy.fft are used, and only frames in which the roundings matter get them.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gmmspeech.features.native import mel_kernel
from gmmspeech.features.native.kaldi_fft import fused, kaldi_power_spectra
from gmmspeech.features.options import FLT_EPSILON, StaticOptions
from gmmspeech.features.window import window_function

Float32 = NDArray[np.float32]

BLOCK = 65536  # samples worked on at a time, 128 frames of a 512-point FFT: they stay in the second-level cache
WIDE = 13.0  # nats between a frame's loudest and faintest filter from which Kaldi's FFT is heard in its numbers
LANES = 32  # frames worked on together: less are filled up, so that a frame's bits don't depend on how many follow


def mel_energies(
    frames: Float32,
    rate: float,
    options: StaticOptions,
    filters: Float32,
    *,
    scale: float = 1.0,
    noise: np.random.Generator | None = None,
) -> tuple[Float32, Float32]:
    """Filter-bank energies and log energies of frames of samples.

    A frame's bits depend on its samples, and on its place among LANES frames, alone.

    Shapes: `frames` (T, L), `filters` (num_fft // 2 + 1, M); gives `mel` (T, M), `log_energy` (T,).
    """
    length, _, points = options.frame_sizes(rate)
    # The scale waits until the window, which costs nothing; it is a power of two, so no bit changes.
    periodic = options.convention == "librosa"
    window = _window_rows(options.window_type, length, points, periodic, options.blackman_coeff, scale)
    as_kaldi = options.convention == "kaldi" and options.of_kaldi and not options.dither
    if as_kaldi and mel_kernel.has_fft(points):
        mel, energy = mel_kernel.kaldi_mel_energies(frames, window[0], filters, options)
    else:
        mel, energy = _by_blocks(frames, points, options, filters, window, scale, noise)
        if as_kaldi and points % 2 == 0:
            wide = _wide_frames(mel, options)
            for start in range(0, len(wide), len(window)):
                some = wide[start : start + len(window)]
                mel[some] = _as_kaldi(frames[some], window, filters, options)
    if options.raw_energy:
        energy *= np.float32(scale**2)
    np.maximum(energy, max(options.energy_floor, FLT_EPSILON), out=energy)
    return mel, np.log(energy, out=energy)


def lane_product(x: NDArray, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix product x @ matrix in which a row has the same bits whatever comes after it."""
    if mel_kernel.available():
        return mel_kernel.row_products(x.astype(np.float64, copy=False), matrix)
    rows = np.zeros((padded(len(x)), x.shape[1]), dtype=x.dtype)
    rows[: len(x)] = x
    product = np.empty((len(rows), matrix.shape[1]))
    _lane_product(rows, matrix, product)
    return product[: len(x)]


def dither_seed(utterance: str) -> int:
    """The seed of an utterance's dither."""
    return int.from_bytes(hashlib.sha256(utterance.encode()).digest()[:8])


def add_dither(frames: Float32, options: StaticOptions, scale: float, noise: np.random.Generator) -> None:
    """Add Gaussian noise to frames of samples that are to be multiplied by `scale`, in place."""
    frames += np.float32(options.dither / scale) * noise.standard_normal(frames.shape, dtype=np.float32)


def padded(count: int) -> int:
    """The next multiple of LANES."""
    return -(-count // LANES) * LANES


@lru_cache(maxsize=8)
def _window_rows(
    window_type: str, length: int, points: int, periodic: bool, blackman_coeff: float, scale: float
) -> Float32:
    """The window times a scale, with zeros up to `points`, once for every row of a block, (rows, points).

    Products of whole blocks run through memory in one go, which row by row they don't.
    """
    rows = np.zeros((padded(max(1, BLOCK // points)), points), dtype=np.float32)
    rows[:, :length] = scale * window_function(window_type, length, periodic=periodic, blackman_coeff=blackman_coeff)
    rows.flags.writeable = False
    return rows


def _by_blocks(
    frames: Float32,
    points: int,
    options: StaticOptions,
    filters: Float32,
    window: Float32,
    scale: float,
    noise: np.random.Generator | None,
) -> tuple[Float32, Float32]:
    """Outputs of the filters, and energies, by scipy's FFT."""
    import scipy.fft  # which takes a tenth of a second

    mel = np.empty((padded(len(frames)), filters.shape[1]), dtype=np.float32)
    energy = np.empty(len(mel), dtype=np.float32)
    rows = min(len(window), len(mel))
    room = np.zeros((rows, points), dtype=np.float32)
    compiled = mel_kernel.available()
    filters = np.asfortranarray(filters) if compiled else filters  # as filter_spectra wants them, once for all blocks
    for start in range(0, len(frames), rows):
        given = frames[start : start + rows]
        if noise:
            given = given.copy()
            add_dither(given, options, scale, noise)
        part = slice(start, start + padded(len(given)))
        block = room[: part.stop - start]
        block[len(given) :] = 0
        if compiled:
            mel_kernel.window_frames(given, window[0], options, block, energy[part])
            mel_kernel.filter_spectra(scipy.fft.rfft(block, axis=1), filters, options, mel[part])
        else:
            _window_frames(given, window, options, block, energy[part])
            _lane_product(_magnitudes(scipy.fft.rfft(block, axis=1), options), filters, mel[part])
    return mel[: len(frames)], energy[: len(frames)]


def _window_frames(given: Float32, window: Float32, options: StaticOptions, block: Float32, energy: Float32) -> None:
    """`mel_kernel.window_frames` in NumPy, the rows that aren't given being zero."""
    length = given.shape[1]
    frame = block[:, :length]
    frame[: len(given)] = given
    block[:, length:] = 0
    if options.remove_dc_offset:
        block -= _mean(frame)
    if options.raw_energy:
        np.einsum("tn,tn->t", frame, frame, out=energy)
    if options.preemphasis_coefficient:
        _preemphasize(block, np.float32(options.preemphasis_coefficient))
    block *= window[: len(block)]
    if not options.raw_energy:
        np.einsum("tn,tn->t", frame, frame, out=energy)


def _mean(frames: Float32) -> Float32:
    return (np.einsum("tn->t", frames) / np.float32(frames.shape[1]))[:, None]


def _preemphasize(block: Float32, coefficient: np.float32) -> None:
    """In place x[n] - c x[n - 1]; the first sample of a row counts as its own predecessor."""
    first = block[:, 0] - coefficient * block[:, 0]
    samples = block.reshape(-1)
    samples[1:] -= coefficient * samples[:-1]
    block[:, 0] = first


def _magnitudes(spectra: NDArray[np.complex64], options: StaticOptions) -> Float32:
    parts = spectra.view(np.float32)
    np.multiply(parts, parts, out=parts)
    power = parts[:, 0::2] + parts[:, 1::2]
    return power if options.use_power else np.sqrt(power, out=power)


def _lane_product(rows: NDArray, matrix: NDArray, out: NDArray) -> None:
    """Matrix product of LANES rows at a time: BLAS sums in an order that depends on the number of rows."""
    for start in range(0, len(rows), LANES):
        np.matmul(rows[start : start + LANES], matrix, out=out[start : start + LANES])


def _wide_frames(mel: Float32, options: StaticOptions) -> NDArray[np.intp]:
    """Frames with a faintest filter more than WIDE nats of power below the loudest one."""
    faintest = np.maximum(mel.min(axis=1), np.float32(options.mel_floor))
    wide = WIDE if options.use_power else WIDE / 2
    return np.flatnonzero(mel.max(axis=1) > np.float32(np.exp(wide)) * faintest)


def _as_kaldi(frames: Float32, window: Float32, filters: Float32, options: StaticOptions) -> Float32:
    """Outputs of the filters for (T, L) frames of samples with Kaldi's own roundings."""
    if options.remove_dc_offset:
        frames = frames - _mean(frames)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    block = np.zeros((padded(len(frames)), window.shape[1]), dtype=np.float32)
    block[: len(frames), : frames.shape[1]] = fused(before, np.float32(-options.preemphasis_coefficient), frames)
    block *= window[: len(block)]
    spectra = kaldi_power_spectra(block)
    mel = np.empty((len(block), filters.shape[1]), dtype=np.float32)
    _lane_product(spectra if options.use_power else np.sqrt(spectra), filters, mel)
    return mel[: len(frames)]
