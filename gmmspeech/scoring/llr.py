"""Log-likelihood ratios of a model against its background model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.gmm.kernels import get_backend, numpy_kernel
from gmmspeech.gmm.mixture import DiagonalGMM, finite
from gmmspeech.parallel import single_threaded_blas


def log_likelihood_ratio(model: DiagonalGMM, ubm: DiagonalGMM, X: NDArray, *, top_c: int | None = None) -> float:
    """Mean log-likelihood ratio a frame between a model and the background model it was adapted from.

    Parameters
    ----------
    model, ubm : DiagonalGMM
    X : ndarray, shape (T, D)
        Frames of the test utterance.
    top_c : int, optional
        Evaluate only the background model's `top_c` best components of each frame, in both mixtures (Reynolds,
        Quatieri and Dunn 2000). Components are matched by index, so the model must be an adaptation of `ubm`.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    FeatureError
        No frames, or frames of another dimension.
    ModelError
        `top_c` with mixtures of different sizes.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> model = gs.DiagonalGMM.from_parameters([1.0], [[1.0]], [[1.0]])
    >>> gs.log_likelihood_ratio(model, ubm, np.array([[1.0], [2.0]]))
    1.0
    """
    return float(log_likelihood_ratios([model], ubm, X, top_c=top_c)[0])


def log_likelihood_ratios(
    models: Sequence[DiagonalGMM], ubm: DiagonalGMM, X: NDArray, *, top_c: int | None = None
) -> NDArray[np.float64]:
    """Mean log-likelihood ratios a frame of several models, shape (number of models,).

    The background model is evaluated once for all of them; see `log_likelihood_ratio`.
    """
    X = np.asarray(X)
    if X.ndim != 2 or not len(X) or X.shape[1] != ubm.means_.shape[1]:
        raise FeatureError(f"found frames of shape {X.shape}, expected (one or more, {ubm.means_.shape[1]})")
    finite(X)
    with single_threaded_blas():
        if top_c is None:
            log_likelihood = get_backend(ubm.backend).log_likelihood
            background = log_likelihood(X, ubm.kernel_parameters()).mean()
            return np.array([log_likelihood(X, m.kernel_parameters()).mean() for m in models]) - background
        _check_top_c(top_c, models, ubm)
        scores = numpy_kernel.top_c_log_likelihood(
            X, ubm.kernel_parameters(), [m.kernel_parameters() for m in models], top_c
        ).mean(axis=0)
    return scores[1:] - scores[0]


def _check_top_c(top_c: int, models: Sequence[DiagonalGMM], ubm: DiagonalGMM) -> None:
    if not 1 <= top_c <= len(ubm.weights_):
        raise ConfigError(f"top_c: found {top_c}, expected 1 to {len(ubm.weights_)}, the number of components")
    for model in models:
        if model.means_.shape != ubm.means_.shape:
            raise ModelError(
                f"found a model of shape {model.means_.shape} (components, dimension), expected the background model's "
                f"{ubm.means_.shape}; top_c matches components by index"
            )
