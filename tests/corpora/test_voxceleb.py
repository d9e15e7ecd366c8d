"""VoxCeleb as it lies on a disk."""

from __future__ import annotations

from pathlib import Path

from gmmspeech.corpora.registry import list_corpus


def test_voxceleb(make, tmp_path: Path) -> None:
    names = ["dev/wav/id10001/vi-deo_/00001.wav", "test/wav/id10270/other/00012.wav"]
    listing = list_corpus("voxceleb", make(tmp_path, dict.fromkeys(names, "")))
    assert listing.utt2spk == {"id10001-vi-deo_-00001": "id10001", "id10270-other-00012": "id10270"}
