"""Fit of transcripts, beside Viterbi over a graph of all phones; goodness of phones between their neighbors."""

import dataclasses

import numpy as np
import pytest
from trees import descended, grown, model_of

from gmmspeech.phones.decoding.confidence import (
    LEAST_FIT,
    goodness_of_pronunciation,
    least_fit,
    loop_log_likelihoods,
    swapped_transcripts,
)
from gmmspeech.phones.decoding.spans import phone_spans
from gmmspeech.phones.hmm.graph import PhoneBigram, phone_loop_graph, utterance_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_scores


def test_the_loop_is_that_of_a_graph_of_equally_probable_phones():
    rng = np.random.default_rng(0)
    model = PhoneHMM.from_phones(["SIL", "AA", "S", "T"], mean=[0.0], variance=[1.0], num_states=3)
    share = np.full((4, 4), np.log(1 / 4))
    graph = phone_loop_graph(model, PhoneBigram(model.phones, share[0], share, np.zeros(4)))
    emissions = [rng.normal(-40, 10, (length, 12)).astype(np.float32) for length in (30, 7, 3, 90, 30)]
    expected = best_scores([graph] * 5, emissions, Transitions.of(model.self_loop))
    found = loop_log_likelihoods(model, emissions)
    np.testing.assert_allclose(found * [len(e) for e in emissions], expected, rtol=1e-5)


@pytest.mark.parametrize("apart", [False, True])
def test_rivals_of_a_phone_stand_between_its_neighbors(apart):
    """States of one position and one frame each: goodness is a difference of two emissions."""
    phones = ("SIL", "A", "B", "C")
    tree = dataclasses.replace(grown(np.random.default_rng(4), [1, 1, 1, 1], 25), word_internal=apart)
    model = model_of(tree, phones)
    words, neighbors = ["AB", "CA"], [(0, 2), (1, 0), (0, 1), (3, 0)] if apart else [(0, 2), (1, 3), (2, 1), (3, 0)]
    graph = utterance_graph(model, words, {"AB": [["A", "B"]], "CA": [["C", "A"]]}, silence_probability=0.0)
    emissions = np.random.default_rng(0).normal(0, 3, (4, model.num_states)).astype(np.float32)
    spans = phone_spans(graph, path_of(graph))
    found = goodness_of_pronunciation(model, spans, emissions)
    for t, (phone, (left, right)) in enumerate(zip([1, 2, 3, 1], neighbors, strict=True)):
        own, *others = (emissions[t, descended(tree, p, left, right)] for p in (phone, *{0, 1, 2, 3} - {phone}))
        assert found[t] == pytest.approx(float(own[0] - max(others)[0]), abs=1e-5)


def path_of(graph):
    """The only path that never stays."""
    path = [int(np.flatnonzero(graph.initial > -np.inf)[0])]
    for _ in range(3):
        here = [path[-1] + 1] if path[-1] + 1 < graph.num_nodes and graph.chained[path[-1] + 1] else []
        path.append([*here, *graph.target[graph.source == path[-1]].tolist()][0])
    return np.array(path)


def test_doubt_begins_between_right_and_wrong_transcripts():
    assert least_fit([-0.5, -0.3, -0.1], [-5.0, -4.0, -6.0]) == LEAST_FIT  # a model that tells them apart
    assert least_fit([-1.9, -1.5, -2.9], [-5.4, -4.9, -6.4]) == pytest.approx(-1.9 - 0.4 * 3.5)  # a small one
    assert least_fit([-5.0, -5.2, -5.1], [-5.0, -5.4, -5.2]) == pytest.approx(-2.0 - 0.4 * 3.2)  # all are wrong
    assert least_fit([-5.0], []) == least_fit([], [-5.0]) == LEAST_FIT


def test_wrong_transcripts_are_of_about_the_same_length_and_never_the_same():
    said = {f"u{i}": ["a"] * (i // 2 + 1) for i in range(40)}
    wrong = swapped_transcripts(said)
    assert set(wrong) == set(said)
    assert all(wrong[name] != said[name] for name in said)
    assert np.median([abs(len(wrong[name]) - len(said[name])) for name in said]) <= 4
    assert len(swapped_transcripts(said, most=10)) == 10
    assert swapped_transcripts({"u": ["a"], "v": ["a"]}) == swapped_transcripts({"u": ["a"]}) == {}
