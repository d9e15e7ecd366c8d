"""Speaker identification: the best model of every test, from a matrix of scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_numbers
from gmmspeech.errors import DataError

UNKNOWN = -1


@checked
def identify(scores: ArrayLike, *, threshold: float | None = None) -> NDArray[np.intp]:
    """Find the model with the highest score for every test.

    Parameters
    ----------
    scores : array_like, shape (M, U)
        Scores of every model against every test, comparable across models (likelihood ratios, or normalized scores).
    threshold : float, optional
        For open-set identification: a test whose highest score is below it is of no enrolled speaker. By default the
        set is closed.

    Returns
    -------
    ndarray, shape (U,), int
        Row of `scores`, the first of equal ones; -1 for no enrolled speaker.

    Raises
    ------
    DataError
        No model, or scores that are NaN or not a matrix.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> scores = [[2.0, -1.0, 0.3], [0.5, 1.0, 0.1]]
    >>> gs.speaker.identify(scores)
    array([0, 1, 0])
    >>> gs.speaker.identify(scores, threshold=0.4)
    array([ 0,  1, -1])
    """
    values = as_numbers(scores, "scores")
    if values.ndim != 2 or not len(values):
        raise DataError(f"scores: found shape {values.shape}, expected (models, tests) and one model or more")
    if np.isnan(values).any():
        model, test = np.argwhere(np.isnan(values))[0]
        raise DataError(f"scores: found NaN for model {model}, test {test}, expected a number")
    best = values.argmax(axis=0)
    if threshold is None:
        return best
    return np.where(values.max(axis=0) >= threshold, best, UNKNOWN)
