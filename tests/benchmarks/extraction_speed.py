"""How fast features are extracted from librispeech-mini, decoding included, with one job and with several.

    GMMSPEECH_CORPORA=... python tests/benchmarks/extraction_speed.py [--jobs 1 2] [--config clean_speech]
        [--repetitions 5]

Prints, for every number of jobs, the least wall seconds, the least processor seconds, and how many times as fast as one
job that is by the wall. Numbers of jobs take turns, so that a busy machine slows all; more threads than it has idle
cores show nothing. Then the size of the store, and the processor seconds to write and to read it, for every way in
which frames may be kept.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import gmmspeech as gs
from gmmspeech.commands.extraction import extract_features
from gmmspeech.formats.datadir import read_data_dir

PARTS = ("background", "test-other")
KEPT = [
    ("float32", None),
    ("float32", "lzf"),
    ("float32", "gzip"),
    ("float16", None),
    ("float16", "lzf"),
    ("float16", "gzip"),
]
BLOCK = 16384  # frames, as training reads them


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--config", default="clean_speech")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    front = gs.FrontEnd.from_toml(options.config)
    corpus = Path(os.environ["GMMSPEECH_CORPORA"]) / "librispeech-mini" / "data"
    parts = [read_data_dir(corpus / name) for name in PARTS]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "f.h5"
        extraction_table(parts, front, store, options)
        storage_table(store, Path(folder), options.repetitions)


def extraction_table(parts: list, front: gs.FrontEnd, out: Path, options: argparse.Namespace) -> None:
    """Times of extraction."""
    wall, cpu = defaultdict(list), defaultdict(list)
    done = extract_features(parts, out, front)
    for _ in range(options.repetitions):
        for jobs in options.jobs:
            out.unlink()  # not a part of the work, and of one job and of several the same
            start, start_cpu = time.perf_counter(), time.process_time()
            extract_features(parts, out, front, n_jobs=jobs)
            wall[jobs].append(time.perf_counter() - start)
            cpu[jobs].append(time.process_time() - start_cpu)
    print(
        f"{done.num_utterances} utterances, {done.num_frames} frames ({front.describe()}); {os.cpu_count()} cores, ",
        end="",
    )
    print(f"of whose work {os.getloadavg()[0]:.1f} were wanted\n")
    print("| jobs | wall, s | processor, s | times as fast |\n| --- | --- | --- | --- |")
    for jobs in options.jobs:
        ratio = min(wall[options.jobs[0]]) / min(wall[jobs])
        print(f"| {jobs} | {min(wall[jobs]):.2f} | {min(cpu[jobs]):.2f} | {ratio:.2f} |")


def storage_table(store: Path, folder: Path, repetitions: int) -> None:
    """Sizes and times of the ways to keep frames."""
    print("\n| kept as | MB | of float32 | writing, s | reading, s |\n| --- | --- | --- | --- | --- |")
    with gs.FeatureStore(store) as source:
        items = list(source.items())
    for storage, compression in KEPT:
        path = folder / "kept.h5"
        writing, reading = [], []
        for _ in range(repetitions):
            start = time.process_time()
            gs.write_store(path, items, storage=storage, compression=compression)
            writing.append(time.process_time() - start)
            start = time.process_time()
            with gs.FeatureStore(path) as kept:
                for _ in kept.blocks(BLOCK):
                    pass
            reading.append(time.process_time() - start)
        size, name = path.stat().st_size, ", ".join(word for word in (storage, compression) if word)
        share = size / store.stat().st_size
        print(f"| {name} | {size / 1e6:.1f} | {share:.2f} | {min(writing):.2f} | {min(reading):.2f} |")


if __name__ == "__main__":
    main()
