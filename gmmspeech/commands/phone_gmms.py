"""The steps of classifying phones, from data directories to files, for the command line."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmmspeech.commands.phones import frame_times
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import atomic_path, write_lines
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.formats.loading import load
from gmmspeech.metrics.confusion import confusion_matrix
from gmmspeech.phones.gmm.classification import (
    AdaptedPhoneClassifier,
    Classifier,
    FullSystem,
    OneModel,
    PhoneClassifier,
    train_full_system,
    train_one_model,
)
from gmmspeech.phones.labels.labels import FrameClock, Label
from gmmspeech.plot.plots import plot_confusion
from gmmspeech.recipe.phone_classification import labeled, of_speakers, write_phone_table
from gmmspeech.recipe.phone_systems import SILENCE, count_frames

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


def train_phone_classifier_dir(
    folder: Path,
    out: Path,
    front: FrontEnd,
    config: OneModel | FullSystem,
    *,
    labels: Path | None = None,
    silence: str = SILENCE,
    jobs: int = 1,
    skip_bad: bool = False,
) -> Classifier:
    """Train a classifier of phones on a data directory and write it.

    Parameters
    ----------
    folder : Path
    out : Path
        HDF5 file.
    front : FrontEnd
        Its deltas are left out: frames are spliced instead.
    config : OneModel or FullSystem
        The weights of the full system are fitted on every fifth speaker, and all else is trained on the others.
    labels : Path, optional
        Phones with times, by default ``phones.ctm`` of the data directory.
    silence : str
    jobs : int
        Threads.
    skip_bad : bool
        Leave out utterances whose audio or labels are bad, with a warning, instead of stopping.
    """
    data = read_data_dir(folder)
    static = FrontEnd(**{**front.model_dump(), "deltas": None})
    options: dict[str, Any] = {"labels": labels, "jobs": jobs, "skip_bad": skip_bad}
    classifier: Classifier
    if isinstance(config, OneModel):
        classifier = train_one_model(labeled(data, static, **options), config, n_jobs=jobs)
    else:
        everyone = sorted({data.utt2spk[utterance] for utterance in data.utterances})
        dev = everyone[::DEV_EVERY]
        if len(everyone) < 2:
            raise ConfigError(f"{folder}: found {len(everyone)} speaker, expected two or more, to fit weights on one")
        train, held_out = (
            labeled(of_speakers(data, who), static, **options) for who in (set(everyone) - set(dev), dev)
        )
        classifier = train_full_system(train, held_out, config, silence=silence, n_jobs=jobs)
    classifier.with_front_end(static.to_json()).save(out)
    return classifier


def classify_phones_dir(
    folder: Path,
    model: Path,
    *,
    labels: Path | None = None,
    silence: str = SILENCE,
    jobs: int = 1,
    skip_bad: bool = False,
) -> ClassifiedPhones:
    """Classify the phones of a data directory between known boundaries.

    Parameters
    ----------
    folder : Path
    model : Path
        What `train_phone_classifier_dir` wrote.
    labels : Path, optional
        Phones with times, by default ``phones.ctm`` of the data directory. Of their names silence alone is looked at.
    silence : str
        Phone that is neither scored nor a possible answer.
    jobs : int
        Threads.
    skip_bad : bool
        Leave out utterances whose audio or labels are bad, with a warning, instead of stopping.
    """
    classifier = load(model, (PhoneClassifier, AdaptedPhoneClassifier))
    if not classifier.front_end:
        raise DataError(f"{model}: found a classifier without a front end, expected one of train-phone-classifier")
    front = FrontEnd.from_json(classifier.front_end)
    data = labeled(read_data_dir(folder), front, labels=labels, jobs=jobs, skip_bad=skip_bad)
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


def segment_lines(done: ClassifiedPhones) -> Iterator[str]:
    """One line a segment: utterance, start, end, the phone that was found, its log posterior, and the label."""
    yield "# utterance start end found log_posterior label"
    best = done.scores.max(axis=1)
    for utterance, label, found, score in zip(done.utterances, done.labels, done.found, best, strict=True):
        yield f"{utterance} {label.start:.3f} {label.end:.3f} {found} {score:.4f} {label.name}"


def write_classified(folder: Path, done: ClassifiedPhones) -> None:
    """Write what was found.

    Parameters
    ----------
    folder : Path
        Gets ``segments.txt``, as `segment_lines` has it; ``log_posteriors.tsv``, those of all phones, a line a segment;
        ``phones.tsv``, precision and recall; and the picture ``confusion.png``, where matplotlib is installed.
    done : ClassifiedPhones
    """
    write_lines(folder / "segments.txt", segment_lines(done))
    scores = ("\t".join(f"{score:.4f}" for score in row) for row in done.scores)
    write_lines(folder / "log_posteriors.tsv", ["\t".join(done.phones), *scores])
    known = [*done.phones, *sorted({label.name for label in done.labels} - set(done.phones))]
    counts = confusion_matrix([label.name for label in done.labels], done.found, known)
    write_phone_table(folder / "phones.tsv", known, counts)
    if importlib.util.find_spec("matplotlib"):
        with atomic_path(folder / "confusion.png") as path:
            plot_confusion(counts, known).savefig(path, dpi=80)
