"""Manifests of lhotse, written by lhotse, give the same utterances as the files they list."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import said
import soundfile

from gmmspeech.audio import read_audio
from gmmspeech.errors import AudioError, ConfigError, DataError
from gmmspeech.formats.datadir import Segment, load_utterance
from gmmspeech.formats.lhotse import read_lhotse


@pytest.fixture
def lhotse():
    return pytest.importorskip("lhotse")


@pytest.fixture
def manifests(lhotse, tmp_path):
    """Recordings of one and of two channels, and three supervisions; a function to write both."""
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "one.wav", rng.normal(0, 0.1, 8000), 8000)
    soundfile.write(tmp_path / "two.flac", rng.normal(0, 0.1, (8000, 2)), 8000)
    recordings = [lhotse.Recording.from_file(tmp_path / name) for name in ("one.wav", "two.flac")]
    segment = lhotse.SupervisionSegment
    supervisions = [
        segment("b", "one", 0.25, 0.5, speaker="bob", text="hello  there"),
        segment("a", "two", 0.0, 1.0, channel=1, speaker="ann", text=""),
        segment("c", "one", 0.5, 0.5, channel=[0], text="so"),
    ]

    def write(recordings=recordings, supervisions=supervisions):
        lhotse.RecordingSet.from_recordings(recordings).to_file(tmp_path / "recordings.jsonl.gz")
        lhotse.SupervisionSet.from_segments(supervisions).to_file(tmp_path / "supervisions.jsonl")
        return tmp_path / "recordings.jsonl.gz", tmp_path / "supervisions.jsonl"

    write.recordings, write.supervisions = recordings, supervisions
    return write


def fails(match, *arguments, **options):
    said.fails(match, read_lhotse, *arguments, **options)


def test_utterances(manifests, tmp_path):
    data = read_lhotse(*manifests())
    assert data.utterances == ("a", "b", "c")
    assert data.utt2spk == {"a": "ann", "b": "bob", "c": "one"}
    assert data.text == {"a": "", "b": "hello  there", "c": "so"}
    expected = {
        "a": read_audio(tmp_path / "two.flac", channel=1),
        "b": read_audio(tmp_path / "one.wav", start=0.25, end=0.75),
        "c": read_audio(tmp_path / "one.wav", start=0.5, end=1.0),
    }
    for name, (signal, rate) in expected.items():
        found, found_rate = load_utterance(data, name)
        np.testing.assert_array_equal(found, signal)
        assert found_rate == rate


def test_recordings_alone(manifests, tmp_path):
    data = read_lhotse(manifests()[0])
    assert (data.utterances, data.utt2spk, data.segments) == (("one", "two"), {"one": "one", "two": "two"}, None)
    np.testing.assert_array_equal(load_utterance(data, "one")[0], read_audio(tmp_path / "one.wav")[0])
    with pytest.raises(AudioError, match="found 2 channels"):
        load_utterance(data, "two")


def test_commands(manifests, lhotse, tmp_path):
    command = lhotse.audio.AudioSource("command", [0], f"cat {tmp_path / 'one.wav'}")
    path = manifests([lhotse.Recording("r", [command], 8000, 8000, 1.0)])[0]
    fails("found a command for r, expected a file", path)
    data = read_lhotse(path, allow_pipes=True)
    np.testing.assert_array_equal(load_utterance(data, "r")[0], read_audio(tmp_path / "one.wav")[0])


def test_what_is_not_read(manifests, lhotse, tmp_path):
    recordings, supervisions = manifests()
    fails("recordings.jsonl.gz: found a RecordingSet of 2, expected a SupervisionSet", recordings, recordings)
    fails("none: no such file", tmp_path / "none")
    supervisions.write_text(supervisions.read_text()[:-40])
    fails("supervisions.jsonl: can't be read", recordings, supervisions)
    segment = lhotse.SupervisionSegment
    for match, bad in {
        "supervision x: found recording three": segment("x", "three", 0, 1),
        r"supervision x: found channels \[0, 1\]": segment("x", "two", 0, 1, channel=[0, 1]),
    }.items():
        fails(match, *manifests(supervisions=[bad]))
    fails("recording one_?.*: found transforms", manifests([manifests.recordings[0].perturb_speed(1.1)])[0])
    source = lhotse.audio.AudioSource("url", [0], "https://example.org/a.wav")
    fails("recording r: found a source of type url", manifests([lhotse.Recording("r", [source], 8000, 8000, 1.0)])[0])
    parts = [lhotse.audio.AudioSource("file", [i], str(tmp_path / "one.wav")) for i in (0, 1)]
    fails("recording r: found 2 sources", manifests([lhotse.Recording("r", parts, 8000, 8000, 1.0)])[0])


def recording(**changes):
    source = SimpleNamespace(type="file", source="a.wav")
    return SimpleNamespace(**{"id": "r", "sources": [source], "transforms": None, "num_channels": 1} | changes)


def supervision(**changes):
    given = {"id": "s", "recording_id": "r", "start": 0.5, "duration": 1.0, "end": 1.5, "channel": 0}
    return SimpleNamespace(**given | {"speaker": "ann", "text": "so"} | changes)


class RecordingSet(list):
    pass


class SupervisionSet(list):
    pass


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Read manifests whose content lhotse has not checked, as it does not of every field."""

    def read(recordings=None, supervisions=None):
        sets = {
            "recordings.jsonl": RecordingSet(recordings or [recording()]),
            "supervisions.jsonl": SupervisionSet(supervisions or [supervision()]),
        }
        load = SimpleNamespace(load_manifest=lambda path: sets[Path(path).name])
        monkeypatch.setitem(sys.modules, "lhotse", load)
        for name in sets:
            (tmp_path / name).touch()
        return read_lhotse(*(tmp_path / name for name in sets))

    return read


def test_values_of_other_types(read):
    assert read().segments == {"s": Segment("r", 0.5, 1.5)}
    for name, values in {
        "id": (5, None, "", ["s"]),
        "recording_id": (5, None, ["r"], "x" * 10**6),
        "start": ("0.5", None, float("nan"), float("inf"), -1, True, 10**400),
        "duration": ("1", None, float("nan"), -1.0),
        "channel": ("0", None, [0, 1], [[0]], -1, True),
        "speaker": (5, ["ann"]),
        "text": (5, ["so"], {}),
    }.items():
        for value in values:
            with pytest.raises(DataError, match=r"supervisions.jsonl: .*found .*, expected") as raised:
                read(supervisions=[supervision(**{name: value})])
            assert len(str(raised.value)) < 400
    source = SimpleNamespace(type="file", source=5)
    for name, values in {"id": (5, None), "sources": (None, 5, [source], [None]), "transforms": ([1],)}.items():
        for value in values:
            with pytest.raises(DataError, match=r"recordings.jsonl: .*found .*, expected"):
                read(recordings=[recording(**{name: value})])
    with pytest.raises(DataError, match="found recording r again"):
        read(recordings=[recording(), recording()])
    with pytest.raises(DataError, match=r"found recording .*looks alike, in another Unicode normalization form"):
        read([recording(id="ren\u00e9")], [supervision(recording_id="rene\u0301")])


def test_without_lhotse(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "lhotse", None)
    with pytest.raises(ConfigError, match=r"found no lhotse.*pip install"):
        read_lhotse(tmp_path / "recordings.jsonl")
