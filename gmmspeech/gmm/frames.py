"""Frames for the training loops, from an array, a list or a store: checked, weighted, sampled."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Sequence
from typing import Any, TypeGuard, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.blocks import Block, Frames, frame_blocks, frame_dim, is_segments, map_blocks
from gmmspeech.checks import as_weights, finite, real_array, transposed
from gmmspeech.errors import FeatureError, GmmSpeechWarning, counted, shown

Estimator = TypeVar("Estimator")

ROWS = "frames are rows; X.T, where they stand in columns"


def as_frames(X: Frames | ArrayLike) -> Frames:
    """Frames as the training loops take them: one array, a list of arrays, or a store; else a `FeatureError`."""
    if hasattr(X, "blocks") and hasattr(X, "dim"):
        return cast(Frames, X)
    if is_segments(X):
        segments = [_numbers(x, f"item {i}") for i, x in enumerate(X)]
        dims = sorted({x.shape[1] for x in segments})
        if len(dims) > 1:
            heights = {len(x) for x in segments}
            hint = transposed(segments[0].shape, heights.pop()) if len(heights) == 1 else ""
            raise FeatureError(f"found arrays of {dims} columns in one list, expected one dimension{hint}")
        return segments
    frames = _numbers(X, "frames")
    if frames.ndim != 2:
        expected = "expected two dimensions (frames, coefficients)"
        if not frames.size:
            raise FeatureError(f"found frames of shape {frames.shape}, none at all, {expected}")
        advice = "Reshape your data: X[None] is one frame; of a signal gs.mfcc(X, rate) makes frames"
        raise FeatureError(f"found frames of shape {frames.shape}, {expected}. {advice}")
    if not frames.shape[1]:
        raise FeatureError(f"found 0 feature(s) (shape={frames.shape}) while a minimum of 1 is required.")
    return frames


def as_table(X: ArrayLike) -> NDArray:
    """Finite frames in one array, shape (N, D), or a `FeatureError`."""
    frames = as_frames(X)
    if not isinstance(frames, np.ndarray):
        raise FeatureError(f"found {type(X).__name__} of several arrays, expected one: np.concatenate joins them")
    return finite(frames)


def _numbers(x: object, owner: str) -> NDArray:
    array = real_array(x, owner, bools=True)
    return array if array.dtype == np.float32 else array.astype(np.float64, copy=False)


def check_names(estimator: Any, X: object, *, reset: bool) -> None:
    """Keep the names of columns that a table has (`reset`), or refuse other names or another order of them.

    It is what scikit-learn does, with its attribute ``feature_names_in_``, its warnings and its words.
    """
    tables = [x for x in X if not isinstance(x, np.ndarray)] or X[:1] if is_segments(X) else [X]
    if not hasattr(estimator, "feature_names_in_") and not any(map(_may_have_names, tables)):
        return
    from sklearn.utils.validation import validate_data  # which takes a second

    from gmmspeech.gmm.errors import FeatureNamesError

    try:
        for i, table in enumerate(tables):
            validate_data(estimator, table, reset=reset and i == 0, skip_check_array=True, ensure_2d=False)
    except (TypeError, ValueError) as error:
        raise FeatureNamesError(str(error)) from None


def check_given_names(estimator: object, X: object, given: Sequence[int]) -> None:
    """Refuse a table of some columns whose names are not those that the estimator has for them, in their order."""
    from gmmspeech.gmm.errors import FeatureNamesError

    names, found = saved_names(estimator), [*getattr(X, "columns", ())]
    expected = [names[column] for column in given] if names else []
    if expected and found != expected and all(isinstance(name, str) for name in found) and found:
        raise FeatureNamesError(f"X: found columns {shown(', '.join(found))}, expected {', '.join(expected)}, as given")


def _may_have_names(table: object) -> bool:
    """Say whether it may be a table with names of columns: neither an array nor a store."""
    return not isinstance(table, np.ndarray) and not hasattr(table, "blocks")


def known_columns(estimator: Any, X: ArrayLike, dim: int, items: str = "frames") -> NDArray:
    """Finite rows in one array, (N, D), of the names and number of columns that an estimator was trained on."""
    check_names(estimator, X, reset=False)
    rows = as_table(X)
    if rows.shape[1] != dim:
        hint = transposed(rows.shape, dim)
        raise FeatureError(f"found {items} of {counted(rows.shape[1], 'column')}, expected {dim}{hint}")
    return rows


def saved_names(estimator: object) -> tuple[str, ...] | None:
    """Names of columns for a file, None where the estimator knows none."""
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else tuple(names.tolist())


def set_names(estimator: Any, names: object) -> None:
    """Give an estimator the names of columns that a file or another estimator has, if it has some."""
    if names is not None:
        estimator.feature_names_in_ = np.array(names, dtype=object)


def without_names(estimator: Estimator) -> Estimator:
    """Give the estimator, or a shallow copy that knows no names of columns: for frames whose names were checked."""
    if not hasattr(estimator, "feature_names_in_"):
        return estimator
    nameless: Any = copy.copy(estimator)
    del nameless.feature_names_in_
    return cast(Estimator, nameless)


def warn_if_wide(frames: Frames) -> None:
    """Warn of more columns than frames, which is mostly one array of frames in columns."""
    if is_wide(frames):
        found = f"found {counted(len(frames), 'frame')} of {counted(frame_dim(frames), 'column')}"
        warnings.warn(f"{found}, more columns than frames: {ROWS}", GmmSpeechWarning, stacklevel=3)


def is_wide(frames: Frames) -> TypeGuard[NDArray]:
    """Say whether one array has more columns than rows, and several of these."""
    return isinstance(frames, np.ndarray) and 1 < len(frames) < frames.shape[1]


def check_weights(sample_weight: ArrayLike, frames: Frames) -> NDArray[np.float64]:
    """Weights of all frames, shape (N,), float64, or a `FeatureError`."""
    if not isinstance(frames, (np.ndarray, list, tuple)):
        raise FeatureError("sample_weight goes with frames in arrays, not with a store")
    num_frames = len(frames) if isinstance(frames, np.ndarray) else sum(map(len, frames))
    return as_weights(sample_weight, num_frames)


def near_one(weight: NDArray[np.float64] | None) -> tuple[float, NDArray[np.float64] | None]:
    """Split weights into a power of two and weights of at most 2, which float32 holds."""
    if weight is None:
        return 1.0, None
    exponent = int(np.frexp(weight.max())[1]) - 1
    return float(np.ldexp(1.0, exponent)), np.ldexp(weight, -exponent)


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
