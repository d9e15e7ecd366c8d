"""Labels by file and speaker from all supported sources: TextGrids with tiers, label files, tables.

The source is one file, or a folder with its subfolders. If it contains both phones and words, the tier selects which to
read: tiers of TextGrids (``phones``, or ``ann - phones`` with several speakers), ``.phn`` or ``.wrd``, ``.phones`` or
``.words``, ``phones.ctm`` or ``words.ctm``, rows of tables, parts of JSON.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from gmmspeech.arguments import checked
from gmmspeech.audio import audio_format
from gmmspeech.audio.raw import RawAudio
from gmmspeech.errors import DataError, GmmSpeechError, GmmSpeechWarning, counted, shown, tell_left_out
from gmmspeech.files.folders import files_below
from gmmspeech.files.names import id_of_name
from gmmspeech.files.text import check_distinct
from gmmspeech.formats.labels.labels import FORMATS, format_of, read_labels
from gmmspeech.formats.labels.praat_symbols import tiers_shown_by_praat
from gmmspeech.formats.labels.tables import CSV, JSON, OF_SPEAKER, is_tiers_of_mfa, read_table, read_tiers_of_mfa
from gmmspeech.formats.labels.textgrid import read_textgrid
from gmmspeech.formats.recordings import path_of_id
from gmmspeech.formats.results import aligned_places, outside_results
from gmmspeech.phones.labels.labels import Label

PHONES, WORDS = "phones", "words"
_OF_MFA = (".csv", ".json")  # of one recording each
K = TypeVar("K")
_PAIRS = (("phn", "wrd"), ("phones", "words"))  # formats of phones and of words, side by side in a corpus
_RATE, COUNTING = 16000, ("phn", "wrd")  # samples a second of TIMIT's formats, which count them
_HELD = {kind: tier for pair in _PAIRS for kind, tier in zip(pair, (PHONES, WORDS), strict=True)}


class Voice(NamedTuple):
    """Source of labels: the file, as its path in the folder without the suffix (or its id), and the speaker.

    Parameters
    ----------
    file : str
    speaker : str
        "" if not given in the file.

    Examples
    --------
    >>> Voice("ann/a1")
    Voice(file='ann/a1', speaker='')
    """

    file: str
    speaker: str = ""

    def __str__(self) -> str:
        return f"{self.file} ({self.speaker})" if self.speaker else self.file


@checked
def read_tiers(
    path: str | os.PathLike[str],
    tier: str | None = None,
    *,
    format: str | None = None,
    rate: int = _RATE,
    skip_bad: bool = False,
) -> dict[Voice, list[Label]]:
    """Read one tier of labels from a file, or from all files of one format in a folder and its subfolders.

    Parameters
    ----------
    path : path-like
        In an output folder of `align`, only the TextGrids of its last run are read, with a warning that counts others.
        Output folders inside another folder are not read.
    tier : str, optional
        By default the only tier, or ``phones``, which is used for all TextGrids of a folder if any of them has it.
    format : str, optional
        Read only files of this format from a folder; a format of `read_labels`.
    rate : int
        Sampling rate in Hz, for ``.phn`` and ``.wrd``, which count samples.
    skip_bad : bool
        Leave out files and subfolders that can't be read, with a warning that counts them, instead of raising an error.

    Returns
    -------
    dict of Voice to list of Label
        In seconds from the start of the file.

    Raises
    ------
    DataError
        If a file is missing or malformed (the message gives the line), a TextGrid lacks the tier, or a folder has label
        files of several formats.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gmmspeech.formats import read_tiers
    >>> from gmmspeech.phones import Label
    >>> import tempfile
    >>> from gmmspeech.formats.labels.textgrid import write_textgrid
    >>> path = Path(tempfile.mkdtemp(), "a.TextGrid")
    >>> write_textgrid(path, {"ann - phones": [Label(0.0, 0.5, "AH")], "bob - phones": [Label(0.5, 1.0, "S")]})
    >>> for voice, labels in read_tiers(path).items():
    ...     print(voice, labels)
    a (ann) [Label(start=0.0, end=0.5, name='AH')]
    a (bob) [Label(start=0.5, end=1.0, name='S')]
    """
    return read_kind_and_tiers(path, tier, format=format, rate=rate, skip_bad=skip_bad)[1]


def read_kind_and_tiers(
    path: str | os.PathLike[str],
    tier: str | None = None,
    *,
    format: str | None = None,
    rate: int = _RATE,
    skip_bad: bool = False,
) -> tuple[str, dict[Voice, list[Label]]]:
    """Give the kind of the files too: a format, or the name of a table of `align`."""
    place = Path(path)
    if not place.is_dir():
        kind = _kind(place) or {".csv": CSV, ".json": JSON}.get(place.suffix.lower(), "")
        return kind, _read_file(place, id_of_name(place.stem), tier, rate, kind)
    unreadable: list[str] = []
    kind, files = _files(place, tier, format, unreadable if skip_bad else None)
    bad = dict(zip(unreadable, unreadable, strict=True))
    if kind == "textgrid":
        tier = tier or _tier_of_all(files)
    found: dict[Voice, list[Label]] = {}
    for file, name in _names(place, files).items():
        try:
            read = _read_file(file, name, tier, rate, kind)
        except DataError as error:
            if not skip_bad:
                raise
            bad[file.relative_to(place).with_suffix("").as_posix()] = str(error)
            continue
        for voice, labels in read.items():
            if voice in found:
                raise DataError(f"{file}: found labels of {shown(str(voice))} again, expected each in one file")
            found[voice] = labels
    check_distinct(place, [str(voice) for voice in found])
    tell_left_out(place, bad, "file", "labels", any_left=bool(found))
    return kind, found


def _names(folder: Path, files: Iterable[Path]) -> dict[Path, str]:
    """Ids that files of a folder have by their names; those that would share one are called as they are."""
    paths = {file: file.relative_to(folder).with_suffix("") for file in files}
    ids = {file: "/".join(map(id_of_name, path.parts)) for file, path in paths.items()}
    shared = Counter(ids.values())
    return {file: id if shared[id] == 1 else paths[file].as_posix() for file, id in ids.items()}


def at_rate_of(audio: Path | None, labels: list[Label], kind: str, *, raw: RawAudio | None = None) -> list[Label]:
    """Labels in seconds of their recording, also where they count its samples and were read as of 16 kHz."""
    if kind not in COUNTING:
        return labels
    if audio is None:
        found = f"a .{kind} file, which counts samples, of a recording whose rate is not known"
        warnings.warn(f"labels: found {found}; took {_RATE} a second", GmmSpeechWarning)
        return labels
    with suppress(GmmSpeechError):  # which is told where the recording is read
        sound = audio_format(audio, raw=raw)
        return in_time_of(sound.rate, sound.duration, labels)
    return labels


def in_time_of(rate: float, duration: float, labels: list[Label]) -> list[Label]:
    """Labels that were read as samples of 16 kHz as those of another rate, if they then end nearer to the recording."""
    others = [Label(start * _RATE / rate, end * _RATE / rate, name) for start, end, name in labels]
    return min(others, labels, key=lambda each: abs(max((label.end for label in each), default=0.0) - duration))


def _tier_of_all(files: Iterable[Path]) -> str | None:
    """Give the tier of phones where some TextGrid has one: then no other is meant by the only one of a file."""
    for file in files:
        with suppress(DataError):
            if any(name == PHONES or name.endswith(OF_SPEAKER + PHONES) for name in read_textgrid(file)):
                return PHONES
    return None


def tiers_of_voices(tiers: Mapping[str, list[Label]], tier: str | None, owner: str) -> dict[str, list[Label]]:
    """Give the tier that is asked for of each speaker of a TextGrid; the speaker is "" where there are no several."""
    if tier is None and len(tiers) == 1:
        return {"": next(iter(tiers.values()))}
    wanted = tier or PHONES
    if wanted in tiers:
        return {"": tiers[wanted]}
    end = OF_SPEAKER + wanted
    found = {name.removesuffix(end): labels for name, labels in tiers.items() if name.endswith(end)}
    if not found:
        expected = f"one called {shown(wanted)}" + (", or another by tier=NAME" if tier is None else "")
        raise DataError(f"{owner}: found tiers {shown(', '.join(tiers), 300) or '(none)'}, expected {expected}")
    return found


def by_file(labels: Mapping[Voice, list[Label]]) -> dict[str, dict[str, list[Label]]]:
    """Labels of each file, by speaker."""
    found: dict[str, dict[str, list[Label]]] = {}
    for voice, own in labels.items():
        found.setdefault(voice.file, {})[voice.speaker] = own
    return found


def match_files(wanted: Mapping[K, Sequence[str]], files: Collection[str]) -> dict[K, str]:
    """Find the label file of each recording.

    It is the first that has one of the recording's names; otherwise, the file with the last part of the first name,
    without folders, if that is the last part of no other file and of no other recording.

    Examples
    --------
    >>> match_files({1: ["ann/a"], 2: ["ann/b"], 3: ["bob/b"]}, ["a", "b", "bob/b"])
    {1: 'a', 3: 'bob/b'}
    """
    last_of_files = _by_last_part(files)
    last_of_wanted = _by_last_part({names[0] for names in wanted.values()})
    found = {}
    for key, names in wanted.items():
        last = _last_part(names[0])
        alone = last_of_files.get(last) if last_of_wanted.get(last) else None
        match = next((name for name in names if name in files), alone)
        if match:
            found[key] = match
    return found


def _by_last_part(names: Iterable[str]) -> dict[str, str | None]:
    """Names by their last parts; None of parts that several share."""
    found: dict[str, str | None] = {}
    for name in names:
        last = _last_part(name)
        found[last] = None if last in found else name
    return found


def _last_part(name: str) -> str:
    return path_of_id(name.rpartition("/")[2])


def _files(folder: Path, tier: str | None, format: str | None, unreadable: list[str] | None) -> tuple[str, list[Path]]:
    """Files of a folder that have the labels that are asked for, and their kind; lines on what can't be read."""
    kinds: dict[str, list[Path]] = {}
    listed = files_below(folder, unreadable)
    for file in outside_results(listed, folder) or listed:
        kind = _kind(file)
        if kind and format in (None, kind) and file.is_file():
            kinds.setdefault(kind, []).append(file)
    for more in ("audacity", CSV, JSON, *_OF_MFA):  # transcripts, and tables beside the same labels
        if len(kinds) > 1:
            kinds.pop(more, None)
    for pair in _PAIRS:
        if kinds.keys() >= set(pair):
            del kinds[pair[0] if tier == WORDS else pair[1]]
    if len(kinds) != 1:
        found = " and ".join(FORMATS.get(kind, kind) for kind in kinds) or "none"
        known = ", ".join([*FORMATS.values(), CSV, JSON] if format is None else [FORMATS.get(format, format)])
        raise DataError(f"{folder}: found label files of {found}, expected those of one of {known}")
    ((kind, files),) = kinds.items()
    if kind == "ctm":
        named = [file for file in files if file.stem == (tier or PHONES)]
        files = named or files
    return kind, _of_last_run(folder, files) if kind == "textgrid" else files


