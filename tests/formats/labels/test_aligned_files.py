"""Aligned utterances in the time of their recordings, beside sums by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import DataDir, Segment
from gmmspeech.formats.labels.aligned_files import aligned_files, places_of
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import Label

PHONES = [Label(0.0, 0.2, "SIL"), Label(0.2, 0.3, "AH"), Label(0.3, 0.6, "S"), Label(0.6, 0.77, "SIL")]
FOUND = Alignment([Label(0.2, 0.6, "us")], PHONES, np.array([-40.0, -50.0, -60.0, -41.0]), None, -48.0)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    audio = tmp_path / "ann" / "my talk.wav"
    audio.parent.mkdir()
    soundfile.write(audio, np.zeros(2 * 8000), 8000)
    segments = {"u": Segment("t", 1.2, 2.0), "v": Segment("t", 0.1, 0.9)}
    return DataDir(tmp_path, {"t": audio}, segments, ("u", "v"), {"u": "ann", "v": "ann"})


def test_times_are_those_of_the_recording(data: DataDir) -> None:
    (file,) = aligned_files({"u": FOUND, "v": FOUND}, data)
    assert (file.place, file.duration, [each.name for each in file.utterances]) == ("ann/my talk", 2.0, ["v", "u"])
    first, last = file.utterances
    assert [entry.label[:2] for entry in last.phones] == [(1.2, 1.4), (1.4, 1.5), (1.5, 1.8), (1.8, 2.0)]  # to the end
    assert first.phones[-1].label.end == 0.9
    (word,) = last.words
    assert word.label == Label(1.4, 1.8, "us")
    assert word.log_likelihood == pytest.approx((0.1 * -50 + 0.3 * -60) / 0.4)


def test_places_are_paths_in_a_folder_and_ids_in_a_data_directory(data: DataDir) -> None:
    assert places_of(data) == {"t": "ann/my talk"}
    (data.path / "wav.scp").touch()
    assert places_of(data) == {"t": "t"}
    assert [file.place for file in aligned_files({"a b": FOUND})] == ["a%20b"]
    with pytest.raises(DataError, match="found no utterance w, expected all that were aligned"):
        aligned_files({"w": FOUND}, data)
