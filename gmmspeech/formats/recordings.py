"""Folders of recordings with transcripts beside them, in the layout of the Montreal Forced Aligner."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

from gmmspeech.arguments import checked
from gmmspeech.audio import audio_format
from gmmspeech.audio.folders import OTHER_AUDIO, audio_files
from gmmspeech.audio.headers import how_to_convert
from gmmspeech.errors import DataError, GmmSpeechError, GmmSpeechWarning, counted, shown
from gmmspeech.files.folders import below
from gmmspeech.files.text import read_text
from gmmspeech.formats.datadir import DataDir, Segment
from gmmspeech.formats.labels.praat_symbols import tiers_shown_by_praat
from gmmspeech.formats.labels.textgrid import read_timed_textgrid
from gmmspeech.formats.results import outside_results
from gmmspeech.phones.labels.labels import Label

TRANSCRIPTS = (".lab", ".txt", ".textgrid")  # suffixes in lower case; the first that holds a transcript is taken
_UNREAD = (".eaf", ".cha", ".trs", ".srt", ".vtt", ".docx", ".odt", ".rtf")  # transcripts of other programs
SAME_LENGTH = 0.1  # seconds: decoders of lossy audio differ by some milliseconds, TextGrids of other files by more

# Tiers that aligners write, with the speaker before them (MFA) or MAU in them (WebMAUS), and those for people.
_NO_TRANSCRIPT = re.compile(
    r"(.* - )?(words?|phones?|phonemes?|confidence|notes?|comments?|gloss(es)?|translations?|events?)"
    r"|((ort|kan|kas|mas|ipa)-)?mau",
    re.IGNORECASE,
)
_TIMED_LINE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s+([0-9]+(?:\.[0-9]+)?)\s+\S.*")
_SHORTEST_LABEL = 100  # samples or steps of 100 ns: "1 2 three" is text
_LOSSLESS_FIRST = (".wav", ".flac", ".aiff", ".aif")


@checked
def read_recordings(
    path: str | os.PathLike[str], *, transcripts: bool = True, tiers: Sequence[str] = ()
) -> tuple[DataDir, dict[str, str]]:
    """Read a folder of recordings with transcripts beside them.

    Beside a recording ``a.wav``, in any format of `gmmspeech.audio.read_audio`, is its transcript: ``a.lab`` or
    ``a.txt``, or ``a.TextGrid`` with a tier for each speaker, whose intervals with text are utterances. The first of
    these that contains a transcript is used. Output folders of `align` are ignored. Tiers named words, phones,
    confidence, notes, gloss, translation or events (or ``ann - words``) belong to an earlier alignment or are comments,
    not transcripts.

    The folder of a recording is named after its speaker. If a TextGrid has several tiers, or is in the top folder, its
    tiers are named after the speakers.

    Parameters
    ----------
    path : path-like
        A folder; its subfolders are also searched.
    transcripts : bool
        Leave out recordings without a transcript; if False, they are utterances without text.
    tiers : list of str
        Tiers of TextGrids that are transcripts, with any name; then only these are read for recordings with a TextGrid.
        By default all tiers except those above.

    Returns
    -------
    data : DataDir
        With the text as written. The id of a recording is its path below the folder without the suffix, with blanks,
        ``%`` and ``#`` escaped (`path_of_id` undoes it). The id of an utterance in a TextGrid also has the numbers of
        tier and utterance: ``ann/a#1-0003``.
    left_out : dict of str to str
        Files that can't be used: path below the folder, and the reason.

    Raises
    ------
    DataError
        If the folder does not exist, nothing in it can be used, or no TextGrid has a requested tier.

    Warns
    -----
    GmmSpeechWarning
        If TextGrids end before their recordings, which then have no utterances in the rest, or have two tiers with the
        same times, which are unlikely to be of two speakers.

    Examples
    --------
    >>> from pathlib import Path
    >>> import tempfile, numpy as np, soundfile, gmmspeech as gs
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "ann").mkdir()
    >>> for name in ("a", "b"):
    ...     soundfile.write(folder / "ann" / f"{name}.wav", np.zeros(800), 8000)
    >>> _ = (folder / "ann" / "a.txt").write_text("Hello, world!")
    >>> data, left_out = gs.formats.read_recordings(folder)
    >>> data.text, data.utt2spk
    ({'ann/a': 'Hello, world!'}, {'ann/a': 'ann'})
    >>> left_out
    {'ann/b.wav': 'found no transcript beside it, expected b.lab, b.txt or b.TextGrid'}
    """
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected one of recordings, or a data directory (with wav.scp)")
    unreadable: dict[Path, str] = {}
    files, others = audio_files(folder, unreadable)
    collected = _Collected(folder, transcripts, tiers)
    collected.left_out = {below(path, folder): reason for path, reason in unreadable.items()}
    for audio, beside in _together(folder, files, others, collected.left_out):
        collected.add(audio, beside)
    collected.check_tiers()
    if not collected.utt2spk:
        needed = " with transcripts beside them (.lab, .txt or .TextGrid)" if transcripts else ""
        expected = f"recordings{needed}, or a data directory with wav.scp"
        first = "".join([f"; the first: {name}: {reason}" for name, reason in collected.left_out.items()][:1])
        if files and first:  # whose reason says what is expected
            found = f"{counted(len(files), 'recording')}, none of them with a transcript"
            raise DataError(f"{folder}: found {found}{first}")
        raise DataError(f"{folder}: found no recordings{first}, expected {expected}")
    collected.warn()
    return collected.data_dir(), dict(sorted(collected.left_out.items()))


def id_of_path(path: str | os.PathLike[str]) -> str:
    """Give the id of a recording: its path without a suffix, escaped where an id may not have a character.

    Examples
    --------
    >>> id_of_path("ann/my file"), path_of_id("ann/my%20file")
    ('ann/my%20file', 'ann/my file')
    """
    text = os.fspath(path)
    text = text.replace(os.sep, "/")
    return "".join(_escaped(character) for character in text)


def path_of_id(id: str) -> str:
    """Return the path, without suffix, of an id from `id_of_path`."""
    return os.fsdecode(unquote_to_bytes(id.encode("utf-8", "surrogateescape")))


def called(data: DataDir, utterance: str) -> str:
    """Give what people call an utterance: its recording's path in a folder of such, its id in a data directory."""
    if (data.path / "wav.scp").exists():
        return utterance
    return os.fsencode(path_of_id(utterance)).decode("utf-8", "backslashreplace")


