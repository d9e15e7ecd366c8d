"""Plots of scores: histograms; and for calibrated scores Tippett curves, Bayes error rates, empirical cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.metrics.cllr import cllr, min_cllr, tippett_curves
from gmmspeech.metrics.cross_entropy import empirical_cross_entropy
from gmmspeech.metrics.dcf import bayes_error_rates, bayes_threshold
from gmmspeech.metrics.det import both_sides
from gmmspeech.plot.style import (
    DASHED,
    DOTTED,
    INK,
    MUTED,
    NONTARGETS,
    TARGETS,
    drawing_on,
    legend,
    rule,
    thinned,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PRIOR_LOG_ODDS = (-8.0, 8.0)  # from one target among 3,000 trials to the reverse
_PRIORS = 321  # drawn; the curves have corners
_SMOOTH_PRIORS = 81  # drawn of a curve without corners
_HIGHEST_RATE = 1.4  # shown; above 1 a system does harm


@checked
def scores(
    target_scores: ArrayLike,
    nontarget_scores: ArrayLike,
    *,
    threshold: float | None = None,
    ax: Axes | Figure | None = None,
) -> Axes:
    """Plot histograms of target and nontarget scores, each normalized to its number of trials.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
    threshold : float, optional
        Drawn as a vertical line.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        matplotlib is not installed, or `ax` is something else.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> axes = gs.plot.scores([1.0, 2.0, 4.0], [-1.0, 0.0, 1.5], threshold=1.2)
    >>> axes.get_ylabel()
    'share of its kind (%)'
    """
    targets, nontargets = both_sides(target_scores, nontarget_scores)
    edges = _bins(targets, nontargets)
    sides = (("nontargets", nontargets, NONTARGETS, DASHED, 0.15), ("targets", targets, TARGETS, "-", 0.4))
    with drawing_on(ax, 5.6, 4.4) as ax:
        for name, values, color, dash, alpha in sides:
            shares = 100 * np.histogram(values, edges)[0] / len(values)
            ax.stairs(shares, edges, fill=True, color=color, alpha=alpha, linewidth=0)
            label = f"{name} ({len(values):,})"
            ax.stairs(shares, edges, color=color, linewidth=1.4, linestyle=dash, label=label)
        if threshold is not None and np.isfinite(threshold):
            ax.axvline(threshold, color=INK, linewidth=1.2, linestyle=DOTTED, label=f"threshold {threshold:#.4g}")
        ax.set(xlabel="score", ylabel="share of its kind (%)", ylim=(0, None), xlim=(edges[0], edges[-1]))
        rule(ax, "y")
        legend(ax, 3)
    return ax


@checked
def tippett(target_llrs: ArrayLike, nontarget_llrs: ArrayLike, *, ax: Axes | Figure | None = None) -> Axes:
    """Plot Tippett curves: the shares of targets and of nontargets with at least a given likelihood ratio.

    With good ratios the two curves are far apart, and few ratios are on the misleading side of 0; the legend gives
    their share. A ratio of exactly 0 counts as support for a target.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios; the axis shows powers of ten, as forensic science does.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        matplotlib is not installed, or `ax` is something else.
    DataError
        No scores, or scores that are not numeric, NaN or infinite.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> axes = gs.plot.tippett([1.0, 2.0, 4.0, -0.5], [-1.0, -3.0, 1.5])
    >>> [line.get_label() for line in axes.lines[:2]]
    ['targets (25.0 % below 0)', 'nontargets (33.3 % at or above 0)']
    """
    values, targets_above, nontargets_above = tippett_curves(target_llrs, nontarget_llrs)
    ratios = values[:-1] / math.log(10)
    at_zero = np.searchsorted(values, 0.0)
    with drawing_on(ax, 5.6, 4.4) as ax:
        margin = 0.04 * max(np.ptp(ratios), 1.0)
        ends = ratios[0] - margin, ratios[-1] + margin
        for name, above, misled, side, color, dash in (
            ("targets", targets_above, 1 - targets_above[at_zero], "below", TARGETS, "-"),
            ("nontargets", nontargets_above, nontargets_above[at_zero], "at or above", NONTARGETS, DASHED),
        ):
            # A share holds from just above the value before to the value itself.
            x, y = np.concatenate([[ends[0]], ratios, [ends[1]]]), np.append(1.0, above)
            width = ends[1] - ends[0]  # for thinning, both axes are of length 1
            x, y = thinned(x / width, y)
            label = f"{name} ({100 * misled:.1f} % {side} 0)"
            ax.plot(width * x, 100 * y, color=color, linewidth=1.6, linestyle=dash, drawstyle="steps-pre", label=label)
        ax.axvline(0, color=MUTED, linewidth=0.8, linestyle=DOTTED, zorder=0)
        ax.set(xlabel="log10 likelihood ratio", ylabel="share at or above (%)", xlim=ends, ylim=(0, 102))
        rule(ax)
        legend(ax)
    return ax


@checked
def bayes_error(
    target_llrs: ArrayLike,
    nontarget_llrs: ArrayLike,
    *,
    p_targets: Sequence[float] = (0.01, 0.05),
    prior_log_odds: tuple[float, float] = PRIOR_LOG_ODDS,
    ax: Axes | Figure | None = None,
) -> Axes:
    """Plot normalized Bayes error rates over all priors, at the Bayes thresholds and at the best thresholds.

    At 1 a system is no better than decisions by the prior alone. The area between the two curves is calibration loss.
    On the left false alarms cost more, on the right misses. Cllr is an integral over such rates (not normalized).

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios.
    p_targets : sequence of float
        Priors to mark.
    prior_log_odds : tuple of float
        Range of priors drawn, as log-odds in nats.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        matplotlib is not installed, or a prior is out of range.
    DataError
        No scores, or scores that are not numeric, NaN or infinite.

    References
    ----------
    N. Brümmer and E. de Villiers, "The BOSARIS Toolkit: theory, algorithms and code for surviving the new DCF", 2011.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> axes = gs.plot.bayes_error([1.0, 2.0, 4.0], [-1.0, -3.0, 1.5])
    >>> axes.get_ylabel()
    'normalized Bayes error rate'
    """
    rates = bayes_error_rates(target_llrs, nontarget_llrs, np.linspace(*prior_log_odds, _PRIORS))
    with drawing_on(ax, 5.6, 4.4) as ax:
        ax.axhline(1, color=MUTED, linewidth=0.8, linestyle=DOTTED)
        labels = (
            f"actual (Cllr {cllr(target_llrs, nontarget_llrs):.3f})",
            (f"minimum (minCllr {min_cllr(target_llrs, nontarget_llrs):.3f})"),
        )
        ax.plot(rates.prior_log_odds, rates.actual, color=NONTARGETS, linewidth=1.6, label=labels[0])
        ax.plot(rates.prior_log_odds, rates.minimum, color=INK, linewidth=1.2, linestyle=DASHED, label=labels[1])
        top = min(max(1.05, 1.05 * rates.actual.max()), _HIGHEST_RATE)
        for p_target in p_targets:
            where = -bayes_threshold(p_target=p_target)
            ax.axvline(where, color=MUTED, linewidth=0.8)
            name = f"p = {p_target:g}"
            ax.annotate(name, (where, top), (3, -3), textcoords="offset points", fontsize=8, rotation=90, va="top")
        ax.set(xlabel="prior log-odds of a target (nats)", ylabel="normalized Bayes error rate")
        ax.set(xlim=prior_log_odds, ylim=(0, top))
        rule(ax)
        legend(ax)
    return ax


@checked
def ece(
    target_llrs: ArrayLike,
    nontarget_llrs: ArrayLike,
    *,
    prior_log_odds: tuple[float, float] = (-7.0, 7.0),
    ax: Axes | Figure | None = None,
) -> Axes:
    """Plot empirical cross-entropy over priors: of the ratios, at its minimum, and of neutral ratios.

    Ratios are useful at priors where their curve lies below that of neutral ratios. The area between their curve and
    the minimum is calibration loss. At even odds the curves are Cllr and minimum Cllr.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios.
    prior_log_odds : tuple of float
        Range of priors drawn, as log-odds in nats; the axis shows powers of ten, as forensic science does.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        matplotlib is not installed, or `ax` is something else.
    DataError
        No scores, or scores that are not numeric, NaN or infinite.

    References
    ----------
    D. Ramos and J. Gonzalez-Rodriguez, "Reliable support: measuring calibration of likelihood ratios", Forensic Science
    International 230, 2013.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> axes = gs.plot.ece([1.0, 2.0, 4.0], [-1.0, -3.0, 1.5])
    >>> axes.get_ylabel()
    'empirical cross-entropy (bits)'
    """
    found = empirical_cross_entropy(target_llrs, nontarget_llrs, np.linspace(*prior_log_odds, _SMOOTH_PRIORS))
    odds = found.prior_log_odds / math.log(10)
    with drawing_on(ax, 5.6, 4.4) as ax:
        ax.plot(odds, found.neutral, color=MUTED, linewidth=1.0, linestyle=DOTTED, label="ratios of 1")
        ax.plot(odds, found.actual, color=NONTARGETS, linewidth=1.6, label="actual")
        ax.plot(odds, found.minimum, color=INK, linewidth=1.2, linestyle=DASHED, label="minimum")
        ax.set(xlabel="log10 prior odds of a target", ylabel="empirical cross-entropy (bits)")
        ax.set(xlim=(odds[0], odds[-1]), ylim=(0, min(1.05 * max(found.actual.max(), 1.0), _HIGHEST_RATE)))
        rule(ax)
        legend(ax, 3)
    return ax


def _bins(targets: NDArray[np.float64], nontargets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of bins that both kinds share: Rice's rule, within what can be read."""
    low = min(targets.min(), nontargets.min())
    high = max(targets.max(), nontargets.max())
    count = int(np.clip(2 * np.cbrt(len(targets) + len(nontargets)), 12, 80))
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # one and the same score, give or take rounding
        margin = 0.5 * max(abs(low), 1.0)
        low, high = low - margin, high + margin
    return np.linspace(low, high, count + 1)
