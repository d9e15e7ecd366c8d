"""Quality of recordings, from audio to a table that calibration takes as side information."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

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

MEASURES = ("log_seconds", "snr_db")


def measure_file(
    data: DataDir, out: Path, *, groups: Sequence[Path] = (), channel: Channel = None, n_jobs: int | None = 1
) -> dict[str, tuple[float, float]]:
    """Measure all utterances, and models or tests of several, and write a table of them."""

    def measure(utterance: str) -> Quality:
        try:
            return speech_quality(*load_utterance(data, utterance, channel=channel))
        except (GmmSpeechError, OSError) as error:
            raise as_of_utterance(utterance, error) from error

    names = data.utterances
    bar = progress_bar("measuring", "utt", total=len(names))
    found = dict(zip(names, bar(ordered_map(measure, names, n_jobs=n_jobs)), strict=True))
    rows = {name: _row([quality]) for name, quality in found.items()}
    for path in groups:
        for name, members in read_list_map(path).items():
            unknown = next((member for member in members if member not in found), None)
            if unknown is not None:
                expected = f"one of {shown(data.path)}{look_alike(unknown, found)}"
                raise DataError(f"{path}: found utterance {shown(unknown)}, expected {expected}")
            rows[name] = _row([found[member] for member in members])
    write_measures(out, MEASURES, rows)
    return rows


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
