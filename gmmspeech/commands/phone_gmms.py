"""Steps of phone classification, from data directories to files, for the command line."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmmspeech.commands.extraction import check_not_recording
from gmmspeech.commands.phone_features import features_of, frame_times, warn_of_skipped
from gmmspeech.commands.transcripts import is_data_dir
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, counted, shown
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import remove_leftovers, write_lines
from gmmspeech.files.text import csv_lines
from gmmspeech.formats.datadir import DataDir, read_data_dir
from gmmspeech.formats.labels.alignments import read_alignments
from gmmspeech.formats.labels.recordings import read_labeled_recordings
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
from gmmspeech.phones.labels.manner import by_manner, manners
from gmmspeech.phones.labels.segments import LabeledFrames, label_utterances
from gmmspeech.plot.confusions import confusion
from gmmspeech.plot.style import figure_of, save_figure

LABELS = "phones.ctm"
DEV_EVERY = 5  # of the speakers, sorted, this one and its fellows fit the weights of the full system


@dataclass(frozen=True, eq=False)
class ClassifiedPhones:
    """Segments that a classifier has scored, silence left out.

    Parameters
    ----------
    phones : tuple of str
        P phones that may be found.
    utterances, speakers : list of str
        Utterance of each of S segments, and its speaker.
    labels : list of Label
        The segments as they were labeled, from frame to frame.
    scores : ndarray, shape (S, P), float64
        Log posterior of each phone given each segment.
    frames : (int, int)
        How many frames of the segments are right, each by itself and its neighbors, and how many there are.
    """

    phones: tuple[str, ...]
    utterances: list[str]
    speakers: list[str]
    labels: list[Label]
    scores: NDArray[np.float64]
    frames: tuple[int, int]

    @property
    def ids(self) -> list[str]:
        """Id of each segment: utterance, start and end, as in the list of segments."""
        return [f"{u}-{label.start:.3f}-{label.end:.3f}" for u, label in zip(self.utterances, self.labels, strict=True)]

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
    labels: Path | Mapping[str, Sequence[Label]] | None = None,
    n_jobs: int | None = 1,
    skip_bad: bool = False,
    times: FrameTimes = "center",
) -> LabeledFrames:
    """Compute the frames of a data directory, and put them together with its ``phones.ctm``, or other labels."""
    found = labels if isinstance(labels, Mapping) else read_alignments(labels or data.path / LABELS, data)
    with features_of(data, front, n_jobs=n_jobs, skip_bad=skip_bad) as (store, done):
        warn_of_skipped(done)
        frames = {utterance: store[utterance] for utterance in data.utterances if utterance in store}
    return label_utterances(frames, found, data.utt2spk, skip_bad=skip_bad, times=times, **frame_times(front.to_json()))


def read_labeled(
    folder: Path, labels: Path | None = None, *, tier: str | None = None, allow_pipes: bool = False
) -> tuple[DataDir, Mapping[str, Sequence[Label]]]:
    """Read a data directory and its labels, or a folder of recordings and the TextGrids beside them.

    Recordings of a folder that have no labels are left out, with a warning that counts them.
    """
    if is_data_dir(folder):
        data = read_data_dir(folder, allow_pipes=allow_pipes)
        return data, read_alignments(labels or data.path / LABELS, data, tier=tier)
    data, found, left_out = read_labeled_recordings(folder, labels, tier=tier)
    if left_out:
        names = shown(", ".join(left_out), 300)
        warnings.warn(f"left out {counted(len(left_out), 'recording')} without labels: {names}", GmmSpeechWarning)
    return data, found


def train_phone_classifier_dir(
    folder: Path,
    out: Path,
    front: FrontEnd,
    config: PhoneClassifierConfig | AdaptedClassifierConfig,
    *,
    labels: Path | None = None,
    tier: str | None = None,
    silence: str = SILENCE,
    n_jobs: int | None = 1,
    skip_bad: bool = False,
    allow_pipes: bool = False,
) -> Classifier:
    """Train a classifier of phones on a data directory and write it."""
    data, known = read_labeled(folder, labels, tier=tier, allow_pipes=allow_pipes)
    check_not_recording(data, out)
    static = FrontEnd(**{**front.model_dump(), "deltas": None})
    options: dict[str, Any] = {"labels": known, "n_jobs": n_jobs, "skip_bad": skip_bad}
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
    tier: str | None = None,
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
    where, known = read_labeled(folder, labels, tier=tier, allow_pipes=allow_pipes)
    data = labeled_frames(where, front, labels=known, n_jobs=n_jobs, skip_bad=skip_bad)
    names = np.asarray(classifier.phones)
    spoken = data.phones != silence
    _check_trained(data.phones[spoken].tolist(), classifier.phones)
    scores = classifier.segment_scores(data)[spoken][:, names != silence]
    owners = data.segment_utterances()[spoken]
    clock = FrameClock(**frame_times(classifier.front_end))
    ranges = (data.ranges[spoken] - data.offsets[owners][:, None]).tolist()
    said = data.phones[spoken].tolist()
    return ClassifiedPhones(
        phones=tuple(names[names != silence].tolist()),
        utterances=data.utterances[owners].tolist(),
        speakers=data.speakers[owners].tolist(),
        labels=[
            Label(clock.time(start), clock.time(stop), name) for (start, stop), name in zip(ranges, said, strict=True)
        ],
        scores=scores - logsumexp(scores, axis=1, keepdims=True),
        frames=count_frames(classifier.frame_scores(data), classifier.phones, data, silence=silence),
    )


def _check_trained(said: Sequence[str], trained: Collection[str]) -> None:
    """Warn of labels for which the classifier has no mixture; raise a DataError where all are."""
    unknown = Counter(phone for phone in said if phone not in trained)
    if not unknown:
        return
    listed = shown(", ".join(phone for phone, _ in unknown.most_common()), 100)
    if unknown.total() == len(said):
        raise DataError(f"labels: found {listed}, expected phones of the classifier: {shown(' '.join(trained), 300)}")
    found = f"{counted(len(unknown), 'phone')} not trained, {counted(unknown.total(), 'segment')} wrong"
    warnings.warn(f"labels: found {found}: {listed}", GmmSpeechWarning)


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
    """One line a segment: utterance, start, end, the phone that was found, its log posterior, the label, and its id."""
    yield "# utterance start end found log_posterior label segment"
    best = done.scores.max(axis=1)
    rows = zip(done.utterances, done.labels, done.found, best, done.ids, strict=True)
    for utterance, label, found, score, segment in rows:
        yield f"{utterance} {label.start:.3f} {label.end:.3f} {found} {score:.4f} {label.name} {segment}"


def write_classified(folder: Path, done: ClassifiedPhones) -> None:
    """Write what was found: of each segment, by its id, and of each phone."""
    remove_leftovers(*(folder / name for name in ("segments.txt", "log_posteriors.tsv")))
    write_lines(folder / "segments.txt", segment_lines(done))
    scores = (
        "\t".join([segment, *(f"{score:.4f}" for score in row)])
        for segment, row in zip(done.ids, done.scores, strict=True)
    )
    write_lines(folder / "log_posteriors.tsv", ["\t".join(["segment", *done.phones]), *scores])
    _write_confusion(folder, *confusions(done))


def confusions(done: ClassifiedPhones) -> tuple[list[str], NDArray[np.int64]]:
    """Phones that may be found, then those that only are labels, and how often each was taken for each."""
    known = [*done.phones, *sorted({label.name for label in done.labels} - set(done.phones))]
    return known, confusion_matrix([label.name for label in done.labels], done.found, known)


def report_phones(place: Path, done: ClassifiedPhones, *, title: str, settings: Mapping[str, object]) -> Path:
    """Write a report on classified phones: how many are right, what is taken for what, and the worst segments."""
    from gmmspeech.report.phones import write_phone_report  # which draws

    return write_phone_report(
        place,
        title=title,
        phones=done.phones,
        segments=[
            (segment, speaker, label.name)
            for segment, speaker, label in zip(done.ids, done.speakers, done.labels, strict=True)
        ],
        log_posteriors=done.scores,
        frames=done.frames,
        configuration={"classify-phones": settings},
    )


def _write_confusion(folder: Path, phones: Sequence[str], counts: NDArray[np.int64]) -> None:
    """Write how many segments each phone has, its precision and recall, and the confusion matrix, and draw that.

    The matrix is sorted by manner of articulation.
    """
    remove_leftovers(*(folder / name for name in ("phones.tsv", "confusion.csv", "confusion.png")))
    table = zip(phones, counts.sum(axis=1), *precision_recall(counts), strict=True)
    lines = (f"{phone}\t{count}\t{precision:.4f}\t{recall:.4f}" for phone, count, precision, recall in table)
    write_lines(folder / "phones.tsv", ["phone\tsegments\tprecision\trecall", *lines])
    names = by_manner(phones)
    places = [list(phones).index(name) for name in names]
    grouped = counts[np.ix_(places, places)]
    rows = ([name, *map(str, row)] for name, row in zip(names, grouped.tolist(), strict=True))
    write_lines(folder / "confusion.csv", csv_lines([["label", *names], *rows]))
    if importlib.util.find_spec("matplotlib"):
        picture = figure_of(confusion, grouped, names, groups=manners(names))
        save_figure(picture, folder / "confusion.png", dpi=80)
