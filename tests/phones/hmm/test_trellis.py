"""Searches that can't keep all scores give what those give that can; nothing is lost where words are missing."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.phones.hmm import forward_backward, viterbi
from gmmspeech.phones.hmm.graph import StateGraph, utterance_graph, word_loop_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.trellis import Transitions

PHONES = ["SIL", *"ABCDEF"]
DICTIONARY = {"AB": [["A", "B"]], "CAD": [["C", "A", "D"], ["C", "D"]], "FEE": [["F", "E", "E"]], "B": [["B"]]}
MODEL = PhoneHMM.from_phones(PHONES, mean=[0.0], variance=[1.0], num_states=3)
TRANSITIONS = Transitions.of(np.linspace(0.3, 0.8, MODEL.num_states))


def spoken(rng: np.random.Generator, words: list[str]) -> np.ndarray:
    """Emissions in favor of some words, by far more in a frame than the beam of 200 for a word."""
    states = np.concatenate([MODEL.states(p) for w in words for p in (*DICTIONARY[w][0], "SIL")])
    truth = np.repeat(states, rng.integers(1, 5, len(states)))
    emissions = rng.normal(-60, 8, (len(truth), MODEL.num_states))
    emissions[np.arange(len(truth)), truth] = rng.normal(-5, 3, len(truth))
    return emissions.astype(np.float32)


def naive(graph: StateGraph, emissions: np.ndarray, combine: np.ufunc) -> float:
    """Score over all paths (or of the best), one node after the other in float64."""
    e = emissions.astype(np.float64)[:, graph.state]
    stay, leave = TRANSITIONS.stay[graph.state], TRANSITIONS.leave[graph.state]
    arcs = [(n - 1, n, 0.0) for n in range(1, graph.num_nodes) if graph.chained[n]]
    arcs += list(zip(graph.source.tolist(), graph.target.tolist(), graph.weight.tolist(), strict=True))
    score = graph.initial + e[0]
    for frame in e[1:]:
        now = score + stay
        for a, b, weight in arcs:
            now[b] = combine(now[b], score[a] + leave[a] + weight)
        score = now + frame
    return float(combine.reduce(score + leave + graph.final))


def score(graph: StateGraph, path: viterbi.BestPath, emissions: np.ndarray) -> float:
    return viterbi.path_log_likelihood(graph, path.nodes, emissions, TRANSITIONS)


def cases(seed: int, kept: float = 0.5) -> tuple[list[StateGraph], list[np.ndarray]]:
    """Utterances with words missing: half of them at random, the middle third, all but the first."""
    rng = np.random.default_rng(seed)
    said = [rng.choice(list(DICTIONARY), n).tolist() for n in (14, 9, 12)]
    half = [word for word in said[0] if rng.random() < kept] or said[0][:1]
    told = [half, said[1][:3] + said[1][6:], said[2][:1]]
    return [utterance_graph(MODEL, words, DICTIONARY) for words in told], [spoken(rng, words) for words in said]


@pytest.mark.parametrize("most", [2**31, 3000, 1])
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_path_is_the_best_of_all_whatever_is_missing(most, seed):
    graphs, emissions = cases(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viterbi, "BATCH_CELLS", most)
        paths = viterbi.best_paths(graphs, emissions, TRANSITIONS)
    for graph, emission, path in zip(graphs, emissions, paths, strict=True):
        assert score(graph, path, emission) == pytest.approx(naive(graph, emission, np.maximum), abs=1e-2)
        assert path.beam is None


@pytest.mark.parametrize("most", [2**26, 3000, 1])
def test_posteriors_are_over_all_paths_whatever_is_missing(most, monkeypatch):
    graphs, emissions = cases(0)
    monkeypatch.setattr(forward_backward, "EXACT_CELLS", most)
    found = forward_backward.forward_backward(graphs, emissions, TRANSITIONS)
    for graph, emission, posteriors in zip(graphs, emissions, found, strict=True):
        assert posteriors.log_likelihood == pytest.approx(naive(graph, emission, np.logaddexp), abs=2e-2)
        np.testing.assert_allclose(np.bincount(posteriors.frame, posteriors.weight), 1)


def test_a_beam_says_that_there_may_be_a_better_path():
    graphs, emissions = cases(1)
    best, narrow = (viterbi.best_paths(graphs, emissions, TRANSITIONS, beam=beam) for beam in (None, 200.0))
    assert [path.beam for path in narrow] == [200.0] * 3
    scores = np.array([[score(*each) for each in zip(graphs, p, emissions, strict=True)] for p in (best, narrow)])
    assert (scores[0] >= scores[1] - 1e-3).all()
    assert scores[0, 1] > scores[1, 1] + 100  # the untranscribed middle, which such a beam can't go through


def test_where_a_beam_loses_all_paths_the_best_of_all_is_taken():
    graph = utterance_graph(MODEL, ["FEE"] * 8, DICTIONARY, silence_probability=0.0)
    emissions = np.zeros((100, MODEL.num_states), np.float32)
    emissions[:, MODEL.states("F")[0]] = 50  # whoever goes on to the end is far behind at once
    (path,) = viterbi.best_paths([graph], [emissions], TRANSITIONS, beam=1.0)
    assert path.beam is None
    assert score(graph, path, emissions) == pytest.approx(naive(graph, emissions, np.maximum), abs=1e-2)


@pytest.mark.parametrize("most", [2**31, 1])
def test_recognition_finds_the_best_of_all_paths(most, monkeypatch):
    monkeypatch.setattr(viterbi, "BATCH_CELLS", most)
    graph = word_loop_graph(MODEL, list(DICTIONARY), DICTIONARY)
    _, emissions = cases(2)
    for emission, path in zip(emissions, viterbi.best_paths([graph] * 3, emissions, TRANSITIONS), strict=True):
        assert score(graph, path, emission) == pytest.approx(naive(graph, emission, np.maximum), abs=1e-2)


def test_no_path_is_none_however_it_is_searched_for(monkeypatch):
    graph, emissions = utterance_graph(MODEL, ["FEE"], DICTIONARY), np.zeros((5, MODEL.num_states), np.float32)
    for most in (2**31, 1):
        monkeypatch.setattr(viterbi, "BATCH_CELLS", most)
        monkeypatch.setattr(forward_backward, "EXACT_CELLS", most)
        for beam in (None, 10.0):
            assert viterbi.viterbi([graph], [emissions], TRANSITIONS, beam=beam) == [None]
            assert forward_backward.forward_backward([graph], [emissions], TRANSITIONS, beam=beam) == [None]
