"""A real scheduler and real workers, over TCP on loopback: the same model file as on one machine, whoever dies."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from said import stops, works

import gmmspeech as gs
from gmmspeech import cluster
from gmmspeech.blocks import BLOCK, FAN_IN, map_blocks
from gmmspeech.cli.main import main
from gmmspeech.cluster import SHARD, ClusterFrames, connect
from gmmspeech.commands import shards
from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.files.atomic import write_lines
from gmmspeech.gmm.frames import draw_frames
from gmmspeech.stores.features import FeatureStore, write_store
from gmmspeech.stores.statistics import write_statistics

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")
OPTIONS = {"n_components": 2, "max_iter": 3, "tol": 0.0}
WORKER = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "1GiB"]


class Cluster:
    """A scheduler without workers, and what starts and ends those."""

    def __init__(self, folder):
        self.file, self.folder, self.workers = str(folder / "scheduler.json"), str(folder), {}
        nursery = [sys.executable, Path(__file__).with_name("dask_nursery.py")]
        self.nursery = subprocess.Popen(nursery, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", self.file]
        self.scheduler = self._start("dask_scheduler", options)
        wait_until(lambda: os.path.exists(self.file))

    def start(self, name):
        options = ["--scheduler-file", self.file, "--name", name, "--local-directory", self.folder]
        self.workers[name] = self._start("dask_worker", [*options, *WORKER])

    def have(self, client, *names):
        """See that just these workers are there, whichever tests this process has been given before."""
        for name in set(self.workers) - set(names):
            self.kill(name)
        for name in set(names) - set(self.workers):
            self.start(name)
        wait_until(lambda: len(client.nthreads()) == len(names))

    def kill(self, name):
        self._end(self.workers.pop(name))

    def close(self):
        for process in (*self.workers.values(), self.scheduler):
            self._end(process)  # leaving politely takes long when the scheduler leaves too
        self.nursery.communicate()

    def _start(self, program, options):
        self.nursery.stdin.write(json.dumps([program, *options]) + "\n")
        self.nursery.stdin.flush()
        return int(self.nursery.stdout.readline())

    @staticmethod
    def _end(process):
        os.kill(process, signal.SIGKILL)
        wait_until(lambda: not is_running(process))


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def client(running):
    from distributed import Client

    with Client(scheduler_file=running.file, timeout=120) as found:
        yield found


@pytest.fixture
def worker(running, client):
    """At least one worker."""
    if not running.workers:
        running.have(client, "e")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A store of more shards than are summed at once, cut within utterances, the last shard and block not full."""
    rng = np.random.default_rng(0)
    frames = rng.normal(size=((FAN_IN + 1) * SHARD + 2 * BLOCK + 77, 1)).astype(np.float32)
    frames[::3] *= 2
    frames[::2] += 3
    cuts = np.sort(rng.choice(len(frames), 200, replace=False))
    path = str(tmp_path_factory.mktemp("frames") / "feats.h5")
    write_store(path, ((f"u{i}", part) for i, part in enumerate(np.split(frames, cuts))), front_end='{"num_ceps": 1}')
    return path


