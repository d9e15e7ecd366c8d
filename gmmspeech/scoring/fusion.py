"""Fusion that is cross-validated by speakers, and kept only where it is better than the better of its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_flags, as_numbers
from gmmspeech.errors import DataError
from gmmspeech.metrics.bootstrap import Interval, paired_test
from gmmspeech.metrics.cllr import cllr
from gmmspeech.scoring.calibration import fit_calibration
from gmmspeech.scoring.cohort import Speakers
from gmmspeech.scoring.folds import Calibrator, fold_ratios, warn_of_few


@dataclass(frozen=True, eq=False)
class CrossFusion:
    """What `cross_fuse` found.

    Attributes
    ----------
    llrs : ndarray, shape (n,), float64
        Log-likelihood ratios in nats, each from a map that knows neither of the trial's speakers: for Cllr and for
        decisions.
    scores : ndarray, shape (n,), float64
        The same on one scale, for EER, minDCF and curves: of a part that is kept, its scores as they are.
    kept : int or None
        The system that is kept alone; None if they are fused.
    gain : Interval
        Cllr of the better system less that of the fusion.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> models, tests = (axis.ravel() for axis in np.indices((40, 40)))
    >>> scores = rng.normal(size=(1600, 2)) + 4.0 * (models == tests)[:, None]
    >>> found = cross_fuse(scores, models == tests, models, tests, n_resamples=100)
    >>> found.kept is None, found.gain.low > 0, found.scores.shape
    (True, True, (1600,))
    """

    llrs: NDArray[np.float64]
    scores: NDArray[np.float64]
    kept: int | None
    gain: Interval


@checked
def cross_fuse(
    scores: ArrayLike,
    is_target: ArrayLike,
    model_speakers: Speakers,
    test_speakers: Speakers,
    *,
    fit: Callable[[NDArray, NDArray], Calibrator] = fit_calibration,
    n_folds: int = 10,
    n_resamples: int = 1000,
    random_state: int = 0,
    progress: bool = True,
) -> CrossFusion:
    """Fuse systems by maps that know neither speaker of a trial, if that is better than the better one alone.

    Better is a Cllr that is lower by more than the choice of speakers explains (`paired_test`, 95 %). Otherwise the
    system of the lower Cllr is kept, calibrated in the same way.

    Why the result has ratios and scores is said at `cross_calibrate`.

    Parameters
    ----------
    scores : array-like, shape (n, S)
        Of two systems or more.
    is_target, model_speakers, test_speakers, fit, n_folds, random_state, progress
        As in `cross_calibrate`.
    n_resamples : int
        Of the speakers.

    Returns
    -------
    CrossFusion

    Raises
    ------
    DataError, ConfigError
        As `cross_calibrate` and `paired_test`; scores of one system only.

    Warns
    -----
    GmmSpeechWarning
        Fewer than 30 speakers with target trials.

    See Also
    --------
    gmmspeech.scoring.cross_calibrate : one system, or several fused whatever it brings.
    gmmspeech.metrics.paired_test : whether two systems differ.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> models, tests = (axis.ravel() for axis in np.indices((40, 40)))
    >>> target = models == tests
    >>> good, noise = rng.normal(4.0 * target, 1.0), rng.normal(size=1600)
    >>> cross_fuse(np.column_stack([good, noise]), target, models, tests).kept
    0
    >>> cross_fuse(np.column_stack([good, rng.normal(4.0 * target, 1.0)]), target, models, tests).kept is None
    True
    """
    values, labels = as_numbers(scores, "scores"), as_flags(is_target)
    if values.ndim != 2 or values.shape[1] < 2:
        raise DataError(f"fusion: found scores of shape {values.shape}, expected (trials, systems) of two or more")
    who = labels, model_speakers, test_speakers
    common: dict[str, Any] = {"random_state": random_state, "progress": progress}
    options = {"fit": fit, "n_folds": n_folds, **common}
    fused, on_one_scale = fold_ratios(values, *who, **options)
    warn_of_few(labels, model_speakers)
    parts = [fold_ratios(column, *who, **options)[0] for column in values.T]
    better = int(np.argmin([cllr(part[labels], part[~labels]) for part in parts]))
    gain = paired_test(*(parts[better], fused, *who), metrics=["cllr"], n_resamples=n_resamples, **common)[
        "cllr"
    ].difference
    if gain.low > 0:
        return CrossFusion(fused, on_one_scale, None, gain)
    return CrossFusion(parts[better], values[:, better].copy(), better, gain)
