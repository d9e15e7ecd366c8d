"""TIMIT as it lies on a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmmspeech.corpora.listing import write_listing
from gmmspeech.corpora.registry import list_corpus
from gmmspeech.formats.labels.lines import read_ctm


@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_timit(make, tmp_path: Path, case) -> None:
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
