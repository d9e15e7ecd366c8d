"""Training that was killed goes on with the same bits; a checkpoint of another training is refused and kept."""

import dataclasses
import functools
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from editing import edited

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning
from gmmspeech.files.checkpoints import Checkpoint, checkpoint_of
from gmmspeech.gmm import em
from gmmspeech.gmm.kernels import native_kernel

pytestmark = pytest.mark.usefixtures("kept_at_once")
RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(600, 3)) + RNG.normal(0, 2, (4, 3))[RNG.integers(4, size=600)]


class Killed(Exception):
    """What takes the place of a kill where the process is to live on."""


def stop_after(passes):
    """Make a callback that ends training in its n-th pass."""
    count = 0

    def callback(_):
        nonlocal count
        count += 1
        if count == passes:
            raise Killed

    return callback


def ubm(checkpoint=None, frames=FRAMES, k=5, callback=None, **options):
    options = {"max_iter": 12, "tol": 0, **options}
    return gs.train_ubm(frames, k, checkpoint=checkpoint, callback=callback, **options)


UBM = gs.DiagonalGMM.from_parameters(np.full(4, 0.25), FRAMES[:4], np.ones((4, 3)))
STATS = [UBM.accumulate(x) for x in np.array_split(FRAMES, 20)]


def extractor(checkpoint=None, stats=STATS, rank=2, background=UBM, **options):
    return gs.speaker.train_ivector_extractor(
        background, stats, rank, checkpoint=checkpoint, **{"max_iter": 6, **options}
    )


SPOKEN = {f"u{i}": np.repeat([-3.0, 0.0, 3.0], 12)[:, None] + RNG.normal(size=(36, 2)) for i in range(5)}
WORDS = {name: ["A"] for name in SPOKEN}


def phones(checkpoint=None, frames=SPOKEN, words=WORDS, dictionary=(("AA", "B"),), **options):
    options = {"max_iter": 6, "total_gaussians": 12, "min_occupancy": 3.0, **options}
    return gs.train_phone_hmm(frames, words, {"A": dictionary, "B": [["B"]]}, checkpoint=checkpoint, **options)


def phones_on_labels(checkpoint=None, shift=0.0, **options):
    labels = {
        name: [gs.phones.Label(0.0, 0.2 + shift, "AA"), gs.phones.Label(0.2 + shift, 0.37, "B")] for name in SPOKEN
    }
    options = {"max_iter": 6, "total_gaussians": 12, "min_occupancy": 3.0, **options}
    return gs.phones.train_phone_hmm_on_labels(SPOKEN, labels, checkpoint=checkpoint, **options)


TRAININGS = {
    "ubm": ubm,
    "accelerated": lambda checkpoint=None, **o: ubm(checkpoint, accelerate=True, max_iter=20, **o),
    "extractor": extractor,
    "phones": phones,
    "baum-welch": lambda checkpoint=None, **o: phones(checkpoint, method="baum-welch", **o),
    "labels": phones_on_labels,
}


def arrays(model):
    names = [field.name for field in dataclasses.fields(model)] if dataclasses.is_dataclass(model) else vars(model)
    kinds = (np.ndarray, tuple, list)
    return {name: vars(model)[name] for name in names if name[0] != "_" and isinstance(vars(model)[name], kinds)}


def assert_same(a, b):
    assert arrays(a).keys() == arrays(b).keys()
    for name, value in arrays(a).items():
        np.testing.assert_array_equal(value, arrays(b)[name], err_msg=name)


# --- kills


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_what_was_killed_ends_with_the_same_bits(tmp_path):
    program = [sys.executable, Path(__file__).with_name("killing.py"), tmp_path]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(gs.__file__).parents[1])}
    done = subprocess.run(program, capture_output=True, text=True, env=environment, check=False, timeout=360)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == 5
    for kind, result in results.items():
        assert set(result["found"]) == {result["expected"]}, kind
        assert result["left"] == ["model.h5"], kind
    assert sum(result["random kills"] for result in results.values()) >= 20


