"""Protocols: chosen, written, read again, and refused where they would make figures wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from gmmspeech.commands.verify_protocol import (
    choose_protocol,
    cut_recordings,
    read_protocol,
    write_protocol,
)
from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import DataDir, Segment, write_map


def folders(**takes: int) -> tuple[DataDir, dict[str, float]]:
    names = [f"{speaker}/{take}" for speaker, count in takes.items() for take in range(count)]
    speakers = {name: name.split("/")[0] for name in names}
    data = DataDir(Path("in"), {name: Path(f"{name}.wav") for name in names}, None, tuple(names), speakers)
    return data, dict.fromkeys(names, 8.0)


def test_nobody_is_on_both_sides() -> None:
    data, seconds = folders(**{f"s{i}": 1 + i % 5 for i in range(30)})
    found = choose_protocol(data, seconds, {}, random_state=1)
    assert len(found.enrollment) == 12
    assert not set(found.background.values()) & set(found.enrollment)
    assert set(found.background.values()) | set(found.enrollment) == set(data.utt2spk.values())
    assert all(len([u for u in data.utterances if u.startswith(f"{m}/")]) > 1 for m in found.enrollment)
    for model, utterances in found.enrollment.items():
        tests = {t for m, t, y in zip(found.trials.models, found.trials.tests, found.trials.is_target, strict=True)
                 if m == model and y}  # fmt: skip
        assert tests
        assert utterances
        assert not tests & set(utterances)
        assert tests | set(utterances) == {u for u in data.utterances if u.startswith(f"{model}/")}
    counts = Counter(found.trials.models)
    assert len(set(counts.values())) == 1
    again, other = (choose_protocol(data, seconds, {}, random_state=seed) for seed in (1, 2))
    assert again.enrollment == found.enrollment
    assert other.enrollment != found.enrollment


def test_segments_of_a_recording_are_on_one_side_where_there_are_several() -> None:
    """Those of one recording are not, and that is told."""
    segments = {f"{s}-{i}": Segment(f"{s}{i // 3 if s < 'd' else 0}", i, i + 1.0) for s in "abcdef" for i in range(6)}
    recordings = {segment.recording: Path(segment.recording) for segment in segments.values()}
    data = DataDir(Path("in"), recordings, segments, tuple(sorted(segments)), {name: name[0] for name in segments})
    found = choose_protocol(data, dict.fromkeys(segments, 1.0), {}, everyone=True)
    for speaker, enrolled in found.enrollment.items():
        tests = {test for test in found.trials.tests if test[0] == speaker}
        shared = {segments[u].recording for u in enrolled} & {segments[u].recording for u in tests}
        assert bool(shared) == (speaker >= "d")
    assert found.notes[0].startswith("3 of the 6 speakers in trials have segments of one recording")


def test_single_recordings_are_cut_where_there_is_nothing_else() -> None:
    data, seconds = folders(a=1, b=1, c=1, d=3, e=1)
    found = choose_protocol(data, {**seconds, "a/0": 5.0, "b/0": 5.0}, {})
    assert "d" in found.enrollment
    assert set(found.enrollment) & {"c", "e"}
    assert found.notes[0].startswith("1 of the 2 speakers in trials have one recording")
    (model,) = set(found.enrollment) - {"d"}
    parts = cut_recordings(data, found.utterances(), {**seconds, f"{model}/0": 9.0})
    assert parts.segments[f"{model}/0#1"] == Segment(f"{model}/0", 0.0, 4.5)
    assert parts.segments[f"{model}/0#2"] == Segment(f"{model}/0", 4.5, None)
    assert parts.utt2spk[f"{model}/0#2"] == model


def test_bad_recordings_are_taken_out() -> None:
    data, seconds = folders(a=3, b=3, c=3, d=3)
    found = choose_protocol(data, seconds, {})
    model, other = found.enrollment
    left = found.without({found.enrollment[model][0]: "bad"})
    assert set(left.trials.models) == {other}
    assert set(left.enrollment) == {other}
    assert left.trials.is_target.any()
    assert not left.trials.is_target.all()
    with pytest.raises(DataError, match=r"0 background recordings and [24] target trials of [0-9]+ that can be used"):
        found.without(dict.fromkeys(found.background, "bad"))


def write_own(folder: Path, background: dict, models: dict, trials: list[str]) -> Path:
    write_map(folder / "background", background)
    write_map(folder / "spk2utt", models)
    (folder / "trials").write_text("\n".join(trials))
    return folder


def test_own_protocol(tmp_path: Path) -> None:
    data, seconds = folders(a=3, b=3, c=3, d=3)
    chosen = choose_protocol(data, seconds, {})
    write_protocol(tmp_path / "made", chosen)
    read = read_protocol(tmp_path / "made", data, {})
    assert (read.background, read.enrollment, read.owners) == (chosen.background, chosen.enrollment, chosen.owners)
    assert read.trials.models == chosen.trials.models
    assert np.array_equal(read.trials.is_target, chosen.trials.is_target)
    good = {"c/0": "c", "d/0": "d"}, {"m": ["a/0"]}, ["m a/1 target", "m b/1#2 nontarget"]
    assert read_protocol(write_own(tmp_path, *good), data, {}).owners == {
        "m": "a",
        "a/0": "a",
        "a/1": "a",
        "b/1#2": "b",
    }


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, {"x/0": "x"}, "background: found no recording x/0 in in, expected paths below it without suffix"),
        (0, {"a/2": "a"}, r"background: found speaker a, who is in trials too \(1 such\)"),
        (1, {"m": ["a/0", "b/0"]}, "spk2utt: model m: found recordings of a and b, expected those of one speaker"),
        (2, ["m b/1 target", "m a/1 nontarget"], "as target, though it is another speaker's recording"),
        (2, ["m b/1 nontarget", "m a/1 nontarget"], "found no target trials"),
        (2, ["m a/1 target", "m a/2 nontarget"], "as nontarget, though it is the model's own recording"),
        (2, ["m a/0 target", "m b/1 nontarget"], "found test a/0, which model m is enrolled on"),
        (2, ["n a/1 target", "m b/1 nontarget"], "model n is not in spk2utt"),
    ],
)
def test_own_protocols_that_would_mislead(tmp_path: Path, place: int, value: object, message: str) -> None:
    data, _ = folders(a=3, b=3, c=3, d=3)
    parts: list = [{"c/0": "c", "d/0": "d"}, {"m": ["a/0"]}, ["m a/1 target", "m b/1 nontarget"]]
    parts[place] = value
    with pytest.raises(DataError, match=message):
        read_protocol(write_own(tmp_path, *parts), data, {})
