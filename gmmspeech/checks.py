"""Checks of arrays and numbers, with one-line errors that name the owner, what was found and what was expected."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from gmmspeech.arguments import POSITIVE, check, is_masked, real, told
from gmmspeech.errors import DataError, FeatureError, GmmSpeechError, ModelError, counted, one_line, shown


def check_at_least(lowest: int, **values: float) -> None:
    """Raise a `ConfigError` for an option that is no number from `lowest`."""
    check(real(least=lowest), **values)


def check_positive(**values: float) -> None:
    """Raise a `ConfigError` for an option that is not a finite number above 0."""
    check(POSITIVE, **values)


def check_probability(**values: float) -> None:
    """Raise a `ConfigError` for an option that is not between 0 and 1."""
    inside = real(above=0, below=1)
    check(lambda value: inside(value) and "a probability between 0 and 1", **values)


def real_array(
    x: Any, owner: str = "frames", error: type[GmmSpeechError] = FeatureError, *, bools: bool = False
) -> NDArray:
    """Array of real numbers (of bools too, as 0 and 1, where allowed), or an error: nothing is dropped or guessed."""
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        expected = "expected a dense array: sparse data are not supported"
        raise error(f"{owner}: found a sparse {type(x).__name__}, {expected}")
    if x is None or isinstance(x, (str, bytes, bytearray, os.PathLike, Mapping, Set, Iterator)):
        raise error(f"{owner}: found something that is no number ({told(x)}), expected numbers{_advice(x)}")
    masked = sum(map(_count_masked, x if isinstance(x, (list, tuple)) else [x]))
    if masked:
        raise error(
            f"{owner}: found {counted(masked, 'masked entry')}, expected none: leave their rows out, or fill them"
        )
    try:
        array = np.asarray(x)
        if array.dtype.kind == "O":
            wrong = next((entry for entry in array.flat if entry is None or isinstance(entry, (str, bytes))), 0)
            if wrong != 0:
                raise TypeError(f"found {told(wrong)}")
            nullable = hasattr(x, "isna")  # columns of pandas that say NA where there is nothing
            array = x.to_numpy(np.float64, na_value=np.nan) if nullable else array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError) as problem:
        found = _uneven(x) or f"something that is no number ({_reason(x, problem)})"
        raise error(f"{owner}: found {found}, expected numbers{_advice(x)}") from None
    if array.dtype.kind == "c":
        raise error(f"{owner}: found {array.dtype} numbers, expected real ones: Complex data not supported")
    if array.dtype.kind not in ("fiub" if bools else "fiu"):
        kinds = {"U": "text", "S": "bytes", "M": "times", "m": "times"}
        found = kinds.get(array.dtype.kind, str(array.dtype))
        raise error(f"{owner}: found something that is no number ({found}), expected numbers")
    return array


_READERS = {
    **dict.fromkeys((".wav", ".flac", ".ogg", ".mp3", ".sph"), "signal, rate = gs.read_audio(path)"),
    **dict.fromkeys((".h5", ".hdf5", ".ark", ".scp"), "gs.FeatureStore(path)"),
    **dict.fromkeys((".npy", ".npz"), "np.load(path)"),
}


def _advice(x: Any) -> str:
    """Tell how to make numbers of what has them, "" where there is no telling."""
    if isinstance(x, (str, os.PathLike)):
        reader = _READERS.get(os.path.splitext(os.fspath(x))[1].lower())
        return f": read the file, {reader}" if reader else ""
    if isinstance(x, Mapping):
        return ": list(x.values()) has them alone"
    if isinstance(x, Iterator):
        return ": list(x) holds what it yields"
    if isinstance(x, tuple) and len(x) == 2 and np.ndim(x[0]) == 1 and np.ndim(x[1]) == 0:
        return ": a pair as of read_audio is taken apart, signal, rate = pair"
    if hasattr(x, "select_dtypes"):
        others = list(x.select_dtypes(exclude=["number", "bool"]).columns)
        return (
            f": drop {'columns' if len(others) > 1 else 'column'} {shown(', '.join(map(str, others)))}"
            if others
            else ""
        )
    return ""


def _reason(x: Any, problem: Exception) -> str:
    """Tell why there is no array: in the words of a library that has objects of its own, else what was found."""
    own = hasattr(x, "__array__") or (isinstance(x, (list, tuple)) and "inhomogeneous" not in str(problem))
    return one_line(problem) if own else told(x)


def _uneven(x: Any) -> str:
    """Tell of a list what keeps it from being one array, "" where nothing of the list itself does."""
    if not isinstance(x, (list, tuple)):
        return ""
    for i, item in enumerate(x):
        if item is None or isinstance(item, (str, os.PathLike)):
            return f"something that is no number (item {i}: {told(item)})"
    lengths = sorted({len(item) for item in x if hasattr(item, "__len__") and np.shape(item) != ()})
    if len(lengths) < 2:
        return ""
    return f"rows of different lengths, {lengths[0]} to {lengths[-1]}"


def as_labels(y: Any, owner: str = "labels", error: type[GmmSpeechError] = DataError) -> NDArray:
    """Labels, all text or all numbers, or an error: what is missing or masked is never taken for a name."""
    if y is None or isinstance(y, (str, bytes, os.PathLike, Mapping, Set)):
        raise error(f"{owner}: found {told(y)}, expected a list of labels")
    if _count_masked(y):
        raise error(f"{owner}: found {counted(_count_masked(y), 'masked entry')}, expected none")
    try:
        labels = np.asarray(y)
    except (TypeError, ValueError) as problem:
        raise error(f"{owner}: found lists of different lengths ({one_line(problem)}), expected labels") from None
    if not labels.ndim:
        raise error(f"{owner}: found {told(y)}, expected a list of labels")
    kind = labels.dtype.kind
    if kind in "OUS":
        entries = y if kind != "O" and isinstance(y, (list, tuple)) and labels.ndim == 1 else labels.ravel()
        text = kind != "O" or (labels.size > 0 and isinstance(entries[0], str))
        plain = text and set(map(type, entries)) <= {str, np.str_}  # as in millions of trials
        for entry in () if plain else entries:
            if not isinstance(entry, (str, bytes) if text else (int, float, np.number)) or entry != entry:
                raise error(f"{owner}: found {told(entry)}, expected {'text' if text else 'text or numbers'} only")
    elif kind not in "iufb" or not all_finite(labels):
        found = "NaN or infinity" if kind == "f" else labels.dtype
        raise error(f"{owner}: found {found}, expected text or finite numbers")
    return labels


def as_names(y: Any, owner: str, error: type[GmmSpeechError] = DataError) -> NDArray[np.str_]:
    """Text in a row, or an error; numbers are no names."""
    labels = as_labels(y, owner, error)
    if labels.size and not isinstance(labels.flat[0], str):
        raise error(f"{owner}: found {told(labels.flat[0])}, expected text")
    return labels.astype(np.str_, copy=False)


def check_each_has(labels: NDArray, count: int, what: str, *, owner: str = "labels") -> None:
    """Raise a `DataError` if labels are not in a row, one for each of so many things."""
    if labels.shape != (count,):
        raise DataError(f"{owner}: found shape {labels.shape}, expected ({count},), one for each {what}")


def named(items: Any, owner: str) -> Iterator[tuple[str, Any]]:
    """Yield pairs of a name and what it is of, from a list of them or a mapping, or raise a `DataError`."""
    if not isinstance(items, Mapping) and getattr(items, "shape", None) == ():
        raise DataError(f"{owner}: found {told(items)}, expected pairs of a name and frames")
    for i, item in enumerate(items.items() if isinstance(items, Mapping) else items):
        if not isinstance(item, (tuple, list)) or len(item) != 2 or not isinstance(item[0], str):
            raise DataError(f"{owner} {i}: found {told(item)}, expected a name and frames")
        yield item[0], item[1]


def _count_masked(x: object) -> int:
    return int(np.ma.count_masked(x)) if is_masked(x) else 0


def transposed(shape: tuple[int, ...], dim: int) -> str:
    """Say that frames stand in columns, where their shape shows it."""
    return "; they stand in columns: transpose, X.T" if len(shape) == 2 and shape[0] == dim != shape[1] else ""


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


def finite(frames: NDArray, start: int = 0, *, of_nan: str = "") -> NDArray:
    """Return the frames, or raise a `FeatureError` that says where NaN or infinity stands, counting from `start`.

    For NaN, `of_nan` adds what to do about missing values.
    """
    bad = first_bad(frames)
    if bad is not None:
        found = f"frame {start + bad[0]}, column {bad[1]}: found {frames[bad]}"
        hint = of_nan if np.isnan(frames[bad]) else ""
        raise FeatureError(f"{found}, expected a finite number, no NaN or inf{hint}")
    return frames


def in_range(results: NDArray, start: int = 0) -> NDArray:
    """Return what a mixture gave of finite frames, or raise a `FeatureError` where it is not, counting from `start`."""
    bad = ~np.isfinite(results)
    if bad.any():
        found = f"frame {start + int(np.argwhere(bad)[0, 0])} or after it: found numbers whose squares overflow"
        raise FeatureError(f"{found}, expected numbers in the range of the mixture's")
    return results


def check_finite(owner: str, array: NDArray, *, item: str, kind: type[GmmSpeechError] = FeatureError) -> None:
    """Raise an error that says in which `item` (frame, vector, ...) of an array NaN or infinity stands first."""
    bad = first_bad(array)
    if bad is not None:
        raise kind(f"{owner}: found NaN or infinity in {item} {bad[0]}, expected finite numbers")


def check_finite_frames(owner: str, frames: NDArray, kind: type[GmmSpeechError] = FeatureError) -> None:
    """Raise an error that says in which frame and column a number is not finite."""
    bad = first_bad(frames)
    if bad is not None:
        found = f"{frames[bad]} in frame {bad[0]}, column {bad[1]}"
        raise kind(f"{owner}: found {found}, expected finite {frames.dtype} numbers")


def frames_to_store(
    frames: ArrayLike, owner: str, dtype: DTypeLike = np.float32, columns: int | None = None
) -> NDArray:
    """Frames in the type in which they are stored; FeatureError if they aren't finite and (T, columns), T > 0."""
    with np.errstate(over="ignore"):
        block = real_array(frames, owner).astype(dtype, copy=False)
    if block.ndim != 2 or not block.size:
        raise FeatureError(f"{owner}: found frames of shape {block.shape}, expected (T, D), T > 0")
    if columns is not None and block.shape[1] != columns:
        expected = f"{columns} as in the utterances before"
        raise FeatureError(f"{owner}: found {counted(block.shape[1], 'column')}, expected {expected}")
    check_finite_frames(owner, block)
    return block


