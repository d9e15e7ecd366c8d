"""Atomic writes: files are complete or absent, and written by one run at a time."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gmmspeech.errors import DataError, GmmSpeechWarning, shown
from gmmspeech.files.regular import check_regular

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked, and no leftovers are removed
    fcntl = None  # type: ignore[assignment]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_TOKEN_BYTES = 4
_TEMPORARY = [  # of names without a suffix, and with one; both fit some
    re.compile(rf"\.(.+)\.[0-9a-f]{{{2 * _TOKEN_BYTES}}}({suffix})", flags=re.DOTALL) for suffix in ("", r"\.[^.]*")
]
_LONGEST_NAME = 255  # bytes, of most file systems
_LONGEST_SUFFIX = 32
_FOLDER, _ALIVE = "gmmspeech-", ".alive"


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the name `path` once the block has ended well.

    The temporary file lies in the same folder (a rename within one file system is atomic), its name begins with
    a dot and ends with the same suffix. Missing folders are made. Whatever was at `path` stays untouched until
    the new file is on the disk, and for good if the block raises; the new file has its permissions. Of a symbolic
    link, the file it leads to is replaced. What is no plain file, or read-only, is refused.
    """
    final = check_output(path)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        before = _stat(final)
        temporary, lock = _create(final, 0o666 if before is None else before.st_mode & 0o666 | 0o200)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield temporary
        try:
            _take_over(temporary, before)
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
        if lock is not None:
            os.close(lock)


def check_output(path: str | os.PathLike[str]) -> Path:
    """Give the place that a new file will take, of a link the one it leads to; DataError if it can't be written.

    Nothing is touched. There may be a plain file that may be written to, or nothing; the folder may be missing if it
    can be made.
    """
    try:
        final = Path(os.path.realpath(path))
        if final.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        found = _stat(path) or _stat(final)  # links of /proc lead to what has no other name
        if found is None:
            _check_folder(final.parent)
        elif stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "there is a folder of that name")
        else:
            check_regular(found.st_mode, str(final))
            if not found.st_mode & 0o222 or not os.access(final, os.W_OK):  # root may write to any
                raise PermissionError(errno.EACCES, "it is read-only")
            _check_folder(final.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    except ValueError as error:  # a null character in it
        raise _cannot_write(path, OSError(errno.EINVAL, str(error))) from error
    return final


def move_into_place(whole: Path, path: str | os.PathLike[str]) -> None:
    """Give a whole file, which lies in the same file system, the name `path`, as `atomic_path` does."""
    final = check_output(path)
    try:
        _take_over(whole, _stat(final))
        os.replace(whole, final)
    except OSError as error:
        raise _cannot_write(path, error) from error


def check_output_folder(path: str | os.PathLike[str]) -> None:
    """Raise a DataError unless a folder is there, or can be made, to write files to; nothing is touched."""
    try:
        _check_folder(Path(os.path.realpath(path)))
    except OSError as error:
        raise _cannot_write(path, error) from error


def remove_leftovers(*paths: str | os.PathLike[str]) -> None:
    """Remove the temporary files of `paths` that processes left which were killed while they wrote them.

    A process that lives holds a lock on its own, which stays. Each folder is listed once.
    """
    written: dict[str, set[tuple[str, ...]]] = {}
    for path in paths:
        folder, name = os.path.split(os.path.realpath(path))
        written.setdefault(folder, set()).add(_parts(name))
    for folder, parts in written.items():
        with suppress(OSError):  # writing will tell
            for name in os.listdir(folder):
                if any(found and found.groups() in parts for found in (each.fullmatch(name) for each in _TEMPORARY)):
                    remove_abandoned(Path(folder, name))


def is_temporary(name: str) -> bool:
    """Say whether a file's name is one that `atomic_path` gives to write to."""
    return any(each.fullmatch(name) for each in _TEMPORARY)


def remove_abandoned(path: Path) -> bool:
    """Remove a file of ours on which no process holds a lock; say whether it was one."""
    with suppress(OSError):  # of a folder in which nothing may be removed, writing will tell
        if fcntl is None:
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                return False
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            return True
        finally:
            os.close(descriptor)
    return False


@contextmanager
def one_run_at_a_time(path: str | os.PathLike[str], *, shared: bool = False) -> Iterator[None]:
    """Let no other process into such a block for the same file or folder; wait for one that is in it, with a warning.

    Those that `share` it only wait for one that does not. A file ``.NAME.lock`` lies beside `path` meanwhile. Where a
    system (Windows) or a file system knows no locks, nobody waits.
    """
    if fcntl is None:
        yield
        return
    final = Path(os.path.realpath(path))
    stem, suffix = _parts(final.name)
    place = final.with_name(f".{stem}{suffix}.lock")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _enter(place, final, shared)
    except OSError as error:
        raise _cannot_write(path, error) from error
    except BaseException:  # an interruption
        remove_abandoned(place)
        raise
    try:
        yield
    finally:
        with suppress(OSError):  # others who share it stay in
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            place.unlink()
        os.close(descriptor)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder in the system's place for such, for the time of the block; remove those that killed runs left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        _remove_dead_folder(folder)
    with tempfile.TemporaryDirectory(prefix=_FOLDER) as made, _held(Path(made)):
        yield Path(made)


@contextmanager
def no_empty_folders(paths: Iterable[Path]) -> Iterator[None]:
    """Remove the folders above paths that the block makes and puts nothing into."""
    missing = [folder for path in paths for folder in path.parents if not folder.exists()]
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):  # what holds something stays
                folder.rmdir()


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Give a folder to fill that may then be renamed to `path`; remove those that killed runs left.

    Folders above it that are made for it go again if nothing is put into them.
    """
    begin, end = f".{path.name}.", rf"[0-9a-f]{{{2 * _TOKEN_BYTES}}}"
    for folder in path.parent.iterdir() if path.parent.is_dir() else ():
        if folder.name.startswith(begin) and re.fullmatch(end, folder.name[len(begin) :]):
            _remove_dead_folder(folder)
    outer = path.with_name(f".{path.name}.{os.urandom(_TOKEN_BYTES).hex()}")
    with no_empty_folders([path]):
        outer.mkdir(parents=True)
        try:
            with _held(outer):
                (outer / "whole").mkdir()
                yield outer / "whole"
        finally:
            shutil.rmtree(outer, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep a lock in a folder, by which others know that it is in use."""
    lock = folder / _ALIVE
    with open(lock.with_suffix(".new"), "xb") as file:
        _lock(file.fileno(), shared=False)
        if fcntl is not None:
            lock.with_suffix(".new").rename(lock)  # so that it is locked from its first moment
        yield


