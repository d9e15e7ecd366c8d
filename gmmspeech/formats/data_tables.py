"""The lists of a data directory as in its files: read line by line, filtered, and written in Kaldi's order.

`gmmspeech.formats.datadir` reads the input of commands and refuses inconsistent directories; here they are accepted, so
that they can be checked and repaired.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal

from gmmspeech.audio import audio_format
from gmmspeech.errors import AudioError, DataError, shown
from gmmspeech.files.atomic import atomic_path, remove_leftovers
from gmmspeech.files.text import BLANKS, parse_number, parse_whole, read_lines, split_fields
from gmmspeech.formats.datadir import base_of, is_there, script_bases, utterances_of

Owner = Literal["utterance", "speaker", "recording"]
Table = dict[str, str]  # the rest of its line, by id
Tables = dict[str, Table]  # by the name of the file

OWNERS: dict[str, Owner] = {  # whose lines a file has; wav.scp last, so that a directory that has it is whole
    **dict.fromkeys(("utt2spk", "segments", "text", "feats.scp", "vad.scp", "utt2dur", "utt2num_frames"), "utterance"),
    **dict.fromkeys(("utt2lang", "utt2uniq", "utt2warp"), "utterance"),
    **dict.fromkeys(("spk2utt", "spk2gender", "spk2warp", "cmvn.scp"), "speaker"),
    **dict.fromkeys(("reco2dur", "reco2file_and_channel", "wav.scp"), "recording"),
}
_SCRIPTS = ("feats.scp", "vad.scp", "cmvn.scp", "wav.scp")


def read_tables(folder: Path, told: list[str] | None = None) -> Tables:
    """Read those lists that there are; what is amiss in their lines is added to what is told.

    A DataError says that a file can't be read at all, or that it is no data directory.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected a data directory")
    if not (folder / "utt2spk").exists():
        raise DataError(f"{folder / 'utt2spk'}: no such file, expected lines of an utterance and its speaker")
    found = {name: _read_with_remedy(folder / name, told) for name in OWNERS if (folder / name).exists()}
    odd = next((u for u, speaker in found["utt2spk"].items() if len(split_fields(speaker)) != 1), None)
    if odd is not None:
        line = shown(f"{odd} {found['utt2spk'][odd]}".rstrip())
        remedy = "give it a speaker, perhaps its own name, or take the line out; fix-data does the rest"
        raise DataError(f"{folder / 'utt2spk'}: found {line}, expected an utterance and its speaker ({remedy})")
    return found


def _read_with_remedy(path: Path, told: list[str] | None) -> Table:
    """Read a list, or say what to do about a file that is none."""
    try:
        return read_table(path, told)
    except DataError as error:
        if path.is_file() and not path.stat().st_size:
            remedy = "make it anew, or remove it"
        else:
            raise
        raise DataError(f"{error} ({remedy}; then fix-data does the rest)") from error


def read_whole_tables(folder: Path) -> Tables:
    """Read lists whose lines are as they should be but for their order; a DataError names the first that is not."""
    told: list[str] = []
    found = read_tables(folder, told)
    wrong = next((line for line in told if "(fix-data sorts)" not in line), None)
    if wrong is not None:
        raise DataError(wrong)
    return found


def read_table(path: Path, told: list[str] | None = None) -> Table:
    """Read a list: of ids that come again the first line, in the order of the file."""
    table: Table = {}
    unsorted = ""
    last = ""
    say = ([] if told is None else told).append
    expected = _EXPECTED.get(path.name)
    for number, line in enumerate(read_lines(path), 1):
        key, *rest = split_fields(line, 1) or [""]
        value = rest[0].rstrip(BLANKS) if rest else ""
        if not key:
            say(f"{path}:{number}: found an empty line, expected an entry (fix-data leaves it out)")
            continue
        if line[0] in BLANKS:
            say(f"{path}:{number}: found a blank before {shown(key)}, expected none (fix-data removes it)")
        if key in table:
            what = "the same line" if table[key] == value else f"another line of {shown(key)}"
            say(f"{path}:{number}: found {what} again, expected each id once (fix-data keeps the first)")
            continue
        if key < last and not unsorted:  # code points sort as UTF-8's bytes do
            unsorted = f"{path}:{number}: found {shown(key)} after {shown(last)}"
        if expected is not None and not _holds(expected[0], value):
            say(f"{path}:{number}: found {shown(value) or 'nothing'} for {shown(key)}, expected {expected[1]}")
        table[key], last = value, key
    if unsorted:
        say(f"{unsorted}, expected the order of bytes, as LC_ALL=C sort has it (fix-data sorts)")
    return table


def _holds(test: Callable[[str], bool], value: str) -> bool:
    try:
        return test(value)
    except ValueError:
        return False


def _is_segment(value: str) -> bool:
    recording_start_end = split_fields(value)
    start, end = map(parse_number, recording_start_end[1:3])
    return len(recording_start_end) in (3, 4) and start >= 0 and (start < end or end == -1)


