"""Layouts of well-known corpora: utterances, speakers and transcripts from the names of files.

A layout is one function that tells an utterance and its speaker from a file's path, and perhaps one that reads what
lies beside the audio.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import read_map, write_map
from gmmspeech.formats.labels import read_timit, write_ctm
from gmmspeech.phones.labels.labels import Label

AUDIO = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".sph"}
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_LIBRISPEECH = re.compile(r"(\d+)-\d+-\d+")
_FSDD = re.compile(r"(\d)_([^\W_]+)_(\d+)")
_ARABIC = re.compile(r"(\d{8})_[A-Za-z]+_(\d+)")


@dataclass(frozen=True)
class Listing:
    """Content of a corpus; the utterances are whole files.

    Parameters
    ----------
    recordings : dict
        Utterance id to audio file.
    utt2spk : dict
        Utterance id to speaker id.
    text : dict
        Utterance id to words, of those utterances that have a transcript.
    spk2gender : dict
        Speaker id to ``f`` or ``m``, where known.
    phones : dict
        Utterance id to its phones, where the corpus has their times.
    """

    recordings: dict[str, Path]
    utt2spk: dict[str, str]
    text: dict[str, str] = field(default_factory=dict)
    spk2gender: dict[str, str] = field(default_factory=dict)
    phones: dict[str, list[Label]] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """Layout of the files of a corpus.

    Parameters
    ----------
    pattern : str
        What paths look like, for people.
    identify : callable
        Of a path, and the folder that was searched: id of the utterance and of its speaker; None for any other file.
    complete : callable
        Adds what lies beside the audio to a listing of a folder.
    """

    pattern: str
    identify: Callable[[PurePath, PurePath], tuple[str, str] | None]
    complete: Callable[[Listing, Path], Listing] = lambda listing, source: listing


def find_utterances(layout: str, source: str | os.PathLike[str]) -> Listing:
    """Find the utterances of a corpus that is laid out as its publishers do, and what is known of them."""
    listing = find_recordings(layout, source)
    return LAYOUTS[layout].complete(listing, Path(os.path.abspath(source)))


def find_recordings(layout: str, source: str | os.PathLike[str]) -> Listing:
    """Find the utterances as `find_utterances` does, without what lies beside the audio."""
    if layout not in LAYOUTS:
        raise ConfigError(f"{layout}: no such layout, expected one of {', '.join(LAYOUTS)}")
    form, folder = LAYOUTS[layout], Path(os.path.abspath(source))
    if not folder.is_dir():
        raise DataError(f"{source}: no such folder, expected one with {form.pattern}")
    recordings: dict[str, Path] = {}
    utt2spk: dict[str, str] = {}
    strange: list[Path] = []
    for path in _audio_files(folder):
        found = form.identify(path, folder)
        if found is None or not all(map(_is_id, found)) or not _fits_a_line(path):
            strange.append(path)
            continue
        utterance, speaker = found
        if utterance in recordings:
            expected = f"each once (it is {recordings[utterance]} too)"
            raise DataError(f"{path}: found utterance {utterance} again, expected {expected}")
        recordings[utterance], utt2spk[utterance] = path, speaker
    if strange:
        count = f" ({len(strange)} such)" if len(strange) > 1 else ""
        name = os.fsencode(strange[0]).decode("utf-8", "backslashreplace")
        raise DataError(f"{name}: found an audio file of another name{count}, expected {form.pattern} without blanks")
    if not recordings:
        raise DataError(f"{source}: found no audio, expected {form.pattern}")
    return Listing(recordings, utt2spk)


def write_listing(folder: str | os.PathLike[str], listing: Listing, *, base: Path | None = None) -> None:
    """Write a listing as a Kaldi-style data directory.

    There will be ``wav.scp`` (last, so that a directory which has it is whole), ``utt2spk``, ``spk2utt``, and ``text``,
    ``spk2gender`` and ``phones.ctm`` where something is known.
    """
    folder = Path(folder)
    known = {"text": listing.text, "spk2gender": listing.spk2gender, "phones.ctm": listing.phones, "segments": None}
    for name, entries in known.items():
        if not entries and (folder / name).exists():
            raise DataError(f"{folder / name}: found a file that these utterances have not, expected another folder")
    write_map(folder / "utt2spk", listing.utt2spk)
    write_map(folder / "spk2utt", by_speaker(listing.utt2spk))
    if listing.text:
        write_map(folder / "text", listing.text)
    if listing.spk2gender:
        write_map(folder / "spk2gender", listing.spk2gender)
    if listing.phones:
        write_ctm(folder / "phones.ctm", dict(sorted(listing.phones.items())))
    write_map(folder / "wav.scp", {u: as_listed(path, base) for u, path in listing.recordings.items()})


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
    )


def by_speaker(utt2spk: Mapping[str, str]) -> dict[str, list[str]]:
    """Utterances of each speaker, sorted."""
    groups: dict[str, list[str]] = defaultdict(list)
    for utterance in sorted(utt2spk):
        groups[utt2spk[utterance]].append(utterance)
    return dict(groups)


def as_listed(path: Path, base: Path | None) -> str:
    """Write a path as in ``wav.scp``: relative to a folder, or absolute."""
    return str(path) if base is None else path.relative_to(base).as_posix()


def _audio_files(folder: Path) -> list[Path]:
    """Audio files under a folder, sorted by path.

    Not hidden ones, which some archivers leave beside the real ones; nor SX1.WAV.wav, a copy of SX1.WAV for those who
    can't read that.
    """
    found = []
    for root, _, names in os.walk(folder):
        beside = set(names)
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in AUDIO and not name.startswith(".") and stem not in beside:
                found.append(Path(root, name))
    return sorted(found)


def _is_id(name: str) -> bool:
    return name.split() == [name] and _is_utf8(name)


def _fits_a_line(path: Path) -> bool:
    """Whether ``wav.scp`` can hold a path: a line of UTF-8 that is not read as a command."""
    text = str(path)
    return text == text.strip() and "\n" not in text and not text.endswith("|") and _is_utf8(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # the file system's own bytes
        return False
    return True


def _librispeech(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    found = _LIBRISPEECH.fullmatch(path.stem)
    return found and (path.stem, found[1])


def _librispeech_texts(listing: Listing, source: Path) -> Listing:
    """Transcripts of a chapter lie beside its audio; speakers are described at the corpus' top."""
    text: dict[str, str] = {}
    for folder in sorted({path.parent for path in listing.recordings.values()}):
        for file in sorted(folder.glob("*.trans.txt")):
            text |= read_map(file, rest_of_line=True)
    genders: dict[str, str] = {}
    described = [place / "SPEAKERS.TXT" for place in (source, source.parent)]
    for file in [file for file in described if file.is_file()][:1]:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            speaker, *rest = (part.strip() for part in line.split("|"))
            if not line.startswith(";") and rest and rest[0] in ("F", "M"):
                genders[speaker] = rest[0].lower()
    return _with(listing, text, genders)


