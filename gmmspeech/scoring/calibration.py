"""Calibration of scores to log-likelihood ratios: logistic regression on one or more systems, and PAV.

Both may have bounds: ratios beyond what the trials can support are set to the bound.

Unlike scores, log-likelihood ratios need no further trials to set a threshold: it follows from prior and costs
(`gmmspeech.metrics.dcf.bayes_threshold`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check_fields, checked
from gmmspeech.checks import all_finite, as_numbers, check_positive, check_probability
from gmmspeech.described import Described
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, ModelError, counted
from gmmspeech.files.saving import Saved
from gmmspeech.metrics.det import both_sides
from gmmspeech.metrics.elub import elub_bounds
from gmmspeech.scoring.logistic import least_cross_entropy, whitened

MEASURE_COLUMNS = 4  # a quality measure of model and of test, each alone and times the score
DISTANCE_COLUMNS = 2  # the distance of model and test in a measure, alone and times the score

_FORMAT = "gmmspeech calibration"
_UNSOUND = "its arrays don't fit together"


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Described, Saved, kind="Calibration", format=_FORMAT, hint="a calibration"):
    r"""Affine map of the scores of one or more systems to log-likelihood ratios.

    .. math:: \ell = b + \sum_i w_i s_i

    Attributes
    ----------
    weights : ndarray, shape (S,), float64
        One for each system.
    offset : float
    lower, upper : float, optional
        Bounds of the ratios, in nats; see `fit_bounded`.
    measures : tuple of str, optional
        Names of the quality measures for the weights after the first; see `side_information`.
    distances : tuple of str, optional
        Names of the voice measures for the last weights; see `distance_information`.
    systems : tuple of str, optional
        Names of the systems of a fusion.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.scoring.Calibration(np.array([2.0]), -1.0).apply([0.0, 1.5])
    array([-1.,  2.])
    """

    weights: NDArray[np.float64]
    offset: float
    lower: float | None = None
    upper: float | None = None
    measures: tuple[str, ...] | None = None
    distances: tuple[str, ...] | None = None
    systems: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        weights = self.weights
        if weights.ndim != 1 or not len(weights) or not all_finite(weights, np.asarray(self.offset)):
            raise ModelError(_UNSOUND)
        side = MEASURE_COLUMNS * len(self.measures or ()) + DISTANCE_COLUMNS * len(self.distances or ())
        if (side or self.systems) and len(weights) != len(self.systems or [""]) + side:
            raise ModelError(_UNSOUND)
        _check_bounds(self.lower, self.upper)

    @checked
    def apply(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Convert scores to log-likelihood ratios.

        Parameters
        ----------
        scores : array-like, shape (n, S), or (n,) for one system

        Returns
        -------
        ndarray, shape (n,), float64
            In nats.

        Raises
        ------
        DataError
            Scores of another number of systems, or that are not numeric, NaN or infinite.
        """
        columns = _columns(scores, "scores")
        if columns.shape[1] != len(self.weights):
            raise DataError(
                f"scores: found those of {counted(columns.shape[1], 'system')}, expected {len(self.weights)}"
            )
        return _bounded(columns @ self.weights + self.offset, self.lower, self.upper)

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        weights = " ".join(f"{weight:.6g}" for weight in self.weights)
        sides = [*(self.measures or ()), *(f"distance of {name}" for name in self.distances or ())]
        of = f"by {', '.join(sides)}" if sides else f"of {counted(len(self.weights), 'system')}"
        of += f" ({', '.join(self.systems)})" if self.systems else ""
        first = f"calibration {of}: weights {weights}, offset {self.offset:.6g}"
        return [first, *_described(self.lower, self.upper)]


