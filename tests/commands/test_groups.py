"""Low and high voices, and errors by group of speakers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from gmmspeech.commands.groups import lacking, pitch_group, pitch_groups_file, rows_of_groups
from gmmspeech.commands.measures import pitches_of
from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import read_data_dir, read_map, write_map
from gmmspeech.metrics.summary import summarize
from gmmspeech.scoring.trials import make_trials


def test_voices_are_low_or_high(tmp_path: Path) -> None:
    t = np.arange(8000) / 8000
    frequencies = {"ann": 230.0, "bob": 110.0}
    data = tmp_path / "data"
    for speaker, frequency in frequencies.items():
        for take in (1, 2):
            voice = sum(np.cos(2 * np.pi * k * frequency * take**0.2 * t) / k for k in range(1, 10))
            soundfile.write(tmp_path / f"{speaker}-{take}.wav", 0.05 * voice, 8000)
    soundfile.write(tmp_path / "zoe-1.wav", np.zeros(8000), 8000)
    names = ["ann-1", "ann-2", "bob-1", "bob-2", "zoe-1"]
    write_map(data / "wav.scp", {name: str(tmp_path / f"{name}.wav") for name in names})
    write_map(data / "utt2spk", {name: name.split("-")[0] for name in names})
    write_map(tmp_path / "models", {"m": ["ann-1", "ann-2"], "n": ["bob-2"]})
    pitches = pitches_of(read_data_dir(data))
    found = pitch_groups_file(read_data_dir(data), tmp_path / "out", pitches, groups=[tmp_path / "models"])
    assert found == {"ann": "high", "bob": "low", "zoe": "unknown"}
    expected = {"m": "high", "n": "low", **found, **{name: found[name.split("-")[0]] for name in names}}
    assert read_map(tmp_path / "out") == expected
    write_map(tmp_path / "models", {"m": ["ann-9"]})
    with pytest.raises(DataError, match="models: found utterance ann-9, expected one of"):
        pitch_groups_file(read_data_dir(data), tmp_path / "out", pitches, groups=[tmp_path / "models"])


def test_group_of_several_recordings() -> None:
    assert [pitch_group(p) for p in ([120.0], [120.0, None, 130.0, 240.0], [200.0, 210.0], [None], [])] == [
        *["low", "low", "high", "unknown", "unknown"]
    ]


def test_errors_by_group() -> None:
    """Two groups whose scores differ in level: each has few errors, all of them together have many."""
    rng = np.random.default_rng(0)
    groups = {f"s{i}": "f" if i % 2 else "m" for i in range(20)}
    tests = {f"{s}-{i}": s for s in groups for i in range(3)}
    trials = make_trials({s: s for s in groups}, tests)
    labels = {**groups, **{test: groups[s] for test, s in tests.items()}}
    level = np.array([4.0 * (labels[m] == labels[t] == "f") for m, t in zip(trials.models, trials.tests, strict=True)])
    scores = rng.normal(4.0 * trials.is_target + level, 1)
    head, *rows = rows_of_groups(scores, trials, labels, Path("groups"))
    by_name = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert list(by_name) == ["all", "f against f", "m against m", "of different groups"]
    within = np.array([labels[m] == labels[t] == "m" for m, t in zip(trials.models, trials.tests, strict=True)])
    expected = summarize(scores[within & trials.is_target], scores[within & ~trials.is_target])
    assert by_name["m against m"]["EER"] == f"{100 * expected.eer_rocch:.2f} %"
    assert by_name["m against m"]["trials (targets)"] == "300 (30)"
    assert by_name["of different groups"]["EER"] == "–"
    eers = {name: float(row["EER"].split()[0]) for name, row in by_name.items() if row["EER"] != "–"}
    assert max(eers["f against f"], eers["m against m"]) < 6 < eers["all"]
    assert float(by_name["f against f"]["false alarms"].split()[0]) > 50
    with pytest.raises(DataError, match="groups: found no group of test s0-0, expected those of all models and tests"):
        rows_of_groups(scores, trials, groups, Path("groups"))


def test_what_a_background_lacks() -> None:
    (said,) = lacking(["m"] * 8, ["m"] * 6 + ["f"] * 4)
    assert said.startswith("40 % of the tests are of the group f, but 0 % of the background")
    assert list(lacking(["m"] * 8 + ["f"] * 2, ["m"] * 6 + ["f"] * 4)) == []