def check_parameters_finite(owner: str, **parameters: NDArray) -> None:
    """Raise a `ModelError` that names the first parameter with NaN or infinity."""
    for name, array in parameters.items():
        if not all_finite(array):
            raise ModelError(f"{owner}: found a parameter that is not finite, {name}")


def as_history(values: ArrayLike) -> list[float]:
    """Log-likelihoods of the passes of training as a list, or a `ModelError`."""
    history = np.asarray(values)
    if history.ndim != 1 or history.dtype.kind != "f" or not all_finite(history):
        found = f"{history.dtype} of shape {history.shape}"
        raise ModelError(f"history: found {found}, expected finite log-likelihoods in a row")
    return history.tolist()


def check_distribution(owner: str, probabilities: NDArray, count: int) -> None:
    """Raise a `ModelError` unless there are `count` probabilities that sum to 1."""
    p = np.asarray(probabilities)
    if p.shape != (count,) or p.dtype.kind != "f" or not (p >= 0).all() or not abs(p.sum() - 1) <= 1e-6:
        raise ModelError(f"{owner}: found {shown(p)}, expected {count} numbers, none negative, that sum to 1")


def as_matrix(x: ArrayLike, *, owner: str = "frames", dim: int | None = None, axes: str = "T, D") -> NDArray:
    """Array of two dimensions, with `dim` columns where that is given, or a `FeatureError`."""
    matrix = real_array(x, owner)
    if matrix.ndim != 2 or dim not in (None, matrix.shape[1]):
        expected = f"({axes})" if dim is None else f"({axes.split(', ')[0]}, {dim}){transposed(matrix.shape, dim)}"
        raise FeatureError(f"{owner}: found shape {matrix.shape}, expected {expected}")
    return matrix


