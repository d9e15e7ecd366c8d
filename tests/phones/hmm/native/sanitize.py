"""Run the tests of the compiled loops under AddressSanitizer and UndefinedBehaviorSanitizer.

``python tests/phones/hmm/native/sanitize.py`` compiles viterbi_kernel.c and the others anew, with the
sanitizers, and runs the tests of each with it. Exit status 1 is a finding. Needs GCC with its sanitizers' libraries,
and exits with status 77 where they are not.
"""

import ctypes
import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from sanitizing import run_sanitized

HERE = Path(__file__).parent
SOURCES = HERE.parents[3] / "gmmspeech" / "phones" / "hmm" / "native"


def check(folder: str) -> int:
    """Run the tests of the library in a folder."""
    import pytest

    library = next(Path(folder).glob("*.so"))
    kernel = importlib.import_module(f"gmmspeech.phones.hmm.native.{library.stem[1:]}")
    kernel.compiled_library = lambda *_: ctypes.CDLL(str(library))
    tests = HERE / f"test_{library.stem[1:]}.py"
    return pytest.main(["-q", "-p", "no:cacheprovider", "-k", "not sanitizers", str(tests)])


if __name__ == "__main__":
    names = ("viterbi_kernel.c", "mixture_kernel.c", "chain_kernel.c")
    sys.exit(
        check(sys.argv[1])
        if len(sys.argv) > 1
        else next((status for name in names if (status := run_sanitized(__file__, SOURCES / name, "-O1"))), 0)
    )
