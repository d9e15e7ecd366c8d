"""The recipe of VoxCeleb1 on a small imitation of its layout: four speakers with trials, three to train on."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile

import gmmspeech as gs
from gmmspeech.corpora.voxceleb import write_voxceleb
from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.formats.trials import read_scores, read_trials

TESTED = 4


@pytest.fixture
def vox(tmp_path: Path, corpus) -> tuple[Path, Path]:
    """A folder with ``dev`` and ``test``, and an official list: every file against every other one's first."""
    source = read_data_dir(corpus("librispeech-tiny") / "data" / "all")
    speakers = sorted(set(source.utt2spk.values()))
    names: dict[str, list[str]] = {}
    for i, speaker in enumerate(speakers):
        folder = "test" if i < TESTED else "dev"
        for number, utterance in enumerate(u for u in source.utterances if source.utt2spk[u] == speaker):
            signal, rate = gs.read_audio(source.recordings[utterance])
            name = f"id1{i:04d}/vi-deo_{number // 2}/{number % 2 + 1:05d}.wav"
            path = tmp_path / "vox" / folder / "wav" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, signal, rate)
            names.setdefault(speaker, []).append(name)
    tested = speakers[:TESTED]
    lines = [
        f"{int(a == b)} {names[a][0]} {name}"
        for a, b in product(tested, tested)
        for name in names[b]
        if name != names[a][0]
    ]
    (tmp_path / "veri_test.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "vox", tmp_path / "veri_test.txt"


SIZES = ["--components", "4", "--rank", "4", "--lda-dim", "2", "--ubm-utterances", "6", "--longest", "10"]


def test_from_the_layout_to_figures(vox: tuple[Path, Path], tmp_path: Path, recipe) -> None:
    corpus, official = vox
    out = tmp_path / "exp"
    places = ["--corpus", corpus, "--trials", official, "--out", out]
    recipe("voxceleb").main([str(word) for word in (*places, *SIZES)], standalone_mode=False)
    train, ubm, test = (read_data_dir(out / "data" / part) for part in ("train", "ubm", "test"))
    assert (len(train.utterances), len(ubm.utterances), len(test.utterances)) == (12, 6, 16)
    assert not set(train.utt2spk.values()) & set(test.utt2spk.values())
    assert test.utt2spk["id10003-vi-deo_1-00002"] == "id10003"
    trials = read_trials(out / "data" / "test" / "trials")
    assert (len(trials), int(np.sum(trials.is_target))) == (60, 12)
    with gs.stores.StatisticsStore(out / "stats.h5") as stats, gs.FeatureStore(out / "feats-train.h5") as store:
        assert len(stats) == 10
        left_out = set(store) - set(stats)
        assert max(map(store.num_frames, left_out)) <= min(map(store.num_frames, stats))
    targets, nontargets = read_scores(out / "scores").split(trials)
    assert targets.mean() > nontargets.mean()
    row = json.loads((out / "results.json").read_text(encoding="utf-8"))["tables"]["results"][0]
    assert row["trials (targets)"] == "60 (12)"
    assert float(row["EER, %"].split()[0]) == pytest.approx(100 * gs.eer(targets, nontargets), abs=0.005)
    assert (out / "report" / "index.html").exists()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1 id1/a/1.wav", "veri:1: found '1 id1/a/1.wav', expected 1 or 0 and two files"),
        ("target id1/a/1.wav id1/a/2.wav", "veri:1: found 'target id1/a/1.wav id1/a/2.wav', expected 1 or 0"),
        ("1 id1/a/1.wav id1/a/2.wav", r"no id1/a/1\.wav \(2 such of 2\), expected SPEAKER/VIDEO/NUMBER"),
    ],
)
def test_bad_lists(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "veri").write_text(line + "\n")
    (tmp_path / "id9" / "a").mkdir(parents=True)
    (tmp_path / "id9" / "a" / "1.wav").touch()
    with pytest.raises(DataError, match=problem):
        write_voxceleb(tmp_path, tmp_path / "veri", tmp_path / "data", 10)


def test_somebody_must_be_left_to_train_on(vox: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, official = vox
    with pytest.raises(DataError, match="found no speaker who is in no trial"):
        write_voxceleb(corpus / "test", official, tmp_path / "data", 10)
