"""Topologies with skips and ways back: graphs allow what they allow, and nothing else."""

import dataclasses

import numpy as np
import pytest

from gmmspeech.errors import ModelError
from gmmspeech.phones.hmm.graph import utterance_graph
from gmmspeech.phones.hmm.mapping import mapped_model
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.topology import Topology
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_scores, viterbi

# SIL of three states: 0 to 1 or 2, 1 to 2 or out, 2 to 1 or out
SKIPS = Topology([0, 0, 1, 1, 2, 2], [1, 2, 2, 3, 1, 3], [0.3, 0.7, 0.4, 0.6, 0.1, 0.9])
DICTIONARY = {"A": [["A"]]}


def model(seed=0):
    base = PhoneHMM.from_phones(["SIL", "A"], mean=[0.0], variance=[1.0], num_states=3)
    rng = np.random.default_rng(seed)
    return dataclasses.replace(base, topology=SKIPS, self_loop=rng.uniform(0.2, 0.8, 6), means=rng.normal(size=(6, 1)))


def naive(hmm, emissions):
    """Best score, and path, of SIL A SIL over all sequences of states, by trying them all."""
    onward = {3 + j: {4 + j: 0.0} for j in range(3)}  # 0 to 2 SIL, 3 to 5 A, 6 to 8 SIL again, 9 the end
    onward |= {part + i: {} for part in (0, 6) for i in range(3)}
    for part in (0, 6):
        for i, j, p in SKIPS.ways([0, 1, 2]):
            onward[part + i][part + j] = p
    best = [(-np.inf, None)]

    def follow(state, t, score, path):
        own = state % 6
        score += emissions[t, own]
        for after, p in {state: None, **onward[state]}.items():
            more = np.log(hmm.self_loop[own]) if p is None else p + np.log1p(-hmm.self_loop[own])
            if t + 1 < len(emissions) and after < 9:
                follow(after, t + 1, score + more, [*path, after % 6])
            elif t + 1 == len(emissions) and after == 9 and score + more > best[0][0]:
                best[0] = score + more, path

    follow(0, 0, 0.0, [0])
    return best[0]


def test_the_best_path_is_that_of_all():
    hmm = model()
    graph = utterance_graph(hmm, ["A"], DICTIONARY, silence_probability=1.0)
    emissions = np.random.default_rng(1).normal(0, 2, (10, 6)).astype(np.float32)
    best, path = naive(hmm, emissions)
    transitions = Transitions.of(hmm.self_loop)
    assert graph.state[viterbi([graph], [emissions], transitions)[0]].tolist() == path
    assert best_scores([graph], [emissions], transitions)[0] == pytest.approx(best, abs=1e-4)


def test_phones_after_silence_are_reached_without_it():
    hmm = model()
    graph = utterance_graph(hmm, ["A", "A"], DICTIONARY)
    sources = {(int(graph.state[a]), int(graph.state[b])) for a, b in zip(graph.source, graph.target, strict=True)}
    assert {(1, 3), (2, 3), (5, 3), (0, 2), (2, 1)} <= sources
    assert (0, 3) not in sources


def test_copies_keep_it():
    copied = mapped_model(model(), ["SIL", "A", "Q"], {"Q": "SIL"})
    assert copied.topology.ways([6, 7, 8]) == SKIPS.ways([0, 1, 2])
    assert copied.topology.is_chain([3, 4, 5])
    assert mapped_model(model(), ["SIL", "A"], {"SIL": "A"}).topology is None
    assert SKIPS.of_copies([-1, -1]) is None


def test_one_way_to_the_next_is_a_chain():
    """Also where its probability is said, and a digit from 1."""
    rounded = Topology([0, 1], [1, 2], [1 - 1e-7, 1.0])
    assert rounded.is_chain([0, 1, 2])
    assert not rounded.is_chain([1, 0])
    assert rounded.onward(0, 0) == [(1, np.log(1 - 1e-7))]
    assert rounded.onward(2, 2) == [(3, 0.0)]


def test_saved(tmp_path):
    from gmmspeech.formats.loading import load

    model().save(tmp_path / "a.h5")
    assert load(tmp_path / "a.h5").topology.ways([0, 1, 2]) == SKIPS.ways([0, 1, 2])
    assert load(tmp_path / "a.h5").pdfs is None


@pytest.mark.parametrize(
    ("topology", "match"),
    [
        (([0, 0], [1, 2], [0.5, 0.6]), "expected 1 for each state"),
        (([0], [0], [1.0]), "no arc that leads to the first"),
        (([0, 0], [1, 2], [0.0, 1.0]), "above 0"),
        (([0], [1, 2], [1.0]), "of shapes"),
        (([], [], []), "of shapes"),
        (([0.5], [1], [1.0]), "whole numbers"),
    ],
)
def test_bad_topologies(topology, match):
    with pytest.raises(ModelError, match=match):
        Topology(*topology)


def test_topologies_of_other_models():
    hmm = model()
    for topology, match in (
        (Topology([7], [1], [1.0]), "expected less than 6"),
        (Topology([0], [4], [1.0]), "out of it"),
        (Topology([1], [1], [1.0]), "out of it"),
    ):
        with pytest.raises(ModelError, match=match):
            dataclasses.replace(hmm, topology=topology)
    with pytest.raises(ModelError, match="pdfs"):
        dataclasses.replace(hmm, pdfs=[0, 1])
