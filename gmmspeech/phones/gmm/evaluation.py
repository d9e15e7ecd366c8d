"""Accuracy of the systems of `gmmspeech.phones.gmm.classification`.

All phones of the labels are trained, including silence, but silence is neither scored nor recognized, because it is
known if boundaries are known. Of the frames, only those in scored segments count.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.metrics.confusion import confusion_matrix
from gmmspeech.phones.gmm.classification import (
    AdaptedPhoneClassifier,
    Classifier,
    PhoneClassifier,
    best_phones,
    check_known,
    frame_log_posteriors,
)
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM
from gmmspeech.phones.labels.segments import LabeledFrames, rows_of

SILENCE = "SIL"

Parts = Mapping[str, LabeledFrames]
Scores = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Result:
    """How many segments or frames of a part (`unit`) a system gets right."""

    system: str
    unit: str
    part: str
    right: int
    count: int


@dataclass(frozen=True, eq=False)
class Classification:
    """What was found.

    Parameters
    ----------
    results : list of Result
        System by system.
    phones : tuple of str
        P phones that are scored.
    counts : ndarray, shape (P, P), int64
        Confusion matrix of the last system's segments of the part `test`.
    """

    results: list[Result]
    phones: tuple[str, ...]
    counts: NDArray[np.int64]


def evaluate_classifier(system: Classifier, tests: Parts) -> Classification:
    """Classify the segments and frames of some parts, by the system and by what it consists of."""
    for part, data in tests.items():
        check_known(data, {*system.phones, SILENCE}, part)
    one = system.one if isinstance(system, AdaptedPhoneClassifier) else system
    scores = {part: one.segment_scores(data) for part, data in tests.items()}
    results, counts = _segment_results("one model", tests, scores, system.phones)
    results += _frame_results("one model", one.model, {part: one.project(data) for part, data in tests.items()})
    if isinstance(system, AdaptedPhoneClassifier):
        more, counts = _adapted_results(system, one, tests)
        results += more
    return Classification(results, _spoken(system.phones), counts)


def _adapted_results(
    system: AdaptedPhoneClassifier, one: PhoneClassifier, tests: Parts
) -> tuple[list[Result], NDArray[np.int64]]:
    """Results of what the full system has beside the one model, and its confusions."""
    alone = {part: system.vector_scores(data) + np.log(one.model.priors_) for part, data in tests.items()}
    results, _ = _segment_results("segment vectors", tests, alone, system.phones)
    passes = {part: system.segment_passes(data) for part, data in tests.items()}
    unadapted, adapted = ({part: scores[i] for part, scores in passes.items()} for i in (0, -1))
    results += _segment_results("both, unadapted", tests, unadapted, system.phones)[0]
    frames = {part: system.adapter.adapt_frames(one.project(data)) for part, data in tests.items()}
    results += _frame_results("one model, adapted", system.of_frames, frames)
    last, counts = _segment_results("full system", tests, adapted, system.phones)
    return results + last, counts


def _segment_results(
    system: str, tests: Parts, scores: Scores, phones: Sequence[str]
) -> tuple[list[Result], NDArray[np.int64]]:
    """Results of every part, and the confusions of the part `test`."""
    counts = {}
    for part, data in tests.items():
        spoken = data.phones != SILENCE
        found = best_phones(scores[part][spoken], phones, without=SILENCE)
        counts[part] = confusion_matrix(data.phones[spoken], found, _spoken(phones))
    results = [Result(system, "segments", part, int(np.trace(c)), int(c.sum())) for part, c in counts.items()]
    return results, counts["test"]


def _frame_results(system: str, model: PhoneGMM, tests: Parts) -> list[Result]:
    """Results of every part, and, if the model smooths, those without."""
    results = [_frame_result(system, part, model, data) for part, data in tests.items()]
    if not model.smoothing:
        return results
    alone = copy.copy(model).set_params(smoothing=0.0)
    return results + [_frame_result(f"{system}, unsmoothed", part, alone, data) for part, data in tests.items()]


def _frame_result(system: str, part: str, model: PhoneGMM, data: LabeledFrames) -> Result:
    right = count_frames(frame_log_posteriors(model, data), model.phones_, data)
    return Result(system, "frames", part, *right)


def count_frames(
    scores: NDArray[np.float64], phones: Sequence[str], data: LabeledFrames, *, silence: str = SILENCE
) -> tuple[int, int]:
    """How many frames in segments that are scored are right, and how many there are."""
    spoken = data.phones != silence
    ranges, names = data.ranges[spoken], data.phones[spoken]
    found = best_phones(scores, phones, without=silence)[rows_of(ranges)]
    return int((found == np.repeat(names, np.diff(ranges)[:, 0])).sum()), len(found)


def _spoken(phones: Sequence[str]) -> tuple[str, ...]:
    return tuple(phone for phone in phones if phone != SILENCE)
