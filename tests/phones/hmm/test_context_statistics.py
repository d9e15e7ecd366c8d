"""Statistics of phones between their neighbors, beside those counted frame by frame."""

from collections import defaultdict

import numpy as np
import pytest

from gmmspeech.phones.hmm.context_statistics import context_statistics, phone_contexts, with_words
from gmmspeech.phones.hmm.corpus import Corpus, words_span
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.workers import Workers

MODEL = PhoneHMM.from_phones(["SIL", "A", "B"], mean=[0.0, 0.0], variance=[1.0, 1.0], num_states=2)


def posterior(states, frames=None) -> StatePosteriors:
    states = np.array(states)
    frames = np.arange(len(states)) if frames is None else np.array(frames)
    return StatePosteriors(frames, states, np.ones(len(states)), np.zeros(6), 0.0)


def test_phones_stand_between_those_before_and_behind():
    known = phone_contexts(MODEL, posterior([0, 1, 1, 2, 3, 2, 3, 4, 5, 5, 0]))  # SIL A A B SIL
    assert known.root.tolist() == [0, 1, 1, 2, 3, 2, 3, 4, 5, 5, 0]
    assert known.left.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2]
    assert known.right.tolist() == [1, 1, 1, 1, 1, 2, 2, 0, 0, 0, 0]
    assert known.stays.tolist() == [False, True, *[False] * 6, True, False, False]


def test_silence_stands_where_frames_are_missing():
    known = phone_contexts(MODEL, posterior([2, 3, 4, 5], frames=[3, 4, 9, 10]))
    assert known.left.tolist() == known.right.tolist() == [0, 0, 0, 0]


def test_most_probable_states_are_taken():
    soft = StatePosteriors(
        np.array([0, 0, 1, 1]), np.array([2, 4, 2, 4]), np.array([0.4, 0.6, 0.1, 0.9]), np.zeros(6), 0.0
    )
    assert phone_contexts(MODEL, soft).root.tolist() == [4, 4]


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_sums_are_those_of_the_frames_of_each_context(n_jobs):
    rng = np.random.default_rng(0)
    frames, posteriors = {}, {}
    for i in range(40):
        phones = [0, *rng.integers(1, 3, 4), 0]
        states = np.repeat(np.concatenate([[2 * p, 2 * p + 1] for p in phones]), rng.integers(1, 4, 12))
        posteriors[f"u{i}"] = posterior(states)
        frames[f"u{i}"] = rng.normal(5, 1, (len(states), 2)).astype(np.float32)
    corpus = Corpus(frames, list(frames), skip_bad=False, pool=Workers(n_jobs))
    corpus.set_spans(lambda name, length: [words_span(MODEL, [], {}, length, 0.5)])
    found = context_statistics(corpus, MODEL, with_words(corpus, MODEL, posteriors, apart=False))
    expected = defaultdict(list)
    for name, x in frames.items():
        known = phone_contexts(MODEL, posteriors[name])
        for row, context in zip(x, zip(known.root, known.left, known.right, strict=True), strict=True):
            expected[tuple(map(int, context))].append(row.astype(np.float64) - corpus.mean)
    assert list(zip(found.root.tolist(), found.left.tolist(), found.right.tolist(), strict=True)) == sorted(expected)
    for i, key in enumerate(sorted(expected)):
        rows = np.array(expected[key])
        assert found.n[i] == len(rows)
        np.testing.assert_allclose(found.sum_x[i], rows.sum(0), atol=1e-9)
        np.testing.assert_allclose(found.sum_xx[i], (rows**2).sum(0), atol=1e-9)


WORDS = {"A": [["A"]], "AB": [["A", "B"], ["B", "B", "A"]], "BA": [["B", "A"]]}  # can't be mistaken for one another


def said_in_words(rng, words):
    """States of frames, and for each the phones before and behind in its word; silence here and there."""
    found = []
    for word in words:
        spoken = WORDS[word][rng.integers(len(WORDS[word]))]
        for phones in ([["SIL"]] if rng.random() < 0.3 else []) + [spoken]:
            beside = ["SIL", *phones, "SIL"]
            for left, phone, right in zip(beside, phones, beside[2:], strict=False):
                first, (before, behind) = 2 * MODEL.phone_index[phone], (MODEL.phone_index[p] for p in (left, right))
                found += [(first + i, before, behind) for i in range(2) for _ in range(rng.integers(1, 4))]
    return np.array(found).T


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_contexts_end_where_words_do(n_jobs):
    """Beside neighbors noted word by word, where the same phone ends a word and begins the next too."""
    rng = np.random.default_rng(0)
    words = {f"u{i}": rng.choice(list(WORDS), 6).tolist() for i in range(40)}
    expected = {name: said_in_words(rng, line) for name, line in words.items()}
    aligned = {name: posterior(states) for name, (states, _, _) in expected.items()}
    frames = {name: np.zeros((len(each.frame), 2)) for name, each in aligned.items()}
    corpus = Corpus(frames, list(frames), skip_bad=False, pool=Workers(n_jobs))
    corpus.set_spans(lambda name, length: [words_span(MODEL, words[name], WORDS, length, 0.5)])
    told = with_words(corpus, MODEL, aligned, apart=True)
    for name, states in expected.items():
        known = phone_contexts(MODEL, *told[name])
        np.testing.assert_array_equal([known.root, known.left, known.right], states)
    across = phone_contexts(MODEL, *with_words(corpus, MODEL, aligned, apart=False)["u0"])
    assert (across.left != expected["u0"][1]).any()


def test_words_of_soft_alignments_are_those_that_agree_with_most_frames():
    """The middle frame's best state is one that no path goes through there."""
    states = [2, 3, 4, 2, 5, 4, 5, 2, 3]  # A B, with an A within; then BA
    corpus = Corpus({"u": np.zeros((9, 2))}, ["u"], skip_bad=False)
    corpus.set_spans(lambda name, length: [words_span(MODEL, ["AB", "BA"], WORDS, length, 0.5)])
    told = with_words(corpus, MODEL, {"u": posterior(states)}, apart=True)["u"]
    assert told.word.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
