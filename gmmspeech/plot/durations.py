"""Plots of alignments: durations of phones, and deviations of their boundaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gmmspeech.arguments import checked
from gmmspeech.checks import as_vector
from gmmspeech.errors import DataError
from gmmspeech.phones.labels.manner import by_manner, manners
from gmmspeech.plot.style import INK, MUTED, NONTARGETS, TARGETS, THIRD, drawing_on, plain, rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = {"vowel": TARGETS, "stop": NONTARGETS, "affricate": NONTARGETS, "fricative": THIRD}


@checked
def durations(durations: Mapping[str, Sequence[float]], *, ax: Axes | Figure | None = None) -> Axes:
    """Durations of phones, grouped by manner of articulation: medians, quartiles, and 5 and 95 %.

    Parameters
    ----------
    durations : mapping of str to sequence of float
        Seconds of each segment of a phone.
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
        No phone has a segment.

    Examples
    --------
    >>> axes = durations({"S": [0.1, 0.12], "AA": [0.08, 0.2, 0.1]})
    >>> [text.get_text() for text in axes.get_xticklabels()]
    ['AA', 'S']
    """
    names = by_manner(name for name, found in durations.items() if len(found))
    if not names:
        raise DataError("durations: found no segment, expected one or more")
    classes = manners(names)
    with drawing_on(ax, max(4.0, 1.0 + 0.17 * len(names)), 3.4) as ax:
        for place, name in enumerate(names):
            outer, low, middle, high, last = np.percentile(1000 * np.asarray(durations[name]), [5, 25, 50, 75, 95])
            color = _COLORS.get(classes[name], MUTED)
            ax.plot([place, place], [outer, last], color=color, linewidth=1.0)
            ax.plot([place, place], [low, high], color=color, linewidth=5.0, solid_capstyle="butt", alpha=0.6)
            ax.plot(place, middle, "o", color=INK, markersize=3.5)
        ax.set_xticks(range(len(names)), [plain(name) for name in names], rotation=90, fontsize=8)
        ax.set(ylabel="duration (ms)", xlim=(-0.8, len(names) - 0.2), ylim=(0, None))
        rule(ax, "y")
    return ax


@checked
def histogram(values: ArrayLike, *, label: str, highest: float | None = None, ax: Axes | Figure | None = None) -> Axes:
    """Histogram of numbers in percent; those above the highest count in the last bin.

    Parameters
    ----------
    values : array-like, shape (n,)
    label : str
        What they are, with their unit.
    highest : float, optional
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
        No numbers.

    Examples
    --------
    >>> histogram([1.0, 2.0, 2.5], label="deviation (ms)").get_xlabel()
    'deviation (ms)'
    """
    x = as_vector(values, "values")
    clipped = x if highest is None else np.minimum(x, highest)
    low, high = float(clipped.min()), float(clipped.max())
    edges = np.linspace(low, high if high > low else low + 1.0, int(np.clip(2 * np.cbrt(len(x)), 12, 60)) + 1)
    with drawing_on(ax, 5.6, 3.4) as ax:
        shares = 100 * np.histogram(clipped, edges)[0] / len(x)
        ax.stairs(shares, edges, fill=True, color=TARGETS, alpha=0.3)
        ax.stairs(shares, edges, color=TARGETS, linewidth=1.4)
        ax.set(xlabel=label, ylabel="share (%)", xlim=(edges[0], edges[-1]), ylim=(0, None))
        rule(ax, "y")
    return ax
