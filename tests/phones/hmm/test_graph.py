"""Graphs: the phone sequences they allow, and with which probability."""

import dataclasses
import itertools

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.phones.hmm.graph import (
    StateGraph,
    fewest_frames,
    phone_loop_graph,
    phone_sequence_graph,
    too_few_frames,
    train_bigram,
    utterance_graph,
    word_loop_graph,
    word_sequence_graph,
)
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.topology import Topology
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_paths
from gmmspeech.phones.labels.dictionary import WeightedPronunciation

PHONES = ("SIL", "A", "B", "C")
DICTIONARY = {"AB": [["A", "B"]], "C": [["C"], ["B"]]}


@pytest.fixture(params=[1, 3])
def model(request):
    return PhoneHMM.from_phones(PHONES, mean=[0.0], variance=[1.0], num_states=request.param)


def sequences(graph: StateGraph, longest: int = 8) -> dict[tuple[str, ...], float]:
    """Probability of each phone sequence up to a length: all walks that never stay in a node."""
    arcs = {(n - 1, n): 0.0 for n in np.flatnonzero(graph.chained)}
    arcs |= {(a, b): w for a, b, w in zip(graph.source.tolist(), graph.target.tolist(), graph.weight, strict=True)}
    found: dict[tuple[str, ...], float] = {}
    walks = [((n,), p) for n, p in enumerate(graph.initial) if p > -np.inf]
    while walks:
        nodes, p = walks.pop()
        phones = tuple(PHONES[graph.phone[n]] for n in nodes if graph.phone_start[n])
        if graph.final[nodes[-1]] > -np.inf:
            found[phones] = found.get(phones, 0) + np.exp(p + graph.final[nodes[-1]])
        if len(phones) <= longest:
            walks += [((*nodes, b), p + w) for (a, b), w in arcs.items() if a == nodes[-1]]
    return found


def test_pronunciations_have_the_probabilities_of_the_dictionary(model):
    weighted = {"C": [WeightedPronunciation(["C"], 1.0), WeightedPronunciation(["B"], 0.25)], "A": [["A"]]}
    found = sequences(utterance_graph(model, ["C"], weighted, silence_probability=0.0))
    assert found == pytest.approx({("C",): 0.8, ("B",): 0.2})
    found = sequences(word_sequence_graph(model, [["C", "A"]], weighted, silence_probability=0.0))
    assert found == pytest.approx({("C",): 0.4, ("B",): 0.1, ("A",): 0.5})
    loop = word_loop_graph(model, ["C", "A"], weighted, silence_probability=0.0)
    assert np.exp(loop.initial[loop.phone_start]) == pytest.approx([0.4, 0.1, 0.5])


def test_utterance_has_all_pronunciations_and_silences(model):
    found = sequences(utterance_graph(model, ["AB", "C"], DICTIONARY, silence_probability=0.2))
    assert len(found) == 2 * 2**3
    assert sum(found.values()) == pytest.approx(1)
    assert found["SIL", "A", "B", "SIL", "B", "SIL"] == pytest.approx(0.2**3 / 2)
    assert found["A", "B", "C"] == pytest.approx(0.8**3 / 2)


@pytest.mark.parametrize(("probability", "expected"), [(0.0, ("A", "B")), (1.0, ("SIL", "A", "B", "SIL"))])
def test_silence_may_be_forbidden_or_demanded(model, probability, expected):
    assert sequences(utterance_graph(model, ["AB"], DICTIONARY, silence_probability=probability)) == {expected: 1.0}


def test_fewest_frames(model):
    """As many as the states of the shortest sequence of phones."""
    bigram = train_bigram([["A", "B"]], PHONES)
    graphs = [
        utterance_graph(model, ["AB", "C"], {**DICTIONARY, "AB": [["A", "B", "C"], ["A", "B"]]}),
        utterance_graph(model, ["AB"], DICTIONARY, silence_probability=1.0),
        word_loop_graph(model, ["AB", "C"], DICTIONARY),
        phone_loop_graph(model, bigram),
    ]
    for graph in graphs:
        assert fewest_frames(graph) == min(map(len, sequences(graph, 4))) * model.num_states // len(PHONES)
    assert fewest_frames(dataclasses.replace(graphs[0], final=np.full(graphs[0].num_nodes, -np.inf))) == 0
    assert too_few_frames(graphs[0], 1).startswith("found 1 frame, too few for what is said, expected at least ")