def digest(ubm, folder):
    ubm.save(folder / "ubm.h5")
    return hashlib.sha256((folder / "ubm.h5").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def expected(path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    with FeatureStore(path) as store:
        one, two = (digest(gs.train_ubm(store, n_jobs=n_jobs, **OPTIONS), folder) for n_jobs in (1, 2))
    assert one == two
    return one


def wait_until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_cluster_without_workers(client, path):
    with pytest.raises(ConfigError, match=r"^scheduler tcp://127.0.0.1:\d+: found no worker in 0.1 s, expected one"):
        ClusterFrames(FeatureStore(path), client, timeout=0.1)


def test_one_worker(running, client, path, expected, tmp_path):
    running.start("a")
    client.wait_for_workers(1, timeout=120)
    running.start("b")
    running.start("c")
    for name in "bc":
        os.kill(running.workers[name], signal.SIGSTOP)
    assert digest(gs.train_ubm(FeatureStore(path), client=client, **OPTIONS), tmp_path) == expected
    assert len(client.nthreads()) == 1
    for name in "bc":
        os.kill(running.workers[name], signal.SIGCONT)


def test_three_workers_by_the_command(running, client, path, expected, tmp_path):
    running.have(client, "a", "b", "c")
    address = client.scheduler.addr
    command = ["train-ubm", path, str(tmp_path / "ubm.h5"), "-k", "2", "--max-iter", "3", "--tol", "0"]
    works(CliRunner().invoke(main, [*command, "--scheduler", address]))
    assert hashlib.sha256((tmp_path / "ubm.h5").read_bytes()).hexdigest() == expected


def test_a_worker_killed_in_the_middle_of_an_iteration(running, client, path, expected, tmp_path):
    running.have(client, "a", "b", "c")
    address = client.run(lambda dask_worker: dask_worker.name)
    victim = next(worker for worker, name in address.items() if name == "b")
    passes, killed_in = [], []

    def stop(monitor):
        passes.append(monitor)
        if len(passes) == 2:
            os.kill(running.workers["b"], signal.SIGSTOP)  # what it is given next, it does not end

    def kill():
        wait_until(lambda: len(passes) == 2 and client.processing([victim])[victim])
        killed_in.append((len(passes), len(client.has_what([victim])[victim])))
        running.kill("b")

    killer = threading.Thread(target=kill)
    killer.start()
    ubm = gs.train_ubm(FeatureStore(path), client=client, callback=stop, **OPTIONS)
    killer.join()
    assert killed_in[0][0] == 2  # in the third and last pass
    assert killed_in[0][1] >= 3  # shards were lost
    assert len(client.nthreads()) == 2
    assert digest(ubm, tmp_path) == expected


def test_two_workers(running, client, path, expected, tmp_path):
    running.have(client, "a", "c")
    with FeatureStore(path) as store:
        assert digest(gs.train_ubm(store, client=client, **OPTIONS), tmp_path) == expected


def test_a_worker_that_joins_late_and_takes_over(running, client, path, expected, tmp_path):
    """All that began are lost: the last of them after the new one has joined."""
    running.have(client, "a", "c")
    running.kill("c")
    passes = []

    def change(monitor):
        passes.append(monitor)
        if len(passes) == 1:
            running.start("d")
            client.wait_for_workers(2, timeout=120)
        if len(passes) == 2:
            running.kill("a")

    ubm = gs.train_ubm(FeatureStore(path), client=client, callback=change, **OPTIONS)
    assert list(client.run(lambda dask_worker: dask_worker.name).values()) == ["d"]
    assert digest(ubm, tmp_path) == expected


@pytest.mark.parametrize("command", ["train-ubm", "statistics", "features"])
def test_all_workers_gone(running, client, path, tmp_path, monkeypatch, command):
    """The client says so in seconds, in place of waiting for ever."""
    assert cluster.ALONE + cluster._LOOK_EVERY <= 15
    monkeypatch.setattr(cluster, "ALONE", 0.5)
    monkeypatch.setattr(cluster, "_LOOK_EVERY", 0.1)
    monkeypatch.setattr(shards, "SHARD_BYTES", 1000)
    running.have(client, "g")
    wait_until(lambda: [each["name"] for each in client.scheduler_info()["workers"].values()] == ["g"])
    wait_until(lambda: not any(client.processing().values()))  # of another test
    if command == "features":
        for i in range(40):
            soundfile.write(tmp_path / f"u{i}.wav", 0.1 * np.random.default_rng(i).standard_normal(160_000), 16_000)
        write_lines(tmp_path / "wav.scp", [f"u{i} {tmp_path}/u{i}.wav" for i in range(40)])
        write_lines(tmp_path / "utt2spk", [f"u{i} s" for i in range(40)])
    gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [3.0]], [[1.0], [1.0]]).save(tmp_path / "ubm.h5")
    words = {
        "train-ubm": [path, tmp_path / "out.h5", "-k", 2, "--init", "random", "--max-iter", 9999, "--tol", 0],
        "statistics": [tmp_path / "ubm.h5", path, tmp_path / "out.h5"],
        "features": [tmp_path, tmp_path / "out.h5"],
    }[command]
    started, begun, check = [], threading.Event(), cluster.check_workers
    monkeypatch.setattr(cluster, "check_workers", lambda *given: (check(*given), begun.set())[0])

    def kill():
        assert begun.wait(120)  # what is left of other tests may be worked on before
        wait_until(lambda: any(client.processing().values()))
        running.kill("g")
        started.append(time.monotonic())

    killer = threading.Thread(target=kill)
    killer.start()
    done = CliRunner().invoke(main, [command, *map(str, words), "--scheduler", client.scheduler.addr])
    killer.join()
    assert time.monotonic() - started[0] < 60, done.output
    assert done.exit_code == 1
    assert "found all workers are gone, and none came in 0.5 s, expected one or more" in done.output
    assert done.output.count("\n") == 1
    assert not (tmp_path / "out.h5").exists()


