"""Sufficient statistics of frames under a mixture, for EM and MAP adaptation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check_fields
from gmmspeech.checks import all_finite
from gmmspeech.described import Described
from gmmspeech.errors import ModelError, counted
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.saving import Saved, State

ROUNDING = 1e-5  # of the largest square


@dataclass(frozen=True, eq=False, repr=False)
class GMMStats(Described):
    """Zeroth-, first- and second-order statistics of frames under a mixture of K components.

    Statistics add: those of two sets of frames together are the sum of those of each set, whichever machine computed
    them. All training and adaptation here relies on that.

    Parameters
    ----------
    n : ndarray, shape (K,), float64
        Expected number of frames per component, ``sum_t gamma_tk``.
    sum_x : ndarray, shape (K, D), float64
        ``sum_t gamma_tk x_t``.
    sum_xx : ndarray, shape (K, D), float64
        ``sum_t gamma_tk x_t**2``.
    log_likelihood : float
        Log-likelihood of all the frames, in nats.
    num_frames : float
        Number of frames, or their summed weights.
    center : ndarray, shape (D,) or (K, D), float64, optional
        A point near the frames, about which `squares` are taken.
    squares : ndarray, shape (K, D), float64, optional
        ``sum_t gamma_tk (x_t - center)**2``: keeps the variance of frames far from zero, where ``sum_xx`` loses all
        digits of it.
    scatter : ndarray, shape (K, D, D) or (1, D, D), float64, optional
        ``sum_t gamma_tk (x_t - center) (x_t - center)^T`` for full covariances; for a tied covariance, its sum over all
        components, and `sum_xx` is not known (NaN).

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gmm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> a, b = gmm.accumulate(np.array([[1.0]])), gmm.accumulate(np.array([[3.0]]))
    >>> (a + b).sum_x
    array([[4.]])
    """

    n: NDArray[np.float64]
    sum_x: NDArray[np.float64]
    sum_xx: NDArray[np.float64]
    log_likelihood: float
    num_frames: float
    center: NDArray[np.float64] | None = None
    squares: NDArray[np.float64] | None = None
    scatter: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        shape = self.sum_x.shape
        fits = len(shape) == 2 and self.n.shape == shape[:1] and self.sum_xx.shape == shape
        if not fits or (self.squares is not None and self.squares.shape != shape):
            found = f"{self.n.shape}, {shape}, {self.sum_xx.shape}"
            raise ModelError(f"GMMStats: found n, sum_x, sum_xx of shapes {found}, expected (K,), (K, D), (K, D)")
        if self.scatter is not None:
            square = (shape[1], shape[1])
            if self.center is None or self.scatter.shape not in ((shape[0], *square), (1, *square)):
                raise ModelError(f"GMMStats: found scatter of shape {self.scatter.shape}, expected (K, D, D), a center")

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        size = f"{counted(len(self.n), 'component')} of {counted(self.sum_x.shape[1], 'dimension')}"
        mean = self.log_likelihood / self.num_frames if self.num_frames else 0.0
        return [
            f"statistics: {self.num_frames:,.10g} frames under {size}",
            f"log-likelihood: {mean:.4f} nats a frame",
            f"components with frames: {np.count_nonzero(self.n > 0.5)} of {len(self.n)}",
        ]

    def __add__(self, other: GMMStats | int) -> GMMStats:
        if isinstance(other, int) and other == 0:  # what sum() starts from
            return self
        if not isinstance(other, GMMStats):
            return NotImplemented
        if self.sum_x.shape != other.sum_x.shape:
            raise ModelError(f"statistics of shape {self.sum_x.shape} and {other.sum_x.shape} (K, D) do not add")
        return GMMStats(
            self.n + other.n,
            self.sum_x + other.sum_x,
            self.sum_xx + other.sum_xx,
            self.log_likelihood + other.log_likelihood,
            self.num_frames + other.num_frames,
            self.center,
            None if self.center is None or self.squares is None else self.squares + other.squares_about(self.center),
            None if self.scatter is None else self.scatter + other.scatter_about(self.center, len(self.scatter)),
        )

    __radd__ = __add__

    def __mul__(self, factor: float) -> GMMStats:
        values = {name: value for name, value in vars(self).items() if name != "center" and value is not None}
        return replace(self, **{name: factor * value for name, value in values.items()})

    def squares_about(self, center: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute ``sum_t gamma_tk (x_t - center)**2``, shape (K, D), about any point, (D,) or (K, D)."""
        mine, squares = np.zeros(1), self.sum_xx
        if self.center is not None and self.squares is not None:
            mine, squares = self.center, self.squares
        if mine is center or np.array_equal(mine, center):
            return squares
        return moved_squares(squares, self.sum_x, self.n, mine, center)

    def scatter_about(self, center: NDArray[np.float64] | None, count: int) -> NDArray[np.float64]:
        """Scatter matrices about a point (D,), shape (K, D, D) or (1, D, D), as in `scatter`."""
        if self.scatter is None or self.center is None or center is None or len(self.scatter) != count:
            found = "none" if self.scatter is None else f"{len(self.scatter)}"
            raise ModelError(f"statistics: found {found} sums of products of columns, expected {count}")
        if np.array_equal(self.center, center):
            return self.scatter
        step = self.center - center
        first = self.sum_x - self.n[:, None] * self.center
        n = self.n
        if count == 1:
            first, n = first.sum(axis=0, keepdims=True), n.sum(keepdims=True)
        crossed = first[:, :, None] * step
        return self.scatter + crossed + crossed.transpose(0, 2, 1) + n[:, None, None] * np.outer(step, step)

    def moments(self, n: NDArray[np.float64] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means and variances of the components, shape (K, D); if some counts are 0, pass others as `n`."""
        counts = (self.n if n is None else n)[:, None]
        means = self.sum_x / counts
        center = np.zeros(1) if self.center is None else self.center
        return means, self.squares_about(center) / counts - (means - center) ** 2


def moved_squares(
    squares: NDArray[np.float64],
    sum_x: NDArray[np.float64],
    n: NDArray[np.float64],
    old: NDArray[np.float64],
    new: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Second-order statistics (K, D) about a new point, from those about an old one; points are (D,) or (K, D)."""
    step, n = old - new, n[:, None]
    return squares + step * (2 * (sum_x - n * old) + n * step)


def check_statistics(owner: str, stats: GMMStats, shape: tuple[int, ...]) -> None:
    """Raise a `ModelError` unless statistics are finite, of a mixture's shape (K, D), and of one frame or more.

    The squares alone may be NaN: where they were not counted.
    """
    if stats.n.shape != shape[:1] or stats.sum_x.shape != shape or stats.sum_xx.shape != shape:
        found = f"{stats.n.shape}, {stats.sum_x.shape}, {stats.sum_xx.shape}"
        raise ModelError(f"{owner}: found n, sum_x, sum_xx of shapes {found}, expected (K,), (K, D) of {shape}")
    if not all_finite(stats.n, stats.sum_x, np.array([stats.log_likelihood, stats.num_frames])):
        raise ModelError(f"{owner}: found NaN or infinity, expected finite numbers")
    # of components with hardly a frame, rounding may leave a square just below 0
    negative = (stats.n < 0).any() or (stats.sum_xx < -ROUNDING * np.nan_to_num(stats.sum_xx).max(initial=0)).any()
    if np.isinf(stats.sum_xx).any() or negative or not stats.num_frames > 0:
        raise ModelError(f"{owner}: found a negative count or square or no frames, expected some of one frame or more")


@dataclass(frozen=True, repr=False)
class SummedStats(Described, Saved, kind="SummedStats", hint="statistics (made by accumulate)"):
    """Statistics of a shard of the data, and their origin.

    Parameters
    ----------
    stats : GMMStats
    ubm_digest : str
        Digest of the mixture; see `gmm_digest`.
    corpus : str
        SHA-256 of the ids of all utterances of the corpus.
    shard, num_shards : int
        Index of this shard, counted from 1, and number of shards.
    front_end : str, optional
        Configuration of the front end, as JSON.
    """

    stats: GMMStats
    ubm_digest: str
    corpus: str
    shard: int = field(default=1, metadata={"saved_as": "part"})
    num_shards: int = field(default=1, metadata={"saved_as": "num_parts"})
    front_end: str | None = None

    def to_state(self) -> State:
        """Return the statistics' arrays and what they describe, for saving."""
        state = super().to_state()
        return {**vars(state.pop("stats")), **state}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild summed statistics from the result of `to_state`, and check them."""
        summed = super().from_state({**state, "stats": state})
        n, sum_x, sum_xx = summed.stats.n, summed.stats.sum_x, summed.stats.sum_xx
        if sum_x.ndim != 2 or sum_xx.shape != sum_x.shape or n.shape != sum_x.shape[:1] or not len(n):
            raise ValueError(f"n, sum_x, sum_xx are of shapes {n.shape}, {sum_x.shape}, {sum_xx.shape}")
        squares = summed.stats.squares
        if (squares is None) != (summed.stats.center is None):
            raise ValueError("found one of center and squares, expected both")
        if squares is not None and squares.shape != sum_x.shape:
            raise ValueError(f"squares, sum_x are of shapes {squares.shape}, {sum_x.shape}")
        if not all_finite(sum_xx, *(a for a in (squares, summed.stats.center) if a is not None)):
            raise ValueError("statistics are not finite")
        check_statistics("statistics", summed.stats, sum_x.shape)
        if not 1 <= summed.shard <= summed.num_shards:
            raise ValueError(f"part: found {summed.shard} of {summed.num_shards}, expected 1 or more of as many")
        return summed

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        num_components, dim = self.stats.sum_x.shape
        mean = self.stats.log_likelihood / self.stats.num_frames
        return [
            f"statistics of a mixture: {counted(num_components, 'component')}, "
            f"{counted(dim, 'dimension')}, of {self.ubm_digest[:12]}",
            f"shard {self.shard}/{self.num_shards}: "
            f"{counted(self.stats.num_frames, 'frame', '.0f')}, {mean:.4f} nats a frame",
            f"front end: {describe_front_end(self.front_end)}",
        ]
