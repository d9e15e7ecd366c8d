"""The variance floor: the minimum width of components.

A component on a few frames, or on equal frames, would become ever narrower and its density ever higher. The floor of a
column is a fraction (the option ``variance_floor``) of a robust variance within clusters, computed once at the start of
training: the frames of a sample are assigned to the most probable components of the start, and the squared median
deviation (scaled to that of a normal distribution) of the narrowest clusters that together have a tenth of the frames
is used. Unlike the variance of all frames, it is not raised by outliers, by distances between clusters, or by clusters
wider than the narrowest tenth. Frames in memory, in a store or on a cluster give the same floor; a stream has that of
its first batch, and a mixture keeps it with its parameters. For a mixture without one, variances are used instead of
median deviations.

- Clusters with fewer than ten different frames and deviations of 0 (half of a cluster's frames are equal) are ignored.
  If none remains in a column, the variance of all frames is used, and if that is 0, the floor is 1e-6.
- Variances that end on the floor cause one warning per training, also for columns of equal frames.
- A frame of weight 2 counts as two equal frames; only ratios of weights matter.
- A variance below the floor is raised to it, but never above its value before the update: the likelihood can't fall.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import Frames
from gmmspeech.errors import GmmSpeechWarning, counted

FEWEST = 10  # different frames of a cluster that counts; Kaldi's min-gaussian-occupancy
NARROWEST = 0.1  # share of the frames in the clusters that count
SMALLEST = 1e-10  # share that stands in for 0, so that a component on equal frames keeps a density
CONSTANT_COLUMN_VARIANCE = 1e-6  # for a column in which all frames are equal
NORMAL = 1.482602218505602  # deviations of a normal distribution in its median absolute deviation
TIE = 1e-9  # share of the weight by which sums of parts may miss a half, or a tenth
ROUNDING = 1e-14  # of a variance, relative to the squared distance from the mean of all frames


class Floored(NamedTuple):
    """Variances (K, D) after the floor, how many of them lie on it, and how many of those are of constant columns."""

    variances: NDArray[np.float64]
    number: int
    constant: int


def scale(n: NDArray[np.float64], variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance in each column, shape (D,), of the narrowest clusters that have a tenth of `n`; 0 where all have 0."""
    order = np.argsort(variances, axis=0)
    ordered = np.take_along_axis(variances, order, axis=0)
    shares = np.cumsum(np.where(ordered > 0, n[order], 0.0), axis=0)
    first = (shares >= (NARROWEST - TIE) * shares[-1]) & (ordered > 0)
    return np.where(shares[-1] > 0, np.take_along_axis(ordered, first.argmax(axis=0)[None], axis=0)[0], 0.0)


