"""Frames in fixed pieces, worked on by threads, summed in a fixed order: the same bits for any number of jobs."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from gmmspeech.errors import ConfigError

PIECE = 16384  # frames given to a thread at a time; never changed by the number of jobs, since sums depend on it

Item = TypeVar("Item")
Result = TypeVar("Result")


class BlockSource(Protocol):
    """Frames that need not fit in memory: a feature store."""

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield all frames, (at most size, D) at a time."""


Frames = NDArray | Sequence[NDArray] | BlockSource


@functools.cache
def _threadpools() -> ThreadpoolController:
    return ThreadpoolController()


def single_threaded_blas() -> AbstractContextManager:
    """Hold BLAS to one thread: ours run over blocks, and sums of a fixed shape keep their bits."""
    pools = _threadpools()
    if all(pool["num_threads"] == 1 for pool in pools.info() if pool["user_api"] == "blas"):
        return nullcontext()
    return pools.limit(limits=1, user_api="blas")


def frame_pieces(frames: Frames, size: int = PIECE) -> Iterator[NDArray]:
    """Cut frames into pieces of `size` (the last one shorter), whatever the utterances they come from.

    Parameters
    ----------
    frames : ndarray (T, D), sequence of those, or an object with ``blocks(size)`` such as `FeatureStore`

    Examples
    --------
    >>> import numpy as np
    >>> [len(p) for p in frame_pieces([np.zeros((3, 1)), np.zeros((4, 1))], size=5)]
    [5, 2]
    """
    if isinstance(frames, np.ndarray):
        for start in range(0, len(frames), size):
            yield frames[start : start + size]
    elif hasattr(frames, "blocks"):
        yield from frames.blocks(size)
    else:
        yield from _pieces_across(frames, size)


def _pieces_across(utterances: Iterable[NDArray], size: int) -> Iterator[NDArray]:
    waiting: list[NDArray] = []
    count = 0
    for utterance in utterances:
        rest = utterance
        while count + len(rest) >= size:
            cut = size - count
            yield np.concatenate([*waiting, rest[:cut]])
            waiting, count, rest = [], 0, rest[cut:]
        if len(rest):
            waiting.append(rest)
            count += len(rest)
    if count:
        yield np.concatenate(waiting)


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], *, n_jobs: int = 1) -> Iterator[Result]:
    """Apply a function to the items in `n_jobs` threads; give the results in the items' order.

    At most ``2 * n_jobs`` items are read ahead, so that a stream larger than memory stays one. BLAS is held to
    one thread meanwhile.

    Examples
    --------
    >>> list(ordered_map(abs, [-1, 2, -3], n_jobs=2))
    [1, 2, 3]
    """
    if n_jobs < 1:
        raise ConfigError(f"n_jobs: found {n_jobs}, expected 1 or more")
    with single_threaded_blas():
        if n_jobs == 1:
            yield from map(function, items)
            return
        waiting: deque[Future[Result]] = deque()
        with ThreadPoolExecutor(n_jobs) as pool:
            try:
                for item in items:
                    if len(waiting) == 2 * n_jobs:
                        yield waiting.popleft().result()
                    waiting.append(pool.submit(function, item))
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def ordered_sum(function: Callable[[Item], Result], items: Iterable[Item], *, n_jobs: int = 1) -> Result:
    """Sum what a function gives for the items, added in their order. At least one item is needed."""
    results = ordered_map(function, items, n_jobs=n_jobs)
    total = next(results)
    for result in results:
        total = total + result  # type: ignore[operator]
    return total
