"""Frames as the training loops take them: checked, weighted, drawn, from an array, a list or a store alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeGuard, TypeVar, cast, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from gmmspeech.blocks import BLOCK, Frames, frame_blocks, ordered_map, ordered_sum
from gmmspeech.errors import FeatureError

Block = tuple[int, NDArray, NDArray[np.float64] | None]  # number of its first frame, frames, weights
Result = TypeVar("Result")


@runtime_checkable
class DistributedFrames(Protocol):
    """Frames whose blocks lie on many machines, and are worked on there."""

    def sum_blocks(self, function: Callable[[Block], Result]) -> Result:
        """Sum what a function (it is sent) gives for the blocks, in the order of `gmmspeech.blocks.tree_sum`."""

    def map_blocks(self, function: Callable[[Block], Result]) -> Iterator[Result]:
        """Yield what a function (it is sent) gives for the blocks, in their order."""


def as_frames(X: Frames | ArrayLike) -> Frames:
    """Frames as the training loops take them: one array, a list of arrays, or a store; else a `FeatureError`."""
    if hasattr(X, "blocks"):
        return cast(Frames, X)
    if is_segments(X):
        dims = sorted({x.shape[1] for x in X})
        if len(dims) > 1:
            raise FeatureError(f"found arrays of {dims} columns in one list, expected one dimension")
        return X
    if issparse(X):
        raise FeatureError(f"found a sparse {type(X).__name__}, expected a dense array: sparse data are not supported")
    frames = np.asarray(X)
    if frames.ndim != 2:
        expected = "expected two dimensions (frames, coefficients). Reshape your data: X[None] is one frame"
        raise FeatureError(f"found frames of shape {frames.shape}, {expected}")
    if not frames.shape[1]:
        raise FeatureError(f"found 0 feature(s) (shape={frames.shape}) while a minimum of 1 is required.")
    if np.iscomplexobj(frames):
        raise FeatureError(f"found {frames.dtype} numbers, expected real ones: Complex data not supported")
    if frames.dtype != np.float32:
        frames = frames.astype(np.float64, copy=False)
    return frames


def is_segments(X: object) -> TypeGuard[Sequence[NDArray]]:
    """Say whether frames come as a list of arrays (T, D), one an utterance or segment."""
    return isinstance(X, (list, tuple)) and bool(X) and all(isinstance(x, np.ndarray) and x.ndim == 2 for x in X)


def frame_dim(frames: Frames) -> int:
    """D of the frames."""
    if isinstance(frames, np.ndarray):
        return int(frames.shape[1])
    if isinstance(frames, (list, tuple)):
        return int(frames[0].shape[1])
    return int(frames.dim)  # type: ignore[union-attr]


def finite(frames: NDArray, start: int = 0) -> NDArray:
    """Return the frames, or raise a `FeatureError` that says where NaN or infinity stands, counting from `start`."""
    # the sum of a block is finite unless an entry is not, or (rarely) float32 overflows: then the entries decide
    with np.errstate(over="ignore", invalid="ignore"):
        total = frames.sum()
    if not np.isfinite(total) and not np.isfinite(frames).all():
        t, d = np.argwhere(~np.isfinite(frames))[0]
        raise FeatureError(
            f"frame {start + t}, column {d}: found {frames[t, d]}, expected a finite number, no NaN or inf"
        )
    return frames


def check_weights(sample_weight: ArrayLike, frames: Frames) -> NDArray[np.float64]:
    """Weights of all frames, shape (N,), float64, or a `FeatureError`."""
    if not isinstance(frames, (np.ndarray, list, tuple)):
        raise FeatureError("sample_weight goes with frames in arrays, not with a store")
    weight = np.asarray(sample_weight, dtype=np.float64)
    num_frames = len(frames) if isinstance(frames, np.ndarray) else sum(map(len, frames))
    if weight.shape != (num_frames,):
        raise FeatureError(f"sample_weight: found shape {weight.shape}, expected ({num_frames},)")
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise FeatureError("sample_weight: expected finite numbers, none negative and not all zero")
    return weight


def weighted_blocks(frames: Frames, weight: NDArray[np.float64] | None, size: int = BLOCK) -> Iterator[Block]:
    """Yield the number of the first frame, the frames and their weights, block by block of `size` frames."""
    start = 0
    for block in frame_blocks(frames, size):
        yield start, block, None if weight is None else weight[start : start + len(block)]
        start += len(block)
    if not start:  # no frame at all is a block too, whose statistics are zeros
        yield 0, np.empty((0, frame_dim(frames)), np.float32), None


def sum_blocks(
    function: Callable[[Block], Result], frames: Frames, weight: NDArray[np.float64] | None = None, *, n_jobs: int = 1
) -> Result:
    """Sum what a function gives for the blocks of the frames, wherever they are: the same bits everywhere."""
    if isinstance(frames, DistributedFrames):
        return frames.sum_blocks(function)
    return ordered_sum(function, weighted_blocks(frames, weight), n_jobs=n_jobs)


def map_blocks(function: Callable[[Block], Result], frames: Frames, *, n_jobs: int = 1) -> Iterator[Result]:
    """Yield what a function gives for the blocks of the frames, wherever they are, in their order."""
    if isinstance(frames, DistributedFrames):
        return frames.map_blocks(function)
    return ordered_map(function, weighted_blocks(frames, None), n_jobs=n_jobs)


def draw_frames(
    frames: Frames, weight: NDArray[np.float64] | None, size: int, num_frames: int, rng: np.random.Generator
) -> NDArray:
    """At most `size` frames drawn without replacement, in the order in which they stand."""
    if weight is not None:
        chosen = np.flatnonzero(weight)
        if size < len(chosen):
            chosen = rng.choice(len(weight), size, replace=False, p=weight / weight.sum())
    elif size >= num_frames:
        return np.concatenate(list(frame_blocks(frames)))
    else:
        chosen = rng.choice(num_frames, size, replace=False)
    chosen.sort()
    return np.concatenate(list(map_blocks(functools.partial(_rows, chosen), frames)))


def _rows(chosen: NDArray[np.intp], block: Block) -> NDArray:
    """Those of the frames whose numbers, in rising order, are `chosen`, that are in a block."""
    start, frames, _ = block
    low, high = np.searchsorted(chosen, [start, start + len(frames)])
    return frames[chosen[low:high] - start]
