"""C libraries beside the modules that call them, all optional: an installation without a compiler has none."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

INT, INT64, SIZE = ctypes.c_int, ctypes.c_int64, ctypes.c_ssize_t


class Pointer(ctypes.c_void_p):
    """What a function takes for a pointer: an array, whose numbers stand in a row, a structure, an address, or None."""

    @classmethod
    def from_param(cls, given: Any) -> Any:
        """Give the address as C gets it."""
        if isinstance(given, np.ndarray):
            given = given.ctypes.data
        return super().from_param(ctypes.addressof(given) if isinstance(given, ctypes.Structure) else given)


def compiled_library(module: str, name: str, functions: Mapping[str, list[Any]]) -> Any:
    """Load the library of a name from the folder of a module's file; None where the install had no compiler.

    What its functions give, or None, and what they take, `Pointer` for an array, is told by their names; a library
    that has not all of them, left from another version, is none. They release the interpreter's lock.

    Examples
    --------
    >>> compiled_library(__file__, "_no_such_library", {"f": [None, Pointer, SIZE]}) is None
    True
    """
    for path in Path(module).parent.glob(f"{name}.*"):
        if path.suffix in (".so", ".pyd", ".dylib"):
            library = ctypes.CDLL(str(path))
            if not all(hasattr(library, function) for function in functions):
                return None
            for function, (given, *taken) in functions.items():
                getattr(library, function).restype, getattr(library, function).argtypes = given, taken
            return library
    return None
