"""The report of an alignment, read with a parser of its own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from gmmspeech.formats.labels.aligned_files import AlignedFile, AlignedUtterance, Entry
from gmmspeech.phones.labels.labels import Label
from gmmspeech.report.alignments import write_alignment_report


def utterance(i: int, *, deviation: float | None, fit: float | None, goodness: float | None) -> AlignedUtterance:
    """A word of two phones; the twentieth utterance has a very long vowel."""
    middle, end = (0.9, 1.0) if i == 19 else (0.2 + i / 1000, 0.4)
    phones = [Entry(Label(0.0, 0.1, "SIL"), -40.0, 0.0, 0.0)]
    phones += [Entry(Label(0.1, middle, "AA"), -50.0, goodness, deviation)]
    phones += [Entry(Label(middle, end, "S"), -50.0, goodness, None if deviation is None else deviation / 2)]
    words = [Entry(Label(0.1, end, f"w<{i}>"), -50.0 - i, goodness, deviation)]
    return AlignedUtterance(f"u{i}", "ann", 0.0, words, phones, -50.0 + i / 100, fit)


@pytest.fixture
def report(sections_of):
    """A function that writes a report of 25 utterances, and gives its sections."""
    return lambda place, **options: sections_of(written(place, **options))


def written(place: Path, **options: object) -> Path:
    figures = {"deviation": 0.01, "fit": -1.0, "goodness": -0.2} | {
        name: options.pop(name) for name in ("deviation", "fit", "goodness") if name in options
    }
    made = []
    for i in range(25):
        own = dict(figures)
        if i == 7:
            own = {name: None if value is None else value * 5 for name, value in figures.items()}
        made.append(AlignedFile(f"ann/{i}", 1.2, [utterance(i, **own)]))
    path = write_alignment_report(place, made, title="one & all", **options)
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", path.read_text(encoding="utf-8"))
    return path


def test_the_worst_come_first(report, tmp_path: Path) -> None:
    found = report(tmp_path / "report.html")
    words = found.found["Worst words"]
    assert words[1] == ["w<7>", "ann/7", "ann", "0.10", "0.40", "-1.00", "50"]
    assert len(words) == 21
    assert found.found["Utterances that fit worst"][1] == ["ann/7", "ann", "w<7>", "0.00", "-5.00"]
    assert found.found["Confidence"][1][:3] + found.found["Confidence"][1][-1:] == ["AA", "ann/7", "ann", "50"]
    durations = found.found["Durations"]
    assert durations[1] == ["AA", "ann/19", "ann", "0.10", "0.90", "800", "112"]
    lengths = np.array([0.8 if i == 19 else 0.1 + i / 1000 for i in range(25)])
    assert round(1000 * float(np.median(lengths))) == 112
    assert "4.0 %" in found.text[""]  # two of fifty boundaries have a deviation above 20 ms


def test_without_confidence(report, tmp_path: Path) -> None:
    found = report(tmp_path / "folder", deviation=None, fit=None, goodness=None)
    assert (tmp_path / "folder" / "index.html").exists()
    assert found.found["Worst words"][1][:2] == ["w<24>", "ann/24"]  # the lowest likelihood
    assert "Neither deviations nor goodness are known" in found.text["Confidence"]
    assert found.found["Utterances that fit worst"][1][0] == "ann/0"


def test_unknown_words_and_what_is_left_out(report, tmp_path: Path) -> None:
    unknown = {"xyzzy": ["u1", "u2", "u2"], "plugh": [f"u{i}" for i in range(8)]}
    found = report(tmp_path, unknown=unknown, skipped={"u<9>": "found no frames"}, configuration={"a": {"b": "c"}})
    assert found.found["Unknown words"][1:] == [
        ["plugh", "u0, u1, u2, u3, u4 …", "8"],
        ["xyzzy", "u1, u2", "3"],
    ]
    assert "u<9>: found no frames" in found.text["Left out"]
    assert found.found["Configuration"][-1] == ["b", "c"]


def test_long_transcripts_are_cut(sections_of, tmp_path: Path) -> None:
    words = [Entry(Label(i / 10, (i + 1) / 10, "word"), -50.0) for i in range(40)]
    file = AlignedFile("a", 4.0, [AlignedUtterance("u", "ann", 0.0, words, [], -50.0)])
    found = sections_of(write_alignment_report(tmp_path, [file], title="long"))
    assert found.found["Utterances that fit worst"][1][2] == "word " * 9 + "…"


@pytest.mark.parametrize("files", [[], [AlignedFile("a", None, [AlignedUtterance("u", "", 0.0, [], [])])]])
def test_nothing_was_aligned(tmp_path: Path, files: list[AlignedFile]) -> None:
    page = write_alignment_report(tmp_path, files, title="none").read_text()
    assert "No word has a figure" in page
