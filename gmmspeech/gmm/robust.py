"""Robust fits of mixtures: a uniform background takes the outliers, which no component explains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import median_abs_deviation

from gmmspeech.arguments import checked, random_state_of
from gmmspeech.checks import check_at_least
from gmmspeech.errors import FeatureError
from gmmspeech.gmm import em, floors
from gmmspeech.gmm.floors import CONSTANT_COLUMN_VARIANCE
from gmmspeech.gmm.frames import as_table, check_names
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.mixture import DiagonalGMM

FIRST_SHARE = 0.1  # of outliers, before the first update
SMALLEST_SHARE = 1e-6


class RobustFit(NamedTuple):
    """Result of `fit_robust`.

    Attributes
    ----------
    gmm : DiagonalGMM
        The mixture of the frames that are not outliers; its weights sum to one.
    outlier_probability : ndarray, shape (N,), float64
        Posterior of the background for each frame.
    outlier_share : float
        ε, the prior of the background.
    log_likelihood : float
        Mean per frame in nats, under mixture and background together.
    """

    gmm: DiagonalGMM
    outlier_probability: NDArray[np.float64]
    outlier_share: float
    log_likelihood: float


@checked
def fit_robust(gmm: DiagonalGMM, X: ArrayLike, *, n_init: int = 10) -> RobustFit:
    r"""Fit a mixture to frames with outliers.

    The density is :math:`(1 - \epsilon) \sum_k w_k N(x; \mu_k, \sigma_k^2) + \epsilon / V`, where V is the volume of
    the box around all frames (Banfield and Raftery 1993). EM also estimates ε: each frame counts with the probability
    that it is not an outlier. EM starts from randomly drawn frames (k-means would take outliers for clusters), with
    variances from median deviations. The best of several starts is kept.

    On data without outliers the fit is slightly worse, because the box is tight around them and the background takes
    their edges.

    Parameters
    ----------
    gmm : DiagonalGMM
        Its options (components, iterations, tolerance, variance floor, seed, backend, threads) are used; it is not
        changed.
    X : array_like, shape (N, D)
        Frames, in memory.
    n_init : int
        Number of starts.

    Returns
    -------
    RobustFit

    Raises
    ------
    ConfigError
        `n_init` is below 1.
    FeatureError
        Frames that are not (N, D) and finite, or not more frames than components.

    References
    ----------
    J. D. Banfield and A. E. Raftery, "Model-based Gaussian and non-Gaussian clustering", Biometrics 49, 1993.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (800, 2)), rng.uniform(-20, 20, (200, 2))])
    >>> plain = gs.DiagonalGMM(1).fit(X)
    >>> robust = gs.gmm.fit_robust(gs.DiagonalGMM(1, random_state=0), X)
    >>> plain.covariances_.round(), robust.gmm.covariances_.round(), round(robust.outlier_share, 2)
    (array([[29., 29.]]), array([[1., 1.]]), 0.2)
    """
    check_at_least(1, n_init=n_init)
    check_names(gmm, X, reset=False)
    frames = as_table(X)
    if frames.ndim != 2 or len(frames) <= gmm.n_components:
        expected = f"(N, D) with N above {gmm.n_components}, the number of components"
        raise FeatureError(f"found frames of shape {frames.shape}, expected {expected}")
    rng = random_state_of(gmm.random_state)
    variance, edges = _robust_variance(frames), np.ptp(frames, axis=0)
    log_volume = np.log(edges, where=edges > 0, out=np.zeros(len(edges))).sum()
    starts = [frames[rng.choice(len(frames), gmm.n_components, replace=False)] for _ in range(n_init)]
    fits = [_fit_once(gmm, frames, means, variance, log_volume) for means in starts]
    best = max(fits, key=lambda fit: fit.log_likelihood)
    floors.warn("fit_robust", [best.gmm])
    floors.warn_if_coarse("fit_robust", frames, [best.gmm])
    return best


def _fit_once(
    options: DiagonalGMM, frames: NDArray, means: NDArray, variance: NDArray[np.float64], log_volume: float
) -> RobustFit:
    k = options.n_components
    parameters: Parameters = (np.full(k, 1 / k), means.astype(np.float64), np.tile(variance, (k, 1)))
    share, last, floored, floor = FIRST_SHARE, -np.inf, 0, None
    for iteration in range(options.max_iter + 1):
        gmm = DiagonalGMM.from_parameters(*parameters, **options.get_params(deep=False))
        inside, outside = np.log1p(-share) + gmm.score_samples(frames), np.log(share) - log_volume
        log_likelihood = float(np.logaddexp(inside, outside).mean())
        weight = expit(inside - outside)
        if log_likelihood - last < options.tol or iteration == options.max_iter:
            break
        last = log_likelihood
        tiny = np.finfo(np.float64).tiny
        stats = gmm.accumulate(frames, sample_weight=np.maximum(weight, tiny))
        floor = floors.of_groups(options.variance_floor, stats.n, *stats.moments(np.maximum(stats.n, tiny)))
        parameters, floored = em.update(stats, floor, previous=parameters)
        share = float(np.clip(1 - weight.mean(), SMALLEST_SHARE, 1 - SMALLEST_SHARE))
    gmm.floor_, gmm.num_floored_ = floor, floored
    return RobustFit(gmm, 1 - weight, share, log_likelihood)


def _robust_variance(frames: NDArray) -> NDArray[np.float64]:
    """Square of the median absolute deviation scaled to the normal's; the variance where more than half are equal."""
    deviation = median_abs_deviation(frames.astype(np.float64), axis=0, scale="normal")
    variance = np.where(deviation > 0, deviation**2, frames.var(axis=0, dtype=np.float64))
    return np.where(variance > 0, variance, CONSTANT_COLUMN_VARIANCE)
