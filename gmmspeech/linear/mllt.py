"""MLLT (semi-tied covariance): one linear transform after which diagonal covariances fit best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import single_threaded_blas
from gmmspeech.checks import check_at_least
from gmmspeech.errors import ModelError
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
class MLLTStats(Additive):
    """Statistics for MLLT of frames under diagonal Gaussians; those under the same Gaussians add."""

    n: NDArray[np.float64]
    sum_x: NDArray[np.float64]
    moments: NDArray[np.float64]


@single_threaded_blas()  # the last bits would depend on its threads
def accumulate_mllt(
    frames: NDArray[np.floating],
    posteriors: ComponentPosteriors,
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> MLLTStats:
    """Statistics for MLLT.

    Costs about 2 K D + D**3 / 2 multiplications a frame; sparse posteriors reduce the first term to the components
    that they hold. The means enter once at the end (see `mllt`), not here.

    Shapes: `frames` (T, D), `posteriors` (T, K), `means` (K, D), `variances` (K, D).
    """
    x = frames_of_model(frames, posteriors, means, variances)
    return MLLTStats(occupancy(posteriors), posteriors.T @ x, weighted_moments(posteriors @ (1 / variances), x))


@single_threaded_blas()  # the last bits would depend on its threads
def mllt(
    stats: MLLTStats, means: NDArray[np.float64], variances: NDArray[np.float64], *, max_iter: int = 100
) -> NDArray[np.float64]:
    r"""Maximum-likelihood linear transform (Gales 1999, "Semi-tied covariance matrices for hidden Markov models").

    Frames x become A x, means μ_k become A μ_k, variances σ²_kd stay. The auxiliary function of EM is that of
    `gmmspeech.linear.rows.objective` with k = 0 and the moments of frames about the means.

    Shapes: `means` (K, D), `variances` (K, D); gives A, (D, D).
    """
    check_at_least(1, max_iter=max_iter)
    if not stats.sum_x.shape == means.shape == variances.shape:
        raise ModelError(
            f"MLLT: found statistics of shape {stats.sum_x.shape}, means {means.shape} and variances "
            f"{variances.shape}, expected (components, dimension) to agree"
        )
    beta, dim = float(stats.n.sum()), means.shape[1]
    moments = np.empty_like(stats.moments)
    rest = stats.sum_x - 0.5 * stats.n[:, None] * means
    for d in range(dim):
        cross = (rest / variances[:, d, None]).T @ means
        moments[d] = stats.moments[d] - cross - cross.T
    check_determined(moments, "MLLT", beta, stats.moments)
    return ascend(np.eye(dim), beta, np.zeros((dim, dim)), moments, max_iter)
