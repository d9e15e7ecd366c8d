"""Plot of a mixture in one or two of its dimensions, with data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.blocks import Frames, frame_blocks
from gmmspeech.errors import ConfigError, FeatureError, counted, shown
from gmmspeech.gmm.base import Mixture
from gmmspeech.gmm.init import Parameters
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
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = (TARGETS, NONTARGETS, THIRD, *MORE)
DASHES = ("-", DASHED, DASH_DOTTED, DOTTED)
MOST_COLORED = 12  # components; more can't be told apart
MOST_POINTS = 5000  # drawn, evenly from all
GRID = 200  # places along an axis where the density is evaluated
MASSES = (0.25, 0.5, 0.75, 0.95)  # shares of the mixture within the contours
REACH = 3.0  # deviations around means that are shown where there are no data


@checked
def mixture(
    gmm: Mixture,
    X: Frames | ArrayLike | None = None,
    *,
    dims: Sequence[int] | None = None,
    ax: Axes | Figure | None = None,
) -> Axes:
    """Plot a mixture in one or two of its dimensions, and data colored by their posteriors.

    In two dimensions: ellipses at one and two standard deviations of each component, numbered as in `means_`; density
    contours that enclose 25, 50, 75 and 95 % of the mixture; points in the colors of the components, mixed by their
    posteriors. In one dimension: the density, the weighted densities of the components, and a histogram of the data.
    Both show the marginal density; posteriors are those in all dimensions.

    Parameters
    ----------
    gmm : DiagonalGMM or GMM
        Trained, or built from parameters.
    X : array_like, shape (N, D), or list of those, or FeatureStore, optional
        Data; at most five thousand frames are drawn, evenly spaced.
    dims : sequence of int, length 1 or 2, optional
        Columns to draw, counted from 0; the first two by default.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        matplotlib is not installed, or an argument is invalid.
    ModelError
        The mixture has no parameters yet.
    FeatureError
        Frames of another dimension, or not finite.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gmm = gs.DiagonalGMM.from_parameters([0.4, 0.6], [[0.0, 0.0], [4.0, 1.0]], [[1.0, 1.0], [0.5, 2.0]])
    >>> axes = gs.plot.mixture(gmm, gmm.sample(500)[0])
    >>> axes.get_xlabel(), len(axes.patches)
    ('dimension 0', 4)
    """
    weights, means, covariances = gmm._internal()
    names = getattr(gmm, "feature_names_in_", None)
    columns = _columns(dims, means.shape[1])
    marginal = weights, means[:, columns], _matrices(covariances)[:, columns[:, None], columns]
    points, posteriors = (None, None) if X is None else _posteriors(gmm, X)
    seen = None if points is None else points[:, columns]
    with drawing_on(ax, 5.6, 4.2) as ax:
        labels = [f"dimension {i}" if names is None else str(names[i]) for i in columns]
        ax.set_xlabel(labels[0])
        if len(columns) == 1:
            _draw_line(ax, marginal, seen)
        else:
            ax.set_ylabel(labels[1])
            _draw_plane(ax, marginal, seen, posteriors)
    return ax


def _columns(dims: Sequence[int] | None, dim: int) -> NDArray[np.intp]:
    """Check the numbers of one or two columns."""
    found = list(range(min(dim, 2))) if dims is None else list(dims)
    if not 1 <= len(found) <= 2 or len(set(found)) < len(found) or not all(0 <= i < dim for i in found):
        raise ConfigError(f"dims: found {shown(found)}, expected one or two of the {counted(dim, 'column')}, from 0")
    return np.array(found, dtype=np.intp)


def _matrices(covariances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give covariances as matrices, shape (K, D, D)."""
    if covariances.ndim == 3:
        return covariances
    return covariances[:, :, None] * np.eye(covariances.shape[1])


def _posteriors(gmm: Mixture, X: Frames | ArrayLike) -> tuple[NDArray, NDArray[np.float64]]:
    """Some of the frames, evenly from all, and their posteriors."""
    blocks = list(frame_blocks(gmm._check_frames(X)))
    if not blocks:
        raise FeatureError("X: found 0 frames, expected one or more")
    frames = np.concatenate(blocks)
    points = frames[:: math.ceil(len(frames) / MOST_POINTS)]
    return points, gmm.predict_proba(points)


