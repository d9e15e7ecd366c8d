"""Phone HMMs and checkpoints in HDF5: what is read is what was written, and damage is named."""

import dataclasses

import numpy as np
import pytest
from editing import edited

import gmmspeech as gs
from gmmspeech.errors import DataError
from gmmspeech.formats.loading import load
from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.phones.hmm.adaptation import SplicedTransform
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import train_phone_hmm
from gmmspeech.phones.hmm.training_state import TrainingState


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    return PhoneHMM(
        ("sil", "AA"),
        [0, 1, 3],
        [0.5, 0.6, 0.7],
        [0, 2, 3, 4],
        [0.25, 0.75, 1, 1],
        rng.normal(size=(4, 3)),
        rng.uniform(1, 2, (4, 3)),
        silence="sil",
        front_end=gs.FrontEnd().to_json(),
    )


def assert_same(a, b):
    for field in dataclasses.fields(a):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, np.ndarray):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)
        else:
            assert x == y


def test_round_trip(model, tmp_path):
    model.save(tmp_path / "phones.h5")
    assert_same(load(tmp_path / "phones.h5", PhoneHMM), model)


def test_unknown_front_end_stays_unknown(model, tmp_path):
    dataclasses.replace(model, front_end=None).save(tmp_path / "phones.h5")
    assert load(tmp_path / "phones.h5", PhoneHMM).front_end is None


def test_checkpoint_round_trip_and_resuming(tmp_path):
    rng = np.random.default_rng(0)
    frames = {f"u{i}": rng.normal(size=(30, 2)) for i in range(3)}
    transcripts = {name: ["A"] for name in frames}
    dictionary = {"A": [["AA"]]}
    options = {"max_iter": 5, "total_gaussians": 8}
    states: list[TrainingState] = []
    model = train_phone_hmm(frames, transcripts, dictionary, callback=states.append, **options)
    states[1].save(tmp_path / "state.h5")
    state = load(tmp_path / "state.h5", TrainingState)
    assert (state.iteration, state.log_likelihood) == (2, states[1].log_likelihood)
    assert_same(state.model, states[1].model)
    assert list(state.posteriors) == list(states[1].posteriors)
    for name, posteriors in state.posteriors.items():
        assert isinstance(posteriors, StatePosteriors)
        assert_same(posteriors, states[1].posteriors[name])
    assert_same(train_phone_hmm(frames, transcripts, dictionary, resume=state, **options), model)


def test_full_system_round_trip(model, tmp_path):
    rng = np.random.default_rng(0)
    prior = FMLLRStats(5.0, rng.normal(size=(3, 4)), rng.normal(size=(3, 4, 4)))
    system = AdaptedSystem(SplicedTransform(2, rng.normal(size=(3, 10))), model, model, prior, 100.0)
    system.save(tmp_path / "system.h5")
    loaded = load(tmp_path / "system.h5", AdaptedSystem)
    assert loaded.prior_frames == 100.0
    for part in ("transform", "unadapted", "adapted", "prior"):
        assert_same(getattr(loaded, part), getattr(system, part))
    with pytest.raises(DataError, match="found an AdaptedSystem, expected phone HMMs"):
        load(tmp_path / "system.h5", PhoneHMM)
    model.save(tmp_path / "phones.h5")
    with pytest.raises(DataError, match="expected the full system"):
        load(tmp_path / "phones.h5", AdaptedSystem)


def test_damage_and_other_files_are_named(model, tmp_path):
    path = tmp_path / "phones.h5"
    with pytest.raises(DataError, match=r"phones\.h5: no such file"):
        load(path, PhoneHMM)
    gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]]).save(path)
    with pytest.raises(DataError, match=r"phones\.h5: found a DiagonalGMM, expected phone HMMs"):
        load(path, PhoneHMM)
    model.save(path)
    with pytest.raises(DataError, match=r"phones\.h5: found gmmspeech model"):
        load(path, TrainingState)
    with edited(path) as file:
        file["variances"][0, 0] = -1.0
    with pytest.raises(DataError, match=r"phones\.h5: damaged model .*variances above 0"):
        load(path, PhoneHMM)
    with edited(path) as file:
        del file["self_loop"]
    with pytest.raises(DataError, match=r"phones\.h5: damaged model"):
        load(path, PhoneHMM)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match=r"phones\.h5"):
        load(path, PhoneHMM)
