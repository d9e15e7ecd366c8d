"""Frames in fixed blocks, processed by threads and summed in a fixed order: the same bits for any number of jobs."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Protocol, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from gmmspeech.arguments import check, jobs

BLOCK = 16384  # frames given to a thread at a time; never changed by the number of jobs, since sums depend on it
FAN_IN = 16  # results added to one partial sum, and partial sums to one sum of those: part of the order of sums too

Item = TypeVar("Item")
Result = TypeVar("Result")


class BlockSource(Protocol):
    """Frames that need not fit in memory: a feature store."""

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield all frames, (at most size, D) at a time."""


Frames = NDArray | Sequence[NDArray] | BlockSource
Block = tuple[int, NDArray, NDArray[np.float64] | None]  # number of its first frame, frames, weights


class DistributedFrames(Protocol):
    """Frames whose blocks lie on many machines, and are worked on there."""

    def sum_blocks(self, function: Callable[[Block], Result]) -> Result:
        """Sum what a function (it is sent) gives for the blocks, in the order of `tree_sum`."""

    def map_blocks(self, function: Callable[[Block], Result]) -> Iterator[Result]:
        """Yield what a function (it is sent) gives for the blocks, in their order."""


@functools.cache
def _threadpools(scipy_loaded: bool) -> ThreadpoolController:
    """Find the BLAS libraries that are loaded: NumPy's and, where that is, SciPy's."""
    return ThreadpoolController()


def scipy_linalg() -> ModuleType:
    """Import ``scipy.linalg``, which takes a while; its BLAS is held to one thread where NumPy's is.

    To be called where threads are started, not in them: only who holds a library's threads can.
    """
    with _limit.lock:
        loaded = "scipy.linalg" in sys.modules
        import scipy.linalg

        if _limit.holders and not loaded:
            _limit.hold()
    return scipy.linalg


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold BLAS to one thread: ours run over blocks, and sums of a fixed shape keep their bits.

    Several threads may be in it; BLAS has its threads again when the last one has left. A process that is forked
    meanwhile has the forking thread only.
    """
    thread = threading.get_ident()
    with _limit.lock:
        if not _limit.holders:
            _limit.hold()
        _limit.holders[thread] += 1
    try:
        yield
    finally:
        with _limit.lock:
            _limit.leave(thread, 1)


class _Limit:
    """The threads that hold BLAS to one thread, and how often."""

    def __init__(self) -> None:
        self.lock, self.holders, self.stack = threading.RLock(), Counter[int](), ExitStack()

    def hold(self) -> None:
        """Hold the libraries to one thread."""
        pools = _threadpools("scipy.linalg" in sys.modules)
        if any(pool["num_threads"] > 1 for pool in pools.info() if pool["user_api"] == "blas"):
            self.stack.enter_context(pools.limit(limits=1, user_api="blas"))

    def leave(self, thread: int, times: int) -> None:
        """Count a thread out; the last one gives BLAS its threads back."""
        self.holders[thread] -= times
        self.holders += Counter()  # without zeros
        if not self.holders:
            self.stack.close()

    def forked(self) -> None:
        """Forget, in a new process, the threads that it does not have."""
        for thread in set(self.holders) - {threading.get_ident()}:
            self.leave(thread, self.holders[thread])
        self.lock.release()


_limit = _Limit()
if hasattr(os, "register_at_fork"):  # no thread is in the middle of a change then
    os.register_at_fork(before=_limit.lock.acquire, after_in_parent=_limit.lock.release, after_in_child=_limit.forked)


def frame_blocks(frames: Frames, size: int = BLOCK) -> Iterator[NDArray]:
    """Cut frames into blocks of `size` (the last one shorter), whatever the utterances they come from.

    Those of a store are read ahead.
    """
    if isinstance(frames, np.ndarray):
        for start in range(0, len(frames), size):
            yield frames[start : start + size]
    elif hasattr(frames, "blocks"):
        yield from read_ahead(frames.blocks(size))
    else:
        yield from even_blocks(frames, size)


def even_blocks(arrays: Iterable[NDArray], size: int) -> Iterator[NDArray]:
    """Cut arrays of any length into blocks of `size`, the last one shorter."""
    waiting: list[NDArray] = []
    count = 0
    for array in arrays:
        rest = array
        while count + len(rest) >= size:
            cut = size - count
            yield np.concatenate([*waiting, rest[:cut]]) if waiting else np.asarray(rest[:cut])
            waiting, count, rest = [], 0, rest[cut:]
        if len(rest):
            waiting.append(rest)
            count += len(rest)
    if count:
        yield np.concatenate(waiting)


class Unwanted(Exception):
    """The work of a thread has become useless: the loop that it is done for was left."""


_mine = threading.local()  # in threads that work for a loop: `left`, an event


def while_wanted(items: Iterable[Item]) -> Iterator[Item]:
    """Give the items; in a thread whose results nobody waits for any more, as after an interruption, raise `Unwanted`.

    For loops that take long over an item of `ordered_map` or `read_ahead`.
    """
    left: threading.Event | None = getattr(_mine, "left", None)
    for item in items:
        if left is not None and left.is_set():
            raise Unwanted("found its results unwanted, expected a caller who waits for them")
        yield item


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for a loop: when that is left early, they begin nothing more, and end what heeds `while_wanted`."""
    left = threading.Event()
    pool = ThreadPoolExecutor(count, initializer=lambda: setattr(_mine, "left", left))
    try:
        yield pool
    finally:
        left.set()
        pool.shutdown(cancel_futures=True)


