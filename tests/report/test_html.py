"""The report: well-formed, self-contained, escaped, whole or absent, the same every time, and right."""

import errno
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.metrics.eer import eer_threshold
from gmmspeech.report.html import WORST_TRIALS, worst_trials, write_report

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """What a test asks of a page: that tags close, what it refers to, its tables and its text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.references, self.ids, self.tables, self.text = [], [], [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        """Note a tag."""
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
                self.references.append(value)
            if name == "id":
                self.ids.append(value)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        """Note a tag that closes itself."""
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        """Check that the innermost tag is the one that closes."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Collect text."""
        self.text.append(data)
        if "td" in self.open[-1:] or "th" in self.open[-1:]:
            self.tables[-1][-1][-1] += data


def trials(num_speakers=20, separation=2.0, seed=0):
    """Every speaker against every speaker, with scores from two normal distributions."""
    rng = np.random.default_rng(seed)
    names = [f"spk{i:03d}" for i in range(num_speakers)]
    models = [m for m in names for _ in names]
    tests = [f"{t}-utt" for _ in names for t in names]
    is_target = np.array([t == f"{m}-utt" for m, t in zip(models, tests, strict=True)])
    scores = rng.normal(0, 1, len(models)) + separation * is_target
    return {"models": models, "tests": tests, "is_target": is_target, "scores": scores}


def read(path):
    """Parse a report."""
    return Page(Path(path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("separation", [-1.0, 2.0, 30.0])
def test_is_well_formed_and_needs_nothing_else(tmp_path, separation):
    """Tags close, ids are unique, every reference stays within the page, there are no scripts."""
    path = write_report(tmp_path / "new" / "folder", title="A test", **trials(separation=separation))
    page, html = read(path), path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["index.html"]
    assert len(page.ids) == len(set(page.ids))
    assert page.references
    assert all(reference[0] == "#" and reference[1:] in page.ids for reference in page.references)
    assert not {"script", "iframe", "link", "object", "img"} & set(page.tags)
    assert page.tags.count("svg") == 5
    assert html.count('role="img" aria-label="') == 5
    css = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in css
    assert "@import" not in css


@pytest.mark.usefixtures("no_pictures")
def test_figures_are_in_it(tmp_path):
    """Both definitions of the EER by name, both operating points."""
    page = read(write_report(tmp_path, title="A test", subtitle="1 May", **trials()))
    figures = dict(page.tables[0][1:])
    assert figures["target trials"] == "20"
    assert figures["nontarget trials"] == "380"
    assert {
        "EER (ROC convex hull)",
        "EER (Kaldi's compute-eer)",
        "minDCF (p_target = 0.01)",
        "minDCF (p_target = 0.05)",
        "threshold at the EER",
    } <= set(figures)
    assert "1 May" in page.text


def test_other_systems_are_beside_it(tmp_path):
    """Their columns of the figures, their curves, and a table for each difference."""
    data = trials()
    figures = [["", "this", "95 %", "<that>"], ["Cllr", "0.1", "0.05 to 0.2", "0.3"]]
    tests = {"<that>": [["", "difference", "p"], ["Cllr", "-0.2", "0.01"]]}
    path = write_report(
        tmp_path, title="A test", figures=figures, tests_against=tests, others={"<that> $x$ $": -data["scores"]}, **data
    )
    page = read(path)
    assert page.tables[0] == [["figure", *figures[0][1:]], figures[1]]
    assert page.tables[1] == tests["<that>"]
    text = "".join(page.text)
    assert "Difference from <that>" in text
    assert "are by resampling the speakers" in text
    assert text.count("these scores") == text.count("<that> $x$ $") == 1
    assert "are by resampling" not in "".join(read(write_report(tmp_path, title="A test", **data)).text)


def test_text_is_escaped(tmp_path):
    """Names from files and configurations can hold anything, invalid Unicode too."""
    nasty = '<script>alert("1")</script>&amp;\'$title ${x}'
    data = trials(num_speakers=3)
    data["models"] = [nasty + m for m in data["models"]]
    data["tests"] = [t + "\udce9</table>" for t in data["tests"]]
    configuration = {nasty: {nasty: nasty, "inner": {"k": [1, 2], "beam": None, "vad": True}}, "text": nasty}
    page = read(write_report(tmp_path, title=nasty, subtitle=nasty, configuration=configuration, **data))
    assert "script" not in page.tags
    text = "".join(page.text)
    assert text.count(nasty) >= 3 + 3 * 4
    assert page.tables[-1][-3:] == [["inner.k", "[1, 2]"], ["inner.beam", "–"], ["inner.vad", "yes"]]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-5, 5).map(float)), min_size=1, max_size=60),
    st.integers(-5, 5) | st.floats(-5, 5),
)
def test_worst_trials_by_a_naive_sort(data, threshold):
    """Errors before correct decisions, by distance, then by place in the list."""

    def key(i):
        target, score = data[i]
        distance = threshold - score if target else score - threshold
        return (target == (score >= threshold), -distance, i)

    indices, distances = worst_trials(np.array([t for t, _ in data]), np.array([s for _, s in data]), threshold)
    expected = sorted(range(len(data)), key=key)[:WORST_TRIALS]
    assert indices.tolist() == expected
    np.testing.assert_allclose(-distances, [key(i)[1] for i in expected])


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("separation", "said"),
    [
        (0.0, "trials lie on the wrong side of the threshold; these are the farthest on it."),
        (30.0, "No trial lies on the wrong side of the threshold; these are the closest calls."),
    ],
)
def test_worst_errors_are_named(tmp_path, separation, said):
    """The table lists the trials of the naive sort, with their names; the line above says what they are."""
    data = trials(separation=separation)
    page = read(write_report(tmp_path, title="A test", **data))
    threshold = eer_threshold(data["scores"][data["is_target"]], data["scores"][~data["is_target"]])
    away = np.where(data["is_target"], threshold - data["scores"], data["scores"] - threshold)
    worst = np.argsort(-away, kind="stable")[:10]
    rows = page.tables[1][1:]
    assert [(row[1], row[2]) for row in rows] == [(data["models"][i], data["tests"][i]) for i in worst]
    assert [float(row[4]) for row in rows] == pytest.approx(away[worst], abs=0.01)
    assert said in "".join(page.text)


