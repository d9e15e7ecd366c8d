"""Alignments written and read back: by Praat itself, by pandas, and by this package."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from contents import contents

from gmmspeech.errors import DataError, GmmSpeechWarning
from gmmspeech.formats.datadir import DataDir, Segment
from gmmspeech.formats.labels.alignments import COLUMNS, read_alignments, write_alignments
from gmmspeech.formats.labels.labels import write_labels
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.formats.labels.textgrid import read_textgrid, write_textgrid
from gmmspeech.formats.labels.tiers import Voice, read_tiers
from gmmspeech.formats.recordings import read_recordings
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import Label

RATE = 8000
PHONES = [Label(0.0, 0.2075, "SIL"), Label(0.2075, 0.4, "AH"), Label(0.4, 0.5, "S"), Label(0.5, 0.78, "SIL")]
WORDS = [Label(0.2075, 0.5, "us")]
FOUND = Alignment(WORDS, PHONES, np.array([-50.0, -48.0, -52.0, -49.0]), np.array([0.0, -0.5, -1.5, 0.0]), -49.5)


def at(start: float, labels: list[Label]) -> list[Label]:
    return [Label(round(start + begin, 9), round(start + end, 9), name) for begin, end, name in labels]


def folder_of(top: Path) -> DataDir:
    """Two recordings: one of 0.8 s, and one of 4 s in which two people speak."""
    recordings = {"ann/a": top / "ann" / "a.wav", "talk": top / "talk.flac"}
    for path, seconds in zip(recordings.values(), (0.8, 4.0), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(int(seconds * RATE)), RATE)
    segments = {
        "a-1": Segment("ann/a", 0.0, None),
        "t-1": Segment("talk", 1.0, 1.79),
        "t-2": Segment("talk", 2.0, 2.8),
        "t-3": Segment("talk", 2.9, 4.01),
    }
    speakers = {"a-1": "ann", "t-1": "ann", "t-2": "bob", "t-3": "ann"}
    return DataDir(top, recordings, segments, tuple(segments), speakers)


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return folder_of(tmp_path / "corpus")


ALL = dict.fromkeys(["a-1", "t-1", "t-2", "t-3"], FOUND)


def test_textgrids_in_the_time_of_their_recordings(data: DataDir, tmp_path: Path) -> None:
    paths = write_alignments(tmp_path / "out", ALL, data=data)
    assert [path.relative_to(tmp_path / "out").as_posix() for path in paths] == [
        *("ann/a.TextGrid", "talk.TextGrid", "alignment.csv")
    ]
    assert read_textgrid(paths[0]) == {"words": WORDS, "phones": [*PHONES[:-1], Label(0.5, 0.8, "SIL")]}
    talk = read_textgrid(paths[1])
    assert list(talk) == ["ann - words", "ann - phones", "bob - words", "bob - phones"]
    assert talk["ann - words"] == at(1.0, WORDS) + at(2.9, WORDS)
    assert talk["bob - phones"] == at(2.0, [*PHONES[:-1], Label(0.5, 0.8, "SIL")])
    # where the first segment ends there is no silence left to be made longer; the last one lies within the file
    assert talk["ann - phones"] == at(1.0, [*PHONES[:-1], Label(0.5, 0.79, "SIL")]) + at(2.9, PHONES)


@pytest.mark.parametrize("confidence", [False, True])
def test_praat_opens_them(data: DataDir, tmp_path: Path, confidence: bool) -> None:
    parselmouth = pytest.importorskip("parselmouth")
    for path in write_alignments(tmp_path / "out", ALL, data=data, confidence=confidence)[:-1]:
        grid = parselmouth.read(str(path))
        sound = parselmouth.Sound(str(next(p for p in data.recordings.values() if p.stem == path.stem)))
        assert (grid.xmin, grid.xmax) == (0.0, pytest.approx(sound.xmax, abs=1e-9))
        tiers = parselmouth.praat.call(grid, "Get number of tiers")
        assert tiers == (3 if confidence else 2) * (2 if path.stem == "talk" else 1)
        for tier in range(1, tiers + 1):
            count = parselmouth.praat.call(grid, "Get number of intervals", tier)
            assert parselmouth.praat.call(grid, "Get end time of interval", tier, count) == grid.xmax
        names = [parselmouth.praat.call(grid, "Get tier name", tier) for tier in range(1, tiers + 1)]
        assert names == list(read_textgrid(path))
        second = parselmouth.praat.call(grid, "Get label of interval", 2, 2 if path.stem == "a" else 3)
        assert second == "AH"


def test_confidence_tells_what_is_known(tmp_path: Path) -> None:
    write_alignments(tmp_path, {"u": FOUND}, confidence=True)
    tier = read_textgrid(tmp_path / "u.TextGrid")["confidence"]
    assert [label.name for label in tier] == ["0.00", "-0.50", "-1.50", "0.00"]
    assert [label[:2] for label in tier] == [label[:2] for label in PHONES]


def test_the_table_holds_words_and_phones(data: DataDir, tmp_path: Path) -> None:
    write_alignments(tmp_path / "out", ALL, data=data, format="csv")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["alignment.csv"]
    table = pd.read_csv(tmp_path / "out" / "alignment.csv")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 4 * (len(WORDS) + len(PHONES))
    word = table[(table.tier == "words") & (table.speaker == "bob")].iloc[0]
    assert (word.file, word.begin, word.end, word.label) == ("talk", 2.2075, 2.5, "us")
    lengths = np.array([0.1925, 0.1])
    assert word["log-likelihood"] == pytest.approx(np.average([-48, -52], weights=lengths), abs=1e-4)
    assert word.goodness == pytest.approx(np.average([-0.5, -1.5], weights=lengths), abs=1e-4)
    assert table.deviation.isna().all()


def test_json_tells_of_utterances(data: DataDir, tmp_path: Path) -> None:
    path = write_alignments(tmp_path / "out", ALL, data=data, format="json")[0]
    files = json.loads(path.read_text())["files"]
    assert [(file["file"], file["duration"]) for file in files] == [("ann/a", 0.8), ("talk", 4.0)]
    utterance = files[1]["utterances"][1]
    assert (utterance["utterance"], utterance["speaker"], utterance["log_likelihood"]) == ("t-2", "bob", -49.5)
    assert utterance["phones"][1] == {
        **{"label": "AH", "begin": 2.2075, "end": 2.4},
        **{"log_likelihood": -48.0, "goodness": -0.5, "deviation": None},
    }


def test_ctm_is_in_the_time_of_recordings(data: DataDir, tmp_path: Path) -> None:
    write_alignments(tmp_path, ALL, data=data, format="ctm")
    words = read_ctm(tmp_path / "words.ctm")
    assert words == {"ann/a": WORDS, "talk": at(1.0, WORDS) + at(2.0, WORDS) + at(2.9, WORDS)}
    data.segments["t-2"] = Segment("talk", 1.3, 2.1)
    with pytest.warns(
        GmmSpeechWarning, match="utterances at the same time in 1 recording, the first talk, in CTM; exp"
    ):
        write_alignments(tmp_path, ALL, data=data, format="ctm")


@pytest.mark.parametrize("format", ["textgrid", "csv", "json", "ctm"])
def test_what_is_written_is_read_for_utterances(data: DataDir, tmp_path: Path, format: str) -> None:
    out = tmp_path / "out"
    write_alignments(out, ALL, data=data, format=format)
    found = read_alignments(out, data)
    assert set(found) == set(ALL)
    for name, labels in found.items():
        assert [label.name for label in labels] == ["SIL", "AH", "S", "SIL"], name
        np.testing.assert_allclose(
            [label[:2] for label in labels[:-1]], [label[:2] for label in PHONES[:-1]], atol=1.1e-6
        )
    assert {name: labels[0].name for name, labels in read_alignments(out, data, tier="words").items()} == dict.fromkeys(
        ALL, "us"
    )


def test_labels_of_utterances_and_flat_folders_too(data: DataDir, tmp_path: Path) -> None:
    whole = DataDir(tmp_path, data.recordings, None, ("ann/a", "talk"), {"ann/a": "ann", "talk": "bob"})
    write_textgrid(tmp_path / "flat" / "a.TextGrid", {"MAU": PHONES})
    assert read_alignments(tmp_path / "flat", whole) == {"ann/a": PHONES}
    recordings = {**data.recordings, "bob/a": tmp_path / "bob" / "a.wav"}
    several = DataDir(tmp_path, recordings, None, tuple(recordings), dict.fromkeys(recordings, "ann"))
    assert read_alignments(tmp_path / "flat", several) == {}
    write_alignments(tmp_path / "utterances", {"t-2": FOUND}, format="ctm")
    assert read_alignments(tmp_path / "utterances" / "phones.ctm", data) == {"t-2": PHONES}


def test_utterances_of_a_speaker_that_overlap_get_tiers_of_their_own(data: DataDir, tmp_path: Path) -> None:
    data.segments["t-3"] = Segment("talk", 1.3, 2.1)
    write_alignments(tmp_path, {"t-1": FOUND, "t-3": FOUND}, data=data)
    tiers = read_textgrid(tmp_path / "talk.TextGrid")
    assert list(tiers) == ["ann - words", "ann - phones", "t-3 - words", "t-3 - phones"]
    assert read_alignments(tmp_path, data, tier="words") == {"t-1": WORDS, "t-3": WORDS}


def test_a_kaldi_data_directory_has_ids(data: DataDir, tmp_path: Path) -> None:
    (data.path / "wav.scp").touch()
    paths = write_alignments(tmp_path / "out", ALL, data=data)
    assert [path.name for path in paths] == ["ann%2Fa.TextGrid", "talk.TextGrid", "alignment.csv"]
    assert set(read_alignments(tmp_path / "out", data)) == set(ALL)
    assert Voice("ann/a") in read_tiers(tmp_path / "out")


def test_samples_are_those_of_the_recording_where_its_rate_is_known(tmp_path: Path) -> None:
    data = folder_of(tmp_path)
    write_labels(tmp_path / "a.phn", {"ann/a": PHONES}, rate=RATE)
    whole = dataclasses.replace(data, segments=None, utterances=("ann/a",), utt2spk={"ann/a": "ann"})
    assert read_alignments(tmp_path / "a.phn", whole) == {"ann/a": PHONES}
    piped = DataDir(tmp_path, {}, None, ("a",), {"a": "ann"}, commands={"a": "cat ann/a.wav"})
    with pytest.warns(GmmSpeechWarning, match="counts samples, of a recording whose rate is not known; took 16000"):
        assert read_alignments(tmp_path / "a.phn", piped)["a"][-1].end == PHONES[-1].end / 2


def test_bad_files_are_left_out_if_asked_for(tmp_path: Path) -> None:
    data = folder_of(tmp_path / "in")
    write_textgrid(tmp_path / "out" / "ann" / "a.TextGrid", {"phones": PHONES})
    (tmp_path / "out" / "talk.TextGrid").write_text("cut")
    with pytest.raises(DataError, match=r"talk\.TextGrid"):
        read_alignments(tmp_path / "out", data)
    with pytest.warns(GmmSpeechWarning, match=r"left out 1 file of labels; the first: .*talk\.TextGrid"):
        assert set(read_alignments(tmp_path / "out", data, skip_bad=True)) == {"a-1"}


def test_what_is_refused(data: DataDir, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no utterance x, expected all that were aligned"):
        write_alignments(tmp_path, {"x": FOUND}, data=data)


def test_results_of_an_earlier_run_are_neither_lost_nor_mixed_in(data: DataDir, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_alignments(out, ALL, data=data)
    some = dict.fromkeys(("t-1", "t-2"), FOUND)
    only = dataclasses.replace(data.only(some), recordings={"talk": data.recordings["talk"]})
    note = "found results of 1 recording that this run lacks, the first ann/a: they stay, and alignment.csv tells of"
    with pytest.warns(GmmSpeechWarning, match=note):
        write_alignments(out, some, data=only)
    assert (out / "ann" / "a.TextGrid").exists()
    told = (
        r"found 1 TextGrid that alignment.csv does not tell of, left out as of another run; the first: ann/a.TextGrid"
    )
    with pytest.warns(GmmSpeechWarning, match=told):
        assert {voice.file for voice in read_tiers(out)} == {"talk"}
    before = contents(out)
    for format in ("ctm", "json", "csv"):
        with pytest.raises(DataError, match=r"found talk\.TextGrid of an earlier run, expected an empty folder, or"):
            write_alignments(out, ALL, data=data, format=format)
    assert contents(out) == before
    for format, file in (("ctm", "words.ctm"), ("json", "alignment.json")):
        write_alignments(tmp_path / format, ALL, data=data, format=format)
        write_alignments(tmp_path / format, ALL, data=data, format=format)
        with pytest.raises(DataError, match="1 recording that this run lacks, the first ann/a, which would be lost"):
            write_alignments(tmp_path / format, some, data=only, format=format)
        with pytest.raises(DataError, match=f"found {file} of an earlier run"):
            write_alignments(tmp_path / format, ALL, data=data)


def test_results_in_another_folder_are_not_read_as_of_it(data: DataDir, tmp_path: Path) -> None:
    top = data.path
    (top / "ann" / "a.txt").write_text("a")
    write_textgrid(top / "talk.TextGrid", {"ann": [Label(1.0, 2.0, "a")]})
    before = read_recordings(top)
    for name in ("aligned", "ann/again"):
        write_alignments(top / name, ALL, data=data)
        (top / name / "unknown_words.txt").write_text("b 1 a-1")
    data_of, left_out = read_recordings(top)
    assert (data_of.text, left_out) == (before[0].text, before[1]) == ({"ann/a": "a", "talk#1-0001": "a"}, {})
    write_textgrid(top / "ann" / "a.TextGrid", {"phones": PHONES})
    write_textgrid(top / "talk.TextGrid", {"phones": PHONES})
    assert read_tiers(top) == {Voice("ann/a"): PHONES, Voice("talk"): PHONES}
    assert len(read_tiers(top / "aligned")) == 3
