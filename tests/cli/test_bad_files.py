"""What the command line says of features, models, trials and scores that are damaged or don't fit together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import kaldiio
import numpy as np
import pytest
from click.testing import Result
from editing import edited
from said import works

import gmmspeech as gs

Run = Callable[..., Result]
Fails = Callable[..., None]

# --- frames and models ---------------------------------------------------------------------------------------------


def test_fewer_frames_than_components(scored: Path, fails: Fails, run: Run) -> None:
    fails(scored, ("train-ubm", scored / "f.h5", scored / "u.h5", "-k", 999), "f.h5: found 288 frames", "999")
    result = works(run("train-classifier", scored / "f.h5", scored / "utt2spk", scored / "c.h5", "-k", 200))
    assert "class ann: found 144 frames for 200 components; its mixture gets 144" in result.stderr


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_frames_that_are_no_numbers(scored: Path, fails: Fails, value: float) -> None:
    with gs.FeatureStore(scored / "f.h5") as store:
        frames = {utterance: store[utterance] for utterance in store}
    frames["ann-2"] = frames["ann-2"].copy()
    frames["ann-2"][5, 3] = value
    kaldiio.save_ark(str(scored / "f.ark"), frames, scp=str(scored / "f.scp"))
    feats = f"scp:{scored / 'f.scp'}"
    expected = "utterance ann-2", f"found {value}", "frame 5", "column 3", "expected finite"
    fails(scored, ("train-ubm", feats, scored / "u.h5", "-k", 4), *expected)
    fails(scored, ("enroll", scored / "u.h5", feats, scored / "enroll", scored / "m.h5"), *expected)
    (scored / "trials").write_text("ann ann-2\n")
    fails(scored, ("score", scored / "m.h5", feats, scored / "trials", scored / "scores"), *expected)
    fails(scored, ("train-classifier", feats, scored / "utt2spk", scored / "c.h5"), *expected)
    fails(scored, ("classify", scored / "c.h5", feats), *expected)


def test_frames_of_another_front_end(scored: Path, run: Run, fails: Fails) -> None:
    other, front = scored / "other.h5", scored / "front.toml"
    front.write_text(front.read_text().replace("num_ceps = 6", "num_ceps = 7"))
    assert run("features", scored, other, "--config", front).exit_code == 0
    expected = "other.h5: found frames with features.num_ceps = 7, expected features.num_ceps = 6"
    fails(scored, ("enroll", scored / "u.h5", other, scored / "enroll", scored / "m.h5"), expected)
    fails(scored, ("score", scored / "m.h5", other, scored / "trials", scored / "scores"), expected)
    fails(scored, ("classify", scored / "c.h5", other), expected)


def test_shards_that_are_missing(scored: Path, run: Run, fails: Fails) -> None:
    index = scored / "s.h5"
    assert run("features", scored, index, "--config", scored / "front.toml", "--shards", 3).exit_code == 0
    for shard in sorted((scored / "s.shards").glob("*.h5"))[1:]:
        shard.unlink()
    expected = "s.h5: missing are 2 of its 3 shards, the first: ", "0002-"
    for words in (("train-ubm", index, scored / "u.h5"), ("show", index), ("classify", scored / "c.h5", index)):
        fails(scored, words, *expected)


def test_archives_with_another_number_of_columns(scored: Path, fails: Fails) -> None:
    kaldiio.save_ark(
        str(scored / "f.ark"),
        {u: np.ones((9, 7), np.float32) for u in ("ann-1", "ann-2", "ann-3", "bob-1", "bob-2", "bob-3")},
        scp=str(scored / "f.scp"),
    )
    feats = f"scp:{scored / 'f.scp'}"
    for words in (
        ("enroll", scored / "u.h5", feats, scored / "enroll", scored / "m.h5"),
        ("score", scored / "m.h5", feats, scored / "trials", scored / "scores"),
        ("classify", scored / "c.h5", feats),
    ):
        fails(scored, words, "7 columns", "6")


def test_a_bad_archive(scored: Path, fails: Fails) -> None:
    ark, scp = scored / "f.ark", scored / "f.scp"
    kaldiio.save_ark(str(ark), {"ann-1": np.ones((50, 6), np.float32)}, scp=str(scp))
    words = ("train-ubm", f"scp:{scp}", scored / "u.h5", "-k", 4)
    ark.write_bytes(ark.read_bytes()[:200])
    fails(scored, words, "utterance ann-1", "f.ark", "can't be read")
    ark.unlink()
    fails(scored, words, "f.ark")
    scp.write_text("ann-1 gunzip -c f.ark.gz |\n")
    fails(scored, words, "ann-1", "commands are not run without --allow-pipes")


# --- files of ours -------------------------------------------------------------------------------------------------


def commands_that_read(scored: Path, name: str) -> list[tuple[object, ...]]:
    f, u, m, c = (scored / f"{letter}.h5" for letter in "fumc")
    return {
        "f.h5": [
            ("train-ubm", f, u),
            ("enroll", u, f, scored / "enroll", m),
            ("score", m, f, scored / "trials", scored / "scores"),
            ("train-classifier", f, scored / "utt2spk", c),
            ("classify", c, f),
            ("show", f),
        ],
        "u.h5": [("enroll", u, f, scored / "enroll", m), ("show", u)],
        "m.h5": [
            ("score", m, f, scored / "trials", scored / "scores"),
            ("evaluate", scored / "scores", scored / "trials", "--models", m, "--report", scored / "report"),
            ("show", m),
        ],
        "c.h5": [("classify", c, f), ("show", c)],
    }[name]


@pytest.mark.parametrize("name", ["f.h5", "u.h5", "m.h5", "c.h5"])
def test_a_file_that_is_damaged_or_of_another_kind(scored: Path, fails: Fails, name: str) -> None:
    path = scored / name
    whole = path.read_bytes()
    for words in commands_that_read(scored, name):
        for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            fails(scored, words, f"{name}: ", "HDF5")
        path.write_text("this is text\n" * 999)
        fails(scored, words, f"{name}: ", "HDF5")
        path.unlink()
        fails(scored, words, name, "no such file")
        shutil.copy(scored / {"f.h5": "u.h5"}.get(name, "f.h5"), path)
        if words[0] != "show":
            fails(scored, words, f"{name}: found gmmspeech ", ", expected gmmspeech ")
        with h5py.File(path, "w") as file:
            file["something"] = [1, 2, 3]
        fails(scored, words, f"{name}: found HDF5 of another kind")
        path.write_bytes(whole)
        with edited(path) as file:
            file.attrs["format_version"] = 99
        fails(scored, words, f"{name}: ", "version 99", "reads up to ")
        path.write_bytes(whole)


def test_a_model_of_another_kind(scored: Path, fails: Fails) -> None:
    f, u, m = scored / "f.h5", scored / "u.h5", scored / "m.h5"
    fails(
        scored,
        ("enroll", m, f, scored / "enroll", scored / "m2.h5"),
        "m.h5: found a SpeakerVerifier, expected a mixture with diagonal covariances",
    )
    fails(scored, ("score", u, f, scored / "trials", scored / "s"), "u.h5: found a DiagonalGMM, expected enrolled")
    fails(scored, ("classify", u, f), "u.h5: found a DiagonalGMM, expected a classifier")


@pytest.mark.parametrize("name", ["u.h5", "m.h5", "c.h5"])
def test_a_model_with_a_part_missing(scored: Path, fails: Fails, name: str) -> None:
    whole = (scored / name).read_bytes()
    with h5py.File(scored / name, "r") as file:
        parts: list[str] = []
        file.visititems(lambda part, item: parts.append(part) if isinstance(item, h5py.Dataset) else None)
    later = ("squares", "floor", "feature_names_in")  # which version 0.1 did not have
    for part in (part for part in parts if part.rpartition("/")[2] not in later):
        with edited(scored / name) as file:
            del file[part]
        fails(scored, ("show", scored / name), f"{name}: damaged")
        (scored / name).write_bytes(whole)


def test_a_front_end_that_is_damaged(scored: Path, fails: Fails) -> None:
    for text in ("{broken", "[]", json.dumps({"deltas": 7})):
        with edited(scored / "f.h5") as file:
            file.attrs["front_end"] = text
        fails(scored, ("show", scored / "f.h5"), "f.h5: damaged", "front end")
        fails(scored, ("classify", scored / "c.h5", scored / "f.h5"), "f.h5: ")


# --- enrollment, trials and scores ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ann eve-1", ["model ann", "utterance eve-1", "f.h5"]),
        ("ann", ["enroll:1", "found ann alone"]),
        ("ann ann-1 ann-1", ["enroll:1", "found ann-1 twice for ann"]),
        ("ann ann-1\nann ann-2", ["enroll:2", "ann again", "line 1"]),
        (" ann ann-1", ["enroll:1", "found a blank before ann"]),
    ],
)
def test_a_bad_enrollment(scored: Path, fails: Fails, line: str, expected: list[str]) -> None:
    (scored / "enroll").write_text(line + "\n")
    words = ("enroll", scored / "u.h5", scored / "f.h5", scored / "enroll", scored / "m.h5")
    fails(scored, words, *expected)


@pytest.mark.parametrize("update", ["", "x", "mx"])
def test_an_unknown_part_to_adapt(scored: Path, fails: Fails, update: str) -> None:
    words = ("enroll", scored / "u.h5", scored / "f.h5", scored / "enroll", scored / "m.h5", "--update", update)
    fails(scored, words, "update", repr(update), "expected")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ann ann-3 true", ["trials:5", "found 'true'", "expected model test target or nontarget"]),
        ("ann ann-1", ["trials:5", "2 fields", "expected model test target or nontarget"]),
        ("ann ann-1 target 3", ["trials:5", "4 fields"]),
        (" ann ann-1 target", ["trials:5", "found a blank before ann"]),
        ("ann ann-3 nontarget", ["trials:5", "model ann, test ann-3 again", "line 1"]),
        ("eve ann-3 target", ["model eve is not enrolled"]),
        ("ann eve-3 nontarget", ["test eve-3", "f.h5"]),
    ],
)
def test_bad_trials(scored: Path, fails: Fails, line: str, expected: list[str]) -> None:
    (scored / "trials").write_text((scored / "trials").read_text() + line + "\n")
    words = ("score", scored / "m.h5", scored / "f.h5", scored / "trials", scored / "scores")
    fails(scored, words, *expected)


def test_bad_groups(scored: Path, fails: Fails) -> None:
    words = ("score", scored / "m.h5", scored / "f.h5", scored / "trials", scored / "scores", "--groups")
    (scored / "groups").write_text("ann-3 ann-1 ann-2\n")
    fails(scored, (*words, scored / "groups"), "test bob-3", "group")
    (scored / "groups").write_text("ann-3 ann-1 ann-2\nbob-3 eve-1\n")
    fails(scored, (*words, scored / "groups"), "test bob-3", "utterance eve-1", "f.h5")


def test_top_c_of_another_scoring(scored: Path, fails: Fails) -> None:
    words = ("score", scored / "m.h5", scored / "f.h5", scored / "trials", scored / "scores", "--top-c", 2)
    fails(scored, (*words, "--scoring", "symmetric"), "--top-c", "symmetric", "frames")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda t: t.replace("ann ann-3", "ann eve-3"), ["model ann, test ann-3", "found no score (1 such of 4)"]),
        (lambda t: "ann ann-3 nan\n" + t, ["scores:1", "found 'nan'", "expected a number"]),
        (lambda t: "ann ann-3 high\n" + t, ["scores:1", "found 'high'"]),
        (lambda t: "ann ann-3\n" + t, ["scores:1", "2 fields"]),
        (lambda t: t + "ann ann-3 1.0\n", ["scores:5", "model ann, test ann-3 again"]),
        (lambda t: "", ["scores: found 0 bytes"]),
    ],
)
def test_bad_scores(scored: Path, fails: Fails, spoil: Callable[[str], str], expected: list[str]) -> None:
    (scored / "scores").write_text(spoil((scored / "scores").read_text()))
    fails(scored, ("evaluate", scored / "scores", scored / "trials", "--report", scored / "report"), *expected)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda t: t.replace("nontarget", "target"), ["nontarget"]),
        (lambda t: t.replace(" nontarget", " target").replace(" target", " nontarget"), ["target"]),
        (lambda t: t.replace(" nontarget", "").replace(" target", ""), ["trials", "no labels", "target or nontarget"]),
    ],
)
def test_trials_that_give_no_figures(
    scored: Path, fails: Fails, spoil: Callable[[str], str], expected: list[str]
) -> None:
    (scored / "trials").write_text(spoil((scored / "trials").read_text()))
    fails(scored, ("evaluate", scored / "scores", scored / "trials", "--report", scored / "report"), *expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("eve-1 eve", ["f.h5", "no utterance eve-1", "6"]),
        ("ann-1 ann", ["utt2spk:7", "ann-1 again"]),
        ("ann-9 ann smith", ["utt2spk:7", "3 fields"]),
    ],
)
def test_bad_classes(scored: Path, fails: Fails, line: str, expected: list[str]) -> None:
    (scored / "utt2spk").write_text((scored / "utt2spk").read_text() + line + "\n")
    fails(scored, ("train-classifier", scored / "f.h5", scored / "utt2spk", scored / "c.h5", "-k", 2), *expected)
    fails(scored, ("classify", scored / "c.h5", scored / "f.h5", "--reference", scored / "utt2spk"), *expected)
