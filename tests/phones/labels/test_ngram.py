"""N-grams by Kneser and Ney's method, beside its definition written out word for word, in exact counts."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.errors import DataError
from gmmspeech.phones.labels.ngram import train_ngram

SENTENCES = st.lists(st.lists(st.sampled_from("abcde"), max_size=6), min_size=1, max_size=25)


def naive_probability(sentences, order, word, history):
    """Chen and Goodman's interpolated modified Kneser-Ney probability, by their definition."""
    paths = [["<s>", *sentence, "</s>"] for sentence in sentences]

    def raw(gram):
        return sum(
            tuple(path[i : i + len(gram)]) == gram for path in paths for i in range(len(path)) if i + len(gram) > 1
        )

    def count(gram):
        if len(gram) == order or gram[0] == "<s>":
            return raw(gram)
        return len(
            {path[i - 1] for path in paths for i in range(1, len(path)) if tuple(path[i : i + len(gram)]) == gram}
        )

    def grams(length):
        return {tuple(path[i : i + length]) for path in paths for i in range(len(path) - length + 1)} - {("<s>",)}

    def discount(length):
        seen = Counter(count(gram) for gram in grams(length))
        n1, n2, n3, n4 = (seen[i] for i in range(1, 5))
        if min(n1, n2, n3) == 0:
            return [0, 0.5, 1.0, 1.5]
        y = n1 / (n1 + 2 * n2)
        found = [0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        return found if all(0 < found[i] <= i for i in (1, 2, 3)) else [0, 0.5, 1.0, 1.5]

    vocabulary = {word for path in paths for word in path[1:]}

    def probability(history):
        length = len(history) + 1
        following = {w: count((*history, w)) for w in vocabulary if (*history, w) in grams(length)}
        d = discount(length)
        total = sum(following.values())
        shorter = probability(history[1:]) if history else 1 / len(vocabulary)
        if not total:
            return shorter
        shared = sum(d[min(c, 3)] for c in following.values()) / total
        own = following.get(word, 0)
        return (own - d[min(own, 3)]) / total + shared * shorter

    return probability(tuple(history)[-(order - 1) :] if order > 1 else ())


@settings(max_examples=40, deadline=None)
@given(SENTENCES, st.integers(1, 4), st.data())
def test_probabilities_are_those_of_the_definition(sentences, order, data):
    if not any(sentences):
        return
    ngram = train_ngram(sentences, order=order)
    history = ["<s>", *data.draw(st.lists(st.sampled_from(ngram.words), max_size=3))][-(order - 1) or 4 :]
    for word in [*ngram.words, "</s>"]:
        expected = naive_probability(sentences, order, word, history)
        np.testing.assert_allclose(math.exp(ngram.log_probability(word, history)), expected, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(SENTENCES, st.integers(1, 4), st.data())
def test_probabilities_after_any_words_sum_to_one(sentences, order, data):
    ngram = train_ngram(sentences, order=order, words=["never"])
    history = data.draw(st.lists(st.sampled_from(["<s>", *ngram.words]), max_size=5))
    total = sum(math.exp(ngram.log_probability(word, history)) for word in [*ngram.words, "</s>"])
    assert total == pytest.approx(1, abs=1e-9)


def test_an_order_for_each_length_and_histories_for_each_longer_one():
    ngram = train_ngram([["a", "b", "a"], ["b"]], order=3)
    assert ngram.counts == [4, 6, 4]
    for shorter, longer in zip(ngram.log_probabilities, ngram.log_probabilities[1:], strict=False):
        assert {gram[:-1] for gram in longer} <= set(shorter)
    assert [set(found) for found in ngram.backoffs] == [
        {gram[:-1] for gram in found} for found in ngram.log_probabilities[1:]
    ]


def test_perplexity_of_alike_words_is_their_number_and_that_of_unknown_ones_infinite():
    ngram = train_ngram([["a"], ["b"], ["c"]], order=1)
    assert ngram.perplexity([["a", "b", "c"]]) == pytest.approx(
        math.exp(-(3 * ngram.log_probability("a", []) + ngram.log_probability("</s>", [])) / 4)
    )
    assert ngram.perplexity([["d"]]) == math.inf
    with pytest.raises(DataError, match="perplexity: found no sentence"):
        ngram.perplexity([])


@pytest.mark.parametrize(
    ("sentences", "order", "message"),
    [
        ([], 2, "n-gram: found no words, expected sentences of words"),
        ([[]], 2, "n-gram: found no words"),
        ([["a", "<s>"]], 2, "n-gram: found word <s>, expected a word without blanks, and none of its marks"),
        ([["a b"]], 2, "n-gram: found word a b"),
        ([["<UNK>"]], 2, "n-gram: found word <UNK>"),
        ([["a"]], 0, "order: found 0"),
        ([["a"]], 10, "order: found 10, expected at least 1 and at most 9"),
        (["a b"], 2, "sentences: found 'a b' among them, expected lists of words"),
        ("a b", 2, "sentences: found 'a b', expected a list"),
    ],
)
def test_what_is_no_text_is_named(sentences, order, message):
    with pytest.raises(ValueError, match=message):
        train_ngram(sentences, order=order)
