"""Sums over the Gaussians of each state (mixture_kernel.c): a plain library through ctypes, for any Python version."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.compiled import INT64, Pointer, compiled_library

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
    _library().mixture_sums(joint, joint.shape[1], len(offsets) - 1, places, peaks, totals)
    return peaks, totals


@cache
def _library() -> Any:
    functions = {"mixture_sums": [None, Pointer, INT64, INT64, Pointer, Pointer, Pointer]}
    return compiled_library(__file__, "_mixture_kernel", functions)
