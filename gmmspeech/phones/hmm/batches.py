"""Utterances in groups that are processed in parallel; the groups don't depend on the number of threads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from numpy.typing import NDArray

from gmmspeech.arguments import told
from gmmspeech.errors import FeatureError

UTTERANCES = 64  # fewer leave Viterbi's small arrays to Python's overhead; what training sums depends on it
READ = 128  # utterances, where nothing depends on it
FRAMES = 131072  # no more than this, unless one utterance alone has them: 64 MB of log-likelihoods


def batches(lengths: Iterable[tuple[str, int]], most: int = UTTERANCES) -> Iterator[list[str]]:
    """Group utterances in their order."""
    batch: list[str] = []
    count = 0
    for name, length in lengths:
        if batch and (len(batch) == most or count + length > FRAMES):
            yield batch
            batch, count = [], 0
        batch.append(name)
        count += length
    if batch:
        yield batch


def read_batches(frames: Mapping[str, NDArray], names: Iterable[str]) -> Iterator[dict[str, NDArray]]:
    """Read the frames of utterances, group after group."""
    read: dict[str, NDArray] = {}

    def lengths() -> Iterator[tuple[str, int]]:
        for name in names:
            read[name] = frames[name]
            if not hasattr(read[name], "__len__"):
                raise FeatureError(f"utterance {name}: found {told(read[name])}, expected frames (T, D)")
            yield name, len(read[name])

    for batch in batches(lengths(), READ):
        yield {name: read.pop(name) for name in batch}
