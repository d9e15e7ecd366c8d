"""Passes of EM on one and two Dask workers, beside one and two threads of one process.

    python tests/benchmarks/cluster_speed.py [--shards 24] [--components 512] [--rounds 3]

Every worker is a process with one thread, on loopback over TCP; the sides take turns. CPU seconds are those of all
processes of a side; with two sides at work at a time they are the better measure on a busy machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from distributed import Client, LocalCluster
from em_data import write_tiled_store

import gmmspeech as gs
from gmmspeech.cluster import SHARD, ClusterFrames
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.stores.features import FeatureStore

WORKERS = (1, 2)


def sides(stack: ExitStack, store: FeatureStore, gmm: gs.DiagonalGMM) -> dict[str, tuple[Callable, Callable]]:
    """Give, by name, what does a pass and what tells the CPU seconds spent so far."""
    found: dict[str, tuple[Callable, Callable]] = {}
    frames = [store[utterance] for utterance in store]
    array = np.concatenate(frames)
    del frames
    for jobs in (1, 2):
        local = gs.DiagonalGMM.from_parameters(*gmm.parameters(), n_jobs=jobs)
        found[f"{jobs} thread{'s' * (jobs > 1)}"] = (lambda local=local: local.accumulate(array), time.process_time)
    for count in WORKERS:
        cluster = stack.enter_context(
            LocalCluster(
                n_workers=count, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit="6GiB"
            )
        )
        client = stack.enter_context(Client(cluster))

        def spent(client: Client = client) -> float:
            return sum(client.run(time.process_time).values()) + time.process_time()

        remote = ClusterFrames(store, client)
        found[f"{count} worker{'s' * (count > 1)}"] = (lambda remote=remote: gmm.accumulate(remote), spent)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shards", type=int, default=24)
    parser.add_argument("--components", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder")
    given = parser.parse_args()
    wall, cpu = defaultdict(list), defaultdict(list)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder, ExitStack() as stack:
        path = Path(folder) / "feats.h5"
        print(write_tiled_store(path, given.shards * SHARD), flush=True)
        store = stack.enter_context(FeatureStore(path))
        gmm = gs.train_ubm(next(store.blocks(50_000)), given.components, max_iter=1)
        results: dict[str, GMMStats] = {}
        both = sides(stack, store, gmm)
        for turn in range(1 + given.rounds):  # the first brings the shards into memory
            for name, (work, spent) in both.items():
                before, began = spent(), time.perf_counter()
                results[name] = work()
                seconds = time.perf_counter() - began
                print(f"round {turn}, {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
                if turn:
                    wall[name].append(seconds)
                    cpu[name].append(spent() - before)
    first, *others = results.values()
    same = all(np.array_equal(first.sum_xx, other.sum_xx) for other in others)
    print(f"{given.components} components; the same bits: {same}")
    print("| side | wall s, rounds | median | CPU s, median |")
    print("| --- | --- | --- | --- |")
    for name in both:
        rounds = ", ".join(f"{seconds:.2f}" for seconds in wall[name])
        print(f"| {name} | {rounds} | {statistics.median(wall[name]):.2f} | {statistics.median(cpu[name]):.2f} |")

    def ratio(times: dict[str, list[float]], name: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(times[name], times[other], strict=True))

    print(f"two workers are {ratio(wall, '1 worker', '2 workers'):.2f} times as fast as one by wall clock")
    over, work = (100 * (ratio(times, "2 workers", "2 threads") - 1) for times in (wall, cpu))
    print(f"two workers take {over:+.1f} % of the time of two threads by wall clock, {work:+.1f} % by CPU")


if __name__ == "__main__":
    main()
