"""What `align` writes, and how labels of whole recordings come back to utterances.

TextGrids, one a recording, as long as its sound; CTM; ``alignment.csv``, a line a word and a phone; JSON. Times are
those of the recording, also where utterances are cut of it. Files are named as recordings are, in the same folders, or
by the ids that a Kaldi data directory gives to its recordings.
"""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from gmmspeech.arguments import checked
from gmmspeech.audio import audio_format
from gmmspeech.errors import DataError, GmmSpeechWarning, counted, shown
from gmmspeech.files.atomic import remove_leftovers, write_lines
from gmmspeech.files.names import check_apart, file_name
from gmmspeech.files.text import csv_lines
from gmmspeech.formats.datadir import DataDir, Segment
from gmmspeech.formats.labels import write_ctm
from gmmspeech.formats.recordings import called
from gmmspeech.formats.results import COLUMNS, aligned_places
from gmmspeech.formats.textgrid import write_textgrid
from gmmspeech.formats.tiers import (
    CSV,
    JSON,
    OF_SPEAKER,
    PHONES,
    WORDS,
    at_rate_of,
    by_file,
    match_files,
    read_kind_and_tiers,
)
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import OVERLAP_TOLERANCE, Label
from gmmspeech.phones.labels.phone_sets import is_silence

Format = Literal["textgrid", "ctm", "csv", "json"]
CONFIDENCE = "confidence"
_TOGETHER: dict[str, list[str]] = {"ctm": [f"{WORDS}.ctm", f"{PHONES}.ctm"], "json": [JSON], "csv": []}
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


@checked
def write_alignments(
    folder: str | os.PathLike[str],
    alignments: Mapping[str, Alignment],
    *,
    data: DataDir | None = None,
    format: Format = "textgrid",
    confidence: bool = False,
) -> list[Path]:
    """Write alignments into a folder: ``alignment.csv`` and, if asked for, TextGrids, CTM or JSON.

    Parameters
    ----------
    folder : path-like
    alignments : mapping of str to Alignment
        By utterance, as `gmmspeech.align` gives them.
    data : DataDir, optional
        Where the utterances are from: recordings, segments and speakers. Without it each utterance is a recording of
        its own, whose length is not known.
    format : {"textgrid", "ctm", "csv", "json"}
        TextGrids have the tiers ``words`` and ``phones``, of each speaker (``ann - words``) where several speak. CTM is
        ``words.ctm`` and ``phones.ctm``.
    confidence : bool
        A third tier in TextGrids: of each phone the deviation of its start and its goodness, as far as they are known.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DataError
        An utterance that the data directory lacks, a name that a format can't hold, or a file that can't be written.
        Results of an earlier run in the folder, which are of another format, or would be lost.

    Warns
    -----
    GmmSpeechWarning
        Of TextGrids of an earlier run, of other recordings, in the folder: they stay.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> phones = [Label(0.0, 0.2, "SIL"), Label(0.2, 0.5, "AA")]
    >>> found = {"u": Alignment([Label(0.2, 0.5, "ah")], phones, np.array([-50.0, -48.5]), None, -49.1)}
    >>> folder = Path(tempfile.mkdtemp())
    >>> [path.name for path in write_alignments(folder, found)]
    ['u.TextGrid', 'alignment.csv']
    >>> print((folder / "alignment.csv").read_text().splitlines()[1])
    u,,0.2,0.5,ah,words,-48.5,,
    """
    place, files = Path(folder), aligned_files(alignments, data)
    all_places = [file.place for file in files] if data is None else places_of(data).values()
    if note := check_results(place, all_places, format):
        warnings.warn(note, GmmSpeechWarning)
    own = _TOGETHER[format] if format in _TOGETHER else [f"{file.place}.TextGrid" for file in files]
    check_apart(own, place)
    paths = [place / name for name in [*own, CSV]]
    remove_leftovers(*paths)
    if format == "textgrid":
        for path, file in zip(paths, files, strict=False):
            write_textgrid(path, _tiers(file, confidence), duration=file.duration)
    elif format == "ctm":
        for path, tier in zip(paths, (WORDS, PHONES), strict=False):
            entries = {_id(file, data): sorted((e for _, e in _entries(file, tier)), key=_by_label) for file in files}
            labels = {name: [entry.label for entry in found] for name, found in entries.items()}
            sure = {name: [entry.confidence for entry in found] for name, found in entries.items()}
            write_ctm(path, labels, overlaps=True, confidences=sure)
    elif format == "json":
        content = {"files": [_as_json(file, data) for file in files]}
        write_lines(paths[0], [json.dumps(content, ensure_ascii=False, indent=1)])
    write_lines(paths[-1], csv_lines(_rows(files)))
    return paths


