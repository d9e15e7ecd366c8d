"""Checks of arrays and numbers: an error of one line that names the owner, what was found and what was expected."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechError, ModelError


def check_at_least(lowest: int, **values: float) -> None:
    """Raise a `ConfigError` for an option below `lowest`."""
    for name, value in values.items():
        if not value >= lowest:
            raise ConfigError(f"{name}: found {value!r}, expected {lowest} or more")


def check_positive(**values: float) -> None:
    """Raise a `ConfigError` for an option that is not a finite number above 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ConfigError(f"{name}: found {value!r}, expected a number above 0")


def check_probability(**values: float) -> None:
    """Raise a `ConfigError` for an option that is not between 0 and 1."""
    for name, value in values.items():
        if not 0 < value < 1:
            raise ConfigError(f"{name}: found {value!r}, expected a probability between 0 and 1")


def first_bad(array: NDArray) -> tuple[int, ...] | None:
    """Index of the first NaN or infinity of an array; None where there is none."""
    # the sum is finite unless an entry is not, or (rarely) it overflows: then the entries decide
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()
    if np.isfinite(total):
        return None
    bad = np.argwhere(~np.isfinite(array))
    return tuple(bad[0].tolist()) if len(bad) else None


def all_finite(*arrays: NDArray) -> bool:
    """Say whether arrays have neither NaN nor infinity."""
    return all(first_bad(array) is None for array in arrays)


def finite(frames: NDArray, start: int = 0) -> NDArray:
    """Return the frames, or raise a `FeatureError` that says where NaN or infinity stands, counting from `start`."""
    bad = first_bad(frames)
    if bad is not None:
        found = f"frame {start + bad[0]}, column {bad[1]}: found {frames[bad]}"
        raise FeatureError(f"{found}, expected a finite number, no NaN or inf")
    return frames


def check_finite(
    owner: str, array: NDArray, *, item: str, kind: type[GmmSpeechError] = FeatureError, expected: str = "numbers"
) -> None:
    """Raise an error that says in which `item` (frame, vector, ...) of an array NaN or infinity stands first."""
    bad = first_bad(array)
    if bad is not None:
        raise kind(f"{owner}: found NaN or infinity in {item} {bad[0]}, expected finite {expected}")


def check_parameters_finite(owner: str, **parameters: NDArray) -> None:
    """Raise a `ModelError` that names the first parameter with NaN or infinity."""
    for name, array in parameters.items():
        if not all_finite(array):
            raise ModelError(f"{owner}: found a parameter that is not finite, {name}")


def as_matrix(x: ArrayLike, *, owner: str = "frames", dim: int | None = None, axes: str = "T, D") -> NDArray:
    """Array of two dimensions, with `dim` columns where that is given, or a `FeatureError`."""
    matrix = np.asarray(x)
    if matrix.ndim != 2 or dim not in (None, matrix.shape[1]):
        expected = f"({axes})" if dim is None else f"({axes.split(', ')[0]}, {dim})"
        raise FeatureError(f"{owner}: found shape {matrix.shape}, expected {expected}")
    return matrix


def check_frames(frames: NDArray, dim: int | None = None, *, owner: str = "") -> NDArray:
    """Return one or more finite frames, with `dim` columns where that is given, or raise a `FeatureError`."""
    if np.ndim(frames) != 2 or not len(frames) or dim not in (None, frames.shape[1]):
        shape = f"(one or more, {'columns' if dim is None else dim})"
        raise FeatureError(f"{owner}found frames of shape {np.shape(frames)}, expected {shape}")
    try:
        return finite(frames)
    except FeatureError as error:
        raise FeatureError(f"{owner}{error}") from None


def check_shape(owner: str, array: NDArray, expected: Sequence[int]) -> None:
    """Raise a `ModelError` unless parameters or statistics have the shape (K, D) of a model."""
    if array.shape != tuple(expected):
        found = f"found shape {array.shape} (components, dimension)"
        raise ModelError(f"{owner}: {found}, expected the background model's {tuple(expected)}")


def as_vector(x: ArrayLike, owner: str) -> NDArray[np.float64]:
    """One or more finite numbers in a row as float64, or a `DataError`."""
    vector = as_numbers(x, owner)
    if vector.ndim != 1 or not len(vector):
        found = f"found an array of shape {vector.shape}"
        raise DataError(f"{owner}: {found}, expected one or more finite numbers in a row")
    if not all_finite(vector):
        nan, infinite = int(np.isnan(vector).sum()), int(np.isinf(vector).sum())
        found = f"found {nan} NaN and {infinite} infinite among {len(vector)}"
        raise DataError(f"{owner}: {found}, expected finite numbers")
    return vector


def as_numbers(x: ArrayLike, owner: str) -> NDArray[np.float64]:
    """Array of any shape as float64, or a `DataError`."""
    try:
        return np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{owner}: found something that is no number ({error}), expected finite numbers") from error


def as_weights(sample_weight: ArrayLike, num_frames: int) -> NDArray[np.float64]:
    """Weights of frames, shape (num_frames,), float64, or a `FeatureError`."""
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (num_frames,):
        raise FeatureError(f"sample_weight: found shape {weight.shape}, expected ({num_frames},)")
    if not all_finite(weight) or (weight < 0).any() or not weight.any():
        raise FeatureError("sample_weight: expected finite numbers, none negative and not all zero")
    return weight
