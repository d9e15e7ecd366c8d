"""Phone HMMs from labels of some utterances, which the others follow."""

import itertools

import numpy as np
import pytest

from gmmspeech.errors import DataError, GmmSpeechWarning
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.partly_labeled import train_phone_hmm_on_some_labels
from gmmspeech.phones.hmm.training import train_phone_hmm
from gmmspeech.phones.labels.labels import Label

SOUNDS = {"SIL": (-8, 0), "A": (0, 0), "S": (6, 0), "T": (0, 6)}
DICTIONARY = {"AS": [["A", "S"]], "TA": [["T", "A"]], "STAT": [["S", "T", "A", "T"]]}
LATE = {("A", "S"): 4, ("T", "A"): -3}  # frames: where this labeler puts boundaries, beside the change of the sound
CLOCK = {"frame_length": 10.0, "frame_shift": 10.0, "times": "start"}
TRAINING = {"total_gaussians": 12, "max_iter": 3}
HEARD, ALL = 24, 32  # utterances: those of training, and others behind them


@pytest.fixture(scope="module")
def speech():
    """Frames, words and labels of utterances."""
    rng = np.random.default_rng(0)
    frames, words, labels = {}, {}, {}
    for i in range(ALL):
        words[f"u{i}"] = said = rng.choice(list(DICTIONARY), 8).tolist()
        phones = ["SIL", *(p for word in said for p in DICTIONARY[word][0]), "SIL"]
        lengths = rng.integers(9, 14, len(phones))
        frames[f"u{i}"] = np.repeat([SOUNDS[p] for p in phones], lengths, axis=0) + rng.normal(
            0, 1.5, (lengths.sum(), 2)
        )
        edges = np.concatenate([[0], np.cumsum(lengths)])
        edges[1:-1] += [LATE.get(pair, 0) for pair in itertools.pairwise(phones)]
        labels[f"u{i}"] = [
            Label(a / 100, b / 100, p) for (a, b), p in zip(itertools.pairwise(edges.tolist()), phones, strict=True)
        ]
    return frames, words, labels


def some(labels, number):
    return {f"u{i}": labels[f"u{i}"] for i in range(number)}


def errors(model, speech):
    """Of the boundaries of utterances that no training heard, in seconds."""
    frames, words, labels = speech
    names = [f"u{i}" for i in range(HEARD, ALL)]
    found = align(model, frames, {name: words[name] for name in names}, DICTIONARY, **CLOCK).alignments
    pairs = [zip(labels[name], found[name].phones, strict=True) for name in names]
    return np.array([ours.start - theirs.start for pair in pairs for theirs, ours in pair])


def train(speech, number=12, **options):
    frames, words, labels = speech
    heard = {f"u{i}": words[f"u{i}"] for i in range(HEARD)}
    return train_phone_hmm_on_some_labels(
        frames, heard, DICTIONARY, some(labels, number), **CLOCK, **TRAINING | options
    )


@pytest.fixture(scope="module")
def trained(speech):
    return train(speech)


def test_the_others_follow_the_labels(speech, trained):
    frames, words, _ = speech
    alone = train_phone_hmm(frames, {f"u{i}": words[f"u{i}"] for i in range(HEARD)}, DICTIONARY, **TRAINING)
    assert np.mean(np.abs(errors(alone, speech)) > 0.02) > 0.3
    assert np.mean(np.abs(errors(trained, speech)) > 0.02) < 0.06
    assert trained.deviation_scale is not None
    assert set(trained.phones) == set(SOUNDS)


def test_any_number_of_threads_gives_the_same_bits(speech, tmp_path):
    speakers = {name: f"s{int(name[1:]) % 3}" for name in speech[0]}
    for jobs in (1, 3):
        train(speech, utt2spk=speakers, n_jobs=jobs).save(tmp_path / f"{jobs}.h5")
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()


@pytest.mark.usefixtures("kept_at_once")
@pytest.mark.parametrize("updates", [3, 8])  # while transcripts are trained on (6 updates), and after that
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(speech, trained, tmp_path, updates):
    trained.save(tmp_path / "whole.h5")
    done = []

    def stop(state):
        done.append(state)
        if len(done) == updates:
            raise KeyboardInterrupt

    def checkpoint(step):
        return Checkpoint(tmp_path / f"{step}.checkpoint")

    with pytest.raises(KeyboardInterrupt):
        train(speech, checkpoint=checkpoint, callback=stop)
    more = []
    train(speech, checkpoint=checkpoint, callback=more.append).save(tmp_path / "m.h5")
    assert len(more) <= 9 - updates + 2  # and the states that it went on from
    assert (tmp_path / "m.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_an_utterance_that_was_labeled_elsewhere_moves_no_boundary(speech):
    frames, words, labels = speech
    late = {"u0": [Label(a + 0.25, b + 0.25, p) for a, b, p in labels["u0"][:-4]]}
    model = train((frames, words, labels | late))
    assert np.mean(np.abs(errors(model, speech)) > 0.02) < 0.06


def test_too_few_labels_are_told(speech):
    with pytest.warns(GmmSpeechWarning, match="found fewer than 200 boundaries in utterances whose words are known"):
        model = train(speech, 3)
    assert model.deviation_scale is None


def test_labels_of_other_phones_are_refused(speech):
    frames, words, labels = speech
    other = {name: [label._replace(name=label.name.lower()) for label in own] for name, own in labels.items()}
    with pytest.raises(DataError, match="labels: found phones a s t, expected those of words: SIL A S T"):
        train((frames, words, other))
