"""The picture of a choice of components shows both criteria and the choice."""

import numpy as np

from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.selection import ComponentSelection
from gmmspeech.plot.selection import plot_selection


def test_the_picture(tmp_path):
    found = ComponentSelection(DiagonalGMM(4), (1, 4, 16), (30.0, 10.0, 20.0), (50.0, 45.0, 40.0), "bic")
    figure = plot_selection(found)
    (axes,) = figure.axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 20], [4, 0], [16, 10]])
    np.testing.assert_array_equal(axes.lines[1].get_xydata(), [[1, 10], [4, 5], [16, 0]])
    assert axes.get_title(loc="left") == "4 components by BIC"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "4", "16"]
    figure.savefig(tmp_path / "selection.png")
