"""Data directories of corpora, from the command line."""

from __future__ import annotations

from pathlib import Path

from said import works

import gmmspeech as gs


def test_from_a_corpus_to_features(run, tmp_path: Path, corpus) -> None:
    data, feats = tmp_path / "data", tmp_path / "feats.h5"
    done = works(run("prepare", "fsdd", corpus("fsdd") / "audio" / "theo", data))
    assert done.stdout == "400 utterances, 1 speaker, 400 transcripts\n"
    (tmp_path / "few").mkdir()
    for name in ("wav.scp", "utt2spk"):
        (tmp_path / "few" / name).write_text("".join((data / name).read_text().splitlines(keepends=True)[:3]))
    assert run("features", tmp_path / "few", feats, "--config", "phones_8khz").exit_code == 0
    with gs.FeatureStore(feats) as store:
        assert list(store) == ["theo-0-00", "theo-0-01", "theo-0-02"]


def test_bad_sources(run, tmp_path: Path) -> None:
    done = run("prepare", "speakers", tmp_path, tmp_path / "data")
    assert done.exit_code == 1
    assert done.stderr == f"gmmspeech: error: {tmp_path}: found no audio, expected SPEAKER/.../NAME.wav\n"
    assert not (tmp_path / "data").exists()
    assert run("prepare", "aurora", tmp_path, tmp_path / "data").exit_code == 2


def test_what_is_left_out_is_told(run, tmp_path: Path) -> None:
    for name in ("ann/a.wav", "ann/b.m4a", "bob/notes.txt"):
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    done = works(run("prepare", "speakers", tmp_path / "source", tmp_path / "data"))
    assert done.stdout == "1 utterance, 1 speaker, 0 transcripts\n"
    how = "ffmpeg -i FILE FILE.wav converts audio and video"
    assert done.stderr == f"gmmspeech: left out: 1 .m4a, 1 .txt ({how})\n"
