"""Statistics of many utterances in one HDF5 file, computed once and read in batches.

The layout (``format`` = "gmmspeech statistics", version 1): row u of the datasets ``n`` (U, K), ``sum_x`` (U, K, D),
``sum_xx`` (U, K, D; may be missing), ``log_likelihood`` (U,) and ``num_frames`` (U,), all float64, belongs to utterance
``utterances[u]``; the attributes ``ubm_digest`` and ``front_end`` identify the background model that aligned the
frames, and the front end that made them. An utterance takes 8 (K + 2 K D) bytes, or 8 (K + K D) without ``sum_xx``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check, checked
from gmmspeech.blocks import ordered_map, read_ahead
from gmmspeech.checks import named
from gmmspeech.described import Described
from gmmspeech.errors import ConfigError, DataError, FeatureError, counted, one_line, shown
from gmmspeech.features.compatibility import check_same_front_end, describe_front_end
from gmmspeech.files.hdf5 import opened_hdf5, stream_hdf5
from gmmspeech.files.text import look_alike
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.utterance_stats import StatsBatch, gmm_digest
from gmmspeech.stores.hdf5_frames import check_front_end

if TYPE_CHECKING:
    from distributed import Client

    from gmmspeech.gmm.full import GMM
    from gmmspeech.gmm.mixture import DiagonalGMM

FORMAT = "gmmspeech statistics"
VERSION = 1

_CHUNK_BYTES = 1 << 19


@checked
def write_statistics(
    path: str | os.PathLike[str],
    ubm: DiagonalGMM | GMM,
    items: Iterable[tuple[str, ArrayLike]] | Mapping[str, NDArray],
    *,
    front_end: str | None = None,
    second_order: bool = True,
    n_jobs: int | None = 1,
    client: Client | None = None,
) -> None:
    """Compute the statistics of utterances under a background model and write them, atomically.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    ubm : DiagonalGMM or GMM
        Covariances of any type.
    items : iterable of (str, array_like (T, D))
        Utterance ids and frames, or a `FeatureStore`; read on demand.
    front_end : str, optional
        Configuration of the front end, as JSON: ``store.front_end``. By default that of the background model.
    second_order : bool
        Also keep the sums of squares. i-vectors, ISV, linear scoring, and MAP of the means don't need them, and without
        them the file has half the size.
    n_jobs : int
        Number of threads, over utterances.
    client : distributed.Client, optional
        Compute on the workers of a Dask cluster; `items` is then a `FeatureStore`, which they read by its path.

    Raises
    ------
    DataError
        The file can't be written, an utterance occurs twice, or there are no utterances.
    FeatureError
        Frames of a front end other than the background model's, or an utterance (named in the message) without frames,
        with frames of another dimension, or with frames that are not finite.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> path = tempfile.mkdtemp() + "/stats.h5"
    >>> gs.stores.write_statistics(path, ubm, [("u1", np.ones((3, 1))), ("u2", np.ones((4, 1)))])
    >>> with gs.stores.StatisticsStore(path) as store:
    ...     list(store), store["u2"].num_frames, [batch.num_frames.tolist() for batch in store.batches(256)]
    (['u1', 'u2'], 4.0, [[3.0, 4.0]])
    """
    check(lambda mixture: "" if hasattr(mixture, "accumulate") else "a DiagonalGMM", ubm=ubm)
    check_same_front_end(ubm.front_end_, front_end, model="the background model", frames=os.fspath(path))

    def count(item: tuple[str, ArrayLike]) -> tuple[str, GMMStats]:
        utterance, frames = item
        try:
            stats = ubm.accumulate(frames)
        except FeatureError as error:
            raise FeatureError(f"utterance {utterance}: {error}") from None
        if not stats.num_frames > 0:
            raise FeatureError(f"utterance {utterance}: found no frames, expected one or more")
        return utterance, stats

    with stream_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["ubm_digest"] = gmm_digest(ubm)
        file.attrs["front_end"] = front_end or ubm.front_end_ or ""
        columns = _create_columns(file, ubm.means_.shape, second_order)
        names: dict[str, None] = {}
        for utterance, stats in _map_items(count, items, n_jobs, client):
            if utterance in names:
                raise DataError(f"{os.fspath(path)}: found utterance {utterance} again, expected each once")
            for field, column in columns.items():
                column.resize(len(names) + 1, axis=0)
                column[len(names)] = getattr(stats, field)
            names[utterance] = None
        if not names:
            raise DataError(f"{os.fspath(path)}: found no utterance to write, expected one or more")
        _utterances = file.create_dataset("utterances", data=list(names), dtype=h5py.string_dtype("utf-8"))


def _map_items(
    function: Callable[[tuple[str, ArrayLike]], tuple[str, GMMStats]],
    items: Iterable[tuple[str, ArrayLike]] | Mapping[str, NDArray],
    n_jobs: int | None,
    client: Client | None,
) -> Iterator[tuple[str, GMMStats]]:
    if client is None:
        return ordered_map(function, read_ahead(named(items, "item")), n_jobs=n_jobs)
    if not isinstance(items, Mapping):
        raise ConfigError(f"client: found items of type {type(items).__name__}, expected a FeatureStore")
    from gmmspeech.cluster import map_utterances  # which needs Dask

    return map_utterances(function, items, client)


class StatisticsStore(Described, Mapping[str, GMMStats]):
    """Statistics of many utterances, written by `write_statistics` and read from disk on demand.

    It is a mapping: ``store["u1"]`` is a `GMMStats`, and iteration gives the ids in stored order. It is also a context
    manager. Functions that take statistics of many utterances accept it and read it in batches. Pickling (to another
    process) keeps only the path and the selection.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    path : str
    ubm_digest : str
        Digest of the background model; see `gmm_digest`.
    front_end : str or None
        Configuration of the front end, as JSON.
    shape : tuple of int
        (K, D).

    Raises
    ------
    DataError
        The file is missing, damaged, of another format, or of a newer version.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> path = tempfile.mkdtemp() + "/stats.h5"
    >>> gs.stores.write_statistics(path, ubm, [("u1", np.ones((3, 1)))])
    >>> with gs.stores.StatisticsStore(path) as store:
    ...     list(store), store["u1"].num_frames
    (['u1'], 3.0)
    """

    @checked
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        with opened_hdf5(self.path, format=FORMAT, version=VERSION) as self._file:
            self._columns = {field: self._file[field] for field in _FIELDS if field in self._file}
            names = self._file["utterances"].asstr()[:].tolist()
            self.ubm_digest: str = self._file.attrs["ubm_digest"]
            self.front_end: str | None = self._file.attrs["front_end"] or None
            self.shape = self._check(names)
        self._rows = {name: row for row, name in enumerate(names)}

    def __getitem__(self, utterance: str) -> GMMStats:
        if utterance not in self._rows:
            expected = f"one of {len(self)}{look_alike(utterance, self._rows)}"
            raise DataError(f"{self.path}: no utterance {shown(utterance)}, expected {expected}")
        row = self._rows[utterance]
        values = {field: self._read(field, slice(row, row + 1))[0] for field in self._columns}
        # not known, which shows in whatever is computed of it
        sum_xx = values.get("sum_xx", np.full(self.shape, np.nan))
        scalars = float(values["log_likelihood"]), float(values["num_frames"])
        return GMMStats(values["n"], values["sum_x"], sum_xx, *scalars)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, utterance: object) -> bool:
        return utterance in self._rows

    def __reduce__(self) -> tuple[Callable[[str, list[str]], StatisticsStore], tuple[str, list[str]]]:
        return _open_selection, (os.path.abspath(self.path), list(self._rows))

    def __enter__(self) -> StatisticsStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; neither the store nor its selections can be read afterwards."""
        self._file.close()

    @checked
    def select(self, utterances: Sequence[str]) -> StatisticsStore:
        """Return a store of some of the utterances, in the given order, that reads the same file.

        Raises
        ------
        DataError
            An utterance that does not exist, or that is given twice.
        """
        selection = object.__new__(StatisticsStore)  # of the same open file, which a copy or pickle would open again
        selection.__dict__.update(self.__dict__, _rows={})
        for utterance in utterances:
            if utterance not in self._rows or utterance in selection._rows:
                found = "twice" if utterance in selection._rows else "which it does not have"
                raise DataError(f"{self.path}: asked for utterance {utterance} {found}, expected one of {len(self)}")
            selection._rows[utterance] = self._rows[utterance]
        return selection

    @checked
    def batches(self, size: int, *, second_order: bool = False) -> Iterator[StatsBatch]:
        """Yield the statistics in batches of utterances.

        Parameters
        ----------
        size : int
            Utterances per batch; the last batch may be smaller.
        second_order : bool
            Include the sums of squares.

        Yields
        ------
        StatsBatch

        Raises
        ------
        FeatureError
            Sums of squares that were not written.
        """
        if second_order and "sum_xx" not in self._columns:
            raise FeatureError(f"{self.path}: found no second-order sums, expected statistics written with them")
        fields = (*_FIRST_ORDER, "sum_xx") if second_order else _FIRST_ORDER
        rows = np.fromiter(self._rows.values(), np.int64, len(self))
        for start in range(0, len(rows), size):
            found = {field: self._read_rows(field, rows[start : start + size]) for field in fields}
            yield StatsBatch(**found, ubm_digest=self.ubm_digest, front_end=self.front_end)

    def _check(self, names: list[str]) -> tuple[int, ...]:
        count = len(names)
        if len(set(names)) < count:
            raise ValueError("an utterance is there twice")
        if not isinstance(self.ubm_digest, str):
            raise ValueError(f"ubm_digest is {self.ubm_digest!r}")
        check_front_end(self.front_end)
        num_components, dim = self._columns["sum_x"].shape[1:]
        expected = {field: (count, *(num_components, dim)[:trailing]) for field, trailing in _FIELDS.items()}
        for field in (*_FIRST_ORDER, "log_likelihood", *self._columns):
            found = self._columns[field]
            if found.shape != expected[field] or found.dtype != np.float64:
                raise ValueError(f"{field} is {found.dtype} of shape {found.shape}, expected {expected[field]}")
        return num_components, dim

    def _read_rows(self, field: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        if (np.diff(rows) == 1).all():
            return self._read(field, slice(int(rows[0]), int(rows[-1]) + 1))
        return np.concatenate([self._read(field, slice(int(row), int(row) + 1)) for row in rows])

    def _read(self, field: str, rows: slice) -> NDArray[np.float64]:
        if not self._file:
            raise DataError(f"{self.path}: is closed, expected an open store")
        try:
            found = np.asarray(self._columns[field][rows])
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(f"{self.path}: can't be read ({one_line(error)})") from error
        bad = ~np.isfinite(found)
        if field in _COUNTS:
            bad |= found < 0
        if bad.any():
            row = int(rows.start + np.argwhere(bad)[0][0])
            name = next(name for name, place in self._rows.items() if place == row)
            expected = "counts from 0" if field in _COUNTS else "finite numbers"
            raise DataError(f"{self.path}: utterance {name}: {field}: found {found[bad][0]}, expected {expected}")
        return found

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        size = f"{counted(self.shape[0], 'component')}, {counted(self.shape[1], 'dimension')}"
        front = f"front end: {describe_front_end(self.front_end)}"
        return [
            f"statistics: {counted(len(self), 'utterance')}, {size}, background model {self.ubm_digest[:12]}",
            front,
        ]


_FIELDS = {"n": 1, "sum_x": 2, "sum_xx": 2, "log_likelihood": 0, "num_frames": 0}  # and their dimensions of (K, D)
_COUNTS = ("n", "num_frames")
_FIRST_ORDER = ("n", "sum_x", "num_frames")


def _create_columns(file: h5py.File, shape: tuple[int, ...], second_order: bool) -> dict[str, h5py.Dataset]:
    columns = {}
    for field, trailing in _FIELDS.items():
        if field == "sum_xx" and not second_order:
            continue
        row = shape[:trailing]
        rows = max(1, _CHUNK_BYTES // (8 * int(np.prod(row))))
        columns[field] = file.create_dataset(
            field, (0, *row), np.float64, maxshape=(None, *row), chunks=(min(rows, 1024), *row), fletcher32=True
        )
    return columns


def _open_selection(path: str, utterances: list[str]) -> StatisticsStore:
    return StatisticsStore(path).select(utterances)
