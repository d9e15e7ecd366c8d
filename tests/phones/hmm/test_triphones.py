"""Tied triphones on sounds that depend on what is beside them."""

import numpy as np
import pytest

from gmmspeech.errors import DataError, ModelError
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.formats.loading import load
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.hmm.training import train_phone_hmm
from gmmspeech.phones.hmm.training_state import TrainingState
from gmmspeech.phones.hmm.tree import ContextTree
from gmmspeech.phones.hmm.triphones import train_triphone_hmm

SOUNDS = {"SIL": (-6, 0), "A": (0, 0), "B": (5, 1), "C": (3, -4), "D": (-1, 5)}
DICTIONARY = {"AB": [["A", "B"]], "CA": [["C", "A"]], "DAB": [["D", "A", "B"]], "BD": [["B", "D"]]}


def say(rng, words):
    """Frames and, for each, its phone's place; A sounds like half of what follows it."""
    phones = ["SIL", *(p for word in words for p in DICTIONARY[word][0]), "SIL"]
    means = [
        np.array(SOUNDS[p]) + (0.4 * np.array(SOUNDS[q]) if p == "A" else 0)
        for p, q in zip(phones, [*phones[1:], "SIL"], strict=True)
    ]
    lengths = rng.integers(6, 12, len(phones))
    return rng.normal(np.repeat(means, lengths, axis=0), 0.8), np.repeat(np.arange(len(phones)), lengths)


def corpus(seed, count):
    rng = np.random.default_rng(seed)
    words = {f"u{i}": rng.choice(list(DICTIONARY), 5).tolist() for i in range(count)}
    said = {name: say(rng, line) for name, line in words.items()}
    return words, {name: frames for name, (frames, _) in said.items()}, {name: p for name, (_, p) in said.items()}


@pytest.fixture(scope="module")
def spoken():
    words, frames, _ = corpus(0, 60)
    states: list[TrainingState] = []
    options = {"total_gaussians": 20, "max_iter": 12, "num_passes": 1}
    mono = train_phone_hmm(
        frames, words, DICTIONARY, **options, callback=lambda s: states.__setitem__(slice(None), [s])
    )
    return words, frames, mono, states[0]


def train(spoken, **options):
    words, frames, _, state = spoken
    given = {"num_leaves": 24, "total_gaussians": 30, "max_iter": 8, **options}
    return train_triphone_hmm(frames, words, DICTIONARY, state, **given)


def right(alignments, places):
    """Share of the boundaries that are a frame or less from where they are."""
    errors = []
    for name, alignment in alignments.items():
        found = [round((label.start - 0.0075) / 0.01) for label in alignment.phones[1:]]
        expected = np.flatnonzero(np.diff(places[name])) + 1
        assert len(found) == len(expected)
        errors += np.abs(found - expected).tolist()
    return np.mean(np.array(errors) <= 1)


def test_triphones_fit_unseen_speech_better_and_place_its_phones_right(spoken):
    model = train(spoken)
    words, frames, places = corpus(1, 20)
    plain, tied = (align(m, frames, words, DICTIONARY, refine=False).alignments for m in (spoken[2], model))
    assert np.mean([tied[name].log_likelihood > plain[name].log_likelihood for name in words]) >= 0.7
    assert right(tied, places) > max(0.8, right(plain, places) - 0.02)
    assert len(model.states("A")) > 3
    assert len(model.states("SIL")) == 3


@pytest.mark.usefixtures("kept_at_once")
def test_bits_are_the_same_on_any_number_of_threads_and_after_a_kill(spoken, tmp_path):
    expected = train(spoken)
    threaded = train(spoken, n_jobs=3)

    class Killed(Exception):
        pass

    def kill(state):
        if state.iteration == 5:
            raise Killed

    checkpoint = Checkpoint(tmp_path / "tri1.checkpoint")
    with pytest.raises(Killed):
        train(spoken, checkpoint=checkpoint, callback=kill)
    seen = []
    resumed = train(spoken, checkpoint=checkpoint, callback=lambda s: seen.append(s.iteration))
    assert seen == [5, 6, 7, 8]
    for model in (threaded, resumed):
        np.testing.assert_array_equal(model.means, expected.means)
        np.testing.assert_array_equal(model.tree.state, expected.tree.state)
    with pytest.raises(DataError, match="checkpoint of another training"):
        train(spoken, checkpoint=checkpoint, total_gaussians=31)


def test_questions_and_trees_may_be_given(spoken):
    model = train(spoken, questions=[["B", "C"], ["D"]])
    assert model.tree.questions.sum(axis=1).tolist() == [2, 1]
    assert train(spoken, tree=model.tree).tree.state.tolist() == model.tree.state.tolist()
    with pytest.raises(DataError, match="questions: found phone X, expected one of SIL A B C D"):
        train(spoken, questions=[["X"]])
    with pytest.raises(ModelError, match="found those of 2 phones and 6 positions, expected 5 and 15"):
        train(spoken, tree=ContextTree.untied([3, 3]))


def test_contexts_within_words_are_those_of_words(spoken, tmp_path):
    """Phones at the ends of words have the same states whatever word is beside."""
    model = train(spoken, contexts="word-internal")
    words, frames, places = corpus(1, 20)
    aligned = align(model, frames, words, DICTIONARY, refine=False).alignments
    assert right(aligned, places) > 0.8
    assert model.tree.word_internal
    threaded = train(spoken, contexts="word-internal", n_jobs=3)
    model.save(tmp_path / "one.h5")
    threaded.save(tmp_path / "three.h5")
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "three.h5").read_bytes()
    assert load(tmp_path / "one.h5").tree.contexts == "word-internal"
    given = model.tree
    with pytest.raises(ModelError, match="tree: found one of word-internal contexts, expected cross-word ones"):
        train(spoken, tree=given)
    assert train(spoken, tree=given, contexts="word-internal").tree.state.tolist() == given.state.tolist()
