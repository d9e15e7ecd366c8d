"""Libraries in C beside the modules that call them, each optional: an install without a compiler has none."""

from __future__ import annotations

import ctypes
from pathlib import Path


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
