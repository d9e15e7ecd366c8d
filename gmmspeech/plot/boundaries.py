"""Plot of boundary errors: of all boundaries, and by manner of articulation on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, counted
from gmmspeech.metrics.boundaries import BoundaryAgreement
from gmmspeech.plot.style import DASHED, INK, MUTED, NONTARGETS, TARGETS, drawing_on, plain, rule, stacked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BIN = 2.5  # ms
WIDEST = 100.0  # ms; what is farther off counts in the last bin
MOST_CLASSES = 20
FEWEST = 5  # boundaries of a pair of classes, to be drawn


@checked
def boundary_errors(
    agreement: BoundaryAgreement,
    *,
    classes: Mapping[str, str] | None = None,
    tolerance: float = 0.02,
    ax: Axes | Figure | None = None,
) -> Axes:
    """Plot a histogram of signed boundary errors, and their medians and quartiles by class.

    Parameters
    ----------
    agreement : BoundaryAgreement
        Result of `gmmspeech.metrics.boundary_agreement`.
    classes : mapping of str to str, optional
        Class of each label name; pairs of classes with five boundaries or more are drawn, at most twenty.
    tolerance : float
        In seconds, drawn as lines on both sides of 0.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes
        With classes, its ``ax.child_axes`` are the two plots.

    Raises
    ------
    ConfigError
        matplotlib is not installed, or `ax` is something else.
    DataError
        No boundary has a partner.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> reference = {"u": [(i / 10, (i + 1) / 10, "A") for i in range(8)]}
    >>> found = {"u": [(i / 10 + 0.01, (i + 1) / 10 + 0.01, "A") for i in range(8)]}
    >>> axes = gs.plot.boundary_errors(gs.metrics.boundary_agreement(reference, found), classes={"A": "vowel"})
    >>> [text.get_text() for text in axes.child_axes[1].get_yticklabels()]
    ['vowel → vowel (7)']
    """
    errors = 1000 * agreement.differences
    if not len(errors):
        raise DataError("boundaries: found none that has a partner, expected one or more")
    parts = [
        (f"{before} → {after} ({len(part.differences)})", 1000 * part.differences)
        for (before, after), part in (agreement.by_class(classes).items() if classes else ())
        if len(part.differences) >= FEWEST
    ][:MOST_CLASSES]
    rows = 0.3 * len(parts) + 0.3 if parts else 0.0
    with drawing_on(ax, 7.2, 3.6 + rows + (0.8 if parts else 0)) as ax:
        above, *below = stacked(ax, [3.0, rows], share=False, gap=0.7 / (3.7 + rows)) if parts else [ax]
        _draw_histogram(above, errors, 1000 * tolerance, agreement)
        if below:
            _draw_classes(below[0], parts, 1000 * tolerance)
    return ax


def _draw_histogram(ax: Axes, errors: np.ndarray, tolerance: float, agreement: BoundaryAgreement) -> None:
    edges = np.arange(-WIDEST - BIN / 2, WIDEST + BIN, BIN)
    shares = 100 * np.histogram(np.clip(errors, -WIDEST, WIDEST), edges)[0] / len(errors)
    ax.stairs(shares, edges, fill=True, color=TARGETS, alpha=0.3)
    ax.stairs(shares, edges, color=TARGETS, linewidth=1.2)
    _draw_lines(ax, tolerance)
    median = 1000 * agreement.median
    ax.axvline(median, color=NONTARGETS, linewidth=1.4)
    above, told = ax.get_xaxis_transform(), f"median {median:+.1f} ms"
    ax.text(median, 1.0, told, color=NONTARGETS, transform=above, ha="center", va="bottom")
    within = f"{100 * agreement.within(tolerance / 1000):.1f} % within {tolerance:g} ms"
    text = (
        f"{counted(len(errors), 'boundary', ',')}\n{within}\nmean abs. {1000 * agreement.mean_absolute:.1f} ms\n"
        f"median abs. {1000 * agreement.median_absolute:.1f} ms\nbias {1000 * agreement.bias:+.1f} ms"
    )
    ax.text(0.985, 0.97, text, transform=ax.transAxes, ha="right", va="top", linespacing=1.4)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0, None), xlabel="early  ←  error (ms)  →  late", ylabel="boundaries (%)")
    rule(ax, "y")


def _draw_classes(ax: Axes, parts: list[tuple[str, np.ndarray]], tolerance: float) -> None:
    places = np.arange(len(parts))[::-1]
    for place, (_, errors) in zip(places, parts, strict=True):
        outer, low, middle, high, last = np.percentile(errors, [5, 25, 50, 75, 95])
        ax.plot([outer, last], [place, place], color=MUTED, linewidth=1.0)
        ax.plot([low, high], [place, place], color=TARGETS, linewidth=5.0, solid_capstyle="butt", alpha=0.6)
        ax.plot(middle, place, "o", color=NONTARGETS, markersize=5)
    _draw_lines(ax, tolerance)
    reach = max(2 * tolerance, *(float(np.abs(np.percentile(errors, [5, 95])).max()) for _, errors in parts))
    reach = min(1.08 * reach, 2 * WIDEST)
    ax.set_yticks(places, [plain(name) for name, _ in parts])
    ax.set(xlim=(-reach, reach), ylim=(-0.7, len(parts) - 0.3), xlabel="error (ms): median, quartiles, 5 and 95 %")
    rule(ax, "x")


def _draw_lines(ax: Axes, tolerance: float) -> None:
    ax.axvline(0.0, color=INK, linewidth=0.9)
    for side in (-tolerance, tolerance):
        ax.axvline(side, color=MUTED, linewidth=0.9, linestyle=DASHED)
