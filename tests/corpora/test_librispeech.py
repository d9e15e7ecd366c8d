"""LibriSpeech as it lies on a disk."""

from __future__ import annotations

from pathlib import Path

from gmmspeech.corpora.registry import list_corpus


def test_librispeech(make, tmp_path: Path) -> None:
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
