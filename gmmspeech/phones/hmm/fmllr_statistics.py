"""Statistics for fMLLR of many frames whose states are known, such as all of a speaker's along best paths.

Frames are sorted by state, so that the posteriors of a state's Gaussians are one matrix product over all of its frames.
The second moments, by far the most work, are first those of each Gaussian, of which a frame has but a few, and then
summed over all Gaussians with their precisions: products in float32 of frames that the model's shift and scale have
brought near to 0 and 1, of no more than `FRAMES` frames; their sums are float64.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.linear.statistics import frame_products, unpacked
from gmmspeech.phones.hmm.model import PhoneHMM, Quadratic

FRAMES = 16384  # sorted and worked on at once: 25 MB of float64


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
    states, dim, size = states[order], model.dim, len(order)
    extended, squares = np.ones((size, dim + 1)), np.ones((size, dim + 1))
    z = np.subtract(frames[order], form.shift, out=extended[:, :dim])
    z *= form.scale
    np.square(z, out=squares[:, :dim])
    linear = np.append(form.matrix[:, :dim], np.zeros((model.num_gaussians, 1)), axis=1)
    square = form.matrix[:, dim:]  # and the constant
    sums = np.zeros((model.num_gaussians, dim + 1))
    moments = np.zeros((model.num_gaussians, (dim + 1) * (dim + 2) // 2), np.float32)
    for block, products in frame_products(extended.astype(np.float32)):  # those of a few states
        present, starts = np.unique(states[block], return_index=True)
        rows = [slice(*edge) for edge in itertools.pairwise([*starts.tolist(), block.stop - block.start])]
        gaussians = [slice(*model.mixture_offsets[state : state + 2].tolist()) for state in present]
        x, xx = extended[block], squares[block]
        pairs = list(zip(rows, gaussians, strict=True))
        posteriors = _softmax([x[row] @ linear[here].T + xx[row] @ square[here].T for row, here in pairs])
        for (row, here), posterior in zip(pairs, posteriors, strict=True):
            sums[here] += posterior.T @ x[row]
            moments[here] += posterior.T.astype(np.float32) @ products[:, row].T
    second = moments.T @ (-2 * form.matrix[:, dim : 2 * dim]).astype(np.float32)
    return float(size), form.matrix[:, :dim].T @ sums, unpacked(second, dim + 1)


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
