"""Frames of utterances as raw numbers in sequence, passed from one part of a run to another.

HDF5 serves one thread at a time; this format is quick to write from several. A checksum at the end distinguishes a
complete file from one left by a power failure; no write waits for the disk. The caller keeps the list of utterances
and their numbers of frames.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.checks import frames_to_store
from gmmspeech.errors import DataError, counted, text_or_type
from gmmspeech.files.atomic import atomic_path

_MAGIC = b"gmmspeech frames"  # 16 bytes, which leave the numbers where processors like them
_CHECKSUM_BYTES = 4
_BLOCK = 2**22


@contextmanager
def raw_writer(path: str | os.PathLike[str], *, storage: str) -> Iterator[Callable[[str, ArrayLike], None]]:
    """Give a function to call with every utterance and its frames; the file appears whole, at the end of the block.

    Errors are those of `FeatureWriter`.
    """
    with atomic_path(path, durable=False) as temporary, open(temporary, "wb") as file:
        columns: int | None = None
        checksum = zlib.crc32(_MAGIC)
        file.write(_MAGIC)

        def write(utterance: str, frames: ArrayLike) -> None:
            nonlocal columns, checksum
            block = np.ascontiguousarray(frames_to_store(frames, f"utterance {utterance}", np.dtype(storage), columns))
            columns, checksum = block.shape[1], zlib.crc32(block, checksum)
            file.write(block.data)

        yield write
        file.write(checksum.to_bytes(_CHECKSUM_BYTES, "little"))


def is_raw(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as those of `raw_writer` do."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def raw_is_whole(path: str | os.PathLike[str]) -> bool:
    """Whether there is such a file, with the checksum of what is in it."""
    checksum, ahead = 0, b""
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                block = ahead + block
                ahead = block[-_CHECKSUM_BYTES:]
                checksum = zlib.crc32(block[:-_CHECKSUM_BYTES], checksum)
    except OSError:
        return False
    return is_raw(path) and checksum == int.from_bytes(ahead, "little")


def read_raw(path: str | os.PathLike[str], num_frames: int, *, storage: str) -> NDArray:
    """Map the frames of a file into memory, (num_frames, D); DataError if it does not divide into so many."""
    try:
        num_numbers = (os.path.getsize(path) - len(_MAGIC) - _CHECKSUM_BYTES) // np.dtype(storage).itemsize
        frames = np.memmap(path, storage, "r", offset=len(_MAGIC), shape=num_numbers)
        return frames.reshape(num_frames, -1)
    except (OSError, ValueError, OverflowError) as error:  # OverflowError: shorter than all that
        found = f"can't be read ({text_or_type(error)})"
        raise DataError(f"{os.fspath(path)}: {found}, expected {counted(num_frames, 'frame')} of {storage}") from error
