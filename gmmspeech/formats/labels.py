"""Label files: Kaldi CTM, HTK ``.lab`` and MLF, TIMIT's and Buckeye's, Audacity's, and any of these or TextGrids.

Reading checks what a line says, not whether labels follow each other in time: that is
``gmmspeech.phones.labels.labels.check_labels``, which names the utterance, so that one bad utterance can be left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from gmmspeech.arguments import checked
from gmmspeech.audio import sample_at
from gmmspeech.errors import ConfigError, DataError, counted, shown
from gmmspeech.files.atomic import remove_leftovers, write_lines
from gmmspeech.files.folders import files_below
from gmmspeech.files.names import check_apart, file_name, id_of_name
from gmmspeech.files.text import (
    BLANKS,
    check_distinct,
    is_field,
    is_holdable,
    parse_number,
    parse_whole,
    read_lines,
    split_fields,
)
from gmmspeech.formats.buckeye import read_buckeye, write_buckeye
from gmmspeech.formats.datadir import read_fields
from gmmspeech.formats.htk_strings import escaped, split_names
from gmmspeech.formats.textgrid import check_lines, read_textgrid, write_textgrid
from gmmspeech.phones.labels.labels import Label, check_labels

# Format to the suffix of its files, in lower case.
FORMATS = {
    "ctm": ".ctm",
    "mlf": ".mlf",
    "textgrid": ".textgrid",
    "lab": ".lab",
    "phn": ".phn",
    "wrd": ".wrd",
    "phones": ".phones",
    "words": ".words",
    "audacity": ".txt",
}
_OF_MANY = ("ctm", "mlf")  # the formats that hold many utterances in a file
_SUFFIXES = {"textgrid": ".TextGrid"}  # as others write it, where not in lower case
_COMMENT = ";;"  # of CTM
_NO_LABELS = "unknown_words.txt"  # what `align` writes beside labels, and `train-phones` as NAME.unknown_words.txt
_HTK_RATE = 10_000_000  # HTK counts time in steps of 100 ns
_LONGEST = 1e9  # seconds, thirty years: no recording is longer


@checked
def read_labels(
    path: str | os.PathLike[str], *, format: str | None = None, tier: str | None = None, rate: int = 16000
) -> dict[str, list[Label]]:
    """Read the labels of utterances from a file, or from all files of one format in a folder and those in it.

    Parameters
    ----------
    path : path-like
    format : {"ctm", "mlf", "textgrid", "lab", "phn", "wrd", "phones", "words", "audacity"}, optional
        By default what the suffix says (``.txt``: Audacity; ``.phones``, ``.words``: Buckeye), or the only one of these
        that the folder has.
    tier : str, optional
        The tier to take from TextGrids that have several.
    rate : int
        Samples a second, for ``.phn`` and ``.wrd``, which count samples.

    Returns
    -------
    dict of str to list of Label
        Utterance id to labels in seconds. Where a file holds one utterance, its id is the name without the suffix.

    Raises
    ------
    ConfigError
        If there is no such format.
    DataError
        If a file is missing or malformed (with the line), its format can't be told, there is no such tier, or two
        files are of one utterance.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_labels(folder / "phones.ctm", {"ann-1": [Label(0.0, 0.25, "SIL"), Label(0.25, 0.5, "AH")]})
    >>> read_labels(folder / "phones.ctm")
    {'ann-1': [Label(start=0.0, end=0.25, name='SIL'), Label(start=0.25, end=0.5, name='AH')]}
    """
    _check_format(format)
    if not Path(path).suffix and not Path(path).exists():
        raise DataError(f"{path}: no such file or folder, expected labels")
    if not Path(path).is_dir():
        return _read_file(Path(path), format or _format_of(Path(path)), tier, rate)
    files: dict[str, list[Path]] = {}
    for file in files_below(Path(path)):
        name = format_of(file)
        if name and file.is_file():
            files.setdefault(name, []).append(file)
    format = format or (next(iter(files)) if len(files) == 1 else None)
    if format is None or format not in files:
        known = ", ".join(FORMATS.values() if format is None else [FORMATS[format]])
        found = " and ".join(FORMATS[name] for name in files) or "none"
        raise DataError(f"{path}: found label files of {found}, expected one of {known} (or choose by format)")
    utterances: dict[str, list[Label]] = {}
    for file in files[format]:
        for utterance, labels in _read_file(file, format, tier, rate).items():
            if utterance in utterances:
                raise DataError(f"{file}: found utterance {shown(utterance)} again, expected each in one file")
            utterances[utterance] = labels
    check_distinct(path, utterances)
    return utterances


@checked
def write_labels(
    path: str | os.PathLike[str],
    labels: Mapping[str, Sequence[Label]],
    *,
    format: str | None = None,
    tier: str = "phones",
    rate: int = 16000,
) -> None:
    """Write the labels of utterances, each file atomically.

    Parameters
    ----------
    path : path-like
        The file for CTM and MLF. Of the other formats, a file (with the format's suffix) for a single utterance, or
        the folder in which each utterance gets its file.
    labels : mapping of str to sequence of Label
        Utterance id to labels.
    format : {"ctm", "mlf", "textgrid", "lab", "phn", "wrd", "phones", "words", "audacity"}, optional
        By default what the suffix says.
    tier : str
        Name of the tier in TextGrids.
    rate : int
        Samples a second, for ``.phn`` and ``.wrd``, which count samples.

    Raises
    ------
    ConfigError
        If there is no such format.
    DataError
        If the format can't be told or can't hold the labels or the ids, labels are not as
        ``gmmspeech.phones.labels.labels.check_labels`` wants them, or a file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/phones.ctm"
    >>> write_labels(path, {"ann-1": [Label(0.0, 0.25, "SIL"), Label(0.25, 0.5, "AH")]})
    >>> print(open(path).read().splitlines()[1])
    ann-1 1 0.250000 0.250000 AH
    """
    _check_format(format)
    format = format or _format_of(Path(path))
    if not labels:
        raise DataError(f"{path}: found nothing to write, expected one or more utterances")
    if format in _OF_MANY:
        return (write_ctm if format == "ctm" else write_mlf)(path, labels)
    if _format_of_suffix(Path(path)) == format:
        if len(labels) > 1:
            raise DataError(
                f"{path}: found {counted(len(labels), 'utterance')}, expected one, or a folder to write them to"
            )
        files = {Path(path): next(iter(labels.values()))}
    else:
        suffix = _SUFFIXES.get(format, FORMATS[format])
        files = {Path(path) / file_name(utterance, suffix): found for utterance, found in labels.items()}
        check_apart((file.name for file in files), path)
    remove_leftovers(*files)
    for file, found in files.items():
        if format == "textgrid":
            write_textgrid(file, {tier: found})
        elif format == "lab":
            write_lab(file, found)
        elif format == "audacity":
            write_audacity(file, found)
        elif format in ("phones", "words"):
            write_buckeye(file, found)
        else:
            write_timit(file, found, rate=rate)


def read_ctm(path: str | os.PathLike[str]) -> dict[str, list[Label]]:
    """Read a file of ``utterance channel start duration name`` lines, in seconds.

    A confidence from 0 to 1, or ``NA``, may follow and is not kept; lines that begin with ``;;`` are comments.
    """
    labels: dict[str, list[Label]] = {}
    channels: dict[str, str] = {}
    for number, fields in read_fields(path):
        if fields[0].startswith(_COMMENT):
            continue
        if len(fields) not in (5, 6):
            expected = "5 or 6 (utterance channel start duration name, and a confidence)"
            raise DataError(f"{path}:{number}: found {counted(len(fields), 'field')}, expected {expected}")
        utterance, channel, *times, name = fields[:5]
        if channels.setdefault(utterance, channel) != channel:
            found, expected = f"channel {shown(channel)} of {shown(utterance)}", shown(channels[utterance])
            raise DataError(f"{path}:{number}: found {found}, expected {expected} as before")
        if not all(map(_is_confidence, fields[5:])):
            expected = "a confidence from 0 to 1 behind the name, or nothing (names have no blanks)"
            raise DataError(f"{path}:{number}: found {shown(fields[5])}, expected {expected}")
        start, duration = _times(path, number, times, _seconds, "start and duration in seconds")
        labels.setdefault(utterance, []).append(Label(start, round(start + duration, 9), name))
    check_distinct(path, labels)
    return labels


def write_ctm(
    path: str | os.PathLike[str],
    labels: Mapping[str, Sequence[Label]],
    *,
    overlaps: bool = False,
    confidences: Mapping[str, Sequence[float | None]] | None = None,
) -> None:
    """Write a CTM, channel 1, utterances sorted by id as in the C locale, times to microseconds, atomically.

    Labels that overlap, of several speakers, are refused unless `overlaps`. Confidences are a last column.
    """
    lines = []
    for utterance in sorted(labels):
        if not overlaps:
            check_labels(labels[utterance], owner=f"{path}: {shown(utterance)}")
        _check_fields(path, [utterance, *(label.name for label in labels[utterance])])
        if utterance.startswith(_COMMENT):
            raise DataError(f"{path}: can't hold the id {shown(repr(utterance))}, expected no comment ({_COMMENT})")
        sure = [None] * len(labels[utterance]) if confidences is None else confidences[utterance]
        for label, confidence in zip(labels[utterance], sure, strict=True):
            start, end = (round(time, 6) for time in label[:2])  # so that start + duration is the end again
            last = "" if confidence is None else f" {confidence:.3f}"
            lines.append(f"{utterance} 1 {start:.6f} {end - start:.6f} {label.name}{last}")
    write_lines(path, lines)


def read_lab(path: str | os.PathLike[str]) -> list[Label]:
    r"""Read an HTK label file: ``start end name`` in steps of 100 ns, perhaps with scores, which are not kept.

    Names may be in quotes, and have escapes such as ``\303\251`` (the bytes of UTF-8, in octal).
    """
    return [_htk_label(path, number, line) for number, line in _htk_lines(path)]


def write_lab(path: str | os.PathLike[str], labels: Sequence[Label]) -> None:
    """Write an HTK label file, times to 100 ns, names with HTK's escapes, atomically."""
    check_labels(labels, owner=os.fspath(path))
    _check_names(path, [label.name for label in labels])
    write_lines(path, _htk_label_lines(labels))


def read_mlf(path: str | os.PathLike[str]) -> dict[str, list[Label]]:
    r"""Read an HTK master label file: ``#!MLF!#``, then for each utterance ``"\*/NAME.lab"``, labels and ``.``."""
    labels: dict[str, list[Label]] = {}
    utterance: str | None = None
    for number, line in _htk_lines(path):
        if number == 1:
            if line != "#!MLF!#":
                raise DataError(f"{path}:1: found {shown(repr(line))}, expected #!MLF!#")
        elif utterance is None:
            names = _names(path, number, line) if line[0] == '"' else []
            utterance = _stem(names[0]) if len(names) == 1 else ""
            if not utterance:
                found = shown(repr(line))
                raise DataError(f"{path}:{number}: found {found}, expected the name of a label file in quotes")
            if utterance in labels:
                raise DataError(f"{path}:{number}: found {shown(utterance)} again, expected each name once")
            labels[utterance] = []
        elif line == ".":
            utterance = None
        else:
            labels[utterance].append(_htk_label(path, number, line))
    if utterance is not None:
        found = f"the end of the file in {shown(utterance)}"
        raise DataError(f"{path}: found {found}, expected a line with a dot before it")
    check_distinct(path, labels)
    return labels


def write_mlf(path: str | os.PathLike[str], labels: Mapping[str, Sequence[Label]]) -> None:
    """Write an HTK master label file, utterances sorted by id as in the C locale, times to 100 ns, atomically.

    Names and ids have HTK's escapes.
    """
    lines = ["#!MLF!#"]
    for utterance in sorted(labels):
        check_labels(labels[utterance], owner=f"{path}: {shown(utterance)}")
        _check_names(path, [utterance, *(label.name for label in labels[utterance])])
        if "/" in utterance:
            raise DataError(f"{path}: can't hold the id {shown(repr(utterance))}, expected no slashes")
        file = escaped(f"*/{utterance}.lab", '"')
        lines += [file, *_htk_label_lines(labels[utterance]), "."]
    write_lines(path, lines)


def read_timit(path: str | os.PathLike[str], *, rate: int = 16000) -> list[Label]:
    """Read a file of ``start end name`` lines in samples, as TIMIT's ``.phn`` and ``.wrd``."""
    labels = []
    for number, fields in read_fields(path):
        if len(fields) != 3:
            raise DataError(f"{path}:{number}: found {counted(len(fields), 'field')}, expected 3 (start end name)")
        start, end = _times(path, number, fields[:2], parse_whole, "start and end in samples")
        labels.append(Label(start / rate, end / rate, fields[2]))
    return labels


def write_timit(path: str | os.PathLike[str], labels: Sequence[Label], *, rate: int = 16000) -> None:
    """Write ``start end name`` lines in samples, atomically."""
    check_labels(labels, owner=os.fspath(path))
    _check_fields(path, [label.name for label in labels])
    write_lines(path, _counted_lines(labels, rate))


def read_audacity(path: str | os.PathLike[str]) -> list[Label]:
    r"""Read a label track that Audacity has exported: ``start``, ``end`` and ``name``, with tabs, in seconds.

    Names may have blanks. Lines with the frequencies of a selection (they begin with ``\``) are left out.
    """
    labels = []
    for number, fields in read_fields(path, max_split=2):
        if fields[0] == "\\":
            continue
        if len(fields) != 3:
            found = shown(repr(" ".join(fields)))
            raise DataError(f"{path}:{number}: found {found}, expected start, end and a name")
        start, end = _times(path, number, fields[:2], _seconds, "start and end in seconds")
        labels.append(Label(start, end, fields[2].rstrip(BLANKS)))
    return labels


def write_audacity(path: str | os.PathLike[str], labels: Sequence[Label]) -> None:
    """Write a label track for Audacity, times to microseconds, atomically."""
    check_labels(labels, owner=os.fspath(path))
    check_lines(path, [label.name for label in labels])
    write_lines(path, (f"{start:.6f}\t{end:.6f}\t{name}" for start, end, name in labels))


def _check_format(format: str | None) -> None:
    if format is not None and format not in FORMATS:
        raise ConfigError(f"format: found {format!r}, expected one of {', '.join(FORMATS)}")


def format_of(path: Path) -> str | None:
    """Format that a file in a folder has by its suffix, None where it has no labels."""
    return None if path.name == _NO_LABELS or path.name.endswith(f".{_NO_LABELS}") else _format_of_suffix(path)


def _format_of_suffix(path: Path) -> str | None:
    return next((name for name, suffix in FORMATS.items() if suffix == path.suffix.lower()), None)


def _format_of(path: Path) -> str:
    format = _format_of_suffix(path)
    if format is None:
        expected = f"one of {', '.join(FORMATS.values())}, or a format"
        raise DataError(f"{path}: found suffix {path.suffix!r}, expected {expected}")
    return format


def _read_file(path: Path, format: str, tier: str | None, rate: int) -> dict[str, list[Label]]:
    if format in _OF_MANY:
        return (read_ctm if format == "ctm" else read_mlf)(path)
    readers: dict[str, Callable[[Path], list[Label]]] = {
        "textgrid": lambda file: _read_tier(file, tier),
        "lab": read_lab,
        "audacity": read_audacity,
        "phones": read_buckeye,
        "words": read_buckeye,
    }
    return {id_of_name(path.stem): readers.get(format, lambda file: read_timit(file, rate=rate))(path)}


def _read_tier(path: Path, tier: str | None) -> list[Label]:
    tiers = read_textgrid(path)
    if tier is None and len(tiers) == 1:
        return next(iter(tiers.values()))
    if tier not in tiers:
        expected = "the name of one of them" if tier is None else f"one called {tier}"
        found = shown(", ".join(tiers), 300) or "(none)"
        raise DataError(f"{path}: found tiers {found}, expected {expected}")
    return tiers[tier]


def _seconds(field: str) -> float:
    time = parse_number(field)
    if abs(time) > _LONGEST:
        raise ValueError
    return time


def _is_confidence(field: str) -> bool:
    try:
        return field == "NA" or 0 <= parse_number(field) <= 1
    except ValueError:
        return False


def _times(
    path: str | os.PathLike[str], line: int, fields: Sequence[str], parse: Callable[[str], float], expected: str
) -> tuple[float, float]:
    try:
        return parse(fields[0]), parse(fields[1])
    except ValueError as error:
        raise DataError(f"{path}:{line}: found {shown(' '.join(fields))}, expected {expected}") from error


def _htk_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip(BLANKS):
            raise DataError(f"{path}:{number}: found an empty line, expected an entry on every line")
        yield number, line.strip(BLANKS)


def _names(path: str | os.PathLike[str], line: int, text: str) -> list[str]:
    try:
        return split_names(text)
    except ValueError as error:
        raise DataError(f"{path}:{line}: {error}") from None


def _stem(name: str) -> str:
    """Id that the name of a label file has: without its folders and its suffix."""
    file = name.rpartition("/")[2]
    return file.rpartition(".")[0] or file


def _htk_label(path: str | os.PathLike[str], line: int, text: str) -> Label:
    fields = split_fields(text, 2)
    if len(fields) < 3:
        found = shown(text) + (" without start and end" if len(fields) == 1 else "")
        raise DataError(f"{path}:{line}: found {found}, expected start end name (labels without times are not read)")
    start, end = _times(path, line, fields[:2], parse_whole, "start and end in steps of 100 ns (whole numbers)")
    name = _names(path, line, fields[2])[0]
    if not name or "\0" in name:
        raise DataError(f"{path}:{line}: found {shown(repr(name))}, expected a name that is not empty")
    return Label(start / _HTK_RATE, end / _HTK_RATE, name)


def _htk_label_lines(labels: Sequence[Label]) -> Iterator[str]:
    return _counted_lines([label._replace(name=escaped(label.name)) for label in labels], _HTK_RATE)


def _counted_lines(labels: Sequence[Label], rate: int) -> Iterator[str]:
    return (f"{sample_at(start, rate)} {sample_at(end, rate)} {name}" for start, end, name in labels)


def _check_fields(path: str | os.PathLike[str], names: Sequence[str]) -> None:
    for name in names:
        if not is_field(name):
            raise DataError(f"{path}: can't hold the name {shown(repr(name))}, expected no blanks, and not empty")


def _check_names(path: str | os.PathLike[str], names: Sequence[str]) -> None:
    for name in names:
        if not name or not is_holdable(name):
            raise DataError(f"{path}: can't hold the name {shown(repr(name))}, expected text that is not empty")
