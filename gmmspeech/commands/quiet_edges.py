"""Long quiet before and after what is said: left out, since features are normalized by all of a recording.

So is digital silence at the edges of such recordings, and of short ones: the logarithm of its power is far from that
of any room.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmmspeech.audio import audio_format
from gmmspeech.audio.samples import Channel
from gmmspeech.errors import GmmSpeechError, GmmSpeechWarning, counted, shown
from gmmspeech.formats.datadir import DataDir, Segment, load_utterance

BLOCK = 0.02  # seconds
QUIET = 10 ** (-35 / 20)  # of the loudest tenth of a second; no word is that much softer than those around it
NOISE = 10 ** (6 / 10)  # times the power of an edge's quietest blocks: more of it is no noise that stays as it is
NOISIEST = 10 ** (-15 / 10)  # of the power of the loudest tenth of a second, which noise to be left out may have
QUIETEST = 2  # blocks of an edge that may be quieter than its noise
LONGEST = 0.5  # seconds of quiet that are kept
MARGIN = 0.3  # seconds of quiet that are kept of what is longer
SLOWEST = 0.1  # seconds a letter: recordings that are shorter have no long edges
SHORT = 3.0  # seconds of a recording that is read whatever its text, if it is longer than such an edge
LONG = 30.0  # seconds of a recording of which the edges are read first
DIGITAL = 1e-5  # of the peak: less than a step of 16 bits, as decoders leave of none


def has_room_for_quiet(seconds: float, text: str) -> bool:
    """Say whether a recording is short, or long for its text; others have no long edges."""
    return LONGEST < seconds < SHORT or seconds > LONGEST + SLOWEST * len(text)


def loud_part(signal: NDArray[np.floating], rate: float) -> tuple[float, float | None]:
    """Start and end in seconds of what lies between long quiet edges; 0 and None where an edge is not long."""
    if not len(signal) or not np.isfinite(signal).all():  # features tell of what is no number
        return 0.0, None
    begin, end = _sounding(signal, rate)
    size, power = _block_powers(signal[begin:end], rate)
    if len(power) < 5 or not power.any():
        return 0.0, None
    loudest = np.convolve(power, np.ones(5) / 5, mode="valid").max()
    before = _quiet_blocks(power, loudest) * size / rate
    after = (_quiet_blocks(power[::-1], loudest) * size + end - begin - len(power) * size) / rate
    start = begin / rate + (before - MARGIN if before > LONGEST else 0.0)
    stop = end / rate - (after - MARGIN if after > LONGEST else 0.0)
    return round(start, 3), round(stop, 3) if end < len(signal) or after > LONGEST else None


def _sounding(signal: NDArray[np.floating], rate: float) -> tuple[int, int]:
    """Where digital silence at the beginning of a signal ends, and where that at its end begins."""
    moves = [np.abs(edge - edge[0]) for edge in (signal, signal[::-1])]
    level = DIGITAL * max(move.max() for move in moves)
    first, last = (int(np.argmax(move > level)) for move in moves)
    return first if first >= BLOCK * rate else 0, len(signal) - (last if last >= BLOCK * rate else 0)


def _quiet_blocks(power: NDArray[np.float64], loudest: float) -> int:
    """Count blocks until one is louder than what is softer than any word, and than the noise of this edge."""
    steady = _steady(power[: round(LONGEST / BLOCK)])
    return int(np.argmax(power > max(QUIET**2 * loudest, min(steady, NOISIEST * loudest))))


def _steady(edge: NDArray[np.float64]) -> float:
    """Greatest power of a block that may be the noise of an edge, if it is one that stays as it is."""
    return float(NOISE * np.sort(edge)[QUIETEST])


def _block_powers(signal: NDArray[np.floating], rate: float) -> tuple[int, NDArray[np.float64]]:
    """Samples of a block, and the mean square of each."""
    size = max(1, round(BLOCK * rate))
    blocks = signal[: len(signal) // size * size].reshape(-1, size)
    return size, np.einsum("ts,ts->t", blocks, blocks, dtype=np.float64) / size  # no copy of an hour's samples


def _has_loud_edges(data: DataDir, name: str, whole: Segment, duration: float, channel: Channel) -> bool:
    """Say whether both edges of a recording are loud beside samples of full scale: then the rest need not be read."""
    for start, end in ((0.0, LONGEST), (duration - LONGEST, None)):
        edge = replace(data, segments={name: replace(whole, start=start, end=end)})
        signal, rate = load_utterance(edge, name, channel=channel)
        power = _block_powers(signal, rate)[1]
        if len(power) <= QUIETEST or _sounding(signal, rate) != (0, len(signal)):
            return False
        if not (power > max(QUIET**2, _steady(power))).any():
            return False
    return True


def without_quiet_edges(data: DataDir, channel: Channel, utterances: Sequence[str] | None = None) -> DataDir:
    """Give utterances that are whole recordings without their long quiet edges, with a warning that counts them.

    With `utterances`, the others stay as they are.
    """
    parts: dict[str, tuple[float, float | None]] = {}
    for name in data.utterances if utterances is None else utterances:
        segment = data.segment_of(name)
        if segment.recording not in data.recordings or segment.start or segment.end is not None:
            continue
        with suppress(GmmSpeechError):  # which is told where its features are computed
            duration = audio_format(data.recordings[segment.recording], raw=data.raw).duration
            if not has_room_for_quiet(duration, (data.text or {}).get(name, "")):
                continue
            if duration < LONG or not _has_loud_edges(data, name, segment, duration, channel):
                part = loud_part(*load_utterance(data, name, channel=channel))
                if part != (0.0, None):
                    parts[name] = part
    if not parts:
        return data
    found = f"left out long silence before or after the speech of {counted(len(parts), 'recording')}"
    warnings.warn(f"{found}; the first: {shown(next(iter(parts)))}", GmmSpeechWarning)
    known = data.segments or {name: Segment(name, 0.0, None) for name in data.utterances}
    cut = {name: Segment(known[name].recording, *part) for name, part in parts.items()}
    return replace(data, segments={**known, **cut})
