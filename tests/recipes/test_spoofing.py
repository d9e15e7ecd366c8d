"""The recipe of spoofing on a few utterances, and on an imitation of ASVspoof 2019 LA."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gmmspeech.formats.asvspoof import read_protocol
from gmmspeech.formats.datadir import read_data_dir, read_map, write_map


def run(
    recipe, monkeypatch: pytest.MonkeyPatch, corpus: Path, out: Path, *options: object, **constants: object
) -> dict:
    module = recipe("spoofing")
    vars(module).update(constants)
    monkeypatch.setattr(sys.modules["spoofs"], "PIECE", 0.6)
    words = ["--corpus", corpus, "--out", out, "--jobs", 2, "--components", 2, *options]
    module.main([str(word) for word in words], standalone_mode=False)
    return json.loads((out / "results.json").read_text(encoding="utf-8"))["tables"]


@pytest.fixture
def few(tmp_path: Path, corpus) -> Path:
    """Two utterances of each of three speakers, a part a speaker."""
    source = read_data_dir(corpus("librispeech-tiny") / "data" / "all")
    texts = read_map(source.path / "text", rest_of_line=True)
    for part, speaker in zip(("ubm", "test-other", "background"), sorted(set(source.utt2spk.values())), strict=False):
        chosen = [u for u in source.utterances if source.utt2spk[u] == speaker][:2]
        folder = tmp_path / "corpus" / "data" / part
        write_map(folder / "utt2spk", dict.fromkeys(chosen, speaker))
        write_map(folder / "text", {u: " ".join(texts[u].split()[:4]) for u in chosen})
        write_map(folder / "wav.scp", {u: str(source.recordings[u]) for u in chosen})
    (tmp_path / "corpus" / "data" / "sv80").mkdir()
    write_map(tmp_path / "corpus" / "data" / "sv80" / "utt2spk", read_map(folder / "utt2spk"))
    return tmp_path / "corpus"


@pytest.mark.filterwarnings("ignore::gmmspeech.errors.GmmSpeechWarning")
def test_spoofs_are_made_and_told_from_speech(few: Path, tmp_path: Path, recipe, monkeypatch) -> None:
    pytest.importorskip("pyworld")
    seen = ("WORLD", "eSpeak", "cepstral-vocoder", "channel-vocoder", "other-phases", "A-law")
    unseen = ("WORLD-coded", "LPC-vocoder", "GSM")
    attacks = {"SEEN": seen, "UNSEEN": unseen}
    again = few / "data" / "again"
    again.symlink_to(few / "data" / "background")
    tables = run(recipe, monkeypatch, few, tmp_path / "out", "--compare", "--test", "again", **attacks)
    assert tables["again"] == tables["test"]
    with pytest.raises(SystemExit):
        run(recipe, monkeypatch, few, tmp_path / "out", "--test", "dev", **attacks)
    with pytest.raises(SystemExit):  # whose speaker is learned from
        run(recipe, monkeypatch, few, tmp_path / "out", "--test", "ubm", **attacks)
    parts = {part: read_protocol(tmp_path / "out" / "data" / part / "protocol") for part in ("train", "dev", "test")}
    assert {trial.attack for trial in parts["train"]} == {"bonafide", *seen}
    assert {trial.attack for trial in parts["test"]} == {"bonafide", *unseen}
    assert not {t.speaker for t in parts["train"]} & {t.speaker for t in parts["test"]}
    audio = read_data_dir(tmp_path / "out" / "data" / "train").recordings
    spoof = next(trial.utterance for trial in parts["train"] if trial.attack == "eSpeak")
    spoken, genuine = (soundfile.read(audio[name])[0] for name in (spoof, spoof.removesuffix("-eSpeak")))
    assert len(spoken) == len(genuine)
    assert np.std(spoken) == pytest.approx(np.std(genuine), rel=0.02)
    assert [row["attack"] for row in tables["test"]] == ["all", "all but codecs", *sorted(unseen)]
    assert [row["spoofs"] for row in tables["test"][:2]] == ["6", "4"]  # of two recordings, one by GSM
    assert set(tables["test"][0]) == {"attack", "spoofs", "LFCC-2019, EER", "LFCC, EER", "MFCC, EER", "CQCC, EER"}
    assert [row["mixture"] for row in tables["speed"]] == ["gmmspeech", "scikit-learn"]


@pytest.mark.filterwarnings("ignore::gmmspeech.errors.GmmSpeechWarning")
def test_asvspoof_where_it_is_given(tmp_path: Path, recipe, monkeypatch) -> None:
    rng, la = np.random.default_rng(0), tmp_path / "LA"
    for part, letter, name in (("train", "T", "train.trn"), ("dev", "D", "dev.trl"), ("eval", "E", "eval.trl")):
        (la / f"ASVspoof2019_LA_{part}" / "flac").mkdir(parents=True)
        lines = []
        for i in range(4):
            noise = np.convolve(rng.standard_normal(4000), [1, (0.9, -0.9)[i % 2]], mode="same") / 10
            soundfile.write(la / f"ASVspoof2019_LA_{part}" / "flac" / f"LA_{letter}_{i}.flac", noise, 16000)
            lines.append(f"LA_01 LA_{letter}_{i} - {('- bonafide', 'A07 spoof')[i % 2]}\n")
        for folder in ("cm_protocols", "asv_scores"):
            (la / f"ASVspoof2019_LA_{folder}").mkdir(exist_ok=True)
        (la / "ASVspoof2019_LA_cm_protocols" / f"ASVspoof2019.LA.cm.{name}.txt").write_text("".join(lines))
        scores = la / "ASVspoof2019_LA_asv_scores" / f"ASVspoof2019.LA.asv.{part}.gi.trl.scores.txt"
        scores.write_text("- target 2\n- target 3\n- nontarget 0\nA07 spoof 2.5\n")
    (row, _) = run(recipe, monkeypatch, la, tmp_path / "out")["test"]
    assert row["LFCC-2019, EER"] == "0.00 %"
    assert row["LFCC-2019, min t-DCF"] == "0.0000"
