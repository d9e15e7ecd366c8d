"""Compiled kernels (em_kernel.c, em_pass.h, top_c_pass.h), for the best instruction set of the machine.

If few components have a share in a block of frames, as in real speech, statistics include only pairs of a frame and a
component with a density above 2^-27 (float64: 2^-56) of the frame's largest: one of K components loses at most this
share of each frame, and a frame at most K times as much. Likelihoods are complete.

The use of float32 and float64 is as in `numpy_kernel`, the readable equivalent. Threads can run in parallel: the
interpreter's lock is released meanwhile.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gmmspeech.compiled import INT, SIZE, Pointer, compiled_library
from gmmspeech.errors import ConfigError
from gmmspeech.gmm.kernels import parameters as packing
from gmmspeech.gmm.kernels.parameters import KernelParameters, Mixture, ModelStack, unscaled, working_frames
from gmmspeech.gmm.stats import GMMStats

name = "native"

INTERFACE = 3  # of em_kernel.c; a library left from another version is not called
COLUMNS = 16  # components, or models, that stand together in the matrices of em_kernel.c
ALIGNMENT = 64  # bytes that rows of C's sums fill a multiple of
FRAMES_AT_ONCE = 1024  # scored by top C; all of a block's choices are kept until all models have met them
LN2 = float(np.log(2))  # em_kernel.c counts logarithms in bits

# Components narrower than this, of the whole's deviation, are evaluated in float64 with all others. A density loses
# digits with the first power of the ratio, and as many here as `packing.NARROW` allows a matrix product.
NARROW = 5e-3

_packed: WeakKeyDictionary[KernelParameters, dict[np.dtype, tuple[NDArray, NDArray]]] = WeakKeyDictionary()


class _Mixture(ctypes.Structure):
    _fields_ = (
        *((name, Pointer) for name in ("shift", "scale", "matrix", "centers")),
        *((name, ctypes.c_int32) for name in ("dim", "columns", "one_by_one")),
    )


def available() -> bool:
    """Whether the kernels were compiled when the package was installed."""
    return _library() is not None


def instruction_sets() -> list[str]:
    """Names of the instruction sets that the kernels were compiled for and that this machine has, the best last."""
    library = _library()
    names: list[str] = []
    while library is not None and (name := library.em_instruction_set(len(names))) is not None:
        names.append(name.decode())
    return names


def accumulate(
    frames: NDArray, parameters: KernelParameters, sample_weight: NDArray[np.float64] | None = None
) -> GMMStats:
    """Statistics of the frames under the mixture; see `numpy_kernel.accumulate`."""
    frames = _plain(working_frames(frames, parameters, NARROW))
    mixture, matrix = _mixture(parameters, frames.dtype)
    weight = None if sample_weight is None else np.require(sample_weight, np.float64, ["C", "A"])
    peaks, totals = np.empty((2, len(frames)))
    sums = np.empty((matrix.shape[0], matrix.shape[1], COLUMNS))
    work = _work(mixture, frames)
    _loaded().em_accumulate(*_begin(mixture, frames), weight, len(frames), work, peaks, totals, sums)
    each = _nats(peaks, totals)
    log_likelihood = float(each.sum() if weight is None else weight @ each)
    if not np.isfinite(log_likelihood) and frames.dtype == np.float32:  # a square too large for it
        return accumulate(frames.astype(np.float64), parameters, sample_weight)
    num_frames = len(frames) if weight is None else float(weight.sum())
    by_component = sums.transpose(0, 2, 1).reshape(-1, sums.shape[1])[: parameters.num_components]
    return unscaled(by_component, parameters, log_likelihood, num_frames)


def log_likelihood(frames: NDArray, parameters: KernelParameters) -> NDArray[np.float64]:
    """Log-likelihood of every frame, shape (T,), float64, in nats; see `numpy_kernel.log_likelihood`."""
    frames = _plain(working_frames(frames, parameters, NARROW))
    mixture, _ = _mixture(parameters, frames.dtype)
    peaks, totals = np.empty((2, len(frames)))
    _loaded().em_log_likelihood(*_begin(mixture, frames), len(frames), _work(mixture, frames), peaks, totals)
    out = _nats(peaks, totals)
    if frames.dtype == np.float32 and not np.isfinite(out).all():
        return log_likelihood(frames.astype(np.float64), parameters)
    return out


def stack_models(background: Mixture, models: Sequence[Mixture], dtype: DTypeLike) -> ModelStack:
    """Put models, as (weights, means, variances), side by side for `top_c_log_likelihood` on frames of a type."""
    return packing.stack_models(background, models, dtype=dtype, columns=COLUMNS, unit=LN2, narrow=NARROW)


def top_c_log_likelihood(frames: NDArray, stack: ModelStack, top_c: int) -> NDArray[np.float64]:
    """Log-likelihoods over the background's `top_c` best components; see `numpy_kernel.top_c_log_likelihood`."""
    models = stack.differences
    frames = _plain(frames.astype(models.dtype, copy=False))
    mixture, _ = _mixture(stack.background, frames.dtype)
    groups, num_components, terms, _ = models.shape
    total, out = np.zeros(groups * COLUMNS), np.empty(groups * COLUMNS)
    work = _work(mixture, frames[:FRAMES_AT_ONCE], top_c)
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        some = frames[start : start + FRAMES_AT_ONCE]
        sizes = num_components, terms, len(out)
        _loaded().em_top_c(*_begin(mixture, some), len(some), top_c, models, *sizes, work, out)
        total += out
    if models.dtype == np.float32 and not np.isfinite(total).all():  # a square too large for it
        return top_c_log_likelihood(frames, stack.astype(np.float64), top_c)
    return LN2 * total[: 1 + stack.num_models]


