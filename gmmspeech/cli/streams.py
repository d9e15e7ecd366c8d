"""Streams and specifiers of Kaldi's where a command reads or writes tables: ``-``, commands in pipes, gzip.

What can be read only once is kept in a temporary file first. What goes into a stream is written whole before any of it
is given on, so that nothing comes out of a command that fails.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.messages import typed_name
from gmmspeech.cli.places import (
    FEATURES,
    FILE,
    FILE_OR_NAME,
    LIST,
    OUT,
    OUT_STORE,
    OUT_TEXT,
    SHOWN,
    STREAM,
    TABLE,
    WRITTEN,
)
from gmmspeech.cli.process import STDOUT_TAKEN, standard_output, stdout_is_closed
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, shown
from gmmspeech.files.atomic import atomic_path, temporary_folder
from gmmspeech.files.table_places import BLOCK, Place, in_words_of, keep, parse_place


class Streams:
    """The streams of one command: what its arguments become, and what is done before and after it."""

    def __init__(self, folder: Callable[[], Path], *, allow_pipes: bool) -> None:
        self.folder, self.allow_pipes = folder, allow_pipes  # for temporary files, made where there are any
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []
        self.names: dict[str, str] = {}  # of temporary files, what they stand for
        self.taken: dict[str, str] = {}  # standard input and output, by whom

    def reading(self, name: str, text: str, *, check: bool) -> str:
        """Give what a command reads in place of a specifier.

        With `check` what can't be read is left out for the option ``p``; else that is for the command, which knows what
        the table is to hold.
        """
        place = parse_place(text)
        if place.is_stream:
            self.taking("standard input", name)
        elif place.is_command:
            self._allow(text)
        commands = self.allow_pipes and _has_commands(place)
        lenient = not check and "p" in place.options
        if not place.kind:
            return self._kept(text, place) if place.is_read_once and not text.startswith("htk:") else text
        if (place.is_plain or (lenient and not place.is_read_once)) and not commands:
            return f"{place.kind},p:{place.where}" if lenient else place.plain_in(place.where)
        file = self._temporary(text, "in")
        self.before.append(lambda: _make_plain(text, place, file, self.allow_pipes, check))
        return f"{place.kind},p:{file}" if lenient else place.plain_in(file)

    def _kept(self, text: str, place: Place) -> str:
        """Give the file in which something that is no table is kept, called as it is where it has a name."""
        told = "standard input" if place.is_stream else shown(text)
        path = Path(place.where.removesuffix(".gz") if place.is_gzip else STREAM)
        called = [part for part in path.parts if part not in (path.anchor, os.pardir)]
        file = self.folder().joinpath("_" * (1 + len(self.names)), *called)  # apart, without a word of our own
        file.parent.mkdir(parents=True)
        self.names[str(file)] = told
        self.before.append(lambda: keep(told, place, file))
        return str(file)

    def writing(self, name: str, text: str, *, store: bool) -> str:
        """Give what a command writes in place of a specifier; of a command that writes stores alone, one."""
        place = parse_place(text, writing=True)
        if not place.kind:
            return text if text.startswith("htk:") else os.fspath(self.writing_file(name, text))
        is_text = "t" in place.options
        if place.kind == "ark,scp":
            place = self._with_script(name, text, place)
        plain = not (place.is_stream or place.is_command or place.is_gzip)
        if plain and not store:
            return f"{place.kind}{',t' if is_text else ''}:{place.where}"
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

    def _with_script(self, name: str, text: str, place: Place) -> Place:
        """Let the script file of an archive go into a stream, or become a compressed file, where it is to be one."""
        ark, _, scp = place.where.partition(",")
        script = Place("scp", place.options, scp)
        if not (script.is_stream or script.is_gzip):
            return place
        if script.is_stream:
            self.taking("standard output", name)
        made = self._temporary(text, "out.scp")
        self.after.append(lambda: _deliver(text, script, made))
        return place._replace(where=f"{ark},{made}")

    def reading_file(self, name: str, text: str, place: Place) -> Path:
        """Give the file that a command reads in place of a stream of one, or of a list's specifier."""
        if place.is_stream:
            self.taking("standard input", name)
        elif place.is_command:
            self._allow(text)
        return Path(self._kept(text, place) if place.is_read_once else place.where)

    def writing_file(self, name: str, text: str) -> Path:
        """Give the file that goes to a stream, or becomes a compressed file, once it is whole."""
        place = Place("", frozenset(), text)
        if place.is_stream:
            self.taking("standard output", name)
            if ".h5" in name and sys.stdout.isatty():
                raise ConfigError(f"{name}: found a terminal for binary data, expected a file or a pipe")
        elif place.is_command:
            self._allow(text)
        elif not place.is_gzip:
            return Path(text)
        suffix = Path(text.removesuffix(".gz")).suffix if place.is_gzip else ""
        file = self.folder() / ("out" if place.is_stream else f"out{len(self.names)}") / f"{STREAM}{suffix}"
        file.parent.mkdir(exist_ok=True)
        told = self.names[str(file)] = "standard output" if place.is_stream else shown(text)
        self.after.append(lambda: _deliver_file(told, place, file))
        return file

    def told(self, message: str) -> str:
        """Give a message in which streams stand for the files that they are kept in."""
        told = in_words_of(message, self.names)
        told = self._beside(told) if self.names else told
        return told.replace("(commands are not run)", "(commands are not run without --allow-pipes)")

    def _beside(self, message: str) -> str:
        """Name what a command looks for beside a file in which a stream is kept."""
        folder = re.escape(os.fspath(self.folder()))
        return re.sub(
            rf"{folder}/(?P<out>out/)?(?:_+/)?(?P<name>[\w.]+)",
            lambda found: f"{found['name']} beside standard {'output' if found['out'] else 'input'}",
            message,
        )

    def taking(self, stream: str, name: str) -> None:
        """Note who takes a stream, or raise a DataError if another does."""
        if stream in self.taken:
            raise DataError(f"{stream}: found it as {self.taken[stream]} and as {name}, expected it once")
        if stream == "standard output" and stdout_is_closed():
            raise DataError(f"{stream}: found it closed, expected a file or a pipe for {name}")
        self.taken[stream] = name

    def _allow(self, text: str) -> None:
        if not self.allow_pipes:
            raise click.UsageError(f"found {shown(text)!r}, a command, expected --allow-pipes to run it")

    def _temporary(self, text: str, suffix: str) -> Path:
        file = self.folder() / f"{len(self.names)}.{suffix}"
        self.names[str(file)] = "standard input" if text.strip() == "-" and suffix == "in" else shown(text)
        return file


