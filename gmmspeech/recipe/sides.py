"""The sides that a comparison of systems has: sessions of a background, a cohort, models, and tests.

A side is a folder with ``frames.h5`` (a `FeatureStore`), ``utt2spk`` and, once counted, ``statistics.h5`` (a
`StatisticsStore`), all of the same entries. An entry is an utterance, a piece of one, or several joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError
from gmmspeech.formats.datadir import read_map, write_map
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.stores.features import FeatureStore, FeatureWriter
from gmmspeech.stores.statistics import StatisticsStore, write_statistics


@dataclass(frozen=True)
class Entry:
    """What counts as one utterance: some utterances joined, or piece number `piece` (from 0) of `pieces` of that."""

    name: str
    speaker: str
    utterances: tuple[str, ...]
    piece: int = 0
    pieces: int = 1


@dataclass(frozen=True)
class Side:
    """One side of trials, or a background: entries, each of one speaker, with their frames and statistics.

    Parameters
    ----------
    frames : mapping
        Entry to its frames (T, D).
    stats : StatisticsStore
        Of the same entries, in the same order.
    speakers : sequence of str
        Of each entry.
    """

    frames: Mapping[str, NDArray]
    stats: StatisticsStore
    speakers: Sequence[str]


def cut(utt2spk: Mapping[str, str], pieces: int) -> list[Entry]:
    """Cut every utterance into equal pieces: sessions of speakers who have one utterance only.

    Examples
    --------
    >>> [(entry.name, entry.piece) for entry in cut({"u1": "ann"}, 2)]
    [('u1-1', 0), ('u1-2', 1)]
    """
    return [
        Entry(f"{utterance}-{piece + 1}", speaker, (utterance,), piece, pieces)
        for utterance, speaker in utt2spk.items()
        for piece in range(pieces)
    ]


def join(utt2spk: Mapping[str, str], size: int) -> list[Entry]:
    """Join short utterances of a speaker, at least `size` together, and those that are far apart in the list.

    Neighbors in a list are often of one word; a speaker of fewer utterances gets one entry.

    Examples
    --------
    >>> [entry.utterances for entry in join(dict.fromkeys("abcde", "ann"), 2)]
    [('a', 'c', 'e'), ('b', 'd')]
    """
    said: dict[str, list[str]] = {}
    for utterance, speaker in utt2spk.items():
        said.setdefault(speaker, []).append(utterance)
    entries = []
    for speaker, utterances in said.items():
        count = max(len(utterances) // size, 1)
        entries += [Entry(f"{speaker}-{i + 1}", speaker, tuple(utterances[i::count])) for i in range(count)]
    return entries


def of_groups(groups: Mapping[str, Sequence[str]], utt2spk: Mapping[str, str]) -> list[Entry]:
    """Make an entry of each group of utterances of a speaker, such as ``enroll_spk2utt`` and ``group2utt`` list them.

    Raises
    ------
    DataError
        An utterance without a speaker, or a group of several.
    """
    entries = []
    for name, utterances in groups.items():
        unknown = [utterance for utterance in utterances if utterance not in utt2spk]
        if unknown:
            raise DataError(f"{name}: utterance {unknown[0]} is not in utt2spk")
        speakers = sorted({utt2spk[utterance] for utterance in utterances})
        if len(speakers) > 1:
            raise DataError(f"{name}: found utterances of speakers {speakers[0]} and {speakers[1]}, expected of one")
        entries.append(Entry(name, speakers[0], tuple(utterances)))
    return entries


def write_side(folder: Path, features: Sequence[Path], entries: Sequence[Entry]) -> None:
    """Write the frames and speakers of entries whose utterances are in some feature stores."""
    stores = [FeatureStore(path) for path in features]
    try:
        with FeatureWriter(folder / "frames.h5", front_end=stores[0].front_end) as writer:
            for entry in entries:
                frames = np.concatenate([_read(stores, utterance) for utterance in entry.utterances])
                writer.write(entry.name, np.array_split(frames, entry.pieces)[entry.piece])
    finally:
        for store in stores:
            store.close()
    write_map(folder / "utt2spk", {entry.name: entry.speaker for entry in entries})


def count_side(folder: Path, ubm: DiagonalGMM, *, jobs: int = 1) -> None:
    """Count and write the statistics of a side."""
    with FeatureStore(folder / "frames.h5") as store:
        write_statistics(folder / "statistics.h5", ubm, store.items(), front_end=store.front_end, n_jobs=jobs)


@contextmanager
def open_side(folder: Path) -> Iterator[Side]:
    """Open a side whose statistics have been counted."""
    speakers = read_map(folder / "utt2spk")
    with FeatureStore(folder / "frames.h5") as frames, StatisticsStore(folder / "statistics.h5") as stats:
        yield Side(frames, stats, [speakers[name] for name in stats])


def _read(stores: Sequence[FeatureStore], utterance: str) -> NDArray[np.float32]:
    for store in stores:
        if utterance in store:
            return store[utterance]
    raise DataError(f"utterance {utterance} is not in {', '.join(store.path for store in stores)}")
