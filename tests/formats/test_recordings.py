"""Folders of recordings with transcripts beside them, good and bad."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, strategies as st

from gmmspeech.errors import DataError, GmmSpeechWarning
from gmmspeech.formats.datadir import Segment, load_utterance
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.formats.recordings import called, id_of_path, path_of_id, read_recordings
from gmmspeech.phones.labels.labels import Label

RATE = 8000


def audio(path: Path, seconds: float = 1.0, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (round(seconds * RATE), channels))
    soundfile.write(path, noise, RATE)


def test_speaker_folders_and_audio_of_any_kind(tmp_path: Path) -> None:
    for name in ("ann/a.wav", "ann/b.FLAC", "bob/a.mp3", "bob/day 1/x.y.ogg", "c.aiff"):
        audio(tmp_path / name)
    (tmp_path / "ann/a.lab").write_text("HELLO WORLD\n")
    (tmp_path / "ann/b.TXT").write_text("Hello,\n  world!\n\n")
    (tmp_path / "bob/a.txt").write_bytes("Grüß’ Gott".encode("utf-16"))
    (tmp_path / "bob/day 1/x.y.txt").write_text("1 2 buckle my shoe")
    (tmp_path / "c.lab").write_text("see")
    data, left_out = read_recordings(tmp_path)
    assert left_out == {}
    assert data.segments is None
    assert data.utterances == ("ann/a", "ann/b", "bob/a", "bob/day%201/x.y", "c")
    assert data.text == {
        "ann/a": "HELLO WORLD",
        "ann/b": "Hello,   world!",
        "bob/a": "Grüß’ Gott",
        "bob/day%201/x.y": "1 2 buckle my shoe",
        "c": "see",
    }
    speakers = {"ann/a": "ann", "ann/b": "ann", "bob/a": "bob", "bob/day%201/x.y": "bob/day 1", "c": tmp_path.name}
    assert data.utt2spk == speakers
    for utterance in data.utterances:
        path = data.recordings[utterance]
        assert path_of_id(utterance) == path.relative_to(tmp_path).with_suffix("").as_posix()
        assert len(load_utterance(data, utterance)[0]) >= RATE


def test_a_transcript_whose_name_another_system_wrote(tmp_path: Path) -> None:
    recording, transcript = (unicodedata.normalize(form, "Müller") for form in ("NFD", "NFC"))
    audio(tmp_path / f"{recording}.wav")
    (tmp_path / f"{transcript}.txt").write_text("hello")
    data, left_out = read_recordings(tmp_path)
    assert left_out == {}
    assert data.text == {recording: "hello"}  # results are called as the recording is


def test_textgrids_with_a_tier_a_speaker(tmp_path: Path) -> None:
    audio(tmp_path / "ann/talk.wav", 3.0)
    audio(tmp_path / "one.wav", 2.0)
    audio(tmp_path / "ann/plain.wav")
    (tmp_path / "ann/plain.txt").write_text("plain")
    two = {
        "Ann": [Label(0.1, 1.0, "Hello!"), Label(1.5, 3.0, "two\nlines")],
        "Bob": [Label(0.5, 1.2, "yes")],
        "notes": [Label(0.0, 1.0, "door slams")],
        "Gloss": [Label(0.1, 1.1, "Servus!")],
        "Ann - words": [Label(0.0, 1.0, "hello")],
        "clicks": [Label(0.5, 0.5, "click")],
    }
    write_textgrid(tmp_path / "ann/talk.TextGrid", two, duration=3.0)
    write_textgrid(tmp_path / "one.TextGrid", {"Cy": [Label(0.2, 2.05, "late")]})
    data, left_out = read_recordings(tmp_path)
    assert left_out == {}
    assert data.segments == {
        "ann/plain": Segment("ann/plain", 0.0, None),
        "ann/talk#1-0001": Segment("ann/talk", 0.1, 1.0),
        "ann/talk#1-0002": Segment("ann/talk", 1.5, 3.0),
        "ann/talk#2-0001": Segment("ann/talk", 0.5, 1.2),
        "one#1-0001": Segment("one", 0.2, 2.0),
    }
    assert data.utt2spk == dict(
        zip(data.utterances, ["ann", "Ann", "Ann", "Bob", "Cy"], strict=True)  # a folder, and tiers
    )
    assert data.text is not None
    assert data.text["ann/talk#1-0002"] == "two lines"
    assert len(load_utterance(data, "ann/talk#2-0001")[0]) == round(0.7 * RATE)


def test_one_tier_in_a_folder_of_a_speaker(tmp_path: Path) -> None:
    audio(tmp_path / "ann/talk.wav")
    write_textgrid(tmp_path / "ann/talk.TextGrid", {"transcript": [Label(0.1, 0.9, "hi")]}, duration=1.0)
    assert read_recordings(tmp_path)[0].utt2spk == {"ann/talk#1-0001": "ann"}


def test_tiers_that_are_asked_for(tmp_path: Path) -> None:
    for name in ("ann/a", "ann/b", "ann/c", "d"):
        audio(tmp_path / f"{name}.wav")
        (tmp_path / f"{name}.txt").write_text("text")
    hello, hallo = [Label(0.1, 0.9, "hello you")], [Label(0.1, 0.9, "hallo du")]
    words = [Label(0.1, 0.5, "hello"), Label(0.5, 0.9, "you")]
    write_textgrid(tmp_path / "ann/a.TextGrid", {"English": hello, "German": hallo, "words": words}, duration=1.0)
    written = (tmp_path / "ann/a.TextGrid").read_text()
    (tmp_path / "ann/a.TextGrid").write_text(written.replace('"English"', '"English "'))  # which nobody sees
    write_textgrid(tmp_path / "ann/b.TextGrid", {"German": hallo, "Ann - words": words}, duration=1.0)
    write_textgrid(tmp_path / "d.TextGrid", {"German": hallo}, duration=1.0)
    for path in tmp_path.rglob("[ad].txt"):
        path.unlink()
    data, left_out = read_recordings(tmp_path, tiers=["English"])
    assert data.text == {"ann/a#1-0001": "hello you", "ann/c": "text"}
    assert left_out == {
        "ann/b.TextGrid": "found tiers German, Ann - words, expected one called English",
        "d.TextGrid": "found tiers German, expected one called English",
    }
    data, left_out = read_recordings(tmp_path, tiers=["words", "Ann - words"])  # though they are an aligner's
    assert data.text == {
        "ann/a#1-0001": "hello",
        "ann/a#1-0002": "you",
        "ann/b#1-0001": "hello",
        "ann/b#1-0002": "you",
        "ann/c": "text",
    }
    assert set(data.utt2spk.values()) == {"words", "Ann - words", "ann"}
    with pytest.raises(DataError, match=r"tiers: found no tier german in .*, expected one of English, German, words,"):
        read_recordings(tmp_path, tiers=["English", "german"])
    for path in tmp_path.rglob("*.TextGrid"):
        path.unlink()
    with pytest.raises(DataError, match=r"tiers: found no tier x in .*ann, expected TextGrids in it"):
        read_recordings(tmp_path / "ann", tiers=["x"])


def test_tiers_that_are_hardly_those_of_speakers(tmp_path: Path) -> None:
    audio(tmp_path / "a.wav", 3.0)
    said = [Label(0.1, 0.9, "hello you"), Label(1.0, 2.5, "good bye")]
    words = [Label(0.1, 0.5, "hello"), Label(0.5, 0.9, "you"), Label(1.0, 2.0, "good"), Label(2.0, 2.5, "bye")]
    answers = [Label(0.0, 0.3, "mhm"), Label(1.0, 1.3, "aha"), Label(2.2, 2.5, "yes")]
    layers: dict[str, list[Label]]
    for layers in ({"said": said, "answers": answers, "mots": words}, {"said": said, "deutsch": said}):
        write_textgrid(tmp_path / "a.TextGrid", layers, duration=3.0)
        one = [name for name in layers if name != "answers"]
        first = rf"of the same times in 1 TextGrid, .* the first: a.TextGrid \({one[0]}, {one[1]}\); expected"
        with pytest.warns(GmmSpeechWarning, match=first):
            assert set(read_recordings(tmp_path)[0].utt2spk.values()) == set(layers)
        assert len(read_recordings(tmp_path, tiers=["said"])[0].utterances) == 2
    write_textgrid(tmp_path / "a.TextGrid", {"ann": said, "bob": answers, "ORT-MAU": words, "MAU": words}, duration=3.0)
    assert set(read_recordings(tmp_path)[0].utt2spk.values()) == {"ann", "bob"}
    asked, answered = ([Label(i, i + 1.0, "so") for i in range(first, 6, 2)] for first in (0, 1))  # without a gap
    audio(tmp_path / "a.wav", 6.0)
    write_textgrid(tmp_path / "a.TextGrid", {"ann": asked, "bob": answered}, duration=6.0)
    assert len(read_recordings(tmp_path)[0].utterances) == 6


def test_what_is_left_out_and_why(tmp_path: Path) -> None:
    for name in "good silent alone elan twice htk track latin long aligned broken empty".split():  # noqa: SIM905
        audio(tmp_path / f"{name}.wav")
    audio(tmp_path / "twice.ogg")
    (tmp_path / "video.mp4").write_bytes(b"\0\0\0\x20ftypM4A ")
    texts = {
        "good.txt": "good",
        "good.lab": "",
        "silent.txt": " \n\n",
        "twice.txt": "twice",
        "README.txt": "about",
        "elan.eaf": "<?xml",
        "htk.lab": "0 500000 sil\n500000 900000 ah\n",
        "track.txt": "0.000000\t0.500000\thello there\n",
        "broken.TextGrid": 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1\n<exists>\n2\n',
        ".hidden.txt": "x",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "latin.txt").write_bytes(b"one\ncaf\xe9")
    write_textgrid(tmp_path / "long.TextGrid", {"ann": [Label(0.0, 1.0, "x")]}, duration=1.2)
    write_textgrid(tmp_path / "aligned.TextGrid", {"words": [Label(0, 1, "x")], "phones": [Label(0, 1, "EH")]})
    write_textgrid(tmp_path / "empty.TextGrid", {"ann": []}, duration=1.0)
    data, left_out = read_recordings(tmp_path)
    assert data.utterances == ("good", "twice")
    assert data.recordings["twice"].name == "twice.wav"
    expected = {
        "README.txt": "found no recording of that name beside it",
        "aligned.TextGrid": "found tiers words, phones, expected one of a transcript",
        "alone.wav": "found no transcript beside it, expected alone.lab, alone.txt or alone.TextGrid",
        "broken.TextGrid": "found 0 tiers, expected 2",
        "elan.wav": "found elan.eaf, which is not read, beside it, expected elan.lab, elan.txt or elan.TextGrid (ELAN",
        "empty.TextGrid": "found no interval with text",
        "htk.lab": "found labels with times ('0 500000 sil')",
        "latin.txt": "2: found byte 0xe9, expected UTF-8 text",
        "long.TextGrid": "found a TextGrid of 1.200 s, expected 1.000 s as its recording has",
        "silent.txt": "found no text, expected what is said",
        "track.txt": "found labels with times",
        "twice.ogg": "found twice.wav too, expected one recording of a name",
        "video.mp4": "found audio that libsndfile does not read",
    }
    assert left_out.keys() == expected.keys()
    for name, reason in expected.items():
        assert left_out[name].startswith(reason), left_out[name]
        assert "\n" not in left_out[name]


def test_a_textgrid_that_ends_before_its_recording(tmp_path: Path) -> None:
    for name in "ab":
        audio(tmp_path / f"{name}.wav", 2.0)
        write_textgrid(tmp_path / f"{name}.TextGrid", {"ann": [Label(0.0, 1.0, "x")]})
    with pytest.warns(GmmSpeechWarning, match=r"2 TextGrids .* the first: a.TextGrid \(1.000 of 2.000 s\)"):
        assert len(read_recordings(tmp_path)[0].utterances) == 2


def test_nothing_to_work_with(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder, expected one of recordings"):
        read_recordings(tmp_path / "none")
    with pytest.raises(DataError, match=r"found no recordings, expected recordings with transcripts beside them"):
        read_recordings(tmp_path)
    audio(tmp_path / "a.wav")
    with pytest.raises(DataError, match=r"found 1 recording, none .*; the first: a.wav: found no transcript"):
        read_recordings(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="names there are no bytes")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 1")
    audio(tmp_path / "a.wav")
    (tmp_path / "a.wav").rename(tmp_path / f"{name}.wav")
    (tmp_path / f"{name}.txt").write_text("one")
    (utterance,) = read_recordings(tmp_path)[0].utterances
    assert (utterance, path_of_id(utterance)) == ("caf%E9%201", name)
    assert called(read_recordings(tmp_path)[0], utterance) == r"caf\xe9 1"
    (tmp_path / "wav.scp").touch()
    assert called(read_recordings(tmp_path)[0], utterance) == utterance


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
def test_ids_lead_back_to_paths(path) -> None:
    identity = id_of_path(path)
    assert path_of_id(identity) == path
    assert not set(identity) & set(" \t\n\r#")


def test_a_folder_that_can_t_be_read_is_left_out(tmp_path: Path, unreadable) -> None:
    for name in ("ann/a", "bob/b", "bob/deep/c"):
        audio(tmp_path / f"{name}.wav")
        (tmp_path / f"{name}.txt").write_text("hello")
    unreadable(tmp_path / "bob" / "deep")
    data, left_out = read_recordings(tmp_path)
    assert data.utterances == ("ann/a", "bob/b")
    assert left_out == {"bob/deep": "can't be read (Permission denied), expected a folder of audio"}
    unreadable(tmp_path)
    with pytest.raises(DataError, match=rf"^{tmp_path}: can't be read \(Permission denied\), expected a folder"):
        read_recordings(tmp_path)


def test_audio_to_be_converted_is_named_once_with_its_transcript(tmp_path: Path) -> None:
    audio(tmp_path / "ann" / "a.wav")
    (tmp_path / "ann" / "a.txt").write_text("hello")
    (tmp_path / "ann" / "my take.m4a").write_bytes(b"x")
    (tmp_path / "ann" / "my take.txt").write_text("hello")
    (tmp_path / "ann" / "c.wav").write_bytes((tmp_path / "ann" / "a.wav").read_bytes())
    (tmp_path / "ann" / "c.txt").write_bytes("Grüße".encode("latin-1"))
    place = f"{tmp_path}/ann/my take"
    assert read_recordings(tmp_path)[1] == {
        "ann/c.txt": "1: found byte 0xfc, expected UTF-8 text "
        "(iconv converts other encodings, as iconv -f latin1 -t utf-8)",
        "ann/my take.m4a": "found audio that libsndfile does not read; "
        f"ffmpeg -i '{place}.m4a' '{place}.wav' makes WAV of it",
    }
