"""Folders of recordings with labels beside them, or elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gmmspeech.errors import DataError, GmmSpeechWarning
from gmmspeech.formats.labels.labels import write_labels
from gmmspeech.formats.labels.recordings import read_labeled_recordings
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.formats.labels.tiers import match_files
from gmmspeech.phones.labels.labels import Label

PHONES = [Label(0.0, 0.1, "AA"), Label(0.1, 0.2, "S")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ann/a", "ann/b", "bob/a c", "talk"):
        path = tmp_path / "in" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(1600), 8000)
    return tmp_path / "in"


def test_textgrids_beside_recordings_and_transcripts(folder: Path) -> None:
    write_textgrid(folder / "ann" / "a.TextGrid", {"phones": PHONES, "words": []})
    write_textgrid(folder / "bob" / "a c.TextGrid", {"phones": PHONES[:1], "words": []})
    (folder / "ann" / "a.lab").write_text("as he said\n")
    data, labels, left_out = read_labeled_recordings(folder)
    assert labels == {"ann/a": PHONES, "bob/a%20c": PHONES[:1]}
    assert (data.utt2spk, data.segments) == ({"ann/a": "ann", "bob/a%20c": "bob"}, None)
    assert data.recordings["bob/a%20c"] == folder / "bob" / "a c.wav"
    assert left_out == ["ann/b.wav", "talk.wav"]


@pytest.mark.parametrize("rate", [8000, 16000])  # of the recordings; as TIMIT's, whose sound was resampled
def test_samples_are_those_of_the_recording(folder: Path, tmp_path: Path, rate: int) -> None:
    write_labels(tmp_path / "labels" / "ann" / "a.phn", {"a": PHONES}, rate=rate)
    assert read_labeled_recordings(folder, tmp_path / "labels")[1] == {"ann/a": PHONES}


def test_speakers_of_one_recording(folder: Path) -> None:
    write_textgrid(folder / "talk.TextGrid", {"ann - MAU": PHONES, "bob - MAU": PHONES[:1]})
    data, labels, left_out = read_labeled_recordings(folder, tier="MAU")
    assert labels == {"talk#ann": PHONES, "talk#bob": PHONES[:1]}
    assert data.utt2spk == {"talk#ann": "ann", "talk#bob": "bob"}
    assert {segment.recording for segment in data.segments.values()} == {"talk"}
    assert len(left_out) == 3


def test_labels_elsewhere_by_name(folder: Path, tmp_path: Path) -> None:
    write_labels(tmp_path / "labels", {"b": PHONES, "talk": PHONES}, format="textgrid")
    data, labels, _ = read_labeled_recordings(folder, tmp_path / "labels")
    assert labels == {"ann/b": PHONES, "talk": PHONES}
    assert data.utt2spk == {"ann/b": "ann", "talk": "in"}


def test_what_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found label files of none, expected those of one of \.textgrid"):
        read_labeled_recordings(folder)
    write_textgrid(folder / "other.TextGrid", {"phones": PHONES})
    with pytest.raises(DataError, match="found 4 recordings and labels of others, such as other"):
        read_labeled_recordings(folder)
    with pytest.raises(DataError, match="no such folder"):
        read_labeled_recordings(tmp_path / "none")


def test_labels_by_the_last_part_of_a_name_if_no_other_has_it(folder: Path, tmp_path: Path) -> None:
    soundfile.write(folder / "bob" / "b.wav", np.zeros(1600), 8000)
    write_labels(tmp_path / "labels", {"b": PHONES, "a c": PHONES}, format="textgrid")
    _, labels, left_out = read_labeled_recordings(folder, tmp_path / "labels")
    assert labels == {"bob/a%20c": PHONES}
    assert left_out == ["ann/a.wav", "ann/b.wav", "bob/b.wav", "talk.wav"]


def test_thousands_of_files_are_matched_in_linear_time() -> None:
    names = {i: (f"{i % 7}/{i}", f"r{i}") for i in range(100_000)}
    start = time.process_time()
    assert match_files(names, {str(i): () for i in range(100_000)}) == {i: str(i) for i in range(100_000)}
    assert time.process_time() - start < 5


def test_folders_that_can_t_be_read(folder: Path, unreadable) -> None:
    for name in ("ann/a", "bob/a c"):
        write_textgrid(folder / f"{name}.TextGrid", {"phones": PHONES})
    unreadable(folder / "bob")
    with pytest.warns(
        GmmSpeechWarning, match=r"left out 1 file of labels; the first: .*bob: can't be read \(Permission"
    ):
        _, labels, left_out = read_labeled_recordings(folder, skip_bad=True)
    assert labels == {"ann/a": PHONES}
    assert left_out == ["bob (can't be read (Permission denied), expected a folder of audio)", "ann/b.wav", "talk.wav"]
    with pytest.raises(DataError, match=r"bob: can't be read \(Permission denied\), expected a folder of labels"):
        read_labeled_recordings(folder)
