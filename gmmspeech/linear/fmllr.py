"""FMLLR (constrained MLLR): an affine transform per speaker that adapts the speaker's frames to the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import single_threaded_blas
from gmmspeech.checks import check_at_least
from gmmspeech.linear.rows import ascend
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

    With ξ_t = [x_t, 1] and posteriors γ_tk: ``beta`` is their sum, ``k`` (D, D + 1) has the rows
    Σ_tk γ_tk μ_kd / σ²_kd ξ_t, and ``g`` (D, D + 1, D + 1) the matrices Σ_tk γ_tk / σ²_kd ξ_t ξ_tᵀ.
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
def fmllr(stats: FMLLRStats, *, max_iter: int = 40) -> NDArray[np.float64]:
    r"""Feature-space (constrained) MLLR transform of a speaker, W = [A, b], shape (D, D + 1).

    Gales (1998), "Maximum likelihood linear transformations for HMM-based speech recognition". Frames x become
    A x + b, the model stays. The auxiliary function of EM is that of `gmmspeech.linear.rows.objective`.
    """
    check_at_least(1, max_iter=max_iter)
    check_determined(stats.g, "fMLLR", stats.beta)
    return ascend(np.eye(*stats.k.shape), stats.beta, stats.k, stats.g, max_iter)
