"""Compile files in C with AddressSanitizer and UndefinedBehaviorSanitizer, and run a script with the libraries."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FLAGS = ("-fsanitize=address,undefined", "-g1", "-std=gnu11", "-fvisibility=hidden")
# What stops at undefined behavior is compiled in half the time of what also says where it is.
STOPS, SAYS = "-fsanitize-undefined-trap-on-error", "-fno-sanitize-recover=all"
MISSING = 77  # exit status of a test that could not run, by custom


def run_sanitized(script: str, sources: Sequence[Path], *flags: str) -> int:
    """Run ``script FOLDER`` with a library of each source's name in the folder; give 1 for a finding, or MISSING."""
    compiler = shutil.which("gcc")
    runtime = compiler and subprocess.check_output([compiler, "-print-file-name=libasan.so"], text=True).strip()
    if not runtime or not Path(runtime).is_absolute():  # GCC repeats a name that it cannot find
        print("found no gcc with libasan.so, without which nothing can be checked")
        return MISSING
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps memory to its end
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "OPENBLAS_NUM_THREADS": "1",
    }

    def status(way: str) -> int:
        with tempfile.TemporaryDirectory() as folder:
            for source in sources:
                library = ["-shared", "-fPIC", "-o", f"{folder}/_{source.stem}.so"]
                subprocess.run([compiler, *FLAGS, way, *flags, *library, str(source), "-lm"], check=True)
            return subprocess.run([sys.executable, script, folder], env=environment, check=False).returncode

    found = status(STOPS) != 0
    if found:
        status(SAYS)
    return int(found)


def expect_nothing(test: str) -> None:
    """Run the ``sanitize.py`` beside a test, which is skipped where that cannot run."""
    import pytest  # which the scripts do without

    script = Path(test).with_name("sanitize.py")
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    if run.returncode == MISSING:
        pytest.skip(run.stdout.strip())
    assert run.returncode == 0, run.stdout + run.stderr
