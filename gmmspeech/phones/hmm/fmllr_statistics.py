"""Statistics for fMLLR of many frames whose states are known, such as all of a speaker's along best paths.

Frames are sorted by state, so that the posteriors of a state's Gaussians are one matrix product over all of its frames.
The second moments, by far the most work, are products in float32 of frames that the model's shift and scale have
brought near to 0 and 1; their sums are float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.linear.statistics import weighted_moments
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
    over_variance, precision = form.matrix[:, : model.dim], -2 * form.matrix[:, model.dim : 2 * model.dim]
    first = np.zeros((model.dim, model.dim + 1))
    weights = np.empty_like(z)
    for state in np.flatnonzero(np.diff(edges)):
        rows, here = slice(*edges[state : state + 2]), slice(*model.mixture_offsets[state : state + 2])
        posterior = _softmax(expanded[rows] @ form.matrix[here].T)
        first += over_variance[here].T @ (posterior.T @ extended[rows])
        weights[rows] = posterior @ precision[here]
    return float(len(z)), first, weighted_moments(weights.astype(np.float32), extended.astype(np.float32))


def _softmax(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities that are proportional to exponentials of each row."""
    weights = np.exp(joint - joint.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _in_units_of_frames(
    form: Quadratic, beta: float, first: NDArray[np.float64], moments: NDArray[np.float64]
) -> FMLLRStats:
    """Statistics of the frames themselves from those of the shifted and scaled ones."""
    back = np.diag(np.append(1 / form.scale, 1.0))  # [x, 1] = back @ [z, 1]
    back[:-1, -1] = form.shift
    scaled = moments * form.scale[:, None, None] ** 2
    means = first * form.scale[:, None] + form.shift[:, None] * scaled[:, :, -1]
    return FMLLRStats(beta, means @ back.T, back @ scaled @ back.T)
