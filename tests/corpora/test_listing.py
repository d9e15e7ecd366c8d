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
    assert os.path.basename(name).replace("\n", r"\n") in str(raised.value)


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


def kinds(source: Path) -> dict[str, int]:
    return list_corpus("speakers", source).left_out


def test_what_is_left_out_is_counted(make, tmp_path: Path) -> None:
    names = ["a.wav", "b.m4a", "c.M4A", "d.webm", "e.txt", "f", ".g.wav", "a.wav.wav"]
    source = make(tmp_path, {f"ann/{name}": "" for name in [*names, ".trash/h.wav"]})
    assert kinds(source) == {".m4a": 2, ".wav (copies)": 1, ".webm": 1, ".txt": 1, "without extension": 1, "hidden": 2}
    assert list(list_corpus("speakers", source).recordings) == ["ann-a"]


def test_a_folder_of_audio_for_others_alone(make, tmp_path: Path) -> None:
    source = make(tmp_path, {"ann/a b.m4a": "", "ann/b.m4a": "", "bob/c.amr": "", "bob/c.txt": ""})
    with pytest.raises(DataError) as caught:
        list_corpus("speakers", source)
    assert str(caught.value) == (
        f"{source}: found no audio that libsndfile reads, but 1 .amr, 2 .m4a, expected SPEAKER/.../NAME.wav;"
        f" ffmpeg -i '{source}/ann/a b.m4a' 'a b.wav' makes WAV of it"
    )


def test_links_to_folders_are_followed(make, tmp_path: Path) -> None:
    source = make(tmp_path / "source", {"ann/a.wav": ""})
    make(tmp_path / "elsewhere", {"b.wav": "", "deep/c.wav": ""})
    (source / "bob").symlink_to(tmp_path / "elsewhere")
    assert list(list_corpus("speakers", source).recordings) == ["ann-a", "bob-b", "bob-deep-c"]
    (source / "ann" / "round").symlink_to(source)
    (source / "aaa").symlink_to(source / "ann")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")
    assert list(list_corpus("speakers", source).recordings) == ["ann-a", "bob-b", "bob-deep-c"]
    assert kinds(source) == {"folders that were found before, by links": 3}


def test_folders_that_may_not_be_read(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(tmp_path, {"ann/a.wav": "", "bob/b.wav": ""})
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("bob"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"bob: can't be read \(Permission denied\), expected a folder of audio"):
        list_corpus("speakers", source)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_pipes_and_links_to_nothing_are_no_recordings(make, tmp_path: Path) -> None:
    source = make(tmp_path, {"ann/a.wav": ""})
    os.mkfifo(source / "ann" / "b.wav")
    (source / "ann" / "c.wav").symlink_to("nowhere")
    (source / "ann" / "d.wav").symlink_to("d.wav")
    assert kinds(source) == {".wav (not regular files)": 3}
