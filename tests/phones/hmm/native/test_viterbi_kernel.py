"""The compiled loops against their NumPy twins."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sanitizing import expect_nothing

from gmmspeech.phones.decoding.confidence import loop_log_likelihoods
from gmmspeech.phones.hmm.graph import utterance_graph, word_loop_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.native import viterbi_kernel
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_paths, best_scores, path_log_likelihood
from gmmspeech.phones.hmm.whole_search import is_whole

pytestmark = pytest.mark.skipif(not viterbi_kernel.available(), reason="installed without a C compiler")

PHONES = ("SIL", "A", "B", "C")
DICTIONARY = {"AB": [["A", "B"], ["B"]], "C": [["C"]], "CAB": [["C", "A", "B"], ["C", "A"], ["A", "A", "B"]]}


def graphs_of(rng, count):
    model = PhoneHMM.from_phones(PHONES, mean=[0.0], variance=[1.0], num_states=int(rng.integers(1, 4)))
    drawn = [rng.choice(list(DICTIONARY), rng.integers(1, 6)).tolist() for _ in range(count)]
    return model, [
        utterance_graph(model, words, DICTIONARY) if i % 3 else word_loop_graph(model, words, DICTIONARY)
        for i, words in enumerate(drawn)
    ]


@given(seed=st.integers(0, 2**32 - 1), beam=st.sampled_from([None, 20.0]), whole=st.booleans())
def test_paths_and_scores_have_the_bits_of_their_twins(seed, beam, whole):
    rng = np.random.default_rng(seed)
    model, graphs = graphs_of(rng, 5)
    transitions = Transitions.of(rng.uniform(0.1, 0.9, model.num_states))
    emissions = [rng.normal(-40, 15, (n, model.num_states)).astype(np.float32) for n in rng.integers(1, 120, 5)]
    if whole:  # many paths that are equally good
        emissions = [np.round(e / 20) * 20 for e in emissions]
        transitions = Transitions(np.full(model.num_states, -1.0), np.full(model.num_states, -1.0))
    emissions[-1][rng.integers(len(emissions[-1]))] = -np.inf  # a frame that no state can be in

    def found():
        paths = best_paths(graphs, emissions, transitions, beam=beam)
        return paths, best_scores(graphs, emissions, transitions)

    compiled, scores = found()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viterbi_kernel, "_library", lambda: None)
        expected, expected_scores = found()
    np.testing.assert_array_equal(scores, expected_scores)
    assert [path is None for path in compiled] == [path is None for path in expected]
    for graph, own, path, twin in zip(graphs, emissions, compiled, expected, strict=True):
        if path is not None:
            assert path.beam == twin.beam
            if whole and beam is None and is_whole(graph, own):  # whose sums are rounded otherwise, so another of the
                good, best = (path_log_likelihood(graph, p.nodes, own, transitions) for p in (path, twin))  # equals
                assert good == pytest.approx(best, rel=1e-9)
            else:
                np.testing.assert_array_equal(path.nodes, twin.nodes)


def test_no_number_stays_none_and_few_rows_are_filled_in_turn():
    arcs = viterbi_kernel.Arcs(np.zeros(2), np.array([-np.inf, 0]), np.array([0]), np.array([1]), np.zeros(1))
    emissions, place = np.array([np.nan, 0, 0, 0], np.float32), np.arange(2)
    scores = np.zeros((3, 2), np.float32)
    arcs.fill_scores(emissions, place, 2, 2, scores)
    np.testing.assert_array_equal(scores, [[0, 0], [np.nan, 0], [np.nan, 0]])
    last = np.zeros((2, 2), np.float32)
    arcs.fill_scores(emissions, place, 2, 2, last)
    np.testing.assert_array_equal(last, scores[[2, 1]])


@given(seed=st.integers(0, 2**32 - 1), num_states=st.integers(1, 4))
def test_loops_of_phones_have_the_bits_of_their_twins(seed, num_states):
    rng = np.random.default_rng(seed)
    model = PhoneHMM.from_phones(PHONES, mean=[0.0], variance=[1.0], num_states=num_states)
    emissions = [rng.normal(-40, 15, (n, model.num_states)).astype(np.float32) for n in rng.integers(1, 30, 4)]
    compiled = loop_log_likelihoods(model, emissions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viterbi_kernel, "_library", lambda: None)
        np.testing.assert_array_equal(loop_log_likelihoods(model, emissions), compiled)


def test_sanitizers_find_nothing():
    expect_nothing(__file__)
