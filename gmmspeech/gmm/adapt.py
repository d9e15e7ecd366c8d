"""Relevance MAP adaptation of a background model to a speaker, a phone, a channel."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_at_least
from gmmspeech.errors import ConfigError, ModelError
from gmmspeech.gmm import floors
from gmmspeech.gmm.frames import as_frames
from gmmspeech.gmm.full import GMM
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats

Adapted = TypeVar("Adapted", DiagonalGMM, GMM)


@checked
def map_adapt(
    ubm: Adapted,
    data: NDArray | GMMStats,
    *,
    relevance_factor: float = 16.0,
    update: str = "m",
    sample_weight: ArrayLike | None = None,
) -> Adapted:
    r"""Adapt a mixture to a small amount of data by relevance MAP (Reynolds, Quatieri and Dunn 2000, equations 11-13).

    With the statistics n, E(x) = sum_x / n, E(x²) = sum_xx / n and α = n / (n + r) of each component,

    - weights: ŵ = γ (α n / T + (1 - α) w), γ making them sum to one;
    - means: μ̂ = α E(x) + (1 - α) μ;
    - variances: σ̂² = α E(x²) + (1 - α) (σ² + μ²) - μ̂², which is α E((x - μ)²) + (1 - α) σ² - (μ̂ - μ)². If means are
      not adapted, μ̂ is μ in the latter form, as in Kaldi. Variances are floored as in training
      (`gmmspeech.gmm.floors`), but not raised above those of the background model.

    Parameters
    ----------
    ubm : DiagonalGMM or GMM
        Background model, the prior. Covariances of a `GMM` are not adapted.
    data : ndarray, shape (T, D), or GMMStats
        Frames of the speaker, or their statistics under `ubm`.
    relevance_factor : float
        r, in frames: a component with r frames moves half of the way. At least 0.
    update : str
        Parameters to adapt: any of the letters "m" (means), "v" (variances) and "w" (weights).
    sample_weight : array_like, shape (T,), optional
        A frame of weight 2 counts as two frames.

    Returns
    -------
    DiagonalGMM or GMM
        Parameters that are not adapted are those of the background model.

    Raises
    ------
    ConfigError
        A letter other than m, v, w; v with covariances that are not diagonal; a negative relevance factor; sample
        weights together with statistics.
    ModelError
        Statistics with another number of components or dimension.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> gs.map_adapt(ubm, np.full((16, 1), 2.0), relevance_factor=16).means_
    array([[1.]])
    """
    if not update or set(update) - set("mvw"):
        raise ConfigError(f"update: found {update!r}, expected one or more of the letters m, v, w")
    if "v" in update and not isinstance(ubm, DiagonalGMM):
        raise ConfigError(
            f"update: found {update!r} with a {type(ubm).__name__}, expected m or w: means and weights only"
        )
    check_at_least(0, relevance_factor=relevance_factor)
    weights, means, variances = ubm.parameters()
    if isinstance(data, GMMStats) and sample_weight is not None:
        raise ConfigError("sample_weight: goes with frames, found statistics, which have theirs already")
    stats = data if isinstance(data, GMMStats) else ubm.accumulate(data, sample_weight=sample_weight)
    if stats.sum_x.shape != ubm.means_.shape:
        raise ModelError(
            f"statistics: found shape {stats.sum_x.shape} (components, dimension), "
            f"expected the model's {ubm.means_.shape}"
        )
    seen = np.maximum(stats.n, np.finfo(np.float64).tiny)
    alpha = np.where(stats.n > 0, stats.n / (seen + relevance_factor), 0.0)
    column = alpha[:, None]
    if "w" in update and stats.n.sum() > 0:
        weights = alpha * stats.n / stats.n.sum() + (1 - alpha) * weights
        weights = weights / weights.sum()
    if "m" in update:
        means = column * (stats.sum_x / seen[:, None]) + (1 - column) * ubm.means_
    if "v" in update:
        # about the background model's means, so that no digit is lost where those are far from zero
        spread = column * (stats.squares_about(ubm.means_) / seen[:, None]) + (1 - column) * variances
        assert isinstance(ubm, DiagonalGMM)
        lowest = np.minimum(ubm.absolute_variance_floor(), variances)
        variances = np.maximum(spread - (means - ubm.means_) ** 2, lowest)
    adapted = ubm.with_parameters(weights, means, variances)
    if not isinstance(data, GMMStats):
        floors.warn_if_coarse("map_adapt", as_frames(data), [adapted])
    return adapted
