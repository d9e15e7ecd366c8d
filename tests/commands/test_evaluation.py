"""Evaluation of score files, beside the functions that it calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands.evaluation import evaluate_scores, rows_of_differences, rows_of_figures, split_scores
from gmmspeech.commands.scores import cross_calibrate_files, fuse_files
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import write_map
from gmmspeech.formats.trials import write_scores, write_trials
from gmmspeech.metrics.summary import summarize
from gmmspeech.scoring.trials import Scores, TrialList

SPEAKERS = [f"s{i:02d}" for i in range(15)]


@pytest.fixture
def trials(tmp_path: Path) -> TrialList:
    """All speakers against all, as files: trials, who speaks, and two systems' scores in folders a and b."""
    models, tests = zip(*((m, f"{t}-u") for m in SPEAKERS for t in SPEAKERS), strict=True)
    listed = TrialList(models, tests, np.array([t.startswith(m) for m, t in zip(models, tests, strict=True)]))
    write_trials(tmp_path / "trials", listed)
    write_map(tmp_path / "utt2spk", {f"{s}-u": s for s in SPEAKERS})
    for seed, folder in enumerate("ab"):
        values = np.random.default_rng(seed).normal(3.0 * listed.is_target, 1.0).astype(np.float32)
        write_scores(tmp_path / folder / "scores", Scores(models[::-1], tests[::-1], values[::-1].astype(np.float64)))
    return listed


def test_systems_beside_one_another(trials: TrialList, tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "scores", tmp_path / "b" / "scores"]
    options = {"p_targets": (0.1, 0.01), "c_miss": 2.0, "c_fa": 3.0}
    found = evaluate_scores(paths, tmp_path / "trials", **options, bootstrap=30, speakers=[tmp_path / "utt2spk"])
    first, second = found.systems
    assert (first.name, second.name) == ("a/scores", "b/scores")
    sides = trials.is_target, trials.models, [test[:3] for test in trials.tests]
    for system in found.systems:
        is_target = trials.is_target
        assert system.summary == summarize(system.scores[is_target], system.scores[~is_target], **options)
        for p_target in (0.1, 0.01):
            point = {"p_target": p_target, "c_miss": 2.0, "c_fa": 3.0}
            metrics = ["eer", "min_dcf", "actual_dcf", "cllr", "min_cllr"]
            expected = gs.bootstrap_ci(system.scores, *sides, metrics=metrics, n_resamples=30, **point)
            where = f"(p_target = {p_target:g}, c_miss = 2, c_fa = 3)"
            assert system.intervals[f"minDCF {where}"] == expected["min_dcf"]
            assert system.intervals[f"actual DCF {where}"] == expected["actual_dcf"]
            assert system.intervals["EER (ROC convex hull)"] == expected["eer"]
            assert (system.intervals["Cllr"], system.intervals["minCllr"]) == (expected["cllr"], expected["min_cllr"])
    assert first.differences == {}
    tested = gs.metrics.paired_test(first.scores, second.scores, *sides, metrics=["cllr"], n_resamples=30)["cllr"]
    assert second.differences["Cllr"] == tested
    assert set(second.differences) == set(second.intervals)
    head, *rows = rows_of_figures(found)
    assert head == ["", "a/scores", "95 %", "b/scores", "95 %"]
    interval = second.intervals["Cllr"]
    cells = [f"{interval.value:.4f}", f"{interval.low:.4f} to {interval.high:.4f}"]
    assert next(row for row in rows if row[0] == "Cllr")[3:] == cells
    names = [row[0] for row in rows]
    tests = [row[0] for row in rows_of_differences(second)[1:]]
    assert tests == [name for name in names if name in tests]


def test_no_resampling_without_speakers(trials: TrialList, tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "scores"]
    found = evaluate_scores(paths, tmp_path / "trials")
    assert found.systems[0].intervals == found.systems[0].differences == {}
    assert rows_of_figures(found)[0] == ["", "scores"]
    for options in ({"bootstrap": 10}, {"speakers": [tmp_path / "utt2spk"]}):
        with pytest.raises(ConfigError, match="expected both or none of them"):
            evaluate_scores(paths, tmp_path / "trials", **options)
    write_map(tmp_path / "utt2spk", {f"{s}-u": s for s in SPEAKERS[1:]})
    with pytest.raises(DataError, match=r"trials: found no speaker of model s00 \(1 such\)"):
        evaluate_scores(paths, tmp_path / "trials", bootstrap=10, speakers=[tmp_path / "utt2spk"])


def test_infinite_scores_are_read_but_no_figure_is_made_of_them(trials: TrialList, tmp_path: Path) -> None:
    infinite = tmp_path / "infinite"
    lines = (tmp_path / "a" / "scores").read_text().splitlines()
    changed = [" ".join([*lines[3].split()[:2], "-INF"]), " ".join([*lines[9].split()[:2], "inf"])]
    infinite.write_text("\n".join([*lines[:3], changed[0], *lines[4:9], changed[1], *lines[10:]]) + "\n")
    assert np.flatnonzero(np.isinf(gs.read_scores(infinite).values)).tolist() == [3, 9]
    model, test, _ = changed[1].split()  # the first in the order of the trials, the file's turned round
    told = rf"infinite: found inf as the score of model {model}, test {test} \(2 infinite\), expected finite numbers"
    for figures in (
        lambda: evaluate_scores([tmp_path / "a" / "scores", infinite], tmp_path / "trials"),
        lambda: split_scores(infinite, tmp_path / "trials"),
        lambda: fuse_files([infinite], tmp_path / "trials", tmp_path / "out"),
        lambda: cross_calibrate_files([infinite], tmp_path / "trials", tmp_path / "out", [tmp_path / "utt2spk"]),
    ):
        with pytest.raises(DataError, match=told):
            figures()
    assert not (tmp_path / "out").exists()
