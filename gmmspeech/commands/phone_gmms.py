"""The steps of classifying phones, from data directories to files, for the command line."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmmspeech.commands.extraction import check_not_recording
from gmmspeech.commands.phones import features_of, frame_times, warn_of_skipped
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import atomic_path, remove_leftovers, write_lines
from gmmspeech.formats.datadir import DataDir, read_data_dir
from gmmspeech.formats.labels import read_labels
from gmmspeech.formats.loading import load
from gmmspeech.metrics.confusion import confusion_matrix, precision_recall
from gmmspeech.phones.gmm.classification import (
    AdaptedClassifierConfig,
    AdaptedPhoneClassifier,
    Classifier,
    PhoneClassifier,
    PhoneClassifierConfig,
    train_adapted_classifier,
    train_phone_classifier,
)
from gmmspeech.phones.gmm.evaluation import SILENCE, Classification, Result, count_frames, evaluate_classifier
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes, Label
from gmmspeech.phones.labels.segments import LabeledFrames, label_utterances
from gmmspeech.plot.plots import plot_confusion

LABELS = "phones.ctm"
DEV_EVERY = 5  # of the speakers, sorted, this one and its fellows fit the weights of the full system


@dataclass(frozen=True, eq=False)
class ClassifiedPhones:
    """Segments that a classifier has scored, silence left out.

    Parameters
    ----------
    phones : tuple of str
        P phones that may be found.
    utterances : list of str
        Utterance of each of S segments.
    labels : list of Label
        The segments as they were labeled, from frame to frame.
    scores : ndarray, shape (S, P), float64
        Log posterior of each phone given each segment.
    frames : (int, int)
        How many frames of the segments are right, each by itself and its neighbors, and how many there are.
    """

    phones: tuple[str, ...]
    utterances: list[str]
    labels: list[Label]
    scores: NDArray[np.float64]
    frames: tuple[int, int]

    @property
    def found(self) -> list[str]:
        """Most probable phone of each segment."""
        return [self.phones[i] for i in self.scores.argmax(axis=1)]

    @property
    def right(self) -> int:
        """How many segments are right."""
        return sum(phone == label.name for phone, label in zip(self.found, self.labels, strict=True))


def labeled_frames(
    data: DataDir,
    front: FrontEnd,
    *,
    labels: Path | None = None,
    n_jobs: int | None = 1,
    skip_bad: bool = False,
    times: FrameTimes = "center",
) -> LabeledFrames:
    """Compute the frames of a data directory, and put them together with its ``phones.ctm``, or other labels."""
    found = read_labels(data.path / LABELS if labels is None else labels)
    with features_of(data, front, n_jobs=n_jobs, skip_bad=skip_bad) as (store, done):
        warn_of_skipped(done)
        frames = {utterance: store[utterance] for utterance in data.utterances if utterance in store}
    return label_utterances(frames, found, data.utt2spk, skip_bad=skip_bad, times=times, **frame_times(front.to_json()))


def train_phone_classifier_dir(
    folder: Path,
    out: Path,
    front: FrontEnd,
    config: PhoneClassifierConfig | AdaptedClassifierConfig,
    *,
    labels: Path | None = None,
    silence: str = SILENCE,
    n_jobs: int | None = 1,
    skip_bad: bool = False,
    allow_pipes: bool = False,
) -> Classifier:
    """Train a classifier of phones on a data directory and write it."""
    data = read_data_dir(folder, allow_pipes=allow_pipes)
    check_not_recording(data, out)
    static = FrontEnd(**{**front.model_dump(), "deltas": None})
    options: dict[str, Any] = {"labels": labels, "n_jobs": n_jobs, "skip_bad": skip_bad}
    classifier: Classifier
    if isinstance(config, PhoneClassifierConfig):
        classifier = train_phone_classifier(labeled_frames(data, static, **options), config, n_jobs=n_jobs)
    else:
        everyone = sorted({data.utt2spk[utterance] for utterance in data.utterances})
        dev = everyone[::DEV_EVERY]
        if len(everyone) < 2:
            raise ConfigError(f"{folder}: found {len(everyone)} speaker, expected two or more, to fit weights on one")
        train, held_out = (
            labeled_frames(data.only(u for u in data.utterances if data.utt2spk[u] in who), static, **options)
            for who in (set(everyone) - set(dev), dev)
        )
        classifier = train_adapted_classifier(train, held_out, config, silence=silence, n_jobs=n_jobs)
    classifier.with_front_end(static.to_json()).save(out)
    return classifier


def classify_phones_dir(
    folder: Path,
    model: Path,
    *,
    labels: Path | None = None,
    silence: str = SILENCE,
    n_jobs: int | None = 1,
    skip_bad: bool = False,
    allow_pipes: bool = False,
) -> ClassifiedPhones:
    """Classify the phones of a data directory between known boundaries."""
    classifier = load(model, (PhoneClassifier, AdaptedPhoneClassifier))
    if not classifier.front_end:
        raise DataError(f"{model}: found a classifier without a front end, expected one of train-phone-classifier")
    front = FrontEnd.from_json(classifier.front_end)
    where = read_data_dir(folder, allow_pipes=allow_pipes)
    data = labeled_frames(where, front, labels=labels, n_jobs=n_jobs, skip_bad=skip_bad)
    names = np.asarray(classifier.phones)
    for phone in sorted(set(data.phones.tolist()) - {*classifier.phones, silence}):
        count = (data.phones == phone).sum()
        warnings.warn(f"phone {phone}: it was not trained, its {count} segments count as errors", GmmSpeechWarning)
    spoken = data.phones != silence
    scores = classifier.segment_scores(data)[spoken][:, names != silence]
    owners = data.segment_utterances()[spoken]
    clock = FrameClock(**frame_times(classifier.front_end))
    ranges = (data.ranges[spoken] - data.offsets[owners][:, None]).tolist()
    said = data.phones[spoken].tolist()
    return ClassifiedPhones(
        phones=tuple(names[names != silence].tolist()),
        utterances=data.utterances[owners].tolist(),
        labels=[
            Label(clock.time(start), clock.time(stop), name) for (start, stop), name in zip(ranges, said, strict=True)
        ],
        scores=scores - logsumexp(scores, axis=1, keepdims=True),
        frames=count_frames(classifier.frame_scores(data), classifier.phones, data, silence=silence),
    )


def train_and_classify(
    folder: Path,
    parts: Mapping[str, DataDir],
    front: FrontEnd,
    config: PhoneClassifierConfig | AdaptedClassifierConfig,
    *,
    labels: Mapping[str, Path] | None = None,
    n_jobs: int | None = 1,
) -> None:
    """Train a classifier of phones, classify the phones of test parts, and write both."""
    data = {
        part: labeled_frames(where, front, labels=(labels or {}).get(part), n_jobs=n_jobs, times="start")
        for part, where in parts.items()
    }
    classifier: Classifier
    if isinstance(config, PhoneClassifierConfig):
        classifier = train_phone_classifier(data["train"], config, n_jobs=n_jobs)
    else:
        classifier = train_adapted_classifier(data["train"], data["dev"], config, n_jobs=n_jobs)
    found = evaluate_classifier(classifier, {part: each for part, each in data.items() if part != "train"})
    folder.mkdir(parents=True, exist_ok=True)
    classifier.with_front_end(front.to_json()).save(folder / "classifier.h5")
    write_lines(folder / "results.json", [json.dumps({**asdict(found), "counts": found.counts.tolist()})])
    _write_confusion(folder, found.phones, found.counts)


def read_classification(folder: Path) -> Classification:
    """Read what `train_and_classify` has found."""
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    results = [Result(**result) for result in found["results"]]
    return Classification(results, tuple(found["phones"]), np.array(found["counts"], np.int64))


def classification_rows(folders: Sequence[Path]) -> list[dict[str, str]]:
    """Rows of a recipe's results: for each system, how much of each part is right, in all these folders together."""
    found = [result for folder in folders for result in read_classification(folder).results]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for system, unit, part in dict.fromkeys((result.system, result.unit, result.part) for result in found):
        same = [result for result in found if (result.system, result.unit, result.part) == (system, unit, part)]
        count = sum(result.count for result in same)
        row = rows.setdefault((system, unit), {"system": system, "of": unit})
        row[part] = f"{100 * sum(result.right for result in same) / max(count, 1):.2f} % of {count}"
    return list(rows.values())