def as_called(data: DataDir, reasons: Mapping[str, str]) -> dict[str, str]:
    """Reasons why utterances were left out, by what people call these."""
    names = {utterance: called(data, utterance) for utterance in reasons}
    return {names[utterance]: reason.replace(utterance, names[utterance]) for utterance, reason in reasons.items()}


def _escaped(character: str) -> str:
    if character.isprintable() and not character.isspace() and character not in "%#":
        return character
    return "".join(f"%{byte:02X}" for byte in os.fsencode(character))


class _Collected:
    """What was found in a folder so far."""

    def __init__(self, folder: Path, transcripts: bool, tiers: Sequence[str] = ()) -> None:
        self.folder, self.transcripts, self.tiers = folder, transcripts, [tier.strip() for tier in tiers]
        self.recordings: dict[str, Path] = {}
        self.segments: dict[str, Segment] = {}
        self.utt2spk: dict[str, str] = {}
        self.text: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self.short: list[str] = []
        self.layered: list[str] = []
        self.names: dict[str, None] = {}  # of all tiers, in their order

    def add(self, audio: Path, beside: Sequence[Path]) -> None:
        """Add a recording with the first transcript beside it that is one; else keep the reasons."""
        reasons: dict[str, str] = {}
        grids = [path for path in beside if _is_textgrid(path)] if self.tiers else []
        for transcript in grids or beside:
            try:
                self._add_textgrid(audio, transcript) if _is_textgrid(transcript) else self._add_text(audio, transcript)
                return
            except GmmSpeechError as error:
                name = below(transcript, self.folder)
                reasons[name] = str(error).removeprefix(f"{transcript}:").strip()
        if not self.transcripts:
            name = self._recording(audio)
            self.segments[name], self.utt2spk[name] = Segment(name, 0.0, None), self._speaker(audio)
        elif not reasons:
            stem = shown(audio.stem)
            other = next((s for s in _UNREAD if audio.with_suffix(s).exists()), None)
            found = "no transcript" if other is None else f"{stem}{other}, which is not read,"
            export = " (ELAN exports it as Praat TextGrid)" if other == ".eaf" else ""
            expected = f"{stem}.lab, {stem}.txt or {stem}.TextGrid{export}"
            reasons[below(audio, self.folder)] = f"found {found} beside it, expected {expected}"
        self.left_out |= reasons

    def _add_text(self, audio: Path, transcript: Path) -> None:
        text = read_text(transcript, expected="a transcript", any_line_ends=True)
        lines = [line for line in text.split("\n") if line.strip()]
        if not lines:
            raise DataError("found no text, expected what is said")
        if all(map(_is_timed, lines)):
            raise DataError(f"found labels with times ({shown(repr(lines[0]), 60)}), expected a transcript alone")
        name = self._recording(audio)
        self._utterance(name, Segment(name, 0.0, None), self._speaker(audio), " ".join(lines))

    def _add_textgrid(self, audio: Path, transcript: Path) -> None:
        end, typed = read_timed_textgrid(transcript)
        tiers = tiers_shown_by_praat(typed)
        self.names |= dict.fromkeys(map(str.strip, tiers))
        spoken = {tier: labels for tier, labels in tiers.items() if self._is_transcript(tier)}
        if not spoken:
            expected = "one of a transcript, called after its speaker, or another by tiers=NAME"
            if self.tiers:
                expected = f"one called {shown(' or '.join(self.tiers))}"
            raise DataError(f"found tiers {shown(', '.join(tiers), 300) or '(none)'}, expected {expected}")
        intervals = {tier: [label for label in spoken[tier] if label.start < label.end] for tier in spoken}
        if not any(intervals.values()):
            raise DataError("found no interval with text, expected what is said")
        duration = audio_format(audio).duration
        self._check_length(transcript, max(end, *(t[-1].end for t in intervals.values() if t)), duration)
        if not self.tiers and (layers := _layers(intervals)):
            self.layered.append(f"{below(transcript, self.folder)} ({shown(', '.join(layers))})")
        recording = self._recording(audio)
        several = len(intervals) > 1 or len(self.tiers) > 1
        for tier_number, (tier, labels) in enumerate(intervals.items(), 1):
            speaker = self._speaker(audio, tier if several or audio.parent == self.folder else "")
            for number, label in enumerate(labels, 1):
                segment = Segment(recording, label.start, min(label.end, duration))
                self._utterance(f"{recording}#{tier_number}-{number:04d}", segment, speaker, _one_line(label))

    def _is_transcript(self, tier: str) -> bool:
        """Say whether a tier is one of those asked for, or any one that holds a transcript by its name."""
        name = tier.strip()  # blanks at the ends are not seen
        return name in self.tiers if self.tiers else not _NO_TRANSCRIPT.fullmatch(name)

    def _check_length(self, transcript: Path, end: float, duration: float) -> None:
        if end > duration + SAME_LENGTH:
            raise DataError(f"found a TextGrid of {end:.3f} s, expected {duration:.3f} s as its recording has")
        if end < duration - SAME_LENGTH:
            self.short.append(f"{below(transcript, self.folder)} ({end:.3f} of {duration:.3f} s)")

    def _recording(self, audio: Path) -> str:
        name = id_of_path(audio.relative_to(self.folder).with_suffix(""))
        self.recordings[name] = audio
        return name

    def _utterance(self, name: str, segment: Segment, speaker: str, text: str) -> None:
        self.segments[name], self.utt2spk[name], self.text[name] = segment, speaker, text

    def _speaker(self, audio: Path, tier: str = "") -> str:
        """Give the name of a tier, or else of the recording's folder."""
        folder = audio.parent.relative_to(self.folder)
        return tier or (folder.as_posix() if folder.parts else Path(os.path.abspath(self.folder)).name or "speaker")

    def check_tiers(self) -> None:
        """Raise a DataError for a tier that was asked for and that no TextGrid has."""
        for tier in self.tiers:
            if tier not in self.names:
                known = f"one of {shown(', '.join(self.names), 300)}" if self.names else "TextGrids in it"
                raise DataError(f"tiers: found no tier {shown(tier)} in {self.folder}, expected {known}")

    def warn(self) -> None:
        """Warn of TextGrids that end before their recordings, and of tiers that are hardly those of speakers."""
        if self.layered:
            found = f"found two of the same times in {counted(len(self.layered), 'TextGrid')}"
            took = f"took both for speakers' transcripts; the first: {self.layered[0]}"
            warnings.warn(f"tiers: {found}, {took}; expected the names of those to be read", GmmSpeechWarning)
        if self.short:
            first = self.short[0]
            warnings.warn(
                f"found {counted(len(self.short), 'TextGrid')} shorter than the recording; the first: {first}",
                GmmSpeechWarning,
            )

    def data_dir(self) -> DataDir:
        """Put it all in one; segments where some recording is not one utterance."""
        utterances = tuple(sorted(self.utt2spk))
        whole = all(name == segment.recording for name, segment in self.segments.items())
        segments = None if whole else self.segments
        return DataDir(self.folder, self.recordings, segments, utterances, self.utt2spk, self.text)


