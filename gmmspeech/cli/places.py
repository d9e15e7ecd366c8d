"""What arguments of commands name: files to read and to write, checked in one place before any work begins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from gmmspeech.cli.messages import typed_name
from gmmspeech.errors import ConfigError, DataError, GmmSpeechError, shown
from gmmspeech.files.atomic import check_output, check_output_folder, no_empty_folders, remove_leftovers
from gmmspeech.files.table_places import Place, check_path, parse_output, parse_place

LISTS = (  # of a DATA_DIR
    *("wav.scp", "segments", "utt2spk", "spk2utt", "text", "phones.ctm", "spk2gender", "utt2dur", "utt2num_frames"),
    *("reco2dur", "feats.scp", "vad.scp", "cmvn.scp", "utt2lang", "utt2uniq"),
)
STREAM = "-"


def is_command_to_write(text: str) -> bool:
    """Say whether an output is a command in a pipe."""
    return text.lstrip().startswith("|")


class _Input(click.Path):
    """A file to read, or a stream of one; a table of Kaldi's where it is a list."""

    def __init__(self, *, is_list: bool = False) -> None:
        super().__init__(path_type=Path, dir_okay=False)
        self.is_list = is_list

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = os.fspath(value)
        try:
            check_path(text, writing=False, tables=False)
            place = parse_place(text)
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        good = self.is_list and place.kind == "ark" and "p" not in place.options
        if place.kind and not good and value != STREAM:
            expected = "the name of a file, or ark:PLACE" if self.is_list else "the name of a file"
            self.fail(f"found {shown(text)!r}, a table of Kaldi's, expected {expected}", param, ctx)
        if os.path.isdir(text):
            self.fail(f"found the folder {shown(text)}, expected a file, such as one in it", param, ctx)
        return super().convert(value, param, ctx)


class _Output(click.Path):
    """A file or folder to write: no other program but in a pipe; ``-`` is standard output, for a file."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            if not self.file_okay or not (value == STREAM or is_command_to_write(os.fspath(value))):
                parse_output(os.fspath(value))
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)


class _Folder(click.Path):
    """A folder to read."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if os.path.isfile(value):
            self.fail(f"found the file {shown(value)}, expected a folder, such as the one that it is in", param, ctx)
        return super().convert(value, param, ctx)


class _Text(click.types.StringParamType):
    """Text that names a file, perhaps among other things; kept as it is."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


class _OutputTable(_Text):
    """Where to write a table: a file, or a specifier of Kaldi's; some can be a folder of HTK's files, or a command."""

    def __init__(self, *, htk: bool = False, text: bool = False) -> None:
        self.htk, self.text = htk, text

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if self.text and is_command_to_write(value):
            return value
        try:
            place = parse_place(value, writing=True)
            if not place.kind or not (place.is_stream or place.is_command or place.is_gzip):
                text = re.sub(r",\s*-\s*$", ",stream", value) if place.kind == "ark,scp" else value
                found = parse_output(text, archives=True)
                if found.kind == "htk" and not self.htk:
                    self.fail(f"found {shown(value)!r}, expected a path, ark:PATH or ark,scp:ARK,SCP", param, ctx)
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        return value


class _Table(_Text):
    """Where a table is: a path, or a specifier of Kaldi's; some can be HTK's files too."""

    def __init__(self, *, htk: bool = False) -> None:
        self.htk = htk

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            kind = parse_place(value).kind
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        if not kind and value.startswith("htk:") and not self.htk:
            self.fail(f"found {shown(value)!r}, expected a path, ark:PATH or scp:PATH", param, ctx)
        return value


FILE = _Input()  # - is standard input
LIST = _Input(is_list=True)  # with an id in each line; ark:PATH too, as Kaldi has it
FOLDER = _Folder(path_type=Path, file_okay=False)
FILE_OR_FOLDER = click.Path(path_type=Path)
FEATURES = _Table(htk=True)  # a path, or scp:PATH, ark:PATH, htk:PATH, or a stream of Kaldi's
TABLE = _Table()  # of vectors, matrices or alignments that are no features
SHOWN = _Table(htk=True)  # a table of what it turns out to be
FILE_OR_NAME = _Text()  # a path, or the name of something that comes along; - is standard input
CONFIG = _Text()  # the same of a front end, whose kind the path tells
OUT = _Output(path_type=Path, dir_okay=False, readable=False)
OUT_FOLDER = _Output(path_type=Path, file_okay=False, readable=False)
OUT_FEATURES = _OutputTable(htk=True)
OUT_TABLE = _OutputTable()
OUT_TEXT = _OutputTable(text=True)  # a file of text, - and a command in a pipe too; a table by its specifier alone
OUT_STORE = _OutputTable(htk=True)  # of a command that itself writes HDF5 alone
READ = (FILE, LIST, FEATURES, TABLE, SHOWN)  # what may be a stream, a command in a pipe, or compressed
WRITTEN = (OUT_FEATURES, OUT_TABLE, OUT_TEXT, OUT_STORE)  # tables likewise


@contextmanager
def checked_places(context: click.Context) -> Iterator[None]:
    """See that all outputs of a command can be written, and are neither read too nor where messages go.

    What killed runs left of the same outputs is removed. Folders that are made for them go again if the block puts
    nothing into them.
    """
    paths = _checked_outputs(context)
    with no_empty_folders(paths):
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)  # a model isn't saved where there is no folder
            remove_leftovers(path)
        yield


def _checked_outputs(context: click.Context) -> list[Path]:
    """Give the files that a command writes; a DataError names what can't be one."""
    written: list[tuple[str, Path]] = []
    folders: list[Path] = []
    read: list[tuple[str, Path]] = []
    features: list[str] = []
    for parameter in context.command.params:
        for value in _values(context.params.get(parameter.name or "")):
            name, kind = typed_name(parameter, context), parameter.type
            if kind in (OUT, OUT_STORE):
                written.append((name, Path(value)))
            elif kind in WRITTEN:
                output = parse_output(value, archives=True)
                if output.kind == "htk":
                    folders.append(Path(output.path))
                else:
                    written += [(name, Path(path)) for path in output.paths]
            elif kind is OUT_FOLDER:
                folders.append(Path(value))
            elif isinstance(kind, (click.Path, _Text)):
                read += [(name, place) for place in _read_from(value)]
                if kind is FEATURES:
                    features.append(value)
    for folder in folders:
        check_output_folder(folder)
        if any(name.startswith("DATA_DIR") and _same(folder, place) for name, place in read):
            raise DataError(f"{shown(folder, 400)}: found it as DATA_DIR and as output, expected two folders")
    for i, (name, path) in enumerate(written):
        check_output(path)
        _check_stream(path)
        for other, place in [*written[:i], *read]:
            if _same(path, place):
                raise DataError(f"{shown(path, 400)}: found it as {other} and as {name}, expected two places")
    _check_not_read([path for _, path in written if path.exists()], features)
    return [path for _, path in written]


