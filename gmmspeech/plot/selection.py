"""A picture of how many components a mixture should have, as a matplotlib figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gmmspeech.arguments import checked
from gmmspeech.gmm.selection import ComponentSelection
from gmmspeech.plot.plots import INK, MUTED, NONTARGETS, TARGETS, _new_figure, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@checked
def plot_selection(selection: ComponentSelection) -> Figure:
    """BIC and AIC over the number of components, each less its lowest value, and what was chosen.

    Parameters
    ----------
    selection : ComponentSelection

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        matplotlib is not installed.

    Examples
    --------
    >>> from gmmspeech.gmm.selection import select_components
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> figure = plot_selection(select_components(x, [1, 2, 4], random_state=0))
    >>> figure.axes[0].get_title(loc="left")
    '1 component by BIC'
    """
    counts = selection.n_components
    best = selection.best.n_components
    with drawing():
        figure, axes = _new_figure(5.6, 3.8)
        for name, values, color in (("BIC", selection.bic, TARGETS), ("AIC", selection.aic, NONTARGETS)):
            above = np.array(values) - min(values)
            axes.plot(counts, above, color=color, linewidth=1.6, marker="o", markersize=4, label=name)
        axes.axvline(best, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.minorticks_off()
        plural = "component" if best == 1 else "components"
        axes.set_title(f"{best} {plural} by {selection.criterion.upper()}", loc="left", color=INK, fontsize=10)
        axes.set(xlabel="components", ylabel="above the lowest (nats × 2)")
        axes.grid()
        axes.legend()
    return figure
