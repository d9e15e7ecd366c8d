"""Division of feature extraction into shards, and the settings that decide the content of each."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.audio import audio_file
from gmmspeech.audio.samples import Channel
from gmmspeech.features.frontend import FrontEnd, SpeakerCmvnOptions
from gmmspeech.formats.datadir import DataDir, utterances_of

SHARD_BYTES = 2**21  # of audio, which is what a killed run loses the work on
MAX_SHARDS = 1000
VERSION = 2  # of what frames are, given all else: a shard of another one is not taken

Group = tuple[DataDir, Sequence[str]]  # utterances of a data directory whose frames depend on one another


@dataclass(frozen=True)
class Shard:
    """A part of the work: all that is needed to do it, in whichever process."""

    path: Path
    groups: Sequence[Group]
    audio_bytes: float
    front: FrontEnd
    channel: Channel
    skip_bad: bool
    storage: str
    compression: str | None

    @property
    def record(self) -> Path:
        return self.path.with_suffix(".json")


def extracted_together(data: DataDir, front: FrontEnd) -> Iterable[Sequence[str]]:
    """Utterances whose frames depend on one another: a speaker's with CMVN by speaker, else each for itself."""
    if not isinstance(front.cmvn, SpeakerCmvnOptions):
        return [[utterance] for utterance in data.utterances]
    return utterances_of({utterance: data.utt2spk[utterance] for utterance in data.utterances}).values()


def divided(groups: Sequence[Group], shards: int | None) -> Iterator[tuple[list[Group], float]]:
    """Cut the work, in order, into a number of parts of about the same size, or by default into parts of a fixed one.

    With a fixed size, what comes later does not move the edges of what was done.
    """
    sizes = audio_bytes(groups)
    starts, total = np.cumsum(sizes) - sizes, sizes.sum()
    if shards is None:
        number_of = starts // max(SHARD_BYTES, total / MAX_SHARDS)
        edges = [0, *(1 + np.flatnonzero(np.diff(number_of))), len(groups)]
    else:
        edges = np.searchsorted(starts + sizes / 2, total * np.arange(shards + 1) / shards).tolist()
        for i in range(1, shards):  # none without work
            edges[i] = min(max(edges[i], edges[i - 1] + 1), len(groups) - (shards - i))
    for first, last in pairwise(edges):
        yield [(_only(data, group), group) for data, group in groups[first:last]], float(sizes[first:last].sum())


def audio_bytes(groups: Sequence[Group]) -> NDArray[np.float64]:
    """Size of each group's audio; the utterances of a recording share it, and recordings that of their archive."""
    files = [[file_of(data, data.segment_of(u).recording) for u in group] for data, group in groups]
    users = Counter(file for group in files for file in group)
    sizes = {file: state_of(file)[0] for file in users}
    return np.array([sum(sizes[file] / users[file] for file in group) + 1.0 for group in files])


def _only(data: DataDir, utterances: Sequence[str]) -> DataDir:
    """What a data directory says of some utterances, which is little to send to another process."""
    used = list(dict.fromkeys(data.segment_of(u).recording for u in utterances))
    return replace(
        data,
        recordings={r: data.recordings[r] for r in used if r in data.recordings},
        segments=None if data.segments is None else {u: data.segments[u] for u in utterances},
        utterances=tuple(utterances),
        utt2spk={u: data.utt2spk[u] for u in utterances},
        text=None,
        commands={r: data.commands[r] for r in used if r in data.commands},
    )


def named_shard(task: Shard, number: int, suffix: str) -> Shard:
    """Name a shard after its number and a digest of all that decides what is in it."""
    decides: list[object] = [VERSION, task.front.to_json(), task.channel, task.skip_bad, task.storage, task.compression]
    for data, group in task.groups:
        for utterance in group:
            recording = data.segment_of(utterance).recording
            source = data.commands.get(recording) or os.path.abspath(data.recordings[recording])
            segment = None if data.segments is None else astuple(data.segments[utterance])
            raw = None if data.raw is None else astuple(data.raw)
            state = state_of(file_of(data, recording))
            decides.append((utterance, data.utt2spk[utterance], source, *state, segment, raw))
    digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]
    return replace(task, path=task.path / f"{number:04d}-{digest}{suffix}")


def file_of(data: DataDir, recording: str) -> str:
    """Path of the file that a recording, or the archive it is in, is read from; nothing where a command prints it."""
    return audio_file(str(data.recordings[recording]))[0] if recording in data.recordings else ""


def state_of(file: str) -> tuple[int, int]:
    """Size and time of change; zeros where there is no file, which reading it will tell."""
    try:
        found = os.stat(file)
    except (OSError, ValueError):  # ValueError: a null byte
        return 0, 0
    return found.st_size, found.st_mtime_ns