@pytest.mark.parametrize("kind", TRAININGS)
def test_training_goes_on_where_it_was(kind, tmp_path):
    """After every number of passes; what is done is not done again."""
    train, seen = TRAININGS[kind], []
    whole = train(callback=seen.append)
    checkpoint, stopped = Checkpoint(tmp_path / "checkpoint"), 0
    while True:
        try:
            model = train(checkpoint, callback=stop_after(3))
        except Killed:
            stopped += 1
            assert stopped <= len(seen)
        else:
            break
    assert stopped >= 2
    assert_same(model, whole)
    again: list[object] = []
    assert_same(train(checkpoint, callback=again.append), whole)
    assert len(again) <= 3 < len(seen)
    checkpoint.remove()
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_start_is_kept_before_the_first_pass(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    with pytest.raises(Killed):
        ubm(checkpoint, callback=stop_after(1))
    expected = ubm()
    monkeypatch.setattr(gs.DiagonalGMM, "_start", lambda *_: pytest.fail("k-means is not done again"))
    assert_same(ubm(checkpoint), expected)


def test_a_reseeded_component_is_kept(tmp_path):
    """A start with a component far from every frame, which starves in the first pass."""
    start = gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0, 0, 0], [90, 90, 90]], np.ones((2, 3)))
    expected = ubm(k=2, init=start)
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    with pytest.raises(Killed):
        ubm(checkpoint, k=2, init=start, callback=stop_after(2))
    with h5py.File(checkpoint.path) as file:
        assert "fallback" in file
    assert_same(ubm(checkpoint, k=2, init=start), expected)


def test_passes_that_take_no_time_are_kept_once_a_second(tmp_path, monkeypatch):
    """The start at once, and of a clock on which every pass takes 0.3 s, every fourth state; it ends as it would."""
    monkeypatch.undo()
    clock, kept = [0.0], []
    monkeypatch.setattr("gmmspeech.files.checkpoints.time.monotonic", lambda: clock[0])
    checkpoint = Checkpoint(tmp_path / "checkpoint")

    def passed(monitor):
        with h5py.File(checkpoint.path) as file:
            kept.append(len(file["history"]))
        clock[0] += 0.3
        if len(kept) == 7:
            raise Killed

    with pytest.raises(Killed):
        ubm(checkpoint, callback=passed)
    assert kept == [0, 0, 0, 0, 4, 4, 4]
    assert_same(ubm(Checkpoint(checkpoint.path)), ubm())


@pytest.mark.parametrize("may_reseed", [True, False])
def test_states_of_em_come_back(tmp_path, may_reseed):
    mixture = UBM.parameters()
    state = em.EMState(mixture, None, mixture, (-3.5, -3.25), may_reseed)
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    assert checkpoint.resume({"training": "mixture"}) is None
    checkpoint.save(state)
    found = Checkpoint(checkpoint.path).resume({"training": "mixture"})
    assert (found.fallback, found.history, found.may_reseed) == (None, (-3.5, -3.25), may_reseed)
    for name in ("current", "best"):
        for a, b in zip(getattr(found, name), mixture, strict=True):
            np.testing.assert_array_equal(a, b)