def check_frames(frames: NDArray, dim: int | None = None, *, owner: str = "") -> NDArray:
    """Return one or more finite frames, with `dim` columns where that is given, or raise a `FeatureError`."""
    frames = real_array(frames, f"{owner}frames", bools=True)
    if np.ndim(frames) != 2 or not len(frames) or dim not in (None, frames.shape[1]):
        shape = f"(one or more, {'columns' if dim is None else dim})"
        hint = "" if dim is None else transposed(np.shape(frames), dim)
        raise FeatureError(f"{owner}found frames of shape {np.shape(frames)}, expected {shape}{hint}")
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
    return real_array(x, owner, DataError).astype(np.float64, copy=False)


def as_flags(x: ArrayLike, owner: str = "is_target") -> NDArray[np.bool_]:
    """True and False in a row, or 1 and 0; else a `DataError`."""
    flags = real_array(x, owner, DataError, bools=True)
    if flags.ndim != 1 or not (flags.dtype == np.bool_ or np.isin(flags, (0, 1)).all()):
        raise DataError(f"{owner}: found {told(flags)}, expected True and False in a row")
    return flags.astype(np.bool_, copy=False)


def as_weights(sample_weight: ArrayLike, num_frames: int) -> NDArray[np.float64]:
    """Weights of frames, shape (num_frames,), float64, or a `FeatureError`."""
    weight = real_array(sample_weight, "sample_weight", bools=True).astype(np.float64, copy=False)
    if weight.shape != (num_frames,):
        raise FeatureError(f"sample_weight: found shape {weight.shape}, expected ({num_frames},)")
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if len(bad) or not weight.any():
        found = f"{weight[bad[0]]:g} for frame {bad[0]}" if len(bad) else "zeros alone"
        raise FeatureError(f"sample_weight: found {found}, expected finite numbers, none negative and not all zero")
    with np.errstate(over="ignore"):
        if not np.isfinite(weight.sum()):
            raise FeatureError(
                f"sample_weight: found up to {weight.max():.3g}, whose sum overflows, expected smaller ones"
            )
    return weight
