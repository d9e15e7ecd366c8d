"""VoxCeleb1, from a local copy: data directories of the official trials and of the speakers outside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath

import numpy as np

from gmmspeech.corpora.corpus import Layout
from gmmspeech.corpora.listing import find_recordings, select, write_listing
from gmmspeech.errors import DataError, shown
from gmmspeech.formats.datadir import read_fields, write_map
from gmmspeech.formats.trials import voxceleb_utterance, write_trials
from gmmspeech.scoring.trials import TrialList

_LABELS = {"1": True, "0": False}


def _identify(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    """Ids begin with the speaker, so that sorting by either is the same."""
    names = path.with_suffix("").parts[-3:]
    return ("-".join(names), names[0]) if len(names) == 3 and re.fullmatch(r"id[0-9]+", names[0]) else None


LAYOUT = Layout("idNUMBER/VIDEO/NUMBER.wav", _identify)


def write_voxceleb(corpus: Path, trials: Mapping[str, Path], out: Path, ubm_utterances: int) -> None:
    """Write data directories: one for each list of trials, `train` with all other speakers, `ubm` with a part of these.

    VoxCeleb1 may be in one or several folders (it comes as ``dev`` and ``test``).
    """
    listing = find_recordings(LAYOUT, corpus)
    tests = {name: _read_official_trials(path) for name, path in trials.items()}
    files = [file for _, names in tests.values() for file in names]
    missing = [file for file in files if voxceleb_utterance(file) not in listing.recordings]
    if missing:
        expected = "SPEAKER/VIDEO/NUMBER.wav in it for every file of the trials"
        raise DataError(f"{corpus}: no {missing[0]} ({len(missing)} such of {len(files)}), expected {expected}")
    tested = {file.split("/")[0] for file in files}
    others = [utterance for utterance, speaker in listing.utt2spk.items() if speaker not in tested]
    if not others:
        raise DataError(f"{corpus}: found no speaker who is in no trial, expected some to train on")
    step = max(len(others) // ubm_utterances, 1)
    write_listing(out / "train", select(listing, others))
    write_listing(out / "ubm", select(listing, others[::step][:ubm_utterances]))
    for name, (claims, names) in tests.items():
        write_listing(out / name, select(listing, map(voxceleb_utterance, names)))
        write_map(out / name / "enroll_spk2utt", {model: [model] for model in claims.models})
        write_trials(out / name / "trials", claims)


def _read_official_trials(path: Path) -> tuple[TrialList, list[str]]:
    """Trials, and all files in them; a model is named as the utterance that enrolls it."""
    labels, models, tests = [], [], []
    for number, fields in read_fields(path):
        if len(fields) != 3 or fields[0] not in _LABELS or any(name.count("/") != 2 for name in fields[1:]):
            found, expected = " ".join(fields), "1 or 0 and two files (SPEAKER/VIDEO/NUMBER.wav)"
            raise DataError(f"{path}:{number}: found {shown(repr(found))}, expected {expected}")
        labels.append(_LABELS[fields[0]])
        models.append(fields[1])
        tests.append(fields[2])
    trials = TrialList(list(map(voxceleb_utterance, models)), list(map(voxceleb_utterance, tests)), np.array(labels))
    return trials, list(dict.fromkeys([*models, *tests]))
