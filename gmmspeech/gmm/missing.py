r"""Frames with missing values (NaN) under a mixture with diagonal covariances.

The columns are independent within a component, so missing values are left out of a density,

.. math:: \log p(x^o) = \log \sum_k w_k \prod_{d \in o} N(x_d; \mu_{kd}, \sigma_{kd}^2),

and the expected statistics of a missing column under component k are those of the component itself: μ for x and
μ² + σ² for x². With these in the sums, the EM update is that for complete frames, and the likelihood of the observed
values never falls. It is exact if values are missing at random, that is, independently of their values.

Z. Ghahramani and M. I. Jordan, "Supervised learning from incomplete data via an EM approach", NIPS 6, 1993.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import FeatureError, counted
from gmmspeech.gmm.kernels.numpy_kernel import exponentiate
from gmmspeech.gmm.kernels.parameters import KernelParameters, unscaled
from gmmspeech.gmm.stats import GMMStats

ALLOW = "; DiagonalGMM(allow_nan=True) takes NaN for missing values"

BLOCK = 2048  # frames whose posteriors are in memory at once

Evaluate = Callable[[NDArray, KernelParameters], NDArray]


def no_infinity(frames: NDArray, start: int = 0) -> NDArray:
    """Return the frames, or raise a `FeatureError` that says where infinity stands, counting from `start`."""
    bad = np.argwhere(np.isinf(frames))
    if len(bad):
        t, d = bad[0]
        raise FeatureError(f"frame {start + t}, column {d}: found {frames[t, d]}, expected a finite number or NaN")
    return frames


def has_gaps(frames: NDArray) -> bool:
    """Say whether a value is missing."""
    return bool(np.isnan(frames).any())


def either(whole: Evaluate, with_gaps: Evaluate) -> Evaluate:
    """Give a function of frames and a mixture that is `whole` where no value is missing."""
    return lambda frames, parameters: (with_gaps if has_gaps(frames) else whole)(frames, parameters)


def accumulate(
    frames: NDArray, parameters: KernelParameters, sample_weight: NDArray[np.float64] | None = None
) -> GMMStats:
    """Statistics of the frames under the mixture (the E-step), in which missing values are expected ones."""
    dim, log_likelihood = parameters.dim, 0.0
    sums = np.zeros((parameters.num_components, 3 * dim + 1))
    for rows, expanded, joint in _blocks(frames, parameters):
        total = _normalize(joint)
        weight = np.ones(len(joint)) if sample_weight is None else sample_weight[rows]
        joint *= weight[:, None]
        sums[:, 0] += joint.sum(axis=0)
        sums[:, 1:] += joint.T @ expanded
        log_likelihood += float(total @ weight)
    n, seen, first, second = sums[:, :1], *np.split(sums[:, 1:], 3, axis=1)
    means, missing = parameters.means, n - seen
    completed = first + missing * means, second + missing * (means**2 + parameters.variances)
    num_frames = len(frames) if sample_weight is None else float(sample_weight.sum())
    return unscaled(np.concatenate([n, *completed], axis=1), parameters, log_likelihood, num_frames)


def log_likelihood(frames: NDArray, parameters: KernelParameters) -> NDArray[np.float64]:
    """Log-likelihood of what is there of every frame, shape (T,), in nats: 0 where nothing is."""
    out = np.empty(len(frames))
    for rows, _, joint in _blocks(frames, parameters):
        out[rows] = _normalize(joint)
    return out


def posteriors(frames: NDArray, parameters: KernelParameters) -> NDArray[np.float64]:
    """Posterior probability of every component given what is there of each frame, shape (T, K)."""
    out = np.empty((len(frames), parameters.num_components))
    for rows, _, joint in _blocks(frames, parameters):
        _normalize(joint)
        out[rows] = joint
    return out


def mean_and_variance(frames: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of what is there in every column, shape (D,); 0 and 0 of a column in which nothing is."""
    seen = ~np.isnan(frames)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, frames, 0).sum(axis=0, dtype=np.float64) / count
    return mean, np.square(np.where(seen, frames - mean, 0)).sum(axis=0) / count


def filled(frames: NDArray, rng: np.random.Generator) -> NDArray:
    """Frames of a sample whose missing values are drawn from the others of their column: for a start of EM only."""
    if not has_gaps(frames):
        return frames
    frames = frames.copy()
    for d, column in enumerate(frames.T):
        gaps = np.isnan(column)
        if gaps.all():
            raise FeatureError(f"column {d}: found no value in {counted(len(frames), 'frame')}, expected some")
        column[gaps] = rng.choice(column[~gaps], np.count_nonzero(gaps))
    return frames


def _blocks(
    frames: NDArray, parameters: KernelParameters
) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.float64]]]:
    """Yield rows, [there, z, z**2] of shape (B, 3 D), 0 where a value is missing, and log w_k N(x_t), shape (B, K)."""
    means, variances = parameters.means, parameters.variances
    densities = np.log(parameters.scale) - 0.5 * np.log(2 * np.pi * variances)
    log_weights = parameters.constants - densities.sum(axis=1)
    matrix = np.concatenate([densities - 0.5 * means**2 / variances, means / variances, -0.5 / variances], axis=1)
    for start in range(0, len(frames), BLOCK):
        rows = slice(start, min(start + BLOCK, len(frames)))
        z = (frames[rows] - parameters.shift) * parameters.scale
        seen = ~np.isnan(z)
        z[~seen] = 0
        expanded = np.concatenate([seen, z, z**2], axis=1)
        yield rows, expanded, expanded @ matrix.T + log_weights


def _normalize(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn log densities (B, K) into posteriors in place, and give the log of their rows' sums."""
    logs, sums = exponentiate(joint)
    joint /= sums[:, None]
    return logs
