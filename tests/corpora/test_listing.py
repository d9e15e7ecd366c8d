"""Corpora as their publishers lay them out, in small imitations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gmmspeech.corpora.listing import write_listing
from gmmspeech.corpora.registry import LAYOUTS, list_corpus
from gmmspeech.errors import DataError


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_a_folder_without_audio(make, tmp_path: Path, layout: str) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path}: found no audio, expected .*(wav|WAV|flac)"):
        list_corpus(layout, make(tmp_path, {"readme.txt": ""}))
    with pytest.raises(DataError, match=r"nowhere: no such folder"):
        list_corpus(layout, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("librispeech", "84-121.flac"),
        ("voxceleb", "ann/video/1.wav"),
        ("timit", "REGION/SPEAKER/SENTENCE.WAV"),
        ("fsdd", "jackson_7_1.wav"),
        ("arabic-commands", "zero/1.wav"),
        ("speakers", "a.wav"),
        ("speakers", "ann/my voice.wav"),
        ("speakers", "ann/a\n.wav"),
    ],
)
def test_other_names(make, tmp_path: Path, layout: str, name: str) -> None:
    source = make(tmp_path / "corpus", {name: ""})
    with pytest.raises(DataError, match=r"found an audio file of another name, expected .*") as raised:
        list_corpus(layout, source)
    assert os.path.basename(name) in str(raised.value)


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / os.fsdecode(b"caf\xe9.wav")).touch()
    (tmp_path / "ann" / os.fsdecode(b"th\xe9.wav")).touch()
    with pytest.raises(DataError, match=r"caf\\xe9\.wav: found an audio file of another name \(2 such\)"):
        list_corpus("speakers", tmp_path)


def test_two_files_of_one_utterance(make, tmp_path: Path) -> None:
    source = make(tmp_path, {"old/7_ann_1.wav": "", "new/7_ann_1.flac": ""})
    with pytest.raises(DataError, match=r"old/7_ann_1\.wav: found utterance ann-7-01 again.*new/7_ann_1\.flac"):
        list_corpus("fsdd", source)


def test_a_folder_that_has_files_of_another_corpus(make, tmp_path: Path) -> None:
    listing = list_corpus("speakers", make(tmp_path / "corpus", {"ann/a.wav": ""}))
    make(tmp_path / "data", {"phones.ctm": "84-121-0000 1 0 1 AH\n"})
    with pytest.raises(DataError, match=r"data/phones\.ctm: found a file that these utterances have not"):
        write_listing(tmp_path / "data", listing)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["phones.ctm"]
