"""Training on a Dask cluster, with the same bits as on one machine.

Frames are kept in shards of `gmmspeech.blocks.FAN_IN` blocks in the workers' memory. In every iteration the model is
sent once, each worker sums the statistics of its shards, and these sums are added in the order of
`gmmspeech.blocks.tree_sum`, in which a shard is a partial sum of the first level. The scheduler can repeat everything
that is sent, so that workers may be lost, or join, at any time.
"""

from __future__ import annotations

import functools
import operator
import pickle
import time
import uuid
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import told
from gmmspeech.blocks import BLOCK, FAN_IN, Block, Frames, frame_blocks, frame_dim, single_threaded_blas, tree_sum
from gmmspeech.errors import ConfigError, FeatureError, GmmSpeechError, GmmSpeechWarning, counted, text_or_type
from gmmspeech.gmm.kernels import native_kernel

if TYPE_CHECKING:
    from distributed import Client, Future

SHARD = FAN_IN * BLOCK  # frames
UTTERANCES = 16  # that are one task
TIMEOUT = 30.0  # seconds
ALONE = 12.0  # seconds that the client waits for a worker when all are gone
_LOOK_EVERY = 1.0  # seconds
_SHARE_FOR_FRAMES = 0.5  # of the workers' memory: Dask begins to move data to disk at 0.6