def test_fewest_frames_where_states_are_skipped():
    model = PhoneHMM.from_phones(PHONES, mean=[0.0], variance=[1.0], num_states=3)
    skips = Topology([9, 9], [1, 2], [0.5, 0.5])  # the first state of C leads to the second, or to the third
    graph = utterance_graph(dataclasses.replace(model, topology=skips), ["AB", "C"], {"AB": [["A", "B"]], "C": [["C"]]})
    assert fewest_frames(graph) == 8
    transitions = Transitions.of(model.self_loop)
    found = [best_paths([graph], [np.zeros((n, 12), np.float32)], transitions)[0] is not None for n in (7, 8)]
    assert found == [False, True]


def test_no_words_are_silence(model):
    assert set(sequences(utterance_graph(model, [], DICTIONARY))) == {("SIL",)}


def test_words_and_phones_of_nodes(model):
    graph = utterance_graph(model, ["AB", "C"], DICTIONARY)
    starts = [
        (PHONES[graph.phone[n]], int(graph.word[n]), bool(graph.word_start[n]))
        for n in np.flatnonzero(graph.phone_start)
    ]
    assert starts == [
        ("SIL", -1, False),
        ("A", 0, True),
        ("B", 0, False),
        ("SIL", -1, False),
        ("C", 1, True),
        ("B", 1, True),
        ("SIL", -1, False),
    ]
    assert graph.words == ("AB", "C")


def test_isolated_word_is_exactly_one_of_the_list(model):
    found = sequences(word_sequence_graph(model, [["AB", "C"]], DICTIONARY, silence_probability=0.0))
    assert found == {("A", "B"): pytest.approx(0.5), ("C",): pytest.approx(0.25), ("B",): pytest.approx(0.25)}


def test_phone_sequence(model):
    assert sequences(phone_sequence_graph(model, ["B", "B", "A"])) == {("B", "B", "A"): 1.0}


def test_word_loop_repeats_words(model):
    found = sequences(word_loop_graph(model, ["AB"], DICTIONARY, silence_probability=0.0, insertion_penalty=1.0))
    for times in (1, 2, 3):
        assert found[("A", "B") * times] == pytest.approx(np.exp(-times))
    with_silence = sequences(word_loop_graph(model, ["AB"], DICTIONARY, silence_probability=0.5))
    assert with_silence["SIL", "A", "B", "SIL", "A", "B"] == pytest.approx(0.5**3)
    assert ("SIL", "SIL") not in with_silence


def test_phone_loop_has_the_bigrams_probabilities():
    model = PhoneHMM.from_phones(PHONES, mean=[0.0], variance=[1.0], num_states=2)
    bigram = train_bigram([["SIL", "A", "B", "SIL"], ["A", "C"]], PHONES)
    found = sequences(phone_loop_graph(model, bigram, insertion_penalty=0.5), longest=2)
    index = {phone: i for i, phone in enumerate(PHONES)}
    for pair in itertools.product(PHONES, repeat=2):
        i, j = (index[phone] for phone in pair)
        expected = bigram.initial[i] + bigram.following[i, j] + bigram.final[j] - 2 * 0.5
        assert np.log(found[pair]) == pytest.approx(expected)


def test_bigram_rows_are_distributions_and_follow_the_data():
    bigram = train_bigram([["A", "B"]] * 50 + [["C"]], PHONES)
    rows = np.exp(np.column_stack([bigram.following, bigram.final]))
    np.testing.assert_allclose(rows.sum(axis=1), 1)
    assert np.exp(bigram.initial).sum() < 1
    assert rows[1, 2] > 0.9
    assert (rows > 0).all()


def test_bad_input_is_named(model):
    with pytest.raises(DataError, match="word XYZ: found no pronunciation"):
        utterance_graph(model, ["AB", "XYZ"], DICTIONARY)
    with pytest.raises(DataError, match="word 1: found an empty list"):
        word_sequence_graph(model, [[]], DICTIONARY)
    with pytest.raises(DataError, match="found no words and no silence"):
        utterance_graph(model, [], DICTIONARY, silence_probability=0.0)
    with pytest.raises(ConfigError, match="silence_probability: found 2"):
        utterance_graph(model, ["AB"], DICTIONARY, silence_probability=2.0)
    with pytest.raises(DataError, match="bigram: found phone X"):
        train_bigram([["X"]], PHONES)


def test_words_are_found_in_upper_case(model):
    assert sequences(utterance_graph(model, ["ab"], DICTIONARY, silence_probability=0.0)) == {("A", "B"): 1.0}
