"""Recognition of phones, isolated and connected words on made-up sounds."""

import dataclasses
import itertools

import numpy as np
import pytest

from gmmspeech.errors import DataError, FeatureError, GmmSpeechWarning, ModelError
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.hmm.graph import phone_loop_graph, train_bigram, word_loop_graph, word_sequence_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.tree import ContextTree
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_paths

DICTIONARY = {"SEE": [["S", "IY"]], "EASE": [["IY", "S"]], "S": [["S"]]}
VALUES = {"SIL": 0.0, "IY": 4.0, "S": 8.0}


@pytest.fixture
def model():
    flat = PhoneHMM.from_phones(list(VALUES), mean=[0.0], variance=[1.0], num_states=3)
    return dataclasses.replace(flat, means=np.repeat(list(VALUES.values()), 3)[:, None])


def say(rng, *phones):
    return np.concatenate([rng.normal(VALUES[p], 1, (rng.integers(4, 9), 1)) for p in phones])


def test_phones(model):
    rng = np.random.default_rng(0)
    truth = {f"u{i}": ["SIL", *rng.permutation(["IY", "S"]).tolist(), "SIL"] for i in range(20)}
    graph = phone_loop_graph(model, train_bigram(list(truth.values()), model.phones))
    found = decode(model, {name: say(rng, *phones) for name, phones in truth.items()}, graph)
    assert {name: [p.name for p in result.phones] for name, result in found.items()} == truth


def test_a_bigram_decides_where_frames_do_not(model):
    x = np.concatenate([np.full((4, 1), 8.0), np.full((4, 1), 6.0)])  # the end is half way between S and IY
    for last in ("IY", "S"):
        bigram = train_bigram([["S", last]] * 20, model.phones)
        (result,) = decode(model, {"u": x}, phone_loop_graph(model, bigram)).values()
        assert result.phones[-1].name == last


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_a_scale_is_of_likelihoods_alone(scale):
    """Beside all paths there are, of phones of one state: neither the bigram nor transitions are scaled."""
    rng = np.random.default_rng(5)
    flat = PhoneHMM.from_phones(list(VALUES), mean=[0.0], variance=[1.0], num_states=1)
    stay = np.array([0.98, 0.5, 0.02])
    model = dataclasses.replace(flat, means=np.array(list(VALUES.values()))[:, None] / 8, self_loop=stay)
    bigram = train_bigram([["SIL", "IY", "S", "S", "SIL"], ["IY", "SIL"]], model.phones)
    graph = phone_loop_graph(model, bigram)

    def score(path, new, likelihoods):
        """Of the phone of each frame, and of whether another one begins there."""
        total = bigram.initial[path[0]] + bigram.final[path[-1]] + scale * likelihoods[0, path[0]]
        total += np.log(1 - stay[path[-1]])
        for t, (one, other) in enumerate(itertools.pairwise(path), start=1):
            moved = bigram.following[one, other] + np.log(1 - stay[one])
            total += (moved if new[t - 1] else np.log(stay[one])) + scale * likelihoods[t, other]
        return total

    for _ in range(40):
        x = rng.normal(0.5, 2, (4, 1))
        likelihoods = model.log_likelihoods(x).astype(float)
        ways = [
            (path, new)
            for path in itertools.product(range(3), repeat=4)
            for new in itertools.product([False, True], repeat=3)
            if all(again or a == b for (a, b), again in zip(itertools.pairwise(path), new, strict=True))
        ]
        path, _ = max(ways, key=lambda way: score(*way, likelihoods))
        (found,) = decode(model, {"u": x}, graph, acoustic_scale=scale).values()
        said = [model.phones[p] for p, _ in itertools.groupby(path)]  # of one state, a phone again is one that goes on
        assert [p.name for p in found.phones] == said


