"""Statistics for fMLLR from frames with known states, such as all frames of a speaker along best paths.

Frames are sorted by state, so that the posteriors of a state's Gaussians are one matrix product over all of its frames.
The second moments, by far the most work, are first summed for each Gaussian, of which a frame has only a few, and then
over all Gaussians with their precisions. The products are in float32, of frames normalized by the model's shift and
scale and of at most `FRAMES` frames; their sums are in float64.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.linear.statistics import BLOCK, frame_products, unpacked
from gmmspeech.phones.hmm.model import PhoneHMM, Quadratic

FRAMES = 16384  # whose moments are summed in float32


def fmllr_statistics(model: PhoneHMM, frames: NDArray[np.floating], states: NDArray[np.intp]) -> FMLLRStats:
    """Statistics of frames, (T, D), that are each in one state, (T,)."""
    form = model.quadratic
    starts = range(0, max(len(frames), 1), FRAMES)
    parts = (_of_block(model, form, frames[start : start + FRAMES], states[start : start + FRAMES]) for start in starts)
    beta, first, moments = (sum(column) for column in zip(*parts, strict=True))
    return _in_units_of_frames(form, beta, first, moments)


def _of_block(
    model: PhoneHMM, form: Quadratic, frames: NDArray[np.floating], states: NDArray[np.intp]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Statistics of shifted and scaled frames: as `FMLLRStats` has them, with the model's own shift and scale."""
    order = np.argsort(states, kind="stable")
    dim, size = model.dim, min(BLOCK, len(order))
    linear, square = form.matrix[:, :dim], form.matrix[:, dim:]  # that of squares has the constant too
    sums = np.zeros((model.num_gaussians, dim + 1))
    moments = np.zeros((model.num_gaussians, (dim + 1) * (dim + 2) // 2), np.float32)
    extended, squares = np.ones((2, size, dim + 1))
    products = np.empty((moments.shape[1], size), np.float32)
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        x, xx = extended[: len(block)], squares[: len(block)]
        z = np.subtract(frames[block], form.shift, out=x[:, :dim])
        z *= form.scale
        np.square(z, out=xx[:, :dim])
        pairs = _runs(states[block], model.mixture_offsets)
        posteriors = _softmax([z[row] @ linear[of].T + xx[row] @ square[of].T for row, of in pairs])
        each = frame_products(x, products)
        for (row, of), posterior in zip(pairs, posteriors, strict=True):
            sums[of] += posterior.T @ x[row]
            moments[of] += posterior.T.astype(np.float32) @ each[:, row].T
    second = moments.T @ (-2 * form.matrix[:, dim : 2 * dim]).astype(np.float32)
    return float(len(order)), linear.T @ sums, unpacked(second, dim + 1)


def _runs(states: NDArray[np.intp], mixture_offsets: NDArray[np.intp]) -> list[tuple[slice, slice]]:
    """Frames of each state, of sorted ones, and its Gaussians."""
    edges = [0, *(np.flatnonzero(states[1:] != states[:-1]) + 1).tolist(), len(states)]
    present = states[edges[:-1]]
    begins, ends = mixture_offsets[present].tolist(), mixture_offsets[present + 1].tolist()
    rows, gaussians = itertools.starmap(slice, itertools.pairwise(edges)), map(slice, begins, ends)
    return list(zip(rows, gaussians, strict=True))


def _softmax(joint: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Probabilities that are proportional to exponentials of each row of each matrix."""
    flat = np.concatenate([each.ravel() for each in joint])
    widths = np.repeat([each.shape[1] for each in joint], [len(each) for each in joint])
    starts = np.cumsum(widths) - widths
    flat = np.exp(flat - np.repeat(np.maximum.reduceat(flat, starts), widths))
    flat /= np.repeat(np.add.reduceat(flat, starts), widths)
    ends = np.cumsum([each.size for each in joint])
    return [part.reshape(each.shape) for part, each in zip(np.split(flat, ends[:-1]), joint, strict=True)]


def _in_units_of_frames(
    form: Quadratic, beta: float, first: NDArray[np.float64], moments: NDArray[np.float64]
) -> FMLLRStats:
    """Statistics of the frames themselves from those of the shifted and scaled ones."""
    back = np.diag(np.append(1 / form.scale, 1.0))  # [x, 1] = back @ [z, 1]
    back[:-1, -1] = form.shift
    scaled = moments * form.scale[:, None, None] ** 2
    means = first * form.scale[:, None] + form.shift[:, None] * scaled[:, :, -1]
    return FMLLRStats(beta, means @ back.T, back @ scaled @ back.T)
