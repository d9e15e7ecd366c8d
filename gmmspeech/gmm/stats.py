"""Sufficient statistics of a diagonal-covariance mixture: what EM and MAP need of the frames, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import ModelError


@dataclass(frozen=True)
class GMMStats:
    """Zeroth-, first- and second-order statistics of frames under a mixture of K components.

    Statistics add: those of two sets of frames are the sum of the sets' statistics, whichever machine counted
    them. Everything that trains or adapts a model here rests on that.

    Parameters
    ----------
    n : ndarray, shape (K,), float64
        Expected number of frames a component, ``sum_t gamma_tk``.
    sum_x : ndarray, shape (K, D), float64
        ``sum_t gamma_tk x_t``.
    sum_xx : ndarray, shape (K, D), float64
        ``sum_t gamma_tk x_t**2``.
    log_likelihood : float
        Log-likelihood of all the frames, in nats.
    num_frames : float
        Number of frames (their summed weights, where frames are weighted).

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gmm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> a, b = gmm.accumulate(np.array([[1.0]])), gmm.accumulate(np.array([[3.0]]))
    >>> (a + b).sum_x
    array([[4.]])
    """

    n: NDArray[np.float64]
    sum_x: NDArray[np.float64]
    sum_xx: NDArray[np.float64]
    log_likelihood: float
    num_frames: float

    def __add__(self, other: GMMStats | int) -> GMMStats:
        if isinstance(other, int) and other == 0:  # what sum() starts from
            return self
        if not isinstance(other, GMMStats):
            return NotImplemented
        if self.sum_x.shape != other.sum_x.shape:
            raise ModelError(f"statistics of shape {self.sum_x.shape} and {other.sum_x.shape} (K, D) do not add")
        return GMMStats(
            self.n + other.n,
            self.sum_x + other.sum_x,
            self.sum_xx + other.sum_xx,
            self.log_likelihood + other.log_likelihood,
            self.num_frames + other.num_frames,
        )

    __radd__ = __add__
