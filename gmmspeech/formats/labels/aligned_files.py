"""Aligned utterances in the time of their recordings, and the files of these recordings."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gmmspeech.audio import audio_format
from gmmspeech.errors import DataError, shown
from gmmspeech.files.names import file_name
from gmmspeech.formats.datadir import DataDir, Segment
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.phone_sets import is_silence

_WHOLE = 0.05  # s: the last frames of an utterance end so much before its audio at most


class Entry(NamedTuple):
    """A word or a phone, in the recording's time, with what is known of how well it fits.

    Parameters
    ----------
    label : Label
    log_likelihood, goodness : float or None
        In nats a frame; of a word, the mean over its phones' time.
    deviation : float or None
        Standard deviation of its start, in seconds.
    confidence : float or None
        Posterior probability, of a word that was recognized.

    Examples
    --------
    >>> Entry(Label(0.1, 0.2, "AA")).deviation is None
    True
    """

    label: Label
    log_likelihood: float | None = None
    goodness: float | None = None
    deviation: float | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class AlignedUtterance:
    """Words and phones of an utterance, in the recording's time.

    Parameters
    ----------
    name, speaker : str
    start : float
        Where it begins in the recording, in seconds.
    words, phones : list of Entry
    log_likelihood, fit : float or None
        Of the whole, in nats a frame; see `gmmspeech.phones.decoding.alignment.Alignment`.

    Examples
    --------
    >>> AlignedUtterance("u1", "ann", 0.0, [], [Entry(Label(0.1, 0.2, "AA"))]).fit is None
    True
    """

    name: str
    speaker: str
    start: float
    words: list[Entry]
    phones: list[Entry]
    log_likelihood: float | None = None
    fit: float | None = None


@dataclass(frozen=True)
class AlignedFile:
    """A recording and its utterances in the order of time; its length in seconds is None where it is not known.

    Examples
    --------
    >>> AlignedFile("ann/a1", 2.5, []).duration
    2.5
    """

    place: str
    duration: float | None
    utterances: list[AlignedUtterance]


def aligned_files(alignments: Mapping[str, Alignment], data: DataDir | None = None) -> list[AlignedFile]:
    """Put utterances that were aligned together by recording, in the recording's time."""
    if data is None:
        alone = {name: _utterance(name, "", a, 0.0, None) for name, a in alignments.items()}
        return [AlignedFile(file_name(name), None, [found]) for name, found in alone.items()]
    missing = [name for name in alignments if name not in data.utt2spk]
    if missing:
        raise DataError(f"{data.path}: found no utterance {shown(missing[0])}, expected all that were aligned")
    places = places_of(data)
    theirs: dict[str, list[tuple[str, Segment]]] = {}
    for name in alignments:
        segment = data.segment_of(name)
        theirs.setdefault(segment.recording, []).append((name, segment))
    files = []
    for recording, segments in theirs.items():
        duration = None
        if recording in data.recordings:
            duration = audio_format(data.recordings[recording], raw=data.raw).duration
        utterances = [
            _utterance(name, data.utt2spk[name], alignments[name], segment.start, _end(segment, duration))
            for name, segment in sorted(segments, key=lambda found: (found[1].start, found[0]))
        ]
        files.append(AlignedFile(places[recording], duration, utterances))
    return files


def _end(segment: Segment, duration: float | None) -> float | None:
    """Where an utterance ends in its recording; a segment may reach a little beyond it."""
    ends = [end for end in (segment.end, duration) if end is not None]
    return min(ends, default=None)


def _utterance(name: str, speaker: str, alignment: Alignment, start: float, end: float | None) -> AlignedUtterance:
    phones = list(_shifted(alignment.phones, start, end))
    if phones and end is not None and is_silence(phones[-1].name) and 0 < end - phones[-1].end <= _WHOLE:
        phones[-1] = phones[-1]._replace(end=end)
    deviations = alignment.deviations
    entries = [
        Entry(
            phone,
            float(alignment.log_likelihoods[i]),
            None if alignment.goodness is None else float(alignment.goodness[i]),
            None if deviations is None else float(deviations[i]),
        )
        for i, phone in enumerate(phones)
    ]
    words = [_word(word, entries) for word in _shifted(alignment.words, start, end)]
    if alignment.confidences is not None:
        given = zip(words, alignment.confidences.tolist(), strict=True)
        words = [word._replace(confidence=probability) for word, probability in given]
    return AlignedUtterance(name, speaker, start, words, entries, float(alignment.log_likelihood), alignment.fit)


def _shifted(labels: Iterable[Label], start: float, end: float | None) -> Iterator[Label]:
    """Labels in the recording's time, none beyond where the utterance ends."""
    for label in labels:
        first, last = (round(start + time, 9) for time in label[:2])
        if end is not None:
            first, last = min(first, end), min(last, end)
        yield Label(first, last, label.name)


def _word(word: Label, phones: Sequence[Entry]) -> Entry:
    """Word with the means of its phones, each as long as it lasts, and the deviation of the first."""
    own = [p for p in phones if p.label.start >= word.start - 1e-6 and p.label.end <= word.end + 1e-6]
    lengths = np.array([p.label.end - p.label.start for p in own])
    if not own or lengths.sum() <= 0:
        return Entry(word)

    def mean(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.average(known, weights=lengths)) if len(known) == len(own) else None

    return Entry(word, mean([p.log_likelihood for p in own]), mean([p.goodness for p in own]), own[0].deviation)


def places_of(data: DataDir) -> dict[str, str]:
    """Where each recording's file goes, without suffix: as the recording lies in a folder, else by its id."""
    places = {}
    mirrored = not (data.path / "wav.scp").exists()  # which gives recordings ids of their own
    for recording in (*data.recordings, *data.commands):
        path = Path(os.path.abspath(data.recordings.get(recording, "")))
        top = Path(os.path.abspath(data.path))
        if mirrored and recording in data.recordings and path.is_relative_to(top):
            places[recording] = path.relative_to(top).with_suffix("").as_posix()
        else:
            places[recording] = file_name(recording)
    shared = {place for place, count in Counter(places.values()).items() if count > 1}
    return {recording: file_name(recording) if place in shared else place for recording, place in places.items()}