@dataclass(frozen=True, eq=False, repr=False)
class PavCalibration(Described, Saved, kind="PavCalibration", format=_FORMAT, hint="a calibration"):
    """Monotonic, piecewise linear map of the scores of one system to log-likelihood ratios.

    Attributes
    ----------
    scores : ndarray, shape (M,), float64
        In ascending order; values between two of them are interpolated, values beyond get the ratio of the end.
    llrs : ndarray, shape (M,), float64
        In nats.
    lower, upper : float, optional
        Bounds of the ratios, in nats; see `fit_bounded`.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.scoring.PavCalibration(np.array([0.0, 1.0]), np.array([-2.0, 2.0])).apply([-1.0, 0.5])
    array([-2.,  0.])
    """

    scores: NDArray[np.float64]
    llrs: NDArray[np.float64]
    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        scores, llrs = self.scores, self.llrs
        if scores.ndim != 1 or scores.shape != llrs.shape or not len(scores):
            raise ModelError(_UNSOUND)
        if not all_finite(scores, llrs) or not (np.diff(scores) > 0).all():
            raise ModelError(_UNSOUND)
        _check_bounds(self.lower, self.upper)

    @checked
    def apply(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Convert scores, shape (n,), to log-likelihood ratios in nats; errors as for `Calibration.apply`."""
        columns = _columns(scores, "scores")
        if columns.shape[1] != 1:
            raise DataError(f"scores: found those of {counted(columns.shape[1], 'system')}, expected 1")
        return _bounded(np.interp(columns[:, 0], self.scores, self.llrs), self.lower, self.upper)

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        first = f"calibration by pool-adjacent-violators: {counted(len(self.scores), 'point')}"
        return [first, *_described(self.lower, self.upper)]


@checked
def fit_calibration(
    target_scores: ArrayLike, nontarget_scores: ArrayLike, *, p_target: float = 0.5, ridge: float = 0.1
) -> Calibration:
    r"""Fit a calibration from scores to log-likelihood ratios by prior-weighted logistic regression.

    With :math:`\ell = w^\top s + b`, it minimizes over the weights :math:`w` and the offset :math:`b`

    .. math::

        \frac{\pi}{T} \sum_{t=1}^{T} \log (1 + e^{-\ell_t - \tau})
        + \frac{1 - \pi}{N} \sum_{n=1}^{N} \log (1 + e^{\ell_n + \tau})
        + \frac{\lambda}{2} \left(\frac1T + \frac1N\right) \frac{w^\top \Sigma w}{D^2},
        \qquad \tau = \log \frac{\pi}{1 - \pi}

    The first two terms are the cross-entropy of decisions at the prior :math:`\pi` (at 0.5 Cllr, except for the unit),
    independent of the numbers of targets and nontargets. Alone they have no minimum if a straight line separates
    targets from nontargets: ratios grow without bounds, and the first unseen trial on the wrong side has an enormous
    cost. The third term is a weak prior that keeps them finite. :math:`\Sigma` is the covariance of the scores within
    the two classes (mean of both) and :math:`D^2` the squared Mahalanobis distance of their means (plus :math:`R (1/T +
    1/N)`, the expectation by chance in R dimensions), so that :math:`w^\top \Sigma w / D^2` is 1 for the correct
    weights if both classes are normal distributions with that covariance. If targets are few compared with nontargets
    and :math:`\pi` is 0.5, this is a normal prior on the slope, with mean 0 and a standard deviation of :math:`1 /
    \sqrt{2 \lambda}` times the slope for those distributions; 2.2 times by default. It has no unit, so that scores may
    be scaled or linearly combined beforehand, and its effect vanishes with many trials.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T, S) and (N, S), or (T,) and (N,) for one system
        Columns are the systems to fuse. A system that is a linear combination of others shares their weight.
    p_target : float
        The prior :math:`\pi` for which the ratios are optimized. For an operating point with costs, the effective
        prior: c_miss p / (c_miss p + c_fa (1 - p)).
    ridge : float
        The strength :math:`\lambda`; 0 omits the third term.

    Returns
    -------
    Calibration

    Raises
    ------
    DataError
        No targets or no nontargets, scores that are not numeric, NaN or infinite, or different numbers of systems for
        targets and nontargets.
    ConfigError
        An option that is out of range.
    ModelError
        The trials are separable and `ridge` is 0.

    Warns
    -----
    GmmSpeechWarning
        Targets that score below nontargets, or scores that are the same in all trials.

    See Also
    --------
    gmmspeech.scoring.folds.cross_calibrate : ratios of trials from calibrations trained without their speakers.

    References
    ----------
    N. Brümmer and E. de Villiers, "The BOSARIS Toolkit: theory, algorithms and code for surviving the new DCF", 2011.
    A. Albert and J. Anderson, "On the existence of maximum likelihood estimates in logistic regression models",
    Biometrika 71, 1984 (separable trials).
    A. Gelman et al., "A weakly informative default prior distribution for logistic and other regression models",
    Annals of Applied Statistics 2, 2008.

    Examples
    --------
    Scores with known ratios, s - 1/2, because the two classes are normal distributions:

    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> calibration = gs.scoring.fit_calibration(rng.normal(1, 1, 50_000), rng.normal(0, 1, 50_000))
    >>> calibration.weights.round(1), round(calibration.offset, 1)
    (array([1.]), -0.5)

    Separable ones:

    >>> gs.scoring.fit_calibration([2.0, 3.0], [0.0, 1.0]).apply([0.5, 1.5, 2.5]).round(1)
    array([-6.5,  0. ,  6.5])
    """
    check_probability(p_target=p_target)
    if not (math.isfinite(ridge) and ridge >= 0):
        raise ConfigError(f"ridge: found {ridge!r}, expected a number from 0")
    targets, nontargets = _columns(target_scores, "target scores"), _columns(nontarget_scores, "nontarget scores")
    if targets.shape[1] != nontargets.shape[1]:
        raise DataError(f"scores: found {targets.shape[1]} systems for targets and {nontargets.shape[1]} for "
                        "nontargets, expected the same")  # fmt: skip
    if targets.shape[1] == 1:
        both_sides(targets[:, 0], nontargets[:, 0])  # warns of sides that look swapped
    middle, whitening = whitened(targets, nontargets)
    targets, nontargets = (targets - middle) @ whitening, (nontargets - middle) @ whitening
    chance = 1 / len(targets) + 1 / len(nontargets)
    gap = targets.mean(axis=0) - nontargets.mean(axis=0)
    penalty = ridge * chance / (gap @ gap + max(len(gap), 1) * chance)
    slopes, offset = least_cross_entropy(targets, nontargets, p_target, penalty)
    if not len(slopes):
        _warn_of_constant_scores()
    if ridge == 0 and len(slopes) and np.min(targets @ slopes) >= np.max(nontargets @ slopes):
        raise ModelError("calibration: found targets and nontargets that a threshold separates, expected ridge above 0 "
                         "(without it their ratios have no bounds)")  # fmt: skip
    weights = whitening @ slopes
    return Calibration(weights, float(offset - weights @ middle))


@checked
def fit_pav(target_scores: ArrayLike, nontarget_scores: ArrayLike, *, pseudo_trials: float = 1.0) -> PavCalibration:
    r"""Fit the best monotonic map of scores to log-likelihood ratios by the pool-adjacent-violators algorithm.

    Trials are sorted by score, with equal scores taken together, and pooled into bins with an increasing share of
    targets. With :math:`t_b` of :math:`T` targets and :math:`n_b` of :math:`N` nontargets in a bin, the ratio is
    :math:`(t_b / T) / (n_b / N)`. A bin without targets or without nontargets would get an infinite ratio; therefore a
    target is added below all trials and a nontarget above them, and both count in all of these numbers (a rule of
    succession). The map is constant within a bin, and linear between bins.

    It fits its training trials better than `fit_calibration`, and other trials worse if there are few.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
    pseudo_trials : float
        Weight of the two added trials, above 0.

    Returns
    -------
    PavCalibration

    Raises
    ------
    DataError
        No targets or no nontargets, or scores that are not numeric, NaN or infinite.
    ConfigError
        `pseudo_trials` is out of range.

    Warns
    -----
    GmmSpeechWarning
        Scores that are the same in all trials.

    See Also
    --------
    gmmspeech.metrics.cllr.min_cllr : cost of such ratios on the training trials.

    References
    ----------
    B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002.
    N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech & Language
    20, 2006.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.scoring.fit_pav([1.0, 2.0, 2.0, 3.0], [-1.0, 0.0, 0.0, 2.0]).apply([-1.0, 0.5, 2.0]).round(2)
    array([-1.1 , -0.2 ,  0.69])
    """
    from scipy.optimize import isotonic_regression  # which takes a while, as below

    check_positive(pseudo_trials=pseudo_trials)
    targets, nontargets = _columns(target_scores, "target scores"), _columns(nontarget_scores, "nontarget scores")
    if targets.shape[1] > 1 or nontargets.shape[1] > 1:
        found = max(targets.shape[1], nontargets.shape[1])
        raise DataError(
            f"scores: found those of {counted(found, 'system')}, expected 1 (fit_calibration fuses several)"
        )
    values, place = np.unique(np.concatenate([targets[:, 0], nontargets[:, 0]]), return_inverse=True)
    if len(values) == 1:
        _warn_of_constant_scores()
    target_count = np.bincount(place[: len(targets)], minlength=len(values)).astype(np.float64)
    nontarget_count = np.bincount(place[len(targets) :], minlength=len(values)).astype(np.float64)
    target_count[0] += pseudo_trials  # the bin of the lowest trials is where one below them all would end up
    nontarget_count[-1] += pseudo_trials
    counts = target_count + nontarget_count
    bins = isotonic_regression(target_count / counts, weights=counts).blocks
    target_count, nontarget_count = (np.add.reduceat(c, bins[:-1]) for c in (target_count, nontarget_count))
    llrs = np.log(target_count / target_count.sum()) - np.log(nontarget_count / nontarget_count.sum())
    knots, llrs = np.column_stack([values[bins[:-1]], values[bins[1:] - 1]]).ravel(), np.repeat(llrs, 2)
    once = np.append(True, knots[1:] > knots[:-1])  # a bin of one score has one knot
    return PavCalibration(knots[once], llrs[once])


@checked
def fit_bounded(
    target_scores: ArrayLike,
    nontarget_scores: ArrayLike,
    *,
    fit: Callable[[NDArray, NDArray], Calibration | PavCalibration] = fit_calibration,
) -> Calibration | PavCalibration:
    """Fit a calibration, and the bounds within which its trials support its ratios (`elub_bounds`).

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T, S) and (N, S), or (T,) and (N,)
        As for `fit`.
    fit : callable
        `fit_calibration`, `fit_pav`, or one of them with options, by `functools.partial`.

    Returns
    -------
    Calibration or PavCalibration
        Its ratios stay within the bounds, which are saved with it.

    Raises
    ------
    DataError, ConfigError, ModelError
        As for `fit`.

    See Also
    --------
    gmmspeech.metrics.elub_bounds : definition of the bounds.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> calibration = gs.scoring.fit_bounded(rng.normal(6, 1, 50), rng.normal(0, 1, 500))
    >>> calibration.apply([-100.0, 100.0]).round(1)
    array([-3.9,  6.2])
    """
    targets, nontargets = _columns(target_scores, "target scores"), _columns(nontarget_scores, "nontarget scores")
    calibration = fit(targets, nontargets)
    with warnings.catch_warnings():  # of sides that look swapped, the calibration turns the scores
        warnings.simplefilter("ignore", GmmSpeechWarning)
        lower, upper = elub_bounds(calibration.apply(targets), calibration.apply(nontargets))
    return replace(calibration, lower=lower, upper=upper)


def _check_bounds(lower: float | None, upper: float | None) -> None:
    """Raise a ModelError for bounds that are not in order."""
    ends = [end for end in (lower, upper) if end is not None]
    if not all(map(math.isfinite, ends)) or ends != sorted(ends):
        raise ModelError(_UNSOUND)


def _bounded(llrs: NDArray[np.float64], lower: float | None, upper: float | None) -> NDArray[np.float64]:
    return llrs if lower is None and upper is None else np.clip(llrs, lower, upper)


def _described(lower: float | None, upper: float | None) -> list[str]:
    return [] if lower is None or upper is None else [f"ratios bounded to {lower:.6g} and {upper:.6g} nats"]


def _warn_of_constant_scores() -> None:
    told = "scores: found the same in all trials, expected others for targets: every ratio will be 1 (0 nats)"
    warnings.warn(told, GmmSpeechWarning, stacklevel=4)


def _columns(scores: ArrayLike, name: str) -> NDArray[np.float64]:
    """Scores as a matrix (trials, systems), or a DataError that says what is wrong with them."""
    if len(getattr(scores, "columns", ())) > 1:  # those of two tables may be in two orders
        expected = "an array, one system in each column"
        raise DataError(
            f"{name}: found a {type(scores).__name__}, whose names of columns are not kept, expected {expected}"
        )
    values = as_numbers(scores, name)
    columns = values[:, None] if values.ndim == 1 else values
    if columns.ndim != 2 or not columns.size:
        raise DataError(f"{name}: found an array of shape {values.shape}, expected one or more trials (and systems)")
    if not all_finite(columns):
        bad = np.argwhere(~np.isfinite(columns))
        where = f"trial {bad[0][0]}" + (f", system {bad[0][1]}" if columns.shape[1] > 1 else "")
        found = f"found {columns[tuple(bad[0])]} at {where} ({len(bad)} such of {columns.size})"
        raise DataError(f"{name}: {found}, expected finite numbers")
    return columns
