"""Validate and repair data directories, as Kaldi's validate and fix scripts: each problem with its remedy."""

from __future__ import annotations

import math
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from gmmspeech.audio.reading import MAX_OVERSHOOT
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.atomic import check_output
from gmmspeech.files.text import parse_number, split_fields
from gmmspeech.formats.data_tables import (
    OWNERS,
    Tables,
    by_speaker,
    durations,
    filtered,
    missing_files,
    read_tables,
    recordings_of,
    write_tables,
)

BACKUP = ".backup"
_UNFINISHED = ".unfinished"  # lies in it while lists are replaced

_NEEDED = ("feats.scp", "text", "segments", "utt2lang")  # an utterance that lacks a line in one of them goes
_OF_SPEAKERS = ("cmvn.scp", "spk2gender")  # a speaker, likewise


def validate_data(folder: Path, *, text: bool = True, sorted_by_speaker: bool = True) -> list[str]:
    """Tell what is wrong with a data directory, a line each; of `text` whether it has to be there."""
    told: list[str] = []
    tables = read_tables(folder, told)
    return told + list(problems(folder, tables, text=text, sorted_by_speaker=sorted_by_speaker))


def problems(folder: Path, tables: Tables, *, text: bool, sorted_by_speaker: bool) -> Iterator[str]:
    """Yield what does not fit among lists."""
    if text and "text" not in tables:
        yield f"{folder / 'text'}: no such file, expected what is said (--no-text, if there is none by design)"
    if "wav.scp" not in tables and ("segments" in tables or "feats.scp" not in tables):
        others = "" if "segments" in tables else ", or feats.scp"
        yield f"{folder / 'wav.scp'}: no such file, expected recordings{others}"
    utt2spk = tables["utt2spk"]
    order = sorted(utt2spk, key=lambda utterance: (utt2spk[utterance], utterance))
    if sorted_by_speaker and order != sorted(utt2spk):
        odd = next(u for u, other in zip(order, sorted(utt2spk), strict=True) if u != other)
        found = f"found utterance {shown(odd)} of speaker {shown(utt2spk[odd])} elsewhere when sorted by speaker"
        yield f"{folder / 'utt2spk'}: {found}, expected ids of utterances to begin with their speaker's"
    if tables.get("spk2utt") != by_speaker(utt2spk):
        found = "found other utterances than in" if "spk2utt" in tables else "no such file, expected what follows from"
        yield f"{folder / 'spk2utt'}: {found} utt2spk (fix-data writes it)"
    yield from _differences(folder, tables)
    gone = missing_files(folder, tables)
    if gone:
        name, value = next(iter(gone.items()))
        yield f"{folder / 'wav.scp'}: found no file {shown(value)} of {shown(name)}{_more(gone)}, expected it"
    out = segments_out_of_recordings(folder, tables)
    if out:
        utterance, found = next(iter(out.items()))
        yield f"{folder / 'segments'}: {shown(utterance)}{_more(out)}: {found} (fix-data leaves them out)"


def _differences(folder: Path, tables: Tables) -> Iterator[str]:
    """Yield which ids a list lacks and which it has too many."""
    ids = {
        "utterance": set(tables["utt2spk"]),
        "speaker": set(tables["utt2spk"].values()),
        "recording": set(recordings_of(tables).values()),
    }
    for name in OWNERS.keys() & tables.keys() - {"utt2spk", "spk2utt"}:
        owner = OWNERS[name]
        source = "segments" if owner == "recording" and "segments" in tables else "utt2spk"
        lacking, spare = sorted(ids[owner] - tables[name].keys()), sorted(tables[name].keys() - ids[owner])
        if lacking:
            mended = name in (*_NEEDED, *_OF_SPEAKERS, "wav.scp")
            mends = (
                f"fix-data leaves them out of all lists: or add {'its line' if len(lacking) == 1 else 'their lines'}"
            )
            found = f"found no {owner} {shown(lacking[0])}{_more(lacking)}, expected all of {source}"
            yield f"{folder / name}: {found} ({mends if mended else 'compute it anew, or remove it'})"
        if spare:
            found = f"found {owner} {shown(spare[0])}{_more(spare)}, expected only those of {source}"
            yield f"{folder / name}: {found} (fix-data leaves them out)"


