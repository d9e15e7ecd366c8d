"""Phones of Kaldi alignments, as a CTM or a table of integers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from gmmspeech.errors import DataError, shown
from gmmspeech.features.compatibility import told_shift
from gmmspeech.files.table_places import parse_output
from gmmspeech.files.text import parse_whole
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.kaldi.alignments import (
    phones_and_edges,
    read_kaldi_alignments,
    timed_phones,
    write_kaldi_alignments,
)
from gmmspeech.formats.labels.lines import write_ctm
from gmmspeech.formats.loading import is_kaldi_model, load
from gmmspeech.phones.decoding.adapting import base_of
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import FrameClock


def ali_to_phones(
    model: str | os.PathLike[str],
    alignments: str,
    out: str,
    *,
    per_frame: bool = False,
    frame_shift: float | None = None,
) -> int:
    """Write the phones of alignments with their times, as a CTM, or their numbers, as a table; give how many there are.

    Numbers are of each phone that is passed, or of each frame's. Times are those of Kaldi: a frame is a step long.
    """
    found = load(model, (PhoneHMM, AdaptedSystem))
    hmm = base_of(found)
    find, rows = phones_and_edges(hmm), read_kaldi_alignments(alignments)
    paths = {name: find(row, f"{alignments}: utterance {shown(name)}") for name, row in rows.items()}
    place = parse_output(out, archives=True)
    if place.kind == "file":
        clock = FrameClock.of(None, frame_shift or told_shift(found.front_end), times="start")
        write_ctm(place.path, {name: timed_phones(hmm, *path, clock) for name, path in paths.items()})
        return len(paths)
    numbers = _numbers(model, hmm)
    told = {
        name: np.repeat(numbers[phones], np.diff(edges)) if per_frame else numbers[phones]
        for name, (phones, edges) in paths.items()
    }
    write_kaldi_alignments(place.path, told, scp=place.script, text=place.text)
    return len(told)


def _numbers(path: str | os.PathLike[str], model: PhoneHMM) -> np.ndarray:
    """Numbers of a model's phones: those of ``phones.txt`` beside one of Kaldi's, else from 1 on."""
    if not is_kaldi_model(path):
        return np.arange(1, len(model.phones) + 1)
    file = Path(path).parent / "phones.txt"
    known = read_map(file)
    try:
        return np.array([parse_whole(known[phone]) for phone in model.phones])
    except (KeyError, ValueError) as error:  # which reading the model has seen to
        raise DataError(f"{file}: found {error}, expected a number for each phone of the model") from error