def _voxceleb(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    """Ids begin with the speaker, so that sorting by either is the same."""
    names = path.with_suffix("").parts[-3:]
    return ("-".join(names), names[0]) if len(names) == 3 and re.fullmatch(r"id\d+", names[0]) else None


def _timit(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    """Sentences have the same names with several speakers, so an utterance is SPEAKER_SENTENCE."""
    names = [part.upper() for part in path.with_suffix("").parts[-4:]]
    if len(names) < 4 or names[0] not in ("TRAIN", "TEST"):
        return None
    return f"{names[2]}_{names[3]}", names[2]


def _timit_labels(listing: Listing, _: Path) -> Listing:
    """Words and phones lie beside the audio; a speaker's name begins with his sex."""
    beside = {u: {kind: _beside(path, kind) for kind in ("WRD", "PHN")} for u, path in listing.recordings.items()}
    words = {u: read_timit(files["WRD"]) for u, files in beside.items() if files["WRD"].exists()}
    phones = {u: read_timit(files["PHN"]) for u, files in beside.items() if files["PHN"].exists()}
    text = {u: " ".join(label.name for label in labels) for u, labels in words.items()}
    genders = {speaker: speaker[0].lower() for speaker in listing.utt2spk.values() if speaker[0] in "FM"}
    return replace(_with(listing, text, genders), phones=phones)


def _beside(audio: Path, kind: str) -> Path:
    """File of another kind beside a TIMIT recording, in the recording's case."""
    return audio.with_suffix(f".{kind}" if audio.suffix.isupper() else f".{kind.lower()}")


def _fsdd(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    found = _FSDD.fullmatch(path.stem)
    return found and (f"{found[2]}-{found[1]}-{int(found[3]):02d}", found[2])


def _fsdd_texts(listing: Listing, _: Path) -> Listing:
    return _with(listing, {u: DIGITS[int(u.split("-")[1])] for u in listing.recordings}, {})


def _arabic(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    found = _ARABIC.fullmatch(path.stem)
    return found and (f"{found[1]}-{path.parent.name.replace(' ', '_')}-{int(found[2]):02d}", found[1])


def _arabic_texts(listing: Listing, _: Path) -> Listing:
    return _with(listing, {u: path.parent.name for u, path in listing.recordings.items()}, {})


def _speaker_folders(path: PurePath, source: PurePath) -> tuple[str, str] | None:
    """All names on the way to a file make its id, which so begins with the speaker."""
    names = path.relative_to(source).with_suffix("").parts
    return ("-".join(names), names[0]) if len(names) > 1 else None


def _with(listing: Listing, text: Mapping[str, str], genders: Mapping[str, str]) -> Listing:
    """Add transcripts and genders, of those who are listed."""
    speakers = set(listing.utt2spk.values())
    return replace(
        listing,
        text={u: text[u] for u in listing.recordings if u in text},
        spk2gender={s: genders[s] for s in sorted(speakers) if s in genders},
    )


LAYOUTS: Mapping[str, Layout] = {
    "librispeech": Layout("SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac", _librispeech, _librispeech_texts),
    "voxceleb": Layout("idNUMBER/VIDEO/NUMBER.wav", _voxceleb),
    "timit": Layout("TRAIN or TEST/REGION/SPEAKER/SENTENCE.WAV", _timit, _timit_labels),
    "fsdd": Layout("DIGIT_SPEAKER_TAKE.wav", _fsdd, _fsdd_texts),
    "arabic-commands": Layout("WORD/SPEAKER_NO_TAKE.wav", _arabic, _arabic_texts),
    "speakers": Layout("SPEAKER/.../NAME.wav", _speaker_folders),
}
