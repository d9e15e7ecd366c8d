"""Blocks are cut alike from any container, results come in order, sums have the same bits."""

import functools
import itertools
import operator
import os
import signal
import subprocess
import sys
import threading
import time

import joblib
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from threadpoolctl import threadpool_info

from gmmspeech.blocks import (
    FAN_IN,
    _limit,
    frame_blocks,
    num_threads,
    ordered_map,
    ordered_sum,
    read_ahead,
    single_threaded_blas,
    tree_sum,
    while_wanted,
)
from gmmspeech.errors import ConfigError
from gmmspeech.stores.features import FeatureStore, write_store


@given(lengths=st.lists(st.integers(0, 12), max_size=10), size=st.integers(1, 15))
@settings(max_examples=60, deadline=None)
def test_pieces_do_not_depend_on_the_utterances(lengths, size):
    frames = np.arange(2.0 * sum(lengths)).reshape(-1, 2)
    utterances = np.split(frames, np.cumsum(lengths)[:-1]) if lengths else []
    blocks = list(frame_blocks(utterances, size))
    assert [len(p) for p in blocks] == [size] * (len(frames) // size) + [len(frames) % size] * (len(frames) % size > 0)
    for ours, expected in zip(blocks, frame_blocks(frames, size), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_pieces_of_a_store(tmp_path):
    utterances = {f"u{n}": np.full((n, 2), n, np.float32) for n in (3, 8, 1)}
    write_store(tmp_path / "feats.h5", utterances.items())
    blocks = list(frame_blocks(FeatureStore(tmp_path / "feats.h5"), 5))
    for ours, expected in zip(blocks, frame_blocks(list(utterances.values()), 5), strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_results_come_in_order_whoever_is_first(n_jobs):
    rng = np.random.default_rng(0)
    waits = rng.uniform(0, 2e-3, 50).tolist()
    pause = threading.Event()
    assert list(ordered_map(lambda wait: (pause.wait(wait), wait)[1], waits, n_jobs=n_jobs)) == waits
    assert list(ordered_map(abs, [], n_jobs=n_jobs)) == []


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_a_stream_is_not_read_far_ahead(n_jobs):
    read = []

    def stream():
        for i in range(100):
            read.append(i)
            yield i

    for i, result in enumerate(ordered_map(lambda x: x, stream(), n_jobs=n_jobs)):
        assert result == i
        assert len(read) <= i + 1 + 2 * n_jobs


@given(size=st.integers(1, 2 * FAN_IN**2), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_sums_are_made_level_by_level(size, seed):
    values = (1e10 * np.random.default_rng(seed).normal(size=size) ** 9).tolist()
    level = values
    while len(level) > 1:
        level = [functools.reduce(operator.add, level[i : i + FAN_IN]) for i in range(0, len(level), FAN_IN)]
    assert tree_sum(iter(values)) == level[0]
    for n_jobs in (1, 2):
        assert ordered_sum(lambda x: x, values, n_jobs=n_jobs) == level[0]


def test_nothing_has_no_sum():
    with pytest.raises(ValueError, match="found nothing to sum"):
        tree_sum([])


def test_reading_and_work_overlap():
    read, worked = [threading.Event() for _ in range(20)], []

    def stream():
        for i, event in enumerate(read):
            event.set()
            yield i

    for i in read_ahead(stream(), depth=2):
        if i + 2 < len(read):
            assert read[i + 2].wait(60)  # while this item is worked on
        assert not any(event.is_set() for event in read[i + 4 :])
        worked.append(i)
    assert worked == list(range(20))


@pytest.mark.parametrize("apply", [ordered_map, lambda work, items, n_jobs: read_ahead(map(work, items), depth=n_jobs)])
def test_a_loop_that_is_left_begins_nothing_more_and_ends_what_heeds_it(apply):
    begun, ended, going_on = [], [], threading.Event()

    def work(i):
        begun.append(i)
        if i > 1:
            going_on.set()
            try:
                for _ in while_wanted(itertools.count()):
                    time.sleep(1e-3)
            finally:
                ended.append(i)
        return i

    results = apply(work, range(100), n_jobs=2)
    assert next(results) == 0
    assert next(results) == 1
    assert going_on.wait(60)
    results.close()  # as an interruption does
    assert sorted(ended) == sorted(begun[2:])  # two threads may end in any order
    assert len(begun) <= 4


def test_a_loop_within_a_loop_that_is_left_ends_too():
    ended, going_on = [], threading.Event()

    def work(i):
        if i:
            going_on.set()
            try:
                for _ in ordered_map(lambda _: time.sleep(1e-3), itertools.count(), n_jobs=i):
                    pass
            finally:
                ended.append(i)

    results = ordered_map(work, range(3), n_jobs=2)
    next(results)
    assert going_on.wait(60)
    results.close()
    assert ended
    assert list(while_wanted(range(3))) == [0, 1, 2]  # in the main thread, always


def test_an_error_in_reading_comes_where_it_was_and_the_reader_ends():
    def stream():
        yield 1
        raise OSError("disk")

    before = threading.enumerate()
    items = read_ahead(stream())
    assert next(items) == 1
    with pytest.raises(OSError, match="disk"):
        next(items)
    left = read_ahead(iter(range(100)))
    assert next(left) == 0
    left.close()
    assert set(threading.enumerate()) <= set(before)  # of which those of bars of other tests may have ended


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_an_error_stops_the_work_and_is_passed_on(n_jobs):
    done = []

    def work(i):
        if i == 4:
            raise ValueError("item 4")
        done.append(i)
        return i

    with pytest.raises(ValueError, match="item 4"):
        list(ordered_map(work, range(1000), n_jobs=n_jobs))
    assert len(done) < 20
    assert threading.active_count() < 20


@pytest.mark.parametrize("n_jobs", [0, 2.0, "2", True])
def test_the_number_of_jobs_is_checked(n_jobs):
    with pytest.raises(ConfigError, match=f"^n_jobs: found {n_jobs!r}, expected "):
        list(ordered_map(abs, [1], n_jobs=n_jobs))


@pytest.mark.parametrize("n_jobs", [-1, -2, None, np.int64(3)])
def test_jobs_are_those_of_joblib(n_jobs):
    assert num_threads(n_jobs) == joblib.effective_n_jobs(n_jobs)
    assert list(ordered_map(abs, range(-9, 0), n_jobs=n_jobs)) == list(range(9, 0, -1))
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert num_threads(None) == 3


def test_blas_has_one_thread_meanwhile_and_its_own_again_after():
    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    with single_threaded_blas():
        assert set(threads()) <= {1}
        with single_threaded_blas():
            assert set(threads()) <= {1}
        assert set(threads()) <= {1}
    assert threads() == before
    assert all(set(count) <= {1} for count in ordered_map(lambda _: threads(), range(4), n_jobs=2))
    assert threads() == before
    first, second = single_threaded_blas(), single_threaded_blas()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # as threads may that know nothing of one another
    assert set(threads()) <= {1}
    second.__exit__(None, None, None)
    assert threads() == before


FORK = """
import os, sys, threading, time
import numpy as np
import gmmspeech as gs
from gmmspeech import blocks
from gmmspeech.stores.hdf5_frames import HDF5Frames
from threadpoolctl import threadpool_info

def blas():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

def slow(function):
    def slowly(*arguments, **options):
        time.sleep(0.05)
        return function(*arguments, **options)
    return slowly

folder, before = sys.argv[1], blas()
rng = np.random.default_rng(0)
for name in "ab":
    gs.write_store(f"{folder}/{name}.h5", [(name, rng.normal(size=(50, 2)))])
gs.stores.write_index(f"{folder}/all.h5", [f"{folder}/a.h5", f"{folder}/b.h5"])
ubm = gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0, 0.0], [3.0, 3.0]], np.ones((2, 2)))
ubm.n_jobs = 2
store = gs.FeatureStore(f"{folder}/all.h5")
expected = ubm.score(store)
blocks._threadpools, HDF5Frames.rows = slow(blocks._threadpools), slow(HDF5Frames.rows)  # while locks are held
going = True

def work():
    while going:
        assert ubm.score(store) == expected

threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
children = []
for _ in range(6):
    time.sleep(0.03)
    children.append(os.fork())
    if children[-1] == 0:
        os._exit(0 if ubm.score(store) == expected and blas() == before else 1)
statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
going = False
for thread in threads:
    thread.join()
print(statuses, blas() == before)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs fork")
def test_the_blas_of_scipy_is_held_too_once_it_is_loaded():
    code = """if True:
        import sys
        from threadpoolctl import threadpool_info
        from gmmspeech.blocks import scipy_linalg, single_threaded_blas

        def threads():
            return sorted(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

        with single_threaded_blas():
            assert "scipy" not in sys.modules
            scipy_linalg().lapack.dpotrf
            inside = threads()
        outside = threads()
        with single_threaded_blas():
            later = threads()
        print(set(inside + later) == {1}, outside == threads() and max(outside))
    """
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "2"]


def test_a_fork_while_threads_score(tmp_path):
    """A new process has neither the threads that hold locks nor their count."""
    process = subprocess.Popen(
        [sys.executable, "-c", FORK, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        said, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert said == "[0, 0, 0, 0, 0, 0] True\n"


def test_a_generator_may_end_in_another_thread():
    """Who has entered is counted out, whichever thread does it."""
    context = single_threaded_blas()
    context.__enter__()
    thread = threading.Thread(target=context.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    assert not _limit.holders
