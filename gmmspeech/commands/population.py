"""Relevant population of a case: its recordings under the conditions and with the duration of the case."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.audio import audio_file, simulate_conditions
from gmmspeech.blocks import ordered_map
from gmmspeech.commands.conversion import readable_utterances
from gmmspeech.commands.copies import file_digest, leave_copies_out
from gmmspeech.commands.verify_protocol import HALVES
from gmmspeech.corpora.speaker_folders import read_speaker_folders
from gmmspeech.errors import GmmSpeechError, as_of_utterance
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.quality import Quality, speech_quality
from gmmspeech.formats.datadir import DataDir, load_utterance, read_data_dir
from gmmspeech.progress import progress_bar

Signal = tuple[NDArray[np.float32], int]


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recording as frames, and how good it is."""

    frames: NDArray[np.float32]
    quality: Quality


@dataclass(frozen=True)
class Population:
    """Recordings of many speakers.

    Parameters
    ----------
    data : DataDir
    seconds : dict
        Length of each recording that can be opened.
    rate : int
        The lowest of all.
    digests : dict
        SHA-256 of each recording's file.
    left_out : dict
        What is not used, and why.
    """

    data: DataDir
    seconds: Mapping[str, float]
    rate: int
    digests: Mapping[str, str]
    left_out: Mapping[str, str]

    @property
    def speakers(self) -> set[str]:
        """Those of the recordings."""
        return {self.data.utt2spk[name] for name in self.seconds}

    @property
    def digest(self) -> str:
        """SHA-256 over the names and digests of all recordings, in order."""
        lines = "".join(f"{name} {self.digests[name]}\n" for name in sorted(self.seconds))
        return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def read_population(folder: Path, case: Sequence[str]) -> Population:
    """Read a data directory, or a folder for each speaker; leave out speakers of recordings that are the case's.

    So are copies, see `leave_copies_out`. `case` are the digests of the case's recordings.
    """
    is_listed = (folder / "wav.scp").exists()
    data, left_out = (read_data_dir(folder), {}) if is_listed else read_speaker_folders(folder)
    seconds, rates = readable_utterances(data, left_out)
    digest = cache(file_digest)
    digests = {name: digest(_file_of(data, name)) for name in seconds}
    known = {data.utt2spk[name] for name, digest in digests.items() if digest in case}
    for name in [name for name in seconds if data.utt2spk[name] in known]:
        left_out[name] = f"found a recording of the case among those of speaker {data.utt2spk[name]}"
        del seconds[name]
    leave_copies_out(data, seconds, left_out, digest)
    return Population(data.only(seconds), seconds, rates[0], digests, left_out)


def _file_of(data: DataDir, utterance: str) -> str:
    """File, or archive, that an utterance is in."""
    return audio_file(str(data.recordings[data.segment_of(utterance).recording]))[0]


def record(signal: Signal, front: FrontEnd, name: str, limit: int | None = None) -> Recorded:
    """Frames of a signal; of one with more than `limit` frames of speech, the beginning that has about so many."""
    samples, rate = signal
    frames = front(samples, rate, name)
    if limit is not None and len(frames) > limit:
        samples = samples[: max(len(samples) * limit // len(frames), round(0.1 * rate))]
        frames = front(samples, rate, name)
    return Recorded(frames, speech_quality(samples, rate))


def record_all(
    population: Population,
    names: Sequence[str],
    front: FrontEnd,
    conditions: Sequence[str],
    bad: dict[str, str],
    *,
    limit: int | None = None,
    n_jobs: int | None = 1,
) -> dict[str, Recorded]:
    """Give recordings, or halves of some, under conditions, as frames; those that can't be had go to `bad`."""

    def one(numbered: tuple[int, str]) -> Recorded | str:
        number, name = numbered
        try:
            samples, rate = _cut(population.data, name)
            samples = simulate_conditions(samples, rate, conditions, random_state=number)
            return record((samples, rate), front, name, limit)
        except (GmmSpeechError, OSError) as error:
            return str(as_of_utterance(name, error))

    bar = progress_bar("recordings", "file", total=len(names))
    found = dict(zip(names, bar(ordered_map(one, enumerate(names), n_jobs=n_jobs)), strict=True))
    bad |= {name: each for name, each in found.items() if isinstance(each, str)}
    return {name: each for name, each in found.items() if isinstance(each, Recorded)}


def _cut(data: DataDir, name: str) -> Signal:
    """Waveform of a recording, or of a half of one."""
    whole = re.sub("#[12]$", "", name) if name not in data.utt2spk else name
    samples, rate = load_utterance(data, whole, channel="mix")
    middle = len(samples) // 2
    return {HALVES[0]: samples[:middle], HALVES[1]: samples[middle:]}.get(name[len(whole) :], samples), rate
