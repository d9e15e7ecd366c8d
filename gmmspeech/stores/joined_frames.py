"""Several stores as one: those of a list, or the shards of an index.

An index is a small HDF5 file (``format`` = "gmmspeech feature index", version 1): ``shards`` (S,) has the paths of
feature files, relative to its own folder; ``utterances`` and ``offsets`` are those of all files, concatenated as in a
feature file; ``edges`` (S + 1,) gives the start of each shard in ``utterances``; attributes ``front_end`` and ``dim``.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.blocks import even_blocks
from gmmspeech.errors import DataError, FeatureError, counted
from gmmspeech.features.compatibility import first_difference
from gmmspeech.files.hdf5 import create_hdf5, opened_hdf5
from gmmspeech.stores.hdf5_frames import HDF5Frames, check_front_end, check_utterances, write_utterances

FORMAT = "gmmspeech feature index"
VERSION = 1
Result = TypeVar("Result")

OPEN_FILES = 64  # shards open at once; systems allow a process some hundred files


_locks: weakref.WeakSet[Any] = weakref.WeakSet()  # of all indexed stores
_held: list[Any] = []  # those that a fork waits for


def _before_fork() -> None:
    """Wait until no thread reads an indexed store, which a new process could not read to the end."""
    for lock in list(_locks):
        lock.acquire()
        _held.append(lock)


def _after_fork() -> None:
    while _held:
        _held.pop().release()


if hasattr(os, "register_at_fork"):  # after HDF5 has, whose lock is taken when one of ours is held
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


class Source(Protocol):
    """Source of the frames of a `FeatureStore`."""

    utterances: list[str]
    front_end: str | None
    dim: int

    @property
    def storage(self) -> str: ...

    @property
    def files(self) -> Iterable[str]: ...

    def num_frames(self, index: int) -> int: ...

    def read(self, index: int) -> NDArray[np.float32]: ...

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]: ...

    def close(self) -> None: ...


class JoinedFrames:
    """Utterances of several sources, one source after the other."""

    def __init__(self, names: Sequence[str], sources: Sequence[Source]) -> None:
        self._sources = sources
        self.front_end = _common_front_end(names, sources)
        self.dim = sources[0].dim
        for name, source in zip(names, sources, strict=True):
            if source.dim != self.dim:
                raise FeatureError(
                    f"{name}: found {counted(source.dim, 'column')}, expected {self.dim} as in {names[0]}"
                )
        self.utterances = [utterance for source in sources for utterance in source.utterances]
        _check_each_once(names, sources)
        self._edges = np.cumsum([0, *(len(source.utterances) for source in sources)])

    @property
    def storage(self) -> str:
        return f"{counted(len(self._sources), 'store')} together"

    @property
    def files(self) -> Iterable[str]:
        return [file for source in self._sources for file in source.files]

    def num_frames(self, index: int) -> int:
        source, place = self._find(index)
        return source.num_frames(place)

    def read(self, index: int) -> NDArray[np.float32]:
        source, place = self._find(index)
        return source.read(place)

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        return even_blocks((block for source in self._sources for block in source.blocks(size)), size)

    def close(self) -> None:
        for source in self._sources:
            source.close()

    def _find(self, index: int) -> tuple[Source, int]:
        number = int(np.searchsorted(self._edges, index, side="right")) - 1
        return self._sources[number], index - int(self._edges[number])


class IndexedFrames:
    """Frames in the shards of an index, which are opened on demand."""

    def __init__(self, path: str) -> None:
        self._path = path
        with opened_hdf5(path, format=FORMAT, version=VERSION) as file, file:
            names: list[str] = file["shards"].asstr()[:].tolist()
            self._edges: NDArray[np.int64] = file["edges"][:]
            self._offsets: NDArray[np.int64] = file["offsets"][:]
            self.utterances: list[str] = file["utterances"].asstr()[:].tolist()
            self.front_end: str | None = file.attrs["front_end"] or None
            self.dim = int(file.attrs["dim"])
            check_utterances(self.utterances, self._offsets, int(self._offsets[-1]))
            check_front_end(self.front_end)
            check_utterances(names, self._edges, len(self.utterances))  # each shard has some of them
        self.shards = [str(Path(path).parent / name) for name in names]
        missing = [shard for shard in self.shards if not os.path.isfile(shard)]
        if missing:
            raise DataError(
                f"{path}: missing are {len(missing)} of its {counted(len(names), 'shard')}, the first: {missing[0]}"
            )
        self._open: OrderedDict[int, HDF5Frames] = OrderedDict()
        self._lock = threading.RLock()  # HDF5 itself reads one thing at a time, so nothing is lost by it
        _locks.add(self._lock)
        self._closed = False

    @property
    def files(self) -> Iterable[str]:
        return [self._path, *self.shards]

    @property
    def storage(self) -> str:
        """Storage format in plain text."""
        first = self._with_shard(0, lambda shard: shard.storage) or "float32"
        return f"{first}, in {counted(len(self.shards), 'shard')}"

    def num_frames(self, index: int) -> int:
        return int(self._offsets[index + 1] - self._offsets[index])

    def read(self, index: int) -> NDArray[np.float32]:
        number = int(np.searchsorted(self._edges, index, side="right")) - 1
        place = index - int(self._edges[number])
        return self._with_shard(number, lambda shard: shard.read(place))

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        return even_blocks(self._pieces(size), size)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for shard in self._open.values():
                shard.close()
            self._open.clear()

    def _pieces(self, size: int) -> Iterator[NDArray[np.float32]]:
        """All frames, of one shard each."""
        for number, (first, last) in enumerate(zip(self._edges[:-1], self._edges[1:], strict=True)):
            length = int(self._offsets[last] - self._offsets[first])
            for start in range(0, length, size):
                end = min(start + size, length)
                yield self._with_shard(number, partial(HDF5Frames.rows, start=start, end=end))

    def _with_shard(self, number: int, use: Callable[[HDF5Frames], Result]) -> Result:
        with self._lock:
            if self._closed:
                raise DataError(f"{self._path}: is closed, expected an open store")
            if number not in self._open:
                if len(self._open) == OPEN_FILES:
                    self._open.popitem(last=False)[1].close()
                self._open[number] = self._opened(number)
            self._open.move_to_end(number)
            return use(self._open[number])

    def _opened(self, number: int) -> HDF5Frames:
        shard = HDF5Frames(self.shards[number])
        first, last = self._edges[number : number + 2]
        expected = (
            self.utterances[first:last],
            int(self._offsets[last] - self._offsets[first]),
            self.dim,
            self.front_end,
        )
        if (shard.utterances, shard.total_frames, shard.dim, shard.front_end) != expected:
            shard.close()
            found = (
                f"{counted(len(shard.utterances), 'utterance')}, "
                f"{counted(shard.total_frames, 'frame')} of {counted(shard.dim, 'column')}"
            )
            raise DataError(
                f"{shard.path}: found {found}, expected the "
                f"{counted(len(expected[0]), 'utterance')}, {counted(expected[1], 'frame')} of "
                f"{counted(self.dim, 'column')} that {self._path} names: it is not the "
                "shard the index was made of"
            )
        return shard


@checked
def write_index(path: str | os.PathLike[str], shards: Sequence[str | os.PathLike[str]]) -> None:
    """Write an index of feature files, through which `FeatureStore` reads all of them as one store.

    Parameters
    ----------
    path : path-like
        The index.
    shards : sequence of path-like
        Files written by `FeatureWriter`, all of one front end. Their paths are kept relative to the index, so that all
        can be moved together.

    Raises
    ------
    DataError
        A file that is missing or damaged, no files, or an utterance that is in two of them.
    FeatureError
        Files of different front ends.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> from gmmspeech.stores.features import FeatureStore, write_store
    >>> folder = tempfile.mkdtemp()
    >>> for name in ("a", "b"):
    ...     write_store(f"{folder}/{name}.h5", [(name, np.ones((3, 2)))])
    >>> gs.stores.write_index(folder + "/all.h5", [folder + "/a.h5", folder + "/b.h5"])
    >>> FeatureStore(folder + "/all.h5").total_frames
    6
    """
    if not shards:
        raise DataError(f"{os.fspath(path)}: found no shards, expected one or more")
    names = [os.fspath(shard) for shard in shards]
    lengths: dict[str, int] = {}
    edges = [0]
    first: HDF5Frames | None = None
    for name in names:
        shard = HDF5Frames(name)
        shard.close()
        first = first or shard
        _common_front_end([first.path, name], [first, shard])
        if shard.dim != first.dim:
            raise FeatureError(f"{name}: found {counted(shard.dim, 'column')}, expected {first.dim} as in {names[0]}")
        for index, utterance in enumerate(shard.utterances):
            if utterance in lengths:
                raise DataError(f"{name}: found utterance {utterance} again, expected each in one shard")
            lengths[utterance] = shard.num_frames(index)
        edges.append(len(lengths))
    folder = os.path.dirname(os.path.realpath(path))
    with create_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["front_end"] = (first and first.front_end) or ""
        file.attrs["dim"] = first.dim if first else 0
        relative = [os.path.relpath(os.path.realpath(name), folder) for name in names]
        file.create_dataset("shards", data=relative, dtype=h5py.string_dtype("utf-8"))
        file.create_dataset("edges", data=np.array(edges, dtype=np.int64))
        write_utterances(file, lengths)


def _common_front_end(names: Sequence[str], sources: Sequence[Source]) -> str | None:
    """The front end of those sources whose front end is known."""
    known = [(name, source.front_end) for name, source in zip(names, sources, strict=True) if source.front_end]
    for name, front_end in known[1:]:
        difference = first_difference(known[0][1], front_end)
        if difference is not None:
            key, expected, found = difference
            raise FeatureError(
                f"{name}: found frames with {key} = {found}, expected {key} = {expected} as in {known[0][0]}: stores "
                "used together need one front end"
            )
    return known[0][1] if known else None


def _check_each_once(names: Sequence[str], sources: Sequence[Source]) -> None:
    owner: dict[str, str] = {}
    for name, source in zip(names, sources, strict=True):
        for utterance in source.utterances:
            if utterance in owner:
                raise DataError(f"{name}: found utterance {utterance}, which {owner[utterance]} has too")
            owner[utterance] = name
