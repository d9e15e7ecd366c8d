"""Compiled loops over frames (mel_kernel.c): windows, Kaldi's FFT, filters, small products and deltas.

A frame's bits depend only on its samples. Threads can run in parallel: the interpreter's lock is released meanwhile.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.compiled import INT, SIZE, Pointer, compiled_library
from gmmspeech.features.native.kaldi_fft import fft_tables
from gmmspeech.features.options import StaticOptions

Float32 = NDArray[np.float32]

LANES = 8  # frames that mel_kernel.c works on side by side


class _MelOptions(ctypes.Structure):
    _fields_ = (
        *((name, Pointer) for name in ("window", "filters", "spans", "blocks", "turns", "order", "factors")),
        *((name, ctypes.c_int32) for name in ("length", "points", "num_filters", "num_blocks")),
        *((name, ctypes.c_int32) for name in ("remove_dc_offset", "raw_energy", "use_power")),
        ("preemphasis", ctypes.c_float),
    )


def available() -> bool:
    """Whether the loops were compiled when the package was installed."""
    return _library() is not None


def has_fft(points: int) -> bool:
    """Whether `kaldi_mel_energies` is there for an FFT, and fast: a power of two, fused multiply-add in hardware."""
    power_of_two = points >= 4 and points & (points - 1) == 0
    return available() and power_of_two and bool(_library().mel_fuses())


def kaldi_mel_energies(
    frames: Float32, window: Float32, filters: Float32, options: StaticOptions
) -> tuple[Float32, Float32]:
    """Filter-bank energies and energies of frames, with the roundings of Kaldi's pre-emphasis and FFT.

    Shapes: `frames` (T, L), `window` (L,), `filters` (num_fft // 2 + 1, M); gives `mel` (T, M), `energy` (T,).
    """
    frames = _with_samples_in_a_row(frames)
    points, length = 2 * (len(filters) - 1), frames.shape[1]
    blocks, turns, order, factors = fft_tables(points // 2)
    by_filter = np.ascontiguousarray(filters.T)
    spans = np.empty((len(by_filter), 2), dtype=np.int32)
    prepared = _MelOptions(
        *(array.ctypes.data for array in (window, by_filter, spans, blocks, turns, order, factors)),
        *(length, points, len(by_filter), len(blocks)),
        *(options.remove_dc_offset, options.raw_energy, options.use_power, options.preemphasis_coefficient),
    )
    work = _aligned(LANES * (points + points // 2 + 1 + points) + length)
    mel, energy = np.empty((len(frames), len(by_filter)), np.float32), np.empty(len(frames), np.float32)
    _library().mel_kaldi_mel_energies(prepared, *_located(frames), work, mel, energy)
    return mel, energy


def window_frames(frames: Float32, window: Float32, options: StaticOptions, rows: Float32, energy: Float32) -> None:
    """Write windowed frames of (T, L) samples, with zeros up to `num_fft`, and their energies to what is given."""
    frames = _with_samples_in_a_row(frames)
    prepared = _MelOptions(
        window=window.ctypes.data,
        length=frames.shape[1],
        points=rows.shape[1],
        remove_dc_offset=options.remove_dc_offset,
        raw_energy=options.raw_energy,
        preemphasis=options.preemphasis_coefficient,
    )
    work = np.empty(frames.shape[1], np.float32)
    _library().mel_window_frames(prepared, *_located(frames), work, rows, energy)


def filter_spectra(spectra: NDArray[np.complex64], filters: Float32, options: StaticOptions, mel: Float32) -> None:
    """Write the outputs of filters, (T, M), for (T, num_fft // 2 + 1) spectra to what is given."""
    by_filter = np.ascontiguousarray(filters.T)
    spans = np.empty((len(by_filter), 2), dtype=np.int32)
    prepared = _MelOptions(
        filters=by_filter.ctypes.data,
        spans=spans.ctypes.data,
        points=2 * (len(filters) - 1),
        num_filters=len(by_filter),
        use_power=options.use_power,
    )
    _library().mel_filter_spectra(prepared, spectra, len(spectra), _aligned(LANES * len(filters)), mel)


def row_products(rows: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix product of (T, K) rows and a (K, C) matrix, each row for itself, summed in the order of K."""
    rows, (terms, columns) = np.ascontiguousarray(rows), matrix.shape
    padded = np.zeros((terms, -(-columns // LANES) * LANES))
    padded[:, :columns] = matrix
    out = np.empty((len(rows), padded.shape[1]))
    _library().mel_row_products(rows, len(rows), terms, padded, padded.shape[1], out)
    return out[:, :columns]


def deltas(rows: Float32, taps: Sequence[NDArray[np.float64]], *, again: bool) -> Float32:
    """Rows correlated along time with each of several odd numbers of taps, (T, 1 + len(taps), D).

    The rows come first. With `again` what came before is correlated in place of the rows. The first and the last row go
    on beyond the ends.
    """
    rows = np.ascontiguousarray(rows)
    out = np.empty((len(rows), 1 + len(taps), rows.shape[1]), np.float32)
    single = np.concatenate([*taps, [0]]).astype(np.float32)
    reaches = np.array([len(some) // 2 for some in taps], dtype=np.int32)
    _library().mel_deltas(rows, len(rows), rows.shape[1], len(taps), again, single, reaches, out)
    return out


def _with_samples_in_a_row(frames: Float32) -> Float32:
    plain = frames.strides[1] == frames.itemsize and frames.strides[0] % frames.itemsize == 0
    return frames if plain else np.ascontiguousarray(frames)


def _located(frames: Float32) -> tuple[NDArray, int, int]:
    """Frames as C takes them: the first sample, samples from one frame to the next, how many frames."""
    return frames, frames.strides[0] // frames.itemsize, len(frames)


def _aligned(size: int) -> Float32:
    """Room for float32 that begins at a multiple of a vector's size."""
    room = np.empty(size + LANES, np.float32)
    start = (-room.ctypes.data // room.itemsize) % LANES
    return room[start : start + size]


@cache
def _library() -> Any:
    start = Pointer, Pointer, SIZE  # options, frames, ...
    functions: dict[str, list[Any]] = {
        "mel_fuses": [INT],
        "mel_kaldi_mel_energies": [None, *start, SIZE, Pointer, Pointer, Pointer],
        "mel_window_frames": [None, *start, SIZE, Pointer, Pointer, Pointer],
        "mel_filter_spectra": [None, *start, Pointer, Pointer],
        "mel_deltas": [None, Pointer, SIZE, INT, INT, INT, Pointer, Pointer, Pointer],
        "mel_row_products": [None, Pointer, SIZE, INT, Pointer, INT, Pointer],
    }
    return compiled_library(__file__, "_mel_kernel", functions)
