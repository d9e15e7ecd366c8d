"""Kernels: the functions ``accumulate`` and ``log_likelihood``, which take most of the time, for every backend.

A backend is a module (or, for torch devices, an object) with

- ``accumulate(frames, parameters, sample_weight=None) -> GMMStats``
- ``log_likelihood(frames, parameters) -> (T,)``
- ``stack_models(background, models, dtype) -> ModelStack`` and
  ``top_c_log_likelihood(frames, stack, top_c) -> (1 + models,)``, for scoring many models

on one block of the data, in one thread. ``parameters`` is the result of `pack` for a mixture. Blocks, threads and the
order of summation are handled in `gmmspeech.blocks`. The torch backend also has ``e_step(frames, sample_weight)``,
which returns a function from ``parameters`` to the statistics of all the data.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gmmspeech.blocks import Frames
from gmmspeech.errors import ConfigError, GmmSpeechWarning
from gmmspeech.gmm.kernels import native_kernel, numpy_kernel
from gmmspeech.gmm.kernels.parameters import KernelParameters, Mixture, ModelStack, pack
from gmmspeech.gmm.stats import GMMStats

__all__ = ["Backend", "KernelParameters", "ModelStack", "WholePass", "get_backend", "pack"]

BACKENDS = ("auto", "native", "numpy", "torch")
VARIABLE = "GMMSPEECH_BACKEND"


class Backend(Protocol):
    """A compute backend, the result of `get_backend`."""

    @property
    def name(self) -> str:
        """A word for the arithmetic that decides the last bits of its sums."""

    def accumulate(
        self, frames: NDArray, parameters: KernelParameters, sample_weight: NDArray[np.float64] | None = None
    ) -> GMMStats: ...

    def log_likelihood(self, frames: NDArray, parameters: KernelParameters) -> NDArray[np.float64]: ...

    def stack_models(self, background: Mixture, models: Sequence[Mixture], dtype: DTypeLike) -> ModelStack: ...

    def top_c_log_likelihood(self, frames: NDArray, stack: ModelStack, top_c: int) -> NDArray[np.float64]: ...


@runtime_checkable
class WholePass(Protocol):
    """A backend that has its own way through all the data."""

    def e_step(
        self, frames: Frames, sample_weight: NDArray[np.float64] | None
    ) -> Callable[[KernelParameters], GMMStats]: ...


def get_backend(name: str = "auto", device: str | None = None) -> Backend:
    """The hot functions."""
    chosen, source = name, "backend"
    if name == "auto":
        chosen, source = os.environ.get(VARIABLE) or "auto", VARIABLE
    if chosen not in BACKENDS:
        raise ConfigError(f"{source}: found {chosen!r}, expected one of {', '.join(BACKENDS)}")
    if chosen == "torch":
        from gmmspeech.gmm.kernels.torch_kernel import torch_kernel  # which takes seconds to import

        return torch_kernel(device)
    if device is not None:
        raise ConfigError(f"device: found {device!r} with backend {chosen!r}, expected backend 'torch'")
    if chosen == "numpy" or (chosen == "auto" and not _native_or_say_so()):
        return numpy_kernel
    if not native_kernel.available():
        raise ConfigError(f"{source} 'native': found no compiled kernels, expected an install with a C compiler")
    return native_kernel


@cache
def _native_or_say_so() -> bool:
    if not native_kernel.available():
        warnings.warn(
            f"{_what_is_not_compiled()}; NumPy does their work and takes twice as long or more. {VARIABLE}=numpy "
            "silences this.",
            GmmSpeechWarning,
            stacklevel=4,
        )
    return native_kernel.available()


def _what_is_not_compiled() -> str:
    folder = Path(__file__).parents[3]
    if (folder / "setup.py").is_file():  # which Python prefers to an install of them, where it is started there
        return (
            f"gmmspeech is taken from its sources in {folder}, where the native kernels are not compiled (start Python "
            "in another folder, or install with pip install -e and a C compiler)"
        )
    return "the native kernels were not compiled (no C compiler at install?), or from another version (install again)"