# --- what does not belong to a checkpoint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 6}, "n_components 5, expected 6"),
        ({"max_iter": 13}, "max_iter 12, expected 13"),
        ({"tol": 1e-3}, "tol 0, expected 0.001"),
        ({"variance_floor": 0.02}, "variance_floor 0.01, expected 0.02"),
        ({"init": "random"}, "init kmeans, expected random"),
        ({"random_state": 1}, "seed "),
        ({"accelerate": True}, "accelerate False, expected True"),
        ({"backend": "numpy"}, "backend native, expected numpy"),
        ({"frames": FRAMES[:-1]}, "frames 600, expected 599"),
        ({"frames": FRAMES + 1e-9}, "sums of the frames "),
    ],
)
def test_another_mixture_is_refused(change, message, tmp_path):
    if "backend" in change and not native_kernel.available():
        pytest.skip("needs compiled kernels")
    refused(ubm, change, message, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rank": 3}, "rank 2, expected 3"),
        ({"max_iter": 7}, "max_iter 6, expected 7"),
        ({"min_divergence": False}, "min_divergence True, expected False"),
        ({"random_state": 5}, "start "),
        ({"stats": STATS[1:]}, "utterances 20, expected 19"),
        ({"stats": STATS[::-1]}, "statistics "),
        ({"background": UBM.with_parameters(UBM.weights_, UBM.means_ + 1, UBM.covariances_)}, "background model "),
    ],
)
def test_another_extractor_is_refused(change, message, tmp_path):
    refused(extractor, change, message, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_iter": 7}, "max_iter 6, expected 7"),
        ({"realign": [2]}, r"realign None, expected \[2\]"),
        ({"method": "baum-welch"}, "method viterbi, expected baum-welch"),
        ({"num_states": 2}, "states "),
        ({"silence": "sil"}, "phones "),
        ({"frames": {**SPOKEN, "u0": SPOKEN["u1"]}}, "moments of the frames "),
        ({"words": {**WORDS, "u0": ["B"]}}, "what was said "),
        ({"dictionary": [["AA", "B"], ["B", "AA"]]}, "what was said "),
        ({"silence_probability": 0.4}, "what was said "),
    ],
)
def test_other_phones_are_refused(change, message, tmp_path):
    refused(phones, change, message, tmp_path)


def test_other_labels_are_refused(tmp_path):
    refused(phones_on_labels, {"shift": 0.02}, "what was said ", tmp_path)


def test_another_kind_of_training_is_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    ubm(checkpoint)
    with pytest.raises(DataError, match="training mixture, expected i-vector extr"):
        extractor(checkpoint)


def refused(train, change, message, folder):
    """A change is refused in one line, and the file stays; without the change it is gone on from, with any threads."""
    checkpoint = Checkpoint(folder / "it.checkpoint")
    with pytest.raises(Killed):
        train(checkpoint, callback=stop_after(3))
    before = Path(checkpoint.path).read_bytes()
    with pytest.raises(
        DataError, match=rf"it\.checkpoint: found a checkpoint of another training: {message}"
    ) as caught:
        train(checkpoint, **change)
    assert str(caught.value).endswith("; remove the file to start anew")
    assert "\n" not in str(caught.value)
    assert Path(checkpoint.path).read_bytes() == before
    assert_same(train(checkpoint, n_jobs=2), whole(train))


@functools.cache
def whole(train):
    return train()


def test_another_front_end_is_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    for name in ("mfcc_kaldi", "mfcc_sre"):
        gs.write_store(tmp_path / name, [("u", FRAMES)], front_end=gs.FrontEnd.from_toml(name).to_json())
    with gs.FeatureStore(tmp_path / "mfcc_kaldi") as store:
        ubm(checkpoint, frames=store)
    with gs.FeatureStore(tmp_path / "mfcc_sre") as store, pytest.raises(DataError, match=r"front_end \{"):
        ubm(checkpoint, frames=store)


def test_a_checkpoint_needs_a_seed(tmp_path):
    for train in (ubm, extractor):
        with pytest.raises(ConfigError, match="random_state: found None, expected a seed"):
            train(Checkpoint(tmp_path / "checkpoint"), random_state=None)
    assert list(tmp_path.iterdir()) == []


# --- bad files and disks


