"""Frames as the training loops take them, from an array, a list or a store alike: checked, weighted, drawn."""

from __future__ import annotations

import functools
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from gmmspeech.blocks import Block, Frames, frame_blocks, is_segments, map_blocks
from gmmspeech.checks import as_weights
from gmmspeech.errors import FeatureError


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


def check_weights(sample_weight: ArrayLike, frames: Frames) -> NDArray[np.float64]:
    """Weights of all frames, shape (N,), float64, or a `FeatureError`."""
    if not isinstance(frames, (np.ndarray, list, tuple)):
        raise FeatureError("sample_weight goes with frames in arrays, not with a store")
    num_frames = len(frames) if isinstance(frames, np.ndarray) else sum(map(len, frames))
    return as_weights(sample_weight, num_frames)


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
