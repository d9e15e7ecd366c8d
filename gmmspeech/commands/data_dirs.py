"""Subset, split and combine data directories, as Kaldi's ``subset_data_dir.sh`` and related scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gmmspeech.arguments import check, whole
from gmmspeech.commands.data_checks import fixed
from gmmspeech.errors import ConfigError, DataError, counted, shown
from gmmspeech.files.text import first_fields, parse_number, split_fields
from gmmspeech.formats.data_tables import (
    OWNERS,
    Table,
    Tables,
    durations,
    filtered,
    moved,
    others_in,
    read_whole_tables,
    write_tables,
)
from gmmspeech.formats.datadir import utterances_of


def subset_data(
    folder: Path,
    out: Path,
    *,
    count: int | None = None,
    way: str = "spread",
    speakers: Path | None = None,
    utterances: Path | None = None,
    random_state: int = 0,
) -> tuple[int, int]:
    """Write a directory of some of the utterances; give the numbers of those kept and of those there were.

    Exactly one of `count`, `speakers` and `utterances` is given: how many, or a list whose lines begin with a name.
    """
    given = [value for value in (count, speakers, utterances) if value is not None]
    if len(given) != 1:
        expected = "one of count, speakers and utterances"
        raise ConfigError(f"found {counted(len(given), 'choice')} of utterances, expected {expected}")
    check(whole(0), random_state=random_state)
    tables = read_whole_tables(folder)
    utt2spk = tables["utt2spk"]
    if speakers is not None:
        listed = set(first_fields(speakers))
        kept = [u for u, speaker in utt2spk.items() if speaker in listed]
    elif utterances is not None:
        listed = set(first_fields(utterances))
        kept = [u for u in utt2spk if u in listed]
    else:
        assert count is not None
        kept = _chosen(folder, tables, count, way, random_state)
    if not kept:
        raise DataError(f"{folder}: found no utterance of those asked for, expected one or more")
    write_tables(out, moved(filtered(tables, set(kept)), folder, out))
    return len(kept), len(utt2spk)


def _chosen(folder: Path, tables: Tables, count: int, way: str, random_state: int) -> list[str]:
    """Choose utterances as a way has it."""
    utt2spk = tables["utt2spk"]
    names = list(utt2spk)
    if way == "per-speaker":
        of_speaker = utterances_of(utt2spk)
        return [u for mine in of_speaker.values() for u in mine[:: max(len(mine) // count, 1)][:count]]
    if count > len(names):
        raise DataError(f"{folder}: found {counted(len(names), 'utterance')}, expected at least {count}")
    if way == "speakers":
        return _of_some_speakers(utt2spk, count, random_state)
    if way == "shortest":
        lengths = _lengths(folder, tables)
        return sorted(names, key=lambda name: (lengths[name], name))[:count]
    if way == "spread":
        return [names[i] for i in spread(len(names), count)]
    return names[:count] if way == "first" else names[-count:]


def _of_some_speakers(utt2spk: Table, count: int, random_state: int) -> list[str]:
    """Utterances of speakers taken at random until there are enough."""
    of_speaker = utterances_of(utt2spk)
    speakers = sorted(of_speaker)
    found: list[str] = []
    for i in np.random.default_rng(random_state).permutation(len(speakers)):
        if len(found) < count:
            found += of_speaker[speakers[i]]
    return found


def spread(length: int, count: int) -> Iterator[int]:
    """Yield `count` places spread over `length`: each half gets a half of them, the second one more, as in Kaldi."""

    def places(start: int, end: int, wanted: int) -> Iterator[int]:
        if end - start == 1:
            yield from [start] * wanted
        elif end > start:
            middle = start + (end - start) // 2
            yield from places(start, middle, wanted // 2)
            yield from places(middle, end, wanted - wanted // 2)

    return places(0, length, count)


def _lengths(folder: Path, tables: Tables) -> dict[str, float]:
    """Length of each utterance: in frames or seconds, from whichever list has them."""
    for name in ("utt2num_frames", "utt2dur"):
        if tables["utt2spk"].keys() <= tables.get(name, {}).keys():
            return {u: parse_number(tables[name][u]) for u in tables["utt2spk"]}
    seconds = _seconds(folder, tables)
    if tables["utt2spk"].keys() <= seconds.keys():
        return seconds
    if "feats.scp" not in tables:
        unknown = next(u for u in tables["utt2spk"] if u not in seconds)
        expected = "utt2num_frames, utt2dur, recordings or feats.scp"
        raise DataError(f"{folder}: found no length of utterance {shown(unknown)}, expected {expected}")
    from gmmspeech.stores.features import FeatureStore

    with FeatureStore(f"scp:{folder / 'feats.scp'}") as store:
        return {u: store.num_frames(u) for u in tables["utt2spk"]}


def _seconds(folder: Path, tables: Tables) -> dict[str, float]:
    """Seconds of utterances, as far as segments or recordings tell."""
    if "segments" not in tables:
        return durations(folder, tables, tables["utt2spk"])
    found = {}
    for utterance, value in tables["segments"].items():
        start, end = map(parse_number, split_fields(value)[1:3])
        if end > start:
            found[utterance] = end - start
    return found


def split_data(folder: Path, count: int, *, per_utterance: bool = False) -> list[Path]:
    """Write ``FOLDER/splitN/1`` and so on: as many utterances in each as can be, no speaker in two of them."""
    tables = read_whole_tables(folder)
    utt2spk = tables["utt2spk"]
    if per_utterance:
        names = list(utt2spk)
        if len(names) < count:
            raise DataError(f"{folder}: found {counted(len(names), 'utterance')}, expected at least {count}")
        parts = [list(part) for part in np.array_split(np.array(names, object), count)]
    else:
        parts = balanced(utterances_of(utt2spk), count, folder)
    top = folder / f"split{count}{'utt' if per_utterance else ''}"
    places = [top / str(number) for number in range(1, count + 1)]
    for place, part in zip(places, parts, strict=True):
        write_tables(place, moved(filtered(tables, set(part)), folder, place))
    return places


def balanced(of_speaker: dict[str, list[str]], count: int, folder: Path) -> list[list[str]]:
    """Deal speakers, in their order, to parts of about as many utterances, as Kaldi's ``split_scp.pl`` does.

    Each part begins with as many speakers; then first and last ones go to a neighbor as long as that brings the two
    closer together.
    """
    speakers = list(of_speaker)
    if len(speakers) < count:
        raise DataError(f"{folder}: found {counted(len(speakers), 'speaker')}, expected at least {count}, one a part")
    parts: list[list[str]] = [[] for _ in range(count)]
    for i, speaker in enumerate(speakers):
        parts[i * count // len(speakers)].append(speaker)
    sizes = [sum(len(of_speaker[speaker]) for speaker in part) for part in parts]

    def pass_on(one: int, other: int, place: int) -> bool:
        """Give the speaker at a place of one part to its neighbor, if that makes them more alike."""
        moving = len(of_speaker[parts[one][place]]) if parts[one] else 0
        if not moving or abs(sizes[other] + moving - (sizes[one] - moving)) >= abs(sizes[other] - sizes[one]):
            return False
        sizes[one], sizes[other] = sizes[one] - moving, sizes[other] + moving
        parts[other].insert(0 if other > one else len(parts[other]), parts[one].pop(place))
        return True

    changed = True
    while changed:
        changed = False
        for i in range(count):
            changed |= i + 1 < count and pass_on(i, i + 1, -1)
            changed |= i > 0 and pass_on(i, i - 1, 0)
    if not all(parts):
        raise DataError(f"{folder}: found speakers of too different sizes for {count} parts, expected fewer parts")
    return [[u for speaker in part for u in of_speaker[speaker]] for part in parts]


def combine_data(out: Path, folders: Sequence[Path]) -> tuple[list[str], int]:
    """Write a directory of the utterances of several; give which lists were left out, and how many utterances it has.

    Lists are combined that all have, as Kaldi's ``combine_data.sh`` does; segments and utt2uniq are made where one has
    them and another has not.
    """
    parts = [moved(read_whole_tables(folder), folder, out) for folder in folders]
    if any("segments" in part for part in parts):
        parts = [_with_segments(part) for part in parts]
    if any("utt2uniq" in part for part in parts):
        parts = [{"utt2uniq": {u: u for u in part["utt2spk"]}, **part} for part in parts]
    has = [part.keys() - {"spk2utt"} for part in parts]
    every, some = set.intersection(*map(set, has)), set().union(*has)
    combined = {name: _joined(name, [part[name] for part in parts], folders) for name in OWNERS if name in every}
    agreed = fixed(out, combined)
    write_tables(out, agreed)
    return [name for name in OWNERS if name in some - every], len(agreed["utt2spk"])


def _with_segments(tables: Tables) -> Tables:
    """Let each recording without segments be one, from its beginning to its end."""
    if "segments" in tables:
        return tables
    lengths = tables.get("utt2dur", {})
    return {**tables, "segments": {u: f"{u} 0 {lengths.get(u, '-1')}" for u in tables["utt2spk"]}}


def _joined(name: str, parts: Sequence[Table], folders: Sequence[Path]) -> Table:
    """Lines of all; what two say of one id has to be the same."""
    found: Table = {}
    of: dict[str, Path] = {}
    for folder, part in zip(folders, parts, strict=True):
        for key, value in part.items():
            if found.setdefault(key, value) != value:
                line = shown(f"{key} {value}")
                raise DataError(f"{folder / name}: found {line}, expected {shown(found[key])} as in {of[key] / name}")
            of.setdefault(key, folder)
    return found


def not_carried(folder: Path) -> str:
    """Say which files of a directory do not go with its lists, or nothing."""
    others = others_in(folder)
    return f"{folder}: not carried along: {shown(', '.join(others), 300)}" if others else ""
