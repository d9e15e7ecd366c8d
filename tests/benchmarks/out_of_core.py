"""A background model of frames that do not fit in memory: time and memory beside training in memory.

    python tests/benchmarks/out_of_core.py [--frames 20000000] [--components 512] [--folder DIR]

writes a store, trains on it in a process of its own, and measures after every pass how fast a pass over a part in
memory is. Passes are with the file in the system's cache and, where a pass is called cold, without.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from em_data import write_tiled_store

import gmmspeech as gs
from gmmspeech.stores.features import FeatureStore

IN_MEMORY = 1_000_000  # frames
PASSES = ("warm", "cold", "warm", "cold")


def drop_from_cache(path: Path) -> None:
    """Have the system forget a file, whose next reader will wait for the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def train(path: Path, components: int, jobs: int) -> None:
    """Train and print what every pass took, and the most memory."""
    passes: list[dict[str, float]] = []
    clocks = (time.perf_counter(), time.process_time())

    def note(_: object) -> None:
        nonlocal clocks
        now = (time.perf_counter(), time.process_time())
        command = [sys.executable, __file__, "--in-memory", str(path), "--components", str(components)]
        found = json.loads(subprocess.run([*command, "--jobs", str(jobs)], check=True, capture_output=True).stdout)
        passes.append({"wall": now[0] - clocks[0], "cpu": now[1] - clocks[1], **found})
        if len(passes) < len(PASSES) and PASSES[len(passes)] == "cold":
            drop_from_cache(path)
        clocks = (time.perf_counter(), time.process_time())

    with FeatureStore(path) as store:
        gs.train_ubm(store, components, max_iter=len(PASSES), tol=0, n_jobs=jobs, callback=note)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"passes": passes, "peak": peak, "frames": store_frames(path)}))


def store_frames(path: Path) -> int:
    """Count the frames of a store."""
    with FeatureStore(path) as store:
        return store.total_frames


def in_memory(path: Path, components: int, jobs: int) -> None:
    """Print seconds a frame of a pass over the first frames, in memory: the mean of two, after one for the caches."""
    with FeatureStore(path) as store:
        frames = next(store.blocks(IN_MEMORY))
    gmm = gs.train_ubm(frames[:: max(1, len(frames) // 50_000)], components, max_iter=1, n_jobs=jobs)
    found = []
    for _ in range(3):
        began = time.perf_counter(), time.process_time()
        gmm.accumulate(frames)
        found.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    wall, cpu = (statistics.mean(column[1:]) / len(frames) for column in zip(*found, strict=True))
    print(json.dumps({"memory_wall": wall, "memory_cpu": cpu}))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=20_000_000)
    parser.add_argument("--components", type=int, default=512)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", help="Where to write the store, which is removed at the end.")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in-memory", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train:
        return train(given.train, given.components, given.jobs)
    if given.in_memory:
        return in_memory(given.in_memory, given.components, given.jobs)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "feats.h5"
        began = time.perf_counter()
        description = write_tiled_store(path, given.frames)
        size = path.stat().st_size / 1e9
        print(f"{description}, {size:.2f} GB, written in {time.perf_counter() - began:.0f} s", flush=True)
        command = [sys.executable, __file__, "--train", str(path), "--components", str(given.components)]
        output = subprocess.run([*command, "--jobs", str(given.jobs)], check=True, stdout=subprocess.PIPE).stdout
    found = json.loads(output)
    print(
        f"peak memory {found['peak']:.2f} GiB resident; moments, k-means and pass 1: {found['passes'][0]['wall']:.0f} s"
    )
    print("| pass | file | wall s | CPU s | in memory, wall s | CPU s | speed, wall | CPU |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    ratios: dict[str, list[tuple[float, float]]] = {"warm": [], "cold": []}
    for number, (kind, row) in enumerate(zip(PASSES, found["passes"], strict=True), start=1):
        if number == 1:
            continue
        wall, cpu = row["memory_wall"] * found["frames"], row["memory_cpu"] * found["frames"]
        ratios[kind].append((wall / row["wall"], cpu / row["cpu"]))
        cells = [row["wall"], row["cpu"], wall, cpu]
        share = " | ".join(f"{100 * ratio:.0f} %" for ratio in ratios[kind][-1])
        print(f"| {number} | {kind} | {' | '.join(f'{cell:.1f}' for cell in cells)} | {share} |")
    for kind, pairs in ratios.items():
        shares = [statistics.median(column) for column in zip(*pairs, strict=True)]
        print(f"{kind}: {100 * shares[0]:.0f} % of the speed in memory by wall clock, {100 * shares[1]:.0f} % by CPU")


if __name__ == "__main__":
    main()
