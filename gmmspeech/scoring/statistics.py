"""Likelihood ratios from sufficient statistics: every model against every test in one matrix product.

If frames are aligned to components by the background model, the log-likelihood ratio of a model is linear in the
statistics of the test (the "channel point estimate" scoring with UBM alignment of Glembek et al., ICASSP 2009, without
a channel), and the frames are no longer needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_shape
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import Statistics, StatsBatch, check_of_ubm, stats_batches
from gmmspeech.scoring.linear import BATCH


@checked
def statistics_llr(models: Sequence[DiagonalGMM], ubm: DiagonalGMM, stats: Statistics) -> NDArray[np.float64]:
    r"""Mean log-likelihood ratio per frame, with frames aligned to components by the background model.

    .. math:: \frac{1}{T} \sum_k \sum_t \gamma_{tk}
              \log \frac{\hat w_k N(x_t; \hat\mu_k, \hat\sigma_k^2)}{w_k N(x_t; \mu_k, \sigma_k^2)}

    which is the gain of EM's auxiliary function, and therefore a lower bound of the log-likelihood ratio.

    Parameters
    ----------
    models : sequence of DiagonalGMM
        Adaptations of `ubm`.
    ubm : DiagonalGMM
    stats : sequence of GMMStats, or StatisticsStore
        Statistics of the tests under `ubm`; a store needs its second-order sums.

    Returns
    -------
    ndarray, shape (number of models, number of tests), float64
        In nats.

    Raises
    ------
    ModelError
        A model or statistics of a size other than the background model's; stored statistics of another background
        model.
    FeatureError
        Statistics of no frames, not finite, of another front end, or stored without second-order sums.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> from gmmspeech.scoring.statistics import statistics_llr
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> model = gs.DiagonalGMM.from_parameters([1.0], [[1.0]], [[1.0]])
    >>> statistics_llr([model], ubm, [ubm.accumulate(np.array([[1.0], [2.0]]))])
    array([[1.]])
    """
    shape = ubm.means_.shape
    check_of_ubm(stats, ubm)
    for i, model in enumerate(models):
        check_shape(f"model {i}", model.means_, shape)
    background = _natural_parameters(ubm)
    gains = np.array([_natural_parameters(model) - background for model in models]).reshape(-1, len(background))
    batches = stats_batches(stats, shape, BATCH, second_order=True)
    return np.concatenate([np.empty((len(gains), 0)), *(gains @ _supervectors(batch).T for batch in batches)], axis=1)


def _natural_parameters(gmm: DiagonalGMM) -> NDArray[np.float64]:
    """Vector whose product with `_supervectors` is the sum of n log(w N(x)), but for a constant."""
    precisions = 1 / gmm.covariances_
    with np.errstate(divide="ignore"):
        log_weights = np.maximum(np.log(gmm.weights_), -1e6)  # finite: two infinite ones would leave NaN
    constants = log_weights + 0.5 * np.log(precisions).sum(axis=1) - 0.5 * (gmm.means_**2 * precisions).sum(axis=1)
    return np.concatenate([(gmm.means_ * precisions).ravel(), (-0.5 * precisions).ravel(), constants])


def _supervectors(batch: StatsBatch) -> NDArray[np.float64]:
    """Statistics a frame, an utterance a row."""
    columns = (batch.sum_x, cast(NDArray, batch.sum_xx), batch.n)
    return np.hstack([column.reshape(len(batch), -1) for column in columns]) / batch.num_frames[:, None]
