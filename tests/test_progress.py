"""Bars are for terminals."""

import sys

from gmmspeech.progress import progress


def test_nothing_is_said_where_no_terminal_is(capsys):
    assert list(progress(range(3), desc="three", unit="item")) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_a_terminal_sees_what_and_how_far(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress(desc="three", unit="item", total=3) as bar:
        bar.update(2)
        bar.refresh()
    assert "three" in (said := capsys.readouterr().err)
    assert "2/3" in said
