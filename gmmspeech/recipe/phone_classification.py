"""Stages that classify phones with the systems of `gmmspeech.phones.gmm.classification`.

Data directories have the file ``phones.ctm``. A stage of the name n writes to `classified_path(out, n)`: the trained
system, ``classifier.h5``; all that was found, ``results.json``; and ``phones.tsv``, the precision and recall of each
phone by the last system's segments of the part `test`. `confusion_stage` draws the confusions of the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.commands.phones import features_of, frame_times
from gmmspeech.errors import ConfigError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import atomic_path, write_lines
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.labels import read_labels
from gmmspeech.metrics.confusion import precision_recall
from gmmspeech.phones.gmm.classification import Classifier, FullSystem, OneModel, train_full_system, train_one_model
from gmmspeech.phones.labels.labels import FrameTimes
from gmmspeech.phones.labels.segments import LabeledFrames, label_utterances
from gmmspeech.plot.plots import plot_confusion
from gmmspeech.recipe.phone_systems import Classification, Result, classify
from gmmspeech.recipe.stages import Stage

LABELS = "phones.ctm"


def one_model_stage(
    name: str, train: DataDir, test: DataDir, out: Path, front: FrontEnd, config: OneModel, *, jobs: int
) -> Stage:
    """Stage that trains one model on the data directory `train`, with ``phones.ctm``, and classifies `test`."""

    def learn(train: LabeledFrames, **_: LabeledFrames) -> Classifier:
        return train_one_model(train, config, n_jobs=jobs)

    return _stage(name, {"train": train, "test": test}, out, front, learn, asdict(config), jobs)


def full_system_stage(
    name: str,
    train: DataDir,
    dev: Collection[str],
    test: DataDir,
    out: Path,
    front: FrontEnd,
    config: FullSystem,
    *,
    labels: tuple[Path, Path] | None = None,
    jobs: int,
) -> Stage:
    """Stage that trains the full system and classifies `test`.

    The speakers `dev` of the data directory `train` are left out of the training; weights are fitted on them.
    `labels`, of `train` and of `test`, are CTMs that earlier stages made, in place of ``phones.ctm``.

    Raises
    ------
    ConfigError
        Speakers that are not in `train`, or none or all of them.
    """
    everyone = {train.utt2spk[utterance] for utterance in train.utterances}
    unknown = sorted(set(dev) - everyone)
    if unknown or not 0 < len(set(dev)) < len(everyone):
        found = f"dev speaker {unknown[0]}" if unknown else f"{len(set(dev))} dev speakers"
        raise ConfigError(f"{name}: found {found}, expected some, not all, of the {len(everyone)} of {train.path}")

    def learn(train: LabeledFrames, dev: LabeledFrames, **_: LabeledFrames) -> Classifier:
        return train_full_system(train, dev, config, n_jobs=jobs)

    parts = {"train": of_speakers(train, everyone - set(dev)), "dev": of_speakers(train, dev), "test": test}
    made = {} if labels is None else {"train": labels[0], "dev": labels[0], "test": labels[1]}
    return _stage(name, parts, out, front, learn, asdict(config), jobs, made)


def confusion_stage(name: str, out: Path) -> Stage:
    """Stage that draws the confusion matrix of what the stage of that name has found, ``confusion.png``."""
    folder = classified_path(out, name)

    def draw() -> None:
        found = read_classification(name, out)
        with atomic_path(folder / "confusion.png") as path:
            plot_confusion(found.counts, found.phones).savefig(path, dpi=80)

    return Stage(f"draw-{name}", draw, [folder / "confusion.png"])


def classified_path(out: Path, name: str) -> Path:
    """Folder that the stages write to."""
    return out / f"classified-{name}"


def classified_rows(name: str | Sequence[str], out: Path) -> list[dict[str, str]]:
    """Rows of a recipe's results: for each system, how much of each part is right, in all stages of those names."""
    names = [name] if isinstance(name, str) else name
    found = [result for each in names for result in read_classification(each, out).results]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for system, unit, part in dict.fromkeys((result.system, result.unit, result.part) for result in found):
        same = [result for result in found if (result.system, result.unit, result.part) == (system, unit, part)]
        count = sum(result.count for result in same)
        row = rows.setdefault((system, unit), {"system": system, "of": unit})
        row[part] = f"{100 * sum(result.right for result in same) / max(count, 1):.2f} % of {count}"
    return list(rows.values())


def read_classification(name: str, out: Path) -> Classification:
    """Read what the stage of that name has found."""
    found = json.loads((classified_path(out, name) / "results.json").read_text(encoding="utf-8"))
    results = [Result(**result) for result in found["results"]]
    return Classification(results, tuple(found["phones"]), np.array(found["counts"], np.int64))


def of_speakers(data: DataDir, speakers: Collection[str]) -> DataDir:
    """Give a data directory with the utterances of some speakers only."""
    return replace(data, utterances=tuple(u for u in data.utterances if data.utt2spk[u] in speakers))


def labeled(
    data: DataDir,
    front: FrontEnd,
    *,
    labels: Path | None = None,
    jobs: int = 1,
    skip_bad: bool = False,
    times: FrameTimes = "center",
) -> LabeledFrames:
    """Compute the frames of a data directory, and put them together with its ``phones.ctm``, or other labels."""
    found = read_labels(data.path / LABELS if labels is None else labels)
    with features_of(data, front, jobs=jobs, skip_bad=skip_bad) as (store, _):
        frames = {utterance: store[utterance] for utterance in data.utterances if utterance in store}
    return label_utterances(frames, found, data.utt2spk, skip_bad=skip_bad, times=times, **frame_times(front.to_json()))


def _stage(
    name: str,
    parts: Mapping[str, DataDir],
    out: Path,
    front: FrontEnd,
    learn: Callable[..., Classifier],
    settings: dict[str, Any],
    jobs: int,
    labels: Mapping[str, Path] | None = None,
) -> Stage:
    """Stage that calls `learn` with the labeled frames of all parts, and classifies those but `train`."""
    folder, made = classified_path(out, name), labels or {}

    def run() -> None:
        data = {
            part: labeled(where, front, labels=made.get(part), jobs=jobs, times="start")
            for part, where in parts.items()
        }
        classifier = learn(**data).with_front_end(front.to_json())
        found = classify(classifier, {part: data[part] for part in data if part != "train"})
        classifier.save(folder / "classifier.h5")
        _write(folder, found)

    inputs = dict.fromkeys(
        file
        for part in parts.values()
        for file in (part.path / LABELS, part.path / "wav.scp", part.path / "segments", *part.recordings.values())
    )
    who = [[(utterance, part.utt2spk[utterance]) for utterance in part.utterances] for part in parts.values()]
    outputs = [folder / file for file in ("classifier.h5", "results.json", "phones.tsv")]
    return Stage(f"classify-{name}", run, outputs, list(inputs), [front.to_json(), settings, who])


def _write(folder: Path, found: Classification) -> None:
    everything = {**asdict(found), "counts": found.counts.tolist()}
    write_lines(folder / "results.json", [json.dumps(everything)])
    write_phone_table(folder / "phones.tsv", found.phones, found.counts)


def write_phone_table(path: Path, phones: Sequence[str], counts: NDArray[np.int64]) -> None:
    """Write how many segments each phone has, its precision and its recall, from a confusion matrix."""
    table = zip(phones, counts.sum(axis=1), *precision_recall(counts), strict=True)
    lines = (f"{phone}\t{count}\t{precision:.4f}\t{recall:.4f}" for phone, count, precision, recall in table)
    write_lines(path, ["phone\tsegments\tprecision\trecall", *lines])
