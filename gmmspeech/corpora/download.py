"""Downloads with checksums and a cache; interrupted downloads are resumed."""

from __future__ import annotations

import gzip
import os
import re
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pooch
import requests

from gmmspeech.errors import DataError, DownloadError, counted
from gmmspeech.progress import progress

CACHE_VARIABLE = "GMMSPEECH_CACHE"

TIMEOUT = 30  # s, for a connection and for every block
BLOCK = 1 << 16  # bytes; of a connection that breaks off, the last block is lost
TRIES = 5  # in a row that brought nothing more
CLOSED = "the connection was closed"


def cache_folder() -> Path:
    """Folder that downloads are kept in: ``GMMSPEECH_CACHE``, or the system's place for such."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else Path(pooch.os_cache("gmmspeech"))


def download(url: str, path: str | os.PathLike[str], *, checksum: str | None = None, pause: float = 1.0) -> Path:
    """Download a file unless it exists.

    If a connection breaks, the data so far is kept in ``path`` + ``.part``, and the download resumes from it, at once
    and in later runs, if the server supports HTTP ranges. A progress bar is shown on stderr in a terminal.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.part")

    def fetch(url: str, output_file: str, _: object) -> None:
        _download_whole(url, part, pause)
        os.replace(part, output_file)

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # who calls this says what is being done
    try:
        pooch.retrieve(url, known_hash=checksum, fname=path.name, path=path.parent, downloader=fetch)
    except DownloadError:
        raise
    except requests.RequestException as error:  # which is an OSError too
        raise DownloadError(f"{url}: can't be downloaded ({_reason(error)}), expected a connection to it") from error
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror}), expected a place to write a file to") from error
    except ValueError as error:  # of the checksum; pooch has deleted the file
        found = re.search(r"got:? (\w+)", str(error))
        is_one = f"a file with {found[1]}" if found else "a file with another checksum"
        raise DownloadError(f"{url}: found {is_one} (deleted), expected {checksum}") from error
    finally:
        logger.setLevel(level)
    return path


def read_archive(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of the files in a ``.tar.gz`` archive, of those that are wanted."""
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for member in progress(tar, desc=archive.name, unit="file"):
                if member.isfile() and wanted(member.name) and (file := tar.extractfile(member)) is not None:
                    yield member.name, file.read()
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        archive.unlink()
        raise DataError(f"{archive}: found a broken archive ({error}; deleted), expected a .tar.gz") from error


def _download_whole(url: str, part: Path, pause: float) -> None:
    """Try until the file is whole, or nothing more comes."""
    reached, idle, reason = _size(part), 0, CLOSED
    while True:
        try:
            if _download_rest(url, part):
                return
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if max(_size(part), reached) == 0:
                raise
            reason = _reason(error)
        size = _size(part)
        idle = 0 if size > reached else idle + 1
        reached = max(size, reached)
        if idle == TRIES:
            kept = "what came is kept, and the next run goes on there"
            raise DownloadError(
                f"{url}: broke off after {counted(size, 'byte')} ({reason}), expected the whole file; {kept}"
            )
        time.sleep(pause)


def _download_rest(url: str, part: Path) -> bool:
    """Append what the server has beyond a file's end, or all of it if the server can't; say whether it is whole."""
    begin = _size(part)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={begin}-"} if begin else {})}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            if answer.headers.get("Content-Range") == f"bytes */{begin}":  # it was whole
                return True
            part.unlink()  # there is another file now
            return False
        answer.raise_for_status()
        if answer.status_code != requests.codes.partial_content:
            begin = 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else begin + int(length)
        with (
            open(part, "ab" if begin else "wb") as file,
            progress(desc=part.stem, total=total, initial=begin, unit="B", unit_scale=True) as bar,
        ):
            for block in answer.iter_content(BLOCK):
                file.write(block)
                bar.update(len(block))
    return total is None or _size(part) == total


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: requests.RequestException) -> str:
    """Give the innermost reason of a failed request in few words."""
    if error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return CLOSED
    inner = error.args[0] if error.args else error  # of urllib3, which perhaps wraps the system's
    inner = getattr(inner, "reason", None) or inner
    text = inner.args[0] if isinstance(inner, Exception) and inner.args else inner
    return str(text).rsplit(": ", 1)[-1] or type(error).__name__
