"""A mixture in the form that the kernels evaluate, and statistics in the form that they return.

With z = (x - shift) * scale, the log density and log weight of every component are one matrix product:

    log w_k N(x; mu_k, sigma_k^2) = [1, z, z**2] @ matrix[:, k]

Shift and scale are the mean and inverse standard deviation of the mixture itself. After one EM update they are those of
the data, so frames far from zero (mean 1e3, deviation 1) lose no digits to float32. As they depend only on the
parameters, no other pass over the data and no other state is needed.

The product cancels: terms of (mean / deviation)**2 leave a density of order one. The compiled kernel computes the
squares of (z - mean) / deviation instead, in as many operations, which loses digits only with the first power.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gmmspeech.gmm.stats import GMMStats

# A component this much narrower than the whole is evaluated in float64: [1, z, z**2] @ matrix cancels terms of size
# (deviation ratio)**-2, of which float32 keeps seven digits. If many are so narrow, or one much more, all are.
NARROW = 5e-2
MUCH_NARROWER = 5e-3
FEW = 0.125  # of all components: for more of them, a product of their own in float64 takes as long as one of all
FAR = 3 / NARROW  # deviations between a component's mean and the background's, with the same loss of digits

Mixture = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # weights, means, variances


@dataclass(frozen=True, eq=False)
class KernelParameters:
    """Packed mixture: see the module's text.

    Attributes
    ----------
    shift, scale : ndarray, shape (D,), float64
    constants : ndarray, shape (K,), float64
        Log weight and log density of every component at its mean.
    means, variances : ndarray, shape (K, D), float64
        Of z.
    """

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    constants: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]

    @property
    def num_components(self) -> int:
        """K."""
        return len(self.constants)

    @property
    def dim(self) -> int:
        """D."""
        return len(self.shift)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """Rows for 1, z and z**2, shape (2D + 1, K)."""
        constants = self.constants - 0.5 * (self.means**2 / self.variances).sum(axis=1)
        return np.concatenate([constants[None], (self.means / self.variances).T, (-0.5 / self.variances).T])

    @cached_property
    def narrow(self) -> NDArray[np.intp]:
        """Numbers of the components that float32 is not enough for."""
        return np.flatnonzero(self.variances.min(axis=1) < NARROW**2)

    @cached_property
    def in_float32(self) -> bool:
        """Whether frames in float32 may stay so: all components are wide enough but for a few, evaluated apart."""
        return len(self.narrow) <= FEW * self.num_components and self.narrowest >= MUCH_NARROWER

    @cached_property
    def narrowest(self) -> float:
        """Least deviation of a component, that of the whole being one."""
        return float(np.sqrt(self.variances.min()))

    @cached_property
    def matrix32(self) -> NDArray[np.float32]:
        """The matrix for float32 frames."""
        return self.matrix.astype(np.float32)


@dataclass(frozen=True, eq=False)
class ModelStack:
    """Models side by side, as what their log densities have more than their background model's.

    Attributes
    ----------
    background : KernelParameters
    differences : ndarray, shape (groups, K, 1 + D or 1 + 2D, columns)
        Rows for 1, y and y**2, where y is z less the background component's mean; the models, of which the background
        itself, all zeros, is the first, in groups.
    num_models : int
        Without the background.
    """

    background: KernelParameters
    differences: NDArray
    num_models: int

    def astype(self, dtype: DTypeLike) -> ModelStack:
        """Give the same models in another type of numbers."""
        return ModelStack(self.background, self.differences.astype(dtype), self.num_models)


def pack(
    weights: NDArray[np.float64],
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
    *,
    like: KernelParameters | None = None,
) -> KernelParameters:
    """Pack a mixture for the kernels."""
    if like is None:
        shift = weights @ means
        scale = 1.0 / np.sqrt(weights @ (variances + (means - shift) ** 2))
    else:
        shift, scale = like.shift, like.scale
    z_variances = variances * scale**2
    with np.errstate(divide="ignore"):  # a weight of zero is a component that never answers
        log_weights = np.log(weights)
    # log |scale| brings the density of z back to that of x
    constants = log_weights + np.log(scale).sum() - 0.5 * np.log(2 * np.pi * z_variances).sum(axis=1)
    return KernelParameters(shift, scale, constants, (means - shift) * scale, z_variances)


def working_frames(frames: NDArray, parameters: KernelParameters, narrow: float | None = None) -> NDArray:
    """Frames in the type they are evaluated in: float32 unless they have more digits, or components need more.

    They do where one is narrower than `narrow`, without it as `KernelParameters.in_float32` says.
    """
    wide = parameters.in_float32 if narrow is None else parameters.narrowest >= narrow
    return frames if frames.dtype == np.float32 and wide else frames.astype(np.float64, copy=False)


def stack_models(
    background: Mixture,
    models: Sequence[Mixture],
    *,
    dtype: DTypeLike,
    columns: int,
    unit: float = 1.0,
    narrow: float = NARROW,
) -> ModelStack:
    """Put models side by side for scoring against their background model.

    Models that share its variances, as those adapted in their means do, differ in the rows for 1 and y only.
    """
    base = pack(*background)
    num_components, dim = base.means.shape
    same_variances = all(np.array_equal(m[2], background[2]) for m in models)
    num_terms = 1 + dim if same_variances else 1 + 2 * dim
    packed = [pack(*model, like=base) for model in models]
    far = any((np.abs(m.means - base.means) > FAR * np.sqrt(m.variances)).any() for m in packed)
    single = np.dtype(dtype) == np.float32 and base.narrowest >= narrow and not far
    groups = -(-(1 + len(models)) // columns)
    stacked = np.zeros((groups, num_components, num_terms, columns), np.float32 if single else np.float64)
    never = np.isneginf(base.constants)  # of no weight: -inf in either, and never chosen
    for number, model in enumerate(packed, start=1):
        moved = model.means - base.means
        here = stacked[number // columns, :, :, number % columns]
        here[:, 0] = model.constants - np.where(never, 0, base.constants) - 0.5 * (moved**2 / model.variances).sum(1)
        here[:, 1 : 1 + dim] = moved / model.variances
        if not same_variances:
            here[:, 1 + dim :] = 0.5 / base.variances - 0.5 / model.variances
        here /= unit
    return ModelStack(base, stacked, len(models))


def unscaled(
    sums: NDArray[np.float64], parameters: KernelParameters, log_likelihood: float, num_frames: float
) -> GMMStats:
    """Statistics of x from sums (K, 2D + 1) of the posteriors times 1, z and z**2, where z = (x - shift) * scale."""
    dim = parameters.dim
    n = sums[:, 0].copy()
    centered = sums[:, 1 : 1 + dim] / parameters.scale  # sum of gamma (x - shift)
    sum_x = centered + n[:, None] * parameters.shift
    squares = sums[:, 1 + dim :] / parameters.scale**2
    sum_xx = squares + parameters.shift * (centered + sum_x)
    return GMMStats(n, sum_x, sum_xx, log_likelihood, num_frames, parameters.shift, squares)