def test_an_address_is_no_client(path, tmp_path):
    ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    frames = np.zeros((9, 1), np.float32)
    for work in (
        lambda client: gs.train_ubm([frames], 2, client=client),
        lambda client: gs.speaker.train_ivector_extractor(ubm, [ubm.accumulate(frames)] * 2, 1, client=client),
        lambda client: write_statistics(tmp_path / "s.h5", ubm, FeatureStore(path), client=client),
        lambda client: gs.train_phone_hmm({"u": frames}, {"u": ["A"]}, {"A": [["A"]]}, client=client),
    ):
        with pytest.raises(ConfigError, match=r"^client: found 'tcp:.*', expected a client of Dask"):
            work("tcp://127.0.0.1:1")


def test_all_workers_gone_between_two_steps(running, client, path, monkeypatch):
    """A client that has had workers does not wait for a first one as long as at the start."""
    monkeypatch.setattr(cluster, "ALONE", 0.5)
    running.have(client, "h")
    assert cluster.check_workers(client) > 0
    running.kill("h")
    wait_until(lambda: not client.nthreads())
    for step in (
        lambda: ClusterFrames(np.zeros((9, 1), np.float32), client),
        lambda: list(cluster.map_items(abs, [1], client)),
    ):
        begun = time.monotonic()
        with pytest.raises(gs.errors.GmmSpeechError, match=r"all workers are gone, and none came in 0.5 s, expected"):
            step()
        assert time.monotonic() - begun < 60


@pytest.mark.usefixtures("worker")
def test_frames_beyond_the_workers_memory_are_read_again(client, path, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_SHARE_FOR_FRAMES", 0.001)
    assert digest(gs.train_ubm(FeatureStore(path), client=client, **OPTIONS), tmp_path) == expected


@pytest.mark.usefixtures("worker")
def test_arrays_of_the_client(client, tmp_path):
    rng = np.random.default_rng(1)
    frames = [rng.normal(i, 1, (SHARD // 2 + i, 2)).astype(np.float32) for i in range(4)]
    there = ClusterFrames(frames, client)
    drawn = [draw_frames(f, None, 1000, sum(map(len, frames)), np.random.default_rng(2)) for f in (frames, there)]
    np.testing.assert_array_equal(*drawn)
    starts = [list(map_blocks(lambda block: block[0], f)) for f in (frames, there)]
    assert starts[0] == starts[1]
    assert digest(gs.train_ubm(frames, 3, max_iter=2), tmp_path) == digest(
        gs.train_ubm(frames, 3, max_iter=2, client=client), tmp_path
    )


@pytest.mark.usefixtures("worker")
def test_statistics_of_utterances(client, path, tmp_path):
    ubm = gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [3.0]], [[1.0], [1.0]])
    with FeatureStore(path) as store:
        some = {name: store[name][:500] for name in store}
    write_store(tmp_path / "some.h5", some.items())
    with FeatureStore(tmp_path / "some.h5") as store:
        for name, there in (("here", {}), ("there", {"client": client})):
            write_statistics(tmp_path / name, ubm, store, **there)
        with pytest.raises(ConfigError, match=r"client: found items of type list, expected a FeatureStore"):
            write_statistics(tmp_path / "x", ubm, list(store.items()), client=client)
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    write_lines(tmp_path / "groups", [f"g{i} u{i} u{i + 1}" for i in range(50)])
    ubm.save(tmp_path / "ubm.h5")
    command = ["statistics", *(str(tmp_path / name) for name in ("ubm.h5", "some.h5")), "--groups"]
    for out, there in (("here", []), ("there", ["--scheduler", client.scheduler.addr])):
        done = CliRunner().invoke(main, [*command, str(tmp_path / "groups"), str(tmp_path / out), *there])
        assert done.output == "statistics of 50 utterances\n"
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()


@pytest.mark.usefixtures("worker")
def test_ivector_extractors(client, path, tmp_path, monkeypatch):
    """Of more batches than are summed at once, in a store or a list, and by the command, from where it is called."""
    ubm = gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [3.0]], [[1.0], [1.0]])
    monkeypatch.setattr("gmmspeech.speaker.ivector.BATCH", 3)
    monkeypatch.chdir(tmp_path)
    ubm.save("ubm.h5")
    with FeatureStore(path) as store:
        write_statistics("stats.h5", ubm, ((name, store[name][:200]) for name in list(store)[:49]))

    def train(stats, **there):
        extractor = gs.speaker.train_ivector_extractor(ubm, stats, 2, max_iter=2, **there)
        extractor.save("extractor.h5")
        return (tmp_path / "extractor.h5").read_bytes()

    with gs.stores.StatisticsStore("stats.h5") as stats:
        expected = train(stats)
        assert expected == train(stats, n_jobs=3)
        assert expected == train(list(stats.values()), client=client)
        with pytest.raises(FeatureError, match="statistics 1: found 0 frames"):
            train([stats["u30"], ubm.accumulate(np.empty((0, 1)))], client=client)
    command = ["train-ivector", "ubm.h5", "stats.h5", "there", "-r", "2", "--max-iter", "2"]
    works(CliRunner().invoke(main, [*command, "--scheduler", client.scheduler.addr]))
    assert (tmp_path / "there").read_bytes() == expected


