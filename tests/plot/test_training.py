"""Pictures of training show the likelihoods and criteria that they are given."""

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.selection import ComponentSelection


def test_a_choice_of_components(tmp_path):
    found = ComponentSelection(DiagonalGMM(4), (1, 4, 16), (30.0, 10.0, 20.0), (50.0, 45.0, 40.0), "bic")
    axes = gs.plot.bic(found)
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 20], [4, 0], [16, 10]])
    np.testing.assert_array_equal(axes.lines[1].get_xydata(), [[1, 10], [4, 5], [16, 0]])
    assert axes.get_title(loc="left") == "4 components by BIC"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "4", "16"]
    axes.figure.savefig(tmp_path / "selection.png")


@pytest.mark.parametrize("kind", [list, np.array, tuple])
def test_a_history_is_drawn_as_it_is(kind):
    """Entry i at i updates."""
    x, y = gs.plot.history(kind([-3.0, -2.0, -1.5])).lines[0].get_data()
    assert list(x) == [0, 1, 2]
    assert list(y) == [-3.0, -2.0, -1.5]


def test_the_history_of_a_model():
    gmm = DiagonalGMM(2, max_iter=3, tol=0, random_state=0).fit(np.random.default_rng(0).normal(size=(50, 2)))
    assert list(gs.plot.history(gmm).lines[0].get_ydata()) == gmm.history_
    plda = gs.speaker.PLDA(np.zeros(1), np.eye(1), np.eye(1), history=(-3.0, -2.0))
    assert list(gs.plot.history(plda).lines[0].get_ydata()) == [-3.0, -2.0]


def test_what_is_no_history():
    with pytest.raises(ConfigError, match="history: found 'abc', expected log-likelihoods in a row, or a trained mod"):
        gs.plot.history("abc")
    with pytest.raises(DataError, match="history: found 0 log-likelihoods, expected one or more"):
        gs.plot.history(DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]]))
    for wrong in ([np.nan], [[1.0]], ["x"]):
        with pytest.raises(DataError, match=r"history: found .* expected one or more finite"):
            gs.plot.history(wrong)
