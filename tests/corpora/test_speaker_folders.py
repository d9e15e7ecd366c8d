"""Folders of speakers."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from gmmspeech.corpora.listing import select, write_listing
from gmmspeech.corpora.registry import list_corpus
from gmmspeech.corpora.speaker_folders import read_speaker_folders
from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import read_list_map, read_map


def test_folders_of_speakers(make, tmp_path: Path) -> None:
    source = make(tmp_path / "corpus", {"ann/a.wav": "", "ann/monday/b.FLAC": "", "bob/a.wav": "", "bob/._a.wav": ""})
    listing = list_corpus("speakers", source)
    assert listing.utt2spk == {"ann-a": "ann", "ann-monday-b": "ann", "bob-a": "bob"}
    write_listing(tmp_path / "data", listing, base=tmp_path)
    assert read_map(tmp_path / "data" / "wav.scp")["ann-monday-b"] == "corpus/ann/monday/b.FLAC"
    assert read_list_map(tmp_path / "data" / "spk2utt") == {"ann": ["ann-a", "ann-monday-b"], "bob": ["bob-a"]}
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["spk2utt", "utt2spk", "wav.scp"]
    assert select(listing, ["bob-a"]).utt2spk == {"bob-a": "bob"}


def test_folders_of_any_names(make, tmp_path: Path) -> None:
    names = (
        "Ann Lee/day 1/a b.wav",
        "Bjørn/x.FLAC",
        "Bjørn/x.wav",
        "a#b/1%.ogg",
        "top.wav",
        "Bjørn/v.M4A",
        "Bjørn/n.txt",
    )
    source = make(tmp_path / "corpus", dict.fromkeys(names, ""))
    data, left_out = read_speaker_folders(source)
    assert data.utt2spk == {"Ann%20Lee/day%201/a%20b": "Ann%20Lee", "Bjørn/x": "Bjørn", "a%23b/1%25": "a%23b"}
    assert data.recordings["Ann%20Lee/day%201/a%20b"] == source / "Ann Lee" / "day 1" / "a b.wav"
    assert left_out["Bjørn/x.wav"] == "found x.FLAC too, expected one recording of a name"
    assert left_out["top.wav"] == "found a recording beside the folders, expected it in that of its speaker"
    assert left_out["Bjørn/v.M4A"].endswith("v.wav' makes WAV of it")
    assert len(left_out) == 3


@pytest.mark.parametrize("name", ["{}/a.wav", "ann/{}.wav"])
def test_names_that_look_alike(make, tmp_path: Path, name: str) -> None:
    """A speaker in two folders, as of a copy from another system, would be two speakers."""
    names = [name.format(unicodedata.normalize(form, "Zoë")) for form in ("NFC", "NFD")]
    source = make(tmp_path / "corpus", dict.fromkeys([*names, "bob/a.wav"], ""))
    if len(list(source.rglob("*.wav"))) < 3:
        pytest.skip("the file system takes both for one")
    with pytest.raises(DataError, match=r"corpus: found .* twice, in two Unicode normalization forms"):
        read_speaker_folders(source)
