"""Pictures of calibrated scores, as matplotlib figures: Tippett curves, Bayes error rates, empirical cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gmmspeech.arguments import checked
from gmmspeech.metrics.cllr import cllr, min_cllr, tippett_curves
from gmmspeech.metrics.cross_entropy import empirical_cross_entropy
from gmmspeech.metrics.dcf import bayes_error_rates, bayes_threshold
from gmmspeech.plot.plots import INK, MUTED, NONTARGETS, TARGETS, _new_figure, _thinned, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRIOR_LOG_ODDS = (-8.0, 8.0)  # from one target among 3,000 trials to the reverse
_PRIORS = 321  # drawn; the curves have corners
_SMOOTH_PRIORS = 81  # drawn of a curve without corners
_HIGHEST_RATE = 1.4  # shown; above 1 a system does harm


@checked
def plot_tippett(target_llrs: ArrayLike, nontarget_llrs: ArrayLike) -> Figure:
    """Tippett curves: what share of the targets and of the nontargets has at least a given likelihood ratio.

    Good ratios keep the two curves apart, and both away from the side of 0 that misleads; how large that share is, is
    in the legend. A ratio of 0 itself counts for the targets.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios; the axis shows powers of ten, as forensic science does.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        matplotlib is not installed.
    DataError
        No scores, scores that are no numbers, NaN or infinite.

    Examples
    --------
    >>> figure = plot_tippett([1.0, 2.0, 4.0, -0.5], [-1.0, -3.0, 1.5])
    >>> [line.get_label() for line in figure.axes[0].lines[:2]]
    ['targets (25.0 % below 0)', 'nontargets (33.3 % at or above 0)']
    """
    values, targets_above, nontargets_above = tippett_curves(target_llrs, nontarget_llrs)
    ratios = values[:-1] / math.log(10)
    at_zero = np.searchsorted(values, 0.0)
    with drawing():
        figure, axes = _new_figure(5.6, 4.6)
        margin = 0.04 * max(np.ptp(ratios), 1.0)
        ends = ratios[0] - margin, ratios[-1] + margin
        for name, above, misled, side, color in (
            ("targets", targets_above, 1 - targets_above[at_zero], "below", TARGETS),
            ("nontargets", nontargets_above, nontargets_above[at_zero], "at or above", NONTARGETS),
        ):
            # A share holds from just above the value before to the value itself.
            x, y = np.concatenate([[ends[0]], ratios, [ends[1]]]), np.append(1.0, above)
            width = ends[1] - ends[0]  # for thinning, both axes are of length 1
            x, y = _thinned(x / width, y)
            label = f"{name} ({100 * misled:.1f} % {side} 0)"
            axes.plot(width * x, 100 * y, color=color, linewidth=1.6, drawstyle="steps-pre", label=label)
        axes.axvline(0, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
        axes.set(xlabel="log10 likelihood ratio", ylabel="share at or above (%)", xlim=ends, ylim=(0, 102))
        axes.grid()
        figure.legend(loc="outside upper center", ncols=2)
    return figure


@checked
def plot_bayes_error_rates(
    target_llrs: ArrayLike,
    nontarget_llrs: ArrayLike,
    *,
    p_targets: Sequence[float] = (0.01, 0.05),
    prior_log_odds: tuple[float, float] = PRIOR_LOG_ODDS,
) -> Figure:
    """Normalized Bayes error rates over all priors: with the thresholds that ratios stand for, and the best ones.

    At 1 a system is worth no more than deciding by the prior alone. What lies between the two curves is loss by
    calibration. Left are false alarms that cost much, right misses; Cllr is an integral over (not normalized) rates of
    this kind.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios.
    p_targets : sequence of float
        Priors that are marked.
    prior_log_odds : tuple of float
        Range of priors drawn, as log-odds in nats.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        matplotlib is not installed, or a prior is out of its range.
    DataError
        No scores, scores that are no numbers, NaN or infinite.

    References
    ----------
    N. Brümmer and E. de Villiers, "The BOSARIS Toolkit: theory, algorithms and code for surviving the new DCF", 2011.

    Examples
    --------
    >>> figure = plot_bayes_error_rates([1.0, 2.0, 4.0], [-1.0, -3.0, 1.5])
    >>> figure.axes[0].get_ylabel()
    'normalized Bayes error rate'
    """
    rates = bayes_error_rates(target_llrs, nontarget_llrs, np.linspace(*prior_log_odds, _PRIORS))
    with drawing():
        figure, axes = _new_figure(5.6, 4.6)
        axes.axhline(1, color=MUTED, linewidth=0.8, linestyle=":")
        labels = (
            f"actual (Cllr {cllr(target_llrs, nontarget_llrs):.3f})",
            (f"minimum (minCllr {min_cllr(target_llrs, nontarget_llrs):.3f})"),
        )
        axes.plot(rates.prior_log_odds, rates.actual, color=NONTARGETS, linewidth=1.6, label=labels[0])
        axes.plot(rates.prior_log_odds, rates.minimum, color=INK, linewidth=1.2, linestyle="--", label=labels[1])
        top = min(max(1.05, 1.05 * rates.actual.max()), _HIGHEST_RATE)
        for p_target in p_targets:
            where = -bayes_threshold(p_target=p_target)
            axes.axvline(where, color=MUTED, linewidth=0.8)
            name = f"p = {p_target:g}"
            axes.annotate(name, (where, top), (3, -3), textcoords="offset points", fontsize=8, rotation=90, va="top")
        axes.set(xlabel="prior log-odds of a target (nats)", ylabel="normalized Bayes error rate")
        axes.set(xlim=prior_log_odds, ylim=(0, top))
        axes.grid()
        figure.legend(loc="outside upper center", ncols=2)
    return figure


@checked
def plot_cross_entropy(
    target_llrs: ArrayLike, nontarget_llrs: ArrayLike, *, prior_log_odds: tuple[float, float] = (-7.0, 7.0)
) -> Figure:
    """Empirical cross-entropy over priors: what is not known once ratios are, at best, and without any.

    Ratios help at a prior where their curve lies below that of neutral ones. What lies between their curve and the
    minimum is loss by calibration. At even odds the curves are Cllr and minCllr.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios.
    prior_log_odds : tuple of float
        Range of priors drawn, as log-odds in nats; the axis shows powers of ten, as forensic science does.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        matplotlib is not installed.
    DataError
        No scores, scores that are no numbers, NaN or infinite.

    References
    ----------
    D. Ramos and J. Gonzalez-Rodriguez, "Reliable support: measuring calibration of likelihood ratios", Forensic Science
    International 230, 2013.

    Examples
    --------
    >>> figure = plot_cross_entropy([1.0, 2.0, 4.0], [-1.0, -3.0, 1.5])
    >>> figure.axes[0].get_ylabel()
    'empirical cross-entropy (bits)'
    """
    found = empirical_cross_entropy(target_llrs, nontarget_llrs, np.linspace(*prior_log_odds, _SMOOTH_PRIORS))
    odds = found.prior_log_odds / math.log(10)
    with drawing():
        figure, axes = _new_figure(5.6, 4.6)
        axes.plot(odds, found.neutral, color=MUTED, linewidth=1.0, linestyle=":", label="ratios of 1")
        axes.plot(odds, found.actual, color=NONTARGETS, linewidth=1.6, label="actual")
        axes.plot(odds, found.minimum, color=INK, linewidth=1.2, linestyle="--", label="minimum")
        axes.set(xlabel="log10 prior odds of a target", ylabel="empirical cross-entropy (bits)")
        axes.set(xlim=(odds[0], odds[-1]), ylim=(0, min(1.05 * max(found.actual.max(), 1.0), _HIGHEST_RATE)))
        axes.grid()
        figure.legend(loc="outside upper center", ncols=3)
    return figure
