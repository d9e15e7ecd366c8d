"""Graphs of n-grams and dictionaries: what doesn't fit is named, with what to do."""

import sys

import pytest

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.phones.decoding.word_graph import word_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.ngram import NGram, train_ngram

MODEL = PhoneHMM.from_phones(["SIL", "AA", "IY"], mean=[0.0], variance=[1.0])
WORDS = {"AH": [["AA"]], "EE": [["IY"], ["IY", "IY"]]}
BIGRAM = train_ngram([["ah", "ee"], ["ee"]], order=2)


def test_words_are_looked_up_without_their_case_and_keep_it():
    assert word_graph(MODEL, BIGRAM, WORDS).words == ("ah", "ee")


def test_labels_tell_states_phones_and_where_these_begin():
    graph = word_graph(MODEL, BIGRAM, WORDS)
    assert set(graph.state.tolist()) == set(range(9))
    assert (graph.state // 3 == graph.phone).all()
    assert (graph.state[graph.enters_phone] % 3 == 0).all()
    assert set(graph.phone[graph.is_pause].tolist()) == {0}


def test_a_word_for_unknown_ones_is_left_out_where_the_dictionary_lacks_it():
    marked = NGram(({**BIGRAM.log_probabilities[0], ("<unk>",): -3.0}, BIGRAM.log_probabilities[1]), BIGRAM.backoffs)
    assert word_graph(MODEL, marked, WORDS).words == ("ah", "ee")
    assert set(word_graph(MODEL, marked, {**WORDS, "<UNK>": [["SIL"]]}).words) == {"ah", "ee", "<unk>"}


@pytest.mark.parametrize(
    ("dictionary", "message"),
    [
        ({"EE": [["IY"]]}, r"found 1 of 2 words without a pronunciation \(ah; in 3 of 8 n-grams\), expected all"),
        ({}, r"found 2 of 2 words without a pronunciation \(ah, ee; in 6 of 8 n-grams\)"),
        ({"AH": [[]], "EE": [["IY"]]}, "found 1 of 2 words without a pronunciation"),
        (
            {"AH": [["AA"], ["ə"]], "EE": [["i"]]},
            r"dictionary: found phones that the model lacks: ə \(1 pronunciation\), i \(1 pronunciation\); expected",
        ),
    ],
)
def test_words_and_phones_that_are_lacking_are_named_and_counted(dictionary, message):
    with pytest.raises(DataError, match=message):
        word_graph(MODEL, BIGRAM, dictionary)


def test_no_words_and_options_that_make_no_sense():
    with pytest.raises(DataError, match="n-gram: found no words"):
        word_graph(MODEL, NGram(({("<s>",): 0.0, ("</s>",): 0.0},), ()), WORDS)
    for option, message in (
        ({"silence_probability": 1.0}, "silence_probability: found 1.0"),
        ({"lm_scale": -1.0}, "lm_scale: found -1.0"),
        ({"self_loop_scale": float("nan")}, "self_loop_scale: found nan"),
        ({"word_insertion_penalty": float("inf")}, "word_insertion_penalty: found inf"),
    ):
        with pytest.raises(ConfigError, match=message):
            word_graph(MODEL, BIGRAM, WORDS, **option)


def test_without_the_extra_one_line_says_how_it_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "kaldifst", None)
    with pytest.raises(ConfigError, match=r'found no kaldifst.*expected it: pip install "gmmspeech\[decode\]"'):
        word_graph(MODEL, BIGRAM, WORDS)