@pytest.mark.usefixtures("worker")
def test_features_by_the_command(client, tmp_path, monkeypatch):
    """Of data directories named from here, in shards small enough that there are several."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "SHARD_BYTES", 40_000)
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    for i in range(8):
        soundfile.write(f"data/u{i}.wav", 0.1 * rng.standard_normal(16_000), 16_000)
    write_lines(tmp_path / "data" / "wav.scp", [f"u{i} data/u{i}.wav" for i in range(8)])
    write_lines(tmp_path / "data" / "utt2spk", [f"u{i} s{i % 2}" for i in range(8)])
    for out, there in (("here", []), ("there", ["--scheduler", client.scheduler.addr])):
        done = CliRunner().invoke(main, ["features", "data", out, *there], catch_exceptions=False)
        assert done.output.splitlines()[-1] == "8 utterances, 784 frames of 13 columns, 0 skipped"
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    (tmp_path / "data" / "u3.wav").write_bytes(b"RIFF")
    stops(CliRunner().invoke(main, ["features", "data", "bad", "--scheduler", client.scheduler.addr]), "u3.wav")
    assert not (tmp_path / "bad").exists()


@pytest.mark.usefixtures("worker")
def test_an_error_on_a_worker_is_the_one_of_this_machine(client):
    frames = np.zeros((SHARD + 40_000, 2), np.float32)
    frames[SHARD + 20_000, 1] = np.nan
    for there in ({}, {"client": client}):
        with pytest.raises(FeatureError, match=f"^frame {SHARD + 20_000}, column 1: found nan, expected a finite"):
            gs.train_ubm(frames, 2, **there)


@pytest.mark.usefixtures("worker")
def test_a_worker_with_another_version(client, monkeypatch):
    monkeypatch.setattr(cluster, "_version", lambda: "99.0")
    with pytest.raises(ConfigError, match=r"^worker tcp://.*: found gmmspeech 0\.\S+, expected 99.0 as here$"):
        ClusterFrames(np.zeros((10, 2)), client)
    monkeypatch.undo()
    with pytest.raises(ConfigError, match=r"^a worker: found gmmspeech 0\.\S+, expected 99.0 as here$"):
        list(cluster._Work("99.0", len).apply([np.zeros((10, 2))]))


@pytest.mark.usefixtures("worker")
def test_a_store_that_the_workers_do_not_find(client, tmp_path):
    write_store(tmp_path / "gone.h5", [("u", np.zeros((50, 2)))])
    with FeatureStore(tmp_path / "gone.h5") as store:
        (tmp_path / "gone.h5").unlink()
        with pytest.raises(DataError, match=r"^worker tcp://.*: .*gone.h5: no such file, expected gmmspeech features"):
            gs.train_ubm(store, 2, client=client)


@pytest.mark.parametrize(
    ("address", "reason"), [("tcp://127.0.0.1:1", "in 0.2 s"), ("elsewhere://x", "unknown address")]
)
def test_a_scheduler_that_cannot_be_reached(address, reason):
    expected = f"^scheduler {address}: not reached .*{reason}.*running `dask scheduler`$"
    with pytest.raises(ConfigError, match=expected), connect(address, timeout=0.2):
        pass


def test_the_command_names_the_scheduler(path, tmp_path):
    out = tmp_path / "ubm.h5"
    done = CliRunner().invoke(main, ["train-ubm", path, str(out), "--scheduler", "elsewhere://x"])
    stops(done, "gmmspeech: error: scheduler elsewhere://x: not reached in 30 s")
    assert not out.exists()


def test_dask_is_imported_when_it_is_needed():
    code = "import sys, gmmspeech.cli.main; print([m for m in ('dask', 'distributed') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
