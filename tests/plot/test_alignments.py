"""Pictures of alignments have their lines where labels begin and end."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import DataDir, Segment
from gmmspeech.formats.labels.alignments import write_alignments
from gmmspeech.formats.labels.labels import write_labels
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import Label
from gmmspeech.plot.alignments import alignment
from gmmspeech.plot.style import save_figure

pytest.importorskip("matplotlib")
RATE = 8000
SIGNAL = np.where(np.arange(2 * RATE) < RATE // 2, 0.0, np.sin(2 * np.pi * 2000 * np.arange(2 * RATE) / RATE))
PHONES = [Label(0.0, 0.5, "SIL"), Label(0.5, 0.9, "AA"), Label(0.95, 1.2, "S"), Label(1.2, 2.0, "SIL")]
TIERS = {"words": [Label(0.5, 1.2, "as")], "phones": PHONES}


def lines(axes):
    """Times of the vertical lines of a part of the picture."""
    return [round(float(path.vertices[0][0]), 6) for c in axes.collections for path in c.get_paths() if len(path) == 2]


def test_lines_at_starts_and_ends_through_all_parts():
    waveform, spectrogram, words, phones = gs.plot.alignment((SIGNAL, RATE), TIERS).child_axes
    assert lines(waveform) == lines(spectrogram) == lines(phones) == [0.5, 0.9, 0.95, 1.2]
    assert lines(words) == [0.5, 1.2]
    assert [text.get_text() for text in phones.texts] == ["SIL", "AA", "S", "SIL"]
    assert spectrogram.images[0].get_extent()[:2] == pytest.approx((0.0, 2.0))
    assert words.get_ylabel() == "words"


def test_a_stretch_of_a_file_with_a_textgrid(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.column_stack([SIGNAL, 0 * SIGNAL]) / 2, RATE)
    write_textgrid(tmp_path / "a.TextGrid", {**TIERS, "confidence": PHONES})
    axes = alignment(tmp_path / "a.wav", tmp_path / "a.TextGrid", start=0.6, end=1.0)
    parts = axes.child_axes
    assert len(parts) == 5
    assert axes.get_xlim() == parts[0].get_xlim() == pytest.approx((0.6, 1.0))
    assert lines(parts[0]) == [0.9, 0.95]
    peak = parts[0].lines[0].get_ydata()
    np.testing.assert_allclose(peak, SIGNAL[4800:8000] / 4, atol=1e-4)  # the mean of both channels
    assert [text.get_text() for text in parts[3].texts] == ["AA", "S"]
    save_figure(axes.figure, tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text()
    with pytest.raises(ConfigError, match=r"a\.xyz: found suffix '\.xyz', expected one of"):
        save_figure(axes.figure, tmp_path / "a.xyz")


def test_what_align_found_and_other_label_files(tmp_path):
    found = Alignment(TIERS["words"], PHONES, np.zeros(4), None, 0.0)
    assert len(alignment((SIGNAL, RATE), found).child_axes) == 4
    write_labels(tmp_path / "a.phn", {"a": PHONES}, rate=16000)
    assert alignment((SIGNAL, RATE), tmp_path / "a.phn").child_axes[2].get_ylabel() == "phn"


@pytest.mark.parametrize("rate", [8000, 16000])
def test_samples_are_those_of_timit_or_of_the_recording(tmp_path, rate):
    write_labels(tmp_path / "a.phn", {"a": PHONES}, rate=rate)
    assert lines(alignment((SIGNAL, RATE), tmp_path / "a.phn").child_axes[2]) == [0.5, 0.9, 0.95, 1.2]


def test_the_recording_is_found_by_its_name(tmp_path):
    soundfile.write(tmp_path / "my file.wav", SIGNAL / 2, RATE)
    write_labels(tmp_path / "a.ctm", {"ann/a": PHONES[:1], "ann/my%20file": PHONES})
    assert lines(alignment(tmp_path / "my file.wav", tmp_path / "a.ctm").child_axes[2]) == [0.5, 0.9, 0.95, 1.2]
    (tmp_path / "my file.wav").rename(tmp_path / "b.wav")
    with pytest.raises(DataError, match=r"a.ctm: found labels of 2 recordings, 0 of them called b, expected those of"):
        alignment(tmp_path / "b.wav", tmp_path / "a.ctm")


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_recording_in_a_table_of_align(tmp_path, kind):
    for name in ("ann/one", "bob/one"):
        (tmp_path / name).parent.mkdir()
        soundfile.write(tmp_path / f"{name}.wav", SIGNAL / 2, RATE)
    moved = [Label(label.start / 2, label.end / 2, label.name) for label in PHONES]
    found = {
        "a": Alignment(TIERS["words"], PHONES, np.zeros(4), None, 0.0),
        "b": Alignment([], moved, np.zeros(4), None, 0.0),
    }
    paths = {"a": tmp_path / "ann/one.wav", "b": tmp_path / "bob/one.wav"}
    segments = {"a": Segment("a", 0.0, None), "b": Segment("b", 0.0, 1.0), "c": Segment("b", 1.0, 2.0)}
    data = DataDir(tmp_path, paths, segments, ("a", "b", "c"), {"a": "ann", "b": "bob", "c": "cy"})
    write_alignments(tmp_path / "out", {**found, "c": found["b"]}, data=data, format=kind)
    table = tmp_path / "out" / f"alignment.{kind}"
    parts = alignment(paths["a"], table).child_axes[2:]
    assert [part.get_ylabel() for part in parts] == ["words", "phones"]
    assert lines(parts[1]) == [0.5, 0.9, 0.95, 1.2]
    parts = alignment(paths["b"], table).child_axes[2:]
    assert [part.get_ylabel() for part in parts] == ["bob - phones", "cy - phones"]
    assert lines(parts[1]) == pytest.approx([1.0, 1.25, 1.45, 1.475, 1.6])
    with pytest.raises(DataError, match=rf"alignment.{kind}: found labels of 2 recordings, expected those of one"):
        alignment((SIGNAL, RATE), table)


def test_tiers_are_chosen_by_name_of_all_speakers(tmp_path):
    notes = {f"notes {i}": [Label(0.0, 0.1, "x")] for i in range(12)}
    tiers = {"words": [], "ann - phones": PHONES[:2], "bob - phones": PHONES[2:], **notes}
    write_textgrid(tmp_path / "a.TextGrid", tiers, duration=2.0)

    def drawn(*names):
        parts = alignment((SIGNAL, RATE), tmp_path / "a.TextGrid", tiers=names).child_axes[2:]
        return [part.get_ylabel() for part in parts]

    assert drawn("phones", "words") == ["ann - phones", "bob - phones", "words"]
    assert drawn("bob - phones") == ["bob - phones"]
    with pytest.raises(DataError, match="tiers: found no glosses, expected some of words, ann - phones, "):
        drawn("words", "glosses")
    with pytest.raises(DataError, match="tiers: found 15, expected 1 to 12"):
        drawn()


def test_names_that_have_no_room_are_not_written():
    labels = {"phones": [Label(i / 100, (i + 1) / 100, "a_long_name") for i in range(100)]}
    assert len(alignment((SIGNAL, RATE), labels).child_axes[2].texts) == 0


def test_what_is_refused(tmp_path):
    with pytest.raises(DataError, match="found 2 s, expected some after 3 s"):
        alignment((SIGNAL, RATE), TIERS, start=3.0)
    with pytest.raises(ConfigError, match="end: found 1, expected one after the start, 1"):
        alignment((SIGNAL, RATE), TIERS, start=1.0, end=1.0)
    with pytest.raises(ConfigError, match="labels: found int, expected a file"):
        alignment((SIGNAL, RATE), 3)
    with pytest.raises(DataError, match="tiers: found 0, expected"):
        alignment((SIGNAL, RATE), {})
    write_labels(tmp_path / "two.ctm", {"a": PHONES, "b": PHONES})
    with pytest.raises(DataError, match="found labels of 2 recordings"):
        alignment((SIGNAL, RATE), tmp_path / "two.ctm")
    with pytest.raises(DataError, match=r"labels: found some up to 2\.000 s, expected those of .* 1\.500 s"):
        alignment((SIGNAL[: 3 * RATE // 2], RATE), TIERS)


def test_lines_go_through_the_picture_where_others_are_silent():
    later = [Label(1.2, 1.5, "AA")]
    axes = gs.plot.alignment((SIGNAL, RATE), {"ann - phones": PHONES, "bob - phones": later}, end=1.0)
    (lines,) = axes.child_axes[1].collections
    assert {float(y) for path in lines.get_paths() for y in path.vertices[:, 1]} == {0.0, 1.0}
