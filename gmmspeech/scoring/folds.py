"""Cross-validation with disjoint speakers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_flags, as_labels, as_numbers
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, counted
from gmmspeech.metrics.bootstrap import Speakers, trial_codes
from gmmspeech.progress import progress_bar
from gmmspeech.scoring.calibration import fit_calibration

FEW_SPEAKERS = 30  # with target trials: below, the error of ratios of all folds is twice that of one scale


class Calibrator(Protocol):
    """A calibration, which converts scores to log-likelihood ratios."""

    def apply(self, scores: ArrayLike, /) -> NDArray[np.float64]:
        """Return a ratio for every trial."""


def labeled_codes(
    is_target: ArrayLike, model_speakers: Speakers, test_speakers: Speakers
) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp]]:
    """Check trials of both kinds; give which are targets, each of one speaker, and the speakers' numbers."""
    labels = as_flags(is_target)
    as_labels(model_speakers, "model_speakers"), as_labels(test_speakers, "test_speakers")
    if not labels.shape == (len(model_speakers),) == (len(test_speakers),):
        found = f"{counted(len(model_speakers), 'model speaker')}, {counted(len(test_speakers), 'test speaker')}"
        raise DataError(f"trials: found {found}, labels of shape {labels.shape}, expected one of each for every trial")
    if labels.all() or not labels.any():
        raise DataError(
            f"trials: found {counted(labels.sum(), 'target')} among {len(labels)}, expected targets and nontargets"
        )
    models, tests = trial_codes(labels, model_speakers, test_speakers)
    return labels, models, tests