@pytest.mark.usefixtures("no_pictures")
def test_few_errors_are_filled_up(tmp_path):
    """Two errors: both come first, and the line says that the rest are correct."""
    scores = [5.0, 6.0, 7.0, 1.0, 0.0, 0.5, 0.7, 5.5]
    target = [True] * 4 + [False] * 4
    names = [f"u{i}" for i in range(8)]
    page = read(write_report(tmp_path, title="A test", models=["m"] * 8, tests=names, is_target=target, scores=scores))
    rows = page.tables[1][1:]
    assert "Only 2 trials lie on the wrong side of the threshold; the others are the closest calls." in "".join(
        page.text
    )
    assert {(row[0], row[2]) for row in rows[:2]} == {("missed target", "u3"), ("false alarm", "u7")}
    assert {row[0] for row in rows[2:]} == {"target, accepted", "nontarget, rejected"}
    assert len(rows) == 8


@pytest.mark.usefixtures("no_pictures")
def test_models_are_counted(tmp_path):
    """Errors by claimed model against a count one by one; a model without targets is no trouble."""
    data = trials(num_speakers=6, separation=0.5)
    data["is_target"][0] = False  # spk000 has no target trial
    page = read(write_report(tmp_path, title="A test", **data))
    threshold = eer_threshold(data["scores"][data["is_target"]], data["scores"][~data["is_target"]])
    rows = {row[0]: row[1:] for row in page.tables[2][1:]}
    assert len(rows) == 6
    for name, (missed, alarms, lowest, highest) in rows.items():
        mine = np.array(data["models"]) == name
        targets, nontargets = data["scores"][mine & data["is_target"]], data["scores"][mine & ~data["is_target"]]
        assert missed == f"{(targets < threshold).sum()} of {len(targets)}"
        assert alarms == f"{(nontargets >= threshold).sum()} of {len(nontargets)}"
        assert lowest == (f"{targets.min():#.4g}" if len(targets) else "–")
        assert highest == f"{nontargets.max():#.4g}"


@pytest.mark.usefixtures("no_pictures")
def test_many_models_are_cut(tmp_path):
    """A long list is cut and says so."""
    page = read(write_report(tmp_path, title="A test", **trials(num_speakers=50)))
    assert len(page.tables[2]) == 21
    assert "20 of 50 models are listed." in "".join(page.text)


def test_size_does_not_grow_with_the_trials(tmp_path):
    """A curve is drawn no finer than one can see."""
    path = write_report(tmp_path, title="A test", **trials(num_speakers=500, separation=1.0))
    assert path.stat().st_size < 200_000


def test_equal_input_gives_equal_bytes(tmp_path):
    """Nothing of the clock, the process or the user's matplotlib settings gets in."""
    import matplotlib

    first = write_report(tmp_path / "a", title="A test", **trials()).read_bytes()
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path"}):
        second = write_report(tmp_path / "b", title="A test", **trials()).read_bytes()
    assert first == second


@pytest.mark.parametrize("scores", [[1.0, 1.0, 1.0, 1.0], [45.3, 45.3, np.nextafter(45.3, 0), 45.3]])
def test_scores_that_are_all_the_same(tmp_path, scores):
    """A broken system gets a report too."""
    lists = {"models": ["a"] * 4, "tests": ["u"] * 4, "is_target": [True, False] * 2}
    read(write_report(tmp_path, title="A test", scores=scores, **lists))


@pytest.mark.usefixtures("no_pictures")
def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    """The report that was there before stays, and no other file."""
    path = write_report(tmp_path, title="Old", **trials())
    before = path.read_bytes()

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match=r"index\.html"):
        write_report(tmp_path, title="New", **trials())
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_bad_input_is_refused(tmp_path):
    """And leaves nothing behind."""
    data = trials(num_speakers=3)
    with pytest.raises(DataError, match=r"^found 8 models, 9 tests, 9 labels and 9 scores, expected one of each"):
        write_report(tmp_path, title="A test", **{**data, "models": data["models"][1:]})
    with pytest.raises(DataError, match=r"^target scores: found an array of shape"):
        write_report(tmp_path, title="A test", **{**data, "is_target": np.zeros(9, dtype=bool)})
    data["scores"][4] = np.nan
    with pytest.raises(DataError, match=r"^target scores: found 1 NaN"):
        write_report(tmp_path, title="A test", **data)
    assert not list(tmp_path.iterdir())


def test_matplotlib_is_asked_for(tmp_path, monkeypatch):
    """Without the extra, one line says how to get it."""
    monkeypatch.setitem(sys.modules, "matplotlib.style", None)
    with pytest.raises(ConfigError, match=r"pip install 'gmmspeech\[plot\]'$"):
        write_report(tmp_path, title="A test", **trials())
    assert not list(tmp_path.iterdir())
