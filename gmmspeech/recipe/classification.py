"""Stages that the classification recipes have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from gmmspeech.commands.verification import classify_file, train_classifier_file
from gmmspeech.files.atomic import write_lines
from gmmspeech.formats.datadir import DataDir, read_map
from gmmspeech.recipe.stages import Stage
from gmmspeech.recipe.verification import features_path


def classification_stage(
    task: str,
    label_file: str,
    parts: Mapping[str, DataDir],
    out: Path,
    n_components: int,
    seeds: Sequence[int],
    *,
    jobs: int,
) -> Stage:
    """Stage that trains one mixture a class on the part `train` and classifies the utterances of `test`.

    Labels are the second fields of a file in the data directories: ``text`` (one word each) or ``utt2spk``. The
    features are expected where `features_stage` puts those of that name.
    """
    truth = {name: parts[name].path / label_file for name in ("train", "test")}
    targets = {seed: _results_path(out, task, seed) for seed in seeds}

    def classify() -> None:
        labels = read_map(truth["test"])
        for seed, target in targets.items():
            model = out / f"{task}-seed{seed}.h5"
            options = {"random_state": seed, "n_jobs": jobs}
            train_classifier_file(features_path(out, "train"), truth["train"], model, n_components, **options)
            found = classify_file(model, features_path(out, "test"), list(labels))
            rows = [{"utterance": u, "found": found[u], "expected": labels[u]} for u in labels]
            write_lines(target, [json.dumps(row, ensure_ascii=False) for row in rows])

    return Stage(task, classify, list(targets.values()), list(truth.values()), [n_components, list(seeds)])


def classification_row(task: str, out: Path, seeds: Sequence[int]) -> dict[str, str]:
    """One row of a recipe's results: errors of every seed."""
    counts = []
    for seed in seeds:
        rows = [json.loads(line) for line in _results_path(out, task, seed).read_text().splitlines()]
        counts.append(sum(row["found"] != row["expected"] for row in rows))
    right = 100 * (1 - sum(counts) / (len(counts) * len(rows)))
    return {
        "task": task,
        "utterances": str(len(rows)),
        "errors, a seed each": ", ".join(map(str, counts)),
        "right": f"{right:.2f} %",
    }


def _results_path(out: Path, task: str, seed: int) -> Path:
    return out / f"{task}-seed{seed}.jsonl"
