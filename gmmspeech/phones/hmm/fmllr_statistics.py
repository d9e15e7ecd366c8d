"""Statistics for fMLLR of many frames whose states are known, such as all of a speaker's along best paths.

Frames are sorted by state, so that the posteriors of a state's Gaussians are one matrix product over all of its frames.
The second moments, by far the most work, are first those of each Gaussian, of which a frame has but a few, and then
summed over all Gaussians with their precisions: products in float32 of frames that the model's shift and scale have
brought near to 0 and 1, of no more than `FRAMES` frames; their sums are float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
    z = (frames[order] - form.shift) * form.scale
    one = np.ones((len(z), 1))
    expanded, extended = np.concatenate([z, z**2, one], axis=1), np.concatenate([z, one], axis=1)
    edges = np.searchsorted(states[order], np.arange(model.num_states + 1))
    runs = [
        _Run(slice(*edges[state : state + 2].tolist()), slice(*model.mixture_offsets[state : state + 2].tolist()))
        for state in np.flatnonzero(np.diff(edges))
    ]
    posteriors = _softmax([expanded[run.frames] @ form.matrix[run.gaussians].T for run in runs])
    sums = np.zeros((model.num_gaussians, model.dim + 1))
    for run, posterior in zip(runs, posteriors, strict=True):
        sums[run.gaussians] = posterior.T @ extended[run.frames]
    moments = np.zeros((model.num_gaussians, (model.dim + 1) * (model.dim + 2) // 2), np.float32)
    weights = [posterior.astype(np.float32) for posterior in posteriors]
    for block, products in frame_products(extended.astype(np.float32)):
        for run, weight in zip(runs, weights, strict=True):
            start, stop = max(run.frames.start, block.start), min(run.frames.stop, block.stop)
            if start < stop:
                theirs = weight[start - run.frames.start : stop - run.frames.start]
                moments[run.gaussians] += theirs.T @ products[:, start - block.start : stop - block.start].T
    over_variance, precision = form.matrix[:, : model.dim], -2 * form.matrix[:, model.dim : 2 * model.dim]
    second = moments.T @ precision.astype(np.float32)
    return float(len(z)), over_variance.T @ sums, unpacked(second, model.dim + 1)


class _Run(NamedTuple):
    """Frames, one after the other, of a state, and its Gaussians."""

    frames: slice
    gaussians: slice


def _softmax(joint: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Probabilities that are proportional to exponentials of each row of each matrix."""
    if not joint:
        return []
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
