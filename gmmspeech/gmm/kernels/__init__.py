"""The two hot functions, ``accumulate`` and ``log_likelihood``, once each for every backend.

A backend is a module with

- ``accumulate(frames, parameters, sample_weight=None) -> GMMStats``
- ``log_likelihood(frames, parameters) -> (T,)``

on one piece of the data, in one thread. ``parameters`` is what `pack` makes of a mixture. Cutting the data into
pieces, threads and the order of the sums lie above, in `gmmspeech.parallel`.
"""

from __future__ import annotations

from types import ModuleType

from gmmspeech.errors import ConfigError
from gmmspeech.gmm.kernels import numpy_kernel
from gmmspeech.gmm.kernels.parameters import KernelParameters, pack

__all__ = ["KernelParameters", "get_backend", "pack"]

_BACKENDS = {"auto": numpy_kernel, "numpy": numpy_kernel}


def get_backend(name: str = "auto") -> ModuleType:
    """Module with the two hot functions.

    Examples
    --------
    >>> get_backend("numpy").__name__
    'gmmspeech.gmm.kernels.numpy_kernel'
    """
    try:
        return _BACKENDS[name]
    except KeyError:
        raise ConfigError(f"backend: found {name!r}, expected one of {sorted(_BACKENDS)}") from None
