"""Kernels in NumPy: the readable reference, and the fallback if nothing was compiled.

Frames are processed in blocks so that the (block, K) array of joint densities stays in cache; float32 frames are
processed in float32 with each block's statistics summed in float64, float64 frames in float64 throughout. Even with
float32 frames, a few components narrower than the others have densities and statistics in float64, by separate
products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gmmspeech.gmm.kernels import parameters as packing
from gmmspeech.gmm.kernels.parameters import KernelParameters, Mixture, ModelStack, unscaled, working_frames
from gmmspeech.gmm.stats import GMMStats

name = "numpy"

BLOCK = 2048  # frames; larger blocks fall out of cache, smaller ones starve the matrix product

Floats = NDArray[np.float32] | NDArray[np.float64]


def accumulate(
    frames: NDArray, parameters: KernelParameters, sample_weight: NDArray[np.float64] | None = None
) -> GMMStats:
    """Statistics of the frames under the mixture (the E-step)."""
    frames = working_frames(frames, parameters)
    sums = np.zeros((parameters.num_components, 2 * parameters.dim + 1))
    log_likelihood = 0.0
    for rows, expanded, joint, exact in _blocks(frames, parameters):
        frame_log_likelihood, total = exponentiate(joint)
        row_weight = 1.0 / total
        if sample_weight is not None:
            weight = sample_weight[rows]
            frame_log_likelihood = frame_log_likelihood * weight
            row_weight = (row_weight * weight).astype(frames.dtype)
        # posteriors are joint / total; dividing the B rows of [1, z, z**2] is cheaper than the B x K array
        expanded *= row_weight[:, None]
        added = (joint.T @ expanded).astype(np.float64, copy=False)
        if exact is not None:
            added[parameters.narrow] = joint[:, parameters.narrow].astype(np.float64).T @ (exact * row_weight[:, None])
        sums += added
        log_likelihood += float(frame_log_likelihood.sum(dtype=np.float64))
    if not np.isfinite(log_likelihood) and frames.dtype == np.float32:  # a square too large for it
        return accumulate(frames.astype(np.float64), parameters, sample_weight)
    num_frames = len(frames) if sample_weight is None else float(sample_weight.sum())
    return unscaled(sums, parameters, log_likelihood, num_frames)


def log_likelihood(frames: NDArray, parameters: KernelParameters) -> NDArray[np.float64]:
    """Log-likelihood of every frame, shape (T,), float64, in nats."""
    frames = working_frames(frames, parameters)
    out = np.empty(len(frames))
    for rows, _, joint, _ in _blocks(frames, parameters):
        out[rows] = exponentiate(joint)[0]
    if frames.dtype == np.float32 and not np.isfinite(out).all():
        return log_likelihood(frames.astype(np.float64), parameters)
    return out


def posteriors(frames: NDArray, parameters: KernelParameters) -> NDArray[np.float64]:
    """Posterior probability of every component, shape (T, K), float64, rows summing to one."""
    frames = working_frames(frames, parameters)
    out = np.empty((len(frames), parameters.num_components))
    for rows, _, joint, _ in _blocks(frames, parameters):
        total = exponentiate(joint)[1]
        np.divide(joint, total[:, None], out=out[rows])
    if frames.dtype == np.float32 and not np.isfinite(out).all():
        return posteriors(frames.astype(np.float64), parameters)
    return out


def top_components(frames: NDArray, parameters: KernelParameters, count: int) -> NDArray[np.int32]:
    """Components of the highest posterior probability of every frame, (T, count), in no order."""
    frames = working_frames(frames, parameters)
    best = np.empty((len(frames), count), np.int32)
    for rows, _, joint, _ in _blocks(frames, parameters):
        best[rows] = np.argpartition(joint, -count, axis=1)[:, -count:]
    return best


def stack_models(background: Mixture, models: Sequence[Mixture], dtype: DTypeLike) -> ModelStack:
    """Put models, as (weights, means, variances), side by side for `top_c_log_likelihood` on frames of a type."""
    return packing.stack_models(background, models, dtype=dtype, columns=1 + len(models))


def top_c_log_likelihood(frames: NDArray, stack: ModelStack, top_c: int) -> NDArray[np.float64]:
    """Log-likelihoods over the background's `top_c` best components a frame only (Reynolds et al. 2000, 3.4)."""
    background, differences = stack.background, stack.differences[0]  # (K, terms, models)
    dim, centers = background.dim, background.means.astype(differences.dtype)
    frames = frames.astype(differences.dtype, copy=False)
    out = np.zeros(1 + stack.num_models)
    for _, expanded, joint, _ in _blocks(frames, background):
        size = len(joint)
        best = np.argpartition(joint, -top_c, axis=1)[:, -top_c:]
        order = np.argsort(best, axis=None, kind="stable")  # (frame, rank) places sorted by component
        frame_of = order // top_c
        edges = np.searchsorted(best.ravel()[order], np.arange(background.num_components + 1))
        chosen = np.empty((size * top_c, len(out)), frames.dtype)
        for k in np.flatnonzero(np.diff(edges)):  # the frames that chose it meet all models in one product
            here = slice(edges[k], edges[k + 1])
            y = expanded[frame_of[here], 1 : 1 + dim] - centers[k]
            scores = differences[k, 0] + y @ differences[k, 1 : 1 + dim]
            if len(differences[k]) > 1 + dim:
                scores += y**2 @ differences[k, 1 + dim :]
            chosen[order[here]] = scores
        scores = chosen.reshape(size, top_c, len(out))
        scores += np.take_along_axis(joint, best, axis=1)[:, :, None]
        # -inf, a model without weight here, would make this difference NaN
        peak = np.maximum(scores.max(axis=1), np.finfo(frames.dtype).min)
        scores -= peak[:, None]
        totals = np.exp(scores, out=scores).sum(axis=1)
        with np.errstate(divide="ignore"):
            out += peak.sum(axis=0, dtype=np.float64) + np.log(totals, dtype=np.float64).sum(axis=0)
    if differences.dtype == np.float32 and not np.isfinite(out).all():  # a square too large for it
        return top_c_log_likelihood(frames, stack.astype(np.float64), top_c)
    return out


