"""Corpora as their publishers lay them out, in small imitations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gmmspeech.corpora.listing import select, write_listing
from gmmspeech.corpora.registry import LAYOUTS, list_corpus
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import read_data_dir, read_list_map, read_map
from gmmspeech.formats.labels import read_ctm


def make(folder: Path, files: dict[str, str]) -> Path:
    """Write files, given by their paths; audio is not looked into."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def test_librispeech(tmp_path: Path) -> None:
    source = make(
        tmp_path / "LibriSpeech",
        {
            "SPEAKERS.TXT": ";ID |SEX| SUBSET |MINUTES| NAME\n84  | F | dev-clean | 8 | Ann | Bee\n9 | M | x | 1 | C\n",
            "dev-clean/84/121/84-121-0001.flac": "",
            "dev-clean/84/121/84-121-0000.flac": "",
            "dev-clean/84/121/84-121.trans.txt": "84-121-0000 GO ON\n84-121-0001 DON'T\n84-121-0002 NOT HERE\n",
            "dev-clean/777/5/777-5-0000.flac": "",
        },
    )
    for folder in (source, source / "dev-clean"):
        listing = list_corpus("librispeech", folder)
        assert listing.utt2spk == {"777-5-0000": "777", "84-121-0000": "84", "84-121-0001": "84"}
        assert listing.text == {"84-121-0000": "GO ON", "84-121-0001": "DON'T"}
        assert listing.spk2gender == {"84": "f"}
        assert listing.recordings["84-121-0001"] == source / "dev-clean/84/121/84-121-0001.flac"


def test_voxceleb(tmp_path: Path) -> None:
    names = ["dev/wav/id10001/vi-deo_/00001.wav", "test/wav/id10270/other/00012.wav"]
    listing = list_corpus("voxceleb", make(tmp_path, dict.fromkeys(names, "")))
    assert listing.utt2spk == {"id10001-vi-deo_-00001": "id10001", "id10270-other-00012": "id10270"}


@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_timit(tmp_path: Path, case) -> None:
    sentence = case("train/dr1/fcjf0/sa1")
    files = {
        sentence + case(".wav"): "",
        sentence + case(".wav") + ".wav": "",  # a copy that some distributions have
        sentence + case(".wrd"): "0 8000 she\n8000 16000 had\n",
        sentence + case(".phn"): "0 4000 sh\n4000 8000 iy\n",
        case("test/dr2/mabc0/sa1.wav"): "",
        "doc/readme.txt": "",
    }
    listing = list_corpus("timit", make(tmp_path, files))
    assert listing.utt2spk == {"MABC0_SA1": "MABC0", "FCJF0_SA1": "FCJF0"}
    assert listing.text == {"FCJF0_SA1": "she had"}
    assert listing.spk2gender == {"FCJF0": "f", "MABC0": "m"}
    write_listing(tmp_path / "data", listing)
    assert [(label.start, label.name) for label in read_ctm(tmp_path / "data" / "phones.ctm")["FCJF0_SA1"]] == [
        (0.0, "sh"),
        (0.25, "iy"),
    ]


def test_arabic_commands(tmp_path: Path) -> None:
    names = ["dataset/zoom in/00000001_NO_01.wav", "dataset/zero/00000001_NO_10.wav", "dataset/train.csv"]
    listing = list_corpus("arabic-commands", make(tmp_path, dict.fromkeys(names, "")))
    assert listing.text == {"00000001-zero-10": "zero", "00000001-zoom_in-01": "zoom in"}


def test_fsdd_is_listed_as_in_the_corpus(tmp_path: Path, corpus) -> None:
    shared = corpus("fsdd") / "data" / "all"
    write_listing(tmp_path / "data", list_corpus("fsdd", corpus("fsdd") / "audio"))
    for name in ("utt2spk", "spk2utt", "text"):
        assert (tmp_path / "data" / name).read_bytes() == (shared / name).read_bytes()
    assert [path.resolve() for path in read_data_dir(tmp_path / "data").recordings.values()] == [
        path.resolve() for path in read_data_dir(shared).recordings.values()
    ]


def test_folders_of_speakers(tmp_path: Path) -> None:
    source = make(tmp_path / "corpus", {"ann/a.wav": "", "ann/monday/b.FLAC": "", "bob/a.wav": "", "bob/._a.wav": ""})
    listing = list_corpus("speakers", source)
    assert listing.utt2spk == {"ann-a": "ann", "ann-monday-b": "ann", "bob-a": "bob"}
    write_listing(tmp_path / "data", listing, base=tmp_path)
    assert read_map(tmp_path / "data" / "wav.scp")["ann-monday-b"] == "corpus/ann/monday/b.FLAC"
    assert read_list_map(tmp_path / "data" / "spk2utt") == {"ann": ["ann-a", "ann-monday-b"], "bob": ["bob-a"]}
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["spk2utt", "utt2spk", "wav.scp"]
    assert select(listing, ["bob-a"]).utt2spk == {"bob-a": "bob"}


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_a_folder_without_audio(tmp_path: Path, layout: str) -> None:
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
def test_other_names(tmp_path: Path, layout: str, name: str) -> None:
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


def test_two_files_of_one_utterance(tmp_path: Path) -> None:
    source = make(tmp_path, {"old/7_ann_1.wav": "", "new/7_ann_1.flac": ""})
    with pytest.raises(DataError, match=r"old/7_ann_1\.wav: found utterance ann-7-01 again.*new/7_ann_1\.flac"):
        list_corpus("fsdd", source)


def test_a_folder_that_has_files_of_another_corpus(tmp_path: Path) -> None:
    listing = list_corpus("speakers", make(tmp_path / "corpus", {"ann/a.wav": ""}))
    make(tmp_path / "data", {"phones.ctm": "84-121-0000 1 0 1 AH\n"})
    with pytest.raises(DataError, match=r"data/phones\.ctm: found a file that these utterances have not"):
        write_listing(tmp_path / "data", listing)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["phones.ctm"]


def test_an_unknown_layout(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such layout, expected one of librispeech, voxceleb"):
        list_corpus("aurora", tmp_path)
