"""Where pictures are drawn, and how they look."""

import subprocess
import sys
import warnings

import matplotlib as mpl
import nbclient
import nbformat
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import gmmspeech as gs
from gmmspeech.errors import ConfigError, GmmSpeechWarning
from gmmspeech.phones.labels.labels import Label
from gmmspeech.plot import style

X = np.random.default_rng(0).normal(size=(60, 2))
SIDES = [1.0, 2.0, 3.0], [-1.0, 0.0, 1.5]
SIGNAL = np.random.default_rng(0).normal(0, 0.1, 4000)
LABELS = [Label(0.05, 0.2, "AA")]
PICTURES = {
    "alignment": ((SIGNAL, 16000), LABELS),
    "bayes_error": SIDES,
    "confusion": (np.eye(2, dtype=int), ["a", "b"]),
    "det": SIDES,
    "ece": SIDES,
    "features": (X,),
    "history": ([-3.0, -2.0],),
    "mixture": (gs.DiagonalGMM(2, random_state=0).fit(X), X),
    "scores": SIDES,
    "spectrogram": (SIGNAL, 16000),
    "tippett": SIDES,
}


@pytest.mark.parametrize("name", PICTURES)
def test_axes_in_and_out(name):
    """Those given are drawn on and given back, a new figure of pyplot is the default, an empty one gets its size."""
    picture, arguments = getattr(gs.plot, name), PICTURES[name]
    figure = Figure(figsize=(1, 1))
    axes = picture(*arguments, ax=figure)
    assert axes is figure.axes[0]
    assert figure.get_figwidth() > 3
    given = Figure(figsize=(9, 4)).subplots(1, 2)
    assert picture(*arguments, ax=given[1]) is given[1]
    assert given[1].has_data() or given[1].child_axes
    assert not given[0].has_data()
    assert given[0].figure.get_figwidth() == 9
    before = pyplot.get_fignums()
    assert picture(*arguments).figure is pyplot.gcf()
    assert len(pyplot.get_fignums()) == len(before) + 1
    for wrong in ("axes", given[0].figure, 3):
        with pytest.raises(ConfigError, match=r"^ax: found .*, expected Axes of matplotlib, an empty Figure, or None$"):
            picture(*arguments, ax=wrong)


def test_settings_of_the_user_stay_as_they_are():
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30, "axes.grid": True}):
        before = dict(mpl.rcParams)
        axes = gs.plot.history([-3.0, -2.0])
        assert dict(mpl.rcParams) == before
    assert to_rgb(axes.get_facecolor()) == (1, 1, 1)
    assert axes.xaxis.label.get_size() == 10


def test_a_title_of_ones_own_is_in_nothings_way():
    """The legend is beneath the axes, all of it within the figure."""
    for names in ({}, {"b": SIDES, "c": SIDES, "d": SIDES}):
        axes = gs.plot.det(*SIDES, others=names)
        axes.set_title("ours")
        axes.figure.canvas.draw()
        legend, title = axes.get_legend().get_window_extent(), axes.title.get_window_extent()
        below = axes.xaxis.get_tightbbox().y0
        assert legend.y1 < below < title.y0
        assert legend.y0 >= 0


def test_colors_are_told_apart_in_gray_or_by_dashes():
    """Curves of one picture: another brightness or other dashes."""
    for name in ("scores", "tippett", "bayes_error", "ece", "det"):
        axes = getattr(gs.plot, name)(*SIDES)
        curves = [line for line in axes.lines if not line.get_label().startswith("_") and line.get_marker() == "None"]
        gray = [(np.dot(to_rgb(line.get_color()), [0.299, 0.587, 0.114]), str(line._dash_pattern)) for line in curves]
        for i, (bright, dash) in enumerate(gray):
            assert all(abs(bright - other) > 0.2 or dash != another for other, another in gray[:i]), name


def test_matplotlib_is_loaded_by_the_first_picture_only():
    """Importing the room costs nothing, and what is drawn for a file needs no pyplot."""
    code = """if True:
        import sys
        from gmmspeech.plot.training import history
        from gmmspeech.plot.style import figure_of
        import gmmspeech.report.html
        assert "matplotlib" not in sys.modules
        figure_of(history, [0.0, 1.0])
        assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_notebooks_show_every_picture(tmp_path):
    """Without %matplotlib inline, from the first cell on, and only the picture."""
    cells = ["import gmmspeech as gs", *["gs.plot.history([-3.0, -2.0]);"] * 2]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [[sorted(output.get("data", {})) for output in cell.outputs] for cell in book.cells]
    assert shown == [[], [["image/png", "text/plain"]], [["image/png", "text/plain"]]]


def test_what_fails_leaves_no_figure():
    before = pyplot.get_fignums()
    with pytest.raises(ZeroDivisionError), style.drawing_on(None, 3, 3):
        raise ZeroDivisionError
    assert pyplot.get_fignums() == before


def test_lines_are_thinned_to_what_can_be_seen():
    x, _ = style.thinned(np.linspace(0, 1, 100_000), np.zeros(100_000))
    assert len(x) <= style.DRAWN_POINTS + 2
    assert (x[0], x[-1]) == (0.0, 1.0)


def test_characters_that_no_font_has_are_told_once(tmp_path):
    axes = pyplot.figure().add_subplot()
    axes.set_title("अ ə 你 न你")
    with pytest.warns(
        GmmSpeechWarning, match="picture: found 3 characters that no font has, .*: अ 你 न; expected"
    ) as told:
        style.save_figure(axes.figure, tmp_path / "a.png")
    assert len(told) == 1
    axes.set_title("ɛ̃ ʃ →")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        style.save_figure(axes.figure, tmp_path / "a.png")


def test_fonts_that_are_installed_stand_in(monkeypatch):
    monkeypatch.setattr(style, "_MORE_FONTS", ("STIXGeneral", "None Such"))
    style._fonts.cache_clear()
    with style.drawing():
        assert mpl.rcParams["font.family"] == ["sans-serif", "STIXGeneral"]
    style._fonts.cache_clear()


@pytest.mark.parametrize("name", ["scores", "det", "tippett", "ece", "bayes_error"])
def test_small_axes_keep_their_room(name):
    """In a column of a paper, as among subplots, a legend takes no more than the width, and letters are small."""
    rng = np.random.default_rng(0)
    figure, axes = pyplot.subplots(figsize=(3.4, 3.6), layout="constrained")
    getattr(gs.plot, name)(rng.normal(3, 1.5, 80), rng.normal(-3, 1.5, 2000), ax=axes)
    figure.canvas.draw()
    inside, legend = axes.get_window_extent(), axes.get_legend().get_window_extent()
    assert inside.width > 0.5 * figure.bbox.width
    assert 0 <= legend.x0 < legend.x1 <= figure.bbox.width
    assert axes.get_xticklabels()[0].get_fontsize() == axes.xaxis.label.get_fontsize() == 8
