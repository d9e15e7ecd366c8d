"""Frames on disk by utterance id, in HDF5 files, Kaldi archives or HTK parameter files."""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.blocks import even_blocks
from gmmspeech.checks import check_finite_frames, named
from gmmspeech.described import Described
from gmmspeech.errors import DataError, FeatureError, counted, one_line, shown
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.hdf5 import DAMAGE, hdf5_format
from gmmspeech.files.table_places import errors_in_words_of, in_words_of, parse_place
from gmmspeech.files.text import look_alike
from gmmspeech.formats.htk import HtkFile, htk_places, read_htk_range
from gmmspeech.formats.kaldi.ark import ark_places, read_matrix
from gmmspeech.formats.kaldi.tables import opened_table, script_places
from gmmspeech.stores.hdf5_frames import FORMAT, VERSION, FeatureWriter, HDF5Frames
from gmmspeech.stores.joined_frames import FORMAT as INDEX_FORMAT, IndexedFrames, JoinedFrames, Source, write_index

__all__ = ["FORMAT", "INDEX_FORMAT", "VERSION", "FeatureStore", "FeatureWriter", "write_index", "write_store"]


class FeatureStore(Described, Mapping[str, NDArray[np.float32]]):
    """Frames of many utterances, read from disk on demand.

    It is a mapping: ``store["u1"]`` is (T, D) float32, and iteration gives the ids in stored order. It is also a
    context manager. Several threads may read at once. Pickling (to another process) keeps only the absolute path.

    Parameters
    ----------
    path : path-like, or a sequence of them
        An HDF5 file written by `FeatureWriter`, or an index of such files written by `write_index`; ``"scp:PATH"`` for
        a Kaldi script file, ``"ark:PATH"`` for a Kaldi archive, also compressed (``"ark:PATH.gz"``) or from standard
        input (``"ark:-"``), with Kaldi's options (``"ark,s,cs:PATH"``; ``"scp,p:PATH"`` leaves out unreadable entries);
        ``"htk:PATH"`` for HTK parameter files, all in a folder or those listed in a script file. Several paths make one
        store if they share a front end. Relative paths in a script file are looked for in the current directory, in the
        script's folder, then in the folder above; commands in it are not run.

    Attributes
    ----------
    path : str
        As given; several paths are joined by commas, for messages.
    paths : list of str
        All paths; another process needs them to open the same store.
    front_end : str or None
        Configuration of the front end, as JSON; None if not known, as for Kaldi archives and HTK files.
    frame_shift : float or None
        Frame shift in milliseconds, from the headers of HTK files.

    Raises
    ------
    DataError
        If a file is missing, damaged, of another format or of a newer version; if shards of an index are missing, or
        an utterance is in two stores.
    ConfigError
        If a prefix or an option before the colon is unknown.
    FeatureError
        If stores of a sequence have different front ends, frame shifts or numbers of columns.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/feats.h5"
    >>> gs.write_store(path, [("u1", np.ones((3, 2))), ("u2", np.zeros((4, 2)))])
    >>> with gs.FeatureStore(path) as store:
    ...     list(store), store["u2"].shape, [len(block) for block in store.blocks(5)]
    (['u1', 'u2'], (4, 2), [5, 2])
    """

    @checked
    def __init__(self, path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> None:
        self.paths = [os.fspath(path)] if isinstance(path, (str, os.PathLike)) else [os.fspath(p) for p in path]
        if not self.paths:
            raise DataError("feature store: found no paths, expected one or more")
        self.path = ",".join(self.paths)
        self._sources = sources = [_source(name) for name in self.paths]
        self.frame_shift = _common_shift(self.paths, sources)
        self._source: Source = sources[0] if len(sources) == 1 else JoinedFrames(self.paths, sources)
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

    @checked
    def get(self, utterance: str, default: Any = None) -> Any:
        """Return the frames of an utterance, or `default` if the id is not in the store."""
        return self[utterance] if utterance in self._index else default

    def __reduce__(self) -> tuple[type[FeatureStore], tuple[list[str]]]:
        return FeatureStore, ([_absolute(*each) for each in zip(self.paths, self._sources, strict=True)],)

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store can't be read afterwards."""
        self._source.close()

    @checked
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

    @property
    def storage(self) -> str:
        """Storage format in plain text, such as "float16, gzip"; empty for plain float32."""
        return self._source.storage

    @property
    def files(self) -> Iterable[str]:
        """Files that hold the frames, and files that list them."""
        return self._source.files

    @checked
    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield all frames in stored order, in blocks of `size` across utterances; the last block may be shorter.

        Yields
        ------
        ndarray, shape (at most size, D), float32
            Memory holds at most a block and an utterance.
        """
        return self._source.blocks(size)

    def _find(self, utterance: str) -> int:
        try:
            return self._index[utterance]
        except KeyError:
            example = next(iter(self._index))
            expected = f"one of {len(self)} such as {shown(example)}{look_alike(utterance, self._index)}"
            raise DataError(f"{self.path}: no utterance {shown(utterance)}, expected {expected}") from None

    def _lines(self) -> list[str]:
        """Tell what takes no reading of frames."""
        return [
            f"feature store: {counted(len(self), 'utterance', ',')} of {counted(self.dim, 'column')}",
            f"path: {self.path}",
            f"front end: {describe_front_end(self.front_end)}",
        ]

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        return [
            f"feature store: {counted(len(self), 'utterance')}, "
            f"{counted(self.total_frames, 'frame')} of {counted(self.dim, 'column')}",
            f"front end: {describe_front_end(self.front_end)}",
            *([f"kept as: {self.storage}"] if self.storage else []),
        ]


@checked
def write_store(
    path: str | os.PathLike[str],
    items: Iterable[tuple[str, ArrayLike]],
    *,
    front_end: str | None = None,
    storage: str = "float32",
    compression: str | None = None,
) -> None:
    """Write (utterance id, frames) pairs into a feature store, atomically.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    items : iterable of (str, array_like (T, D))
        Read one at a time.
    front_end, storage, compression
        As for `FeatureWriter`.

    Raises
    ------
    DataError, FeatureError
        As for `FeatureWriter`; nothing is left at `path` in that case.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/feats.h5"
    >>> gs.write_store(path, [("u1", np.ones((3, 2)))], storage="float16")
    >>> gs.FeatureStore(path)["u1"].dtype
    dtype('float32')
    """
    with FeatureWriter(path, front_end=front_end, storage=storage, compression=compression) as writer:
        for utterance, frames in named(items, "item"):
            writer.write(utterance, frames)


def _source(path: str) -> Source:
    """Open features wherever they are."""
    kind, _, place = path.partition(":")
    if kind == "htk":
        return _FileFrames(path, kind, place)
    if parse_place(path).kind:
        return _opened_source(path)
    return IndexedFrames(path) if hdf5_format(path) == INDEX_FORMAT else HDF5Frames(path)


def _common_shift(names: Sequence[str], sources: Sequence[Source]) -> float | None:
    """Milliseconds from frame to frame that headers tell, which are the same in all."""
    told = {s.frame_shift: name for name, s in zip(names, sources, strict=True) if isinstance(s, _FileFrames)}
    told.pop(None, None)
    if len(told) > 1:
        (first, _), (other, name) = list(told.items())[:2]
        raise FeatureError(f"{name}: found frames every {other:g} ms by their headers, expected {first:g} as before")
    return next(iter(told), None)


def _opened_source(path: str) -> Source:
    """Open a table of Kaldi's; what it is kept in meanwhile is there until it is closed."""
    with ExitStack() as stack:
        plain = stack.enter_context(opened_table(path))
        kind, _, file = plain.partition(":")
        with errors_in_words_of({} if file in path else {file: path}):
            source = _FileFrames(path, kind, file)
        source.kept = stack.pop_all()
        return source


class _FileFrames:
    """Frames in files of others: those called `name`, of a kind in `FOREIGN`, in a file or folder."""

    front_end: str | None = None
    frame_shift: float | None = None
    storage = ""
    kept = ExitStack()  # what is let go with it

    def __init__(self, name: str, kind: str, path: str) -> None:
        self._names = {} if path in name else {path: name}
        self._path = path
        self.specifier = f"{kind}:{os.path.abspath(path)}"
        find, self._read = FOREIGN[kind]
        places = find(path)
        self.utterances, self._places = list(places), list(places.values())
        frames = self.read(0)
        self.dim: int = frames.shape[1]
        others = (self.read(i) for i in range(1, len(self._places)))
        if all(map(_is_cmvn, itertools.chain([frames], others))):  # ends at the first that is not
            found = (
                f"statistics of CMVN, sums of {counted(frames[0, -1], 'frame', 'g')} of "
                f"{counted(self.dim - 1, 'column')}"
            )
            raise DataError(f"{shown(path)}: found {found}, expected features, such as those of feats.scp")

    @property
    def files(self) -> Iterable[str]:
        return dict.fromkeys([self._path, *(file for file, _ in self._places)])

    def num_frames(self, index: int) -> int:
        return len(self.read(index))

    def read(self, index: int) -> NDArray[np.float32]:
        file, where = self._places[index]
        there = in_words_of(file + where, self._names)
        name = f"utterance {shown(self.utterances[index])}: {shown(there, 300)}"
        try:
            frames = self._read(file, where)
        except (*DAMAGE, AssertionError, struct.error) as error:
            told = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
            reason = told or "cut short"
            expected = "" if ", expected " in reason else ", expected a matrix of Kaldi's or HTK's"
            raise DataError(f"{name}: can't be read ({reason}){expected}") from error
        if isinstance(frames, HtkFile):
            self._check_shift(name, frames.frame_shift)
            frames = frames.frames
        if not isinstance(frames, np.ndarray) or frames.ndim != 2 or not frames.size:
            shape = getattr(frames, "shape", type(frames).__name__)
            raise DataError(f"{name}: found {shape}, expected a matrix (T, D)")
        if frames.shape[1] != getattr(self, "dim", frames.shape[1]):
            raise DataError(
                f"{name}: found {counted(frames.shape[1], 'column')}, expected {self.dim} as in the first utterance"
            )
        with np.errstate(over="ignore"):  # of doubles, which are infinite then
            frames = np.ascontiguousarray(frames, dtype=np.float32)
        check_finite_frames(name, frames)
        return frames

    def _check_shift(self, name: str, shift: float) -> None:
        """Keep the milliseconds from frame to frame that the first file tells, or compare them."""
        self.frame_shift = self.frame_shift or shift
        if shift != self.frame_shift:
            found = f"found frames every {shift:g} ms by its header"
            raise DataError(f"{name}: {found}, expected {self.frame_shift:g} as in the first utterance")

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        return even_blocks(map(self.read, range(len(self.utterances))), size)

    def close(self) -> None:
        """Let go of what was kept in files meanwhile; the others are opened for each matrix."""
        self.kept.close()


_FEWEST_COUNTED = 10  # frames: two frames of features may look like statistics of fewer by chance
_FEWEST_COLUMNS = 4  # likewise


def _is_cmvn(matrix: NDArray) -> bool:
    """Say whether a matrix is statistics of Kaldi's: sums and their count, sums of squares and a zero."""
    if len(matrix) != 2 or matrix.shape[1] <= _FEWEST_COLUMNS:
        return False
    (sums, squares), (count, zero) = matrix[:, :-1].astype(np.float64), matrix[:, -1].astype(np.float64)
    counted = count >= _FEWEST_COUNTED and count.is_integer()
    return bool(zero == 0 and counted and squares.any() and np.all(sums**2 <= count * squares * (1 + 1e-5)))


def _absolute(path: str, source: Source) -> str:
    """Path that leads to the same frames from any current directory."""
    return source.specifier if isinstance(source, _FileFrames) else os.path.abspath(path)


# What stands before the colon of a path: how to find file and place in it of all utterances, and how to read one.
_read_frames = partial(read_matrix, as_rows=True)
FOREIGN: Mapping[str, tuple[Callable[[str], dict[str, tuple[str, str]]], Callable[[str, str], Any]]] = MappingProxyType(
    {"scp": (script_places, _read_frames), "ark": (ark_places, _read_frames), "htk": (htk_places, read_htk_range)}
)
