"""Linear scoring: the log-likelihood ratio of adapted means to first order, as one matrix product for all pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check, checked, instance, listed
from gmmspeech.checks import check_finite, check_shape, real_array
from gmmspeech.errors import ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import Statistics, check_of_ubm, stats_batches

BATCH = 1024  # tests whose statistics are in memory at once, where they come from a file

Models = Sequence[DiagonalGMM] | NDArray[np.floating]


@checked
def linear_score(
    models: Models,
    ubm: DiagonalGMM,
    stats: Statistics,
    *,
    frame_length_normalization: bool = True,
    channel_offset: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    r"""Score every model against every test by the first-order term of the log-likelihood ratio.

    The background model aligns the frames of a test to components (counts :math:`n_k`, sums :math:`f_k`), and the model
    differs from it in its means only. The ratio is linearized at the background model's means (Glembek et al. 2009):

    .. math:: s = \sum_k (\hat\mu_k - \mu_k)^T \Sigma_k^{-1} \left( f_k - n_k (\mu_k + o_k) \right)

    where :math:`o_k` is the channel offset of the test, if any. The neglected term, quadratic in the distance of the
    model from the background model, is included in `statistics_llr`.

    It takes 2 M U K D operations for M models and U tests, and 8 (M + U) K D bytes.

    Parameters
    ----------
    models : sequence of DiagonalGMM, or ndarray of means, shape (M, K, D)
        Adaptations of `ubm`; weights and variances are not used.
    ubm : DiagonalGMM
    stats : sequence of GMMStats, or StatisticsStore
        Statistics of the U tests under `ubm`.
    frame_length_normalization : bool
        Divide by the number of frames, so that scores are in nats per frame and comparable for tests of different
        length.
    channel_offset : ndarray, shape (U, K, D), optional
        Shift of each test's means by its channel, such as `ISV.channel_offsets`.

    Returns
    -------
    ndarray, shape (M, U), float64
        In nats.

    Raises
    ------
    ModelError
        A model, statistics or offsets of another size than the background model; stored statistics of another
        background model.
    FeatureError
        Statistics of no frames, or not finite.

    References
    ----------
    O. Glembek, L. Burget, N. Dehak, N. Brümmer, P. Kenny, "Comparison of scoring methods used in speaker
    recognition with joint factor analysis", ICASSP 2009.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> from gmmspeech.scoring.linear import linear_score
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> test = ubm.accumulate(np.array([[1.0], [2.0]]))
    >>> linear_score(np.array([[[1.0]], [[-2.0]]]), ubm, [test])
    array([[ 1.5],
           [-3. ]])
    """
    shape, size = ubm.means_.shape, ubm.means_.size
    check_of_ubm(stats, ubm)
    means = _means(models, shape)
    if channel_offset is not None and np.shape(channel_offset) != (len(stats), *shape):
        raise ModelError(
            f"channel_offset: found shape {np.shape(channel_offset)}, "
            f"expected {(len(stats), *shape)} (tests, components, dimension)"
        )
    deviations = np.sqrt(ubm.covariances_)
    shifts = ((means - ubm.means_) / deviations).reshape(len(means), size)
    scores = np.empty((len(means), len(stats)))
    start = 0
    for batch in stats_batches(stats, shape, BATCH):
        tests = slice(start, start + len(batch))
        expected = ubm.means_ if channel_offset is None else ubm.means_ + channel_offset[tests]
        centered = batch.centered(expected, deviations)
        if frame_length_normalization:
            centered /= batch.num_frames[:, None, None]
        scores[:, tests] = shifts @ centered.reshape(len(batch), size).T
        start = tests.stop
    return scores


def _means(models: Models, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if isinstance(models, np.ndarray):
        models = real_array(models, "models", ModelError)
        if models.ndim != 3 or models.shape[1:] != shape:
            raise ModelError(
                f"models: found means of shape {models.shape}, expected (models, components, dimension) with the "
                f"background model's {shape}"
            )
        check_finite("models", models, item="model", kind=ModelError)
        return models.astype(np.float64, copy=False)
    check(listed(instance(DiagonalGMM)), models=models)
    for i, model in enumerate(models):
        check_shape(f"model {i}", model.means_, shape)
    return np.array([model.means_ for model in models], dtype=np.float64).reshape(-1, *shape)
