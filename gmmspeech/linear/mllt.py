"""MLLT, or a semi-tied covariance: one rotation and scaling after which diagonal covariances fit best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.checks import check_at_least
from gmmspeech.errors import ModelError
from gmmspeech.linear.rows import ascend, objective
from gmmspeech.linear.statistics import (
    Additive,
    Posteriors,
    check_determined,
    frames_of_model,
    occupancy,
    weighted_moments,
)


@dataclass(frozen=True)
class MLLTStats(Additive):
    """Statistics for MLLT of frames under diagonal Gaussians; those under the same Gaussians add.

    Parameters
    ----------
    n : ndarray, shape (K,), float64
        ``sum_t gamma_tk``.
    sum_x : ndarray, shape (K, D), float64
        ``sum_t gamma_tk x_t``.
    moments : ndarray, shape (D, D, D), float64
        For each dimension d ``sum_t (sum_k gamma_tk / var_kd) x_t x_t^T``.
    """

    n: NDArray[np.float64]
    sum_x: NDArray[np.float64]
    moments: NDArray[np.float64]


def accumulate_mllt(
    frames: NDArray[np.floating], posteriors: Posteriors, means: NDArray[np.float64], variances: NDArray[np.float64]
) -> MLLTStats:
    """Statistics for MLLT.

    Costs about 2 K D + D**3 / 2 multiplications a frame; sparse posteriors reduce the first term to the components
    that they hold. The means enter once at the end (see `mllt`), not here.

    Parameters
    ----------
    frames : ndarray, shape (T, D)
    posteriors : ndarray or scipy.sparse array, shape (T, K)
        gamma_tk, by the components of one mixture or of all states' mixtures side by side.
    means, variances : ndarray, shape (K, D)

    Returns
    -------
    MLLTStats

    Raises
    ------
    ModelError, FeatureError
        Shapes that don't fit; NaN or infinity in a frame.

    Examples
    --------
    >>> import numpy as np
    >>> stats = accumulate_mllt(np.array([[1.0], [3.0]]), np.ones((2, 1)), np.array([[2.0]]), np.array([[0.5]]))
    >>> (stats + stats).moments
    array([[[40.]]])
    """
    x = frames_of_model(frames, posteriors, means, variances)
    return MLLTStats(occupancy(posteriors), posteriors.T @ x, weighted_moments(posteriors @ (1 / variances), x))


def mllt(
    stats: MLLTStats, means: NDArray[np.float64], variances: NDArray[np.float64], *, max_iter: int = 100
) -> tuple[NDArray[np.float64], float]:
    r"""Maximum-likelihood linear transform (Gales 1999, "Semi-tied covariance matrices for hidden Markov models").

    Frames x become A x, means μ_k become A μ_k, variances σ²_kd stay. The auxiliary function of EM then is

        Q(A) = β log |det A| - ½ Σ_d a_d G_d a_dᵀ,    G_d = Σ_k Σ_t γ_tk (x_t - μ_k)(x_t - μ_k)ᵀ / σ²_kd

    with the rows a_d of A and β = Σ γ_tk. It is maximized a row at a time, the other rows held,
    starting from the identity. With n_k = Σ_t γ_tk and s_k = Σ_t γ_tk x_t,

        G_d = Σ_t (Σ_k γ_tk / σ²_kd) x_t x_tᵀ - H_d - H_dᵀ,    H_d = Σ_k (s_k - ½ n_k μ_k) μ_kᵀ / σ²_kd

    so that no Gaussian needs a full covariance of its own.

    Let M be the transform that made these frames (LDA, say). The new one is A M, and the model that goes with it has
    means ``apply_transform(means, A)`` and the variances as they are; EM re-estimates both from then on. The
    likelihood of the frames x under the new model is that of A x plus ``log_determinant(A)``; it gains at least what
    is returned here.

    Parameters
    ----------
    stats : MLLTStats
        Accumulated with the same means and variances.
    means, variances : ndarray, shape (K, D)
    max_iter : int
        Sweeps over the rows, at most; they end early when one gains less than 1e-8 nats a frame.

    Returns
    -------
    transform : ndarray, shape (D, D), float64
        A.
    gain : float
        Q(A) - Q(I), in nats a frame; never negative but for rounding.

    Raises
    ------
    ConfigError
        `max_iter` below 1.
    ModelError
        Shapes that don't fit, or too few frames for an A.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(500, 2)) @ np.array([[1.0, 0.9], [0.0, 0.4]])
    >>> mean, variance = x.mean(axis=0)[None], x.var(axis=0)[None]
    >>> A, gain = mllt(accumulate_mllt(x, np.ones((500, 1)), mean, variance), mean, variance)
    >>> bool(gain > 0.5), abs(np.corrcoef((x @ A.T).T)[0, 1]).round(6)
    (True, np.float64(0.0))
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
    check_determined(moments, "MLLT", beta)
    no_linear_term, start = np.zeros((dim, dim)), np.eye(dim)
    transform = ascend(start, beta, no_linear_term, moments, max_iter)
    gain = objective(transform, beta, no_linear_term, moments) - objective(start, beta, no_linear_term, moments)
    return transform, gain / beta
