"""The hot functions, ``accumulate`` and ``log_likelihood``, once each for every backend.

A backend is a module with

- ``accumulate(frames, parameters, sample_weight=None) -> GMMStats``
- ``log_likelihood(frames, parameters) -> (T,)``
- ``stack_models(background, models, dtype) -> ModelStack`` and
  ``top_c_log_likelihood(frames, stack, top_c) -> (1 + models,)``, for scoring many models

on one piece of the data, in one thread. ``parameters`` is what `pack` makes of a mixture. Cutting the data into
pieces, threads and the order of the sums lie above, in `gmmspeech.parallel`.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from types import ModuleType

from gmmspeech.errors import ConfigError, GmmSpeechWarning
from gmmspeech.gmm.kernels import native_kernel, numpy_kernel
from gmmspeech.gmm.kernels.parameters import KernelParameters, ModelStack, pack

__all__ = ["KernelParameters", "ModelStack", "get_backend", "pack"]

BACKENDS = ("auto", "native", "numpy")
VARIABLE = "GMMSPEECH_BACKEND"


def get_backend(name: str = "auto") -> ModuleType:
    """Module with the hot functions.

    Parameters
    ----------
    name : {"auto", "native", "numpy"}
        "native" is compiled C, "numpy" runs everywhere; "auto" is what the environment variable ``GMMSPEECH_BACKEND``
        says, else "native" where the install had a C compiler (where not, a warning says so once).

    Raises
    ------
    ConfigError
        Another name, or "native" where nothing was compiled.

    Examples
    --------
    >>> get_backend("numpy").__name__
    'gmmspeech.gmm.kernels.numpy_kernel'
    """
    chosen, source = name, "backend"
    if name == "auto":
        chosen, source = os.environ.get(VARIABLE) or "auto", VARIABLE
    if chosen not in BACKENDS:
        raise ConfigError(f"{source}: found {chosen!r}, expected one of {', '.join(BACKENDS)}")
    if chosen == "numpy" or (chosen == "auto" and not _native_or_say_so()):
        return numpy_kernel
    if not native_kernel.available():
        raise ConfigError(f"{source} 'native': found no compiled kernels, expected an install with a C compiler")
    return native_kernel


@cache
def _native_or_say_so() -> bool:
    if not native_kernel.available():
        warnings.warn(
            "the native kernels were not compiled (no C compiler at install?); NumPy does their work and takes "
            f"about half as long again. {VARIABLE}=numpy silences this.",
            GmmSpeechWarning,
            stacklevel=4,
        )
    return native_kernel.available()
