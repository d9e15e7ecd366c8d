"""The layouts of ASVspoof 2019 LA and of 2021, on small imitations."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from gmmspeech.corpora.asvspoof import find_asv_scores, is_asvspoof, write_asvspoof
from gmmspeech.corpora.registry import list_corpus
from gmmspeech.errors import DataError
from gmmspeech.formats.asvspoof import read_protocol
from gmmspeech.formats.datadir import read_data_dir, read_map

PARTS = {"train": ("T", "train.trn"), "dev": ("D", "dev.trl"), "eval": ("E", "eval.trl")}


@pytest.fixture
def la(tmp_path: Path) -> Path:
    """Four utterances a part, one more of which no protocol tells."""
    rng = np.random.default_rng(0)
    protocols = tmp_path / "LA" / "ASVspoof2019_LA_cm_protocols"
    protocols.mkdir(parents=True)
    for part, (letter, name) in PARTS.items():
        audio = tmp_path / "LA" / f"ASVspoof2019_LA_{part}" / "flac"
        audio.mkdir(parents=True)
        for i in range(5):
            soundfile.write(audio / f"LA_{letter}_{i}.flac", 0.1 * rng.standard_normal(1600), 16000)
        lines = [f"LA_01 LA_{letter}_{i} - {('- bonafide', 'A07 spoof')[i % 2]}" for i in range(4)]
        (protocols / f"ASVspoof2019.LA.cm.{name}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "LA"


def test_data_directories(la: Path, tmp_path: Path) -> None:
    assert is_asvspoof(la)
    assert not is_asvspoof(tmp_path)
    write_asvspoof(la, tmp_path / "data")
    test = read_data_dir(tmp_path / "data" / "test")
    assert test.utterances == ("LA_E_0", "LA_E_1", "LA_E_2", "LA_E_3")
    assert set(test.utt2spk.values()) == {"LA_01"}
    assert read_map(tmp_path / "data" / "train" / "utt2class")["LA_T_1"] == "spoof"
    assert [trial.attack for trial in read_protocol(tmp_path / "data" / "dev" / "protocol")] == ["bonafide", "A07"] * 2
    assert find_asv_scores(la, "test").name == "ASVspoof2019.LA.asv.eval.gi.trl.scores.txt"


def test_a_part_from_the_command_line(la: Path, tmp_path: Path) -> None:
    listing = list_corpus("asvspoof2019", la / "ASVspoof2019_LA_train")
    assert listing.utt2class == {"LA_T_0": "bonafide", "LA_T_1": "spoof", "LA_T_2": "bonafide", "LA_T_3": "spoof"}
    assert listing.left_out == {"in no protocol": 1}
    assert len(list_corpus("asvspoof2019", la).recordings) == 12


def test_what_is_not_there(la: Path, tmp_path: Path) -> None:
    (la / "ASVspoof2019_LA_eval" / "flac" / "LA_E_1.flac").unlink()
    with pytest.raises(DataError, match=r"LA: found no recording of LA_E_1 \(1 such utterance\), expected one"):
        write_asvspoof(la, tmp_path / "data")
    (la / "ASVspoof2019_LA_cm_protocols").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="found no protocols, expected ASVspoof2019_LA_cm_protocols in it or beside it"):
        list_corpus("asvspoof2019", la / "ASVspoof2019_LA_train")
    (la / "ASVspoof2019_LA_train" / "flac" / "x.flac").touch()
    with pytest.raises(DataError, match="found an audio file of another name"):
        list_corpus("asvspoof2019", la / "ASVspoof2019_LA_train")


def test_recordings_of_2021_and_their_keys(tmp_path: Path) -> None:
    audio, keys = tmp_path / "ASVspoof2021_DF_eval" / "flac", tmp_path / "keys" / "DF" / "CM"
    audio.mkdir(parents=True)
    for i in range(3):
        soundfile.write(audio / f"DF_E_{i}.flac", np.zeros(1600), 16000)
    with pytest.raises(DataError, match=r"found no protocols, expected keys/LA/CM/trial_metadata.txt in it or beside"):
        list_corpus("asvspoof2021", audio.parent)
    keys.mkdir(parents=True)
    lines = ("LA_01 DF_E_0 nocodec asvspoof A14 spoof notrim eval x - -", "LA_02 DF_E_1 mp3 vcc - bonafide trim eval")
    (keys / "trial_metadata.txt").write_text("\n".join(lines) + "\n")
    found = list_corpus("asvspoof2021", audio.parent)
    assert found.utt2spk == {"DF_E_0": "LA_01", "DF_E_1": "LA_02"}
    assert found.utt2class == {"DF_E_0": "spoof", "DF_E_1": "bonafide"}
    assert found.left_out == {"in no protocol": 1}
