"""Where the states of a chain begin (chain_kernel.c), for any version of Python: a plain library by ctypes."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gmmspeech.compiled import compiled_library

POINTER, SIZE = ctypes.c_void_p, ctypes.c_int64

Whole = NDArray[np.integer]
Float64 = NDArray[np.float64]


class _Chain(ctypes.Structure):
    _fields_ = (
        *((name, SIZE) for name in ("frames", "states", "width")),
        *((name, POINTER) for name in ("state", "entry", "first", "last", "stay", "enter", "emissions")),
        ("stride", SIZE),
    )


def available() -> bool:
    """Whether it was compiled when the package was installed."""
    return _library() is not None


class ChainKernel:
    """A chain of states, (N,), the states that each frame may be in, (T,), and what it costs to go on."""

    def __init__(
        self,
        state: Whole,
        entry: Whole,
        first: Whole,
        last: Whole,
        stay: Float64,
        enter: Float64,
        emissions: NDArray[np.float32],
    ) -> None:
        whole = [np.ascontiguousarray(x, np.int64) for x in (state, entry, first, last)]
        reals = [np.append(np.exp(x), 0.0) for x in (stay, enter)]
        self.arrays = [*whole, *reals, np.ascontiguousarray(emissions, np.float32)]  # which the structure points to
        self.size = len(first), int((last - first).max())
        self.chain = _Chain(
            len(first),
            len(state),
            self.size[1],
            *(array.ctypes.data for array in self.arrays),
            emissions.shape[1],
        )

    def moments(self, scale: float) -> tuple[Float64, Float64] | None:
        """Mean and variance of the frames from each state's first possible one to its end, (N,) each.

        None where the densities are so far apart that float64 does not hold what remains of them.
        """
        frames, width = self.size
        density, scores = np.empty((frames, width), np.float32), np.empty((frames, width + 2))
        rows, (mean, variance) = np.empty((2, width + 2)), np.empty((2, self.chain.states))
        library = _library()
        assert library is not None
        work = (array.ctypes.data for array in (density, scores, rows, mean, variance))
        return (mean, variance) if library.chain_moments(ctypes.addressof(self.chain), scale, *work) else None


@cache
def _library() -> ctypes.CDLL | None:
    library = compiled_library(__file__, "_chain_kernel")
    if library is not None:
        library.chain_moments.argtypes = [POINTER, ctypes.c_float, *[POINTER] * 5]
    return library
