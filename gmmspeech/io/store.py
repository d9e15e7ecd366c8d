"""Frames on disk: utterance id to frames, in one HDF5 file or in Kaldi's archives.

The HDF5 layout (``format`` = "gmmspeech features", version 1): dataset ``frames`` (N, D) float32 holds the
utterances one after the other, ``utterances`` (U,) their ids, and utterance u is
``frames[offsets[u]:offsets[u + 1]]``; the attribute ``front_end`` says in JSON how the frames were made.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import kaldiio
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import DataError, FeatureError
from gmmspeech.io.datadir import find_base, read_map
from gmmspeech.io.hdf5 import open_hdf5, stream_hdf5

FORMAT = "gmmspeech features"
VERSION = 1

_CHUNK_BYTES = 1 << 19  # half of HDF5's default chunk cache, so that appending does not reread chunks
_CHUNK_FRAMES = 2048
_ARK_ENTRY = re.compile(r"(?P<file>.*?)(?P<where>(:\d+)?(\[[\d:,]*\])?)")


class FeatureStore(Mapping[str, NDArray[np.float32]]):
    """The frames of many utterances, read from disk as they are asked for.

    A mapping: ``store["u1"]`` is (T, D) float32, iteration gives the ids in stored order. Several threads may
    read at once. Pickling (to another process) keeps the path only. A context manager.

    Parameters
    ----------
    path : path-like
        An HDF5 file written by `FeatureWriter`, or ``"scp:PATH"`` for a Kaldi script file. Relative archives
        named in the script file are looked for in the current directory, in the script's folder, then in the
        folder above; commands in it are not run.

    Attributes
    ----------
    path : str
        As given.
    front_end : str or None
        How the frames were made, in JSON; None where it is not known, as in Kaldi's archives.

    Raises
    ------
    DataError
        If the file is missing, damaged, of another format, or of a newer version.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/feats.h5"
    >>> write_store(path, [("u1", np.ones((3, 2))), ("u2", np.zeros((4, 2)))])
    >>> with FeatureStore(path) as store:
    ...     list(store), store["u2"].shape, [len(block) for block in store.blocks(5)]
    (['u1', 'u2'], (4, 2), [5, 2])
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._source: _HDF5Frames | _KaldiFrames
        if self.path.startswith("scp:"):
            self._source = _KaldiFrames(self.path.removeprefix("scp:"))
        else:
            self._source = _HDF5Frames(self.path)
        self.front_end = self._source.front_end
        self._index = {utterance: i for i, utterance in enumerate(self._source.utterances)}

    def __getitem__(self, utterance: str) -> NDArray[np.float32]:
        return self._source.read(self._find(utterance))

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, utterance: object) -> bool:
        return utterance in self._index

    def get(self, utterance: str, default: Any = None) -> Any:
        """Give the frames of an utterance, or `default` if there is none of that name."""
        return self[utterance] if utterance in self._index else default

    def __reduce__(self) -> tuple[type[FeatureStore], tuple[str]]:
        return FeatureStore, (self.path,)

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store can't be read after that."""
        self._source.close()

    def num_frames(self, utterance: str) -> int:
        """Count the frames of an utterance (in a Kaldi archive, by reading them)."""
        return self._source.num_frames(self._find(utterance))

    @property
    def dim(self) -> int:
        """Number of columns of the frames."""
        return self._source.dim

    @property
    def total_frames(self) -> int:
        """Number of frames of all utterances (in Kaldi archives, by reading them)."""
        return sum(self._source.num_frames(i) for i in range(len(self)))

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield all frames in stored order, `size` at a time whatever the utterances, the last block shorter.

        Yields
        ------
        ndarray, shape (at most size, D), float32
            No more than a block and an utterance are in memory.
        """
        return self._source.blocks(size)

    def _find(self, utterance: str) -> int:
        try:
            return self._index[utterance]
        except KeyError:
            example = next(iter(self._index))
            raise DataError(
                f"{self.path}: no utterance {utterance}, expected one of {len(self)} such as {example}"
            ) from None


class FeatureWriter:
    """Write a `FeatureStore` utterance by utterance; the file appears whole, at the end of the ``with`` block.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    front_end : str, optional
        How the frames were made, in JSON; kept as it is.

    Raises
    ------
    DataError
        If the file can't be written, an utterance comes twice, or none came.
    FeatureError
        If frames are not (T, D) with T > 0 and the D of those before, or have NaN or infinite values. The
        utterance is named and not written; the caller may go on with others.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/feats.h5"
    >>> with FeatureWriter(path) as writer:
    ...     writer.write("u1", np.ones((3, 2)))
    >>> FeatureStore(path)["u1"].shape
    (3, 2)
    """

    def __init__(self, path: str | os.PathLike[str], *, front_end: str | None = None) -> None:
        self.path = os.fspath(path)
        self._front_end = front_end or ""
        self._lengths: dict[str, int] = {}
        self._total = 0
        self._frames: h5py.Dataset | None = None
        self._index: list[h5py.Dataset] = []
        self._stack = ExitStack()

    def __enter__(self) -> FeatureWriter:
        self._file = self._stack.enter_context(stream_hdf5(self.path, format=FORMAT, version=VERSION))
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
        """Append an utterance's frames, (T, D), kept as float32."""
        if utterance in self._lengths:
            raise DataError(f"{self.path}: found utterance {utterance} again, expected each once")
        block = self._check(utterance, frames)
        if self._frames is None:
            rows = max(1, min(_CHUNK_FRAMES, _CHUNK_BYTES // (4 * block.shape[1])))
            shape = (None, block.shape[1])
            self._frames = self._file.create_dataset(
                "frames", (0, block.shape[1]), np.float32, maxshape=shape, chunks=(rows, block.shape[1])
            )
        end = self._total + len(block)
        self._frames.resize(end, axis=0)
        self._frames[self._total : end] = block
        self._lengths[utterance], self._total = len(block), end

    def _check(self, utterance: str, frames: ArrayLike) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            block = np.asarray(frames, dtype=np.float32)
        if block.ndim != 2 or block.size == 0:
            raise FeatureError(f"utterance {utterance}: found frames of shape {block.shape}, expected (T, D), T > 0")
        if self._frames is not None and block.shape[1] != self._frames.shape[1]:
            expected = f"{self._frames.shape[1]} as in the utterances before"
            raise FeatureError(f"utterance {utterance}: found {block.shape[1]} columns, expected {expected}")
        _check_finite(f"utterance {utterance}", block)
        return block

    def _finish(self) -> None:
        if not self._lengths:
            raise DataError(f"{self.path}: found no utterance to write, expected one or more")
        names, offsets = list(self._lengths), np.cumsum([0, *self._lengths.values()], dtype=np.int64)
        self._index = [
            self._file.create_dataset("utterances", data=names, dtype=h5py.string_dtype("utf-8")),
            self._file.create_dataset("offsets", data=offsets),
        ]


def write_store(
    path: str | os.PathLike[str], items: Iterable[tuple[str, ArrayLike]], *, front_end: str | None = None
) -> None:
    """Write (utterance id, frames) pairs into a feature store, atomically.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    items : iterable of (str, array_like (T, D))
        Read one at a time.
    front_end : str, optional
        How the frames were made, in JSON.

    Raises
    ------
    DataError, FeatureError
        As `FeatureWriter`; nothing is left at `path` then.
    """
    with FeatureWriter(path, front_end=front_end) as writer:
        for utterance, frames in items:
            writer.write(utterance, frames)


class _HDF5Frames:
    """Frames in our own file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open_hdf5(path, format=FORMAT, version=VERSION)
        try:
            self._frames: h5py.Dataset = self._file["frames"]
            self._offsets: NDArray[np.int64] = self._file["offsets"][:]
            self.utterances: list[str] = self._file["utterances"].asstr()[:].tolist()
            self.front_end: str | None = self._file.attrs["front_end"] or None
            self._check()
        except (KeyError, OSError, RuntimeError, TypeError, ValueError, AttributeError) as error:
            self._file.close()
            raise DataError(f"{path}: damaged ({_one_line(error)}), expected {FORMAT} of version {VERSION}") from error

    def _check(self) -> None:
        if self._frames.ndim != 2 or self._frames.dtype != np.float32:
            raise ValueError(f"frames are {self._frames.dtype} of shape {self._frames.shape}")
        if len(self._offsets) != len(self.utterances) + 1 or not self.utterances:
            raise ValueError(f"{len(self.utterances)} utterances, {len(self._offsets)} offsets")
        if self._offsets[0] != 0 or self._offsets[-1] != len(self._frames) or np.any(np.diff(self._offsets) <= 0):
            raise ValueError(f"offsets don't rise from 0 to {len(self._frames)}")
        if self.front_end and not _is_json_object(self.front_end):
            raise ValueError(f"front end is {self.front_end!r}")

    @property
    def dim(self) -> int:
        return int(self._frames.shape[1])

    def num_frames(self, index: int) -> int:
        return int(self._offsets[index + 1] - self._offsets[index])

    def read(self, index: int) -> NDArray[np.float32]:
        return self._slice(self._offsets[index], self._offsets[index + 1])

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        edges = [*range(0, self._offsets[-1], size), self._offsets[-1]]
        for start, end in pairwise(edges):
            yield self._slice(start, end)

    def close(self) -> None:
        self._file.close()

    def _slice(self, start: int, end: int) -> NDArray[np.float32]:
        if not self._file:
            raise DataError(f"{self._path}: is closed, expected an open store")
        try:
            return self._frames[start:end]
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(f"{self._path}: frames {start} to {end} can't be read ({_one_line(error)})") from error


class _KaldiFrames:
    """Frames in Kaldi archives, found through a script file: a line is ``utterance file:offset``."""

    front_end: str | None = None

    def __init__(self, path: str) -> None:
        self._path = path
        entries = read_map(path, rest_of_line=True)
        self.utterances = list(entries)
        self._places = [self._place(name, value) for name, value in entries.items()]
        first = self._places[0][0]
        if not os.path.isabs(first):
            folder = Path(os.path.abspath(path)).parent
            base = find_base(path, first, [Path(), folder, folder.parent])
            self._places = [(str(base / file), where) for file, where in self._places]
        self.dim: int = self.read(0).shape[1]

    def _place(self, name: str, value: str) -> tuple[str, str]:
        place = _ARK_ENTRY.fullmatch(value)
        if not value or place is None or value.endswith("|") or value.startswith("|"):
            expected = "an archive such as feats.ark:17 (commands are not run)"
            raise DataError(f"{self._path}: found {value or 'nothing'} for {name}, expected {expected}")
        return place["file"], place["where"]

    def num_frames(self, index: int) -> int:
        return len(self.read(index))

    def read(self, index: int) -> NDArray[np.float32]:
        file, where = self._places[index]
        name = f"utterance {self.utterances[index]}: {file}{where}"
        try:
            self._check_matrix(file, where)
            frames = kaldiio.load_mat(file + where)
        except (OSError, ValueError, AssertionError, RuntimeError, IndexError, struct.error) as error:
            reason = _one_line(error) or "cut short"
            raise DataError(f"{name}: can't be read ({reason}), expected a matrix in Kaldi's format") from error
        if not isinstance(frames, np.ndarray) or frames.ndim != 2:
            shape = getattr(frames, "shape", type(frames).__name__)
            raise DataError(f"{name}: found {shape}, expected a matrix (T, D)")
        if frames.shape[1] != getattr(self, "dim", frames.shape[1]):
            raise DataError(f"{name}: found {frames.shape[1]} columns, expected {self.dim} as in the first utterance")
        frames = np.ascontiguousarray(frames, dtype=np.float32)
        _check_finite(name, frames)
        return frames

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        waiting = np.empty((0, self.dim), np.float32)
        for index in range(len(self.utterances)):
            waiting = np.concatenate([waiting, self.read(index)])
            whole = len(waiting) - len(waiting) % size
            for start in range(0, whole, size):
                yield waiting[start : start + size]
            waiting = waiting[whole:]
        if len(waiting):
            yield waiting

    def close(self) -> None:
        """Do nothing: archives are opened for each matrix."""

    @staticmethod
    def _check_matrix(file: str, where: str) -> None:
        """Look at the first bytes: kaldiio would also unpickle, and files must not bring code."""
        offset = re.match(r":(\d+)", where)
        with open(file, "rb") as archive:
            archive.seek(int(offset[1]) if offset else 0)
            head = archive.read(64)
        if not head.startswith(b"\0B") and not head.lstrip().startswith(b"["):
            raise ValueError("no matrix there")


def _check_finite(name: str, frames: NDArray[np.float32]) -> None:
    finite = np.isfinite(frames)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        found = f"{frames[row, column]} in frame {row}, column {column}"
        raise FeatureError(f"{name}: found {found}, expected finite float32 numbers")


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except json.JSONDecodeError:
        return False


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
