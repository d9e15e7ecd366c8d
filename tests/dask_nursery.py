"""A process that has imported Dask and gmmspeech, and of which schedulers and workers are forked: each starts at once.

A program: every line of the standard input is a JSON list, "dask_scheduler" or "dask_worker" and its options; every
line of the output is the number of the process that runs it. With the input ends the program, not what it started.
"""

import importlib
import json
import os
import signal
import sys

PROGRAMS = ("dask_scheduler", "dask_worker")


def main() -> None:
    """Start what is asked for."""
    programs = {name: importlib.import_module(f"distributed.cli.{name}").main for name in PROGRAMS}
    for name in ("cluster", "gmm.mixture", "stores.features", "speaker.ivector"):
        importlib.import_module(f"gmmspeech.{name}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what was killed is gone without being waited for
    while line := sys.stdin.readline():
        program, *options = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(nowhere, descriptor)
            programs[program](options)
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
