"""A function in a child process with bounded time and memory, and how that ended."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

SECONDS = 20.0
MEMORY = 2 << 30  # of address space
FILE_SIZE = 1 << 30  # of what it writes
_PAGE = 1 << 20


class Ended(NamedTuple):
    """How a child process ended: "ended" with a value, "raised" with text, "hang", or "died" (crashed or killed)."""

    how: str
    value: Any
    seconds: float
    peak: int  # bytes that it took beyond those of its parent


def bounded(
    function: Callable[[], Any], *, seconds: float = SECONDS, memory: int = MEMORY, file_size: int = FILE_SIZE
) -> Ended:
    """Call a function in a fork of this process, which must have one thread; what it gives must fit into JSON."""
    began, own = time.monotonic(), _resident()
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _work(function, writable, memory, file_size)
    os.close(writable)
    answer, ended = _read(readable, began + seconds)
    os.close(readable)
    if not ended:
        os.killpg(child, signal.SIGKILL) if os.getpgid(child) == child else os.kill(child, signal.SIGKILL)
    _, _, usage = os.wait4(child, 0)
    how, value = ("hang", None) if not ended else json.loads(answer) if answer else ("died", None)
    return Ended(how, value, time.monotonic() - began, max(0, usage.ru_maxrss * 1024 - own))


def _work(function: Callable[[], Any], writable: int, memory: int, file_size: int) -> None:
    """Be the child process; never returns."""
    try:
        os.setpgid(0, 0)  # so that what it starts ends with it
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        limits = {resource.RLIMIT_AS: memory, resource.RLIMIT_FSIZE: file_size, resource.RLIMIT_CORE: 0}
        for limit, most in limits.items():
            resource.setrlimit(limit, (most, most))
        answer = json.dumps(_outcome(function)).encode()
        while answer:
            answer = answer[os.write(writable, answer) :]
    finally:
        os._exit(0)


def _outcome(function: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "ended", function()
    except BaseException as error:
        return "raised", f"{type(error).__name__}: {str(error)[:300]}"


def _read(descriptor: int, until: float) -> tuple[bytes, bool]:
    """All that is written to a pipe, and whether its end came in time."""
    found = b""
    while (left := until - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            piece = os.read(descriptor, _PAGE)
            if not piece:
                return found, True
            found += piece
    return found, False


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
