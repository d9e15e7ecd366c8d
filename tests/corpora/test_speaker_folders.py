"""Folders of speakers."""

from __future__ import annotations

from pathlib import Path

from gmmspeech.corpora.listing import select, write_listing
from gmmspeech.corpora.registry import list_corpus
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