def of_clusters(
    share: float, frames: NDArray, clusters: NDArray[np.intp], weight: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Floor, shape (D,), of frames, weighted or not, that were given to clusters."""
    rows = np.ascontiguousarray(frames)
    _, first_of_its_kind = np.unique(rows.view(f"V{rows[:1].nbytes}").ravel(), return_index=True)
    different = np.bincount(clusters[first_of_its_kind], minlength=clusters.max() + 1)
    order = np.argsort(clusters, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1)
    parts = [part for part in parts if different[clusters[part[0]]] >= FEWEST]
    found = np.zeros(frames.shape[1])
    if parts:
        times = np.ones(len(frames)) if weight is None else weight
        squares = [median_deviation(frames[part], None if weight is None else weight[part]) ** 2 for part in parts]
        found = scale(np.array([times[part].sum() for part in parts]), np.stack(squares))
    # about the first frame, from which those of a constant column have no difference at all
    moved = frames - frames[0].astype(np.float64)
    mean = np.average(moved, axis=0, weights=weight)
    return _shared(share, found, np.average((moved - mean) ** 2, axis=0, weights=weight))


def median_deviation(frames: NDArray, weight: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Median absolute deviation of every column, shape (D,), scaled to the normal's standard deviation."""
    frames = frames.astype(np.float64, copy=False)
    return NORMAL * _median(np.abs(frames - _median(frames, weight)), weight)


def _median(values: NDArray[np.float64], weight: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Median of every column, shape (D,); the same for rows of whole weights as for repeated ones."""
    if weight is None:
        return np.median(values, axis=0)
    order = np.argsort(values, axis=0)
    shares = np.cumsum(weight[order], axis=0) / weight.sum()
    halves = [(shares >= 0.5 - TIE).argmax(axis=0), (shares > 0.5 + TIE).argmax(axis=0)]
    return np.take_along_axis(np.take_along_axis(values, order, axis=0), np.stack(halves), axis=0).mean(axis=0)


def of_groups(
    share: float, n: NDArray[np.float64], means: NDArray[np.float64], variances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Floor, shape (D,), of groups whose means and variances (G, D) are known, such as the states of an HMM."""
    weights = n / n.sum()
    mean = weights @ means
    whole = weights @ (np.maximum(variances, 0) + (means - mean) ** 2)
    counts = (n >= FEWEST)[:, None] & (variances > ROUNDING * (means - mean) ** 2)
    rounding = (16 * np.finfo(np.float64).eps * mean) ** 2
    return _shared(share, scale(n, np.where(counts, variances, 0.0)), np.where(whole > rounding, whole, 0.0))


def of_mixture(share: float, weights: NDArray[np.float64], variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Floor, shape (D,), of a mixture that never had one."""
    return max(share, SMALLEST) * scale(weights, variances)


def apply(
    floor: NDArray[np.float64],
    n: NDArray[np.float64],
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
    *,
    previous: NDArray[np.float64] | None = None,
) -> Floored:
    """Floor variances of components that saw `n` frames; `previous` are those before the update."""
    lowest = np.broadcast_to(floor, variances.shape) if previous is None else np.minimum(floor, previous)
    mean = n @ means / max(n.sum(), np.finfo(np.float64).tiny)
    lowest = np.maximum(lowest, ROUNDING * (means - mean) ** 2)
    constant = (floor == CONSTANT_COLUMN_VARIANCE) & (n > 0)[:, None]
    below = (variances < lowest) & (n > 0)[:, None] | constant
    floored = np.maximum(variances, np.maximum(lowest, np.finfo(np.float64).tiny))
    return Floored(floored, int(below.sum()), int(np.broadcast_to(constant, variances.shape).sum()))


def _shared(share: float, found: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the scale that was found, else of the variance of all frames, else the constant."""
    floor = max(share, SMALLEST) * np.where(found > 0, found, whole)
    return np.where((whole > 0) & (floor > 0), floor, CONSTANT_COLUMN_VARIANCE)


def warn(owner: str, mixtures: Iterable[Any]) -> None:
    """Say how many variances of trained mixtures ended on the floor, if any did."""
    number = size = constant = 0
    correlated = False
    for mixture in mixtures:
        all_of_it, equal = mixture._num_directions()
        number, size, constant = number + mixture.num_floored_, size + all_of_it, constant + equal
        correlated |= getattr(mixture, "covariance_type", "diag") in ("full", "tied")
    tell(owner, number, size, constant, correlated=correlated, stacklevel=4)


def tell(owner: str, number: int, size: int, constant: int, *, correlated: bool = False, stacklevel: int = 3) -> None:
    """Warn of variances on the floor, if there are any, `constant` of them in columns of equal frames.

    With `correlated`, variances are those of directions, such as of one in which columns follow from each other.
    """
    if not number:
        return
    found = f"{owner}: {number} of {counted(size, 'variance')} ended on the floor"
    hints = []
    if correlated:
        hints.append(
            "columns nearly follow from each other (a smaller variance_floor keeps this), or components have few or "
            "equal frames"
        )
    elif number > constant:
        hints.append("their components have few or equal frames; fewer components may serve better")
    if constant:
        hints.append(f"{constant} are of columns whose frames are all equal, which tell nothing")
    warnings.warn(f"{found}: {'; '.join(hints)}", GmmSpeechWarning, stacklevel=stacklevel)


def warn_if_coarse(owner: str, frames: Frames, mixtures: Iterable[Any]) -> None:
    """Warn where the numbers of float32 stand farther apart than the frames of a component deviate from its mean."""
    some = frames[0] if isinstance(frames, (list, tuple)) and len(frames) else frames
    if getattr(some, "dtype", np.float32) != np.float32:  # a store has no dtype: its frames are in float32
        return
    for mixture in mixtures:
        means, deviations = mixture.means_, np.sqrt(mixture.variances())
        with np.errstate(over="ignore"):
            spacing = np.spacing(np.abs(means).astype(np.float32))
        coarse = np.argwhere((spacing > deviations) & (mixture.weights_ > 0)[:, None])
        if len(coarse):
            k, d = coarse[0]
            found = f"{owner}: found float32 frames near {means[k, d]:.6g} in column {d}, where float32 has steps of"
            hint = "give float64 frames, or take a constant off before they become float32"
            words = f"{found} {spacing[k, d]:.3g}, above their deviation of {deviations[k, d]:.3g}; {hint}"
            warnings.warn(words, GmmSpeechWarning, stacklevel=3)
            return
