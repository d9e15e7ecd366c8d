"""Signals that interrupt a command: one exception in its main thread, whatever the command is about just then.

The block that is interrupted clears up. It may be at an import, which heeds no exception, or in a place where Python
drops one: so the signal is sent once more a little later. A third signal ends the process at once.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from gmmspeech.cli.entry import end_at_once

INTERRUPTED = 130  # what shells give for it
_SOON = 0.02  # seconds
_PATIENCE = 250  # times that an interruption waits so long for an import


class Terminated(KeyboardInterrupt):
    """The process is to end, as a queue or a shell's kill asks for: it clears up as when it is interrupted."""


@contextmanager
def signals_restored() -> Iterator[None]:
    """Let signals, and what Python can't raise, be met after a block as they were before it."""
    before, handler = sys.unraisablehook, signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        sys.unraisablehook = before
        if handler is signal.default_int_handler:  # else the process ends with the block
            signal.signal(signal.SIGINT, handler)


@contextmanager
def signals_heard(interrupted: list[int]) -> Iterator[None]:
    """Raise KeyboardInterrupt in a block for the first signal that interrupts it, and note the numbers of all.

    Behind the block the next one ends the process at once.
    """
    postponed: list[int] = []
    dropped: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        late = bool(dropped) or (handler is end_at_once and _importing(frame))
        if late and len(postponed) < _PATIENCE:
            postponed.append(number)  # the block may have files to clear up, and imports heed no exception
            _interrupt_soon(number)
            return
        interrupted.append(number)
        if len(interrupted) > 2 or len(postponed) == _PATIENCE:
            end_at_once()
        if len(interrupted) == 1:  # a second one changes nothing: the block is being left, and clears up
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def unraisable(found: Any) -> None:
        if issubclass(found.exc_type, KeyboardInterrupt):  # where Python drops it, so once more when that is left
            number = interrupted[0] if interrupted else signal.SIGINT
            dropped.append(number)  # the next may come before this is left, where Python would drop it again
            _interrupt_soon(number)
            interrupted.clear()
            dropped.clear()
        else:
            before(found)

    before, handler = sys.unraisablehook, signal.getsignal(signal.SIGINT)
    hooked = handler in (signal.default_int_handler, end_at_once)
    terminable = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with suppress(ValueError):  # not the main thread
        if hooked:
            signal.signal(signal.SIGINT, interrupt)
            sys.unraisablehook = unraisable
        if terminable:
            signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        if hooked:
            signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
        if terminable:
            with suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt_soon(number: int) -> None:
    if os.name == "nt":  # where os.kill would end the process
        threading.Timer(_SOON, _thread.interrupt_main).start()
    else:
        threading.Timer(_SOON, os.kill, [os.getpid(), number]).start()


def _importing(frame: FrameType | None) -> bool:
    """Say whether a module is being imported: libraries in C print an interruption there, or make another error."""
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None