def _blocks(
    frames: Floats, parameters: KernelParameters
) -> Iterator[tuple[slice, Floats, Floats, NDArray[np.float64] | None]]:
    """Yield rows, [1, z, z**2] of shape (B, 2D + 1) and log w_k N(x_t) of shape (B, K), in space that is used again.

    The last is [1, z, z**2] in float64, where there are components that float32 is not enough for.
    """
    single = frames.dtype == np.float32
    narrow = parameters.narrow if single else parameters.narrow[:0]
    matrix = parameters.matrix32 if single else parameters.matrix
    size, columns = min(BLOCK, len(frames)), 2 * parameters.dim + 1
    expanded: Floats = np.empty((size, columns), frames.dtype)
    joint: Floats = np.empty((size, parameters.num_components), frames.dtype)
    wide = np.empty((size, columns)) if len(narrow) else None
    for start in range(0, len(frames), BLOCK):
        rows = slice(start, min(start + BLOCK, len(frames)))
        count = rows.stop - start
        x, exact = expanded[:count], None if wide is None else wide[:count]
        densities = np.matmul(_expand(frames[rows], parameters, x), matrix, out=joint[:count])
        if exact is not None:
            densities[:, narrow] = _expand(frames[rows], parameters, exact) @ parameters.matrix[:, narrow]
        yield rows, x, densities, exact


def _expand(frames: Floats, parameters: KernelParameters, out: Floats) -> Floats:
    """Write [1, z, z**2] of shape (B, 2D + 1)."""
    z = out[:, 1 : 1 + parameters.dim]
    out[:, 0] = 1
    # float32 frames far from zero: the difference is taken in float64, only its result is float32
    np.subtract(frames, parameters.shift, out=z, casting="same_kind")
    z *= parameters.scale.astype(out.dtype)
    np.square(z, out=out[:, 1 + parameters.dim :])
    return out


def exponentiate(joint: Floats) -> tuple[NDArray[np.float64], Floats]:
    """Turn log densities (B, K) into densities over their row's largest, in place; give rows' log-sums and sums."""
    peak = joint.max(axis=1)
    joint -= peak[:, None]
    np.exp(joint, out=joint)
    total = joint.sum(axis=1)
    return peak.astype(np.float64) + np.log(total.astype(np.float64)), total
