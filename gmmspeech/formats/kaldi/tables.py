"""Kaldi tables: all tables are opened and written here, by their specifiers.

Input that can be read only once, is compressed, or may be damaged is first copied to a temporary file.
"""

from __future__ import annotations

import os
import re
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from numpy.typing import NDArray

from gmmspeech.errors import DataError, GmmSpeechError, GmmSpeechWarning, counted, first_of, one_line, shown
from gmmspeech.files.atomic import temporary_folder
from gmmspeech.files.regular import open_regular
from gmmspeech.files.table_places import Output, Place, errors_in_words_of, keep, parse_place
from gmmspeech.files.text import parse_whole
from gmmspeech.formats.datadir import find_base, read_map, script_bases
from gmmspeech.formats.kaldi.ark import (
    Entry,
    ark_places,
    encoded_array,
    read_archive,
    read_matrix,
    told_with,
    write_archive,
)

_ENTRY = re.compile(r"(.*?)((?::[0-9]+)?(?:\[[0-9:,]*\])?)")  # of a script file: a file, and where in it
_COMMAND = re.compile(rb"\|[ \t\r]*$", re.MULTILINE)


@contextmanager
def opened_table(text: str, *, check: bool = True) -> Iterator[str]:
    """Give the plain ``ark:PATH`` or ``scp:PATH`` of a table, or of what is none the text as it is.

    A stream, a compressed file, or what is left of one that may be damaged lies in a temporary file meanwhile. With
    `check` false nothing is left out: the option ``p`` is for who reads the table. Commands are not run.
    """
    place = parse_place(text)
    if not check:
        place = place._replace(options=place.options - {"p"})
    if place.is_command:
        raise DataError(f"{shown(text)}: found a command, expected the name of a file (commands are not run)")
    if not place.kind:
        yield text
    elif place.is_plain:
        yield place.plain_in(place.where)
    else:
        with temporary_folder() as folder:
            file = folder / "table"
            with errors_in_words_of({str(file): shown(text)}):
                yield make_plain(text, place, file)


def has_commands(place: Place) -> bool:
    """Say whether a script file names commands in place of archives."""
    if place.kind == "scp" and not place.is_read_once:
        with suppress(OSError), open_regular(place.where) as script:  # which those who read it explain
            return _COMMAND.search(script.read()) is not None
    return False


def make_plain(text: str, place: Place, file: Path, *, allow_pipes: bool = False, check: bool = True) -> str:
    """Keep a table in a file, with others beside it, so that it can be read where one likes; give its specifier.

    For the option ``p`` what is no vector or matrix is left out, unless `check` is false: then failed commands alone.
    """
    source = Path(place.where)
    if place.is_read_once:
        whole = place.kind == "ark" and not (check and "p" in place.options)
        source = file if whole else file.with_suffix(".kept")
        keep(text, place, source)
    if source == file:
        return place.plain_in(file)
    dropped: dict[str, str] = {}
    lenient = "p" in place.options
    with errors_in_words_of({str(source): shown(text)} if place.is_read_once else {}):
        if place.kind == "scp":
            entries = read_map(source, rest_of_line=True)
        else:
            entries = {key: "".join(where) for key, where in ark_places(os.fspath(source), dropped).items()}
    lines = []
    for number, (key, value) in enumerate(entries.items()):
        try:
            value = _plain_entry(value, place.where, file.with_suffix(f".{number}") if allow_pipes else None)
            if lenient and check:
                read_matrix(*_file_and_place(value))
        except (OSError, ValueError, AssertionError, struct.error, GmmSpeechError) as error:
            if not lenient:
                raise DataError(f"{shown(text)}: {shown(key)}: {one_line(error)}") from error
            dropped[key] = f"{key}: {one_line(error)}"
        else:
            lines.append(f"{key} {value}\n")
    _tell_dropped(text, dropped, left=bool(lines), expected="one vector or matrix or more")
    file.write_text("".join(lines), encoding="utf-8")
    return place.plain_in(file)


