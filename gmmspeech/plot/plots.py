"""Pictures of scores, errors and training, as matplotlib figures.

matplotlib is an optional extra and is loaded by the first picture. Figures are made without pyplot, so nothing opens
and nothing has to be closed; save them with ``figure.savefig("det.pdf")``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from gmmspeech.arguments import checked
from gmmspeech.checks import all_finite, as_numbers
from gmmspeech.errors import ConfigError, DataError, shown
from gmmspeech.files.atomic import atomic_path
from gmmspeech.metrics.det import both_sides, det_curve, rocch
from gmmspeech.metrics.summary import DetectionCost, Summary, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colors, which people with any kind of color vision can tell apart.
INK, MUTED, TARGETS, NONTARGETS, THIRD = "#1f2328", "#80868f", "#0072b2", "#d55e00", "#009e73"
MORE = ("#cc79a7", "#e69f00", "#56b4e9")

DET_TICKS = np.array([0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90, 95, 99]) / 100
DET_LIMITS = (0.0005, 0.5)
DRAWN_POINTS = 600  # across a picture; a curve is not drawn finer than this
MAX_WRITTEN_CLASSES = 25  # numbers in a confusion matrix of more classes can't be read

_STYLE = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "figure.constrained_layout.use": True,
    "font.size": 10.0,
    "grid.color": MUTED,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}


@contextmanager
def drawing(**settings: object) -> Iterator[None]:
    """Set matplotlib to the look of our pictures, whatever the user's own settings are."""
    try:
        import matplotlib.style
    except ImportError as error:
        raise ConfigError("found no matplotlib, which pictures need: pip install 'gmmspeech[plot]'") from error
    with matplotlib.style.context(["default", {**_STYLE, **settings}]):
        yield


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 150) -> None:
    """Write a picture in the format that its suffix says, atomically."""
    suffix, known = os.path.splitext(path)[1].lower(), figure.canvas.get_supported_filetypes()
    if suffix.removeprefix(".") not in known:
        expected = ", ".join(f".{name}" for name in known)
        raise ConfigError(f"{os.fspath(path)}: found suffix {shown(repr(suffix))}, expected one of {expected}")
    with drawing(), atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi)


