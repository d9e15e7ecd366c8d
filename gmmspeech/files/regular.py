"""Open regular files only for reading: a named pipe would wait forever, and a device may never end."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

_NOT_REGULAR = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file, or raise an OSError that says what is there instead, without waiting for anything."""
    name = os.fspath(path)
    try:
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:
        raise OSError(errno.EINVAL, "a null byte in its name", name.replace("\0", "\\0")) from error
    try:
        check_regular(os.fstat(descriptor).st_mode, name)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_regular(mode: int, name: str) -> None:
    """Raise an OSError unless a file of that mode is a regular one."""
    if not stat.S_ISREG(mode):
        found = _NOT_REGULAR.get(stat.S_IFMT(mode), "a device")
        raise OSError(errno.EINVAL, f"{found}, not a regular file", name)


def is_pipe_of_shell(path: str | os.PathLike[str]) -> bool:
    """Say whether a path is such as /dev/fd/63, the end of a pipe that has no name in any folder."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode) and not os.path.exists(os.path.realpath(path))
    except (OSError, ValueError):  # which opening it explains
        return False
