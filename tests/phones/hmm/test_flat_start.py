"""Flat starts: the first alignment of phones is that of their manners."""

import dataclasses
import itertools

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.phones.hmm import flat_start
from gmmspeech.phones.hmm.corpus import Corpus, equal_states, phone_span, words_span
from gmmspeech.phones.hmm.flat_start import (
    MANNER,
    expected_durations,
    flat_alignments,
    loudness_and_tilt,
    manner_alignments,
    manner_log_likelihoods,
    relative,
)
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.workers import Workers
from gmmspeech.phones.labels.manner import MANNERS, OTHER

DICTIONARY = {"ASS": [["AA", "S"]], "SAM": [["S", "AA", "M"]]}
FRONT = gs.FrontEnd(sample_frequency=16000, features={"type": "mfcc", "num_ceps": 5}, deltas=None, cmvn=None)
LOUD = {"SIL": (-9.0, 0.0), "AA": (6.0, 5.0), "S": (0.0, -8.0), "M": (1.0, 5.0)}


class Frames(dict):
    front_end = FRONT.to_json()


def spoken(*phones, seed=0):
    """Frames of phones and how many each, as loud and as tilted as their manners are."""
    rows = np.repeat([LOUD[phone] for phone, _ in phones], [n for _, n in phones], axis=0)
    noise = np.random.default_rng(seed).normal(0, 1, (len(rows), 5))
    return noise + np.pad(rows, ((0, 0), (0, 3)))


def corpus_of(frames, words, *, phones=("SIL", "AA", "S", "M"), num_states=3):
    corpus = Corpus(frames, list(frames), skip_bad=False)
    model = corpus.first_model(phones, num_states, phones[0])
    corpus.set_spans(lambda name, length: [words_span(model, words[name], DICTIONARY, length, 0.5)])
    return corpus, model


def most_likely_phones(model, alignment, length):
    weights = np.zeros((length, len(model.phones)))
    np.add.at(weights, (alignment.frame, model.phone_of_state[alignment.state]), alignment.weight)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    return [model.phones[p] for p in weights.argmax(axis=1)]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("ASS", [("SIL", 90), ("AA", 12), ("S", 8), ("SIL", 60)]),
        ("ASS", [("AA", 30), ("S", 9)]),
        ("SAM", [("SIL", 40), ("S", 15), ("AA", 8), ("M", 20), ("SIL", 90)]),
        ("SAM", [("S", 8), ("AA", 30), ("M", 8), ("SIL", 30)]),
    ],
)
def test_phones_are_found_where_their_manners_are(word, said):
    frames = Frames(u=spoken(*said))
    corpus, model = corpus_of(frames, {"u": [word]})
    found = most_likely_phones(model, flat_alignments(corpus, model)["u"], len(frames["u"]))
    exact = [phone for phone, number in said for _ in range(number)]
    evenly = [model.phones[p] for p in model.phone_of_state[equal_states(corpus.spans["u"][0])]]
    right, of_equal_shares = (np.mean(np.array(each) == exact) for each in (found, evenly))
    assert right > max(0.8, of_equal_shares)


@pytest.mark.parametrize("known_scale", [0.0, 0.3])
def test_posteriors_are_those_of_all_paths(known_scale):
    """One word of two phones, and no silence allowed: every way to divide the frames, one by one."""
    frames = Frames(u=spoken(("AA", 4), ("S", 4)))
    corpus = Corpus(frames, ["u"], skip_bad=False)
    model = corpus.first_model(("SIL", "AA", "S"), 1, "SIL")
    corpus.set_spans(lambda name, length: [words_span(model, ["ASS"], DICTIONARY, length, 0.0)])
    model = dataclasses.replace(model, means=np.random.default_rng(1).normal(0, 3, model.means.shape))
    found = manner_alignments(corpus, model, known_scale=known_scale)["u"]
    scores, durations = manner_log_likelihoods(model, frames["u"]), expected_durations(model)
    scores = scores + known_scale * model.log_likelihoods(frames["u"])
    paths = [[1] * b + [2] * (8 - b) for b in range(1, 8)]
    totals = [
        sum(scores[t, s] for t, s in enumerate(path))
        + sum(durations.stay[a] if a == b else durations.leave[a] for a, b in itertools.pairwise(path))
        for path in paths
    ]
    weights = np.exp(totals - np.logaddexp.reduce(totals))
    expected = sum(w * (np.array(path)[:, None] == [1, 2]) for w, path in zip(weights, paths, strict=True))
    dense = np.zeros((8, 3))
    dense[found.frame, found.state] = found.weight
    np.testing.assert_allclose(dense[:, 1:], expected, atol=3e-3)


def test_any_number_of_threads_gives_the_same():
    frames = Frames({f"u{i}": spoken(("SIL", 20 + i), ("AA", 12), ("S", 9), seed=i) for i in range(6)})
    corpus, model = corpus_of(frames, {name: ["ASS"] for name in frames})
    one = flat_alignments(corpus, model)
    corpus.pool = Workers(n_jobs=2)
    two = flat_alignments(corpus, model)
    assert list(one) == list(two)
    for name in one:
        np.testing.assert_array_equal(one[name].weight, two[name].weight)