@checked
def plot_det(
    target_scores: ArrayLike,
    nontarget_scores: ArrayLike,
    *,
    summary: Summary | None = None,
    others: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> Figure:
    """Detection error trade-off: misses over false alarms, both on a normal-deviate scale.

    Scores with normal distributions give a straight line there. Drawn are the error rates of these trials (steps),
    their convex hull (dashed), the equal error rate on it, and the points of least detection cost. What lies beyond
    the axes, an error rate of 0 in particular, is marked at their edge.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
    summary : Summary, optional
        What `summarize` gave for these scores; computed if not given.
    others : mapping, optional
        Name of another system to its target and nontarget scores: its error rates are drawn too.

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
    A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.

    Examples
    --------
    >>> figure = plot_det([1.0, 2.0, 4.0], [-1.0, 0.0, 1.5])
    >>> figure.axes[0].get_xlabel()
    'false alarms (%)'
    """
    summary = summary or summarize(target_scores, nontarget_scores)
    limits = _det_limits(summary.eer_rocch)
    with drawing():
        figure, axes = _new_figure(5.6, 6.0)
        low, high = ndtri(limits)
        axes.plot([low, high], [low, high], color=MUTED, linewidth=0.8, linestyle=":")
        steps = _thinned(*_deviates(*det_curve(target_scores, nontarget_scores)[:2], limits))
        axes.plot(*steps, color=TARGETS, linewidth=1.6, label="these scores" if others else "every threshold")
        hull = _thinned(*_deviates(*_along_edges(*rocch(target_scores, nontarget_scores)[:2]), limits))
        axes.plot(*hull, color=INK, linewidth=0.9, linestyle="--", label="convex hull")
        for (name, sides), color in zip((others or {}).items(), cycle(MORE), strict=False):
            curve = _thinned(*_deviates(*det_curve(*sides)[:2], limits))
            axes.plot(*curve, color=color, linewidth=1.2, label=name.replace("$", r"\$"))
        _mark_eer(axes, summary, limits)
        for cost, marker in zip(summary.costs, cycle("Ds^v"), strict=False):
            _mark_cost(axes, cost, marker, limits)
        _det_axes(axes, limits)
        figure.legend(loc="outside upper left", ncols=2)
    return figure


@checked
def plot_scores(target_scores: ArrayLike, nontarget_scores: ArrayLike, *, threshold: float | None = None) -> Figure:
    """Histograms of the scores of targets and nontargets, each as shares of its own kind.

    Parameters
    ----------
    target_scores, nontarget_scores : array-like, shape (T,) and (N,)
    threshold : float, optional
        Drawn as a vertical line.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> figure = plot_scores([1.0, 2.0, 4.0], [-1.0, 0.0, 1.5], threshold=1.2)
    >>> figure.axes[0].get_ylabel()
    'share of its kind (%)'
    """
    targets, nontargets = both_sides(target_scores, nontarget_scores)
    edges = _bins(targets, nontargets)
    with drawing():
        figure, axes = _new_figure(5.6, 4.6)
        for name, scores, color in (("nontargets", nontargets, NONTARGETS), ("targets", targets, TARGETS)):
            shares = 100 * np.histogram(scores, edges)[0] / len(scores)
            axes.stairs(shares, edges, fill=True, color=color, alpha=0.3)
            axes.stairs(shares, edges, color=color, linewidth=1.4, label=f"{name} ({len(scores):,})")
        if threshold is not None and np.isfinite(threshold):
            axes.axvline(threshold, color=INK, linewidth=1.2, linestyle="--", label=f"threshold {threshold:#.4g}")
        axes.set(xlabel="score", ylabel="share of its kind (%)", ylim=(0, None), xlim=(edges[0], edges[-1]))
        axes.grid(axis="y")
        figure.legend(loc="outside upper center", ncols=3)
    return figure


@checked
def plot_em_history(history: Sequence[float]) -> Figure:
    """Mean log-likelihood a frame over the updates of EM.

    Parameters
    ----------
    history : sequence of float
        Nats a frame; entry i is after i updates.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> figure = plot_em_history([-52.1, -50.3, -49.9])
    >>> figure.axes[0].get_xlabel()
    'updates'
    """
    with drawing():
        from matplotlib.ticker import MaxNLocator

        figure, axes = _new_figure(6.4, 4.0)
        axes.plot(range(len(history)), history, color=TARGETS, marker="o", markersize=4)
        axes.set(xlabel="updates", ylabel="log-likelihood (nats a frame)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid()
    return figure


@checked
def plot_confusion(matrix: ArrayLike, labels: Sequence[str], *, groups: Mapping[str, str] | None = None) -> Figure:
    """Confusion matrix: rows are what was said, columns what was recognized, the color is the share of the row.

    Parameters
    ----------
    matrix : array-like, shape (C, C)
        Counts.
    labels : sequence of str, length C
    groups : mapping of str to str, optional
        Label to its group, such as a manner of articulation: lines part groups whose labels follow one another.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        matplotlib is not installed.
    DataError
        The matrix is not as large as the list of labels.

    Examples
    --------
    >>> figure = plot_confusion([[9, 1], [2, 8]], ["ja", "nein"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['9', '1', '2', '8']
    """
    counts = as_numbers(matrix, "confusion matrix")
    if not all_finite(counts) or (counts < 0).any():
        raise DataError("confusion matrix: found a negative number, NaN or infinity, expected counts")
    if counts.shape != (len(labels), len(labels)):
        raise DataError(f"confusion matrix: found shape {counts.shape}, expected {(len(labels), len(labels))}")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.4 + 0.32 * min(len(labels), 40)
    with drawing(**{"axes.spines.right": True, "axes.spines.top": True}):
        figure, axes = _new_figure(side + 0.8, side)
        picture = axes.imshow(100 * shares, cmap="cividis", vmin=0, vmax=100)
        axes.set_xticks(range(len(labels)), labels, rotation=90)
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel="recognized", ylabel="true")
        figure.colorbar(picture, label="share of the row (%)", shrink=0.8)
        _part_groups(axes, [(groups or {}).get(label, "") for label in labels])
        if len(labels) <= MAX_WRITTEN_CLASSES:
            for row, column in zip(*np.nonzero(counts), strict=True):
                color = "black" if shares[row, column] > 0.5 else "white"
                text = f"{counts[row, column]:g}"
                axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    return figure


def _part_groups(axes: Axes, groups: Sequence[str]) -> None:
    """Draw lines between groups that follow one another, and their names above them."""
    if not any(groups):
        return
    edges = [i for i in range(1, len(groups)) if groups[i] != groups[i - 1]]
    for edge in edges:
        axes.axhline(edge - 0.5, color="white", linewidth=0.8)
        axes.axvline(edge - 0.5, color="white", linewidth=0.8)
    for first, last in zip([0, *edges], [*edges, len(groups)], strict=True):
        place = (first + last - 1) / 2
        axes.text(place, -0.8, groups[first], rotation=40, ha="left", va="bottom", rotation_mode="anchor", fontsize=8)


def _new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def _det_limits(equal_error_rate: float) -> tuple[float, float]:
    """Lowest and highest error rate shown: the usual range, widened if the EER would lie at its edge."""
    low, high = DET_LIMITS
    if 0 < equal_error_rate < 4 * low:
        low = max(equal_error_rate / 10, 1e-6)
    if equal_error_rate > 0.3:
        high = 0.98
    return low, high


def _det_axes(axes: Axes, limits: tuple[float, float]) -> None:
    ticks = DET_TICKS if limits == DET_LIMITS else DET_TICKS[~np.isin(DET_TICKS, [0.002, 0.005])]  # else too crowded
    shown = ticks[(limits[0] <= ticks) & (limits[1] >= ticks)]
    names = [f"{100 * tick:g}" for tick in shown]
    low, high = ndtri(limits)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel="false alarms (%)", ylabel="misses (%)")
    axes.set_xticks(ndtri(shown), names)
    axes.set_yticks(ndtri(shown), names)
    axes.grid()


