"""Statistics of many utterances, in memory or a file: the input of scoring, subspaces and supervectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import told
from gmmspeech.blocks import read_ahead
from gmmspeech.checks import check_shape, first_bad
from gmmspeech.errors import FeatureError, ModelError, counted
from gmmspeech.features.compatibility import check_same_front_end
from gmmspeech.files.checkpoints import digest
from gmmspeech.gmm.stats import GMMStats, moved_squares

if TYPE_CHECKING:
    from gmmspeech.gmm.full import GMM
    from gmmspeech.gmm.mixture import DiagonalGMM


class StatsSource(Protocol):
    """Statistics of many utterances, which need not fit in memory, such as a `StatisticsStore`."""

    @property
    def ubm_digest(self) -> str | None:
        """Which background model aligned the frames, see `gmm_digest`; None where that isn't known."""

    @property
    def front_end(self) -> str | None:
        """How the frames were made, in JSON; None where that isn't known."""

    def __len__(self) -> int:
        """Count the utterances."""

    def batches(self, size: int, *, second_order: bool = False) -> Iterator[StatsBatch]:
        """Yield the statistics of `size` utterances at a time, the last batch shorter."""


@dataclass(frozen=True, eq=False)
class StatsBatch:
    """Statistics of U utterances in memory.

    Parameters
    ----------
    n : ndarray, shape (U, K), float64
    sum_x : ndarray, shape (U, K, D), float64
    num_frames : ndarray, shape (U,), float64
    ubm_digest, front_end : str, optional
        See `StatsSource`.
    sum_xx : ndarray, shape (U, K, D), float64, optional
        Second-order statistics, where they were asked for.
    center : ndarray, shape (D,) or (K, D), float64, optional
        Point about which `sum_xx` is taken, instead of 0; see `GMMStats`.
    """

    n: NDArray[np.float64]
    sum_x: NDArray[np.float64]
    num_frames: NDArray[np.float64]
    ubm_digest: str | None = None
    front_end: str | None = None
    sum_xx: NDArray[np.float64] | None = None
    center: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.n)

    def batches(self, size: int, *, second_order: bool = False) -> Iterator[StatsBatch]:
        """Yield the statistics of `size` utterances at a time."""
        if second_order and self.sum_xx is None:
            raise FeatureError("the statistics: found no second-order sums, expected them")
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            squares = self.sum_xx[rows] if second_order and self.sum_xx is not None else None
            columns = self.n[rows], self.sum_x[rows], self.num_frames[rows]
            yield StatsBatch(*columns, self.ubm_digest, self.front_end, squares, self.center)

    def centered(self, means: NDArray[np.float64], deviations: NDArray[np.float64]) -> NDArray[np.float64]:
        """First-order statistics about some means, in units of deviations: ``(sum_x - n means) / deviations``.

        Parameters
        ----------
        means : ndarray, shape (K, D), or (U, K, D) where each utterance has its own
        deviations : ndarray, shape (K, D)

        Returns
        -------
        ndarray, shape (U, K, D)
        """
        centered = self.n[:, :, None] * means
        np.subtract(self.sum_x, centered, out=centered)
        centered /= deviations
        return centered

    def squares_about(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Second-order statistics about some means (K, D), shape (U, K, D)."""
        assert self.sum_xx is not None
        mine = np.zeros(1) if self.center is None else self.center
        squares = np.empty_like(self.sum_x)
        for i, n in enumerate(self.n):  # one by one, since all are large
            squares[i] = moved_squares(self.sum_xx[i], self.sum_x[i], n, mine, means)
        return squares


Statistics = Sequence[GMMStats] | StatsSource


def stats_batches(
    stats: Statistics, shape: tuple[int, ...], size: int, *, second_order: bool = False
) -> Iterator[StatsBatch]:
    """Yield statistics `size` utterances at a time, in their order, and check them."""
    start = 0
    if isinstance(stats, Sequence):
        batches = _list_batches(stats, shape, size, second_order)
    else:
        batches = read_ahead(stats.batches(size, second_order=second_order), depth=1)
    for batch in batches:
        _check_batch(batch, shape, start)
        yield batch
        start += len(batch)


def _list_batches(
    stats: Sequence[GMMStats], shape: tuple[int, ...], size: int, second_order: bool
) -> Iterator[StatsBatch]:
    for start in range(0, len(stats), size):
        some = stats[start : start + size]
        for i, one in enumerate(some, start):
            check_shape(f"statistics {i}", one.sum_x, shape)
        # one point near the frames, where statistics tell one: squares about 0 lose the digits of frames far from it
        center = some[0].center
        about = np.zeros(1) if center is None or some[0].squares is None else center
        yield StatsBatch(
            np.stack([one.n for one in some]),
            np.stack([one.sum_x for one in some]),
            np.array([one.num_frames for one in some], dtype=np.float64),
            sum_xx=np.stack([one.squares_about(about) for one in some]) if second_order else None,
            center=about,
        )


def _check_batch(batch: StatsBatch, shape: tuple[int, ...], start: int) -> None:
    check_shape("statistics", batch.sum_x[0], shape)
    empty = ~(batch.num_frames > 0)
    if empty.any():
        at = int(empty.argmax())
        raise FeatureError(
            f"statistics {start + at}: found {counted(batch.num_frames[at], 'frame', 'g')}, expected one or more"
        )
    if (batch.n < 0).any():
        at = int((batch.n < 0).any(axis=1).argmax())
        raise FeatureError(f"statistics {start + at}: found a negative count, expected 0 or more")
    for sums in (batch.n, batch.sum_x, batch.sum_xx):
        bad = None if sums is None else first_bad(sums)
        if bad is not None:
            raise FeatureError(f"statistics {start + bad[0]}: found NaN or infinity, expected finite numbers")


def gmm_digest(gmm: DiagonalGMM | GMM) -> str:
    """Compute the digest of a mixture: SHA-256 of weights, means and variances, 64 hexadecimal digits.

    Statistics, and models trained on them, keep the digest of their background model, so that those of different
    background models can't be mixed: components are matched by number, and the error would otherwise go unnoticed.
    """
    return digest(*gmm.parameters())


def check_same_ubm(stats: Statistics, ubm_digest: str | None, front_end: str | None, *, model: str) -> None:
    """Raise if statistics say that they are of another background model or front end than a model's."""
    if isinstance(stats, Sequence) and not isinstance(stats, (str, bytes)):
        for i, one in enumerate(stats):
            if not isinstance(one, GMMStats):
                raise FeatureError(f"statistics {i}: found {told(one)}, expected GMMStats")
        return
    if not hasattr(stats, "batches"):
        raise FeatureError(f"found {type(stats).__name__}, expected a list of GMMStats or a StatisticsStore")
    name = str(getattr(stats, "path", "the statistics"))
    check_same_front_end(front_end, stats.front_end, model=model, frames=name)
    if ubm_digest and stats.ubm_digest and ubm_digest != stats.ubm_digest:
        raise ModelError(
            f"{name}: found statistics under background model {stats.ubm_digest[:12]}, expected {ubm_digest[:12]} as "
            f"{model} has"
        )


def check_of_ubm(stats: Statistics, ubm: DiagonalGMM | GMM) -> None:
    """Raise if statistics say that they are of another background model, or of frames of another front end."""
    check_same_ubm(stats, gmm_digest(ubm), ubm.front_end_, model="the background model")
