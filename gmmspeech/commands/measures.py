"""Quality of recordings, from audio to a table that calibration takes as side information."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.audio.reading import Channel
from gmmspeech.blocks import ordered_map
from gmmspeech.errors import DataError, GmmSpeechError, as_of_utterance, shown
from gmmspeech.features.quality import Quality, speech_quality
from gmmspeech.files.text import look_alike
from gmmspeech.formats.datadir import DataDir, load_utterance, read_list_map
from gmmspeech.formats.measures import measures_of, read_measures, write_measures
from gmmspeech.progress import progress_bar
from gmmspeech.scoring.side_information import side_information

Result = TypeVar("Result")

MEASURES = ("log_seconds", "snr_db")


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


def with_side_information(
    scores: NDArray[np.float64], models: Sequence[str], tests: Sequence[str], measures: Path
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Columns of scores and measures of the trials, and the names of the measures."""
    names, rows = read_measures(measures)
    sides = measures_of(models, rows, measures, "model"), measures_of(tests, rows, measures, "test")
    return side_information(scores, *sides), names


def _row(parts: Sequence[Quality]) -> tuple[float, float]:
    """Measures of recordings that are taken as one."""
    return math.log(sum(part.seconds for part in parts)), float(np.mean([part.snr for part in parts]))
