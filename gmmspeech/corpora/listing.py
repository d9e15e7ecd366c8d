"""From a folder of audio to its utterances and speakers, and from these to a data directory."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import soundfile

from gmmspeech.audio.folders import AUDIO, OTHER_AUDIO, audio_files
from gmmspeech.audio.headers import how_to_convert
from gmmspeech.corpora.corpus import Layout, Listing, Part
from gmmspeech.errors import DataError, shown
from gmmspeech.files.atomic import remove_leftovers, write_lines
from gmmspeech.files.text import BLANKS, is_field, is_holdable, split_fields
from gmmspeech.formats.datadir import utterances_of, write_map
from gmmspeech.formats.labels.lines import write_ctm
from gmmspeech.formats.trials import write_trials
from gmmspeech.scoring.trials import make_trials


def find_utterances(layout: Layout, source: str | os.PathLike[str]) -> Listing:
    """Find the utterances of a corpus in its published layout, with the information about them."""
    listing = find_recordings(layout, source)
    return layout.complete(listing, Path(os.path.abspath(source)))


def find_recordings(layout: Layout, source: str | os.PathLike[str]) -> Listing:
    """Find utterances as `find_utterances`, without information from files beside the audio."""
    folder = Path(os.path.abspath(source))
    if not folder.is_dir():
        raise DataError(f"{source}: no such folder, expected one with {layout.pattern}")
    recordings: dict[str, Path] = {}
    utt2spk: dict[str, str] = {}
    strange: list[Path] = []
    files, others = audio_files(folder)
    for path in files:
        found = layout.identify(path, folder)
        if found is None or not all(map(is_field, found)) or not _fits_a_line(path):
            strange.append(path)
            continue
        utterance, speaker = found
        if utterance in recordings:
            expected = f"each once (it is {recordings[utterance]} too)"
            raise DataError(f"{path}: found utterance {utterance} again, expected {expected}")
        recordings[utterance], utt2spk[utterance] = path, speaker
    if strange:
        count = f" ({len(strange)} such)" if len(strange) > 1 else ""
        name = shown(os.fsencode(strange[0]).decode("utf-8", "backslashreplace"), 500)
        raise DataError(f"{name}: found an audio file of another name{count}, expected {layout.pattern} without blanks")
    if not recordings:
        beside, how = _to_convert(others)
        raise DataError(f"{source}: found no audio{beside}, expected {layout.pattern}{how}")
    kinds = Counter(_kind(path) for path in others if not layout.belongs(path.relative_to(folder), None))
    return Listing(recordings, utt2spk, left_out=dict(sorted(kinds.items())))


def write_listing(folder: str | os.PathLike[str], listing: Listing, *, base: Path | None = None) -> None:
    """Write a listing as a Kaldi-style data directory.

    It has ``wav.scp`` (written last, so that a directory with it is complete), ``utt2spk``, ``spk2utt``, and, if known,
    ``text``, ``spk2gender``, ``utt2class`` and ``phones.ctm``.
    """
    folder = Path(folder)
    known = {
        "text": listing.text,
        "spk2gender": listing.spk2gender,
        "utt2class": listing.utt2class,
        "phones.ctm": listing.phones,
        "segments": None,
    }
    for name, entries in known.items():
        if not entries and (folder / name).exists():
            raise DataError(f"{folder / name}: found a file that these utterances have not, expected another folder")
    remove_leftovers(*(folder / name for name in ("wav.scp", "utt2spk", "spk2utt", *known)))
    write_map(folder / "utt2spk", listing.utt2spk)
    write_map(folder / "spk2utt", by_speaker(listing.utt2spk))
    if listing.text:
        write_map(folder / "text", listing.text)
    if listing.spk2gender:
        write_map(folder / "spk2gender", listing.spk2gender)
    if listing.utt2class:
        write_map(folder / "utt2class", listing.utt2class)
    if listing.phones:
        write_ctm(folder / "phones.ctm", dict(sorted(listing.phones.items())))
    write_map(folder / "wav.scp", {u: as_listed(path, base) for u, path in listing.recordings.items()})


def write_part(out: Path, part: Part, listing: Listing, base: Path) -> None:
    """Write one data directory, with paths relative to a folder."""
    rows = [split_fields(line) for line in part.segments]
    recordings = list(dict.fromkeys(row[1] for row in rows)) if rows else list(part.utterances)
    missing = [recording for recording in recordings if recording not in listing.recordings]
    if missing:
        raise DataError(f"{base}: found no {missing[0]} ({len(missing)} such), expected the utterances of {out.name}")
    chosen = select(listing, recordings)
    utt2spk = {row[0]: listing.utt2spk[row[1]] for row in rows} if rows else chosen.utt2spk
    if rows:
        write_lines(out / "segments", part.segments)
        write_map(out / "wav.scp", {u: as_listed(path, base) for u, path in chosen.recordings.items()})
        write_map(out / "utt2spk", utt2spk)
        write_map(out / "spk2utt", by_speaker(utt2spk))
        write_map(out / "spk2gender", chosen.spk2gender)
    else:
        write_map(out / "utt2dur", {u: f"{_seconds(path):.4f}" for u, path in chosen.recordings.items()})
        write_listing(out, chosen, base=base)
    models = {speaker: speaker for speaker in sorted(part.enrollment)}
    if part.enrollment:
        enrolled = {u for utterances in part.enrollment.values() for u in utterances}
        tests = part.tests or [u for u in utt2spk if u not in enrolled]
        write_map(out / "enroll_spk2utt", part.enrollment)
        write_trials(out / "trials", make_trials(models, {test: utt2spk[test] for test in sorted(tests)}))
    if part.groups:
        speakers = {group: utt2spk[utterances[0]] for group, utterances in sorted(part.groups.items())}
        write_map(out / "group2utt", part.groups)
        size = len(next(iter(part.groups.values())))
        write_trials(out / f"trials_group{size}", make_trials(models, speakers))


def _seconds(path: Path) -> float:
    found = soundfile.info(path)
    return found.frames / found.samplerate


def select(listing: Listing, utterances: Iterable[str]) -> Listing:
    """Give some utterances of a listing, and what is known of them and their speakers."""
    chosen = list(utterances)
    speakers = {listing.utt2spk[u] for u in chosen}
    return Listing(
        {u: listing.recordings[u] for u in chosen},
        {u: listing.utt2spk[u] for u in chosen},
        {u: listing.text[u] for u in chosen if u in listing.text},
        {s: gender for s, gender in listing.spk2gender.items() if s in speakers},
        {u: listing.phones[u] for u in chosen if u in listing.phones},
        utt2class={u: listing.utt2class[u] for u in chosen if u in listing.utt2class},
    )


def with_known(listing: Listing, text: Mapping[str, str], genders: Mapping[str, str]) -> Listing:
    """Add transcripts and genders, of those who are listed."""
    speakers = set(listing.utt2spk.values())
    return replace(
        listing,
        text={u: text[u] for u in listing.recordings if u in text},
        spk2gender={s: genders[s] for s in sorted(speakers) if s in genders},
    )


def by_speaker(utt2spk: Mapping[str, str]) -> dict[str, list[str]]:
    """Utterances of each speaker, sorted."""
    return utterances_of(dict(sorted(utt2spk.items())))


def as_listed(path: Path, base: Path | None) -> str:
    """Write a path as in ``wav.scp``: relative to a folder, or absolute."""
    return str(path) if base is None else path.relative_to(base).as_posix()


def _kind(path: Path) -> str:
    """Extension of a file that is left out, and why if that does not say it."""
    suffix = path.suffix.lower() or "without extension"
    if path.name.startswith("."):
        return "hidden"
    if path.is_dir():
        return "folders that were found before, by links"
    if suffix not in AUDIO:
        return suffix
    return f"{suffix} (copies)" if path.is_file() else f"{suffix} (not regular files)"


def _to_convert(others: Sequence[Path]) -> tuple[str, str]:
    """Words for what a folder without audio has, and how to convert it."""
    kinds = Counter(path.suffix.lower() for path in others if path.suffix.lower() in OTHER_AUDIO)
    if not kinds:
        return "", ""
    first = next(path for path in others if path.suffix.lower() in OTHER_AUDIO)
    return f" that libsndfile reads, but {of_kinds(kinds)}", how_to_convert(str(first))


def of_kinds(kinds: Mapping[str, int]) -> str:
    """Write numbers and what they are of on a line."""
    return shown(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())), 300)


def _fits_a_line(path: Path) -> bool:
    """Whether ``wav.scp`` can hold a path: a line of UTF-8 that is not read as a command."""
    text = str(path)
    return text == text.strip(BLANKS) and not set(text) & set("\r\n") and text[-1:] != "|" and is_holdable(text)
