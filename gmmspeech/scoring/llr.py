"""Log-likelihood ratios of a model against its background model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from gmmspeech.arguments import check, checked, instance, listed
from gmmspeech.blocks import ordered_map
from gmmspeech.checks import check_frames, in_range, real_array
from gmmspeech.errors import ConfigError, ModelError, counted
from gmmspeech.gmm.frames import check_names
from gmmspeech.gmm.full import GMM
from gmmspeech.gmm.kernels import get_backend
from gmmspeech.gmm.mixture import DiagonalGMM


@checked
def log_likelihood_ratio(
    model: DiagonalGMM | GMM, ubm: DiagonalGMM | GMM, X: NDArray, *, top_c: int | None = None
) -> float:
    """Mean log-likelihood ratio per frame between a model and the background model it was adapted from.

    Parameters
    ----------
    model, ubm : DiagonalGMM or GMM
    X : ndarray, shape (T, D)
        Frames of the test utterance.
    top_c : int, optional
        Evaluate both mixtures only with the background model's `top_c` best components of each frame (Reynolds,
        Quatieri and Dunn 2000); covariances must be diagonal. Components are matched by index, so the model must be an
        adaptation of `ubm`.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    FeatureError
        No frames, or frames of another dimension.
    ModelError
        A model with another dimension than `ubm` or, with `top_c`, another number of components.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> model = gs.DiagonalGMM.from_parameters([1.0], [[1.0]], [[1.0]])
    >>> gs.log_likelihood_ratio(model, ubm, np.array([[1.0], [2.0]]))
    1.0
    """
    return float(log_likelihood_ratios([model], ubm, [X], top_c=top_c)[0, 0])


@checked
def log_likelihood_ratios(
    models: Sequence[DiagonalGMM | GMM],
    ubm: DiagonalGMM | GMM,
    tests: Sequence[NDArray],
    *,
    top_c: int | None = None,
    n_jobs: int | None = 1,
) -> NDArray[np.float64]:
    """Mean log-likelihood ratio per frame of every model and test.

    The background model is evaluated once per test for all models. With `top_c`, the frames of a test with the same
    component are evaluated under all models by one matrix product.

    Parameters
    ----------
    models : sequence of DiagonalGMM or GMM
    ubm : DiagonalGMM or GMM
    tests : sequence of ndarray, shape (T, D)
    top_c : int, optional
        See `log_likelihood_ratio`.
    n_jobs : int
        Number of threads, over tests.

    Returns
    -------
    ndarray, shape (number of models, number of tests), float64
        In nats.

    Raises
    ------
    FeatureError, ModelError, ConfigError
        As for `log_likelihood_ratio`; also a `top_c` above the number of components.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    >>> models = [gs.DiagonalGMM.from_parameters([1.0], [[m]], [[1.0]]) for m in (-1.0, 1.0)]
    >>> gs.scoring.log_likelihood_ratios(models, ubm, [np.array([[1.0], [2.0]])], top_c=1).round(6)
    array([[-2.],
           [ 1.]])
    """
    tests = [_frames_of(ubm, X) for X in tests]
    score = scorer(models, ubm, top_c=top_c, dtype=np.result_type(np.float32, *tests))
    by_test = np.array(list(ordered_map(score, tests, n_jobs=n_jobs))).reshape(len(tests), len(models))
    return np.ascontiguousarray(by_test.T)


def scorer(
    models: Sequence[DiagonalGMM | GMM],
    ubm: DiagonalGMM | GMM,
    *,
    top_c: int | None = None,
    dtype: DTypeLike = np.float32,
) -> Callable[[NDArray], NDArray[np.float64]]:
    """Make what is the same for all tests: a function from a test (T, D) to its ratios (number of models,).

    `dtype` is that of the tests' frames; see `log_likelihood_ratios` for the rest.
    """
    _check_sizes(top_c, models, ubm)
    dim = ubm.means_.shape[1]
    if top_c is None:
        functions, background = [model._log_likelihood() for model in models], ubm._log_likelihood()

        def full(X: NDArray) -> NDArray[np.float64]:
            check_frames(X, dim)
            return in_range(np.array([function(X).mean() for function in functions]) - background(X).mean())

        return full
    check(instance(DiagonalGMM, words="a DiagonalGMM with top_c"), ubm=ubm)
    check(listed(instance(DiagonalGMM, words="a DiagonalGMM with top_c")), models=models)
    assert isinstance(ubm, DiagonalGMM)
    kernel = get_backend(ubm.backend, ubm.device)
    stack = kernel.stack_models(ubm.parameters(), [model.parameters() for model in models], dtype)

    def best_components(X: NDArray) -> NDArray[np.float64]:
        check_frames(X, dim)
        scores = kernel.top_c_log_likelihood(X, stack, top_c) / len(X)
        return in_range(scores[1:] - scores[0])

    return best_components


def _frames_of(ubm: DiagonalGMM | GMM, X: ArrayLike) -> NDArray:
    check_names(ubm, X, reset=False)
    return real_array(X, bools=True)


def _check_sizes(top_c: int | None, models: Sequence[DiagonalGMM | GMM], ubm: DiagonalGMM | GMM) -> None:
    num_components, dim = ubm.parameters()[1].shape
    if top_c is not None and not 1 <= top_c <= num_components:
        raise ConfigError(f"top_c: found {top_c}, expected 1 to {num_components}, the number of components")
    for model in models:
        found = model.parameters()[1].shape
        if found[1] != dim:
            raise ModelError(
                f"found a model of {counted(found[1], 'dimension')}, expected {dim} as the background model has"
            )
        if top_c is not None and found[0] != num_components:
            raise ModelError(
                f"found a model of {counted(found[0], 'component')}, expected {num_components} as "
                "the background model has; top_c "
                "matches components by index"
            )
