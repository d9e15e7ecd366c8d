"""Workers for batches of utterances: local threads, or the workers of a Dask cluster, with the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

from gmmspeech.blocks import FAN_IN, ordered_map, ordered_sum
from gmmspeech.cluster import check_workers, keep_items, map_rows, stored_utterances, sum_rows

if TYPE_CHECKING:
    from distributed import Client

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Batch:
    """Names of utterances, and what their frames are read from."""

    names: Sequence[str]
    frames: Mapping[str, NDArray]

    def read(self) -> list[NDArray]:
        """Frames of each utterance."""
        return [self.frames[name] for name in self.names]


@dataclass(frozen=True)
class Workers:
    """So many threads, or a cluster, if there is one.

    A function gets a row of the columns; to a cluster, it and they are sent.
    """

    n_jobs: int | None = 1
    client: Client | None = None

    def __post_init__(self) -> None:
        if self.client is not None:
            check_workers(self.client)

    def batches(self, frames: Mapping[str, NDArray], groups: Sequence[Sequence[str]]) -> Sequence[Any]:
        """Groups of utterances as a column; a cluster reads those of a store itself, and keeps others."""
        if self.client is None:
            return [Batch(group, frames) for group in groups]
        if hasattr(frames, "paths"):  # a FeatureStore
            return stored_utterances(frames, groups)
        return self.keep([Batch(group, {name: frames[name] for name in group}) for group in groups])

    def keep(self, column: Sequence[Any]) -> Sequence[Any]:
        """Have a cluster keep a column, for several passes."""
        return column if self.client is None else keep_items(column, self.client)

    def map(self, function: Callable[..., Result], *columns: Sequence[Any]) -> Iterator[Result]:
        """Give what a function gives for the rows, in their order."""
        if self.client is None:
            return ordered_map(lambda row: function(*row), zip(*columns, strict=True), n_jobs=self.n_jobs)
        return map_rows(function, columns, self.client)

    def sum(self, function: Callable[..., Result], *columns: Sequence[Any]) -> Result:
        """Sum what a function gives for the rows, in the order of `gmmspeech.blocks.tree_sum`."""
        if self.client is None:
            return ordered_sum(lambda row: function(*row), zip(*columns, strict=True), n_jobs=self.n_jobs)
        return sum_rows(function, columns, self.client)


def in_groups(names: Sequence[str]) -> list[Sequence[str]]:
    """Utterances in groups whose sums are the partial sums of `gmmspeech.blocks.tree_sum`."""
    return [names[i : i + FAN_IN] for i in range(0, len(names), FAN_IN)]