def remedy_of(context: click.Context, message: str) -> str:
    """Tell what to do about a file that a message begins with.

    That is a script file given as if it were an archive, or a list of a DATA_DIR that a command says more of.
    """
    named = {name: value for name, value in context.params.items() if name in ("data_dir", "data_dirs")}
    for folder in next(map(_values, named.values()), []):
        of_list = any(message.startswith(f"{folder / name}:") for name in LISTS)
        if of_list and ": found " in message and "fix-data" not in message:
            return f" (gmmspeech validate-data {shown(folder, 400)} tells all that is wrong there)"
    if "no readable HDF5" in message or message.endswith("expected an archive of Kaldi's"):
        for parameter in context.command.params:
            if isinstance(parameter.type, _Table):
                for value in _values(context.params.get(parameter.name or "")):
                    if _is_mistaken(parse_place(value), message):
                        return f" (for a script file write scp:{shown(parse_place(value).where, 400)})"
    return ""


def _is_mistaken(place: Place, message: str) -> bool:
    """Say whether a message begins with a script file that is taken for something else."""
    script = place.kind != "scp" and place.where.endswith(".scp") and os.path.isfile(place.where)
    return script and message.startswith(f"{place.where}: ")


def check_log(context: click.Context, log: Path) -> None:
    """Raise a DataError if the file of a log is anything else that a command names."""
    for parameter in context.command.params:
        for value in _values(context.params.get(parameter.name or "")) if parameter.name != "log" else ():
            if isinstance(value, (str, Path)) and any(_same(log, place) for place in _read_from(value)):
                name = typed_name(parameter, context)
                raise DataError(f"{shown(log, 400)}: found it as {name} and as --log, expected two places")
    _check_stream(log)


def _check_not_read(paths: list[Path], features: list[str]) -> None:
    """Raise a DataError if a file, which would be replaced, is an archive or a shard that features lead to."""
    if not paths or not features:
        return
    from gmmspeech.stores.features import FeatureStore

    for source in features:
        files: list[str] = []
        with suppress(GmmSpeechError), FeatureStore(source) as store:  # the command will tell what is wrong
            files = list(store.files)
        for path in paths:
            if any(_same(path, Path(file)) for file in files):
                there = f"{shown(path, 400)}: found it in {shown(source, 400)}, which is read"
                raise DataError(f"{there}, expected another place to write to")


def _values(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _read_from(value: str | Path) -> Iterator[Path]:
    """Files that an argument leads to: itself, or the lists of a data directory."""
    text = os.fspath(value)
    kind, colon, place = text.partition(":")
    path = Path(place if colon and kind.partition(",")[0] in ("scp", "ark", "htk") else text)
    yield path
    with suppress(OSError, ValueError):
        if path.is_dir():
            yield from (path / name for name in LISTS)


def _same(one: Path, other: Path) -> bool:
    """Say whether two paths are one file: by whichever links, and also where it is not there yet."""
    with suppress(OSError, ValueError):
        if os.path.realpath(one) == os.path.realpath(other):
            return True
        return os.path.samefile(one, other)
    return False


def _check_stream(path: Path) -> None:
    """Raise a DataError if a file is what standard output, or error, goes to."""
    with suppress(OSError):
        found = os.stat(path)
        for number, stream in ((1, "standard output"), (2, "standard error")):
            with suppress(OSError):
                if os.path.samestat(found, os.fstat(number)):
                    raise DataError(f"{shown(path, 400)}: found where {stream} goes, expected another file")