def test_where_the_front_end_is_not_known_all_states_share_alike():
    frames = {"u": spoken(("SIL", 30), ("AA", 12), ("S", 9))}
    corpus, model = corpus_of(frames, {"u": ["ASS"]})
    found = flat_alignments(corpus, model)["u"]
    np.testing.assert_array_equal(found.state, equal_states(corpus.spans["u"][0]))


def test_phones_with_times_share_their_frames_alike():
    corpus = Corpus(Frames(u=spoken(("AA", 12), ("S", 9))), ["u"], skip_bad=False)
    model = corpus.first_model(("SIL", "AA", "S"), 3, "SIL")
    spans = [phone_span(model, "AA", 0, 12), phone_span(model, "S", 12, 21)]
    corpus.set_spans(lambda name, length: spans)
    found = flat_alignments(corpus, model)["u"]
    np.testing.assert_array_equal(found.state, np.repeat(np.concatenate([s.states for s in spans]), [4] * 3 + [3] * 3))


def test_digital_silence_is_aligned():
    frames = Frames(u=np.full((40, 5), -15.0), v=np.zeros((9, 5)))
    corpus, model = corpus_of(frames, {"u": ["ASS"], "v": ["SAM"]})
    found = flat_alignments(corpus, model)
    assert found.keys() == {"u", "v"}
    assert all(np.isfinite(a.weight).all() and len(set(a.frame)) == len(frames[n]) for n, a in found.items())


def test_every_manner_is_described():
    assert MANNER.keys() == {*MANNERS, OTHER}


def test_silence_of_any_name_is_silence_and_unknown_phones_are_alike():
    model = PhoneHMM.from_phones(
        ["quiet", "%%", "§§", "AA"], mean=[0.0] * 5, variance=[1.0] * 5, silence="quiet", front_end=FRONT.to_json()
    )
    scores = manner_log_likelihoods(model, spoken(("SIL", 20), ("AA", 20)))
    assert scores.shape == (40, 12)
    assert scores[5, model.states("quiet")].min() > scores[5, 3:].max()
    np.testing.assert_array_equal(scores[:, 3:6], scores[:, 6:9])


@pytest.mark.parametrize(("num_states", "shift"), [(1, 10.0), (3, 10.0), (5, 10.0), (3, 5.0), (12, 10.0)])
def test_durations_are_those_of_phones(num_states, shift):
    front = gs.FrontEnd(sample_frequency=16000, features={"type": "mfcc", "frame_shift": shift})
    model = PhoneHMM.from_phones(
        ["SIL", "AA"], mean=[0.0], variance=[1.0], num_states=num_states, front_end=front.to_json()
    )
    lasting = shift / 1000 / (1 - np.exp(expected_durations(model).stay))  # seconds, of each state
    least = shift / 1000 / (1 - flat_start.LEAST_STAY)
    np.testing.assert_allclose(lasting[num_states:], max(flat_start.PHONE / num_states, least), rtol=1e-5)
    if num_states == 3:
        np.testing.assert_allclose(lasting[:3], [flat_start.EDGE, flat_start.SILENCE, flat_start.EDGE], rtol=1e-5)


def test_measures_are_relative_to_the_utterance():
    np.testing.assert_allclose(relative(np.arange(101.0))[[5, 50, 95]], [0, 0.5, 1])
    np.testing.assert_array_equal(relative(np.ones(7)), np.zeros(7))


@pytest.mark.parametrize(
    "features",
    [
        {"type": "mfcc"},
        {"type": "mfcc", "convention": "htk"},
        {"type": "mfcc", "convention": "librosa"},
        {"type": "plp"},
        {"type": "lfcc"},
        {"type": "fbank"},
        {"type": "mfcc", "num_ceps": 2},
    ],
)
def test_loud_frames_are_loud_and_low_ones_tilted(features):
    front = gs.FrontEnd(sample_frequency=16000, features=features, deltas={"order": 1})
    rng = np.random.default_rng(0)
    low = np.cumsum(rng.normal(0, 0.02, 16000))
    high = np.diff(rng.normal(0, 0.1, 16001))
    frames = front(np.concatenate([rng.normal(0, 1e-4, 16000), low, high]).astype(np.float32), 16000)
    loudness, tilt = loudness_and_tilt(frames, front.to_json())
    third = len(frames) // 3
    means = [(loudness[i : i + third].mean(), tilt[i : i + third].mean()) for i in (0, third, 2 * third)]
    assert min(means[1][0], means[2][0]) > means[0][0]
    assert means[1][1] > means[2][1]


def test_one_cepstrum_tells_loudness_twice():
    front = gs.FrontEnd(sample_frequency=16000, features={"type": "mfcc", "num_ceps": 1})
    frames = front(np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32), 16000)
    loudness, tilt = loudness_and_tilt(frames, front.to_json())
    np.testing.assert_array_equal(loudness, tilt)
