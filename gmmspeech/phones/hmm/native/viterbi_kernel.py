"""Compiled search for best paths through blocks of frames (viterbi_kernel.c), with the same bits as in NumPy.

Threads can run in parallel: the interpreter's lock is released meanwhile.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.compiled import INT64, Pointer, compiled_library

Float32 = NDArray[np.float32]
Whole = NDArray[np.int64]


class _Block(ctypes.Structure):
    _fields_ = (
        *((name, INT64) for name in ("frames", "nodes", "arcs")),
        *((name, Pointer) for name in ("stay", "advance", "source", "target", "weight", "into")),
    )


def available() -> bool:
    """Whether the loops were compiled when the package was installed."""
    return _library() is not None


class Arcs:
    """How the nodes of a block are entered: (nodes,) to stay and to advance, (arcs,) the others, sorted by target."""

    def __init__(self, stay: Float32, advance: Float32, source: Whole, target: Whole, weight: Float32) -> None:
        self.stay, self.advance, self.weight = (np.ascontiguousarray(x, np.float32) for x in (stay, advance, weight))
        self.source, self.target = (np.ascontiguousarray(x, np.int32) for x in (source, target))

    def fill_scores(
        self, emissions: Float32, place: NDArray[np.integer], stride: int, frames: int, scores: Float32
    ) -> None:
        """Score the best paths, from a first row that is given; rows, (R, nodes), are filled in turn.

        Log-likelihoods of frame t are ``emissions[place + t * stride]``.
        """
        places = np.ascontiguousarray(place, np.int32)
        _library().viterbi_scores(self._block(frames), emissions, places, stride, len(scores), scores)

    def trace(self, scores: Float32, last: Whole, paths: Whole) -> Whole:
        """Follow paths, (frames, P), back from their last frames, (P,), where they are given; give the nodes before."""
        into = np.searchsorted(self.target, np.arange(len(self.stay) + 1))
        block = self._block(len(paths), into.ctypes.data)
        origin = np.empty(len(last), np.int64)
        last = np.ascontiguousarray(last, np.int64)
        _library().viterbi_trace(block, scores, len(last), last, paths, origin)
        return origin

    def _block(self, frames: int, into: int | None = None) -> _Block:
        arrays = self.stay, self.advance, self.source, self.target, self.weight
        return _Block(frames, len(self.stay), len(self.source), *(array.ctypes.data for array in arrays), into)


class _Loop(ctypes.Structure):
    _fields_ = (("states", INT64), *((name, Pointer) for name in ("stay", "advance", "out", "in", "none")))


def loop_scores(
    emissions: Sequence[Float32], stay: Float32, advance: Float32, out: Float32, into: Float32, choice: float
) -> list[float]:
    """Score the best path of each utterance, (T, S), through any phones, each entered with one log probability.

    Shapes (S,): `stay`, `advance` to come from the state before, `out` to leave a phone, `into` 0 where one begins;
    minus infinity where that can't be.
    """
    arrays = [np.ascontiguousarray(x, np.float32) for x in (stay, advance, out, into, np.zeros_like(stay))]
    loop = _Loop(len(stay), *(array.ctypes.data for array in arrays))
    work = np.empty((2, len(stay)), np.float32)
    theirs = (np.ascontiguousarray(each, np.float32) for each in emissions)
    return [_library().viterbi_loop(loop, each, len(each), choice, work) for each in theirs]


@cache
def _library() -> Any:
    functions: dict[str, list[Any]] = {
        "viterbi_scores": [None, Pointer, Pointer, Pointer, INT64, INT64, Pointer],
        "viterbi_trace": [None, Pointer, Pointer, INT64, Pointer, Pointer, Pointer],
        "viterbi_loop": [ctypes.c_double, Pointer, Pointer, INT64, ctypes.c_float, Pointer],
    }
    return compiled_library(__file__, "_viterbi_kernel", functions)
