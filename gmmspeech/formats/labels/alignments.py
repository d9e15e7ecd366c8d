"""Output files of `align`, and reading labels of whole recordings back for their utterances.

Formats are TextGrids, one per recording and as long as its sound; CTM; ``alignment.csv`` with a line per word and per
phone; JSON. Times are those of the recording, also for utterances that are segments of it. Files are named like the
recordings, in the same folders, or by the recording ids of a Kaldi data directory.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, GmmSpeechWarning, counted, shown
from gmmspeech.files.atomic import remove_leftovers, write_lines
from gmmspeech.files.names import check_apart
from gmmspeech.files.text import csv_lines
from gmmspeech.formats.datadir import DataDir, Segment
from gmmspeech.formats.labels.aligned_files import AlignedFile, AlignedUtterance, Entry, aligned_files, places_of
from gmmspeech.formats.labels.lines import write_ctm
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.formats.labels.tiers import (
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
from gmmspeech.formats.recordings import called
from gmmspeech.formats.results import COLUMNS, aligned_places
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import OVERLAP_TOLERANCE, Label

Format = Literal["textgrid", "ctm", "csv", "json"]
CONFIDENCE = "confidence"
_TOGETHER: dict[str, list[str]] = {"ctm": [f"{WORDS}.ctm", f"{PHONES}.ctm"], "json": [JSON], "csv": []}


@checked
def write_alignments(
    folder: str | os.PathLike[str],
    alignments: Mapping[str, Alignment],
    *,
    data: DataDir | None = None,
    format: Format = "textgrid",
    confidence: bool = False,
) -> list[Path]:
    """Write alignments to a folder: ``alignment.csv`` and, by format, TextGrids, CTM or JSON.

    Parameters
    ----------
    folder : path-like
    alignments : mapping of str to Alignment
        Alignment of each utterance, from `gmmspeech.align`.
    data : DataDir, optional
        Recordings, segments and speakers of the utterances. Without it each utterance is a recording of unknown length.
    format : {"textgrid", "ctm", "csv", "json"}
        TextGrids have the tiers ``words`` and ``phones``; with several speakers, a pair for each (``ann - words``). CTM
        is ``words.ctm`` and ``phones.ctm``.
    confidence : bool
        Add a third tier to TextGrids, with the standard deviation of each phone's start and its goodness, if known.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DataError
        An utterance that the data directory lacks, a name that does not fit the format, or a file that can't be
        written. Results of an earlier run in the folder that are of another format, or would be lost.

    Warns
    -----
    GmmSpeechWarning
        TextGrids of other recordings from an earlier run in the folder, which stay. In CTM, people who speak at the
        same time.

    Examples
    --------
    >>> from gmmspeech.phones.decoding.alignment import Alignment
    >>> from pathlib import Path
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> phones = [gs.phones.Label(0.0, 0.2, "SIL"), gs.phones.Label(0.2, 0.5, "AA")]
    >>> found = {"u": Alignment([gs.phones.Label(0.2, 0.5, "ah")], phones, np.array([-50.0, -48.5]), None, -49.1)}
    >>> folder = Path(tempfile.mkdtemp())
    >>> [path.name for path in gs.formats.write_alignments(folder, found)]
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
            if tier == PHONES:
                _warn_of_overlaps(labels)
            sure = {name: [entry.confidence for entry in found] for name, found in entries.items()}
            write_ctm(path, labels, overlaps=True, confidences=sure)
    elif format == "json":
        content = {"files": [_as_json(file, data) for file in files]}
        write_lines(paths[0], [json.dumps(content, ensure_ascii=False, indent=1)])
    write_lines(paths[-1], csv_lines(_rows(files)))
    return paths


def _warn_of_overlaps(labels: Mapping[str, Sequence[Label]]) -> None:
    """Warn of recordings in which people speak at once, whom CTM does not tell apart."""
    at_once = [n for n, own in labels.items() if any(b[0] < a[1] - OVERLAP_TOLERANCE for a, b in pairwise(own))]
    if at_once:
        found = f"utterances at the same time in {counted(len(at_once), 'recording')}, the first {shown(at_once[0])}"
        expected = "textgrid, csv or json, which tell speakers apart"
        warnings.warn(f"format: found {found}, in CTM; expected {expected}", GmmSpeechWarning)


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
    """Read labels for the utterances of a data directory, from labels of whole recordings or of utterances.

    Parameters
    ----------
    path : path-like
        Any input of `gmmspeech.formats.labels.tiers.read_tiers`: TextGrids, CTM and others, and output of
        `write_alignments`. Formats that count samples (``.phn``, ``.wrd``) count those of the recordings.
    data : DataDir
        Labels of a recording are cut at the ends of its segments.
    tier : str, optional
    skip_bad : bool
        As for `read_tiers`.

    Returns
    -------
    dict of str to list of Label
        In seconds from the start of each utterance; utterances without labels are left out.

    Raises
    ------
    DataError
        As for `read_tiers`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gmmspeech.formats.datadir import Segment
    >>> from gmmspeech.formats import DataDir, read_alignments, write_textgrid
    >>> from gmmspeech.phones import Label
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


def _cut(labels: Iterable[Label], segment: Segment) -> list[Label]:
    """Labels that lie in a segment, in its time, cut where it begins and ends."""
    end = np.inf if segment.end is None else segment.end
    inside = ((max(label.start, segment.start), min(label.end, end), label.name) for label in labels)
    return [
        Label(round(first - segment.start, 9), round(last - segment.start, 9), name)
        for first, last, name in inside
        if last - first > OVERLAP_TOLERANCE
    ]