def _remove_dead_folder(folder: Path) -> None:
    """Remove a folder of `temporary_folder` whose process is no more, if it was our user's."""
    with suppress(OSError):
        if fcntl is None or folder.lstat().st_uid != os.geteuid() or not stat.S_ISDIR(folder.lstat().st_mode):
            return
        descriptor = os.open(folder / _ALIVE, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)  # which follows no links
        finally:
            os.close(descriptor)


def write_lines(path: str | os.PathLike[str], lines: Iterable[str], *, durable: bool = True) -> None:
    r"""Write lines of text (given without line ends) atomically, in UTF-8 with ``\n`` on every system.

    `durable` is that of `atomic_path`.
    """
    with (
        atomic_path(path, durable=durable) as temporary,
        open(temporary, "w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(line + "\n" for line in lines)


def _parts(name: str) -> tuple[str, str]:
    """Stem and suffix of a file's name, cut so that a temporary name made of them is not too long."""
    stem, suffix = os.path.splitext(name)
    if len(os.fsencode(suffix)) > _LONGEST_SUFFIX:
        stem, suffix = name, ""
    room = _LONGEST_NAME - len(os.fsencode(suffix)) - 2 * _TOKEN_BYTES - 2
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem, suffix


def _create(final: Path, mode: int) -> tuple[Path, int | None]:
    """Make a temporary file for a place; give its path, and the descriptor that holds a lock on it."""
    stem, suffix = _parts(final.name)
    while True:
        temporary = final.with_name(f".{stem}.{os.urandom(_TOKEN_BYTES).hex()}{suffix}")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
        if fcntl is None:  # Windows renames no open files
            os.close(descriptor)
            return temporary, None
        _lock(descriptor, shared=True)  # as readers do of HDF5, who may come before it is closed
        if _is_at(descriptor, temporary):  # and not taken for abandoned meanwhile
            return temporary, descriptor
        os.close(descriptor)


def _enter(place: Path, final: Path, shared: bool) -> int:
    """Wait until a lock file is ours; give its descriptor."""
    told = False
    while True:
        descriptor = os.open(place, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            while not _lock(descriptor, shared=shared, wait=told):
                warnings.warn(f"{final}: another run is writing it, waiting for its end", GmmSpeechWarning)
                told = True
            if _is_at(descriptor, place):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the one before has removed it


def _lock(descriptor: int, *, shared: bool, wait: bool = True) -> bool:
    """Lock a file; say whether that is done, which it is too where there are no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Say whether an open file is still the one at its path."""
    found = _stat(path)
    return found is not None and os.path.samestat(found, os.fstat(descriptor))


def _stat(path: str | os.PathLike[str]) -> os.stat_result | None:
    """What is at a path, or None where nothing is."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _check_folder(folder: Path) -> None:
    """Raise an OSError unless a folder can be written to, or can be made."""
    for parent in (folder, *folder.parents):
        found = _stat(parent)
        if found is not None:
            break
    if not stat.S_ISDIR(found.st_mode):  # type: ignore[union-attr]
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _take_over(temporary: Path, before: os.stat_result | None) -> None:
    """Give a new file the owner, as far as that is allowed, and the permissions of the one that it replaces."""
    if before is not None and os.name != "nt":
        with suppress(OSError):
            os.chown(temporary, before.st_uid, before.st_gid)
        os.chmod(temporary, stat.S_IMODE(before.st_mode))


def _cannot_write(path: str | os.PathLike[str], error: OSError) -> DataError:
    reason, name = error.strerror, shown(os.fspath(path), 400)
    return DataError(f"{name}: can't be written ({reason}), expected a place to write a file to")


def _sync(path: Path) -> None:
    """Wait until a file or a folder's entries are on the disk."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
