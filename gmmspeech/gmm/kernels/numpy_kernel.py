"""The kernels in NumPy: the readable reference, and what runs where nothing was compiled.

Frames are taken in blocks so that the (block, K) array of joint densities stays in cache; float32 frames are worked
on in float32 with each block's statistics added up in float64, float64 frames in float64 throughout.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gmmspeech.gmm.kernels.parameters import KernelParameters
from gmmspeech.gmm.stats import GMMStats

BLOCK = 2048  # frames; larger blocks fall out of cache, smaller ones starve the matrix product

Floats = NDArray[np.float32] | NDArray[np.float64]


def _working_dtype(frames: NDArray) -> type:
    return np.float32 if frames.dtype == np.float32 else np.float64


class _Blocks:
    """Work space for blocks of expanded frames [z, z**2, 1] and of joint log densities, allocated once a call."""

    def __init__(self, frames: NDArray, parameters: KernelParameters) -> None:
        self.frames, self.parameters = frames, parameters
        self.dtype = _working_dtype(frames)
        size = min(BLOCK, len(frames))
        self.matrix = parameters.matrix32 if self.dtype is np.float32 else parameters.matrix
        self.narrow = parameters.narrow if self.dtype is np.float32 else parameters.narrow[:0]
        self._expanded: Floats = np.empty((size, 2 * parameters.dim + 1), self.dtype)
        self._joint: Floats = np.empty((size, parameters.num_components), self.dtype)

    def __iter__(self) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yield the rows, [z, z**2, 1] of shape (B, 2D + 1) and log w_k N(x_t) of shape (B, K), block by block."""
        for start in range(0, len(self.frames), BLOCK):
            rows = slice(start, min(start + BLOCK, len(self.frames)))
            size = rows.stop - rows.start
            expanded = self.expand(rows, self._expanded[:size])
            joint = np.matmul(expanded, self.matrix, out=self._joint[:size])
            if len(self.narrow):
                joint[:, self.narrow] = self.expand64(rows) @ self.parameters.matrix[:, self.narrow]
            yield rows, expanded, joint

    def expand(self, rows: slice, out: Floats) -> Floats:
        dim = self.parameters.dim
        z = out[:, :dim]
        # float32 frames far from zero: the difference is taken in float64, only its result is float32
        np.subtract(self.frames[rows], self.parameters.shift, out=z, casting="same_kind")
        z *= self.parameters.scale.astype(out.dtype)
        np.square(z, out=out[:, dim : 2 * dim])
        out[:, 2 * dim] = 1
        return out

    def expand64(self, rows: slice) -> NDArray[np.float64]:
        size = rows.stop - rows.start
        expanded = np.empty((size, 2 * self.parameters.dim + 1))
        self.expand(rows, expanded)
        return expanded


def accumulate(
    frames: NDArray, parameters: KernelParameters, sample_weight: NDArray[np.float64] | None = None
) -> GMMStats:
    """Statistics of the frames under the mixture (the E-step).

    Parameters
    ----------
    frames : ndarray, shape (T, D)
    parameters : KernelParameters
    sample_weight : ndarray, shape (T,), optional

    Returns
    -------
    GMMStats
    """
    blocks = _Blocks(frames, parameters)
    sums = np.zeros((parameters.num_components, 2 * parameters.dim + 1))
    log_likelihood = 0.0
    for rows, expanded, joint in blocks:
        frame_log_likelihood, normaliser = _exponentiate(joint)
        row_weight = 1.0 / normaliser
        if sample_weight is not None:
            weight = sample_weight[rows]
            frame_log_likelihood = frame_log_likelihood * weight
            row_weight = (row_weight * weight).astype(blocks.dtype)
        # posteriors are joint / normaliser; dividing the B rows of [z, z**2, 1] is cheaper than the B x K array
        expanded *= row_weight[:, None]
        block_sums = joint.T @ expanded
        if len(blocks.narrow):
            block_sums = block_sums.astype(np.float64)
            block_sums[blocks.narrow] = joint[:, blocks.narrow].T @ (blocks.expand64(rows) * row_weight[:, None])
        sums += block_sums
        log_likelihood += float(frame_log_likelihood.sum(dtype=np.float64))
    num_frames = len(frames) if sample_weight is None else float(sample_weight.sum())
    return _unshift(sums, parameters, log_likelihood, num_frames)