def _tell_dropped(text: str, dropped: dict[str, str], *, left: bool, expected: str) -> None:
    """Warn of what was left out; a DataError says that nothing is left."""
    if not left:
        why = f" ({first_of(dropped)})" if dropped else ""
        raise DataError(f"{shown(text)}: found nothing that can be read{why}, expected {expected}")
    if dropped:
        count = f"{counted(len(dropped), 'utterance')} that can't be read"
        warnings.warn(f"{shown(text)}: left out {count}; {first_of(dropped)}", GmmSpeechWarning)


def _plain_entry(value: str, script: str, output: Path | None) -> str:
    """Let an entry of a script file lead to the same from any folder; run a command if there is a file for it."""
    if value.endswith("|"):
        if output is None:
            return value  # which those who read it refuse
        keep(value, Place("", frozenset(), value), output)
        return str(output)
    found = _ENTRY.fullmatch(value)
    if not value or found is None:
        return value
    base = next((b for b in script_bases(script) if (b / found[1]).exists()), Path())
    return os.path.abspath(base / found[1]) + found[2]


def _file_and_place(value: str) -> tuple[str, str]:
    """Take apart an entry of a script file; ValueError for what leads to no file."""
    found = _ENTRY.fullmatch(value)
    if not value or found is None or value.endswith("|") or value.startswith("|"):
        expected = "an archive such as feats.ark:17 (commands are not run)"
        raise ValueError(f"found {shown(value) or 'nothing'}, expected {expected}")
    return found[1], found[2]


def read_table(place: str) -> Iterator[tuple[str, NDArray]]:
    """Yield the vectors and matrices of a table, as they are; what is no specifier is the name of an archive."""
    with opened_table(place) as plain:
        is_script, path = plain.startswith("scp:"), plain.removeprefix("scp:").removeprefix("ark:")
        for key, (file, where) in (script_places if is_script else ark_places)(path).items():
            try:
                found = read_matrix(file, where)
            except (OSError, ValueError, AssertionError, struct.error) as error:
                raise DataError(f"{path}: {shown(key)}: {told_with('a vector or matrix', error)}") from error
            yield key, found


def read_objects(place: str, read: Callable[[BinaryIO], Entry], expected: str) -> dict[str, Entry]:
    """Read a table of what are no vectors or matrices, by a function as of `read_archive`; what it can of ``p``."""
    dropped: dict[str, str] | None = {} if "p" in parse_place(place).options else None
    with opened_table(place, check=False) as plain:
        path = plain.removeprefix("scp:").removeprefix("ark:")
        find = _read_script if plain.startswith("scp:") else read_archive
        found = find(path, read, expected, dropped)
    _tell_dropped(place, dropped or {}, left=bool(found), expected=expected)
    return found


def _read_script(
    path: str, read: Callable[[BinaryIO], Entry], expected: str, dropped: dict[str, str] | None
) -> dict[str, Entry]:
    """Read what a script file leads to, as `read_archive`."""
    found = {}
    for key, (file, where) in script_places(path, dropped).items():
        try:
            with open_regular(file) as archive:
                archive.seek(parse_whole(where[1:] or "0"))
                found[key] = read(archive)
        except (OSError, ValueError) as error:
            if dropped is None:
                raise DataError(f"{path}: utterance {shown(key)}: {told_with(expected, error)}") from error
            dropped[key] = f"{shown(key)}: {one_line(error)}"
    return found


def script_places(path: str, dropped: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """Read where a script file has what: files, from the current folder, and places in them, as `ark_places`."""
    found: dict[str, tuple[str, str]] = {}
    for key, value in read_map(path, rest_of_line=True).items():
        try:
            found[key] = _file_and_place(value)
        except ValueError as error:
            if dropped is None:
                raise DataError(f"{path}: utterance {shown(key)}: {error}") from error
            dropped[key] = f"{shown(key)}: {error}"
    if not found and not dropped:
        raise DataError(f"{path}: found no utterance, expected one or more")
    base = find_base(path, (file for file, _ in found.values()), script_bases(path))
    return {key: (str(base / file), where) for key, (file, where) in found.items()}


def write_table(place: Output, items: Iterable[tuple[str, NDArray]]) -> int:
    """Write vectors and matrices, in the precision that they have, as an archive and perhaps a script file of it."""
    return write_archive(place, ((key, encoded_array(array, text=place.text)) for key, array in items))
