"""Graphs of triphones: the same phones with the same probabilities, in the states of their contexts."""

import dataclasses
import itertools

import numpy as np
import pytest
from trees import descended, grown, model_of

from gmmspeech.phones.hmm.graph import (
    StateGraph,
    one_phone_graph,
    phone_loop_graph,
    phone_sequence_graph,
    train_bigram,
    utterance_graph,
    word_loop_graph,
    word_sequence_graph,
)
from gmmspeech.phones.hmm.model import PhoneHMM

PHONES = ("SIL", "A", "B", "C")
DICTIONARY = {"AB": [["A", "B"]], "C": [["C"], ["B"]], "A": [["A"], ["C", "A"]]}
TREES = [grown(np.random.default_rng(seed), [1, 2, 1, 3], 30) for seed in range(3)]


def walks(graph: StateGraph, longest: int = 12) -> dict[tuple, float]:
    """Probability of each walk that never stays in a node: its phones and its states."""
    arcs: dict[int, list[tuple[int, float]]] = {}
    for n in np.flatnonzero(graph.chained).tolist():
        arcs.setdefault(n - 1, []).append((n, 0.0))
    for a, b, w in zip(graph.source.tolist(), graph.target.tolist(), graph.weight, strict=True):
        arcs.setdefault(a, []).append((b, w))
    found: dict[tuple, float] = {}
    pending = [((n,), p) for n, p in enumerate(graph.initial) if p > -np.inf]
    while pending:
        nodes, p = pending.pop()
        if graph.final[nodes[-1]] > -np.inf:
            phones = tuple(PHONES[graph.phone[n]] for n in nodes if graph.phone_start[n])
            key = phones, tuple(graph.state[list(nodes)].tolist())
            found[key] = found.get(key, 0) + float(np.exp(p + graph.final[nodes[-1]]))
        if len(nodes) < longest:
            pending += [((*nodes, b), p + w) for b, w in arcs.get(nodes[-1], [])]
    return found


def expected_of(tied: PhoneHMM, plain: StateGraph, longest: int = 12) -> dict[tuple, float]:
    """Walks through the graph of phones without contexts, each with the states of its phones between one another."""
    found: dict[tuple, float] = {}
    for (phones, _), p in walks(plain, longest).items():
        key = phones, tuple(np.concatenate(tied.states_of(phones)).tolist())
        found[key] = found.get(key, 0) + p
    return found


def check(tied: PhoneHMM, build, longest: int = 12) -> None:
    plain = PhoneHMM(PHONES, tied.tree.root_offsets, [0.5] * 7, range(8), [1] * 7, np.zeros((7, 1)), np.ones((7, 1)))
    found, expected = walks(build(tied), longest), expected_of(tied, build(plain), longest)
    assert found.keys() == expected.keys()
    for key, p in expected.items():
        assert found[key] == pytest.approx(p)


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("silence", [0.0, 0.3, 1.0])
def test_words_one_after_the_other(tree, silence):
    tied = model_of(tree, PHONES)
    check(tied, lambda model: utterance_graph(model, ["AB", "C", "A"], DICTIONARY, silence_probability=silence), 20)


@pytest.mark.parametrize("tree", TREES)
def test_words_out_of_lists_and_around_a_loop(tree):
    tied = model_of(tree, PHONES)
    slots = [["AB", "A"], ["C", "AB"]]
    check(tied, lambda model: word_sequence_graph(model, slots, DICTIONARY, silence_probability=0.5), 20)
    check(tied, lambda model: word_loop_graph(model, ["AB", "C"], DICTIONARY), 9)


@pytest.mark.parametrize("tree", TREES)
def test_phones_around_a_loop(tree):
    tied = model_of(tree, PHONES)
    bigram = train_bigram([["SIL", "A", "B", "C", "SIL"], ["A", "C", "C"]], PHONES)
    check(tied, lambda model: phone_loop_graph(model, bigram), 7)


def test_one_phone_between_two_others():
    tied = model_of(TREES[0], PHONES)
    graph = one_phone_graph(tied, ["A", "C"], beyond=(2, 3))
    assert {states for _, states in walks(graph)} == {
        tuple(TREES[0].states(1, 2, 3).tolist()),
        tuple(TREES[0].states(3, 2, 3).tolist()),
    }


def in_words(tree, words: list[list[str]]) -> tuple[int, ...]:
    """States of words, each phone between those of its word, by answering the questions of trees."""
    found = []
    for phones in words:
        beside = [0, *(PHONES.index(p) for p in phones), 0]
        found += [s for i in range(len(phones)) for s in descended(tree, beside[i + 1], beside[i], beside[i + 2])]
    return tuple(found)


@pytest.mark.parametrize("tree", TREES)
def test_contexts_end_where_words_do(tree):
    tied = model_of(dataclasses.replace(tree, word_internal=True), PHONES)
    expected = set()
    for variants in itertools.product(*(DICTIONARY[word] for word in ("AB", "C", "A"))):
        for pauses in itertools.product([0, 1], repeat=4):
            words = [["SIL"]] * pauses[0]
            for phones, pause in zip(variants, pauses[1:], strict=True):
                words = [*words, phones, *[["SIL"]] * pause]
            expected.add(in_words(tree, words))
    assert {states for _, states in walks(utterance_graph(tied, ["AB", "C", "A"], DICTIONARY), 30)} == expected
    grammar = word_sequence_graph(tied, [["AB", "A"], ["C"]], DICTIONARY, silence_probability=0.0)
    said = itertools.product([*DICTIONARY["AB"], *DICTIONARY["A"]], DICTIONARY["C"])
    assert {states for _, states in walks(grammar, 30)} == {in_words(tree, list(words)) for words in said}
    loop = word_loop_graph(tied, ["AB"], DICTIONARY, silence_probability=0.0)
    words = [["A", "B"]] * 3
    assert {states for _, states in walks(loop, 9)} == {in_words(tree, words[:n]) for n in (1, 2, 3)}


@pytest.mark.parametrize("tree", TREES)
def test_phones_without_words_are_beside_one_another(tree):
    """As if all were one word, whether contexts end where words do or not."""
    tied = model_of(dataclasses.replace(tree, word_internal=True), PHONES)
    said = ["A", "C", "B"]
    assert {states for _, states in walks(phone_sequence_graph(tied, said))} == {in_words(tree, [said])}
    bigram = train_bigram([["SIL", "A", "B", "C", "SIL"], ["A", "C", "C"]], PHONES)
    check(tied, lambda model: phone_loop_graph(model, bigram), 7)
