"""Quality of recordings, from audio to a table of side information for calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.audio.samples import Channel
from gmmspeech.blocks import ordered_map
from gmmspeech.errors import DataError, GmmSpeechError, as_of_utterance, counted, shown
from gmmspeech.features.pitch import median_pitch
from gmmspeech.features.quality import Quality, speech_quality
from gmmspeech.files.text import look_alike
from gmmspeech.formats.datadir import DataDir, load_utterance, read_list_map
from gmmspeech.formats.measures import write_measures
from gmmspeech.progress import progress_bar

Result = TypeVar("Result")

MEASURES = ("log_seconds", "snr_db")
PITCH = ("log_pitch",)  # of the voice, in log Hz


def measure_file(
    data: DataDir, out: Path, *, groups: Sequence[Path] = (), channel: Channel = None, n_jobs: int | None = 1
) -> dict[str, tuple[float, float]]:
    """Measure all utterances, and models or tests of several, and write a table of them."""
    found = of_utterances(speech_quality, data, "measuring", channel=channel, n_jobs=n_jobs)
    rows = {name: _row([quality]) for name, quality in found.items()}
    for name, members in members_of(groups, found, data.path):
        rows[name] = _row([found[member] for member in members])
    write_measures(out, MEASURES, rows)
    return rows


def pitches_of(data: DataDir, *, channel: Channel = None, n_jobs: int | None = 1) -> dict[str, float | None]:
    """Measure the median pitch of all utterances, in Hz; None where they have none."""
    return of_utterances(median_pitch, data, "pitch", channel=channel, n_jobs=n_jobs)


def measure_pitch_file(
    data: DataDir, out: Path, pitches: Mapping[str, float | None], *, groups: Sequence[Path] = ()
) -> dict[str, tuple[float]]:
    """Write a table of the median pitch of all utterances, which `pitches_of` finds, and of models or tests of several.

    Who has no pitch, as whispers have none, has no line in it.
    """
    found = {name: [pitch] for name, pitch in pitches.items()}
    found |= {name: [pitches[member] for member in members] for name, members in members_of(groups, pitches, data.path)}
    known = {name: [pitch for pitch in several if pitch is not None] for name, several in found.items()}
    rows = {name: (math.log(float(np.median(several))),) for name, several in known.items() if several}
    if not rows:
        raise DataError(f"{shown(data.path, 400)}: found no pitch in {counted(len(pitches), 'utterance')}, "
                        "expected some")  # fmt: skip
    write_measures(out, PITCH, rows)
    return rows


def of_utterances(
    measure: Callable[[NDArray[np.float32], int], Result],
    data: DataDir,
    desc: str,
    *,
    channel: Channel = None,
    n_jobs: int | None = 1,
) -> dict[str, Result]:
    """Give what a function of a waveform and its rate finds in each utterance, with a progress bar of that name."""

    def one(utterance: str) -> Result:
        try:
            return measure(*load_utterance(data, utterance, channel=channel))
        except (GmmSpeechError, OSError) as error:
            raise as_of_utterance(utterance, error) from error

    names = data.utterances
    bar = progress_bar(desc, "utt", total=len(names))
    return dict(zip(names, bar(ordered_map(one, names, n_jobs=n_jobs)), strict=True))


def members_of(groups: Sequence[Path], known: Mapping[str, object], owner: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each name in files of groups and its members; a DataError names one that is not known."""
    for path in groups:
        for name, members in read_list_map(path).items():
            unknown = next((member for member in members if member not in known), None)
            if unknown is not None:
                expected = f"one of {shown(owner)}{look_alike(unknown, known)}"
                raise DataError(f"{path}: found utterance {shown(unknown)}, expected {expected}")
            yield name, members


def _row(parts: Sequence[Quality]) -> tuple[float, float]:
    """Measures of recordings that are taken as one."""
    return math.log(sum(part.seconds for part in parts)), float(np.mean([part.snr for part in parts]))
