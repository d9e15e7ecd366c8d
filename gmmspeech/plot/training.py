"""Plots of the training of a mixture: likelihood over updates, and choice of the number of components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gmmspeech.arguments import checked, told
from gmmspeech.errors import ConfigError, DataError, counted
from gmmspeech.gmm.selection import ComponentSelection
from gmmspeech.plot.style import DASHED, DOTTED, MUTED, NONTARGETS, TARGETS, drawing_on, legend, rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def history(history: Sequence[float] | Any, *, ax: Axes | Figure | None = None) -> Axes:
    """Plot the mean log-likelihood per frame over the EM updates.

    Parameters
    ----------
    history : sequence of float, or a trained model
        In nats per frame; entry i is after i updates. For a model, its `history_` or `history`.
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
        A model that was not trained, or a log-likelihood that is not a finite number.

    Examples
    --------
    >>> import gmmspeech as gs, numpy as np
    >>> gs.plot.history([-52.1, -50.3, -49.9]).get_xlabel()
    'updates'
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> gmm = gs.DiagonalGMM(2, random_state=0).fit(x)
    >>> axes = gs.plot.history(gmm)
    """
    values = _values(history)
    with drawing_on(ax, 5.6, 3.6) as ax:
        from matplotlib.ticker import MaxNLocator

        ax.plot(range(len(values)), values, color=TARGETS, linewidth=1.6, marker="o", markersize=4)
        ax.set(xlabel="updates", ylabel="log-likelihood (nats a frame)")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        rule(ax)
    return ax


def _values(history: Any) -> list[float]:
    """Log-likelihoods, of a model too."""
    own = getattr(history, "history_", getattr(history, "history", history))
    if isinstance(own, str) or not isinstance(own, Sequence | np.ndarray):
        raise ConfigError(f"history: found {told(history)}, expected log-likelihoods in a row, or a trained model")
    try:
        values = np.asarray(own, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array([np.nan])
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        found = counted(0, "log-likelihood") if values.shape == (0,) else told(history)
        raise DataError(f"history: found {found}, expected one or more finite log-likelihoods in a row")
    return values.tolist()


@checked
def bic(selection: ComponentSelection, *, ax: Axes | Figure | None = None) -> Axes:
    """Plot BIC and AIC over the number of components, each relative to its minimum, and mark the chosen number.

    Parameters
    ----------
    selection : ComponentSelection
        Result of `gmmspeech.gmm.select_components`.
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
    >>> import gmmspeech as gs, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> axes = gs.plot.bic(gs.gmm.select_components(x, [1, 2, 4], random_state=0))
    >>> axes.get_title(loc="left")
    '1 component by BIC'
    """
    counts = selection.n_components
    best = selection.best.n_components
    criteria = (("BIC", selection.bic, TARGETS, "-"), ("AIC", selection.aic, NONTARGETS, DASHED))
    with drawing_on(ax, 5.6, 3.6) as ax:
        for name, values, color, dash in criteria:
            above = np.array(values) - min(values)
            ax.plot(counts, above, color=color, linestyle=dash, linewidth=1.6, marker="o", markersize=4, label=name)
        ax.axvline(best, color=MUTED, linewidth=1.0, linestyle=DOTTED, zorder=0)
        ax.set_xscale("log", base=2)
        ax.set_xticks(counts, [str(count) for count in counts])
        ax.minorticks_off()
        ax.set_title(f"{counted(best, 'component')} by {selection.criterion.upper()}", loc="left", fontsize=10)
        ax.set(xlabel="components", ylabel="above the lowest (nats × 2)")
        rule(ax)
        legend(ax)
    return ax
