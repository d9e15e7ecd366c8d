"""First frames of the states of a chain (chain_kernel.c): a plain library through ctypes, for any Python version."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.compiled import INT, INT64, Pointer, compiled_library

Whole = NDArray[np.integer]
Float64 = NDArray[np.float64]


class _Chain(ctypes.Structure):
    _fields_ = (
        *((name, INT64) for name in ("frames", "states", "width")),
        *((name, Pointer) for name in ("state", "entry", "first", "last", "stay", "enter", "emissions")),
        ("stride", INT64),
    )


def available() -> bool:
    """Whether it was compiled when the package was installed."""
    return _library() is not None


def moments(
    state: Whole,
    entry: Whole,
    first: Whole,
    last: Whole,
    stay: Float64,
    enter: Float64,
    emissions: NDArray[np.float32],
    scales: Sequence[float],
) -> list[tuple[Float64, Float64]] | None:
    """Mean and variance of the frames from each state's first possible one to its end, (N,) each, for each scale.

    None where the densities are so far apart that float64 does not hold what remains of them.

    Shapes: `state`, `entry`, `stay`, `enter` (N,), a chain of states and what it costs to go on; `first`, `last` (T,),
    the states that each frame may be in; `emissions` (T, S).
    """
    whole = [np.ascontiguousarray(x, np.int64) for x in (state, entry, first, last)]
    reals = [np.append(np.exp(x), 0.0) for x in (stay, enter)]
    arrays = [*whole, *reals, np.ascontiguousarray(emissions, np.float32)]  # which the structure points to
    frames, width = len(first), int((last - first).max())
    pointers = (array.ctypes.data for array in arrays)
    chain = _Chain(frames, len(state), width, *pointers, emissions.shape[1])
    work = np.empty((frames, width), np.float32), np.empty((frames, width + 2)), np.empty((2, width + 2))
    found = []
    for scale in scales:
        mean, variance = np.empty((2, len(state)))
        if not _library().chain_moments(chain, scale, *work, mean, variance):
            return None
        found.append((mean, variance))
    return found


@cache
def _library() -> Any:
    return compiled_library(
        __file__, "_chain_kernel", {"chain_moments": [INT, Pointer, ctypes.c_float, *[Pointer] * 5]}
    )
