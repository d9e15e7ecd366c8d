"""Systems of `verify` and `compare`: models as large as the number of background speakers allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.speaker.backend import BackEnd, train_backend
from gmmspeech.speaker.ivector import train_ivector_extractor

T = TypeVar("T")

VERIFIER: dict[str, Any] = {"relevance_factor": 10.0, "update": "mvw", "scoring": "symmetric"}
# Single words, of frames that lose half of their mean: a word teaches no variances, and in noise they are the noise's.
WORDS: dict[str, Any] = {"relevance_factor": 4.0, "update": "m", "scoring": "symmetric"}
# Single words over one microphone for each speaker, which is in variances and weights as well; a word has few frames.
WORDS_SAME_CHANNEL: dict[str, Any] = {"relevance_factor": 4.0, "update": "mvw", "scoring": "symmetric"}
ENOUGH_FOR_PLDA = 30  # speakers of the background
MOST_COMPONENTS = 128
MOST_RANK = 100


def num_components(speakers: int, a_speaker: int) -> int:
    """Give a power of 2: a background model of few speakers, if large, knows each of them by heart."""
    return int(min(MOST_COMPONENTS, max(16, 2 ** int(np.log2(a_speaker * speakers)))))


def spread(pieces: Sequence[T], most: int) -> list[T]:
    """Give no more than so many pieces, at even distances."""
    return [pieces[place] for place in np.unique(np.linspace(0, len(pieces) - 1, most).astype(int)).tolist()]


def train_ivectors(
    ubm: DiagonalGMM, pieces: Sequence[NDArray], speakers: Sequence[str], *, n_jobs: int | None
) -> tuple[Callable[[Iterable[NDArray]], NDArray[np.float64]], BackEnd]:
    """Train an extractor and PLDA on pieces of speech; give what makes vectors of recordings, and PLDA."""
    stats = list(ordered_map(ubm.accumulate, pieces, n_jobs=n_jobs))
    rank = max(2, min(MOST_RANK, len(stats) // 4, len(stats) - len(set(speakers)) - 1))
    extractor = train_ivector_extractor(ubm, stats, rank, random_state=0, n_jobs=n_jobs)
    backend = train_backend(extractor.extract(stats, n_jobs=n_jobs), np.array(speakers))

    def vectors(recordings: Iterable[NDArray]) -> NDArray[np.float64]:
        return backend.transform(extractor.extract([ubm.accumulate(frames) for frames in recordings], n_jobs=n_jobs))

    return vectors, backend
