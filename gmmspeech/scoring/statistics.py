"""Likelihood ratios from sufficient statistics: every model against every test in one matrix product.

With the alignment of frames to components held to the background model's, the log-likelihood ratio of a model is
linear in the statistics of the test (the "channel point estimate" scoring with UBM alignment of Glembek et al.,
ICASSP 2009, without a channel): no frame is touched again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import FeatureError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats


def statistics_llr(models: Sequence[DiagonalGMM], ubm: DiagonalGMM, stats: Sequence[GMMStats]) -> NDArray[np.float64]:
    r"""Mean log-likelihood ratios a frame, frames aligned to components as the background model does.

    .. math:: \frac{1}{T} \sum_k \sum_t \gamma_{tk}
              \log \frac{\hat w_k N(x_t; \hat\mu_k, \hat\sigma_k^2)}{w_k N(x_t; \mu_k, \sigma_k^2)}

    which is the gain of EM's auxiliary function, and so a lower bound of the log-likelihood ratio.

    Parameters
    ----------
    models : sequence of DiagonalGMM
        Adaptations of `ubm`.
    ubm : DiagonalGMM
    stats : sequence of GMMStats
        Statistics of the tests under `ubm`.

    Returns
    -------
    ndarray, shape (number of models, number of tests), float64
        In nats.

    Raises
    ------
    ModelError
        A model or statistics of another size than the background model.
    FeatureError
        Statistics of no frames.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> from gmmspeech.scoring.statistics import statistics_llr
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> model = gs.DiagonalGMM.from_parameters([1.0], [[1.0]], [[1.0]])
    >>> statistics_llr([model], ubm, [ubm.accumulate(np.array([[1.0], [2.0]]))])
    array([[1.]])
    """
    for model in models:
        if model.means_.shape != ubm.means_.shape:
            raise ModelError(f"found a model of shape {model.means_.shape} (components, dimension), "
                             f"expected the background model's {ubm.means_.shape}")  # fmt: skip
    for test in stats:
        if test.sum_x.shape != ubm.means_.shape:
            raise ModelError(f"found statistics of shape {test.sum_x.shape} (components, dimension), "
                             f"expected the background model's {ubm.means_.shape}")  # fmt: skip
        if not test.num_frames > 0:
            raise FeatureError("found statistics of 0 frames, expected one or more")
    background = _natural_parameters(ubm)
    gains = np.stack([_natural_parameters(model) - background for model in models])
    return gains @ np.stack([_supervector(test) / test.num_frames for test in stats], axis=1)


def _natural_parameters(gmm: DiagonalGMM) -> NDArray[np.float64]:
    """Vector whose product with `_supervector` is the sum of n log(w N(x)), but for a constant."""
    precisions = 1 / gmm.covariances_
    with np.errstate(divide="ignore"):
        log_weights = np.maximum(np.log(gmm.weights_), -1e6)  # finite, lest inf - inf arise where nobody speaks
    constants = log_weights + 0.5 * np.log(precisions).sum(axis=1) - 0.5 * (gmm.means_**2 * precisions).sum(axis=1)
    return np.concatenate([(gmm.means_ * precisions).ravel(), (-0.5 * precisions).ravel(), constants])


def _supervector(stats: GMMStats) -> NDArray[np.float64]:
    return np.concatenate([stats.sum_x.ravel(), stats.sum_xx.ravel(), stats.n])
