"""Flat starts: silence at quiet edges."""

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.phones.hmm.flat_start import flat_states, loudness_of, speech_edges
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.spans import equal_states, words_span

DICTIONARY = {"ASS": [["AA", "S"]]}


@pytest.fixture
def model():
    return PhoneHMM.from_phones(["SIL", "AA", "S"], mean=[0.0], variance=[1.0], num_states=2)


def loud(quiet, speech, after):
    rng = np.random.default_rng(0)
    return np.concatenate([np.full(quiet, -9.0), np.full(speech, 3.0), np.full(after, -8.5)]) + rng.normal(
        0, 0.1, quiet + speech + after
    )


@pytest.mark.parametrize(
    ("runs", "edges"),
    [((40, 20, 30), (40, 60)), ((40, 20, 5), (40, 65)), ((9, 20, 12), (0, 29)), ((0, 50, 0), (0, 50))],
)
def test_edges_of_speech(runs, edges):
    assert speech_edges(loud(*runs)) == edges


@pytest.mark.parametrize("runs", [(40, 20, 30), (40, 20, 5), (5, 20, 30)])
def test_quiet_edges_are_silence_and_phones_share_the_rest(model, runs):
    loudness = loud(*runs)
    span = words_span(model, ["ASS"], DICTIONARY, len(loudness), 0.5)
    states = flat_states(model, span, loudness)
    begin, end = speech_edges(loudness)
    silent = np.isin(states, model.states("SIL"))
    assert len(states) == len(loudness)
    assert list(dict.fromkeys(states.tolist())) == [0, 1, 2, 3, 4, 5]  # and silence again
    assert (np.diff(states[~silent]) >= 0).all()
    assert silent[:begin].all()
    assert silent[end:].all()
    if begin and end < len(loudness):
        assert not silent[begin:end].any()
        np.testing.assert_allclose(np.bincount(states)[2:], (end - begin) / 4, atol=1)


def test_without_quiet_edges_or_room_all_states_share_alike(model):
    clicks = np.zeros(60)
    clicks[[5, 50]] = 9.0
    for loudness in (np.zeros(30), loud(30, 6, 30), loud(0, 50, 0), clicks):
        span = words_span(model, ["ASS", "ASS"], DICTIONARY, len(loudness), 0.5)
        np.testing.assert_array_equal(flat_states(model, span, loudness), equal_states(span))


@pytest.mark.parametrize(
    ("features", "column"),
    [
        ({"type": "mfcc"}, 0),
        ({"type": "mfcc", "convention": "htk"}, 12),
        ({"type": "mfcc", "convention": "librosa"}, 0),
        ({"type": "plp"}, 0),
    ],
)
def test_loudness_is_the_column_of_energy(features, column):
    front = gs.FrontEnd(sample_frequency=16000, features=features, deltas={"order": 1})
    rng = np.random.default_rng(0)
    signal = np.concatenate([rng.normal(0, 1e-4, 16000), rng.normal(0, 0.1, 16000), rng.normal(0, 1e-4, 16000)])
    frames = front(signal.astype(np.float32), 16000)
    if features.get("convention") == "htk":
        column = front.features.dim - 1
    loudness = loudness_of(frames, front.to_json())
    np.testing.assert_array_equal(loudness, frames[:, column])
    begin, end = speech_edges(loudness)
    assert abs(begin - len(frames) / 3) < 4
    assert abs(end - 2 * len(frames) / 3) < 4


def test_loudness_of_a_filter_bank():
    front = gs.FrontEnd(sample_frequency=16000, features={"type": "fbank"}, deltas={"order": 1})
    frames = front(np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32), 16000)
    np.testing.assert_allclose(loudness_of(frames, front.to_json()), frames[:, : front.features.dim].mean(axis=1))
