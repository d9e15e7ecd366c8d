"""The rungs of the ladder, on speakers whose sounds are turned and shifted."""

import dataclasses

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.formats.loading import load
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.hmm import adapted_system, ladder
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.ladder import train_ladder
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import train_phone_hmm

SOUNDS = {"SIL": (0, 0, 0), "A": (2.5, 0, 0), "B": (0, 2.5, 0), "C": (0, 0, 2.5), "D": (2.5, 2.5, 0)}
DICTIONARY = {"AB": [["A", "B"]], "CA": [["C", "A"]], "BC": [["B", "C"]], "D": [["D"]]}
SIZE = {"num_leaves": 18, "total_gaussians": 24}


def speak(rng, speakers, count):
    """Frames, words and speakers of utterances; each speaker's sounds go through a matrix and a shift of his own."""
    frames, words = {}, {}
    for speaker in speakers:
        matrix, shift = np.eye(3) + rng.normal(0, 0.2, (3, 3)), rng.normal(0, 0.8, 3)
        for i in range(count):
            chosen = rng.choice(list(DICTIONARY), 6).tolist()
            phones = ["SIL", *(p for word in chosen for p in DICTIONARY[word][0]), "SIL"]
            sounds = np.repeat([SOUNDS[p] for p in phones], rng.integers(5, 10, len(phones)), axis=0)
            frames[f"{speaker}{i}"] = (sounds + rng.normal(0, 0.6, sounds.shape)) @ matrix.T + shift
            words[f"{speaker}{i}"] = chosen
    return frames, words, {name: name[0] for name in frames}


@pytest.fixture
def taught(monkeypatch):
    for name, value in (("CONTEXT", 1), ("DIM", 4), ("ADAPTATION_ROUNDS", 1)):
        monkeypatch.setattr(ladder, name, value)
    for name, value in (("UPDATES", 4), ("MLLT_UPDATES", 3), ("REALIGN_UNADAPTED", (2,)), ("REALIGN_ADAPTED", (2,))):
        monkeypatch.setattr(adapted_system, name, value)
    frames, words, speakers = speak(np.random.default_rng(0), "abcdef", 6)
    states = []
    train_phone_hmm(frames, words, DICTIONARY, total_gaussians=15, max_iter=10, num_passes=1, callback=states.append)
    return frames, words, DICTIONARY, speakers, states[-1]


@pytest.mark.parametrize("rung", ["tri1", "tri2", "tri3"])
def test_each_rung_is_saved_and_aligns_new_speakers(taught, rung, tmp_path):
    model = train_ladder(*taught, rung=rung, **SIZE)
    assert isinstance(model, PhoneHMM if rung == "tri1" else AdaptedSystem)
    model.save(tmp_path / "phones.h5")
    loaded = load(tmp_path / "phones.h5", (PhoneHMM, AdaptedSystem))
    assert "tied triphone states" in " ".join(loaded.describe())
    frames, words, speakers = speak(np.random.default_rng(1), "xy", 4)
    for utt2spk in (speakers, None):
        found = align(loaded, frames, words, DICTIONARY, utt2spk=utt2spk).alignments
        for name, alignment in found.items():
            said = [p for word in words[name] for p in DICTIONARY[word][0]]
            assert [label.name for label in alignment.phones if label.name != "SIL"] == said
            assert np.isfinite(alignment.deviations).all()
            assert alignment.fit is not None


@pytest.mark.parametrize("count", [1, 12])
def test_few_states_and_frames(taught, monkeypatch, count):
    """A few words have fewer states than LDA usually leaves dimensions, and a second of speech few frames."""
    monkeypatch.setattr(ladder, "DIM", 45)
    frames, words, _, speakers, _ = taught
    frames = {name: frames[name] for name in list(frames)[:count]}
    states = []
    words = {name: words[name] for name in frames}
    train_phone_hmm(frames, words, DICTIONARY, num_states=1, max_iter=4, callback=states.append)
    system = train_ladder(frames, words, DICTIONARY, speakers, states[-1], rung="tri2")
    assert system.adapted.dim == min(9, system.adapted.num_states - 1)
    assert np.isfinite(system.adapted.means).all()


