"""Fusion cross-validated over speakers, and used only if it is better than the best single system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_flags, as_numbers
from gmmspeech.errors import DataError
from gmmspeech.metrics.bootstrap import Interval, Speakers, paired_test
from gmmspeech.metrics.cllr import cllr
from gmmspeech.scoring.calibration import fit_calibration
from gmmspeech.scoring.folds import Calibrator, fold_ratios, warn_of_few


@dataclass(frozen=True, eq=False)
class CrossFusion:
    """Result of `cross_fuse`.

    Attributes
    ----------
    llrs : ndarray, shape (n,), float64
        Log-likelihood ratios in nats, each from a map trained without the trial's speakers; for Cllr and decisions.
    scores : ndarray, shape (n,), float64
        The same on one scale, for EER, minDCF and curves; if a single system is used, its original scores.
    kept : int or None
        Index of the single system that is used; None if the systems are fused.
    gain : Interval
        Cllr of the best system minus that of the fusion.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> models, tests = (axis.ravel() for axis in np.indices((40, 40)))
    >>> scores = rng.normal(size=(1600, 2)) + 4.0 * (models == tests)[:, None]
    >>> found = gs.scoring.cross_fuse(scores, models == tests, models, tests, n_resamples=100)
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
    """Fuse systems by cross-validation over speakers, if that is better than the best single system.

    The fusion is better if its Cllr is lower by more than the choice of speakers explains (`paired_test`, 95 %).
    Otherwise the system with the lowest Cllr is used, calibrated in the same way.

    `cross_calibrate` explains why the result has both ratios and scores.

    Parameters
    ----------
    scores : array-like, shape (n, S)
        Scores of two or more systems.
    is_target, model_speakers, test_speakers, fit, n_folds, random_state, progress
        As in `cross_calibrate`.
    n_resamples : int
        Number of resamples of the speakers.

    Returns
    -------
    CrossFusion

    Raises
    ------
    DataError, ConfigError
        As for `cross_calibrate` and `paired_test`; scores of only one system.

    Warns
    -----
    GmmSpeechWarning
        Fewer than 30 speakers with target trials.

    See Also
    --------
    gmmspeech.scoring.cross_calibrate : one system, or several that are always fused.
    gmmspeech.metrics.paired_test : whether two systems differ.

    Examples
    --------
    >>> from gmmspeech.scoring import cross_fuse
    >>> import numpy as np
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
