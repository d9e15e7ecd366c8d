"""The Free Spoken Digit Dataset as it lies on a disk."""

from __future__ import annotations

from pathlib import Path

from gmmspeech.corpora.listing import write_listing
from gmmspeech.corpora.registry import list_corpus
from gmmspeech.formats.datadir import read_data_dir


def test_fsdd_is_listed_as_in_the_corpus(tmp_path: Path, corpus) -> None:
    shared = corpus("fsdd") / "data" / "all"
    write_listing(tmp_path / "data", list_corpus("fsdd", corpus("fsdd") / "audio"))
    for name in ("utt2spk", "spk2utt", "text"):
        assert (tmp_path / "data" / name).read_bytes() == (shared / name).read_bytes()
    assert [path.resolve() for path in read_data_dir(tmp_path / "data").recordings.values()] == [
        path.resolve() for path in read_data_dir(shared).recordings.values()
    ]
