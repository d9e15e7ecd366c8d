"""Utterances as single vectors for a linear SVM or any other classifier: supervectors and Fisher vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_finite, check_positive, real_array
from gmmspeech.errors import ModelError, counted
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import Statistics, check_of_ubm, stats_batches

BATCH = 1024  # utterances whose statistics are in memory at once, where they come from a file


@checked
def adapted_means(ubm: DiagonalGMM, stats: Statistics, *, relevance_factor: float = 16.0) -> NDArray[np.float64]:
    r"""Adapt the means to each of many utterances by relevance MAP: :math:`\mu_k + (f_k - n_k \mu_k) / (n_k + r)`.

    This equals `map_adapt` with ``update="m"`` for each utterance.

    Parameters
    ----------
    ubm : DiagonalGMM
    stats : sequence of GMMStats, or StatisticsStore
        Statistics of U utterances, under `ubm`.
    relevance_factor : float
        r, in frames, above 0.

    Returns
    -------
    ndarray, shape (U, K, D), float64
        Input for `supervectors`, or models for `linear_score`.

    Raises
    ------
    ConfigError
        A relevance factor that is not above 0.
    ModelError, FeatureError
        Statistics of another shape, background model or front end, of no frames or not finite.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> gs.speaker.adapted_means(ubm, [ubm.accumulate(np.full((16, 1), 2.0))])
    array([[[1.]]])
    """
    check_positive(relevance_factor=relevance_factor)
    check_of_ubm(stats, ubm)
    means = np.empty((len(stats), *ubm.means_.shape))
    start = 0
    for batch in stats_batches(stats, ubm.means_.shape, BATCH):
        shifts = batch.centered(ubm.means_, np.ones_like(ubm.means_))
        shifts /= (batch.n + relevance_factor)[:, :, None]
        np.add(shifts, ubm.means_, out=means[start : start + len(batch)])
        start += len(batch)
    return means


@checked
def supervectors(ubm: DiagonalGMM, means: NDArray[np.floating]) -> NDArray[np.float64]:
    r"""Compute supervectors whose dot product is the kernel of Campbell, Sturim and Reynolds (2006).

    The vector is :math:`\sqrt{w_k} \Sigma_k^{-1/2} \mu_k` over all components k. Half the squared distance of two,
    :math:`\frac12 \sum_k w_k (\mu_k - \mu'_k)^T \Sigma_k^{-1} (\mu_k - \mu'_k)`, is an upper bound of the
    Kullback-Leibler divergence of their mixtures.

    Parameters
    ----------
    ubm : DiagonalGMM
        Background model, with w and Σ.
    means : ndarray, shape (U, K, D)
        From `adapted_means`, or of adapted mixtures.

    Returns
    -------
    ndarray, shape (U, K * D), float64

    Raises
    ------
    ModelError
        Means of a shape other than the background model's.

    References
    ----------
    W. M. Campbell, D. E. Sturim, D. A. Reynolds, "Support vector machines using GMM supervectors for speaker
    verification", IEEE Signal Processing Letters 13 (5), 2006.

    Examples
    --------
    >>> from gmmspeech.speaker import adapted_means, supervectors
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([0.25, 0.75], [[0.0], [1.0]], [[1.0], [4.0]])
    >>> supervectors(ubm, np.array([[[2.0], [4.0]]])).round(4)
    array([[1.    , 1.7321]])

    A linear SVM on supervectors, one utterance per row:

    >>> from sklearn.svm import LinearSVC
    >>> rng = np.random.default_rng(0)
    >>> utterances = [rng.normal(s, 1, (100, 1)) for s in (0, 0, 0, 1, 1, 1)]
    >>> x = supervectors(ubm, adapted_means(ubm, [ubm.accumulate(frames) for frames in utterances]))
    >>> LinearSVC(random_state=0).fit(x[[0, 1, 3, 4]], ["ann", "ann", "bob", "bob"]).predict(x[[2, 5]])
    array(['ann', 'bob'], dtype='<U3')
    """
    shape, means = ubm.means_.shape, real_array(means, "means", ModelError)
    if means.ndim != 3 or means.shape[1:] != shape:
        raise ModelError(
            f"means: found shape {means.shape}, expected (utterances, "
            f"{counted(shape[0], 'component')}, {counted(shape[1], 'dimension')})"
        )
    check_finite("means", means, item="utterance", kind=ModelError)
    scale = np.sqrt(ubm.weights_)[:, None] / np.sqrt(ubm.covariances_)
    return (means * scale).reshape(len(means), shape[0] * shape[1])


@checked
def fisher_vectors(ubm: DiagonalGMM, stats: Statistics, *, improved: bool = True) -> NDArray[np.float64]:
    r"""Compute Fisher vectors: gradients of an utterance's mean log-likelihood in standard units (Sánchez 2013).

    With the posteriors :math:`\gamma_{tk}` of T frames, the parts for component k are

    .. math::

        g_{w_k} &= \frac{1}{T \sqrt{w_k}} \sum_t (\gamma_{tk} - w_k), \\
        g_{\mu_k} &= \frac{1}{T \sqrt{w_k}} \sum_t \gamma_{tk} \frac{x_t - \mu_k}{\sigma_k}, \\
        g_{\sigma_k} &= \frac{1}{T \sqrt{2 w_k}} \sum_t \gamma_{tk} \left[\frac{(x_t - \mu_k)^2}{\sigma_k^2} - 1\right].

    A supervector describes the means of an utterance; a Fisher vector also describes the spread of its frames, and
    weights frames rather than components.

    Parameters
    ----------
    ubm : DiagonalGMM
    stats : sequence of GMMStats, or StatisticsStore
        Statistics of U utterances, under `ubm`, with second-order sums.
    improved : bool
        Take the signed square root of every entry, then normalize the vector to length 1 (Perronnin 2010).

    Returns
    -------
    ndarray, shape (U, K + 2 * K * D), float64
        All weights, then all means, then all variances.

    Raises
    ------
    ModelError, FeatureError
        Statistics of another shape, background model or front end, of no frames, not finite or without second-order
        sums.

    Notes
    -----
    Fisher vectors of scikit-image have the same parts in the same order, the last part with the opposite sign.

    References
    ----------
    F. Perronnin, J. Sánchez, T. Mensink, "Improving the Fisher kernel for large-scale image classification", ECCV 2010.
    J. Sánchez, F. Perronnin, T. Mensink, J. Verbeek, "Image classification with the Fisher vector: theory and
    practice", International Journal of Computer Vision 105 (3), 2013.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> gs.speaker.fisher_vectors(ubm, [ubm.accumulate(np.array([[1.0], [3.0]]))], improved=False).round(4)
    array([[0.    , 2.    , 2.8284]])
    """
    check_of_ubm(stats, ubm)
    weights, means, variances = ubm.parameters()
    # a component of no weight has no frames either: its parts are 0
    scale = 1 / np.sqrt(np.where(weights > 0, weights, np.inf))
    vectors = np.empty((len(stats), len(weights) + 2 * means.size))
    start = 0
    for batch in stats_batches(stats, means.shape, BATCH, second_order=True):
        frames = batch.num_frames[:, None]
        first = batch.centered(means, np.sqrt(variances))
        spread = batch.squares_about(means) / variances - batch.n[:, :, None]
        parts = (batch.n - frames * weights) * scale, first * scale[:, None], spread * (scale[:, None] / np.sqrt(2))
        joined = np.concatenate([part.reshape(len(batch), -1) for part in parts], axis=1)
        np.divide(joined, frames, out=vectors[start : start + len(batch)])
        start += len(batch)
    if improved:
        vectors = np.sign(vectors) * np.sqrt(np.abs(vectors))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return vectors
