"""C libraries beside the modules that call them, all optional: an installation without a compiler has none."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def compiled_library(module: str, name: str) -> ctypes.CDLL | None:
    """Load the library of a name from the folder of a module's file; None where the install had no compiler.

    Its functions release the interpreter's lock.

    Examples
    --------
    >>> compiled_library(__file__, "_no_such_library") is None
    True
    """
    for path in Path(module).parent.glob(f"{name}.*"):
        if path.suffix in (".so", ".pyd", ".dylib"):
            return ctypes.CDLL(str(path))
    return None


def declared(library: ctypes.CDLL | None, signatures: Mapping[str, Sequence[Any]]) -> ctypes.CDLL | None:
    """Tell a library, should there be one, what its functions take; they give nothing back.

    Examples
    --------
    >>> declared(None, {"f": [ctypes.c_int]}) is None
    True
    """
    for name, arguments in signatures.items() if library is not None else ():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, None
    return library
