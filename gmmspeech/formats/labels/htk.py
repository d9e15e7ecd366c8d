"""HTK label files, ``.lab`` and the master label file, MLF (The HTK Book 3.4, 6.2)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from gmmspeech.errors import DataError, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import BLANKS, check_distinct, is_holdable, parse_whole, read_lines, split_fields
from gmmspeech.formats.htk_strings import escaped, split_names
from gmmspeech.formats.labels.lines import lines_in_samples, parse_times
from gmmspeech.phones.labels.labels import Label, check_labels

_HTK_RATE = 10_000_000  # HTK counts time in steps of 100 ns


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
    start, end = parse_times(path, line, fields[:2], parse_whole, "start and end in steps of 100 ns (whole numbers)")
    name = _names(path, line, fields[2])[0]
    if not name or "\0" in name:
        raise DataError(f"{path}:{line}: found {shown(repr(name))}, expected a name that is not empty")
    return Label(start / _HTK_RATE, end / _HTK_RATE, name)


def _htk_label_lines(labels: Sequence[Label]) -> Iterator[str]:
    return lines_in_samples([label._replace(name=escaped(label.name)) for label in labels], _HTK_RATE)


def _check_names(path: str | os.PathLike[str], names: Sequence[str]) -> None:
    for name in names:
        if not name or not is_holdable(name):
            raise DataError(f"{path}: can't hold the name {shown(repr(name))}, expected text that is not empty")
