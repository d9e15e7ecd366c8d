"""The classification recipes' stage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gmmspeech as gs
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.recipe.classification import classification_row, classification_stage
from gmmspeech.recipe.stages import run_stages
from gmmspeech.recipe.verification import features_stage

FRONT = gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": 13}, deltas={"order": 1})


def test_stage_and_row(corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = {name: read_data_dir(corpus("fsdd-tiny") / "data" / name) for name in ("train", "test")}
    seeds = (0, 1)
    stages = [
        *(features_stage(name, [part], tmp_path, FRONT, jobs=2) for name, part in parts.items()),
        classification_stage("digits", "text", parts, tmp_path, 4, seeds, jobs=1),
    ]
    run_stages(stages, tmp_path)
    row = classification_row("digits", tmp_path, seeds)
    assert (row["task"], row["utterances"]) == ("digits", "120")

    counts = []
    for seed in seeds:
        rows = [json.loads(line) for line in (tmp_path / f"digits-seed{seed}.jsonl").read_text().splitlines()]
        assert {r["utterance"]: r["expected"] for r in rows} == parts["test"].text
        counts.append(sum(r["found"] != r["expected"] for r in rows))
    assert max(counts) <= 18
    assert row["errors, a seed each"] == f"{counts[0]}, {counts[1]}"
    assert row["right"] == f"{100 * (1 - sum(counts) / 240):.2f} %"

    capsys.readouterr()
    run_stages(stages, tmp_path)
    assert capsys.readouterr().err.count("done before") == 3
    stages[2] = classification_stage("digits", "text", parts, tmp_path, 2, seeds, jobs=2)
    run_stages(stages, tmp_path)
    assert capsys.readouterr().err.count("done before") == 2


def test_a_row_counts_errors_of_all_seeds(tmp_path: Path) -> None:
    for seed, found in ((0, "aaaa"), (3, "aabb")):
        rows = [{"utterance": str(i), "found": f, "expected": "a"} for i, f in enumerate(found)]
        (tmp_path / f"t-seed{seed}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert classification_row("t", tmp_path, (0, 3)) == {
        "task": "t",
        "utterances": "4",
        "errors, a seed each": "0, 2",
        "right": "75.00 %",
    }