def speaker_folds(
    is_target: ArrayLike,
    model_speakers: Speakers,
    test_speakers: Speakers,
    *,
    n_folds: int = 10,
    random_state: int = 0,
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Split trials so that held-out trials have no speaker in common with training trials.

    Speakers are divided into folds. A trial has two speakers, so for every pair of folds (and every single fold) the
    trials between them are held out, and the trials among all other folds are for training. Every trial is held out
    once.
    """
    if n_folds < 3:
        raise ConfigError(f"n_folds: found {n_folds}, expected 3 or more (a trial may take up two of them)")
    labels, models, tests = labeled_codes(is_target, model_speakers, test_speakers)
    num_speakers = 1 + max(models.max(), tests.max())
    speakers = np.random.default_rng(random_state).permutation(num_speakers)
    has_targets = np.isin(speakers, models[labels])
    n_folds = min(n_folds, int(has_targets.sum()))
    fold = np.empty(num_speakers, np.intp)
    fold[np.concatenate([speakers[has_targets], speakers[~has_targets]])] = np.arange(num_speakers) % n_folds
    model_fold, test_fold = fold[models], fold[tests]
    for first in range(n_folds):
        for second in range(first, n_folds):
            held_out = (model_fold == first) & (test_fold == second) | (model_fold == second) & (test_fold == first)
            if not held_out.any():
                continue
            train = ~np.isin(model_fold, [first, second]) & ~np.isin(test_fold, [first, second])
            for kind, there in (("target", labels[train].any()), ("nontarget", not labels[train].all())):
                if not there or not train.any():
                    folds = f"{counted(n_folds, 'fold')} of {counted(num_speakers, 'speaker')}"
                    raise DataError(f"{folds}: found no {kind} trials without the speakers held out, expected more "
                                    "speakers with trials")  # fmt: skip
            yield train, held_out


@checked
def cross_calibrate(
    scores: ArrayLike,
    is_target: ArrayLike,
    model_speakers: Speakers,
    test_speakers: Speakers,
    *,
    fit: Callable[[NDArray, NDArray], Calibrator] = fit_calibration,
    n_folds: int = 10,
    random_state: int = 0,
    progress: bool = True,
) -> NDArray[np.float64]:
    """Calibrate (or fuse) every trial by a calibration trained without its speakers.

    The maps of the folds differ, more in scale and offset than in ranking, and more with fewer speakers. Ratios of all
    folds together therefore have a higher EER and minDCF than those of a single map, as used in the end: with 12
    speakers about 2 times the EER, with 40 1.4 times.

    For one system, the ratios are those of the maps; compute EER and minDCF from its scores. Several systems have no
    single score other than the fused one, so their ratios are brought to one scale: the fused scores of every fold get
    the same mean and standard deviation over all trials, which needs no labels, namely the means of those of all maps.
    Through these two numbers the ratios depend a little on their own speakers, and their Cllr is slightly too low;
    `cross_fuse` returns both.

    Parameters
    ----------
    scores : array-like, shape (n,) or (n, S)
        Scores of one or more systems.
    is_target, model_speakers, test_speakers, n_folds, random_state
        As in `speaker_folds`.
    fit : callable
        Function of target and nontarget scores that returns an object with ``apply``: `fit_calibration`, `fit_pav`, or
        one of them with options, by `functools.partial`.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

    Returns
    -------
    ndarray, shape (n,), float64
        Log-likelihood ratios, in nats.

    Raises
    ------
    DataError, ConfigError
        As for `speaker_folds` and `fit`.

    Warns
    -----
    GmmSpeechWarning
        Several systems, and fewer than 30 speakers with target trials.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> models, tests = (axis.ravel() for axis in np.indices((40, 40)))
    >>> scores = rng.normal(6.0 * (models == tests), 1.0)
    >>> llrs = gs.scoring.cross_calibrate(scores, models == tests, models, tests)
    >>> bool((llrs[models == tests] > 0).mean() > 0.95)
    True
    """
    who = is_target, model_speakers, test_speakers
    llrs, on_one_scale = fold_ratios(
        scores, *who, fit=fit, n_folds=n_folds, random_state=random_state, progress=progress
    )
    if np.ndim(scores) == 1 or np.shape(scores)[1] == 1:
        return llrs
    warn_of_few(is_target, model_speakers)
    return on_one_scale


def fold_ratios(
    scores: ArrayLike,
    is_target: ArrayLike,
    model_speakers: Speakers,
    test_speakers: Speakers,
    *,
    fit: Callable[[NDArray, NDArray], Calibrator],
    n_folds: int = 10,
    random_state: int = 0,
    progress: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ratios of every trial by the map of its fold, as that makes them and on one scale, see `cross_calibrate`."""
    values, labels = as_numbers(scores, "scores"), as_flags(is_target)
    if values.shape[:1] != labels.shape:
        raise DataError(
            f"scores: found {len(values) if values.ndim else 1}, expected one for each of the "
            f"{counted(len(labels), 'trial')}"
        )
    llrs, shapes, scales = np.empty(len(values)), np.empty(len(values)), []
    folds = speaker_folds(labels, model_speakers, test_speakers, n_folds=n_folds, random_state=random_state)
    for train, held_out in progress_bar("cross-validation", "fold", shown=progress)(folds):
        of_all = fit(values[train & labels], values[train & ~labels]).apply(values)
        mean, deviation = of_all.mean(), of_all.std()
        llrs[held_out], shapes[held_out] = of_all[held_out], (of_all[held_out] - mean) / (deviation or 1.0)
        scales.append((mean, deviation))
    mean, deviation = np.mean(scales, axis=0)
    return llrs, deviation * shapes + mean


def warn_of_few(is_target: ArrayLike, model_speakers: Speakers) -> None:
    """Warn if so few speakers have target trials that figures of a fusion say little."""
    speakers = len(set(np.asarray(model_speakers)[as_flags(is_target)].tolist()))
    if speakers < FEW_SPEAKERS:
        why = "of so few, the folds' own ratios have too high an EER and minDCF, those on one scale too low a Cllr"
        found = f"found {counted(speakers, 'speaker')} with target trials, expected {FEW_SPEAKERS} or more"
        warnings.warn(f"fusion: {found}: {why}", GmmSpeechWarning, stacklevel=4)
