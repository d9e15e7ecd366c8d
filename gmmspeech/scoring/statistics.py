"""Likelihood ratios from sufficient statistics: every model against every test in one matrix product.

If frames are aligned to components by the background model, the log-likelihood ratio of a model is linear in the
statistics of the test (the "channel point estimate" scoring with UBM alignment of Glembek et al., ICASSP 2009, without
a channel), and the frames are no longer needed.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    gains = np.array([_gains(model, ubm) for model in models]).reshape(-1, 2 * ubm.means_.size + shape[0])
    batches = stats_batches(stats, shape, BATCH, second_order=True)
    scores = (gains @ _supervectors(batch, ubm.means_).T for batch in batches)
    return np.concatenate([np.empty((len(gains), 0)), *scores], axis=1)


def _gains(model: DiagonalGMM, ubm: DiagonalGMM) -> NDArray[np.float64]:
    """Vector whose product with `_supervectors` is the gain in the sum of n log(w N(x)) from `ubm` to `model`.

    In distances from the means of `ubm`: about 0, frames far from it would leave no digit of the difference.
    """
    before, precisions = 1 / ubm.covariances_, 1 / model.covariances_
    with np.errstate(divide="ignore"):  # finite: two infinite ones would leave NaN
        log_weights, log_weights_before = (np.maximum(np.log(gmm.weights_), -1e6) for gmm in (model, ubm))
    shifts = model.means_ - ubm.means_
    exponents = np.log(precisions) - np.log(before) - shifts**2 * precisions
    constants = log_weights - log_weights_before + 0.5 * exponents.sum(axis=1)
    return np.concatenate([(shifts * precisions).ravel(), (-0.5 * (precisions - before)).ravel(), constants])


def _supervectors(batch: StatsBatch, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Statistics a frame about some means, an utterance a row."""
    size, count = means.size, len(batch)
    vectors = np.empty((count, 2 * size + batch.n.shape[1]))
    vectors[:, :size] = batch.centered(means, np.ones_like(means)).reshape(count, size)
    vectors[:, size : 2 * size] = batch.squares_about(means).reshape(count, size)
    vectors[:, 2 * size :] = batch.n
    vectors /= batch.num_frames[:, None]
    return vectors
