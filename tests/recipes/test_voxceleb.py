"""The recipe of VoxCeleb1 on a small imitation of its layout: four speakers with trials, three to train on."""

import json
import re
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
    before = (out / "scores").read_bytes(), row

    other = tmp_path / "veri_hard.txt"  # of the first two speakers
    other.write_text(
        "".join(line for line in official.read_text().splitlines(True) if not re.search("id1000[23]", line))
    )
    recipe("voxceleb").main([str(word) for word in (*places, *SIZES, "--test", other)], standalone_mode=False)
    rows = json.loads((out / "results.json").read_text(encoding="utf-8"))["tables"]["results"]
    assert ((out / "scores").read_bytes(), rows[0]) == before
    assert (rows[1]["task"], rows[1]["trials (targets)"]) == ("veri_hard", "14 (6)")
    listed = read_trials(out / "data" / "test-veri_hard" / "trials")
    again = read_scores(out / "scores").align(listed)  # the same trials
    np.testing.assert_allclose(read_scores(out / "scores-veri_hard").align(listed), again, atol=1e-6)
    assert (out / "report-veri_hard" / "index.html").exists()


def test_speakers_of_every_list_are_left_out(vox: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, official = vox
    dev = sorted(path.relative_to(corpus / "dev" / "wav").as_posix() for path in (corpus / "dev").rglob("*.wav"))
    own = [name for name in dev if name.startswith(dev[0].split("/")[0])]
    (tmp_path / "more.txt").write_text(f"1 {own[0]} {own[1]}\n")
    write_voxceleb(corpus, {"test": official, "test-more": tmp_path / "more.txt"}, tmp_path / "data", 10)
    parts = {part: read_data_dir(tmp_path / "data" / part) for part in ("train", "ubm", "test", "test-more")}
    speakers = {part: set(data.utt2spk.values()) for part, data in parts.items()}
    assert (len(speakers["train"]), len(parts["test-more"].utterances)) == (2, 2)
    assert not speakers["train"] & (speakers["test"] | speakers["test-more"])


def test_lists_of_one_name_are_refused(vox: tuple[Path, Path], tmp_path: Path, recipe, capsys) -> None:
    corpus, official = vox
    words = ["--corpus", corpus, "--trials", official, "--out", tmp_path / "exp", *2 * ["--test", official]]
    with pytest.raises(SystemExit):
        recipe("voxceleb").main([str(word) for word in words])
    assert (
        capsys.readouterr().err == "gmmspeech: error: --test: found two lists of one name, expected each by another\n"
    )


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
        write_voxceleb(tmp_path, {"test": tmp_path / "veri"}, tmp_path / "data", 10)


def test_somebody_must_be_left_to_train_on(vox: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, official = vox
    with pytest.raises(DataError, match="found no speaker who is in no trial"):
        write_voxceleb(corpus / "test", {"test": official}, tmp_path / "data", 10)
