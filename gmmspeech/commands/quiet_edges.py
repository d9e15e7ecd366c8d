"""Long quiet before and after what is said: left out, since features are normalized by all of a recording."""

from __future__ import annotations

import warnings
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
LONGEST = 3.0  # seconds of quiet that are kept
MARGIN = 0.5  # seconds of quiet that are kept of what is longer
SLOWEST = 0.15  # seconds a letter: recordings that are shorter have no long edges


def loud_part(signal: NDArray[np.floating], rate: float) -> tuple[float, float | None]:
    """Start and end in seconds of what lies between long quiet edges; 0 and None where an edge is not long."""
    size, power = _block_powers(signal, rate)
    if len(power) < 5 or not power.any() or not np.isfinite(power).all():  # features tell of what is no number
        return 0.0, None
    loudest = np.convolve(power, np.ones(5) / 5, mode="valid").max()
    loud = np.flatnonzero(power > QUIET**2 * loudest) * size / rate
    before, after = float(loud[0]), len(signal) / rate - float(loud[-1]) - BLOCK
    start = round(before - MARGIN, 1) if before > LONGEST else 0.0
    return start, round(float(loud[-1]) + BLOCK + MARGIN, 1) if after > LONGEST else None


def _block_powers(signal: NDArray[np.floating], rate: float) -> tuple[int, NDArray[np.float64]]:
    """Samples of a block, and the mean square of each."""
    size = max(1, round(BLOCK * rate))
    blocks = signal[: len(signal) // size * size].reshape(-1, size)
    return size, np.einsum("ts,ts->t", blocks, blocks, dtype=np.float64) / size  # no copy of an hour's samples


def _has_loud_edges(data: DataDir, name: str, whole: Segment, duration: float, channel: Channel) -> bool:
    """Say whether both edges of a recording are loud beside samples of full scale: then the rest need not be read."""
    for start, end in ((0.0, LONGEST), (duration - LONGEST, None)):
        edge = replace(data, segments={name: replace(whole, start=start, end=end)})
        if not (_block_powers(*load_utterance(edge, name, channel=channel))[1] > QUIET**2).any():
            return False
    return True


def without_quiet_edges(data: DataDir, channel: Channel) -> DataDir:
    """Give utterances that are whole recordings without their long quiet edges, with a warning that counts them."""
    parts: dict[str, tuple[float, float | None]] = {}
    for name in data.utterances:
        segment = data.segment_of(name)
        if segment.recording not in data.recordings or segment.start or segment.end is not None:
            continue
        with suppress(GmmSpeechError):  # which is told where its features are computed
            duration = audio_format(data.recordings[segment.recording], raw=data.raw).duration
            slow = duration > LONGEST + SLOWEST * len((data.text or {}).get(name, ""))
            if slow and not _has_loud_edges(data, name, segment, duration, channel):
                part = loud_part(*load_utterance(data, name, channel=channel))
                if part != (0.0, None):
                    parts[name] = part
    if not parts:
        return data
    found = f"{counted(len(parts), 'recording')} with long quiet before or after the speech, left out; the first: "
    warnings.warn(f"found {found}{shown(next(iter(parts)))}", GmmSpeechWarning)
    known = data.segments or {name: Segment(name, 0.0, None) for name in data.utterances}
    cut = {name: Segment(known[name].recording, *part) for name, part in parts.items()}
    return replace(data, segments={**known, **cut})