def read_ahead(items: Iterable[Item], *, depth: int = 2) -> Iterator[Item]:
    """Give the items, taken `depth` ahead in a thread of their own: the disk reads while the processor counts."""
    source, end = iter(items), object()
    with _threads(1) as reader:
        waiting: deque[Future[Any]] = deque(reader.submit(next, source, end) for _ in range(depth))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(reader.submit(next, source, end))
            yield item


def num_threads(n_jobs: int | None) -> int:
    """Threads that `n_jobs` means, as joblib takes it: -1 is one for each processor, None 1 or what a context says."""
    check(jobs, n_jobs=n_jobs)
    if n_jobs is not None and n_jobs > 0:
        return int(n_jobs)
    from joblib import effective_n_jobs  # which takes a while

    return int(effective_n_jobs(n_jobs))


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, n_jobs: int | None = 1
) -> Iterator[Result]:
    """Apply a function to the items in `n_jobs` threads; give the results in the items' order.

    At most ``2 * n_jobs`` items are read ahead, so that a stream larger than memory stays one. BLAS is held to
    one thread meanwhile. Who leaves the loop early waits for the items that are being worked on, not for others.
    """
    threads = num_threads(n_jobs)
    with single_threaded_blas():
        if threads == 1:
            yield from map(function, while_wanted(items))
            return
        waiting: deque[Future[Result]] = deque()
        with _threads(threads) as pool:
            for item in while_wanted(items):
                if len(waiting) == 2 * threads:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(function, item))
            while waiting:
                yield waiting.popleft().result()


def ordered_sum(function: Callable[[Item], Result], items: Iterable[Item], *, n_jobs: int | None = 1) -> Result:
    """Sum what a function gives for the items, in the order of `tree_sum`. At least one item is needed."""
    return tree_sum(ordered_map(function, items, n_jobs=n_jobs))


def tree_sum(values: Iterable[Result]) -> Result:
    """Sum values in the one order in which everything here is summed.

    From the left, `FAN_IN` values at a time come to a partial sum; the partial sums are summed likewise, and so on up
    to the root. One machine needs no more than one partial sum a level, and several machines can share the work
    without changing a bit.
    """
    sums: list[Any] = []  # one that is being made on each level, from the values up
    counts: list[int] = []  # and how many of the level below are in it
    for value in values:
        part: Any = value
        for level in range(len(sums) + 1):
            if level == len(sums):
                sums.append(None)
                counts.append(0)
            sums[level] = sums[level] + part if counts[level] else part
            counts[level] += 1
            if counts[level] < FAN_IN:
                break
            part, counts[level] = sums[level], 0
    unfinished = [part for part, count in zip(sums, counts, strict=True) if count]
    if not unfinished:
        raise ValueError("found nothing to sum, expected one value or more")
    return functools.reduce(lambda below, part: part + below, unfinished)


def is_segments(X: object) -> TypeGuard[Sequence[NDArray]]:
    """Say whether frames come as a list of arrays (T, D), or tables of pandas and the like, one an utterance."""
    return isinstance(X, (list, tuple)) and bool(X) and all(len(getattr(x, "shape", ())) == 2 for x in X)


def is_distributed(frames: object) -> TypeGuard[DistributedFrames]:
    """Say whether the blocks of frames lie on other machines; to ask a protocol's class takes longer than a block."""
    return hasattr(frames, "map_blocks")


def frame_dim(frames: Frames) -> int:
    """D of the frames."""
    if isinstance(frames, np.ndarray):
        return int(frames.shape[1])
    if isinstance(frames, (list, tuple)):
        return int(frames[0].shape[1])
    return int(frames.dim)  # type: ignore[union-attr]


def weighted_blocks(frames: Frames, weight: NDArray[np.float64] | None, size: int = BLOCK) -> Iterator[Block]:
    """Yield the number of the first frame, the frames and their weights, block by block of `size` frames."""
    start = 0
    for block in frame_blocks(frames, size):
        yield start, block, None if weight is None else weight[start : start + len(block)]
        start += len(block)
    if not start:  # no frame at all is a block too, whose statistics are zeros
        yield 0, np.empty((0, frame_dim(frames)), np.float32), None


def sum_blocks(
    function: Callable[[Block], Result],
    frames: Frames,
    weight: NDArray[np.float64] | None = None,
    *,
    n_jobs: int | None = 1,
) -> Result:
    """Sum what a function gives for the blocks of the frames, wherever they are: the same bits everywhere."""
    if is_distributed(frames):
        return frames.sum_blocks(function)
    return ordered_sum(function, weighted_blocks(frames, weight), n_jobs=n_jobs)


def map_blocks(function: Callable[[Block], Result], frames: Frames, *, n_jobs: int | None = 1) -> Iterator[Result]:
    """Yield what a function gives for the blocks of the frames, wherever they are, in their order."""
    if is_distributed(frames):
        return frames.map_blocks(function)
    return ordered_map(function, weighted_blocks(frames, None), n_jobs=n_jobs)
