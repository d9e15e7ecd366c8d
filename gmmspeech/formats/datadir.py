"""Kaldi-style data directories: recordings, segments, speakers and transcripts.

A data directory contains small text files with one entry per line, the id first: ``wav.scp`` (recording, path),
``utt2spk`` (utterance, speaker), and optionally ``segments`` (utterance, recording, start, end in seconds) and
``text`` (utterance, words). See https://kaldi-asr.org/doc/data_prep.html.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.audio import RawAudio, audio_file, decode_audio, read_audio_blocks
from gmmspeech.audio.samples import Channel
from gmmspeech.errors import AudioError, DataError, counted, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import (
    BLANKS,
    check_distinct,
    is_field,
    is_holdable,
    look_alike,
    parse_number,
    parse_whole,
    read_line_blocks,
    split_all_fields,
    split_fields,
)

_BLANK = frozenset(BLANKS)


@dataclass(frozen=True)
class Segment:
    """A segment of a recording, in seconds; `end` None means the recording's end, `channel` None its only channel."""

    recording: str
    start: float
    end: float | None
    channel: int | None = None


@dataclass(frozen=True)
class DataDir:
    """Content of a data directory, as returned by `read_data_dir`.

    Parameters
    ----------
    path : Path
    recordings : dict
        Audio file, or ``ARCHIVE:OFFSET``, by recording id.
    segments : dict or None
        `Segment` by utterance id; None if each recording is one utterance.
    utterances : tuple of str
        Utterance ids, sorted.
    utt2spk : dict
        Speaker id by utterance id.
    text : dict or None
        Words by utterance id; None if there is no such file.
    commands : dict
        By recording id, the command that outputs the recording, if commands instead of files are allowed.
    raw : RawAudio or None
        Sample format of recordings without headers.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gmmspeech.formats import DataDir
    >>> data = DataDir(Path("."), {"a": Path("a.wav"), "b": Path("b.wav")}, None, ("a", "b"), {"a": "ann", "b": "bob"})
    >>> data.only(["b"]).utterances
    ('b',)
    """

    path: Path
    recordings: dict[str, Path]
    segments: dict[str, Segment] | None
    utterances: tuple[str, ...]
    utt2spk: dict[str, str]
    text: dict[str, str] | None = None
    commands: dict[str, str] = field(default_factory=dict)
    raw: RawAudio | None = None

    @checked
    def only(self, utterances: Iterable[str]) -> DataDir:
        """Return a data directory with some of the utterances."""
        return replace(self, utterances=tuple(utterances))

    @checked
    def segment_of(self, utterance: str) -> Segment:
        """Return the segment of an utterance; without segments, the whole recording of the same id."""
        return Segment(utterance, 0.0, None) if self.segments is None else self.segments[utterance]


@checked
def read_data_dir(path: str | os.PathLike[str], *, allow_pipes: bool = False, raw: RawAudio | None = None) -> DataDir:
    """Read a Kaldi-style data directory and check that its files are consistent.

    Relative paths in ``wav.scp`` are looked for in the corpus folder (two above the data directory, as in
    ``corpus/data/train``), the data directory itself, then the current directory; the first of these that contains one
    of the files is used for all.

    Parameters
    ----------
    path : path-like
        A folder with ``wav.scp`` and ``utt2spk``, optionally ``segments`` and ``text``.
    allow_pipes : bool
        Accept commands in ``wav.scp``, such as ``sph2pipe -f wav a.sph |``, which `load_utterance` then runs in a
        shell with your permissions. Use it only for data directories that you trust.
    raw : RawAudio, optional
        Sample format of recordings without headers.

    Returns
    -------
    DataDir

    Raises
    ------
    DataError
        If a file is missing or malformed (the message gives the line), its ids don't match those of the others, or
        ``wav.scp`` has a command instead of a file without `allow_pipes`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gmmspeech.formats.datadir import write_map
    >>> import tempfile, gmmspeech as gs
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "a.wav").touch()
    >>> write_map(folder / "wav.scp", {"ann-1": "a.wav"})
    >>> write_map(folder / "utt2spk", {"ann-1": "ann"})
    >>> gs.read_data_dir(folder).utt2spk
    {'ann-1': 'ann'}
    """
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected a data directory (with wav.scp and utt2spk)")
    if not os.path.lexists(folder / "wav.scp"):
        expected = "a data directory (`gmmspeech prepare speakers FOLDER OUT` makes one of folders of recordings)"
        raise DataError(f"{folder}: found no wav.scp, expected {expected}")
    recordings, commands = _read_wav_scp(folder, allow_pipes)
    known = {**recordings, **commands}
    segments = _read_segments(folder / "segments", known) if (folder / "segments").exists() else None
    utterances = tuple(sorted(known if segments is None else segments))
    source = folder / ("wav.scp" if segments is None else "segments")
    utt2spk = read_map(folder / "utt2spk")
    _check_known(folder / "utt2spk", utt2spk, utterances, source)
    _check_known(source, utterances, utt2spk, folder / "utt2spk")
    text = read_map(folder / "text", rest_of_line=True) if (folder / "text").exists() else None
    if text is not None:
        _check_known(folder / "text", text, utterances, source)
    return DataDir(folder, recordings, segments, utterances, utt2spk, text, commands, raw)


