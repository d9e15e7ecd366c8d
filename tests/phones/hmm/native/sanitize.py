"""Run the tests of the compiled loops under AddressSanitizer and UndefinedBehaviorSanitizer.

``python tests/phones/hmm/native/sanitize.py`` compiles viterbi_kernel.c anew, with the sanitizers, and runs
test_viterbi_kernel.py with it. Exit status 1 is a finding. Needs GCC with its sanitizers' libraries, and exits with
status 77 where they are not.
"""

import ctypes
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from sanitizing import run_sanitized

HERE = Path(__file__).parent
SOURCE = HERE.parents[3] / "gmmspeech" / "phones" / "hmm" / "native" / "viterbi_kernel.c"


def check(folder: str) -> int:
    """Run the tests with the library in a folder."""
    import pytest

    from gmmspeech.phones.hmm.native import viterbi_kernel

    viterbi_kernel.compiled_library = lambda *_: ctypes.CDLL(f"{folder}/_viterbi_kernel.so")
    tests = HERE / "test_viterbi_kernel.py"
    return pytest.main(["-q", "-p", "no:cacheprovider", "-k", "not sanitizers", str(tests)])


if __name__ == "__main__":
    sys.exit(check(sys.argv[1]) if len(sys.argv) > 1 else run_sanitized(__file__, SOURCE, "-O1"))