def check_results(folder: Path, places: Iterable[str], format: Format) -> str:
    """Check that no results of an earlier run are lost, or would be taken for those of recordings at some places.

    Give a note on those that stay, of other recordings, or "".
    """
    earlier = aligned_places(folder)
    known = set(places)
    gone = [place for place in earlier if place not in known]
    others = [name for kind, names in _TOGETHER.items() if kind != format for name in names]
    others += [] if format == "textgrid" else [f"{place}.TextGrid" for place in earlier]
    found = next((name for name in others if (folder / name).exists()), None) if earlier else None
    if found is not None:
        expected = f"an empty folder, or results in the same format as now, {format}"
        raise DataError(f"{folder}: found {shown(found)} of an earlier run, expected {expected}")
    if not gone:
        return ""
    results = f"results of {counted(len(gone), 'recording')} that this run lacks, the first {shown(gone[0])}"
    if format != "textgrid":
        raise DataError(f"{folder}: found {results}, which would be lost, expected another folder")
    return f"{folder}: found {results}: they stay, and {CSV} tells of this run alone"


@checked
def read_alignments(
    path: str | os.PathLike[str], data: DataDir, *, tier: str | None = None, skip_bad: bool = False
) -> dict[str, list[Label]]:
    """Read labels of the utterances of a data directory, of the whole recordings or of utterances.

    Parameters
    ----------
    path : path-like
        Anything that `gmmspeech.formats.tiers.read_tiers` reads: TextGrids, CTM and others, what `write_alignments`
        wrote. Where they count samples (``.phn``, ``.wrd``), it is those of the recordings.
    data : DataDir
        Labels of a recording are cut at the ends of its segments.
    tier : str, optional
    skip_bad : bool
        As of `read_tiers`.

    Returns
    -------
    dict of str to list of Label
        In seconds of each utterance; those without labels are left out.

    Raises
    ------
    DataError
        As of `read_tiers`.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_textgrid(folder / "r.TextGrid", {"phones": [Label(0.0, 1.5, "AA"), Label(1.5, 2.0, "S")]})
    >>> segments = {"u": Segment("r", 1.0, 2.0)}
    >>> data = DataDir(folder, {"r": folder / "r.wav"}, segments, ("u",), {"u": "ann"})
    >>> read_alignments(folder, data)
    {'u': [Label(start=0.0, end=0.5, name='AA'), Label(start=0.5, end=1.0, name='S')]}
    """
    kind, voices = read_kind_and_tiers(path, tier, skip_bad=skip_bad)
    of_file, places = by_file(voices), places_of(data)
    segments = {utterance: data.segment_of(utterance) for utterance in data.utterances}
    names = {u: (places[segment.recording], segment.recording, u) for u, segment in segments.items()}
    found = {}
    for utterance, file in match_files(names, of_file).items():
        wanted = (utterance, data.utt2spk[utterance], "")
        spoken = next((of_file[file][who] for who in wanted if who in of_file[file]), None)
        if spoken is not None:
            spoken = at_rate_of(data.recordings.get(segments[utterance].recording), spoken, kind, raw=data.raw)
            whole = data.segments is None or (file == utterance and file not in names[utterance][:2])
            found[utterance] = spoken if whole else _cut(spoken, segments[utterance])
    return found


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


def _entries(file: AlignedFile, tier: str) -> Iterator[tuple[AlignedUtterance, Entry]]:
    for utterance in file.utterances:
        for entry in utterance.words if tier == WORDS else utterance.phones:
            yield utterance, entry


def _by_label(entry: Entry) -> Label:
    return entry.label