def test_the_last_model_has_more_gaussians_unless_told(taught):
    frames = sum(len(posterior.frame) for posterior in taught[-1].posteriors.values())
    system = train_ladder(*taught, num_leaves=18)
    assert frames // 110 == system.unadapted.num_gaussians < system.num_gaussians <= frames // 40
    system = train_ladder(*taught, **SIZE)
    assert system.unadapted.num_gaussians == system.num_gaussians == SIZE["total_gaussians"]


@pytest.mark.usefixtures("kept_at_once")
def test_bits_are_the_same_on_any_number_of_threads_and_after_a_kill(taught, tmp_path):
    from gmmspeech.files.checkpoints import Checkpoint

    expected = train_ladder(*taught, **SIZE, n_jobs=3)

    class Killed(Exception):
        pass

    seen = []

    def kill(state):
        seen.append(state)
        if len(seen) == 30:  # in the training of the model that knows no speaker
            raise Killed

    def checkpoint(step):
        return Checkpoint(tmp_path / step)

    with pytest.raises(Killed):
        train_ladder(*taught, **SIZE, checkpoint=checkpoint, callback=kill)
    found = train_ladder(*taught, **SIZE, checkpoint=checkpoint)
    for name in ("unadapted", "adapted"):
        np.testing.assert_array_equal(getattr(found, name).means, getattr(expected, name).means)
    np.testing.assert_array_equal(found.transform.matrix, expected.transform.matrix)


def test_speakers_and_columns_that_are_missing_are_named(taught):
    frames, words, dictionary, speakers, state = taught
    with pytest.raises(DataError, match="utterance a0: found no speaker"):
        train_ladder(frames, words, dictionary, {n: s for n, s in speakers.items() if n != "a0"}, state)
    with pytest.raises(ConfigError, match="rung"):
        train_ladder(*taught, rung="tri4")
    system = train_ladder(*taught, rung="tri2", **SIZE)
    with pytest.raises(FeatureError, match="utterance a0: found frames of 2 columns, expected 3"):
        align(system, {"a0": frames["a0"][:, :2]}, words, dictionary)


def test_too_few_frames_and_utterances_that_lack_something_are_named_before_training(taught, monkeypatch):
    frames, words, dictionary, speakers, state = taught
    monkeypatch.setattr(ladder, "train_triphone_hmm", lambda *_, **__: pytest.fail("is not begun"))
    for lacking, place in (("frames", 0), ("transcript", 1)):
        given = [*taught]
        given[place] = {name: value for name, value in given[place].items() if name != "b2"}
        with pytest.raises(DataError, match=f"^utterance b2: found no {lacking}, expected all that were aligned"):
            train_ladder(*given)
    few = dataclasses.replace(state, posteriors={"a0": state.posteriors["a0"]})
    monkeypatch.setattr(ladder, "CONTEXT", 40)
    least, found = 81 * 3 + 15, len(frames["a0"])
    expected = f"^rung: found tri2 with {found} frames, expected {least} or more for its LDA: give it .*, or take tri1"
    with pytest.raises(DataError, match=expected):
        train_ladder(frames, words, dictionary, speakers, few, rung="tri2")


def test_one_speaker_and_contexts_that_end_where_words_do(taught):
    frames, words, dictionary, _, state = taught
    how = {**SIZE, "contexts": "word-internal"}
    system = train_ladder(frames, words, dictionary, dict.fromkeys(frames, "s"), state, **how)
    assert system.unadapted.tree.contexts == system.adapted.tree.contexts == "word-internal"
    assert (
        align(system, frames, words, dictionary, utt2spk=dict.fromkeys(frames, "s")).alignments.keys() == frames.keys()
    )
