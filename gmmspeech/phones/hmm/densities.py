"""Log-likelihoods of frames under the states of a model, each a mixture of Gaussians.

All Gaussians for a block of frames are one matrix product of quadratic forms with ``[z, z^2, 1]``, followed by a
log-sum-exp over the rows of each state, which is compiled if a compiler was available at installation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.native import mixture_kernel

BLOCK = 256  # frames at once, or up to half as many more: so few stay in the cache

Float32 = NDArray[np.float32]


def state_log_likelihoods(z: NDArray[np.floating], forms: Float32, offsets: NDArray[np.intp]) -> Float32:
    """Log of the sum of the densities of each state's Gaussians, in nats.

    Shapes: `z` (T, D), frames as the forms take them; `forms` (K, 2 D + 1); `offsets` (S + 1,), the first Gaussian of
    each state, and K; gives (T, S).
    """
    dim, size = z.shape[1], -(-max(len(z), 1) // max(round(len(z) / BLOCK), 1))
    sums = mixture_kernel.sums_of_states if mixture_kernel.available() else sums_of_states
    expanded = np.ones((2 * dim + 1, size), np.float32)
    out = np.empty((len(z), len(offsets) - 1), np.float32)
    for start in range(0, len(z), size):
        block = z[start : start + size]
        columns = expanded[:, : len(block)]
        columns[:dim] = block.T
        np.square(columns[:dim], out=columns[dim : 2 * dim])
        # Gaussians are rows, frames columns: maxima and sums over a state run along whole rows
        peaks, totals = sums(forms @ columns, offsets)
        np.log(totals, out=totals)
        np.add(peaks, totals, out=out[start : start + size])
    return out


def sums_of_states(joint: Float32, offsets: NDArray[np.intp]) -> tuple[Float32, Float32]:
    """As `mixture_kernel.sums_of_states`, by NumPy: states with equally many Gaussians together."""
    sizes = np.diff(offsets)
    peaks, totals = np.empty((2, joint.shape[1], len(sizes)), np.float32)
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        theirs = joint[offsets[alike][:, None] + np.arange(size)]
        peak = theirs.max(axis=1)
        theirs -= peak[:, None]
        np.exp(theirs, out=theirs)
        peaks[:, alike], totals[:, alike] = peak.T, theirs.sum(axis=1).T
    return peaks, totals
