"""Convert recordings of any rate and number of channels for one front end, with a one-line notice."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from gmmspeech.audio import AudioFormat, audio_format
from gmmspeech.audio.samples import Channel
from gmmspeech.errors import AudioError, DataError, GmmSpeechWarning, counted, shown
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.text import parse_number
from gmmspeech.formats.datadir import DataDir, Segment, read_map

_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def converting(front: FrontEnd, rate: int | None = None) -> FrontEnd:
    """Give a front end that takes recordings of any rate, and works on them at this one, or at its own."""
    sections = front.model_dump() | ({} if rate is None else {"sample_frequency": rate})
    return FrontEnd(**{**sections, "resample": True})


def audio_formats(data: DataDir) -> dict[str, AudioFormat]:
    """Tell what the recordings are that the utterances of a data directory need; reading names those that are bad.

    A recording has one channel where its segments choose theirs.
    """
    used = [data.segment_of(utterance) for utterance in data.utterances]
    whole = {segment.recording for segment in used if segment.channel is None}
    found: dict[str, AudioFormat] = {}
    for recording in dict.fromkeys(segment.recording for segment in used):
        if recording in data.recordings:
            with suppress(AudioError):
                one = audio_format(data.recordings[recording], raw=data.raw)
                found[recording] = one if recording in whole else one._replace(channels=1)
    return found


def known_seconds(data: DataDir) -> dict[str, float]:
    """Seconds of the utterances of which utt2dur, segments or the recordings' headers tell it."""
    table = data.path / "utt2dur"
    told = {name: _seconds(table, name, text) for name, text in (read_map(table) if table.is_file() else {}).items()}
    others = data.only(name for name in data.utterances if name not in told)
    formats = audio_formats(others)
    for name in others.utterances:
        segment = data.segment_of(name)
        seconds = _lasting(segment, formats.get(segment.recording))
        if seconds is not None:
            told[name] = seconds
    return told


def _lasting(segment: Segment, recording: AudioFormat | None) -> float | None:
    """Seconds of a segment, which ends with its recording at the latest; None where neither tells an end."""
    ends = [end for end in (segment.end, recording and recording.duration) if end is not None]
    return min(ends) - segment.start if ends else None


def _seconds(table: Path, name: str, text: str) -> float:
    try:
        return parse_number(text)
    except ValueError:
        raise DataError(f"{table}: found {shown(repr(text))} for {shown(name)}, expected seconds") from None


def readable_utterances(data: DataDir, left_out: dict[str, str]) -> tuple[dict[str, float], list[int]]:
    """Seconds of the utterances whose recordings can be opened, and all rates; others are left out, with reasons."""
    seconds, rates = {}, set()
    for name in data.utterances:
        segment = data.segment_of(name)
        path = data.recordings[segment.recording]
        try:
            found = audio_format(path, raw=data.raw)
        except AudioError as error:
            left_out[name] = str(error).removeprefix(f"{path}: ")
        else:
            seconds[name] = _lasting(segment, found) or 0.0
            rates.add(found.rate)
    if not rates:
        first = next(iter(left_out.values()), "found none")
        raise DataError(f"{shown(data.path, 400)}: found no recording that can be read; the first: {first}")
    return seconds, sorted(rates)


def warn_of_conversions(formats: Mapping[str, AudioFormat], rate: int, channel: Channel) -> None:
    """Warn in one line of recordings that are resampled, and of those whose channels are mixed."""
    told = conversion_note(formats.values(), rate, channel)
    if told:
        warnings.warn(told, GmmSpeechWarning)


def conversion_note(formats: Iterable[AudioFormat], rate: int, channel: Channel) -> str:
    """Tell how many recordings are resampled and mixed, "" where none is.

    Examples
    --------
    >>> conversion_note([AudioFormat(8000, 1, 800), AudioFormat(44100, 2, 800), AudioFormat(16000, 1, 1)], 16000, "mix")
    'resampled 2 of 3 recordings from 8000 and 44100 Hz to 16000; mixed 1 of 3 from two channels'
    """
    listed = list(formats)
    rates = Counter(found.rate for found in listed if found.rate != rate)
    channels = Counter(found.channels for found in listed if channel == "mix" and found.channels > 1)
    parts = []
    if rates:
        count = f"{rates.total()} of {counted(len(listed), 'recording')}"
        parts.append(f"resampled {count} from {_listed(map(str, sorted(rates)))} Hz to {rate}")
    if channels:
        count = f"{channels.total()} of {len(listed) if rates else counted(len(listed), 'recording')}"
        parts.append(f"mixed {count} from {_listed(_NUMBERS.get(n, str(n)) for n in sorted(channels))} channels")
    return "; ".join(parts)


def _listed(words: Iterable[str]) -> str:
    """Words with commas, and "and" before the last."""
    *before, last = words
    return shown(f"{', '.join(before)} and {last}" if before else last)
