"""Folders of recordings with something bad in them: it is left out and named, or stops the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from contents import contents
from said import stops, works

from gmmspeech.formats.datadir import load_utterance, read_data_dir
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.phones.labels.labels import Label


def break_folder(folder: Path, kind: str) -> None:
    """Put one bad thing of a kind into a folder with a good recording, one.flac."""
    copy, sound = folder / "bad.flac", (folder / "one.flac").read_bytes()
    if kind not in ("transcript alone", "other audio", "two recordings", "dictionary line"):
        copy.write_bytes(sound)
    texts = {
        "transcript alone": "one",
        "empty transcript": " \n",
        "no words": "…!",
        "another language": "Добрый день",
        "labels as text": "0.0 0.5 one\n",
        "too much text": "one " * 500,
        "cut recording": "one",
        "no recording": "one",
        "not text": "\udcff\udcfe",
    }
    if kind in texts:
        (folder / "bad.txt").write_text(texts[kind], encoding="utf-8", errors="surrogateescape")
    tiers = {
        "long TextGrid": {"ann": [Label(0.0, 99.0, "one")]},
        "no transcript tier": {"words": [Label(0.0, 0.1, "one")]},
        "empty TextGrid": {"ann": []},
    }
    if kind in tiers:
        write_textgrid(folder / "bad.TextGrid", tiers[kind], duration=None if any(tiers[kind].values()) else 0.3)
    if kind == "broken TextGrid":
        (folder / "bad.TextGrid").write_text('File type = "ooTextFile"\nObject class = "TextGrid"\n0 1 <exists> 1\n')
    if kind == "cut recording":
        copy.write_bytes(sound[: len(sound) // 2])
    if kind == "no recording":
        copy.write_bytes(b"RIFF")
    if kind == "other audio":
        (folder / "bad.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))
    if kind == "two recordings":
        soundfile.write(folder / "one.ogg", np.zeros(8000), 8000)


KINDS = {
    "audio alone": "found no transcript beside it",
    "transcript alone": "found no recording of that name beside it",
    "empty transcript": "found no text",
    "no words": "found no words in its transcript",
    "another language": "found no word of 2 in the dictionary",
    "labels as text": "found labels with times",
    "too much text": "frames, too few for what is said, expected",
    "cut recording": "bad.flac",
    "no recording": "bad.flac",
    "not text": "bad.txt",
    "long TextGrid": "found a TextGrid of 99.000 s, expected",
    "no transcript tier": "found tiers words, expected one of a transcript",
    "empty TextGrid": "found no interval with text",
    "broken TextGrid": "bad.TextGrid",
    "other audio": "found audio that libsndfile does not read",
    "two recordings": "found one.flac too, expected one recording of a name",
    "dictionary line": "words.dict:2: found bad alone, expected its phones after it",
}


@pytest.mark.parametrize("kind", KINDS)
def test_strict_stops_at_every_kind_of_bad_input(run, corpus, tmp_path: Path, kind: str) -> None:
    folder, dictionary = tmp_path / "folder", tmp_path / "words.dict"
    folder.mkdir()
    data = read_data_dir(corpus("fsdd-tiny") / "data" / "test")
    soundfile.write(folder / "one.flac", *load_utterance(data, data.utterances[0]))
    (folder / "one.txt").write_text("one")
    dictionary.write_text("one W AH N\n" + "bad\n" * (kind == "dictionary line"))
    break_folder(folder, kind)
    before = contents(folder)
    words = ("align", folder, "--dictionary", dictionary, "--out", tmp_path / "out")
    stops(run(*words, "--strict"), KINDS[kind])
    assert not (tmp_path / "out").exists()
    if kind != "too much text":  # which training finds in its own time
        stops(run("train-phones", folder, tmp_path / "m.h5", "--dictionary", dictionary, "--strict"), KINDS[kind])
        assert not (tmp_path / "m.h5").exists()
    done = works(run(*words))
    assert KINDS[kind] in done.stderr
    if kind == "too much text":
        assert done.stderr.count("skipped") == 1
    assert (tmp_path / "out" / "one.TextGrid").exists()
    assert contents(folder) == before


def test_what_is_no_folder_and_no_dictionary(run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    (tmp_path / "a.txt").write_text("one")
    done = run("align", tmp_path / "a.wav")
    assert done.exit_code == 2
    assert "a.wav, expected a folder, such as the one that it is in" in " ".join(done.stderr.split())
    done = run("align", tmp_path, "--dictionary", "english_us_arpa")
    stops(done, "--dictionary: found no file english_us_arpa, expected one of words and phones, or cmudict")


def test_bad_lists_lead_to_the_command_that_tells_all(run, tmp_path):
    (tmp_path / "wav.scp").write_text("u1 u1.wav\n")
    (tmp_path / "utt2spk").write_text("u1\n")
    for words in (("features", tmp_path, tmp_path / "f.h5", "--config", "phones"), ("align", tmp_path)):
        stops(run(*words), f" (gmmspeech validate-data {tmp_path} tells all that is wrong there)")