def _has_commands(place: Place) -> bool:
    """Say whether a script file names commands in place of archives."""
    if place.kind != "scp" or place.is_read_once:
        return False
    from gmmspeech.formats.kaldi.tables import has_commands

    return has_commands(place)


def _make_plain(text: str, place: Place, file: Path, allow_pipes: bool, check: bool) -> None:
    """Keep a table in a file, so that it can be read where one likes."""
    from gmmspeech.formats.kaldi.tables import make_plain

    make_plain(text, place, file, allow_pipes=allow_pipes, check=check)


def _copied(store: Path, out: str) -> None:
    """Copy features from a store to an archive."""
    from gmmspeech.commands.copy import copy_features

    copy_features(str(store), out)


def _deliver(text: str, place: Place, whole: Path) -> None:
    """Give on what is whole: to standard output, a command, or a compressed file."""
    with open(whole, "rb") as made:
        if place.is_stream:
            with standard_output():
                sys.stdout.flush()
                shutil.copyfileobj(made, sys.stdout.buffer, BLOCK)
                sys.stdout.buffer.flush()
        elif place.is_command:
            words = place.where.lstrip().removeprefix("|")
            status = subprocess.run(words, shell=True, stdin=made, check=False).returncode
            if status:
                raise DataError(f"{shown(text)}: found exit status {status} of the command, expected 0")
        else:
            with atomic_path(place.where) as temporary, gzip.GzipFile(temporary, "wb", mtime=0) as packed:
                shutil.copyfileobj(made, packed, BLOCK)


def _deliver_file(text: str, place: Place, file: Path) -> None:
    """Give a file on, and tell what else there is beside it, which is lost."""
    beside = sorted(each.name.removeprefix(file.name).lstrip(".") for each in file.parent.iterdir() if each != file)
    if beside:
        expected = "a file to write to, for those that lie beside it"
        warnings.warn(f"{text}: left out {', '.join(beside)}, expected {expected}", GmmSpeechWarning)
    _deliver(text, place, file)


@contextmanager
def streams_of(context: click.Context, options: dict[str, Any]) -> Iterator[Streams]:
    """Replace specifiers and streams among a command's options by files."""
    with ExitStack() as stack:
        folder = cache(lambda: stack.enter_context(temporary_folder()))
        streams = Streams(folder, allow_pipes=bool(options.get("allow_pipes", context.params.get("allow_pipes"))))
        for parameter in context.command.params:
            key = parameter.name or ""
            name = typed_name(parameter, context)
            if isinstance(options.get(key), tuple):
                options[key] = tuple(_through(streams, parameter, name, each) for each in options[key])
            elif options.get(key) is not None:
                options[key] = _through(streams, parameter, name, options[key])
            if key in options:
                context.params[key] = options[key]
        context.meta[STDOUT_TAKEN] = "standard output" in streams.taken
        yield streams


def _through(streams: Streams, parameter: click.Parameter, name: str, value: Any) -> Any:
    """Give what stands for the value of a parameter."""
    kind = parameter.type
    if kind in (FILE, LIST):
        return streams.reading_file(name, os.fspath(value), parse_place(os.fspath(value)))
    if kind is FILE_OR_NAME:
        return os.fspath(streams.reading_file(name, value, Place("", frozenset(), value)))
    if kind in (FEATURES, TABLE, SHOWN):
        return streams.reading(name, value, check=kind is FEATURES)
    if kind is OUT_TEXT and value.strip() == STREAM:
        return os.fspath(streams.writing_file(name, STREAM))
    if kind in WRITTEN:
        return streams.writing(name, value, store=kind is OUT_STORE)
    if kind is OUT:
        return streams.writing_file(name, os.fspath(value))
    return value
