"""Pictures of scores show the numbers they are given."""

import io
import math

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.metrics.cllr import cllr, min_cllr
from gmmspeech.metrics.dcf import actual_dcf, min_dcf


def gaussian(num_targets=100, num_nontargets=1000, separation=4.0):
    """Well calibrated scores: normal distributions whose variance is twice their mean, or nearly so."""
    rng = np.random.default_rng(0)
    spread = math.sqrt(separation)
    return rng.normal(separation / 2, spread, num_targets), rng.normal(-separation / 2, spread, num_nontargets)


def test_histograms_are_shares():
    """Each kind adds up to 100 %, and the threshold is where it was put."""
    axes = gs.plot.scores(*gaussian(), threshold=1.25)
    for patch in axes.patches:
        assert patch.get_data().values.sum() == pytest.approx(100)
    assert {line.get_label(): line for line in axes.lines}["threshold 1.250"].get_xdata() == [1.25, 1.25]


def test_tippett_curves_are_shares_at_or_above():
    """Read off at any ratio, the curves are counts; misleading shares are in the legend."""
    targets, nontargets = gaussian()
    axes = gs.plot.tippett(targets, nontargets)
    for line, scores in zip(axes.lines, (targets, nontargets), strict=False):
        assert line.get_drawstyle() == "steps-pre"
        x, y = line.get_data()
        for ratio in np.linspace(x[0], x[-1], 23):
            drawn = y[np.searchsorted(x, ratio)]  # steps-pre: the value of the next point
            assert drawn == pytest.approx(100 * np.mean(scores >= ratio * math.log(10)), abs=0.7)
    below, above = 100 * np.mean(targets < 0), 100 * np.mean(nontargets >= 0)
    labels = [line.get_label() for line in axes.lines[:2]]
    assert labels == [f"targets ({below:.1f} % below 0)", f"nontargets ({above:.1f} % at or above 0)"]


def test_bayes_error_rates_are_costs():
    """At every prior drawn, actual and minimum cost; priors of interest are marked where they belong."""
    targets, nontargets = gaussian()
    axes = gs.plot.bayes_error(targets, nontargets, p_targets=[0.2])
    lines = {line.get_label(): line.get_data() for line in axes.lines}
    for label, figure in [
        (f"actual (Cllr {cllr(targets, nontargets):.3f})", actual_dcf),
        (f"minimum (minCllr {min_cllr(targets, nontargets):.3f})", min_dcf),
    ]:
        for log_odds, rate in list(zip(*lines[label], strict=True))[::20]:
            p_target = 1 / (1 + math.exp(-log_odds))
            assert rate == pytest.approx(figure(targets, nontargets, p_target=p_target), abs=1e-9)
    (mark,) = axes.texts
    assert mark.get_text() == "p = 0.2"
    assert mark.xy[0] == pytest.approx(math.log(0.25))


def test_cross_entropy_is_cllr_at_even_odds():
    """In the middle the curves are Cllr and minCllr; neutral ratios miss one bit there."""
    targets, nontargets = gaussian()
    axes = gs.plot.ece(targets, nontargets)
    middle = {line.get_label(): np.interp(0, *line.get_data()) for line in axes.lines}
    expected = {"ratios of 1": 1, "actual": cllr(targets, nontargets), "minimum": min_cllr(targets, nontargets)}
    assert middle == pytest.approx(expected)


@pytest.mark.parametrize("plot", [gs.plot.tippett, gs.plot.bayes_error, gs.plot.ece])
@pytest.mark.parametrize("scores", [([0.0], [0.0]), ([5.0, 6.0], [-3.0]), ([-1e4], [1e4]), gaussian(3000, 100_000)])
def test_anything_can_be_drawn(plot, scores):
    """One score, separable, upside down, many; with few points."""
    axes = plot(*scores)
    assert all(len(line.get_xdata()) < 2500 for line in axes.lines)
    axes.figure.savefig(io.BytesIO(), format="png")


def test_bad_input_is_refused():
    """Scores and priors."""
    for plot in (gs.plot.tippett, gs.plot.bayes_error, gs.plot.ece):
        with pytest.raises(DataError, match=r"^target scores: found 1 NaN"):
            plot([np.nan], [0.0])
    with pytest.raises(ConfigError, match=r"^p_target: found 1.0"):
        gs.plot.bayes_error([1.0], [0.0], p_targets=[1.0])
