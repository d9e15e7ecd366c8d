"""Labels in any format, from a file or a folder: choice of the format, and the utterances it contains.

Reading checks single lines, not whether labels follow each other in time. The latter is done by
``gmmspeech.phones.labels.labels.check_labels``, which names the utterance, so that one bad utterance can be left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError, DataError, counted, shown
from gmmspeech.files.atomic import remove_leftovers
from gmmspeech.files.folders import files_below
from gmmspeech.files.names import check_apart, file_name, id_of_name
from gmmspeech.files.text import check_distinct
from gmmspeech.formats.labels.buckeye import read_buckeye, write_buckeye
from gmmspeech.formats.labels.htk import read_lab, read_mlf, write_lab, write_mlf
from gmmspeech.formats.labels.lines import read_audacity, read_ctm, read_timit, write_audacity, write_ctm, write_timit
from gmmspeech.formats.labels.textgrid import read_textgrid, write_textgrid
from gmmspeech.phones.labels.labels import Label

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
_NO_LABELS = "unknown_words.txt"  # what `align` writes beside labels, and `train-phones` as NAME.unknown_words.txt


@checked
def read_labels(
    path: str | os.PathLike[str], *, format: str | None = None, tier: str | None = None, rate: int = 16000
) -> dict[str, list[Label]]:
    """Read the labels of utterances from a file, or from all files of one format in a folder and its subfolders.

    Parameters
    ----------
    path : path-like
    format : {"ctm", "mlf", "textgrid", "lab", "phn", "wrd", "phones", "words", "audacity"}, optional
        By default by the suffix (``.txt``: Audacity; ``.phones``, ``.words``: Buckeye), or the only one of these in the
        folder.
    tier : str, optional
        Tier to read from TextGrids that have several.
    rate : int
        Sampling rate in Hz, for ``.phn`` and ``.wrd``, which count samples.

    Returns
    -------
    dict of str to list of Label
        Labels of each utterance id, in seconds. If a file has one utterance, the id is its name without the suffix.

    Raises
    ------
    ConfigError
        If the format is unknown.
    DataError
        If a file is missing or malformed (the message gives the line), its format can't be recognized, the tier is
        missing, or two files are of one utterance.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gmmspeech.formats import read_labels, write_labels
    >>> from gmmspeech.phones import Label
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
        The file, for CTM and MLF. For other formats, a file (with the suffix of the format) for a single utterance, or
        a folder in which each utterance gets a file.
    labels : mapping of str to sequence of Label
        Labels of each utterance id.
    format : {"ctm", "mlf", "textgrid", "lab", "phn", "wrd", "phones", "words", "audacity"}, optional
        By default by the suffix.
    tier : str
        Name of the tier in TextGrids.
    rate : int
        Sampling rate in Hz, for ``.phn`` and ``.wrd``, which count samples.

    Raises
    ------
    ConfigError
        If the format is unknown.
    DataError
        If the format can't be recognized, the labels or ids do not fit it, labels fail
        ``gmmspeech.phones.labels.labels.check_labels``, or a file can't be written.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/phones.ctm"
    >>> gs.formats.write_labels(path, {"ann-1": [gs.phones.Label(0.0, 0.25, "SIL"), gs.phones.Label(0.25, 0.5, "AH")]})
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
