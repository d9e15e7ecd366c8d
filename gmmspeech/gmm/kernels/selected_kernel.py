r"""Full covariances for the components selected per frame by a diagonal mixture, as Kaldi trains them.

Each frame is evaluated only under its `num_gselect` best components, G. All frames of a component are evaluated by a
product of matrices, (frames, D) by (D, D), so that a pass over N frames takes 4 N G D² operations and those of the
diagonal mixture, instead of 2 N K D². Like `full_kernel`, it works on frames whitened by the covariance of the whole
mixture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.gmm.kernels import full_kernel, numpy_kernel
from gmmspeech.gmm.kernels.parameters import KernelParameters, pack
from gmmspeech.gmm.stats import GMMStats


@dataclass(frozen=True, eq=False)
class SelectedParameters:
    """Packed mixture.

    Attributes
    ----------
    diagonal : KernelParameters
        The mixture with the diagonals of the covariances, which selects.
    num_gselect : int
        Components a frame.
    shift, root, whitening : ndarray, shape (D,) and (D, D)
        See `FullParameters`.
    means : ndarray, shape (K, D)
        Of whitened frames.
    factors : ndarray, shape (K, D, D)
        Which whiten a component: a precision is a factor times itself transposed.
    constants : ndarray, shape (K,)
        Log densities at the means, with the weights.
    """

    diagonal: KernelParameters
    num_gselect: int
    shift: NDArray[np.float64]
    root: NDArray[np.float64]
    whitening: NDArray[np.float64]
    means: NDArray[np.float64]
    factors: NDArray[np.float64]
    constants: NDArray[np.float64]


def pack_selected(
    weights: NDArray[np.float64], means: NDArray[np.float64], covariances: NDArray[np.float64], num_gselect: int
) -> SelectedParameters:
    """Pack a mixture with covariances (K, D, D)."""
    shift, dim = weights @ means, means.shape[1]
    root = full_kernel.root_of_whole(weights, means - shift, covariances)
    whitening = np.linalg.inv(root)
    lower = np.linalg.cholesky(whitening @ covariances @ whitening.T)
    factors = np.asarray(np.linalg.inv(lower).transpose(0, 2, 1), dtype=np.float64)
    with np.errstate(divide="ignore"):  # a weight of zero is a component that never answers
        constants = np.log(weights) - np.log(np.diagonal(root)).sum() - 0.5 * dim * np.log(2 * np.pi)
    constants -= np.log(np.einsum("kii->ki", lower)).sum(axis=1)
    return SelectedParameters(
        pack(weights, means, np.einsum("kii->ki", covariances)),
        num_gselect,
        shift,
        root,
        np.asarray(whitening.T, dtype=np.float64),
        (means - shift) @ whitening.T,
        factors,
        constants,
    )


def accumulate(
    frames: NDArray, parameters: SelectedParameters, sample_weight: NDArray[np.float64] | None = None
) -> GMMStats:
    """Statistics of the frames under the components that each selects, with sums of products of columns."""
    count, dtype = parameters.num_gselect, frames.dtype
    best = numpy_kernel.top_components(frames, parameters.diagonal, count)
    order = np.argsort(best, axis=None, kind="stable")  # (frame, rank) places sorted by component
    frame_of = order // count
    edges = np.searchsorted(best.ravel()[order], np.arange(len(parameters.means) + 1))
    chosen = [(k, slice(edges[k], edges[k + 1])) for k in np.flatnonzero(np.diff(edges)).tolist()]
    z = ((frames - parameters.shift) @ parameters.whitening).astype(dtype, copy=False)
    means, factors = parameters.means.astype(dtype), parameters.factors.astype(dtype)
    joint = np.empty(best.size, dtype)
    for k, here in chosen:
        # a difference is taken before it is scaled, so that narrow components lose no digits
        y = (z[frame_of[here]] - means[k]) @ factors[k]
        joint[order[here]] = parameters.constants[k] - 0.5 * np.einsum("ij,ij->i", y, y)
    totals, sums = numpy_kernel.exponentiate(joint.reshape(best.shape))
    shares = 1 / sums
    if sample_weight is not None:
        totals, shares = totals * sample_weight, shares * sample_weight
    posteriors = (joint.reshape(best.shape) * shares[:, None]).astype(dtype, copy=False).ravel()
    n, first = np.zeros(len(parameters.means)), np.zeros(parameters.means.shape)
    products = np.zeros(parameters.factors.shape)
    for k, here in chosen:
        own, weight = z[frame_of[here]], posteriors[order[here]]
        weighted = own * weight[:, None]
        n[k], first[k], products[k] = weight.sum(dtype=np.float64), weighted.sum(axis=0), weighted.T @ own
    num_frames = len(frames) if sample_weight is None else float(sample_weight.sum())
    return full_kernel.unwhitened(parameters, n, first, products, float(totals.sum()), num_frames)