def _tiers(file: AlignedFile, confidence: bool) -> dict[str, list[Label]]:
    """Tiers of a TextGrid: words, phones and perhaps confidence, of each speaker where there are several."""
    owners = _owners(file.utterances)
    several = len(set(owners)) > 1
    tiers: dict[str, list[Label]] = {}
    for owner in dict.fromkeys(owners):
        own = [each for each, theirs in zip(file.utterances, owners, strict=True) if theirs == owner]
        lead = owner + OF_SPEAKER if several else ""
        tiers[lead + WORDS] = [word.label for each in own for word in each.words]
        phones = [phone for each in own for phone in each.phones]
        tiers[lead + PHONES] = [phone.label for phone in phones]
        recognized = [word for each in own for word in each.words if word.confidence is not None]
        if recognized:
            tiers[lead + CONFIDENCE] = [word.label._replace(name=f"{word.confidence:.2f}") for word in recognized]
        elif confidence:
            tiers[lead + CONFIDENCE] = [phone.label._replace(name=_told(phone)) for phone in phones]
    return tiers


def _owners(utterances: Sequence[AlignedUtterance]) -> list[str]:
    """Whose tier each utterance is in: its speaker's, or its own where it begins before the speaker's last one ends."""
    ends: dict[str, float] = {}
    owners = []
    for each in utterances:
        apart = each.start >= ends.get(each.speaker, 0.0) - OVERLAP_TOLERANCE
        owners.append(each.speaker if apart else each.name)
        last = max((entry.label.end for entry in (*each.phones, *each.words)), default=each.start)
        if apart:
            ends[each.speaker] = last
    return owners


def _told(phone: Entry) -> str:
    """Text of how sure a phone is: deviation of its start, goodness, or else its log-likelihood."""
    parts = [] if phone.deviation is None else [f"±{1000 * phone.deviation:.0f} ms"]
    parts += [] if phone.goodness is None else [f"{phone.goodness:.2f}"]
    return ", ".join(parts) or f"{phone.log_likelihood:.1f}"


def _id(file: AlignedFile, data: DataDir | None) -> str:
    """Recording's id in CTM: the utterance's name where each is a recording."""
    if data is None or data.segments is None:
        return file.utterances[0].name
    return data.segments[file.utterances[0].name].recording


def _rows(files: Iterable[AlignedFile]) -> Iterator[Sequence[str]]:
    """Rows of the table: its columns, then words and phones of each file."""
    yield COLUMNS
    for file in files:
        for tier in (WORDS, PHONES):
            for utterance, entry in _entries(file, tier):
                times = (_number(time, 6) for time in entry.label[:2])
                figures = map(_number, (entry.log_likelihood, entry.goodness, entry.deviation), (4, 4, 6))
                yield [file.place, utterance.speaker, *times, entry.label.name, tier, *figures]


def _number(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}".rstrip("0").rstrip(".")


def _as_json(file: AlignedFile, data: DataDir | None) -> dict[str, Any]:
    utterances = [
        {
            "utterance": each.name if data is None else called(data, each.name),
            "speaker": each.speaker,
            "log_likelihood": _rounded(each.log_likelihood, 4),
            "fit": _rounded(each.fit, 4),
            **{
                tier: list(map(_entry_as_json, entries))
                for tier, entries in ((WORDS, each.words), (PHONES, each.phones))
            },
        }
        for each in file.utterances
    ]
    return {"file": file.place, "duration": _rounded(file.duration, 6), "utterances": utterances}


def _entry_as_json(entry: Entry) -> dict[str, Any]:
    start, end, name = entry.label
    figures = {"log_likelihood": entry.log_likelihood, "goodness": entry.goodness, "deviation": entry.deviation}
    if entry.confidence is not None:
        figures["confidence"] = entry.confidence
    return {
        **{"label": name, "begin": _rounded(start, 6), "end": _rounded(end, 6)},
        **{key: _rounded(value, 6) for key, value in figures.items()},
    }


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(float(value), decimals)


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


def _cut(labels: Iterable[Label], segment: Segment) -> list[Label]:
    """Labels that lie in a segment, in its time, cut where it begins and ends."""
    end = np.inf if segment.end is None else segment.end
    inside = ((max(label.start, segment.start), min(label.end, end), label.name) for label in labels)
    return [
        Label(round(first - segment.start, 9), round(last - segment.start, 9), name)
        for first, last, name in inside
        if last - first > OVERLAP_TOLERANCE
    ]
