"""Plot of detection errors: misses over false alarms."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.metrics.det import det_curve, rocch
from gmmspeech.metrics.summary import DetectionCost, Summary, summarize
from gmmspeech.plot.style import (
    DASH_DOTTED,
    DASHED,
    DOTTED,
    INK,
    MORE,
    MUTED,
    NONTARGETS,
    TARGETS,
    THIRD,
    drawing_on,
    legend,
    plain,
    rule,
    thinned,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DET_TICKS = np.array([0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90, 95, 99]) / 100
DET_LIMITS = (0.0005, 0.5)


@checked
def det(
    target_scores: ArrayLike,
    nontarget_scores: ArrayLike,
    *,
    summary: Summary | None = None,
    others: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    ax: Axes | Figure | None = None,
) -> Axes:
    """Plot the detection error trade-off (DET): misses over false alarms, both on a normal-deviate scale.

    Normally distributed scores give a straight line. The plot shows the error rates of these trials (steps), their
    convex hull (dashed), the equal error rate on it, and the points of minimum detection cost. Points beyond the axes,
    such as an error rate of 0, are marked at the edge.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
    summary : Summary, optional
        Result of `summarize` for these scores; computed if not given.
    others : mapping, optional
        Target and nontarget scores of other systems by name, whose error rates are also drawn.
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
    A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> axes = gs.plot.det([1.0, 2.0, 4.0], [-1.0, 0.0, 1.5])
    >>> axes.get_xlabel()
    'false alarms (%)'
    """
    summary = summary or summarize(target_scores, nontarget_scores)
    limits = _det_limits(summary.eer_rocch)
    entries = 3 + len(summary.costs) + len(others or {})
    with drawing_on(ax, 5.6, 6.0 + 0.2 * ((entries + 1) // 2)) as ax:
        low, high = _deviate(limits)
        ax.plot([low, high], [low, high], color=MUTED, linewidth=0.8, linestyle=DOTTED)
        steps = thinned(*_deviates(*det_curve(target_scores, nontarget_scores)[:2], limits))
        ax.plot(*steps, color=TARGETS, linewidth=1.8, label="these scores" if others else "every threshold")
        hull = thinned(*_deviates(*_along_edges(*rocch(target_scores, nontarget_scores)[:2]), limits))
        ax.plot(*hull, color=INK, linewidth=0.9, linestyle=DASHED, label="convex hull")
        dashes = cycle((DASH_DOTTED, DOTTED, DASHED))
        for (name, sides), color, dash in zip((others or {}).items(), cycle(MORE), dashes, strict=False):
            curve = thinned(*_deviates(*det_curve(*sides)[:2], limits))
            ax.plot(*curve, color=color, linewidth=1.6, linestyle=dash, label=plain(name))
        _mark_eer(ax, summary, limits)
        for cost, marker in zip(summary.costs, cycle("Ds^v"), strict=False):
            _mark_cost(ax, cost, marker, limits)
        _scale(ax, limits)
        legend(ax)
    return ax


def _det_limits(equal_error_rate: float) -> tuple[float, float]:
    """Lowest and highest error rate shown: the usual range, widened if the EER would lie at its edge."""
    low, high = DET_LIMITS
    if 0 < equal_error_rate < 4 * low:
        low = max(equal_error_rate / 10, 1e-6)
    if equal_error_rate > 0.3:
        high = 0.98
    return low, high


def _scale(ax: Axes, limits: tuple[float, float]) -> None:
    ticks = DET_TICKS if limits == DET_LIMITS else DET_TICKS[~np.isin(DET_TICKS, [0.002, 0.005])]  # else too crowded
    shown = ticks[(limits[0] <= ticks) & (limits[1] >= ticks)]
    names = [f"{100 * tick:g}" for tick in shown]
    low, high = _deviate(limits)
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel="false alarms (%)", ylabel="misses (%)")
    ax.set_xticks(_deviate(shown), names)
    ax.set_yticks(_deviate(shown), names)
    rule(ax)


def _mark_eer(ax: Axes, summary: Summary, limits: tuple[float, float]) -> None:
    where = _deviate(np.clip(summary.eer_rocch, *limits))
    label = f"EER {100 * summary.eer_rocch:.2f} %"
    ax.plot(where, where, "o", color=NONTARGETS, markersize=8, clip_on=False, zorder=5, label=label)
    if summary.eer_rocch == 0:
        ax.annotate(
            "no errors: the curve runs\nbeyond this corner", (where, where), (14, 14), textcoords="offset points"
        )


def _mark_cost(ax: Axes, cost: DetectionCost, marker: str, limits: tuple[float, float]) -> None:
    x, y = _deviate(np.clip([cost.point.p_fa, cost.point.p_miss], *limits))
    label = f"minDCF {cost.min_dcf:.3f} at p_target = {cost.p_target:g}"
    ax.plot(x, y, marker, color=THIRD, markersize=7, clip_on=False, zorder=4, label=label)


def _deviates(
    p_miss: NDArray[np.float64], p_fa: NDArray[np.float64], limits: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Error rates as places in the picture (x, y); what is beyond the limits comes to lie just outside."""
    low, high = _deviate(limits)
    return np.clip(_deviate(p_fa), low - 0.1, high + 0.1), np.clip(_deviate(p_miss), low - 0.1, high + 0.1)


def _deviate(rates: ArrayLike) -> NDArray[np.float64]:
    """Deviates below which a normal distribution has these shares; of 0 and 1 some far ones.

    SciPy is left alone, which takes a fifth of a second to import.
    """
    inside = np.clip(rates, 1e-300, 1 - 1e-16)
    return np.array(list(map(NormalDist().inv_cdf, inside.ravel().tolist()))).reshape(inside.shape)


def _along_edges(
    p_miss: NDArray[np.float64], p_fa: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points along the edges between corners, which are curved in normal deviates; dense where a rate nears 0."""
    half = np.geomspace(1e-7, 0.5, 60)
    part = np.concatenate([[0.0], half, 1 - half[-2::-1]])
    places = np.append((np.arange(len(p_miss) - 1)[:, None] + part).ravel(), len(p_miss) - 1)
    corners = np.arange(len(p_miss))
    return np.interp(places, corners, p_miss), np.interp(places, corners, p_fa)