_EXPECTED: dict[str, tuple[Callable[[str], bool], str]] = {
    "utt2spk": (lambda value: len(split_fields(value)) == 1, "one speaker"),
    "spk2gender": (lambda value: value in ("m", "f"), "m or f"),
    "spk2utt": (bool, "one utterance or more"),
    "text": (
        lambda value: not {"<s>", "</s>", "#0"} & set(split_fields(value)),
        "none of <s>, </s> and #0, which mean something else",
    ),
    "segments": (_is_segment, "a recording, and its seconds from start to a later end"),
    "wav.scp": (lambda value: bool(value.rstrip("|" + BLANKS)) and value[0] != "~", "a file, whose path has no ~"),
    "utt2dur": (lambda value: parse_number(value) > 0, "seconds above 0"),
    "reco2dur": (lambda value: parse_number(value) > 0, "seconds above 0"),
    "utt2num_frames": (lambda value: parse_whole(value) > 0, "a whole number above 0"),
    "utt2warp": (lambda value: 0.5 < parse_number(value) < 1.5, "a number between 0.5 and 1.5"),
    "spk2warp": (lambda value: 0.5 < parse_number(value) < 1.5, "a number between 0.5 and 1.5"),
    "reco2file_and_channel": (
        lambda value: len(split_fields(value)) == 2 and split_fields(value)[1] in ("A", "B", "1"),
        "a file's name and channel A or B",
    ),
}


def recordings_of(tables: Tables) -> dict[str, str]:
    """Recording of each utterance."""
    segments = tables.get("segments")
    if segments is None:
        return {utterance: utterance for utterance in tables["utt2spk"]}
    return {utterance: split_fields(value, 1)[0] for utterance, value in segments.items() if value}


def by_speaker(utt2spk: Mapping[str, str]) -> Table:
    """Lines of spk2utt: utterances of each speaker, in their order."""
    return {speaker: " ".join(own) for speaker, own in utterances_of(dict(sorted(utt2spk.items()))).items()}


def filtered(tables: Tables, utterances: Collection[str]) -> Tables:
    """Lines of some utterances, of their speakers and of their recordings, in each list; spk2utt is made anew.

    A list of which no line is left goes: an empty file is none that can be read.
    """
    utt2spk = {u: speaker for u, speaker in tables["utt2spk"].items() if u in utterances}
    recordings = recordings_of(tables)
    kept: dict[Owner, set[str]] = {
        "utterance": set(utt2spk),
        "speaker": set(utt2spk.values()),
        "recording": {recordings[u] for u in utt2spk if u in recordings},
    }
    found = {
        name: {key: value for key, value in table.items() if key in kept[OWNERS[name]]}
        for name, table in tables.items()
    }
    return {
        **{name: table for name, table in found.items() if table},
        "utt2spk": utt2spk,
        "spk2utt": by_speaker(utt2spk),
    }


def write_tables(folder: Path, tables: Tables) -> None:
    """Write lists into a folder, sorted by the bytes of their ids; lists of another directory there are removed.

    None is replaced before all are written beside their places: one that can't be written leaves all as they were.
    """
    remove_leftovers(*(folder / name for name in OWNERS))
    with ExitStack() as stack:
        for name in reversed(OWNERS):  # the last one takes its place first
            if name in tables:
                lines = (f"{key} {tables[name][key]}".rstrip(BLANKS) + "\n" for key in sorted(tables[name]))
                temporary = stack.enter_context(atomic_path(folder / name, durable=False))
                temporary.write_text("".join(lines), encoding="utf-8", newline="\n")
        for name in OWNERS.keys() - tables.keys():
            (folder / name).unlink(missing_ok=True)


def others_in(folder: Path) -> list[str]:
    """Files in a data directory that are none of its lists."""
    return sorted(p.name for p in folder.iterdir() if p.is_file() and p.name not in OWNERS and p.name[0] != ".")


def moved(tables: Tables, old: Path, new: Path) -> Tables:
    """Let paths lead to the same files from another directory: those relative to the current folder stay, as Kaldi's.

    Others, which are relative to the directory or to the corpus that it is in, become absolute.
    """
    return {
        name: _moved(table, _bases(old, name), _bases(new, name)) if name in _SCRIPTS else table
        for name, table in tables.items()
    }


def _moved(table: Table, old: list[Path], new: list[Path]) -> Table:
    values = (value for value in table.values() if not is_command(value))
    files = [file for value in values for file in (value, value.partition("[")[0])]  # rows may be behind it
    base, again = base_of(files, old), base_of(files, new)
    if base is None:  # nothing is there, or nothing is relative
        return table
    if again is not None and os.path.samefile(again, base) and os.path.samefile(base, Path()):
        return table
    return {
        key: value if is_command(value) or os.path.isabs(value) else os.path.abspath(base / value)
        for key, value in table.items()
    }


def _bases(folder: Path, name: str) -> list[Path]:
    """Folders that paths of a list are looked for under, in the order of those who read them."""
    current, place, above = script_bases(folder / name)
    return [above.parent, place, current] if name == "wav.scp" else [current, place, above]


def is_command(value: str) -> bool:
    """Say whether an entry of a script file is a command whose output is read."""
    return value.endswith("|")


def missing_files(folder: Path, tables: Tables) -> dict[str, str]:
    """Recordings that there are no files of, and what wav.scp says; where it has commands, nothing is known."""
    files = {name: value for name, value in tables.get("wav.scp", {}).items() if value and not is_command(value)}
    base = base_of(files.values(), _bases(folder, "wav.scp")) or Path()
    return {name: value for name, value in files.items() if not is_there(base / value)}


def durations(folder: Path, tables: Tables, recordings: Iterable[str]) -> dict[str, float]:
    """Seconds of recordings, as far as they are known: by reco2dur, or by the files' own headers."""
    told = tables.get("reco2dur", {})
    files = tables.get("wav.scp", {})
    base = base_of((v for v in files.values() if not is_command(v)), _bases(folder, "wav.scp")) or Path()
    found: dict[str, float] = {}
    for name in recordings:
        with suppress(AudioError, ValueError):  # which those who read it explain
            if name in told:
                found[name] = parse_number(told[name])
            elif name in files and not is_command(files[name]):
                found[name] = audio_format(base / files[name]).duration
    return found