def _together(
    folder: Path, files: Sequence[Path], others: Sequence[Path], left_out: dict[str, str]
) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each recording with the transcripts beside it, in the order in which they are to be tried."""
    transcripts: dict[Path, list[Path]] = {}
    unread: set[Path] = set()
    for path in others:
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix.lower() in TRANSCRIPTS:
            transcripts.setdefault(_stem(path), []).append(path)
        elif path.suffix.lower() in OTHER_AUDIO:
            how = how_to_convert(str(path), beside=True)
            left_out[below(path, folder)] = f"found audio that libsndfile does not read{how}"
            unread.add(_stem(path))
    recordings: dict[Path, list[Path]] = {}
    for path in files:
        recordings.setdefault(_stem(path), []).append(path)
    for stem, same in sorted(recordings.items()):
        first, *further = sorted(same, key=_by_suffix)
        for path in further:
            left_out[below(path, folder)] = f"found {shown(first.name)} too, expected one recording of a name"
        yield first, sorted(transcripts.pop(stem, []), key=lambda path: TRANSCRIPTS.index(path.suffix.lower()))
    for alone in (found for stem, found in transcripts.items() if stem not in unread):
        for path in outside_results(alone, folder):
            left_out[below(path, folder)] = "found no recording of that name beside it, expected one"


def _stem(path: Path) -> Path:
    """Path without its suffix: an ``ü`` that macOS wrote as two characters is the same as one of another system."""
    return path.with_name(unicodedata.normalize("NFC", path.stem))


def _by_suffix(path: Path) -> tuple[bool, str]:
    """Sort what has no loss before the rest."""
    suffix = path.suffix.lower()
    return suffix not in _LOSSLESS_FIRST, f"{_LOSSLESS_FIRST.index(suffix) if suffix in _LOSSLESS_FIRST else suffix}"


def _layers(tiers: Mapping[str, Sequence[Label]]) -> tuple[str, ...]:
    """Two tiers, most intervals of one of which begin where some of the other begin and end where some end; or none.

    So do sentences and their translation, or sentences and their words, and two speakers do not, who take turns.
    """
    starts = {tier: {round(label.start, 3) for label in labels} for tier, labels in tiers.items()}
    ends = {tier: {round(label.end, 3) for label in labels} for tier, labels in tiers.items()}
    for one, other in itertools.permutations(tiers, 2):
        times = [(round(label.start, 3), round(label.end, 3)) for label in tiers[one]]
        within = sum(start in starts[other] and end in ends[other] for start, end in times)
        if within > len(tiers[one]) / 2:
            return tuple(tier for tier in tiers if tier in (one, other))
    return ()


def _is_textgrid(path: Path) -> bool:
    return path.suffix.lower() == ".textgrid"


def _is_timed(line: str) -> bool:
    """Say whether a line is a label of HTK, TIMIT or Audacity: a start, an end and a name."""
    found = _TIMED_LINE.fullmatch(line)
    if found is None:
        return False
    start, end = map(float, found.groups())
    return end > start and ("." in found[1] + found[2] or end - start >= _SHORTEST_LABEL)


def _one_line(label: Label) -> str:
    return " ".join(label.name.split())
