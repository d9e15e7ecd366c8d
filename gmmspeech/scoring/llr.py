"""Log-likelihood ratios of a model against its background model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.gmm.frames import finite
from gmmspeech.gmm.kernels import KernelParameters, get_backend, numpy_kernel
from gmmspeech.gmm.mixture import DiagonalGMM
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
        A model of another dimension than `ubm`; with `top_c`, of another number of components.

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
    X, background_parameters = np.asarray(X), ubm.kernel_parameters()
    if X.ndim != 2 or not len(X) or X.shape[1] != background_parameters.dim:
        raise FeatureError(f"found frames of shape {X.shape}, expected (one or more, {background_parameters.dim})")
    finite(X)
    parameters = [model.kernel_parameters() for model in models]
    _check_sizes(top_c, parameters, background_parameters)
    with single_threaded_blas():
        if top_c is None:
            log_likelihood = get_backend(ubm.backend).log_likelihood
            background = log_likelihood(X, background_parameters).mean()
            return np.array([log_likelihood(X, p).mean() for p in parameters]) - background
        scores = numpy_kernel.top_c_log_likelihood(X, background_parameters, parameters, top_c).mean(axis=0)
    return scores[1:] - scores[0]


def _check_sizes(top_c: int | None, models: Sequence[KernelParameters], ubm: KernelParameters) -> None:
    if top_c is not None and not 1 <= top_c <= ubm.num_components:
        raise ConfigError(f"top_c: found {top_c}, expected 1 to {ubm.num_components}, the number of components")
    for model in models:
        if model.dim != ubm.dim:
            raise ModelError(f"found a model of {model.dim} dimensions, expected {ubm.dim} as the background model has")
        if top_c is not None and model.num_components != ubm.num_components:
            raise ModelError(
                f"found a model of {model.num_components} components, expected {ubm.num_components} as the background "
                "model has; top_c matches components by index"
            )
