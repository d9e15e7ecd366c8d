"""Sums over the Gaussians of each state (mixture_kernel.c): a plain library through ctypes, for any Python version."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gmmspeech.compiled import compiled_library, declared

POINTER, SIZE = ctypes.c_void_p, ctypes.c_int64

Float32 = NDArray[np.float32]


def available() -> bool:
    """Whether it was compiled when the package was installed."""
    return _library() is not None


def sums_of_states(joint: Float32, offsets: NDArray[np.integer]) -> tuple[Float32, Float32]:
    """Largest of a state's rows in each frame, and the sum of the exponentials of all less that, (T, S) each.

    Shapes: `joint` (K, T), C order; `offsets` (S + 1,), first row of each state, and K.
    """
    peaks, totals = np.empty((2, joint.shape[1], len(offsets) - 1), np.float32)
    places = np.ascontiguousarray(offsets, np.int64)
    library = _library()
    assert library is not None
    pointers = (array.ctypes.data for array in (places, peaks, totals))
    library.mixture_sums(joint.ctypes.data, joint.shape[1], len(offsets) - 1, *pointers)
    return peaks, totals


@cache
def _library() -> ctypes.CDLL | None:
    signatures = {"mixture_sums": [POINTER, SIZE, SIZE, POINTER, POINTER, POINTER]}
    return declared(compiled_library(__file__, "_mixture_kernel"), signatures)
