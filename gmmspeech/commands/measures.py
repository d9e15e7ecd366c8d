"""Quality of recordings, from audio to a table that calibration takes as side information."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.audio.reading import Channel
from gmmspeech.blocks import ordered_map
from gmmspeech.errors import DataError, GmmSpeechError, as_of_utterance, counted, shown
from gmmspeech.features.pitch import median_pitch
from gmmspeech.features.quality import Quality, speech_quality
from gmmspeech.files.text import look_alike
from gmmspeech.formats.datadir import DataDir, load_utterance, read_list_map
from gmmspeech.formats.measures import measures_of, read_measures, write_measures
from gmmspeech.progress import progress_bar
from gmmspeech.scoring.side_information import distance_information, side_information

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


def measure_pitch_file(
    data: DataDir, out: Path, *, groups: Sequence[Path] = (), channel: Channel = None, n_jobs: int | None = 1
) -> dict[str, tuple[float]]:
    """Measure the median pitch of all utterances, and of models or tests of several, and write a table of it.

    Who has no voiced frame has no line in it.
    """
    pitches = of_utterances(median_pitch, data, "pitch", channel=channel, n_jobs=n_jobs)
    found = {name: [pitch] for name, pitch in pitches.items()}
    found |= {name: [pitches[member] for member in members] for name, members in members_of(groups, pitches, data.path)}
    known = {name: [pitch for pitch in several if pitch is not None] for name, several in found.items()}
    rows = {name: (math.log(float(np.median(several))),) for name, several in known.items() if several}
    if not rows:
        raise DataError(f"{shown(data.path, 400)}: found no voiced frame in {counted(len(pitches), 'utterance')}, "
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


class SideInformation(NamedTuple):
    """Tables that calibration takes: of the quality of recordings, and of voices whose distances count."""

    measures: Path | None = None
    distances: Path | None = None

    def __bool__(self) -> bool:
        return self != (None, None)

    def columns(
        self, scores: NDArray[np.float64], models: Sequence[str], tests: Sequence[str]
    ) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
        """Columns of the scores, (n,), and what the tables say of the trials; names of measures, and of distances."""
        columns = [scores[:, None]]
        measures: tuple[str, ...] = ()
        distances: tuple[str, ...] = ()
        if self.measures is not None:
            measures, sides = _sides(self.measures, models, tests)
            columns = [side_information(scores, *sides)]
        if self.distances is not None:
            distances, sides = _sides(self.distances, models, tests)
            columns.append(distance_information(scores, *sides))
        return np.hstack(columns), measures, distances


def _sides(
    table: Path, models: Sequence[str], tests: Sequence[str]
) -> tuple[tuple[str, ...], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Names of the measures of a table, and those of both sides of the trials."""
    names, rows = read_measures(table)
    return names, (measures_of(models, rows, table, "model"), measures_of(tests, rows, table, "test"))


def _row(parts: Sequence[Quality]) -> tuple[float, float]:
    """Measures of recordings that are taken as one."""
    return math.log(sum(part.seconds for part in parts)), float(np.mean([part.snr for part in parts]))
