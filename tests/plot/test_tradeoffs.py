"""DET curves show the error rates."""

import io

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

import gmmspeech as gs
from gmmspeech.metrics.det import det_curve
from gmmspeech.metrics.summary import summarize


def gaussian(separation=2.0, num_targets=200, num_nontargets=3000):
    """Scores of two normal distributions."""
    rng = np.random.default_rng(0)
    return rng.normal(separation, 1, num_targets), rng.normal(0, 1, num_nontargets)


def lines(axes):
    """Lines by their label."""
    return {line.get_label(): line for line in axes.lines}


def test_det_steps_are_the_curve():
    """Every drawn point is a point of the DET curve, on normal-deviate axes."""
    targets, nontargets = gaussian()
    p_miss, p_fa, _ = det_curve(targets, nontargets)
    curve = {(round(f, 9), round(m, 9)) for m, f in zip(p_miss, p_fa, strict=True)}
    x, y = lines(gs.plot.det(targets, nontargets))["every threshold"].get_data()
    drawn = [(round(a, 9), round(b, 9)) for a, b in zip(ndtr(x), ndtr(y), strict=True)]
    low, high = 0.0005, 0.5
    inside = [point for point in drawn if all(low < p < high for p in point)]
    assert len(inside) > 100
    assert set(inside) <= curve


def test_det_marks_and_ticks():
    """The EER lies on the diagonal at its value; ticks are percentages at their deviates."""
    targets, nontargets = gaussian()
    summary = summarize(targets, nontargets)
    axes = gs.plot.det(targets, nontargets, summary=summary)
    (x,), (y,) = lines(axes)[f"EER {100 * summary.eer_rocch:.2f} %"].get_data()
    assert x == y == pytest.approx(ndtri(summary.eer_rocch))
    cost = summary.costs[1]
    (x,), (y,) = lines(axes)[f"minDCF {cost.min_dcf:.3f} at p_target = 0.05"].get_data()
    assert ndtr([x, y]) == pytest.approx(np.clip([cost.point.p_fa, cost.point.p_miss], 0.0005, 0.5))
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "40"]
    np.testing.assert_allclose(100 * ndtr(axes.get_xticks()), [float(name) for name in names])


@pytest.mark.parametrize("separation", [-3.0, 0.0, 6.0, 50.0])
def test_det_at_the_ends_of_the_scale(separation):
    """Whatever the EER, it lies within the axes, and the picture can be drawn."""
    axes = gs.plot.det(*gaussian(separation))
    eer = next(line for name, line in lines(axes).items() if name.startswith("EER"))
    assert axes.get_xlim()[0] <= eer.get_xdata()[0] <= axes.get_xlim()[1]
    axes.figure.savefig(io.BytesIO(), format="png")


def test_det_of_many_trials_has_few_points():
    """No finer than the picture."""
    axes = gs.plot.det(*gaussian(1.0, 50_000, 200_000))
    assert all(len(line.get_xdata()) < 2500 for line in axes.lines)


def test_other_systems_differ_by_color_and_dashes():
    targets, nontargets = gaussian()
    axes = gs.plot.det(targets, nontargets, others={"a$b": (targets - 1, nontargets)})
    found = lines(axes)
    own, other = found["these scores"], found[r"a\$b"]
    assert (own.get_color(), own.get_linestyle()) != (other.get_color(), other.get_linestyle())
    assert own.get_linestyle() != other.get_linestyle()
