"""Where the process of a command begins: it imports next to nothing, so that it heeds an interruption at once."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from importlib import import_module
from typing import NoReturn


def run() -> NoReturn:
    """Import the commands, and do what the command line says."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the shell has it ignored
        signal.signal(signal.SIGINT, end_at_once)
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)  # after it Python would end by the signal
    # OpenBLAS's threads, of which commands want one, would spin for a tenth of a second when they have been started
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # 2^4 cycles
    import_module("gmmspeech.cli.main").main(prog_name="gmmspeech")  # it begins here itself where it is run as a module
    sys.exit(0)


def end_at_once(*_: object) -> NoReturn:
    """End the process at once: while it imports, there is nothing to clear up, and some libraries heed no exception."""
    try:
        os.write(2, b"gmmspeech: interrupted\n")
    finally:
        os._exit(130)
