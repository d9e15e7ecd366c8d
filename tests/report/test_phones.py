"""The report of classified phones has the figures that were counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gmmspeech.report.phones import write_phone_report

PHONES = ("AA", "IY", "S", "T")
SEGMENTS = [("u-1", "ann", "AA"), ("u-2", "ann", "S"), ("u-3", "bob", "S"), ("u-4", "bob", "ZH"), ("u-5", "bob", "S")]
SCORES = np.log(
    [[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.2, 0.6], [0.1, 0.1, 0.05, 0.75], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]]
)


@pytest.fixture
def report(sections_of):
    """A function that writes a report, and gives its sections."""

    def write(place: Path, segments=SEGMENTS, scores=SCORES, **options):
        options |= {"phones": PHONES, "segments": segments, "log_posteriors": scores}
        return sections_of(write_phone_report(place, title="a & b", **options))

    return write


def test_figures_by_hand(report, tmp_path: Path) -> None:
    found = report(tmp_path / "a.html", frames=(3, 4), configuration={"x": {"y": "z"}})
    assert "40.0 %" in found.text[""]
    assert "2 of 5" in found.text[""]
    assert "75.0 %" in found.text[""]
    assert found.found["Confusions"][1:] == [["S", "T", "2", "66.7 %"], ["ZH", "IY", "1", "100.0 %"]]
    assert found.found["Phones"][1:] == [
        ["AA", "vowel", "–", "1", "100.0 %", "100.0 %"],
        ["IY", "vowel", "–", "0", "0.0 %", "–"],
        ["S", "fricative", "T (2)", "3", "100.0 %", "33.3 %"],
        ["ZH", "fricative", "IY (1)", "1", "–", "0.0 %"],
        ["T", "stop", "–", "0", "0.0 %", "–"],
    ]
    assert found.found["Speakers"][1:] == [["bob", "3", "33.3 %"], ["ann", "2", "50.0 %"]]
    worst = found.found["Worst errors"][1:]
    assert [row[0] for row in worst] == ["u-4", "u-3", "u-2"]  # a phone that was not trained has no probability
    assert worst[0][4:] == ["–", f"{np.log(0.7):.2f}"]
    assert worst[1][4:] == [f"{np.log(0.05):.2f}", f"{np.log(0.75):.2f}"]
    assert found.found["Configuration"][-1] == ["y", "z"]


@pytest.mark.parametrize("rows", [[0], [0, 4]])
def test_nothing_is_wrong(report, tmp_path: Path, rows: list[int]) -> None:
    found = report(tmp_path, [SEGMENTS[i] for i in rows], SCORES[rows])
    assert "No segment is wrong" in found.text["Worst errors"]
