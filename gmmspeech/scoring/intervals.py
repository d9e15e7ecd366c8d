"""Uncertainty of a calibrated ratio due to the choice of calibration speakers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_numbers, as_vector, check_at_least, check_probability
from gmmspeech.errors import DataError, counted
from gmmspeech.metrics.bootstrap import Interval, Speakers
from gmmspeech.scoring.calibration import fit_calibration
from gmmspeech.scoring.folds import Calibrator, labeled_codes


@checked
def llr_interval(
    score: ArrayLike,
    scores: ArrayLike,
    is_target: ArrayLike,
    model_speakers: Speakers,
    test_speakers: Speakers,
    *,
    fit: Callable[[NDArray, NDArray], Calibrator] = fit_calibration,
    n_resamples: int = 200,
    confidence: float = 0.95,
    random_state: int = 0,
) -> Interval:
    """Calibrate one score, with an interval for the choice of calibration speakers.

    Speakers are drawn with replacement, with all their trials, as in `gmmspeech.metrics.bootstrap_ci`, and the
    calibration (and its bounds) is fitted again for each draw. The limits are percentiles of the resulting ratios. They
    do not cover the variation between recordings of the same speakers, nor a mismatch of conditions.

    Parameters
    ----------
    score : float, or array-like, shape (S,)
        Score of the case, by one or more systems.
    scores : array-like, shape (n,) or (n, S)
        Scores of the calibration trials.
    is_target, model_speakers, test_speakers
        Labels and speakers of the calibration trials, as in `gmmspeech.metrics.bootstrap_ci`.
    fit : callable
        As in `cross_calibrate`.
    n_resamples : int
        Number of resamples; those without targets or nontargets are drawn again.
    confidence : float
        Confidence level, between 0 and 1.
    random_state : int

    Returns
    -------
    Interval
        Log-likelihood ratios in nats: by the calibration on all trials, and the limits.

    Raises
    ------
    DataError
        No targets or no nontargets, columns of different lengths, or scores that are not numeric, NaN or infinite.
    ConfigError
        An option that is out of range.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> models, tests = (axis.ravel() for axis in np.indices((30, 30)))
    >>> scores = rng.normal(4.0 * (models == tests), 1.0)
    >>> found = gs.scoring.llr_interval(4.0, scores, models == tests, models, tests, n_resamples=20)
    >>> 4 < found.low < found.value < found.high < 16
    True
    """
    check_at_least(1, n_resamples=n_resamples)
    check_probability(confidence=confidence)
    case, values = as_vector(np.ravel(as_numbers(score, "score")), "score"), as_numbers(scores, "scores")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != len(case):
        found = f"found scores of shape {np.shape(scores)} and a score of shape {np.shape(score)}"
        raise DataError(f"scores: {found}, expected those of the same systems")
    labels, models, tests = labeled_codes(is_target, model_speakers, test_speakers)
    if len(values) != len(labels):
        found = f"{counted(len(values), 'score')}, {counted(len(labels), 'label')}"
        raise DataError(f"trials: found {found}, expected one of each for every trial")
    speakers = 1 + int(max(models.max(), tests.max()))
    rng = np.random.default_rng(random_state)
    value = fit(values[labels], values[~labels]).apply(case[None])[0]
    drawn: list[float] = []
    while len(drawn) < n_resamples:
        times = rng.multinomial(speakers, np.full(speakers, 1 / speakers))
        weights = times[models] * np.where(models == tests, 1, times[tests])
        kinds = [np.repeat(values[kind], weights[kind], axis=0) for kind in (labels, ~labels)]
        if all(map(len, kinds)):
            drawn.append(float(fit(*kinds).apply(case[None])[0]))
        elif not drawn and speakers < 3:
            raise DataError(f"trials: found {counted(speakers, 'speaker')}, expected three or more to draw from")
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    return Interval(float(value), low, high)