@checked
def load_utterance(data: DataDir, utterance: str, *, channel: Channel = None) -> tuple[NDArray[np.float32], int]:
    """Read the waveform of an utterance, cut by its segment.

    Parameters
    ----------
    data : DataDir
    utterance : str
    channel : int or "mix", optional
        Channel of a recording with several, counted from 0, or "mix" for the mean of all; a channel in ``segments``
        takes precedence.

    Returns
    -------
    signal : ndarray, shape (n,), float32, in [-1, 1]
    rate : int
        Sampling rate in Hz.

    Raises
    ------
    AudioError
        As for `gmmspeech.audio.read_audio`, or a command fails; the message names the utterance and the file.
    DataError
        If there is no such utterance.

    Examples
    --------
    >>> from pathlib import Path
    >>> import tempfile, numpy as np, soundfile, gmmspeech as gs
    >>> folder = Path(tempfile.mkdtemp())
    >>> soundfile.write(folder / "u1.wav", np.zeros(800), 8000)
    >>> _ = (folder / "wav.scp").write_text(f"u1 {folder}/u1.wav\\n")
    >>> _ = (folder / "utt2spk").write_text("u1 ann\\n")
    >>> signal, rate = gs.formats.load_utterance(gs.read_data_dir(folder), "u1")
    >>> len(signal), rate
    (800, 8000)
    """
    with closing(load_utterance_blocks(data, utterance, None, channel=channel)) as blocks:
        return next(blocks)


def load_utterance_blocks(
    data: DataDir, utterance: str, size: int | None, *, channel: Channel = None
) -> Generator[tuple[NDArray[np.float32], int]]:
    """Yield the waveform of an utterance in blocks of `size` samples, as `gmmspeech.audio.read_audio_blocks` does."""
    ids: tuple[Mapping[str, object], ...] = (data.recordings, data.commands)
    if data.segments is not None:
        ids = (data.segments,)
    if not any(utterance in known for known in ids):
        number, one = sum(map(len, ids)), next(chain.from_iterable(ids))
        expected = f"one of {number} such as {shown(one)}{look_alike(utterance, chain.from_iterable(ids))}"
        raise DataError(f"{data.path}: no utterance {shown(utterance)}, expected {expected}")
    segment = data.segment_of(utterance)
    chosen = channel if segment.channel is None else segment.channel
    options: dict[str, Any] = {"channel": chosen, "start": segment.start, "end": segment.end, "raw": data.raw}
    try:
        if segment.recording in data.commands:
            command = data.commands[segment.recording]
            content = (_run if data.segments is None else _run_once)(command)
            yield decode_audio(content, name=f"output of {shown(command)}", **options)
        else:
            yield from read_audio_blocks(data.recordings[segment.recording], size, **options)
    except AudioError as error:
        raise AudioError(f"utterance {shown(utterance)}: {error}") from error


def read_map(path: str | os.PathLike[str], *, rest_of_line: bool = False, line: str = "id value") -> dict[str, str]:
    """Read a file of ``id value`` lines, such as ``utt2spk``; `line` tells in messages what is in each."""
    entries: dict[str, str] = {}
    for number, fields in read_fields(path, max_split=1 if rest_of_line else -1):
        if not rest_of_line and len(fields) != 2:
            raise DataError(f"{path}:{number}: found {counted(len(fields), 'field')}, expected 2 ({line})")
        _check_new(path, number, fields[0], entries)
        entries[fields[0]] = fields[1].rstrip(BLANKS) if len(fields) > 1 else ""
    check_distinct(path, entries)
    return entries


