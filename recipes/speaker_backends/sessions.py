"""Sessions of a background, a cohort, enrollments, and tests: an utterance each, a part of one, or several joined.

A set of sessions is a folder with ``frames.h5`` (a `FeatureStore`), ``utt2spk`` and, once counted, ``statistics.h5`` (a
`StatisticsStore`), all of the same sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import gmmspeech as gs
from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import read_map, utterances_of, write_map
from gmmspeech.stores.hdf5_frames import FeatureWriter


@dataclass(frozen=True)
class Session:
    """What counts as one utterance: some utterances joined, or part number `part` (from 0) of `parts` of that."""

    name: str
    speaker: str
    utterances: tuple[str, ...]
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class Sessions:
    """Frames (T, D), statistics and speakers of sessions, in the same order."""

    frames: Mapping[str, NDArray]
    stats: gs.stores.StatisticsStore
    speakers: Sequence[str]


def cut(utt2spk: Mapping[str, str], parts: int) -> list[Session]:
    """Cut every utterance into equal parts: sessions of speakers who have one utterance only."""
    return [
        Session(f"{utterance}-{part + 1}", speaker, (utterance,), part, parts)
        for utterance, speaker in utt2spk.items()
        for part in range(parts)
    ]


def join(utt2spk: Mapping[str, str], size: int) -> list[Session]:
    """Join short utterances of a speaker, at least `size` together, and those that are far apart in the list.

    Neighbors in a list are often of one word; a speaker of fewer utterances gets one.
    """
    sessions = []
    for speaker, utterances in utterances_of(utt2spk).items():
        count = max(len(utterances) // size, 1)
        sessions += [Session(f"{speaker}-{i + 1}", speaker, tuple(utterances[i::count])) for i in range(count)]
    return sessions


def of_groups(groups: Mapping[str, Sequence[str]], utt2spk: Mapping[str, str]) -> list[Session]:
    """Make a session of each group of utterances, as ``enroll_spk2utt`` and ``group2utt`` list them."""
    sessions = []
    for name, utterances in groups.items():
        unknown = [utterance for utterance in utterances if utterance not in utt2spk]
        if unknown:
            raise DataError(f"{name}: utterance {unknown[0]} is not in utt2spk")
        speakers = sorted({utt2spk[utterance] for utterance in utterances})
        if len(speakers) > 1:
            raise DataError(f"{name}: found utterances of speakers {speakers[0]} and {speakers[1]}, expected of one")
        sessions.append(Session(name, speakers[0], tuple(utterances)))
    return sessions


def write_sessions(folder: Path, features: Sequence[Path], sessions: Sequence[Session]) -> None:
    """Write the frames and speakers of sessions whose utterances are in some feature stores."""
    stores = [gs.FeatureStore(path) for path in features]
    try:
        with FeatureWriter(folder / "frames.h5", front_end=stores[0].front_end) as writer:
            for session in sessions:
                frames = np.concatenate([_read(stores, utterance) for utterance in session.utterances])
                writer.write(session.name, np.array_split(frames, session.parts)[session.part])
    finally:
        for store in stores:
            store.close()
    write_map(folder / "utt2spk", {session.name: session.speaker for session in sessions})


def count_sessions(folder: Path, ubm: gs.DiagonalGMM, *, n_jobs: int = 1) -> None:
    """Count and write the statistics of sessions."""
    with gs.FeatureStore(folder / "frames.h5") as store:
        gs.stores.write_statistics(
            folder / "statistics.h5", ubm, store.items(), front_end=store.front_end, n_jobs=n_jobs
        )


@contextmanager
def open_sessions(folder: Path) -> Iterator[Sessions]:
    """Open sessions whose statistics have been counted."""
    speakers = read_map(folder / "utt2spk")
    with gs.FeatureStore(folder / "frames.h5") as frames, gs.stores.StatisticsStore(folder / "statistics.h5") as stats:
        yield Sessions(frames, stats, [speakers[name] for name in stats])


def _read(stores: Sequence[gs.FeatureStore], utterance: str) -> NDArray[np.float32]:
    for store in stores:
        if utterance in store:
            return store[utterance]
    raise DataError(f"utterance {utterance} is not in {', '.join(store.path for store in stores)}")
