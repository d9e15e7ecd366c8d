"""Streams and specifiers of Kaldi's where a command reads or writes tables: ``-``, commands in pipes, gzip.

What can be read only once is kept in a temporary file first. What goes into a stream is written whole before any of it
is given on, so that nothing comes out of a command that fails.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import click

from gmmspeech.cli.messages import typed_name
from gmmspeech.cli.places import FILE, FILE_OR_NAME, OUT, STREAM
from gmmspeech.cli.process import STDOUT_TAKEN
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, counted, first_of, one_line, shown
from gmmspeech.files.atomic import atomic_path, temporary_folder
from gmmspeech.files.table_places import Place, parse_place

_BLOCK = 1 << 20


class Streams:
    """The streams of one command: what its arguments become, and what is done before and after it."""

    def __init__(self, folder: Callable[[], Path], *, allow_pipes: bool) -> None:
        self.folder, self.allow_pipes = folder, allow_pipes  # for temporary files, made where there are any
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []
        self.names: dict[str, str] = {}  # of temporary files, what they stand for
        self.taken: dict[str, str] = {}  # standard input and output, by whom

    def reading(self, name: str, text: str) -> str:
        """Give what a command reads in place of a specifier."""
        place = parse_place(text)
        if not place.kind:
            return text
        if not (place.is_stream or place.is_command or place.is_gzip):
            return f"scp:{self._permitted(text, place)}" if "p" in place.options else f"{place.kind}:{place.where}"
        if place.is_stream:
            self.taking("standard input", name)
        elif place.is_command:
            self._allow(text)
        temporary = self._temporary(text, "in")
        self.before.append(lambda: _fetch(text, place, temporary))
        if "p" in place.options:
            return f"scp:{self._permitted(text, place, temporary)}"
        return f"{place.kind}:{temporary}"

    def writing(self, name: str, text: str, *, store: bool) -> str:
        """Give what a command writes in place of a specifier; of a command that writes stores alone, one."""
        place = parse_place(text, writing=True)
        if not place.kind:
            return text
        plain = not (place.is_stream or place.is_command or place.is_gzip)
        if plain and not store:
            options = ",t" if "t" in place.options else ""
            return f"{place.kind}{options}:{place.where}"
        is_text = "t" in place.options
        if place.is_stream:
            self.taking("standard output", name)
            if not is_text and sys.stdout.isatty():
                expected = "a file, a pipe, or ark,t:- for text"
                raise ConfigError(f"{shown(text)}: found a terminal for binary data, expected {expected}")
        elif place.is_command:
            self._allow(text)
        made = self._temporary(text, "out.h5" if store else "out.ark")
        options = "ark,t" if is_text else "ark"
        if plain:
            self.after.append(lambda: _copied(made, f"{place.kind}{',t' if is_text else ''}:{place.where}"))
            return str(made)
        whole = made
        if store:
            whole = self._temporary(text, "whole.ark")
            self.after.append(lambda: _copied(made, f"{options}:{whole}"))
        self.after.append(lambda: _deliver(text, place, whole))
        return str(made) if store else f"{options}:{made}"

    def reading_file(self, name: str, like: str | Path) -> str | Path:
        """Give the file in which standard input is kept, if that is what is named, in the type of the name."""
        if not _is_stream(like):
            return like
        self.taking("standard input", name)
        file = self._temporary(STREAM, "in")
        self.before.append(lambda: _fetch("standard input", parse_place(STREAM), file))
        return type(like)(file)

    def writing_file(self, name: str, *, binary: bool) -> Path:
        """Give the file that goes to standard output once it is whole."""
        self.taking("standard output", name)
        if binary and sys.stdout.isatty():
            raise ConfigError(f"{name}: found a terminal for binary data, expected a file or a pipe")
        file = self.folder() / "out" / STREAM
        file.parent.mkdir(exist_ok=True)
        self.names[str(file)] = "standard output"
        self.after.append(lambda: _deliver_file(file))
        return file

    def told(self, message: str) -> str:
        """Give a message in which streams stand for the files that they are kept in."""
        for file, text in self.names.items():
            message = message.replace(f"ark:{file}", text).replace(f"scp:{file}", text).replace(file, text)
        return self._beside(message) if self.names else message

    def _beside(self, message: str) -> str:
        """Name what a command looks for beside a file in which a stream is kept."""
        folder = re.escape(os.fspath(self.folder()))
        return re.sub(
            rf"{folder}/(?P<out>out/)?(?P<name>[\w.]+)",
            lambda found: f"{found['name']} beside standard {'output' if found['out'] else 'input'}",
            message,
        )

    def taking(self, stream: str, name: str) -> None:
        """Note who takes a stream, or raise a DataError if another does."""
        if stream in self.taken:
            raise DataError(f"{stream}: found it as {self.taken[stream]} and as {name}, expected it once")
        self.taken[stream] = name

    def _allow(self, text: str) -> None:
        if not self.allow_pipes:
            raise click.UsageError(f"found {shown(text)!r}, a command, expected --allow-pipes to run it")

    def _temporary(self, text: str, suffix: str) -> Path:
        file = self.folder() / f"{len(self.names)}.{suffix}"
        self.names[str(file)] = "standard input" if text.strip() == "-" and suffix == "in" else shown(text)
        return file

    def _permitted(self, text: str, place: Place, source: Path | None = None) -> Path:
        """Give a script file of what can be read of a table, once that is done."""
        file = self._temporary(text, "scp")
        self.before.append(lambda: _write_permitted(text, place, source or Path(place.where), file))
        return file


def _fetch(text: str, place: Place, file: Path) -> None:
    """Keep what comes from a stream in a file."""
    with open(file, "wb") as kept:
        if place.is_stream:
            if sys.stdin.isatty():
                raise DataError(f"{shown(text)}: found a terminal, expected a pipe or a file as standard input")
            shutil.copyfileobj(sys.stdin.buffer, kept, _BLOCK)
        elif place.is_command:
            words = place.where.rstrip().removesuffix("|")
            status = subprocess.run(words, shell=True, stdout=kept, stdin=subprocess.DEVNULL, check=False).returncode
            if status:
                raise DataError(f"{shown(text)}: found exit status {status} of the command, expected 0")
        else:
            try:
                with gzip.open(place.where) as unpacked:
                    shutil.copyfileobj(unpacked, kept, _BLOCK)
            except (OSError, EOFError, zlib.error) as error:
                reason = one_line(error)
                raise DataError(
                    f"{shown(place.where)}: can't be read ({reason}), expected a whole gzip file"
                ) from error


def _write_permitted(text: str, place: Place, source: Path, file: Path) -> None:
    """List what can be read of a table in a script file; of an archive, what comes before the first damage."""
    from gmmspeech.formats.kaldi_ark import read_matrix, readable_places

    dropped: dict[str, str] = {}
    entries = dict(_script(source)) if place.kind == "scp" else readable_places(os.fspath(source), dropped)
    lines = []
    for key, value in entries.items():
        found = re.fullmatch(r"(?P<file>.*?)(?P<where>(:[0-9]+)?(\[[0-9:,]*\])?)", value)
        base = next(
            (b for b in (Path(), source.parent, source.parent.parent) if (b / value.split(":")[0]).exists()), Path()
        )
        archive = os.path.abspath(base / found["file"]) if found else value
        try:
            read_matrix(archive, found["where"] if found else "")
        except (OSError, ValueError, AssertionError) as error:
            dropped[key] = f"{key}: {one_line(error)}"
        else:
            lines.append(f"{key} {archive}{found['where'] if found else ''}\n")
    if dropped:
        count = f"{counted(len(dropped), 'utterance')} that can't be read"
        warnings.warn(f"{shown(text)}: left out {count}; {first_of(dropped)}", GmmSpeechWarning)
    if not lines:
        raise DataError(f"{shown(text)}: found nothing that can be read, expected one matrix or more")
    file.write_text("".join(lines), encoding="utf-8")


def _script(source: Path) -> Iterator[tuple[str, str]]:
    from gmmspeech.formats.datadir import read_map

    yield from read_map(source, rest_of_line=True).items()


def _copied(store: Path, out: str) -> None:
    """Copy features from a store to an archive."""
    from gmmspeech.commands.copy import copy_features

    copy_features(str(store), out)


def _deliver(text: str, place: Place, whole: Path) -> None:
    """Give on what is whole: to standard output, a command, or a compressed file."""
    with open(whole, "rb") as made:
        if place.is_stream:
            sys.stdout.flush()
            _pour(made, sys.stdout.buffer)
        elif place.is_command:
            words = place.where.lstrip().removeprefix("|")
            status = subprocess.run(words, shell=True, stdin=made, check=False).returncode
            if status:
                raise DataError(f"{shown(text)}: found exit status {status} of the command, expected 0")
        else:
            with atomic_path(place.where) as temporary, gzip.GzipFile(temporary, "wb", mtime=0) as packed:
                shutil.copyfileobj(made, packed, _BLOCK)


def _pour(made: BinaryIO, stream: BinaryIO) -> None:
    try:
        shutil.copyfileobj(made, stream, _BLOCK)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(f"standard output: can't be written ({error.strerror})") from error


def _deliver_file(file: Path) -> None:
    """Give a file on to standard output, and tell what else there is beside it, which is lost."""
    beside = sorted(each.name.removeprefix(file.name).lstrip(".") for each in file.parent.iterdir() if each != file)
    if beside:
        expected = "a file to write to, for those that lie beside it"
        warnings.warn(f"standard output: left out {', '.join(beside)}, expected {expected}", GmmSpeechWarning)
    with open(file, "rb") as made:
        sys.stdout.flush()
        _pour(made, sys.stdout.buffer)


def end_by_signal() -> None:
    """End the process as those of Kaldi end whose reader is gone: by the signal, without a word."""
    if hasattr(signal, "SIGPIPE"):
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)


def _is_stream(value: object) -> bool:
    """Say whether an argument is standard input or output."""
    return value in (STREAM, Path(STREAM))


@contextmanager
def streams_of(
    context: click.Context, options: dict[str, Any], reads: object, writes: object, stores: object
) -> Iterator[Streams]:
    """Replace specifiers among a command's options; of parameters of such types."""
    with ExitStack() as stack:
        folder = cache(lambda: stack.enter_context(temporary_folder()))
        streams = Streams(folder, allow_pipes=bool(options.get("allow_pipes", context.params.get("allow_pipes"))))
        for parameter in context.command.params:
            key, kind = parameter.name or "", parameter.type
            value = options.get(key)
            name = typed_name(parameter, context)
            if kind in (FILE, FILE_OR_NAME) and isinstance(value, tuple):
                options[key] = tuple(streams.reading_file(name, like=each) for each in value)
            elif kind in (FILE, FILE_OR_NAME) and value is not None:
                options[key] = streams.reading_file(name, like=value)
            elif kind is OUT and _is_stream(value):
                options[key] = streams.writing_file(name, binary=".h5" in name)
            elif not isinstance(value, str):
                continue
            elif kind is reads:
                options[key] = streams.reading(name, value)
            elif kind in (writes, stores):
                options[key] = streams.writing(name, value, store=kind is stores)
            else:
                continue
            context.params[key] = options[key]
        context.meta[STDOUT_TAKEN] = "standard output" in streams.taken
        yield streams
