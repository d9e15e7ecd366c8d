"""The variance floor: how narrow a component may become.

A component on a few frames, or on equal ones, would become ever narrower and its density ever higher. The floor of a
column is a share (the option ``variance_floor``) of the variance of the narrowest components that together have a tenth
of the frames, as the statistics at hand give it; components of fewer than ten frames, whose variance tells little, do
not count. That is a scale from within clusters: neither outliers nor the distances between clusters raise it, as they
do the variance of all frames, and clusters wider than the narrowest tenth don't either. Being a function of statistics
it is the same for frames in memory, in a store, on a cluster or in a stream.

- A variance below the floor rises to it, but never above what it was before the update: the likelihood can't fall.
- Variances that are only rounding (a component on equal frames) don't count for the scale either. Where no component
  counts in a column, the scale is the variance of all frames in it, and where that is none either, the floor is 1e-6.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import GmmSpeechWarning
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.kernels.parameters import NARROW

FEWEST = 10  # frames of a component that counts; Kaldi's min-gaussian-occupancy
NARROWEST = 0.1  # share of the frames in the components that give the scale
CONSTANT_COLUMN_VARIANCE = 1e-6  # for a column in which all frames are equal
_SINGLE, _DOUBLE = 1e-6, 1e-14  # rounding of a variance, relative to the squared distance from the mean of all frames
_EQUAL = 16 * np.finfo(np.float64).eps  # relative deviation of numbers that differ by rounding only


class Floored(NamedTuple):
    """Variances (K, D) after the floor, and how many of them lie on it (those of constant columns left out)."""

    variances: NDArray[np.float64]
    number: int


def scale(weights: NDArray[np.float64], variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance in each column, shape (D,), of the narrowest components that have a tenth of the weight; 0 is none."""
    order = np.argsort(variances, axis=0)
    ordered = np.take_along_axis(variances, order, axis=0)
    shares = np.cumsum(np.where(ordered > 0, weights[order], 0.0), axis=0)
    first = (shares >= NARROWEST * shares[-1]) & (ordered > 0)
    return np.where(shares[-1] > 0, np.take_along_axis(ordered, first.argmax(axis=0)[None], axis=0)[0], 0.0)


def apply(
    share: float,
    n: NDArray[np.float64],
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
    *,
    previous: Parameters | None = None,
) -> Floored:
    """Floor the variances of components of `n` frames; `previous` is the mixture that statistics were made under."""
    if not n.any():
        return Floored(variances, 0)
    weights = n / n.sum()
    mean = weights @ means
    whole = weights @ (np.maximum(variances, 0) + (means - mean) ** 2)
    constant = whole <= (_EQUAL * np.abs(means).max(axis=0)) ** 2
    precise = previous is None or _needs_float64(previous)
    rounding = (_DOUBLE if precise else _SINGLE) * (means - mean) ** 2 + (_EQUAL * means) ** 2
    counts = n >= FEWEST
    found = scale(n, np.where((variances > rounding) & counts[:, None], variances, 0.0))
    if precise or not counts.any():
        found = np.where(found > 0, found, whole)
    else:  # the next pass is made in float64, and tells
        rounding = np.maximum(rounding, 1e-10 * whole)
    lowest: NDArray[np.float64] = np.where(constant, CONSTANT_COLUMN_VARIANCE, share * found)
    if previous is not None:
        lowest = np.minimum(lowest, previous[2])
    lowest = np.maximum(lowest, rounding)
    below = (variances < lowest) & ~constant & (weights > 0)[:, None]
    return Floored(np.maximum(variances, np.maximum(lowest, np.finfo(np.float64).tiny)), int(below.sum()))


def warn(owner: str, mixtures: Iterable[Any]) -> None:
    """Say how many variances of trained mixtures ended on the floor, if any did."""
    ended = [(mixture.num_floored_, mixture.covariances_.size) for mixture in mixtures]
    tell(owner, sum(number for number, _ in ended), sum(size for _, size in ended), stacklevel=4)


def tell(owner: str, number: int, size: int, *, stacklevel: int = 3) -> None:
    """Warn of variances on the floor, if there are any."""
    if number:
        found = f"{owner}: {number} of {size} variances ended on the floor"
        hint = "their components have few or equal frames; fewer components may serve better"
        warnings.warn(f"{found}: {hint}", GmmSpeechWarning, stacklevel=stacklevel)


def _needs_float64(mixture: Parameters) -> bool:
    """Say whether the kernels evaluate a mixture in float64 whatever the frames are."""
    weights, means, variances = mixture
    whole = weights @ (variances + (means - weights @ means) ** 2)
    return bool((variances < NARROW**2 * whole).any())
