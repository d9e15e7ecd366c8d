"""Side information for calibration: quality of a trial's recordings, and distance of its voices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_numbers, as_vector
from gmmspeech.errors import DataError


@checked
def side_information(scores: ArrayLike, model_measures: ArrayLike, test_measures: ArrayLike) -> NDArray[np.float64]:
    r"""Build columns for a logistic regression on scores and quality measures, such as duration and SNR.

    A score of short or noisy recordings is less informative than the same score of good ones, and is shifted. Therefore
    slope and offset of the calibration depend on the measures :math:`q` of model and test:

    .. math::

        \ell = b + \sum_i (c_i q_i^{model} + d_i q_i^{test})
        + \left(w + \sum_i (u_i q_i^{model} + v_i q_i^{test})\right) s

    This is linear in the columns returned here: `fit_calibration` fits them, and the calibration is applied to the
    columns of other trials.

    Parameters
    ----------
    scores : array-like, shape (n,)
    model_measures, test_measures : array-like, shape (n, M)
        Measures of the two sides of every trial; durations as logarithms.

    Returns
    -------
    ndarray, shape (n, 1 + 4 M), float64
        The score; then for every measure that of the model, that of the test, and each times the score.

    Raises
    ------
    DataError
        Arrays of other shapes, or that are not numeric, NaN or infinite.

    See Also
    --------
    gmmspeech.features.speech_quality : measures of a recording.

    References
    ----------
    M. Mandasari et al., "Quality measure functions for calibration of speaker recognition systems in various duration
    conditions", IEEE Transactions on Audio, Speech, and Language Processing 21, 2013.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.scoring.side_information([2.0, 3.0], [[1.0], [1.0]], [[0.5], [2.0]])
    array([[2. , 1. , 0.5, 2. , 1. ],
           [3. , 1. , 2. , 3. , 6. ]])
    """
    values, sides = _checked(scores, model_measures, test_measures)
    columns = [values]
    for model, test in zip(*(side.T for side in sides), strict=True):
        columns += [model, test, model * values, test * values]
    return np.column_stack(columns)


@checked
def distance_information(scores: ArrayLike, model_measures: ArrayLike, test_measures: ArrayLike) -> NDArray[np.float64]:
    r"""Build columns for a logistic regression on scores and distances of the voices, such as in pitch.

    Nontargets of two women, or of two men, score higher than those of a woman and a man, and one threshold is wrong for
    some of them. Therefore slope and offset of the calibration depend on the distance of model and test in a measure
    :math:`q` of the voice:

    .. math::

        \ell = b + \sum_i c_i |q_i^{model} - q_i^{test}| + \left(w + \sum_i u_i |q_i^{model} - q_i^{test}|\right) s

    This is linear in the score and in the columns returned here.

    Parameters
    ----------
    scores : array-like, shape (n,)
    model_measures, test_measures : array-like, shape (n, M)
        Measures of the two sides of every trial; pitches as logarithms.

    Returns
    -------
    ndarray, shape (n, 2 M), float64
        For every measure the distance, and the distance times the score. The score itself is not included.

    Raises
    ------
    DataError
        Arrays of other shapes, or that are not numeric, NaN or infinite.

    See Also
    --------
    side_information : columns for the quality of recordings.
    gmmspeech.features.median_pitch : a measure of a voice.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.scoring.distance_information([2.0, 3.0], [[5.0], [5.0]], [[4.5], [7.0]])
    array([[0.5, 1. ],
           [2. , 6. ]])
    """
    values, (models, tests) = _checked(scores, model_measures, test_measures)
    distances = np.abs(models - tests)
    return np.stack([distances, distances * values[:, None]], axis=2).reshape(len(values), -1)


def _checked(
    scores: ArrayLike, model_measures: ArrayLike, test_measures: ArrayLike
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Scores, (n,), and the measures of both sides, (n, M), or a DataError that says what is wrong with them."""
    values = as_vector(scores, "scores")
    sides = [as_numbers(model_measures, "model measures"), as_numbers(test_measures, "test measures")]
    for name, side in zip(("model measures", "test measures"), sides, strict=True):
        if side.ndim != 2 or side.shape != (len(values), sides[0].shape[1]) or not side.shape[1]:
            expected = f"({len(values)}, measures), for every trial"
            raise DataError(f"{name}: found an array of shape {side.shape}, expected {expected}")
        if not np.isfinite(side).all():
            raise DataError(f"{name}: found NaN or infinity, expected finite numbers")
    return values, sides
