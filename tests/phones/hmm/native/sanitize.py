"""Run the tests of the compiled loops under AddressSanitizer and UndefinedBehaviorSanitizer.

``python tests/phones/hmm/native/sanitize.py`` compiles viterbi_kernel.c and the others anew, with the
sanitizers, and runs the tests of all with them. Exit status 1 is a finding. Needs GCC with its sanitizers' libraries,
and exits with status 77 where they are not.
"""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from sanitizing import run_sanitized

HERE = Path(__file__).parent
SOURCES = HERE.parents[3] / "gmmspeech" / "phones" / "hmm" / "native"
NAMES = ("viterbi_kernel", "mixture_kernel", "chain_kernel")


def check(folder: str) -> int:
    """Run the tests of the libraries in a folder."""
    import pytest

    for name in NAMES:
        kernel = importlib.import_module(f"gmmspeech.phones.hmm.native.{name}")
        kernel.__file__ = f"{folder}/{name}.py"  # beside which it looks for the library
    tests = [f"{HERE}/test_{name}.py" for name in NAMES]
    return pytest.main(["-q", "-s", "-p", "no:cacheprovider", "-k", "not sanitizers", *tests])


if __name__ == "__main__":
    sources = [SOURCES / f"{name}.c" for name in NAMES]
    sys.exit(check(sys.argv[1]) if len(sys.argv) > 1 else run_sanitized(__file__, sources, "-O0"))