_with_workers: weakref.WeakSet[Any] = weakref.WeakSet()  # clients whose first worker has come

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def connect(address: str, *, timeout: float = TIMEOUT) -> Iterator[Client]:
    """Give the client of a running Dask scheduler, for as long as the block lasts."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError(f"scheduler {address}: {error}; install gmmspeech[dask]") from None
    try:
        client = Client(address, timeout=timeout)
    except (OSError, ValueError, TypeError) as error:
        reason = text_or_type(error)
        raise ConfigError(
            f"scheduler {address}: not reached in {timeout:g} s ({reason}), expected a running `dask scheduler`"
        ) from error
    with client:
        yield client


def on_cluster(address: str | None) -> AbstractContextManager[Client | None]:
    """Give the client of a running Dask scheduler if one is named, for as long as the block lasts."""
    return nullcontext() if address is None else connect(address)


class ClusterFrames:
    """Frames that the workers of a cluster have, to be given to `DiagonalGMM.fit` like any others.

    Parameters
    ----------
    frames : FeatureStore, list of ndarray (T, D), or ndarray (N, D)
        The workers read a store themselves, by its path, which must lead to the same file on all their machines.
        Arrays are sent, and kept by the scheduler too.
    client : distributed.Client
    timeout : float
        Seconds to wait for a first worker.

    Raises
    ------
    ConfigError
        No worker, or one without this version of the package.
    """

    def __init__(self, frames: Frames, client: Client, *, timeout: float = TIMEOUT) -> None:
        self._frames, self._client = frames, client
        self.dim = frame_dim(frames)
        self.front_end: str | None = getattr(frames, "front_end", None)
        memory = check_workers(client, timeout)
        shards = list(_store_shards(frames) if isinstance(frames, Mapping) else _array_shards(frames))
        num_bytes = 4 * self.dim * sum(shard.num_frames for shard in shards)
        self._shards: Sequence[_Shard | Future] = shards
        if num_bytes <= _SHARE_FOR_FRAMES * memory:  # else they are read again in every iteration
            self._shards = _map(_Shard.read, client, shards)

    def blocks(self, size: int) -> Iterator[NDArray]:
        """Yield all frames, (at most size, D) at a time, read by this process."""
        return frame_blocks(self._frames, size)

    def sum_blocks(self, function: Callable[[Block], Result]) -> Result:
        """Sum what a function gives for the blocks, in the order of `gmmspeech.blocks.tree_sum`."""
        return _sum(self._on_shards(_sum_shard, function), self._client)

    def map_blocks(self, function: Callable[[Block], Result]) -> Iterator[Result]:
        """Yield what a function gives for the blocks, in their order."""
        for future in self._on_shards(_map_shard, function):
            yield from _gather(future, self._client)

    def _on_shards(self, of_shard: Callable, function: Callable[[Block], Any]) -> list[Future]:
        work = [_send(function, self._client)] * len(self._shards)
        return _map(of_shard, self._client, self._shards, work)


def map_utterances(
    function: Callable[[tuple[str, NDArray]], Result], store: Mapping[str, NDArray], client: Client
) -> Iterator[Result]:
    """Yield what a function gives for the (utterance id, frames) of a store, in their order, worked out on a cluster.

    The workers read the store by its path. No more results than some for each of their threads wait to be taken.
    """
    check_workers(client)
    names, work = list(store), _send(function, client)
    source = keep_items([(pickle.dumps(store), uuid.uuid4().hex)], client)
    waiting: deque[Future] = deque()
    for start in range(0, len(names), UTTERANCES):
        if len(waiting) >= max(1, 2 * sum(client.nthreads().values())):
            yield from _gather(waiting.popleft(), client)
        waiting += _map(_map_utterances, client, [names[start : start + UTTERANCES]], source, [work])
    while waiting:
        yield from _gather(waiting.popleft(), client)


def map_items(function: Callable[[Item], Result], items: Collection[Item], client: Client) -> Iterator[Result]:
    """Yield what a function gives for items, in their order, worked out on a cluster; both are sent."""
    check_workers(client)
    for future in _map(function, client, items):
        yield _gather(future, client)


def keep_items(items: Collection[Any], client: Client) -> list[Future]:
    """Have workers keep items, to be given to `map_rows` and `sum_rows` in several passes."""
    return _map(_same, client, items)


def map_rows(function: Callable[..., Result], columns: Sequence[Collection], client: Client) -> Iterator[Result]:
    """Yield what a function gives for the rows of some columns, in their order, worked out on a cluster."""
    for future in _map_rows(function, columns, client):
        yield _gather(future, client)


def sum_rows(function: Callable[..., Result], columns: Sequence[Collection], client: Client) -> Result:
    """Sum what a function gives for the rows of some columns, in the order of `gmmspeech.blocks.tree_sum`."""
    return _sum(_map_rows(function, columns, client), client)


def stored_utterances(store: Mapping[str, NDArray], groups: Iterable[Sequence[str]]) -> list[StoredUtterances]:
    """Groups of utterances that workers read by the path of their store."""
    pickled, run = pickle.dumps(store), uuid.uuid4().hex
    return [StoredUtterances(pickled, run, tuple(group)) for group in groups]


def _send(function: Callable[[Any], Any], client: Client) -> Future:
    """Have a worker keep a function, from which the others get it; the scheduler can give it again."""
    return keep_items([_Work(_version(), function)], client)[0]


def _map(function: Callable, client: Client, *arguments: Collection) -> list[Future]:
    """Have a function done for some arguments."""
    import dask

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
        return client.map(function, *arguments, pure=False)


def _map_rows(function: Callable, columns: Sequence[Collection], client: Client) -> list[Future]:
    """Have a function done for the rows of some columns."""
    work = _send(functools.partial(_of_row, function), client)
    return _map(_done, client, [work] * len(columns[0]), *columns)


def _sum(values: Sequence[Future], client: Client) -> Any:
    """Have values summed in the order of `gmmspeech.blocks.tree_sum`, and wait for the sum."""
    level = values
    while len(level) > 1:
        level = _map(_fold, client, [level[i : i + FAN_IN] for i in range(0, len(level), FAN_IN)])
    return _gather(level[0], client)


def _gather(future: Future, client: Client) -> Any:
    """Wait for a result, or raise what a worker raised, or a `GmmSpeechError` if there is no telling."""
    from distributed import KilledWorker

    try:
        _wait(future, client)
        return future.result()
    except GmmSpeechError:
        raise
    except (CancelledError, KilledWorker, OSError) as error:
        reason = text_or_type(error)
        raise GmmSpeechError(f"scheduler {_address(client)}: the work was lost ({reason})") from error


def _wait(future: Future, client: Client) -> None:
    """Wait until work is done; raise a `GmmSpeechError` when nobody is there to do it."""
    from distributed import wait

    alone_since: float | None = None
    while not future.done():
        with suppress(TimeoutError):
            wait([future], timeout=_LOOK_EVERY)
        alone_since = None if client.nthreads() else alone_since or time.monotonic()
        if alone_since is not None and time.monotonic() - alone_since > ALONE and not future.done():
            raise GmmSpeechError(_all_gone(client))


@dataclass(frozen=True)
class StoredUtterances:
    """Some utterances of a store."""

    store: bytes  # pickled: opened by those who read it only
    run: str
    names: tuple[str, ...]

    def items(self) -> Iterator[tuple[str, NDArray]]:
        """Yield their ids and frames."""
        store = _open_store(self.store, self.run)
        for name in self.names:
            yield name, store[name]

    def read(self) -> list[NDArray]:
        """Frames of each."""
        return [frames for _, frames in self.items()]


@dataclass(frozen=True, eq=False)
class _Shard:
    """The frames of a shard: in an array, or in some utterances of a store."""

    start: int
    num_frames: int
    array: NDArray | None = None
    utterances: StoredUtterances | None = None
    skip: int = 0  # frames of the first one that are in the shard before

    def read(self) -> tuple[int, NDArray]:
        """Give the number of the first frame, and the frames."""
        if self.utterances is None:
            assert self.array is not None
            return self.start, self.array
        frames, filled = None, 0
        for _, utterance in self.utterances.items():
            some = utterance[0 if filled else self.skip :][: self.num_frames - filled]
            if frames is None:
                frames = np.empty((self.num_frames, some.shape[1]), some.dtype)
            frames[filled : filled + len(some)] = some
            filled += len(some)
        if frames is None or filled != self.num_frames:
            raise FeatureError(
                f"frame {self.start}: found {counted(filled, 'frame')} from there, expected {self.num_frames}"
            )
        return self.start, frames


@functools.lru_cache(maxsize=2)
def _open_store(pickled: bytes, run: str) -> Mapping[str, NDArray]:
    """Open a store once for all the work of a run; the next run may find another file at its path."""
    from distributed import get_worker

    try:
        return pickle.loads(pickled)
    except GmmSpeechError as error:
        raise type(error)(f"worker {get_worker().address}: {error}") from None


def _store_shards(store: Mapping[str, NDArray]) -> Iterator[_Shard]:
    pickled, run = pickle.dumps(store), uuid.uuid4().hex
    names, start, skip, count = [], 0, 0, 0
    for name in store:
        length = store.num_frames(name)  # type: ignore[attr-defined]
        names.append(name)
        count += length
        while count >= SHARD:
            yield _Shard(start, SHARD, utterances=StoredUtterances(pickled, run, tuple(names)), skip=skip)
            start, count = start + SHARD, count - SHARD
            names, skip = ([name], length - count) if count else ([], 0)
    if count:
        yield _Shard(start, count, utterances=StoredUtterances(pickled, run, tuple(names)), skip=skip)


def _array_shards(frames: Frames) -> Iterator[_Shard]:
    start = 0
    for block in frame_blocks(frames, SHARD):
        yield _Shard(start, len(block), array=block)
        start += len(block)


@dataclass(frozen=True, eq=False)
class _Work:
    """Work to do with blocks or utterances, and the version of the package that asks for it."""

    version: str
    function: Callable[[Any], Any]

    def apply(self, items: Iterable[Any]) -> Iterator[Any]:
        """Do it, with BLAS held to one thread as everywhere."""
        if self.version != _version():  # a worker that joined late
            raise ConfigError(_other_version("a worker", _version(), self.version))
        with single_threaded_blas():
            yield from map(self.function, items)


def _sum_shard(shard: _Shard | tuple[int, NDArray], work: _Work) -> Any:
    return tree_sum(work.apply(_blocks(shard)))


def _map_shard(shard: _Shard | tuple[int, NDArray], work: _Work) -> list[Any]:
    return list(work.apply(_blocks(shard)))


def _map_utterances(names: Sequence[str], source: tuple[bytes, str], work: _Work) -> list[Any]:
    return list(work.apply(StoredUtterances(*source, tuple(names)).items()))


def _blocks(shard: _Shard | tuple[int, NDArray]) -> Iterator[Block]:
    start, frames = shard.read() if isinstance(shard, _Shard) else shard
    for i in range(0, len(frames), BLOCK):
        yield start + i, frames[i : i + BLOCK], None


def _fold(values: Sequence[Any]) -> Any:
    return functools.reduce(operator.add, values)


def _version() -> str:
    from importlib.metadata import version  # which takes longer than what else there is here

    return version("gmmspeech")


def _of_row(function: Callable, row: tuple) -> Any:
    return function(*row)


def _done(work: _Work, *row: Any) -> Any:
    (result,) = work.apply([row])
    return result


def _same(value: Any) -> Any:
    return value


def check_workers(client: Client, timeout: float = TIMEOUT) -> float:
    """See that the workers can do the work; give the bytes of memory that they have together.

    `timeout` seconds are waited for a first worker, `ALONE` for another one when all are gone.
    """

    def introduce(dask_worker: Any) -> tuple[str, list[str], float]:  # sent as it is, not looked up in the package
        from importlib.metadata import version

        from gmmspeech.gmm.kernels import native_kernel

        limit = dask_worker.memory_manager.memory_limit
        return version("gmmspeech"), native_kernel.instruction_sets()[-1:], limit or float("inf")

    if not hasattr(client, "wait_for_workers"):
        raise ConfigError(
            f"client: found {told(client)}, expected a client of Dask, such as distributed.Client(address)"
        )
    expected = _version()
    known = client in _with_workers
    try:
        client.wait_for_workers(1, timeout=min(timeout, ALONE) if known else timeout)
    except TimeoutError:
        if known:
            raise GmmSpeechError(_all_gone(client)) from None
        raise ConfigError(
            f"scheduler {_address(client)}: found no worker in {timeout:g} s, expected one or more"
        ) from None
    _with_workers.add(client)
    memory = 0.0
    for worker, found in client.run(introduce, on_error="return").items():
        if isinstance(found, OSError):
            continue  # it is gone: its work goes to others
        if isinstance(found, BaseException):
            raise ConfigError(_other_version(f"worker {worker}", f"none ({text_or_type(found)})", expected))
        if found[0] != expected:
            raise ConfigError(_other_version(f"worker {worker}", found[0], expected))
        if found[1] != native_kernel.instruction_sets()[-1:]:
            warnings.warn(
                f"worker {worker}: found a processor of another kind ({' '.join(found[1]) or 'no compiled kernels'}): "
                "the last bits may not be those of this machine",
                GmmSpeechWarning,
            )
        memory += found[2]
    return memory


def _other_version(worker: str, found: str, expected: str) -> str:
    return f"{worker}: found gmmspeech {found}, expected {expected} as here"


def _all_gone(client: Client) -> str:
    found = f"all workers are gone, and none came in {ALONE:g} s"
    return f"scheduler {_address(client)}: found {found}, expected one or more"


def _address(client: Client) -> str:
    return str(getattr(client.scheduler, "addr", "unknown"))