def _plain(frames: NDArray) -> NDArray:
    """Frames as C takes them, copied only where they aren't so already."""
    return np.require(frames, requirements=["C", "A"])


def _mixture(parameters: KernelParameters, dtype: np.dtype) -> tuple[_Mixture, NDArray]:
    """The mixture as C takes it, and its matrix, shape (groups, 2D + 1, COLUMNS), which it points to."""
    cached = _packed.setdefault(parameters, {})
    if dtype not in cached:  # another thread may be first; its arrays stay, as it points to them
        cached.setdefault(dtype, (_matrix(parameters, dtype), _centers(parameters, dtype)))
    matrix, centers = cached[dtype]
    pointers = (a.ctypes.data for a in (parameters.shift, parameters.scale, matrix, centers))
    one_by_one = dtype == np.float32 and parameters.narrowest < packing.NARROW
    return _Mixture(*pointers, parameters.dim, matrix.shape[0] * COLUMNS, one_by_one), matrix


def _matrix(parameters: KernelParameters, dtype: np.dtype) -> NDArray:
    """Constants, and for every column of z the precision and its product with the mean: (groups, 2D + 1, COLUMNS)."""
    num_components = parameters.num_components
    flat = np.zeros((2 * parameters.dim + 1, -(-num_components // COLUMNS) * COLUMNS), dtype)
    flat[0, num_components:] = -np.inf  # components that never answer
    flat[0, :num_components] = parameters.constants / LN2
    flat[1::2, :num_components] = np.sqrt(0.5 / LN2 / parameters.variances).T
    flat[2::2, :num_components] = flat[1::2, :num_components] * parameters.means.T
    return np.ascontiguousarray(flat.reshape(len(flat), -1, COLUMNS).transpose(1, 0, 2))


def _centers(parameters: KernelParameters, dtype: np.dtype) -> NDArray:
    """The means, padded as the kernel's sums about them are: (groups * COLUMNS, columns)."""
    num_components, dim = parameters.means.shape
    aligned = ALIGNMENT // dtype.itemsize
    centers = np.zeros((-(-num_components // COLUMNS) * COLUMNS, -(-dim // aligned) * aligned), dtype)
    centers[:num_components, :dim] = parameters.means
    return centers


def _work(mixture: _Mixture, frames: NDArray, top_c: int = 0) -> NDArray[np.uint8]:
    wide = int(frames.dtype == np.float64)
    size = _loaded().em_work_bytes(wide, mixture.dim, mixture.columns, len(frames), top_c)
    return np.empty(size, np.uint8)


def _begin(mixture: _Mixture, frames: NDArray) -> tuple[int, int, _Mixture, NDArray]:
    """What each function takes first."""
    return _best_set(), int(frames.dtype == np.float64), mixture, frames


def _nats(peaks: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of densities from the largest of each frame, in bits, and their sum over that."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return LN2 * (peaks + np.log2(totals))


@cache
def _best_set() -> int:
    return len(instruction_sets()) - 1


@cache
def _library() -> Any:
    begin = None, INT, INT, Pointer, Pointer  # instruction set, whether float64, mixture, frames
    functions: dict[str, list[Any]] = {
        "em_interface": [INT],
        "em_instruction_set": [ctypes.c_char_p, INT],
        "em_work_bytes": [ctypes.c_size_t, INT, INT, INT, SIZE, INT],
        "em_accumulate": [*begin, Pointer, SIZE, Pointer, Pointer, Pointer, Pointer],
        "em_log_likelihood": [*begin, SIZE, Pointer, Pointer, Pointer],
        "em_top_c": [*begin, SIZE, INT, Pointer, INT, INT, INT, Pointer, Pointer],
    }
    library = compiled_library(__file__, "_em_kernel", functions)
    return library if library is not None and library.em_interface() == INTERFACE else None


def _loaded() -> Any:
    library = _library()
    if library is None:
        raise ConfigError("backend 'native': found no compiled kernels, expected an install with a C compiler")
    return library
