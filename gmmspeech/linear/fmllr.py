"""FMLLR, or constrained MLLR: an affine transform a speaker that brings the speaker's frames to the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import single_threaded_blas
from gmmspeech.checks import check_at_least
from gmmspeech.errors import ConfigError
from gmmspeech.linear.rows import ascend, best_row, objective
from gmmspeech.linear.statistics import (
    Additive,
    ComponentPosteriors,
    check_determined,
    frames_of_model,
    occupancy,
    weighted_moments,
)


@dataclass(frozen=True, eq=False)
class FMLLRStats(Additive):
    """Statistics for fMLLR of frames under diagonal Gaussians; those under the same Gaussians add.

    With the extended frames ``xi_t = [x_t, 1]``:
    """

    beta: float
    k: NDArray[np.float64]
    g: NDArray[np.float64]


@single_threaded_blas()  # the last bits would depend on its threads
def accumulate_fmllr(
    frames: NDArray[np.floating],
    posteriors: ComponentPosteriors,
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> FMLLRStats:
    """Statistics for fMLLR of one speaker's frames.

    Costs about 2 K D + D**3 / 2 multiplications a frame; sparse posteriors reduce the first term to the components
    that they hold.

    Shapes: `frames` (T, D), `posteriors` (T, K), `means` (K, D), `variances` (K, D).
    """
    x = frames_of_model(frames, posteriors, means, variances)
    extended = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    return FMLLRStats(
        float(occupancy(posteriors).sum()),
        (posteriors @ (means / variances)).T @ extended,
        weighted_moments(posteriors @ (1 / variances), extended),
    )


@single_threaded_blas()  # the last bits would depend on its threads
def fmllr(
    stats: FMLLRStats, *, update: str = "full", min_count: float = 500.0, max_iter: int = 40
) -> tuple[NDArray[np.float64], float]:
    r"""Feature-space (constrained) MLLR transform of a speaker.

    Gales (1998), "Maximum likelihood linear transformations for HMM-based speech recognition". Frames x
    become A x + b, the model stays. With rows w_d of W = [A, b], the auxiliary function of EM is

    Gives `transform` (D, D + 1).
    """
    if update not in ("full", "diagonal", "offset"):
        raise ConfigError(f"update: found {update!r}, expected full, diagonal or offset")
    check_at_least(1, max_iter=max_iter)
    beta, k, g = stats.beta, stats.k, stats.g
    identity = np.eye(*k.shape)
    if beta < min_count:
        return identity, 0.0
    if update == "full":
        check_determined(g, "fMLLR", beta)
        transform = ascend(identity, beta, k, g, max_iter)
    elif update == "diagonal":
        transform = _diagonal(beta, k, g)
    else:
        transform = _offset(beta, k, g)
    return transform, (objective(transform, beta, k, g) - objective(identity, beta, k, g)) / beta


def _diagonal(beta: float, k: NDArray[np.float64], g: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best [A, b] with a diagonal A: every dimension is a transform of one row."""
    transform = np.zeros_like(k)
    for d in range(len(k)):
        scale_and_offset = [d, len(k)]
        part = g[np.ix_([d], scale_and_offset, scale_and_offset)][0]
        check_determined(part, f"fMLLR, dimension {d}", beta)
        inverse = np.linalg.inv(part)
        row = best_row(np.ones(1), beta, k[d, scale_and_offset] @ inverse, inverse[:1])
        transform[d, scale_and_offset] = row
    return transform


def _offset(beta: float, k: NDArray[np.float64], g: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best [I, b]: the maximum of a parabola in each dimension."""
    check_determined(g[:, -1:, -1:], "fMLLR", beta)
    transform = np.eye(*k.shape)
    each = np.arange(len(k))
    transform[:, -1] = (k[:, -1] - g[each, each, -1]) / g[:, -1, -1]
    return transform