def log_likelihood(frames: NDArray, parameters: KernelParameters) -> NDArray[np.float64]:
    """Log-likelihood of every frame, shape (T,), float64, in nats.

    Parameters
    ----------
    frames : ndarray, shape (T, D)
    parameters : KernelParameters
    """
    out = np.empty(len(frames))
    for rows, _, joint in _Blocks(frames, parameters):
        out[rows] = _exponentiate(joint)[0]
    return out


def posteriors(frames: NDArray, parameters: KernelParameters) -> NDArray[np.float64]:
    """Posterior probability of every component, shape (T, K), float64, rows summing to one."""
    out = np.empty((len(frames), parameters.num_components))
    for rows, _, joint in _Blocks(frames, parameters):
        normaliser = _exponentiate(joint)[1]
        np.divide(joint, normaliser[:, None], out=out[rows])
    return out


def top_c_log_likelihood(
    frames: NDArray, background: KernelParameters, models: list[KernelParameters], top_c: int
) -> NDArray[np.float64]:
    """Log-likelihoods over the background's `top_c` best components a frame only (Reynolds et al. 2000, section 3.4).

    Returns
    -------
    ndarray, shape (T, 1 + number of models), float64
        Column 0 is the background's own.
    """
    if not len(frames):
        return np.empty((0, 1 + len(models)))
    mixtures = [background, *models]
    out = np.empty((len(frames), len(mixtures)))
    # the models' columns of one component side by side: the frames that chose it meet all models in one product
    columns = np.stack([_matrix_at(m, background).T for m in mixtures], axis=2)  # (K, 2D + 1, models)
    by_component: Floats = columns.astype(_working_dtype(frames), copy=False)
    narrow = set(np.concatenate([m.narrow for m in mixtures]).tolist()) if frames.dtype == np.float32 else set()
    blocks = _Blocks(frames, background)
    for rows, expanded, joint in blocks:
        size = len(joint)
        expanded64 = blocks.expand64(rows) if narrow else expanded
        best = np.argpartition(joint, -top_c, axis=1)[:, -top_c:]
        order = np.argsort(best, axis=None, kind="stable")  # (frame, rank) places sorted by component
        frame_of = order // top_c
        edges = np.searchsorted(best.ravel()[order], np.arange(background.num_components + 1))
        chosen = np.empty((size * top_c, len(mixtures)), expanded.dtype)
        for k in np.flatnonzero(np.diff(edges)):
            here = slice(edges[k], edges[k + 1])
            if k in narrow:
                chosen[order[here]] = expanded64[frame_of[here]] @ columns[k]
            else:
                chosen[order[here]] = expanded[frame_of[here]] @ by_component[k]
        scores = chosen.reshape(size, top_c, len(mixtures))
        peak = scores.max(axis=1, keepdims=True)
        out[rows] = peak[:, 0] + np.log(np.exp(scores - peak).sum(axis=1))
    return out


def _matrix_at(mixture: KernelParameters, background: KernelParameters) -> NDArray[np.float64]:
    """The mixture's matrix for frames shifted and scaled as the background wants them."""
    dim = background.dim
    ratio = mixture.scale / background.scale
    offset = (background.shift - mixture.shift) * mixture.scale
    linear, square, constant = mixture.matrix[:dim], mixture.matrix[dim : 2 * dim], mixture.matrix[2 * dim]
    # z_m = z_b * ratio + offset put into linear z_m + square z_m**2 + constant
    return np.concatenate(
        [
            (linear + 2 * square * offset[:, None]) * ratio[:, None],
            square * ratio[:, None] ** 2,
            (constant + offset @ linear + offset**2 @ square)[None],
        ]
    )


def _exponentiate(joint: Floats) -> tuple[NDArray[np.float64], Floats]:
    """Turn log densities (B, K) into densities over their row's largest, in place; give rows' log-sums and sums."""
    peak = joint.max(axis=1)
    joint -= peak[:, None]
    np.exp(joint, out=joint)
    normaliser = joint.sum(axis=1)
    return peak.astype(np.float64) + np.log(normaliser.astype(np.float64)), normaliser


def _unshift(
    sums: NDArray[np.float64], parameters: KernelParameters, log_likelihood: float, num_frames: float
) -> GMMStats:
    """Statistics of x from those of z = (x - shift) * scale."""
    dim = parameters.dim
    n = sums[:, 2 * dim].copy()
    centred = sums[:, :dim] / parameters.scale  # sum of gamma (x - shift)
    sum_x = centred + n[:, None] * parameters.shift
    sum_xx = sums[:, dim : 2 * dim] / parameters.scale**2 + parameters.shift * (centred + sum_x)
    return GMMStats(n, sum_x, sum_xx, log_likelihood, num_frames)