def segment_lines(done: ClassifiedPhones) -> Iterator[str]:
    """One line a segment: utterance, start, end, the phone that was found, its log posterior, and the label."""
    yield "# utterance start end found log_posterior label"
    best = done.scores.max(axis=1)
    for utterance, label, found, score in zip(done.utterances, done.labels, done.found, best, strict=True):
        yield f"{utterance} {label.start:.3f} {label.end:.3f} {found} {score:.4f} {label.name}"


def write_classified(folder: Path, done: ClassifiedPhones) -> None:
    """Write what was found."""
    remove_leftovers(*(folder / n for n in ("segments.txt", "log_posteriors.tsv", "phones.tsv", "confusion.png")))
    write_lines(folder / "segments.txt", segment_lines(done))
    scores = ("\t".join(f"{score:.4f}" for score in row) for row in done.scores)
    write_lines(folder / "log_posteriors.tsv", ["\t".join(done.phones), *scores])
    known = [*done.phones, *sorted({label.name for label in done.labels} - set(done.phones))]
    counts = confusion_matrix([label.name for label in done.labels], done.found, known)
    _write_confusion(folder, known, counts)


def _write_confusion(folder: Path, phones: Sequence[str], counts: NDArray[np.int64]) -> None:
    """Write how many segments each phone has, its precision and recall, from a confusion matrix, and draw that."""
    table = zip(phones, counts.sum(axis=1), *precision_recall(counts), strict=True)
    lines = (f"{phone}\t{count}\t{precision:.4f}\t{recall:.4f}" for phone, count, precision, recall in table)
    write_lines(folder / "phones.tsv", ["phone\tsegments\tprecision\trecall", *lines])
    if importlib.util.find_spec("matplotlib"):
        with atomic_path(folder / "confusion.png") as path:
            plot_confusion(counts, phones).savefig(path, dpi=80)
