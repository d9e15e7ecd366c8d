"""Plot of a confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gmmspeech.arguments import checked
from gmmspeech.checks import all_finite, as_numbers
from gmmspeech.errors import DataError
from gmmspeech.plot.style import MAP, drawing_on, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_WRITTEN_CLASSES = 25  # numbers in a confusion matrix of more classes can't be read


@checked
def confusion(
    matrix: ArrayLike,
    labels: Sequence[str],
    *,
    groups: Mapping[str, str] | None = None,
    ax: Axes | Figure | None = None,
) -> Axes:
    """Plot a confusion matrix: rows are true labels, columns recognized labels, colors shares of the row.

    Parameters
    ----------
    matrix : array-like, shape (C, C)
        Counts.
    labels : sequence of str, length C
    groups : mapping of str to str, optional
        Group of each label, such as its manner of articulation: lines separate groups of consecutive labels.
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
        The size of the matrix is not the number of labels.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> axes = gs.plot.confusion([[9, 1], [2, 8]], ["ja", "nein"])
    >>> [text.get_text() for text in axes.texts]
    ['9', '1', '2', '8']
    """
    counts = as_numbers(matrix, "confusion matrix")
    if not all_finite(counts) or (counts < 0).any():
        raise DataError("confusion matrix: found a negative number, NaN or infinity, expected counts")
    if counts.shape != (len(labels), len(labels)):
        raise DataError(f"confusion matrix: found shape {counts.shape}, expected {(len(labels), len(labels))}")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    written = len(labels) <= MAX_WRITTEN_CLASSES
    side = 2.4 + (0.32 if written else 0.2) * min(len(labels), 60)
    with drawing_on(ax, side + 0.8, side) as ax:
        picture = ax.imshow(100 * shares, cmap=MAP, vmin=0, vmax=100)
        ax.spines[:].set_visible(True)
        ax.set_xticks(range(len(labels)), map(plain, labels), rotation=90)
        ax.set_yticks(range(len(labels)), map(plain, labels))
        ax.set(xlabel="recognized", ylabel="true")
        if not written:
            ax.tick_params(labelsize=8)
        ax.figure.colorbar(picture, ax=ax, label="share of the row (%)", shrink=0.8)
        _part_groups(ax, [(groups or {}).get(label, "") for label in labels])
        if written:
            for row, column in zip(*np.nonzero(counts), strict=True):
                color = "black" if shares[row, column] > 0.5 else "white"
                text = f"{counts[row, column]:g}"
                ax.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    return ax


def _part_groups(ax: Axes, groups: Sequence[str]) -> None:
    """Draw lines between groups that follow one another, and their names above them."""
    if not any(groups):
        return
    edges = [i for i in range(1, len(groups)) if groups[i] != groups[i - 1]]
    for edge in edges:
        ax.axhline(edge - 0.5, color="white", linewidth=0.8)
        ax.axvline(edge - 0.5, color="white", linewidth=0.8)
    for first, last in zip([0, *edges], [*edges, len(groups)], strict=True):
        place = (first + last - 1) / 2
        ax.text(place, -0.8, groups[first], rotation=40, ha="left", va="bottom", rotation_mode="anchor", fontsize=8)
