"""Run the tests of the compiled loops under AddressSanitizer and UndefinedBehaviorSanitizer.

``python tests/features/native/sanitize.py`` compiles mel_kernel.c anew, with the sanitizers, and runs
test_mel_kernel.py and test_deltas.py with it. Exit status 1 is a finding. Needs GCC with its sanitizers' libraries, and
exits with status 77 where they are not.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from sanitizing import run_sanitized

HERE = Path(__file__).parent
SOURCE = HERE.parents[2] / "gmmspeech" / "features" / "native" / "mel_kernel.c"
FLAGS = ("-O0", "-ffp-contract=off", "-fno-math-errno")


def check(folder: str) -> int:
    """Run the tests with the library in a folder, whose work space ends where its memory ends and is full of NaN."""
    import numpy as np
    import pytest

    from gmmspeech.features.native import mel_kernel

    def exact(size):
        memory = np.full(size, np.nan, np.float32)
        if memory.ctypes.data % 32:
            raise SystemExit(f"found memory at {memory.ctypes.data:#x}, expected a multiple of 32")
        return memory

    mel_kernel._aligned = exact
    mel_kernel.__file__ = f"{folder}/mel_kernel.py"  # beside which it looks for the library
    tests = [f"{HERE}/test_mel_kernel.py", f"{HERE.parent}/test_deltas.py"]
    return pytest.main(["-q", "-s", "-p", "no:cacheprovider", "-k", "not sanitizers", *tests])


if __name__ == "__main__":
    sys.exit(check(sys.argv[1]) if len(sys.argv) > 1 else run_sanitized(__file__, [SOURCE], *FLAGS))
