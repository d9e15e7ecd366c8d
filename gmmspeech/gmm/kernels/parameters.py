"""A mixture in the form in which the kernels evaluate it.

With z = (x - shift) * scale, the log density and log weight of every component are one matrix product:

    log w_k N(x; mu_k, sigma_k^2) = [z, z**2, 1] @ matrix[:, k]

Shift and scale are the mean and inverse deviation of the mixture itself. After one EM update they are those of
the data, so frames far from zero (mean 1e3, deviation 1) lose no digits to float32, and as they are a
function of the parameters alone, no other pass over the data and no other state is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A component this much narrower than the whole is evaluated in float64: [z, z**2, 1] @ matrix cancels terms of
# size (deviation ratio)**-2, of which float32 keeps seven digits.
NARROW = 1e-2


@dataclass(frozen=True)
class KernelParameters:
    """Packed mixture: see the module's text.

    Attributes
    ----------
    shift, scale : ndarray, shape (D,), float64
    matrix : ndarray, shape (2D + 1, K), float64
        Rows for z, z**2 and 1.
    matrix32 : ndarray, shape (2D + 1, K), float32
        The same for float32 frames.
    narrow : ndarray of int, shape (n,)
        Components that need float64 whatever the frames are.
    """

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    matrix: NDArray[np.float64]
    matrix32: NDArray[np.float32]
    narrow: NDArray[np.intp]

    @property
    def num_components(self) -> int:
        """K."""
        return int(self.matrix.shape[1])

    @property
    def dim(self) -> int:
        """D."""
        return len(self.shift)


def pack(weights: NDArray[np.float64], means: NDArray[np.float64], variances: NDArray[np.float64]) -> KernelParameters:
    """Pack a mixture for the kernels.

    Parameters
    ----------
    weights : ndarray, shape (K,)
    means, variances : ndarray, shape (K, D)

    Examples
    --------
    >>> import numpy as np
    >>> p = pack(np.array([1.0]), np.array([[5.0]]), np.array([[4.0]]))
    >>> p.shift, p.scale
    (array([5.]), array([0.5]))
    """
    shift = weights @ means
    deviation = np.sqrt(weights @ (variances + (means - shift) ** 2))
    scale = 1.0 / deviation
    z_means = (means - shift) * scale
    z_variances = variances * scale**2
    with np.errstate(divide="ignore"):  # a weight of zero is a component that never answers
        log_weights = np.log(weights)
    # log |scale| brings the density of z back to that of x
    constants = (
        log_weights + np.log(scale).sum() - 0.5 * (np.log(2 * np.pi * z_variances) + z_means**2 / z_variances).sum(1)
    )
    matrix = np.concatenate([(z_means / z_variances).T, (-0.5 / z_variances).T, constants[None]])
    narrow = np.flatnonzero(z_variances.min(axis=1) < NARROW**2)
    return KernelParameters(shift, scale, matrix, matrix.astype(np.float32), narrow)
