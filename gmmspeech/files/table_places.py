"""Kaldi's specifiers of tables: type of table, options, and location; and other places to write to."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gmmspeech.errors import ConfigError, DataError, GmmSpeechError, one_line, shown
from gmmspeech.files.regular import is_pipe_of_shell

BLOCK = 1 << 20  # bytes that are copied at a time
_SPECIFIER = re.compile(r"(?P<options>[a-z]+(,[a-z]+)*):(?P<place>.*)", re.DOTALL)
_NEARLY = re.compile(r"\s*(ark|scp)\b[\s\w,]*:", re.IGNORECASE)  # a specifier with blanks, capitals, commas too many
_READING = {"o", "no", "s", "ns", "cs", "ncs", "p", "np", "bg", "t", "b"}  # all that Kaldi knows, beside ark and scp
_WRITING = {"t", "b", "f", "nf", "p", "np"}
_STANDARD = {False: ("/dev/stdin", "/dev/fd/0"), True: ("/dev/stdout", "/dev/fd/1")}  # what - is too
_KINDS = {"ark", "scp", "htk"}
_INSTEAD = "expected the name of a file: write it, then give it to other programs"


class Place(NamedTuple):
    """What a specifier says: the kind of table (ark, scp, both, or nothing), options, and where it is."""

    kind: str
    options: frozenset[str]
    where: str

    @property
    def is_stream(self) -> bool:
        """Whether it is standard input or output."""
        return self.where.strip() == "-"

    @property
    def is_command(self) -> bool:
        """Whether it is a command in a pipe."""
        return self.where.lstrip().startswith("|") or self.where.rstrip().endswith("|")

    @property
    def is_gzip(self) -> bool:
        """Whether it is a compressed file, by its name."""
        return self.where.endswith(".gz") and not self.is_command

    @property
    def is_pipe(self) -> bool:
        """Whether it is the end of a pipe, as the shell has for ``<(COMMAND)``; one with a name would be waited for."""
        return is_pipe_of_shell(self.where)

    @property
    def is_read_once(self) -> bool:
        """Whether it must be kept in a file to be read where one likes, and again."""
        return self.is_stream or self.is_command or self.is_gzip or self.is_pipe

    @property
    def is_plain(self) -> bool:
        """Whether a table can be read where it is."""
        return not self.is_read_once and "p" not in self.options

    def plain_in(self, file: str | os.PathLike[str]) -> str:
        """Say what a table is where it can be read: itself, or for ``p`` a script file of what can be read of it."""
        return f"{'scp' if 'p' in self.options else self.kind}:{os.fspath(file)}"


def parse_place(text: str, *, writing: bool = False) -> Place:
    """Take apart what an argument says of where a table is; ``-`` is an archive, as ``ark:-``.

    Examples
    --------
    >>> parse_place("ark,s,cs:-").is_stream, parse_place("feats.h5").kind
    (True, '')
    """
    found = _SPECIFIER.fullmatch(text)
    options = found["options"].split(",") if found else []
    if text.strip() == "-":
        return Place("ark", frozenset(), text)
    known = _WRITING if writing else _READING
    if found is None or not {"ark", "scp"} & set(options):
        check_path(text, writing=writing)
        return Place("", frozenset(), text)
    unknown = [option for option in options if option not in known | {"ark", "scp"}]
    if unknown:
        expected = f"ark or scp, and any of {', '.join(sorted(known))}"
        raise ConfigError(f"{shown(text)}: found option {shown(unknown[0])}, expected {expected}")
    kind = ",".join(option for option in options if option in ("ark", "scp"))
    where = "-" if found["place"].strip() in _STANDARD[writing] else found["place"]
    place = Place(kind, frozenset(options) - {"ark", "scp"}, where)
    if kind not in (("ark", "ark,scp") if writing else ("ark", "scp")):
        expected = "ark:PLACE, ark,t:PLACE or ark,scp:ARK,SCP" if writing else "ark:PLACE or scp:PLACE"
        raise ConfigError(f"{shown(text)}: found {kind}:, expected {expected}")
    if not where.strip():
        raise ConfigError(f"found nothing behind {shown(text)!r}, expected the name of a file there")
    if place.is_command and place.where.lstrip().startswith("|") != writing:
        side = "| COMMAND, which is written to" if writing else "COMMAND |, which is read from"
        raise ConfigError(f"{shown(text)}: found a command, expected {side}")
    if {"t", "b"} <= place.options and writing:
        raise ConfigError(f"{shown(text)}: found both t and b, expected one of them")
    ark, *scp = place.where.split(",") if kind == "ark,scp" else (place.where, "")
    if len(scp) != 1 or (kind == "ark,scp" and not (ark.strip() and scp[0].strip())):
        raise ConfigError(f"{shown(text)}: found {shown(place.where)}, expected ark,scp:ARK,SCP, two places")
    archive = Place("ark", frozenset(), ark)
    if kind == "ark,scp" and (place.is_command or archive.is_stream or archive.is_gzip):
        raise ConfigError(
            f"{shown(text)}: found a stream, expected files: a script file tells where in them things are"
        )
    return place


class Output(NamedTuple):
    """What an argument says of where to write, see `parse_output`.

    Parameters
    ----------
    kind : str
        ``"file"``, ``"ark"`` (an archive of Kaldi's), or ``"htk"`` (a folder of HTK's files).
    path : str
    script : str or None
        Script file of an archive.
    text : bool
        Whether the archive is text.
    """

    kind: str
    path: str
    script: str | None = None
    text: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """All that is written to."""
        return (self.path,) if self.script is None else (self.path, self.script)


def parse_output(text: str, *, archives: bool = False) -> Output:
    """Take apart what an argument says of where to write.

    It is a path, or with `archives` also ``ark:PATH``, ``ark,t:PATH``, ``ark,scp:ARK,SCP``, or ``htk:FOLDER``. What
    means something else in Kaldi (standard output, commands, other options) is refused with a `ConfigError`.

    Examples
    --------
    >>> parse_output("ark,scp:a.ark,a.scp", archives=True)
    Output(kind='ark', path='a.ark', script='a.scp', text=False)
    """
    check_path(text, writing=True, tables=archives)
    place = parse_place(text, writing=True)
    output = Output("file", text)
    if text.startswith("htk:"):
        output = Output("htk", text.removeprefix("htk:"))
    elif place.kind:
        ark, _, scp = place.where.partition(",") if place.kind == "ark,scp" else (place.where, "", "")
        output = Output("ark", ark, scp or None, "t" in place.options)
    for path in output.paths:
        where = Place("", frozenset(), path)
        if where.is_stream:
            raise ConfigError(f"found {shown(text)!r}, standard output, {_INSTEAD}")
        if where.is_command:
            raise ConfigError(f"found {shown(text)!r}, a command, {_INSTEAD}")
        if not path or "\0" in path:
            raise ConfigError(f"found {shown(text)!r}, expected the name of a file")
    if output.kind != "file" and not archives:
        raise ConfigError(f"found {shown(text)!r}, expected the name of a file (copy-features writes archives)")
    return output


def check_path(text: str, *, writing: bool, tables: bool = True) -> None:
    """Raise a ConfigError if what is no specifier looks like one: it would become the name of a file."""
    found = _SPECIFIER.fullmatch(text)
    options = found["options"].split(",") if found else []
    words = set(text.split(","))
    bare = bool(words & _KINDS) and words <= _READING | _WRITING | _KINDS
    drive = os.name == "nt" and len(options) == 1 and len(options[0]) == 1
    nearly = _NEARLY.match(text) if found is None else None
    prefix = nearly is not None or (bool(options) and not _KINDS & set(options) and not drive)
    if (bare or prefix) and (writing or not os.path.exists(text)):
        odd = f"{shown(text.partition(':')[0])}:" if prefix else "no place"
        specifiers = f"ark:PLACE, {'ark,t:PLACE' if writing else 'scp:PLACE'}, htk:PLACE, or " if tables else ""
        expected = f"{specifiers}the name of a file"
        there = f" (./{shown(text)} is one)" if prefix else ""
        raise ConfigError(f"{shown(text)}: found {odd}, expected {expected}{there}")


def keep(text: str, place: Place, file: Path) -> None:
    """Keep what can be read only once in a file: of a stream, a command, a compressed file; `text` is for messages."""
    with open(file, "wb") as kept:
        if place.is_stream:
            if sys.stdin is None:
                raise DataError(f"{shown(text)}: found standard input closed, expected a pipe or a file there")
            if sys.stdin.isatty():
                raise DataError(f"{shown(text)}: found a terminal, expected a pipe or a file as standard input")
            shutil.copyfileobj(sys.stdin.buffer, kept, BLOCK)
        elif place.is_command:
            words = place.where.rstrip().removesuffix("|")
            status = subprocess.run(words, shell=True, stdout=kept, stdin=subprocess.DEVNULL, check=False).returncode
            if status:
                raise DataError(f"{shown(text)}: found exit status {status} of the command, expected 0")
        else:
            expected = "a whole gzip file" if place.is_gzip else "something to read"
            try:
                with gzip.open(place.where) if place.is_gzip else open(place.where, "rb") as unpacked:
                    shutil.copyfileobj(unpacked, kept, BLOCK)
            except (OSError, EOFError, zlib.error) as error:
                raise DataError(
                    f"{shown(place.where)}: can't be read ({one_line(error)}), expected {expected}"
                ) from error


def in_words_of(message: str, names: Mapping[str, str]) -> str:
    """Give a message in which files that are kept meanwhile are called what they stand for."""
    for file, text in names.items():
        for kind in ("ark:", "scp:", "ark,p:", "scp,p:", ""):
            message = message.replace(f"{kind}{file}", text)
    return message


@contextmanager
def errors_in_words_of(names: Mapping[str, str]) -> Iterator[None]:
    """Let errors of a block call files that are kept meanwhile what they stand for."""
    try:
        yield
    except GmmSpeechError as error:
        raise type(error)(in_words_of(str(error), names)) from error
