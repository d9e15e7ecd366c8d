"""Pictures show the numbers they are given."""

import io
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from gmmspeech.errors import DataError
from gmmspeech.metrics.det import det_curve
from gmmspeech.metrics.summary import summarize
from gmmspeech.plot.plots import plot_confusion, plot_det, plot_em_history, plot_scores


def gaussian(separation=2.0, num_targets=200, num_nontargets=3000):
    """Scores of two normal distributions."""
    rng = np.random.default_rng(0)
    return rng.normal(separation, 1, num_targets), rng.normal(0, 1, num_nontargets)


def lines(figure):
    """Lines of the first axes by their label."""
    return {line.get_label(): line for line in figure.axes[0].lines}


def test_det_steps_are_the_curve():
    """Every drawn point is a point of the DET curve, on normal-deviate axes."""
    targets, nontargets = gaussian()
    p_miss, p_fa, _ = det_curve(targets, nontargets)
    curve = {(round(f, 9), round(m, 9)) for m, f in zip(p_miss, p_fa, strict=True)}
    x, y = lines(plot_det(targets, nontargets))["every threshold"].get_data()
    drawn = [(round(a, 9), round(b, 9)) for a, b in zip(ndtr(x), ndtr(y), strict=True)]
    low, high = 0.0005, 0.5
    inside = [point for point in drawn if all(low < p < high for p in point)]
    assert len(inside) > 100
    assert set(inside) <= curve


def test_det_marks_and_ticks():
    """The EER lies on the diagonal at its value; ticks are percentages at their deviates."""
    targets, nontargets = gaussian()
    summary = summarize(targets, nontargets)
    figure = plot_det(targets, nontargets, summary=summary)
    (x,), (y,) = lines(figure)[f"EER {100 * summary.eer_rocch:.2f} %"].get_data()
    assert x == y == pytest.approx(ndtri(summary.eer_rocch))
    cost = summary.costs[1]
    (x,), (y,) = lines(figure)[f"minDCF {cost.min_dcf:.3f} at p_target = 0.05"].get_data()
    assert ndtr([x, y]) == pytest.approx(np.clip([cost.point.p_fa, cost.point.p_miss], 0.0005, 0.5))
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "40"]
    np.testing.assert_allclose(100 * ndtr(axes.get_xticks()), [float(name) for name in names])


@pytest.mark.parametrize("separation", [-3.0, 0.0, 6.0, 50.0])
def test_det_at_the_ends_of_the_scale(separation):
    """Whatever the EER, it lies within the axes, and the picture can be drawn."""
    figure = plot_det(*gaussian(separation))
    axes = figure.axes[0]
    eer = next(line for name, line in lines(figure).items() if name.startswith("EER"))
    assert axes.get_xlim()[0] <= eer.get_xdata()[0] <= axes.get_xlim()[1]
    figure.savefig(io.BytesIO(), format="png")


def test_det_of_many_trials_has_few_points():
    """No finer than the picture."""
    figure = plot_det(*gaussian(1.0, 50_000, 200_000))
    assert all(len(line.get_xdata()) < 2500 for line in figure.axes[0].lines)


def test_histograms_are_shares():
    """Each kind adds up to 100 %, and the threshold is where it was put."""
    figure = plot_scores(*gaussian(), threshold=1.25)
    for patch in figure.axes[0].patches:
        assert patch.get_data().values.sum() == pytest.approx(100)
    assert lines(figure)["threshold 1.250"].get_xdata() == [1.25, 1.25]


def test_em_history_is_drawn_as_it_is():
    """Entry i at i updates."""
    x, y = plot_em_history([-3.0, -2.0, -1.5]).axes[0].lines[0].get_data()
    assert list(x) == [0, 1, 2]
    assert list(y) == [-3.0, -2.0, -1.5]


def test_confusion_is_shared_out_by_row():
    """Colors are shares of the row, numbers are counts; a class that never came up is no trouble."""
    figure = plot_confusion([[3, 1, 0], [0, 5, 0], [0, 0, 0]], ["a", "b", "c"])
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[75, 25, 0], [0, 100, 0], [0, 0, 0]])
    assert [text.get_text() for text in figure.axes[0].texts] == ["3", "1", "5"]
    assert not plot_confusion(np.eye(30), [str(i) for i in range(30)]).axes[0].texts
    with pytest.raises(DataError, match=r"^confusion matrix: found shape \(2, 2\), expected \(3, 3\)$"):
        plot_confusion(np.eye(2), ["a", "b", "c"])


def test_matplotlib_is_loaded_by_the_first_picture_only():
    """Importing the room costs nothing, and pyplot is never needed."""
    code = """if True:
        import sys
        from gmmspeech.plot.plots import plot_em_history
        import gmmspeech.report.html
        assert "matplotlib" not in sys.modules
        plot_em_history([0.0, 1.0])
        assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_groups_of_a_confusion_matrix_are_parted():
    figure = plot_confusion(
        np.eye(4, dtype=int), ["AA", "IY", "S", "T"], groups={"AA": "vowel", "IY": "vowel", "S": "s"}
    )
    axes = figure.axes[0]
    lines = sorted({float(line.get_ydata()[0]) for line in axes.lines if line.get_ydata()[0] == line.get_ydata()[1]})
    assert lines == [1.5, 2.5]
    assert [text.get_text() for text in axes.texts if not text.get_text().isdigit()] == ["vowel", "s", ""]
