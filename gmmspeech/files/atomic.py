"""Files that are there as a whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gmmspeech.errors import DataError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_TOKEN_BYTES = 4


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the name `path` once the block has ended well.

    The temporary file lies in the same folder (a rename within one file system is atomic), its name begins with
    a dot and ends with the same suffix. Missing folders are made. Whatever was at `path` stays untouched until
    the new file is on the disk, and for good if the block raises. Of a symbolic link, the file it leads to is
    replaced.
    """
    final = Path(os.path.realpath(path))
    temporary = final.with_name(f".{final.stem}.{secrets.token_hex(_TOKEN_BYTES)}{final.suffix}")
    try:
        if final.is_dir():
            raise IsADirectoryError(errno.EISDIR, "there is a folder of that name")
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield temporary
        try:
            if durable:
                _sync(temporary)
            os.replace(temporary, final)
            if durable:
                _sync(final.parent)
        except OSError as error:
            raise _cannot_write(path, error) from error
    except OSError as error:  # from the block: ours only if it is the disk that has no room
        if error.errno in _NO_ROOM:
            raise _cannot_write(path, error) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files of `path` that processes left which were killed while they wrote it.

    To be called where no other process writes the same file.
    """
    final = Path(os.path.realpath(path))
    pattern = f".{glob.escape(final.stem)}.{'[0-9a-f]' * 2 * _TOKEN_BYTES}{glob.escape(final.suffix)}"
    for temporary in final.parent.glob(pattern):
        with suppress(OSError):  # of a folder in which nothing may be removed, writing will tell
            temporary.unlink()


def write_lines(path: str | os.PathLike[str], lines: Iterable[str], *, durable: bool = True) -> None:
    r"""Write lines of text (given without line ends) atomically, in UTF-8 with ``\n`` on every system.

    `durable` is that of `atomic_path`.
    """
    with (
        atomic_path(path, durable=durable) as temporary,
        open(temporary, "w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(line + "\n" for line in lines)


def _cannot_write(path: str | os.PathLike[str], error: OSError) -> DataError:
    return DataError(f"{os.fspath(path)}: can't be written ({error.strerror}), expected a place to write a file to")


def _sync(path: Path) -> None:
    """Wait until a file or a folder's entries are on the disk."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
