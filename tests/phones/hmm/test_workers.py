"""The passes of the training of phones on a Dask cluster of processes: the same bits as in threads, whoever dies."""

import os
import signal

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from said import works

from gmmspeech.cli.main import main
from gmmspeech.commands.phone_training import train_phones_file
from gmmspeech.errors import DataError
from gmmspeech.phones.hmm import adapted_system, ladder
from gmmspeech.phones.hmm.ladder import train_ladder
from gmmspeech.phones.hmm.training import train_phone_hmm, train_phone_hmm_on_labels
from gmmspeech.phones.hmm.workers import Workers
from gmmspeech.phones.labels.labels import Label
from gmmspeech.stores.features import FeatureStore, write_store

pytest.importorskip("distributed")
SOUNDS = {"SIL": (0, 0, 0), "A": (2.5, 0, 0), "B": (0, 2.5, 0), "C": (0, 0, 2.5), "D": (2.5, 2.5, 0)}
DICTIONARY = {"AB": [["A", "B"]], "CA": [["C", "A"]], "BC": [["B", "C"]], "D": [["D"]]}
SIZE = {"num_leaves": 18, "total_gaussians": 24}


@pytest.fixture(scope="module")
def client():
    """Of workers that are forked from a process that has imported Dask, those after a kill too."""
    import dask
    from distributed import Client, LocalCluster

    forked = dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with forked, LocalCluster(**workers) as cluster, Client(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def speech():
    """More utterances than a batch or a group has, of several speakers."""
    rng = np.random.default_rng(0)
    frames, words = {}, {}
    for speaker in "abcd":
        shift = rng.normal(0, 0.8, 3)
        for i in range(20):
            words[f"{speaker}{i}"] = said = rng.choice(list(DICTIONARY), 5).tolist()
            phones = ["SIL", *(p for word in said for p in DICTIONARY[word][0]), "SIL"]
            sounds = np.repeat([SOUNDS[p] for p in phones], rng.integers(5, 10, len(phones)), axis=0)
            frames[f"{speaker}{i}"] = (sounds + rng.normal(0, 0.6, sounds.shape) + shift).astype(np.float32)
    return frames, words


@pytest.fixture
def small(monkeypatch):
    for name, value in (("CONTEXT", 1), ("DIM", 4), ("ADAPTATION_ROUNDS", 1)):
        monkeypatch.setattr(ladder, name, value)
    for name, value in (("UPDATES", 4), ("MLLT_UPDATES", 3), ("REALIGN_UNADAPTED", (2,)), ("REALIGN_ADAPTED", (2,))):
        monkeypatch.setattr(adapted_system, name, value)


def monophones(frames, words, **options):
    states = []
    train_phone_hmm(
        frames, words, DICTIONARY, total_gaussians=15, max_iter=6, num_passes=1, callback=states.append, **options
    )
    return states[-1]


def saved(model, path):
    model.save(path)
    return path.read_bytes()


@pytest.mark.parametrize("num_items", [1, 16, 257])
def test_sums_are_those_of_threads(client, num_items):
    rng = np.random.default_rng(num_items)
    column = list(rng.normal(size=num_items) * 10.0 ** rng.integers(-9, 9, num_items))
    here, there = (workers.sum(float.__add__, column, column) for workers in (Workers(2), Workers(1, client)))
    assert here == there
    assert list(Workers(1, client).map(divmod, column, column)) == list(Workers(3).map(divmod, column, column))


@pytest.mark.usefixtures("small")
def test_a_ladder_has_the_same_bits_though_a_worker_is_killed(client, speech, tmp_path):
    frames, words = speech
    speakers = {name: name[0] for name in frames}
    write_store(tmp_path / "feats.h5", frames.items())
    with FeatureStore(tmp_path / "feats.h5") as store:
        here, there = monophones(frames, words), monophones(store, words, client=client)
        assert saved(here, tmp_path / "here") == saved(there, tmp_path / "there")
        seen = []

        def kill(state):
            seen.append(state)
            if len(seen) == 25:  # in the training on LDA and MLLT
                os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

        model = train_ladder(store, words, DICTIONARY, speakers, there, **SIZE, client=client, callback=kill)
    assert len(seen) > 25
    expected = train_ladder(frames, words, DICTIONARY, speakers, here, **SIZE, n_jobs=2)
    assert saved(model, tmp_path / "here") == saved(expected, tmp_path / "there")


def test_baum_welch_from_another_model(client, speech, tmp_path):
    """Aligned with the model to begin with, and adapted to little speech."""
    frames, words = speech
    start = monophones(frames, words).model
    few = {name: frames[name] for name in list(frames)[:70]}
    here, there = (
        train_phone_hmm(few, words, DICTIONARY, init_model=start, method="baum-welch", max_iter=4, **given)
        for given in ({"n_jobs": 2}, {"client": client})
    )
    assert saved(here, tmp_path / "here") == saved(there, tmp_path / "there")


def test_labels(client, speech, tmp_path):
    frames = {name: x[:60] for name, x in speech[0].items() if len(x) >= 60}
    labels = {name: [Label(0.3 * i, 0.3 * (i + 1), phone) for i, phone in enumerate(("A", "SIL"))] for name in frames}
    here, there = (
        train_phone_hmm_on_labels(frames, labels, frame_length=10, frame_shift=10, max_iter=3, **given)
        for given in ({}, {"client": client})
    )
    assert saved(here, tmp_path / "here") == saved(there, tmp_path / "there")


def test_a_store_that_workers_do_not_find_is_named(client, speech, tmp_path):
    frames, words = speech
    write_store(tmp_path / "feats.h5", frames.items())
    with FeatureStore(tmp_path / "feats.h5") as store:
        os.replace(tmp_path / "feats.h5", tmp_path / "elsewhere.h5")
        with pytest.raises(DataError, match=r"^worker tcp:\S+ \S*feats.h5: no such file, expected gmmspeech features"):
            monophones(store, words, client=client)


def test_files_by_the_address_of_a_scheduler(client, speech, tmp_path):
    frames, words = speech
    write_store(tmp_path / "feats.h5", frames.items())
    for name, there in (("here", {"n_jobs": 2}), ("there", {"scheduler": client.scheduler.address})):
        how = {"max_iter": 2, "num_passes": 1, "rung": "tri1", "utt2spk": {name: name[0] for name in frames}}
        how["contexts"] = "word-internal"
        train_phones_file(tmp_path / "feats.h5", words, DICTIONARY, tmp_path / name, **how, **there)
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feats.h5", "here", "there"]


@pytest.fixture
def recordings(tmp_path):
    """Words of four hums, in a data directory, and their dictionary."""
    rng, rate = np.random.default_rng(1), 16000
    lines, words = {"wav.scp": [], "utt2spk": [], "text": []}, list(DICTIONARY)
    pitch = {"SIL": 0, "A": 300, "B": 700, "C": 1500, "D": 3000}
    for i in range(12):
        name, said = f"{'abc'[i % 3]}{i}", [words[j] for j in rng.integers(len(words), size=4)]
        phones = ["SIL", *(p for word in said for p in DICTIONARY[word][0]), "SIL"]
        turns = np.cumsum(np.repeat([pitch[p] / rate for p in phones], rate // 10))
        samples = 0.3 * np.sin(2 * np.pi * turns) * (turns > 0) + rng.normal(0, 0.003, len(turns))
        soundfile.write(tmp_path / f"{name}.wav", samples, rate)
        for table, value in (("wav.scp", tmp_path / f"{name}.wav"), ("utt2spk", name[0]), ("text", " ".join(said))):
            lines[table].append(f"{name} {value}\n")
    for table, rows in lines.items():
        (tmp_path / table).write_text("".join(sorted(rows)))
    (tmp_path / "dictionary").write_text("".join(f"{w}  {' '.join(p[0])}\n" for w, p in DICTIONARY.items()))
    return tmp_path


@pytest.mark.usefixtures("small")
def test_the_ladder_by_the_command_though_a_worker_is_killed(client, recordings, monkeypatch):
    """Just before a step that asks all workers who they are."""
    train, killed = adapted_system.train_mllt, []

    def kill_and_train(*given, **options):
        if options["client"] is not None and not killed:
            killed.append(min(options["client"].run(os.getpid).values()))
            os.kill(killed[0], signal.SIGKILL)
        return train(*given, **options)

    monkeypatch.setattr(adapted_system, "train_mllt", kill_and_train)
    options = ["--dictionary", recordings / "dictionary", "--init", "flat", "--ladder", "tri3", "--max-iter", 2]
    for out, there in (("here", ["--jobs", 2]), ("there", ["--scheduler", client.scheduler.address])):
        words = ["train-phones", recordings, recordings / out, *options, *there]
        works(CliRunner().invoke(main, [str(word) for word in words]))
    assert killed
    assert (recordings / "here").read_bytes() == (recordings / "there").read_bytes()