def _mark_eer(axes: Axes, summary: Summary, limits: tuple[float, float]) -> None:
    where = ndtri(np.clip(summary.eer_rocch, *limits))
    label = f"EER {100 * summary.eer_rocch:.2f} %"
    axes.plot(where, where, "o", color=NONTARGETS, markersize=8, clip_on=False, zorder=5, label=label)
    if summary.eer_rocch == 0:
        axes.annotate(
            "no errors: the curve runs\nbeyond this corner", (where, where), (14, 14), textcoords="offset points"
        )


def _mark_cost(axes: Axes, cost: DetectionCost, marker: str, limits: tuple[float, float]) -> None:
    x, y = ndtri(np.clip([cost.point.p_fa, cost.point.p_miss], *limits))
    label = f"minDCF {cost.min_dcf:.3f} at p_target = {cost.p_target:g}"
    axes.plot(x, y, marker, color=THIRD, markersize=7, clip_on=False, zorder=4, label=label)


def _deviates(
    p_miss: NDArray[np.float64], p_fa: NDArray[np.float64], limits: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Error rates as places in the picture (x, y); what is beyond the limits comes to lie just outside."""
    low, high = ndtri(limits)
    return np.clip(ndtri(p_fa), low - 0.1, high + 0.1), np.clip(ndtri(p_miss), low - 0.1, high + 0.1)


def _along_edges(
    p_miss: NDArray[np.float64], p_fa: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points along the edges between corners, which are curved in normal deviates; dense where a rate nears 0."""
    half = np.geomspace(1e-7, 0.5, 60)
    part = np.concatenate([[0.0], half, 1 - half[-2::-1]])
    places = np.append((np.arange(len(p_miss) - 1)[:, None] + part).ravel(), len(p_miss) - 1)
    corners = np.arange(len(p_miss))
    return np.interp(places, corners, p_miss), np.interp(places, corners, p_fa)


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Drop points too near to the one before to be seen apart."""
    cells = np.round(np.column_stack([x, y]) * (DRAWN_POINTS / max(np.ptp(x), np.ptp(y)))).astype(int)
    keep = np.append(True, np.any(cells[1:] != cells[:-1], axis=1))
    keep[-1] = True
    return x[keep], y[keep]


def _bins(targets: NDArray[np.float64], nontargets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of bins that both kinds share: Rice's rule, within what can be read."""
    low = min(targets.min(), nontargets.min())
    high = max(targets.max(), nontargets.max())
    count = int(np.clip(2 * np.cbrt(len(targets) + len(nontargets)), 12, 80))
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # one and the same score, give or take rounding
        margin = 0.5 * max(abs(low), 1.0)
        low, high = low - margin, high + margin
    return np.linspace(low, high, count + 1)