def _log_densities(marginal: Parameters, x: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Log of the weighted density of each component, shape (N,) each, at places (N, one or two)."""
    for weight, mean, covariance in zip(*marginal, strict=True):
        if weight > 0:
            apart = x - mean
            distances = np.sum(apart @ np.linalg.inv(covariance) * apart, axis=1)
            scale = np.linalg.slogdet(covariance)[1] + x.shape[1] * math.log(2 * math.pi)
            yield math.log(weight) - 0.5 * (distances + scale)
        else:
            yield np.full(len(x), -np.inf)


def _limits(marginal: Parameters, seen: NDArray | None) -> NDArray[np.float64]:
    """Lowest and highest values to show, shape (2, one or two)."""
    deviations = np.sqrt(np.diagonal(marginal[2], axis1=1, axis2=2))
    reach = REACH if seen is None else 2.0
    ends = [(marginal[1] - reach * deviations).min(axis=0), (marginal[1] + reach * deviations).max(axis=0)]
    if seen is not None:
        low, high = np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)
        ends = [np.minimum(ends[0], low), np.maximum(ends[1], high)]
    margin = 0.03 * (ends[1] - ends[0])
    return np.array([ends[0] - margin, ends[1] + margin])


def _draw_line(ax: Axes, marginal: Parameters, seen: NDArray | None) -> None:
    low, high = _limits(marginal, seen)[:, 0]
    x = np.linspace(low, high, 5 * GRID)
    parts = [np.exp(part) for part in _log_densities(marginal, x[:, None])]
    if seen is not None:
        values = seen[np.isfinite(seen)]
        bins = int(np.clip(2 * np.cbrt(len(values)), 12, 80))
        ax.hist(values, bins, density=True, color=MUTED, alpha=0.35, label="data")
    if len(parts) <= MOST_COLORED:
        for k, part in enumerate(parts):
            color, dash = COLORS[k % len(COLORS)], DASHES[k % len(DASHES)]
            ax.plot(x, part, color=color, linestyle=dash, linewidth=1.4, label=f"component {k}")
    ax.plot(x, sum(parts), color=INK, linewidth=1.8, label="mixture", zorder=3)
    ax.set(xlim=(low, high), ylim=(0, None), ylabel="density")
    legend(ax, 3)


def _draw_plane(ax: Axes, marginal: Parameters, seen: NDArray | None, posteriors: NDArray[np.float64] | None) -> None:
    low, high = _limits(marginal, seen)
    several = len(marginal[0]) > MOST_COLORED
    colors = [TARGETS if several else COLORS[k % len(COLORS)] for k in range(len(marginal[0]))]
    if seen is not None and posteriors is not None:
        mixed = MUTED if several else _mixed(colors, posteriors)
        ax.scatter(seen[:, 0], seen[:, 1], s=8, linewidth=0, alpha=0.6, c=mixed, zorder=1)
    x, y = np.linspace(low, high, GRID).T
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    density = np.exp(reduce(np.logaddexp, _log_densities(marginal, places)))
    ax.contour(x, y, density.reshape(GRID, GRID), _levels(density), colors=MUTED, linewidths=0.8, zorder=2)
    for k, (mean, covariance) in enumerate(zip(*marginal[1:], strict=True)):
        widths = (1.2, 0.5) if several else (1.8, 1.0)
        _draw_ellipses(ax, mean, covariance, widths, colors[k], "-" if several else DASHES[k % len(DASHES)])
        if not several:
            box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": colors[k], "alpha": 0.9}
            ax.text(
                mean[0],
                mean[1],
                str(k),
                ha="center",
                va="center",
                fontsize=8,
                color=INK,
                bbox=box,
                zorder=5,
                clip_on=True,
            )
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def _mixed(colors: Sequence[str], posteriors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mix the colors of components for each frame, shape (N, 3)."""
    from matplotlib.colors import to_rgb

    return np.clip(posteriors @ np.array([to_rgb(color) for color in colors]), 0, 1)


def _levels(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Densities, rising, above which lie shares of the whole, of values on a grid."""
    falling = np.sort(density)[::-1]
    mass = np.cumsum(falling) / falling.sum()
    return np.unique(falling[np.minimum(np.searchsorted(mass, MASSES), len(falling) - 1)])


def _draw_ellipses(
    ax: Axes,
    mean: NDArray[np.float64],
    covariance: NDArray[np.float64],
    widths: Sequence[float],
    color: str,
    dash: object,
) -> None:
    """Draw a component at one and two deviations."""
    from matplotlib.patches import Ellipse

    values, vectors = np.linalg.eigh(covariance)
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
    for deviations, width in zip((1, 2), widths, strict=True):
        long, short = 2 * deviations * np.sqrt(values[::-1])
        look: dict[str, Any] = {"facecolor": "none", "edgecolor": color, "linewidth": width, "linestyle": dash}
        ax.add_patch(Ellipse((mean[0], mean[1]), long, short, angle=angle, zorder=4, **look))
