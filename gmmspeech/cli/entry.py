"""Where the process of a command begins: it imports next to nothing, so that it heeds an interruption at once."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import NoReturn


def run() -> NoReturn:
    """Import the commands, and do what the command line says."""
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else the shell has it ignored
    if heeded:
        signal.signal(signal.SIGINT, _end)
    commands = import_module("gmmspeech.cli.main")  # which begins here itself where it is run as a module
    if heeded:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        commands.main(prog_name="gmmspeech")
    finally:
        if heeded:  # what is left to do is Python's own
            signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    sys.exit(0)


def _end(*_: object) -> NoReturn:
    """End the process at once: while it imports, there is nothing to clear up, and some libraries heed no exception."""
    try:
        os.write(2, b"gmmspeech: interrupted\n")
    finally:
        os._exit(130)