def test_damage_is_named(tmp_path):
    checkpoint = Checkpoint(tmp_path / "it.checkpoint")
    path = Path(checkpoint.path)
    ubm(checkpoint)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"it\.checkpoint: no readable HDF5"):
        ubm(checkpoint)
    UBM.save(path)
    with pytest.raises(DataError, match=r"it\.checkpoint: found gmmspeech model, expected gmmspeech checkpoint"):
        ubm(checkpoint)
    path.write_bytes(whole)
    with edited(path) as file:
        del file["current/1"]
    with pytest.raises(DataError, match=r"it\.checkpoint: damaged checkpoint .*remove it to start anew"):
        ubm(checkpoint)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"it\.checkpoint: no such file"):
        ubm(checkpoint)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("current",), "found mixtures of shapes"),
        (("current", "best"), r"found shape \(1, 3\), expected \(5, 3\)"),
    ],
)
def test_mixtures_that_do_not_fit_are_damage(tmp_path, parts, message):
    checkpoint = Checkpoint(tmp_path / "it.checkpoint")
    ubm(checkpoint)
    with edited(checkpoint.path) as file:
        file.pop("fallback", None)
        for part in parts:
            for name, value in (("0", np.ones(1)), ("1", np.zeros((1, 3))), ("2", np.ones((1, 3)))):
                del file[f"{part}/{name}"]
                file[f"{part}/{name}"] = value
    with pytest.raises(DataError, match=rf"it\.checkpoint: damaged checkpoint \({message}"):
        ubm(checkpoint)


@pytest.mark.parametrize("text", ["[]", "7", "nothing", "[" * 2000])
def test_settings_that_are_no_object_are_damage(tmp_path, text):
    checkpoint = Checkpoint(tmp_path / "it.checkpoint")
    ubm(checkpoint)
    with edited(checkpoint.path) as file:
        file.attrs["settings"] = text
    for read in (lambda: ubm(checkpoint), lambda: checkpoint.describe(str)):
        with pytest.raises(DataError, match=r"it\.checkpoint: damaged checkpoint \(.*JSON"):
            read()


def test_the_state_of_another_training_is_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "it.checkpoint")
    ubm(checkpoint)
    settings = json.loads(h5py.File(checkpoint.path).attrs["settings"])
    checkpoint.resume(settings)
    checkpoint.save(UBM)
    with pytest.raises(DataError, match=r"it\.checkpoint: found a DiagonalGMM, expected EMState or AcceleratedState"):
        ubm(checkpoint)


def test_a_full_disk_keeps_the_state_before(tmp_path):
    """The system refuses to let files grow over a limit, as it does when the disk is full."""
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    with pytest.raises(Killed):
        ubm(checkpoint, callback=stop_after(3))
    before = Path(checkpoint.path).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(DataError, match=r"checkpoint: can't be written \(File too large\)"):
            ubm(checkpoint)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert Path(checkpoint.path).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    assert_same(ubm(checkpoint), ubm())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nobody may write")
def test_a_folder_that_is_read_only_is_told_before_the_first_pass():
    with pytest.raises(DataError, match=r"^/proc/it\.checkpoint: can't be written"):
        ubm(Checkpoint("/proc/it.checkpoint"), callback=lambda _: pytest.fail("a pass was done"))


def test_what_a_failed_training_leaves_is_named(tmp_path):
    for name in ("ubm.h5.checkpoint", "ubm.h5.tri1.checkpoint", "other.h5.checkpoint"):
        (tmp_path / name).touch()
    told = "kept ubm.h5.checkpoint, ubm.h5.tri1.checkpoint: the same training goes on from there"
    failing = pytest.raises(OSError, match="full")
    with pytest.warns(GmmSpeechWarning, match=told), failing, checkpoint_of(tmp_path / "ubm.h5"):
        raise OSError("full")
    with checkpoint_of(tmp_path / "ubm.h5"):
        pass
    assert not (tmp_path / "ubm.h5.checkpoint").exists()


def test_only_its_own_leftovers_are_removed(tmp_path):
    ours, others = tmp_path / ".u.h5.01234567.checkpoint", tmp_path / ".v.h5.01234567.checkpoint"
    for path in (ours, others, tmp_path / ".u.h5.checkpoint", tmp_path / "u.h5"):
        path.write_bytes(b"half")
    Checkpoint(tmp_path / "u.h5.checkpoint").resume({})
    assert not ours.exists()
    assert len(list(tmp_path.iterdir())) == 3
