"""The Arabic Speech Commands as they lie on a disk."""

from __future__ import annotations

from pathlib import Path

from gmmspeech.corpora.registry import list_corpus


def test_arabic_commands(make, tmp_path: Path) -> None:
    names = ["dataset/zoom in/00000001_NO_01.wav", "dataset/zero/00000001_NO_10.wav", "dataset/train.csv"]
    listing = list_corpus("arabic-commands", make(tmp_path, dict.fromkeys(names, "")))
    assert listing.text == {"00000001-zero-10": "zero", "00000001-zoom_in-01": "zoom in"}
