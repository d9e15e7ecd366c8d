"""Frames of utterances as bare numbers, one after the other: what one part of a run leaves for another.

HDF5 serves one thread at a time; this is quick to write from several, and says nothing of itself. What there is, and
how many frames each utterance has, is for the caller to keep.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import DataError
from gmmspeech.io.atomic import atomic_path
from gmmspeech.io.hdf5_frames import stored_block


@contextmanager
def raw_writer(path: str | os.PathLike[str], *, storage: str) -> Iterator[Callable[[str, ArrayLike], None]]:
    """Give a function to call with every utterance and its frames; the file appears whole, at the end of the block.

    Errors are those of `FeatureWriter`.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/a.raw"
    >>> with raw_writer(path, storage="float16") as write:
    ...     write("u1", [[1, 2], [3, 4], [5, 6]])
    >>> read_raw(path, 3, storage="float16")
    memmap([[1., 2.],
            [3., 4.],
            [5., 6.]], dtype=float16)
    """
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        columns: int | None = None

        def write(utterance: str, frames: ArrayLike) -> None:
            nonlocal columns
            block = stored_block(utterance, frames, np.dtype(storage), columns)
            columns = block.shape[1]
            file.write(np.ascontiguousarray(block).data)

        yield write


def read_raw(path: str | os.PathLike[str], num_frames: int, *, storage: str) -> NDArray:
    """Map the frames of a file into memory, (num_frames, D); DataError if it does not divide into so many."""
    try:
        return np.memmap(path, storage, "r").reshape(num_frames, -1)
    except (OSError, ValueError) as error:
        raise DataError(f"{os.fspath(path)}: can't be read, expected {num_frames} frames of {storage}") from error