@checked
def read_list_map(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Read a file of ``id value value ...`` lines, such as ``spk2utt`` or ``enroll_spk2utt``.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to list of str
        In the order of the file.

    Raises
    ------
    DataError
        If the file is missing or is not text, an id occurs twice, or a line has no value or the same value twice.

    Examples
    --------
    >>> import tempfile, pathlib, gmmspeech as gs
    >>> path = pathlib.Path(tempfile.mkdtemp(), "spk2utt")
    >>> _ = path.write_text("ann u1 u2\\nbob u3\\n")
    >>> gs.read_list_map(path)
    {'ann': ['u1', 'u2'], 'bob': ['u3']}
    """
    entries: dict[str, list[str]] = {}
    for number, (name, *values) in read_fields(path):
        if not values:
            raise DataError(f"{path}:{number}: found {shown(name)} alone, expected one or more values after it")
        _check_new(path, number, name, entries)
        if len(set(values)) < len(values):
            twice = next(v for i, v in enumerate(values) if v in values[:i])
            found = f"{shown(twice)} twice for {shown(name)}"
            raise DataError(f"{path}:{number}: found {found}, expected each value once")
        entries[name] = values
    check_distinct(path, entries)
    return entries


def write_map(path: str | os.PathLike[str], entries: Mapping[str, str | Sequence[str]]) -> None:
    """Write ``id value`` or ``id value value ...`` lines, sorted by id as in the C locale, atomically."""
    lines = []
    for name in sorted(entries):  # code points sort as the UTF-8 bytes do
        entry = entries[name]
        value = entry if isinstance(entry, str) else " ".join(entry)
        whole = isinstance(entry, str) or all(map(is_field, entry))
        if not (whole and is_field(name) and is_holdable(value)) or "\n" in value or "\r" in value:
            found = f"{shown(repr(name))} {shown(repr(value))}"
            raise DataError(f"{path}: can't hold {found}, expected an id without blanks, and one line")
        lines.append(f"{name} {value}".rstrip(BLANKS))
    write_lines(path, lines)


def utterances_of(utt2spk: Mapping[str, str]) -> dict[str, list[str]]:
    """Utterances of each speaker, in their order."""
    found: dict[str, list[str]] = {}
    for utterance, speaker in utt2spk.items():
        found.setdefault(speaker, []).append(utterance)
    return found


def read_fields(path: str | os.PathLike[str], *, max_split: int = -1) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields (at least one), between ASCII blanks, of every line of a text file."""
    for first, lines in read_line_blocks(path):
        yield from enumerate(fields_of_lines(path, first, lines, max_split=max_split), first)


def fields_of_lines(
    path: str | os.PathLike[str], first: int, lines: list[str], *, max_split: int = -1
) -> list[list[str]]:
    """Fields of lines of a file, the number of whose first is given, as `read_fields`."""
    rows = split_all_fields(lines) if max_split < 0 else [split_fields(line, max_split) for line in lines]
    if not all(rows) or not _BLANK.isdisjoint(line[0] for line in lines):
        raise _misplaced(path, first, lines, rows)
    return rows


def _misplaced(path: str | os.PathLike[str], first: int, lines: list[str], rows: list[list[str]]) -> DataError:
    """Name the first line that is empty or begins with a blank."""
    number, fields = next(
        (number, fields)
        for number, (line, fields) in enumerate(zip(lines, rows, strict=True), first)
        if not fields or line[0] in _BLANK
    )
    if not fields:
        return DataError(f"{path}:{number}: found an empty line, expected an entry on every line")
    return DataError(f"{path}:{number}: found a blank before {shown(fields[0])}, expected the id to begin the line")


def find_base(path: str | os.PathLike[str], entries: Iterable[str], bases: Iterable[Path]) -> Path:
    """Give the folder that the relative paths in the file `path` are under, as `base_of` does; DataError for none."""
    relative = [entry for entry in entries if not os.path.isabs(entry)]
    tried = list(dict.fromkeys(bases))
    base = base_of(relative, tried)
    if relative and base is None:
        under = ", ".join(map(str, tried))
        raise DataError(f"{path}: found no file {shown(relative[0])}, expected it under one of {under}")
    return base or Path()


def base_of(entries: Iterable[str], bases: Sequence[Path]) -> Path | None:
    """Give the first folder that has the first relative path that any has; None where there is none."""
    relative = (entry for entry in entries if not os.path.isabs(entry))
    return next((base for entry in relative for base in bases if is_there(base / entry)), None)


def script_bases(path: str | os.PathLike[str]) -> list[Path]:
    """Folders that the entries of a script file may be under: the current one, its own, and that above."""
    folder = Path(os.path.abspath(path)).parent
    return [Path(), folder, folder.parent]


def is_there(path: Path) -> bool:
    """Say whether a file exists, perhaps with an offset into it behind its name."""
    return os.path.exists(audio_file(str(path))[0])  # unlike Path.exists, of any name


def _read_wav_scp(folder: Path, allow_pipes: bool) -> tuple[dict[str, Path], dict[str, str]]:
    """Files and commands by recording id."""
    path = folder / "wav.scp"
    entries = read_map(path, rest_of_line=True)
    commands = {name: value.removesuffix("|").strip(BLANKS) for name, value in entries.items() if value.endswith("|")}
    for number, (name, value) in enumerate(entries.items(), 1):
        if not value or value == "|":
            raise DataError(f"{path}:{number}: found {shown(name)} alone, expected a recording's file after it")
        if name in commands and not allow_pipes:
            expected = "a file (commands are not run without allow_pipes)"
            raise DataError(f"{path}:{number}: found a command for {shown(name)}, expected {expected}")
    files = {name: value for name, value in entries.items() if name not in commands}
    base = find_base(path, files.values(), [Path(os.path.abspath(folder)).parent.parent, folder, Path()])
    return {name: base / value for name, value in files.items()}, commands


def _run(command: str) -> bytes:
    """Give what a command prints, or an `AudioError` that says how it ended."""
    done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode or not done.stdout:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        found = f"status {done.returncode}, {counted(len(done.stdout), 'byte')}{'; ' + shown(last[0]) if last else ''}"
        raise AudioError(f"command {shown(command)}: found {found}, expected status 0 and a recording")
    return done.stdout


_run_once = functools.lru_cache(maxsize=4)(_run)  # the segments of a recording follow each other


def _read_segments(path: Path, recordings: Mapping[str, object]) -> dict[str, Segment]:
    segments: dict[str, Segment] = {}
    for number, fields in read_fields(path):
        if len(fields) not in (4, 5):
            expected = "4 (utterance recording start end) or 5 (and a channel)"
            raise DataError(f"{path}:{number}: found {counted(len(fields), 'field')}, expected {expected}")
        name, recording = fields[:2]
        _check_new(path, number, name, segments)
        if recording not in recordings:
            expected = f"one that is in wav.scp{look_alike(recording, recordings)}"
            raise DataError(f"{path}:{number}: found recording {shown(recording)}, expected {expected}")
        try:
            segments[name] = _segment(recording, *fields[2:])
        except ValueError as error:
            expected = "0 <= start < end in seconds (end -1: to the recording's end), and a channel from 0"
            found = shown(" ".join(fields[2:]))
            raise DataError(f"{path}:{number}: found {found}, expected {expected}") from error
    check_distinct(path, segments)
    return segments


def _segment(recording: str, start: str, end: str, channel: str = "") -> Segment:
    """Make a segment of the fields of its line; ValueError if they make no sense."""
    first, last = parse_number(start), parse_number(end)
    number = parse_whole(channel) if channel else None
    if first < 0 or not (last == -1 or first < last) or (number or 0) < 0:
        raise ValueError
    return Segment(recording, first, None if last == -1 else last, number)


def _check_new(path: str | os.PathLike[str], number: int, name: str, entries: Mapping[str, object]) -> None:
    if name in entries:
        first = list(entries).index(name) + 1
        raise DataError(f"{path}:{number}: found {shown(name)} again, expected each id once (it is in line {first})")


def _check_known(path: Path, names: Iterable[str], known: Iterable[str], source: Path) -> None:
    known = set(known)
    missing = [name for name in names if name not in known]
    if missing:
        count = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        found = f"utterance {shown(missing[0])}{count}"
        expected = f"only those that are in {source}{look_alike(missing[0], known)}"
        raise DataError(f"{path}: found {found}, expected {expected}")
