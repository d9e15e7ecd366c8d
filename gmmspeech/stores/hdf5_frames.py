"""Frames in one HDF5 file of this package: writing and reading.

The layout (``format`` = "gmmspeech features"): dataset ``frames`` (N, D) has the frames of all utterances,
concatenated, ``utterances`` (U,) their ids, and utterance u is ``frames[offsets[u]:offsets[u + 1]]``; the attribute
``front_end`` has the configuration of the front end as JSON. Version 1 has float32 frames, optionally compressed by one
of HDF5's own filters; version 2 is the same with float16 frames.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.checks import first_bad, frames_to_store
from gmmspeech.errors import ConfigError, DataError, FeatureError, counted, one_line
from gmmspeech.files.hdf5 import opened_hdf5, stream_hdf5
from gmmspeech.files.text import parse_object

FORMAT = "gmmspeech features"
VERSION = 2
STORAGES = ("float32", "float16")
COMPRESSIONS = ("gzip", "lzf")

_CHUNK_BYTES = 1 << 19  # half of HDF5's default chunk cache, so that appending does not reread chunks
_CHUNK_FRAMES = 2048
_CHUNKS_AT_ONCE = 8  # whole chunks, since a call to HDF5 costs more than it moves, and holds up all threads


class FeatureWriter:
    """Write a `FeatureStore` utterance by utterance; the complete file appears at the end of the ``with`` block.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    front_end : str, optional
        Configuration of the front end, as JSON; stored unchanged.
    storage : {"float32", "float16"}
        Type of the stored numbers. float16 takes half the space and keeps three digits of each number, up to 65504.
    compression : {"gzip", "lzf"}, optional
        HDF5 filter for the frames, after its shuffle; it is lossless, but reading takes longer.

    Raises
    ------
    DataError
        If the file can't be written, an utterance occurs twice, or there are no utterances.
    FeatureError
        If frames are not (T, D) with T > 0 and the D of those before, or have NaN or infinite values. The utterance is
        named and not written; the caller may continue with others.
    ConfigError
        If the storage or compression is unknown.

    Examples
    --------
    >>> import tempfile
    >>> from gmmspeech.stores.features import FeatureStore
    >>> path = tempfile.mkdtemp() + "/feats.h5"
    >>> with FeatureWriter(path) as writer:
    ...     writer.write("u1", np.ones((3, 2)))
    >>> FeatureStore(path)["u1"].shape
    (3, 2)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        front_end: str | None = None,
        storage: str = "float32",
        compression: str | None = None,
    ) -> None:
        if storage not in STORAGES:
            raise ConfigError(f"storage: found {storage!r}, expected one of {', '.join(STORAGES)}")
        if compression is not None and compression not in COMPRESSIONS:
            raise ConfigError(f"compression: found {compression!r}, expected one of {', '.join(COMPRESSIONS)}, or None")
        self.path = os.fspath(path)
        self._front_end = front_end or ""
        self._dtype, self._compression = np.dtype(storage), compression
        self._lengths: dict[str, int] = {}
        self._frames: h5py.Dataset | None = None
        self._waiting = np.empty((0, 0), self._dtype)
        self._num_waiting = 0
        self._index: list[h5py.Dataset] = []
        self._stack = ExitStack()

    def __enter__(self) -> FeatureWriter:
        version = 1 if self._dtype == np.float32 else VERSION
        self._file = self._stack.enter_context(stream_hdf5(self.path, format=FORMAT, version=version))
        self._file.attrs["front_end"] = self._front_end
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, traceback)  # removes what was written
            return
        with self._stack:
            self._finish()

    def write(self, utterance: str, frames: ArrayLike) -> None:
        """Append an utterance's frames, (T, D)."""
        self._check_new([utterance])
        columns = None if self._frames is None else self._frames.shape[1]
        block = frames_to_store(frames, f"utterance {utterance}", self._dtype, columns)
        self._append(block)
        self._lengths[utterance] = len(block)

    def write_all(self, lengths: Mapping[str, int], frames: NDArray) -> None:
        """Append the concatenated frames of several utterances, in the stored type."""
        self._check_new(lengths)
        self._append(frames)
        self._lengths |= lengths

    def _append(self, block: NDArray) -> None:
        if self._frames is None:
            rows = max(1, min(_CHUNK_FRAMES, _CHUNK_BYTES // (4 * block.shape[1])))
            filters: dict[str, Any] = {"compression": self._compression, "shuffle": True} if self._compression else {}
            shape = (None, block.shape[1])
            self._frames = self._file.create_dataset(
                "frames",
                (0, block.shape[1]),
                self._dtype,
                maxshape=shape,
                chunks=(rows, block.shape[1]),
                fletcher32=True,
                **filters,
            )
            self._waiting = np.empty((_CHUNKS_AT_ONCE * rows, block.shape[1]), self._dtype)
        while len(block):
            room = self._waiting[self._num_waiting :][: len(block)]
            room[:], block = block[: len(room)], block[len(room) :]
            self._num_waiting += len(room)
            if self._num_waiting == len(self._waiting):
                self._write_waiting()

    def _write_waiting(self) -> None:
        if self._frames is not None:
            end = len(self._frames) + self._num_waiting
            self._frames.resize(end, axis=0)
            self._frames[end - self._num_waiting :] = self._waiting[: self._num_waiting]
            self._num_waiting = 0

    def _check_new(self, utterances: Iterable[str]) -> None:
        for utterance in utterances:
            if utterance in self._lengths:
                raise DataError(f"{self.path}: found utterance {utterance} again, expected each once")

    def _finish(self) -> None:
        if not self._lengths:
            raise DataError(f"{self.path}: found no utterance to write, expected one or more")
        self._write_waiting()
        self._index = write_utterances(self._file, self._lengths)


def write_utterances(file: h5py.File, lengths: dict[str, int]) -> list[h5py.Dataset]:
    """Write which utterances there are and where each begins; give the datasets, which should be kept open."""
    names, offsets = list(lengths), np.cumsum([0, *lengths.values()], dtype=np.int64)
    return [
        file.create_dataset("utterances", data=names, dtype=h5py.string_dtype("utf-8")),
        file.create_dataset("offsets", data=offsets),
    ]


class HDF5Frames:
    """Frames in our own file, open for reading."""

    def __init__(self, path: str) -> None:
        self.path = path
        with opened_hdf5(path, format=FORMAT, version=VERSION) as self._file:
            self._frames: h5py.Dataset = self._file["frames"]
            self._offsets: NDArray[np.int64] = self._file["offsets"][:]
            self.utterances: list[str] = self._file["utterances"].asstr()[:].tolist()
            self.front_end: str | None = self._file.attrs["front_end"] or None
            self._check()
            self.dim = int(self._frames.shape[1])
            number, compression = self._frames.dtype.name, self._frames.compression
            self.storage = f"{number}, {compression}" if compression else number.removeprefix("float32")  # for people

    def _check(self) -> None:
        if self._frames.ndim != 2 or self._frames.dtype.name not in STORAGES:
            raise ValueError(f"frames are {self._frames.dtype} of shape {self._frames.shape}")
        check_utterances(self.utterances, self._offsets, len(self._frames))
        check_front_end(self.front_end)

    @property
    def total_frames(self) -> int:
        return int(self._offsets[-1])

    @property
    def files(self) -> Iterable[str]:
        return [self.path]

    def num_frames(self, index: int) -> int:
        return int(self._offsets[index + 1] - self._offsets[index])

    def read(self, index: int) -> NDArray[np.float32]:
        return self.rows(self._offsets[index], self._offsets[index + 1])

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        for start, end in pairwise([*range(0, self.total_frames, size), self.total_frames]):
            yield self.rows(start, end)

    def close(self) -> None:
        self._file.close()

    def rows(self, start: int, end: int) -> NDArray[np.float32]:
        """Frames by their place in the file."""
        found = self.stored(start, end)
        bad = first_bad(found)
        if bad is not None:
            row = start + bad[0]
            index = int(np.searchsorted(self._offsets, row, side="right")) - 1
            name = f"{self.path}: utterance {self.utterances[index]}"
            raise FeatureError(f"{name}: found {found[bad]} in frame {row - self._offsets[index]}, expected numbers")
        return found.astype(np.float32, copy=False)

    def stored(self, start: int = 0, end: int | None = None) -> NDArray:
        """Frames by their place in the file, in the type in which they are stored."""
        if not self._file:
            raise DataError(f"{self.path}: is closed, expected an open store")
        try:
            return self._frames[start:end]
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(f"{self.path}: frames {start} to {end} can't be read ({one_line(error)})") from error


def check_utterances(utterances: list[str], offsets: NDArray[np.int64], num_frames: int) -> None:
    """Raise a ValueError unless there are utterances, and offsets that divide the frames among them."""
    if len(offsets) != len(utterances) + 1 or not utterances:
        raise ValueError(f"{counted(len(utterances), 'utterance')}, {counted(len(offsets), 'offset')}")
    if len(set(utterances)) != len(utterances) or "" in utterances:
        raise ValueError("an utterance is there twice, or has no name")
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu":
        raise ValueError(f"offsets are {offsets.dtype} of shape {offsets.shape}")
    if offsets[0] != 0 or offsets[-1] != num_frames or np.any(np.diff(offsets) <= 0):
        raise ValueError(f"offsets don't rise from 0 to {num_frames}")


def check_front_end(front_end: str | None) -> None:
    """Raise a ValueError unless a front end is not known, or in JSON."""
    try:
        if front_end:
            parse_object(front_end)
    except (TypeError, ValueError) as error:
        raise ValueError(f"front end: {error}") from None
