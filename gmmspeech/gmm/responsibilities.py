"""Start of EM from given posteriors: of another model, of labels, of an expert."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.blocks import Frames, frame_blocks, weighted_blocks
from gmmspeech.checks import first_bad, real_array
from gmmspeech.errors import FeatureError
from gmmspeech.gmm.covariance_types import m_step
from gmmspeech.gmm.init import ROUNDING, Parameters
from gmmspeech.gmm.stats import GMMStats

LIGHTEST = 1e-3  # of a frame, which a component has that is given none


def check_responsibilities(responsibilities: ArrayLike, frames: Frames, num_components: int) -> NDArray[np.float64]:
    """Posteriors of the components, shape (N, K), float64, or a `FeatureError`."""
    if not isinstance(frames, (np.ndarray, list, tuple)):
        raise FeatureError("responsibilities go with frames in arrays, not with a store")
    num_frames = len(frames) if isinstance(frames, np.ndarray) else sum(map(len, frames))
    found = real_array(responsibilities, "responsibilities", bools=True).astype(np.float64, copy=False)
    if found.shape != (num_frames, num_components):
        expected = f"({num_frames}, {num_components}): frames, components"
        raise FeatureError(f"responsibilities: found shape {found.shape}, expected {expected}")
    bad = first_bad(found)
    row = bad[0] if bad else int((found < 0).any(axis=1).argmax())
    if bad or (found < 0).any():
        raise FeatureError(f"responsibilities: found {found[row].min()} in row {row}, expected probabilities")
    wrong = np.abs(found.sum(axis=1) - 1) > 1e-3
    if wrong.any():
        row = int(wrong.argmax())
        raise FeatureError(f"responsibilities: found row {row} to sum to {found[row].sum():.6g}, expected 1")
    return found


def mixture_of(frames: Frames, responsibilities: NDArray[np.float64], weight: NDArray[np.float64] | None) -> Parameters:
    """Mixture with diagonal covariances that posteriors make of frames: EM's update.

    Missing values, NaN, count in none of the sums. A component or column without spread has that of all frames.
    """
    tiny = np.finfo(np.float64).tiny
    first = next(frame_blocks(frames))[:1].astype(np.float64)
    center = np.where(np.isnan(first), 0, first)[0]  # near the frames, so that no digit is lost
    shape = (responsibilities.shape[1], len(center))
    n, seen, sums, squares = np.zeros(shape[0]), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    counts = _counts(responsibilities, weight)
    for start, block, _ in weighted_blocks(frames, None):
        gamma = counts[start : start + len(block)]
        there = ~np.isnan(block)
        z = np.where(there, block - center, 0)
        n += gamma.sum(axis=0)
        seen += gamma.T @ there
        sums += gamma.T @ z
        squares += gamma.T @ z**2
    whole = np.maximum(seen.sum(axis=0), tiny)
    mean = sums.sum(axis=0) / whole
    spread = squares.sum(axis=0) / whole - mean**2
    count = np.maximum(seen, tiny)
    means = np.where(seen > 0, sums / count, mean)
    variances = squares / count - means**2
    variances = np.where(variances > ROUNDING * spread, variances, np.where(spread > 0, spread, 1.0))
    weights = np.maximum(n, LIGHTEST)
    return weights / weights.sum(), means + center, variances


def with_correlations(
    frames: Frames,
    responsibilities: NDArray[np.float64],
    weight: NDArray[np.float64] | None,
    start: Parameters,
    floor: NDArray[np.float64],
    kind: str,
) -> Parameters:
    """Mixture of a kind with matrices, of which `start`, by `mixture_of`, has but the diagonals: EM's update.

    Components of so few frames that they can't span all directions keep the diagonals.
    """
    weights, means, diagonals = start
    center = means.mean(axis=0)
    n, sums = np.zeros(len(means)), np.zeros(means.shape)
    scatter = np.zeros((1 if kind == "tied" else len(means), means.shape[1], means.shape[1]))
    counts = _counts(responsibilities, weight)
    for first, block, _ in weighted_blocks(frames, None):
        gamma = counts[first : first + len(block)]
        z = block - center
        n += gamma.sum(axis=0)
        sums += gamma.T @ z
        for matrix, share in zip(scatter, [gamma.sum(axis=1)] if kind == "tied" else gamma.T, strict=True):
            matrix += (z.T * share) @ z
    total = float(n.sum())
    stats = GMMStats(n, sums + n[:, None] * center, np.full(means.shape, np.nan), 0.0, total, center, None, scatter)
    (_, _, covariances), _ = m_step(kind)(stats, floor, previous=start)
    few = n <= means.shape[1] if kind == "full" else np.zeros(len(n), bool)
    return weights, means, np.where(few[:, None, None], diagonals, covariances)


def _counts(responsibilities: NDArray[np.float64], weight: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Frames that each component has of each frame, (N, K): weights have a mean of 1, whatever their unit."""
    return responsibilities if weight is None else responsibilities * (weight / weight.mean())[:, None]