def _of_last_run(folder: Path, files: list[Path]) -> list[Path]:
    """Files of which the table of `align` tells, where there is one and it tells of any; a warning names the others."""
    places = set(aligned_places(folder))
    own = [file for file in files if file.relative_to(folder).with_suffix("").as_posix() in places]
    known = set(own)
    others = [file for file in files if file not in known] if own else []
    if others:
        found = f"{counted(len(others), 'TextGrid')} that {CSV} does not tell of, left out as of another run"
        first = shown(others[0].relative_to(folder).as_posix())
        warnings.warn(f"{folder}: found {found}; the first: {first}", GmmSpeechWarning)
    return own or files


def _kind(file: Path) -> str | None:
    """Format that a file has by its name, the name of a table of `align`, or the suffix of one of MFA's."""
    if file.name in (CSV, JSON):
        return file.name
    if file.suffix.lower() in _OF_MFA:
        return file.suffix.lower() if is_tiers_of_mfa(file) else None
    return format_of(file)


def _read_file(path: Path, name: str, tier: str | None, rate: int, kind: str) -> dict[Voice, list[Label]]:
    if kind == "textgrid" or kind in _OF_MFA:
        found = tiers_shown_by_praat(read_textgrid(path)) if kind == "textgrid" else read_tiers_of_mfa(path)
        return {Voice(name, speaker): own for speaker, own in tiers_of_voices(found, tier, str(path)).items()}
    if kind in (CSV, JSON):
        return _by_voice((Voice(*whose), label) for whose, label in read_table(path, tier or PHONES))
    held = path.stem if kind == "ctm" and path.stem in (PHONES, WORDS) else _HELD.get(kind, tier)
    if tier in (PHONES, WORDS) and tier != held:
        raise DataError(f"{path}: found labels of {held}, expected those of {tier}")
    labels = read_labels(path, format=kind or None, rate=rate)
    return {Voice(id if kind in ("ctm", "mlf") else name): found for id, found in labels.items()}


def _by_voice(rows: Iterable[tuple[Voice, Label]]) -> dict[Voice, list[Label]]:
    """Labels of each voice in their order; a speaker who is alone in a file needs no name."""
    found: dict[Voice, list[Label]] = {}
    for voice, label in rows:
        found.setdefault(voice, []).append(label)
    speakers = Counter(voice.file for voice in found)
    return {
        Voice(voice.file) if speakers[voice.file] == 1 else voice: sorted(labels) for voice, labels in found.items()
    }
