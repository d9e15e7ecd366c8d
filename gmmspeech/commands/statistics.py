"""One EM iteration on several machines that share only a disk: statistics are exchanged through files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import BLOCK, frame_blocks
from gmmspeech.commands.stored_features import NOTHING, Beside, open_features
from gmmspeech.commands.verification import check_frames
from gmmspeech.errors import ConfigError, DataError, ModelError, counted
from gmmspeech.features.compatibility import check_same_front_end
from gmmspeech.formats.loading import load
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import SummedStats
from gmmspeech.gmm.utterance_stats import gmm_digest
from gmmspeech.progress import progress
from gmmspeech.stores.features import FeatureStore

if TYPE_CHECKING:
    from tqdm import tqdm


def accumulate_file(
    ubm: Path,
    features: str | Path,
    out: Path,
    *,
    shard: int = 1,
    num_shards: int = 1,
    beside: Beside = NOTHING,
    n_jobs: int = 1,
) -> SummedStats:
    """Sum the statistics of a feature store's frames, or of a shard of them, under a mixture and write them."""
    gmm = load(ubm, DiagonalGMM)
    gmm.n_jobs = n_jobs
    with open_features(features, beside, front_end=gmm.front_end_, model=ubm) as store:
        check_frames(store, gmm, ubm)
        names = list(store)
        ends = np.cumsum([store.num_frames(name) for name in names])
        num_blocks = -(-int(ends[-1]) // BLOCK)
        if not 1 <= shard <= num_shards <= num_blocks:
            expected = f"a shard of at most {num_blocks}, since they are of {BLOCK} frames or more"
            raise ConfigError(f"shard of {store.path}: found {shard}/{num_shards}, expected {expected}")
        first, last = (BLOCK * (num_blocks * i // num_shards) for i in (shard - 1, shard))
        with progress(desc="frames", unit="frame") as bar:
            stats = gmm.accumulate(_FrameRange(store, ends, first, last, bar))
        corpus = hashlib.sha256("\n".join(names).encode()).hexdigest()
        front_end = store.front_end or gmm.front_end_
    summed = SummedStats(stats, gmm_digest(gmm), corpus, shard, num_shards, front_end)
    summed.save(out)
    return summed


def estimate_file(ubm: Path, statistics: Sequence[Path], out: Path) -> DiagonalGMM:
    """Add up statistics that `accumulate_file` wrote, update the mixture that they were made under, and write it."""
    gmm = load(ubm, DiagonalGMM)
    summed = [load(path, SummedStats) for path in statistics]
    for path, found in zip(statistics, summed, strict=True):
        check_same_front_end(gmm.front_end_, found.front_end, model=str(ubm), frames=str(path))
        if found.ubm_digest != gmm_digest(gmm):
            raise ModelError(
                f"{path}: found statistics under mixture {found.ubm_digest[:12]}, expected {gmm_digest(gmm)[:12]} as "
                f"{ubm} is"
            )
        check_same_front_end(summed[0].front_end, found.front_end, model=str(statistics[0]), frames=str(path))
    _check_complete(statistics, summed)
    # in the order of the shards, so that the order of the arguments doesn't change a bit
    order = sorted(summed, key=lambda found: (found.corpus, found.num_shards, found.shard))
    updated = gmm.estimate(sum(found.stats for found in order[1:]) + order[0].stats)
    updated.front_end_ = gmm.front_end_ or summed[0].front_end
    updated.save(out)
    return updated


def _check_complete(paths: Sequence[Path], summed: Sequence[SummedStats]) -> None:
    seen: dict[tuple[str, int], dict[int, Path]] = {}
    for path, found in zip(paths, summed, strict=True):
        shards = seen.setdefault((found.corpus, found.num_shards), {})
        if found.shard in shards:
            shard = f"shard {found.shard}/{found.num_shards} of the same utterances as {shards[found.shard]}"
            raise DataError(f"{path}: found {shard}, expected each once")
        shards[found.shard] = path
    for (_, num_shards), shards in seen.items():
        missing = sorted(set(range(1, num_shards + 1)) - shards.keys())
        if missing:
            some = ", ".join(f"{shard}/{num_shards}" for shard in missing[:5])
            first = next(iter(shards.values()))
            raise DataError(
                f"{first}: found {len(shards)} of {counted(num_shards, 'shard')} of its frames, expected {some} too"
            )


@dataclass(frozen=True, eq=False)
class _FrameRange:
    """The frames of a store from one number to another, read as they are asked for."""

    store: FeatureStore
    ends: NDArray[np.int64]  # of the utterances, in frames
    first: int
    last: int
    bar: tqdm

    @property
    def dim(self) -> int:
        return self.store.dim

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        for block in frame_blocks(cast(Sequence[NDArray], self._utterances()), size):
            yield block
            self.bar.update(len(block))

    def _utterances(self) -> Iterator[NDArray[np.float32]]:
        for name, end in zip(self.store, self.ends.tolist(), strict=True):
            if end > self.first:
                frames = self.store[name]
                start = end - len(frames)
                if start >= self.last:
                    return
                yield frames[max(self.first - start, 0) : self.last - start]