def _more(names: Collection[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def segments_out_of_recordings(folder: Path, tables: Tables) -> dict[str, str]:
    """Segments that are not in their recordings, as far as these are known, and what of it.

    A little beyond the end is none: those who read it end it there.
    """
    found = {}
    ends = dict(_ends(tables))
    lengths = durations(folder, tables, sorted({recording for recording, _, _ in ends.values()}))
    for utterance, (recording, start, end) in ends.items():
        length = lengths.get(recording, math.inf)
        if start >= length or end - length > MAX_OVERSHOOT:
            found[utterance] = f"found {start:g} to {end:g} s, expected times in {length:g} s of {shown(recording)}"
    return found


def _ends(tables: Tables) -> Iterator[tuple[str, tuple[str, float, float]]]:
    """Yield recording, start and end of segments that are whole."""
    for utterance, value in tables.get("segments", {}).items():
        fields = split_fields(value)
        try:
            start, end = map(parse_number, fields[1:3])
        except ValueError:
            continue
        yield utterance, (fields[0], start, start if end == -1 else end)


def fix_data(folder: Path, *, sorted_by_speaker: bool = True) -> tuple[list[str], list[str]]:
    """Mend a data directory as Kaldi's ``fix_data_dir.sh`` does; give what was done, and what is left to do by hand.

    The lists as they were are kept in ``.backup``; those that a run has kept there which was stopped amid its writing
    are not replaced by half-mended ones. A DataError names a list that can't be written; nothing is touched then.
    """
    done: list[str] = []
    before = read_tables(folder, done)
    after = fixed(folder, before)
    done += problems(folder, before, text=False, sorted_by_speaker=False)
    for name in before.keys() - after.keys():
        found = f"found none of the {OWNERS[name]}s that stay, expected some"
        done.append(f"{folder / name}: {found} (fix-data removes it; {BACKUP}/{name} is what it was)")
    for name in after:
        check_output(folder / name)
    unfinished = folder / BACKUP / _UNFINISHED
    if unfinished.exists():
        done.append(f"{folder / BACKUP}: found lists of a run that was stopped, which stay (fix-data goes on with it)")
    else:
        _back_up(folder, before)
        unfinished.touch()
    write_tables(folder, after)
    unfinished.unlink()
    kept = f"kept {len(after['utt2spk'])} of {counted(len(before['utt2spk']), 'utterance')}"
    left = validate_data(folder, text=False, sorted_by_speaker=sorted_by_speaker)
    return [*(line for line in done if "(fix-data " in line), kept], left


def _back_up(folder: Path, names: Iterable[str]) -> None:
    """Copy lists into the backup, in place of those of an earlier run, which may be read-only."""
    backup = folder / BACKUP
    backup.mkdir(exist_ok=True)
    for name in OWNERS:
        (backup / name).unlink(missing_ok=True)
    for name in names:
        shutil.copy2(folder / name, backup / name)


def fixed(folder: Path, tables: Tables) -> Tables:
    """Give lists that agree: of utterances that none lacks, whose segments are in their recordings."""
    out = segments_out_of_recordings(folder, tables)
    if out:
        inside = {u: value for u, value in tables["segments"].items() if u not in out}
        tables = {**tables, "segments": inside}
    return filtered(tables, _agreed(folder, tables))


def _agreed(folder: Path, tables: Tables) -> set[str]:
    """Utterances that no list lacks; a DataError names the list that has none."""
    utt2spk, recordings = tables["utt2spk"], recordings_of(tables)
    kept = set(utt2spk)

    def keep(name: str, ids: Iterable[tuple[str, str]]) -> None:
        nonlocal kept
        if name in tables:
            kept &= {utterance for utterance, key in ids if key in tables[name]}
            if not kept:
                raise DataError(f"{folder / name}: found none of the {OWNERS[name]}s that other lists agree on")

    for name in _NEEDED:
        keep(name, ((u, u) for u in kept))
    keep("wav.scp", ((u, recordings[u]) for u in kept))
    for name in _OF_SPEAKERS:
        keep(name, ((u, utt2spk[u]) for u in kept))
    return kept