def test_means_of_two_models(model):
    """Of one with contexts and one without, on other frames, beside a naive mean; what does not fit is named."""
    rng = np.random.default_rng(3)
    frames = {f"u{i}": say(rng, "SIL", "IY", "S", "SIL") + rng.normal(0, 3, (1, 1)) for i in range(9)}
    others = {name: np.hstack([x, rng.normal(0, 1, (len(x), 1))]) for name, x in frames.items()}
    wide = np.hstack([model.means, np.zeros((9, 1))])
    other = dataclasses.replace(model, means=wide, variances=np.ones_like(wide))
    tied = dataclasses.replace(model, tree=ContextTree.untied([3, 3, 3]), means=model.means + rng.normal(0, 2, (9, 1)))
    graph = phone_loop_graph(tied, train_bigram([["SIL", "IY", "S", "SIL"]], tied.phones))
    found = decode(tied, frames, graph, beside=(other, others), acoustic_scale=0.5)
    transitions = Transitions.of(tied.self_loop)
    for name, x in frames.items():
        naive = (tied.log_likelihoods(x) + other.log_likelihoods(others[name])) / 2
        (path,) = best_paths([graph], [naive], transitions, acoustic_scale=0.5)
        phones = tied.phone_of_state[graph.state[path.nodes]]
        said = [tied.phones[p] for p in phones[np.flatnonzero(np.diff(phones, prepend=-1))]]
        assert [phone for phone, _ in itertools.groupby(p.name for p in found[name].phones)] == said
    alone = decode(tied, frames, graph, acoustic_scale=0.5)
    assert any(alone[name].log_likelihood != found[name].log_likelihood for name in frames)

    few = PhoneHMM.from_phones(list(VALUES), mean=[0.0], variance=[1.0], num_states=2)
    with pytest.raises(ModelError, match=r"beside: found 6 states, expected 9 states, without contexts"):
        decode(model, frames, graph, beside=(few, frames))
    few = PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0], num_states=3)
    with pytest.raises(ModelError, match=r"beside: found phones SIL AA, expected SIL IY S, as the model has"):
        decode(model, frames, graph, beside=(few, frames))
    short = others | {"u3": others["u3"][1:]}
    told = rf"found {len(frames['u3']) - 1} frames beside, expected {len(frames['u3'])}, as the model has"
    with pytest.raises(FeatureError, match=f"utterance u3: {told}"):
        decode(tied, frames, graph, beside=(other, short))
    with pytest.warns(GmmSpeechWarning, match=told):
        assert list(decode(tied, frames, graph, beside=(other, short), skip_bad=True)) == [
            u for u in frames if u != "u3"
        ]
    del short["u3"]
    with pytest.raises(FeatureError, match=r"utterance u3: found no frames"):
        decode(tied, frames, graph, beside=(other, short))


def test_isolated_words(model):
    rng = np.random.default_rng(1)
    graph = word_sequence_graph(model, [list(DICTIONARY)], DICTIONARY)
    for word, (phones,) in DICTIONARY.items():
        (result,) = decode(model, {"u": say(rng, "SIL", *phones, "SIL")}, graph).values()
        assert [label.name for label in result.words] == [word]
        assert [label.name for label in result.phones] == ["SIL", *phones, "SIL"]


def test_connected_words(model):
    rng = np.random.default_rng(2)
    graph = word_loop_graph(model, ["SEE", "EASE"], DICTIONARY)
    for words in (["SEE"], ["SEE", "SEE", "EASE"], ["EASE", "SEE"] * 4):
        phones = [p for word in words for p in [*DICTIONARY[word][0], "SIL"]]
        (result,) = decode(model, {"u": say(rng, "SIL", *phones)}, graph).values()
        assert [label.name for label in result.words] == words


def test_threads_change_nothing(model):
    rng = np.random.default_rng(3)
    x = {f"u{i}": say(rng, "SIL", "S", "IY", "SIL") for i in range(150)}
    graph = word_loop_graph(model, list(DICTIONARY), DICTIONARY)
    one, three = decode(model, x, graph), decode(model, x, graph, n_jobs=3)
    assert list(one) == list(x)
    for name in x:
        assert one[name].phones == three[name].phones
        assert one[name].log_likelihood == three[name].log_likelihood


def test_too_few_frames_are_named(model):
    graph = word_sequence_graph(model, [["SEE"]], DICTIONARY)
    x = {"good": np.zeros((9, 1)), "short": np.zeros((5, 1))}
    with pytest.raises(DataError, match="utterance short: found 5 frames"):
        decode(model, x, graph)
    with pytest.warns(GmmSpeechWarning, match="skipped 1 utterance; the first: utterance short"):
        assert list(decode(model, x, graph, skip_bad=True)) == ["good"]
