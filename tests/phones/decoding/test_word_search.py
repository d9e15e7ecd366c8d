"""The search for words, beside all sequences of words set against the frames one after the other, in float64."""

import dataclasses
import itertools

import numpy as np
import pytest
from trees import descended, grown, model_of as tied_model

from gmmspeech.errors import DataError
from gmmspeech.phones.decoding import lattices
from gmmspeech.phones.decoding.word_graph import word_graph
from gmmspeech.phones.decoding.word_search import SearchOptions, recognize_words
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.tree import ContextTree
from gmmspeech.phones.labels.ngram import train_ngram

PHONES = ["SIL", "A", "B", "C"]
DICTIONARY = {
    "ab": [("A", "B")],
    "abc": [("A", "B", "C")],
    "ba": [("B", "A"), ("C", "A")],
    "ca": [("C", "A")],  # sounds like one of ba
}
TEXT = [["ab", "ca"], ["ba"], ["abc", "ab"], ["ba", "ca"], ["ca", "abc"], ["ab"]]
TRIGRAM = train_ngram(TEXT, order=3)
WIDE = {"beam": 400.0, "lattice_beam": 60.0, "max_active": 10**6}
LOOP_SCALE, SILENCE = 0.3, 0.4


def model_of(rng, states=2, contexts=1):
    """Phones of several states; with contexts, as many states again for each phone before and each behind."""
    model = PhoneHMM.from_phones(PHONES, mean=[0.0, 0.0], variance=[1.0, 1.0], num_states=states * contexts)
    total = model.num_states
    return dataclasses.replace(
        model, means=rng.normal(0, 2, (total, 2)), self_loop=rng.uniform(0.3, 0.8, total), front_end=None
    )


def expand_of(model, states=2):
    """States that depend on the first phone's place and the last one's."""

    def expand(phone, left, right):
        first = model.state_offsets[model.phone_index[phone]]
        context = 0 if phone == "SIL" else 4 * PHONES.index(left) + PHONES.index(right)
        return [first + states * context + i for i in range(states)]

    return expand


def viterbi(emissions, states, model):
    """Log-likelihood of the best path through states in a row, and the frames at which each begins."""
    stay, leave = LOOP_SCALE * np.log(model.self_loop[states]), LOOP_SCALE * np.log1p(-model.self_loop[states])
    score = np.full((len(emissions), len(states)), -np.inf)
    came = np.zeros(score.shape, dtype=int)
    score[0, 0] = emissions[0, states[0]]
    for t in range(1, len(emissions)):
        for n in range(len(states)):
            options = [score[t - 1, n] + stay[n], score[t - 1, n - 1] + leave[n - 1] if n else -np.inf]
            came[t, n] = int(np.argmax(options))
            score[t, n] = max(options) + emissions[t, states[n]]
    begins, n = [], len(states) - 1
    for t in range(len(emissions) - 1, -1, -1):
        if t == 0 or came[t, n]:
            begins.append(t)
            n -= 1
    return score[-1, -1] + leave[-1], begins[::-1]


def backing_off(ngram, words):
    """Log probability of words where an n-gram may back off though it need not, as arcs without a label let it."""
    scores = {("<s>",): 0.0}
    for word in [*words, "</s>"]:
        after = {}
        for history, score in scores.items():
            for start in range(len(history) + 1):
                kept = history[start:]
                if (*kept, word) in ngram.log_probabilities[len(kept)]:
                    total = score + ngram.log_probabilities[len(kept)][*kept, word]
                    total += sum(ngram.backoffs[len(history) - i - 1].get(history[i:], 0.0) for i in range(start))
                    reached = (*kept, word)[-(ngram.order - 1) :]
                    after[reached] = max(after.get(reached, -np.inf), total)
        scores = after
    return max(scores.values())


def neighbors(words, apart):
    """Phones of words, each behind the phone before it and before the one behind; apart, those of the same word."""
    parts = words if apart else [[phone for word in words for phone in word]]
    return [window for part in parts for window in zip(part, ["SIL", *part], [*part[1:], "SIL"], strict=False)]


def all_paths(model, emissions, ngram, expand, longest, lm_scale=1.0, penalty=0.0, apart=False):
    """Each sequence of words that fits, with its best log-likelihood, and the words' first frames."""
    found = {}
    for words in itertools.chain.from_iterable(itertools.product(DICTIONARY, repeat=n) for n in range(longest + 1)):
        lm = lm_scale * backing_off(ngram, words)
        for variants in itertools.product(*(DICTIONARY[word] for word in words)):
            share = -sum(np.log(len(DICTIONARY[word])) for word in words)
            for silent in itertools.product([0, 1], repeat=len(words) + 1):
                phones, firsts, parts = ["SIL"] * silent[0], [], [["SIL"]] * silent[0]
                for variant, after in zip(variants, silent[1:], strict=True):
                    firsts.append(len(phones))
                    phones += [*variant, *["SIL"] * after]
                    parts = [*parts, [*variant], *[["SIL"]] * after]
                if not phones:
                    continue
                chains = [expand(*window) for window in neighbors(parts, apart)]
                states = list(itertools.chain.from_iterable(chains))
                score, begins = viterbi(emissions, states, model) if len(states) <= len(emissions) else (-np.inf, [])
                pauses = sum(silent) * np.log(SILENCE) + (len(silent) - sum(silent)) * np.log(1 - SILENCE)
                score += lm + share + pauses - penalty * len(words)
                if score > found.get(words, (-np.inf,))[0]:
                    starts = np.cumsum([0, *map(len, chains)])
                    found[words] = (score, [begins[starts[i]] for i in firsts])
    return sorted(((score, list(words), firsts) for words, (score, firsts) in found.items()), key=lambda x: -x[0])


@pytest.mark.parametrize("contexts", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_words_times_and_alternatives_are_the_best_of_all(seed, contexts):
    rng = np.random.default_rng(seed)
    model = model_of(rng, contexts=16 if contexts else 1)
    expand = expand_of(model) if contexts else lambda phone, left, right: model.states(phone).tolist()
    frames = rng.normal(0, 2, (13, 2))
    emissions = 0.5 * model.log_likelihoods(frames).astype(np.float64)
    expected = all_paths(model, emissions, TRIGRAM, expand, 3, lm_scale=1.5, penalty=0.5)
    graph = word_graph(
        *(model, TRIGRAM, DICTIONARY),
        lm_scale=1.5,
        word_insertion_penalty=0.5,
        silence_probability=SILENCE,
        self_loop_scale=LOOP_SCALE,
        expand=expand if contexts else None,
    )
    for options in (SearchOptions(0.5, **WIDE), SearchOptions(0.5, n_best=6, confidence=True, **WIDE)):
        found = recognize_words(model, {"u": frames}, graph, options)["u"]
        assert [label.name for label in found.words] == expected[0][1]
        assert [label.start for label in found.words] == pytest.approx(
            [f and 0.01 * f + 0.0075 for f in expected[0][2]]
        )
        assert found.phones[-1].end == pytest.approx(0.1375)
        shape = [label.name for label in found.phones if label.name != "SIL"]
        assert len(shape) == sum(len(DICTIONARY[w][0]) for w in expected[0][1])
    assert [each.words for each in found.alternatives] == [words for _, words, _ in expected[:6]]
    scores = np.array([score for score, _, _ in expected])
    posterior = np.exp(scores - np.logaddexp.reduce(scores))
    np.testing.assert_allclose([each.probability for each in found.alternatives], posterior[:6], atol=0.01)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_contexts_of_a_tree_end_where_words_do_if_it_says_so(seed, apart):
    rng = np.random.default_rng(seed)
    tree = dataclasses.replace(grown(rng, [1, 1, 2, 1], 25), word_internal=apart)
    model = dataclasses.replace(tied_model(tree, tuple(PHONES)), means=rng.normal(0, 2, (25, 1)))
    frames = rng.normal(0, 2, (9, 1))
    emissions = model.log_likelihoods(frames).astype(np.float64)

    def expand(phone, left, right):
        return descended(tree, *(PHONES.index(each) for each in (phone, left, right)))

    expected = all_paths(model, emissions, TRIGRAM, expand, 3, apart=apart)
    graph = word_graph(model, TRIGRAM, DICTIONARY, silence_probability=SILENCE, self_loop_scale=LOOP_SCALE)
    found = recognize_words(model, {"u": frames}, graph, SearchOptions(1.0, n_best=4, **WIDE))["u"]
    assert [each.words for each in found.alternatives] == [words for _, words, _ in expected[:4]]
    assert found.log_likelihood * 9 == pytest.approx(expected[0][0], abs=0.02)
    assert all_paths(model, emissions, TRIGRAM, expand, 3, apart=not apart) != expected


def test_the_log_likelihood_is_that_of_the_path():
    rng = np.random.default_rng(9)
    model = model_of(rng)
    frames = rng.normal(0, 2, (12, 2))
    emissions = model.log_likelihoods(frames).astype(np.float64)
    (score, words, _), *_ = all_paths(model, emissions, TRIGRAM, lambda p, *_: model.states(p).tolist(), 3)
    graph = word_graph(model, TRIGRAM, DICTIONARY, silence_probability=SILENCE, self_loop_scale=LOOP_SCALE)
    found = recognize_words(model, {"u": frames}, graph, SearchOptions(1.0, **WIDE))["u"]
    assert [label.name for label in found.words] == words
    assert found.log_likelihood * 12 == pytest.approx(score, abs=0.02)


def test_what_is_too_short_is_named_or_left_out():
    model = model_of(np.random.default_rng(0), states=5)
    graph = word_graph(model, TRIGRAM, DICTIONARY)
    frames = {"short": np.zeros((3, 2)), "empty": np.zeros((0, 2)), "good": np.zeros((30, 2))}
    with pytest.raises(DataError, match="utterance short: found no words that end with its 3 frames within a beam"):
        recognize_words(model, {"short": frames["short"]}, graph)
    with pytest.warns(UserWarning, match="skipped 2 utterances; the first: utterance .*; the others: "):
        assert list(recognize_words(model, frames, graph, skip_bad=True)) == ["good"]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"beam": 0.0}, "beam: found 0.0, expected"),
        ({"lattice_beam": float("nan")}, "lattice_beam: found nan"),
        ({"acoustic_scale": -1.0}, "acoustic_scale: found -1.0"),
        ({"max_active": 0}, "max_active: found 0"),
        ({"n_best": -1}, "n_best: found -1"),
    ],
)
def test_options_that_make_no_sense_are_named(option, message):
    with pytest.raises(ValueError, match=message):
        SearchOptions(**option)


def test_a_model_with_a_tree_is_searched_through_its_states():
    # A is one state before B, and another elsewhere
    tree = ContextTree(
        questions=[[False, False, True]],
        root_offsets=[0, 1, 2, 3],
        roots=[0, 1, 2],
        question=[-1, 0, -1, -1, -1],
        right=[False, True, False, False, False],
        yes=[-1, 3, -1, -1, -1],
        no=[-1, 4, -1, -1, -1],
        state=[0, -1, 3, 1, 2],
    )
    tied = PhoneHMM(
        phones=("SIL", "A", "B"),
        state_offsets=[0, 1, 3, 4],
        self_loop=np.full(4, 0.5),
        mixture_offsets=np.arange(5),
        weights=np.ones(4),
        means=[[0.0, 0.0], [6.0, 0.0], [-6.0, 0.0], [0.0, 6.0]],
        variances=np.ones((4, 2)),
        tree=tree,
    )
    bigram, dictionary = train_ngram([["ab"], ["ba"]], order=2), {"ab": [("A", "B")], "ba": [("B", "A")]}
    graph = word_graph(tied, bigram, dictionary)
    frames = {"ab": np.array([[6.0, 0], [6, 0], [0, 6], [0, 6]]), "ba": np.array([[0.0, 6], [0, 6], [-6, 0], [-6, 0]])}
    found = recognize_words(tied, frames, graph)
    assert {name: [label.name for label in each.words] for name, each in found.items()} == {"ab": ["ab"], "ba": ["ba"]}
    np.testing.assert_allclose(found["ab"].log_likelihoods, tied.log_likelihoods(frames["ab"]).max(), atol=1e-4)
    np.testing.assert_allclose(found["ba"].log_likelihoods, tied.log_likelihoods(frames["ba"]).max(), atol=1e-4)


@pytest.mark.parametrize("lattice", [{}, {"n_best": 3, "confidence": True}])
def test_any_number_of_processes_finds_the_same(lattice):
    rng = np.random.default_rng(7)
    model = model_of(rng)
    graph = word_graph(model, TRIGRAM, DICTIONARY)
    frames = {f"u{i}": rng.normal(0, 2, (int(rng.integers(20, 60)), 2)) for i in range(9)}
    frames["u3"] = np.zeros((1, 2))
    options = SearchOptions(0.5, lattice_beam=2.0, **lattice)
    found = []
    for n_jobs in (1, 2, 3):
        with pytest.warns(UserWarning, match="skipped 1 utterance; .* u3: found no words that end with its 1 frame"):
            found.append(recognize_words(model, frames, graph, options, skip_bad=True, n_jobs=n_jobs))
        if lattice:
            with pytest.raises(DataError, match="utterance u3: found no words that end with its 1 frame"):
                recognize_words(model, frames, graph, options, n_jobs=n_jobs)
    for other in found[1:]:
        assert list(other) == list(found[0])
        for name, expected in found[0].items():
            for field, value in dataclasses.asdict(expected).items():
                np.testing.assert_array_equal(dataclasses.asdict(other[name])[field], value)


def test_frames_that_can_not_be_read_stop_the_processes():
    class Damaged(dict):
        def __getitem__(self, name):
            if name == "u5":
                raise DataError("utterance u5: damaged")
            return super().__getitem__(name)

    model = model_of(np.random.default_rng(0))
    frames = Damaged({f"u{i}": np.zeros((30, 2)) for i in range(8)})
    with pytest.raises(DataError, match="utterance u5: damaged"):
        recognize_words(model, frames, word_graph(model, TRIGRAM, DICTIONARY), n_jobs=2)


def test_a_lattice_that_is_too_large_is_named(monkeypatch):
    monkeypatch.setattr(lattices, "_MOST_STATES", 20)
    rng = np.random.default_rng(7)
    model = model_of(rng)
    graph, frames = word_graph(model, TRIGRAM, DICTIONARY), {"u": rng.normal(0, 2, (60, 2))}
    with pytest.raises(DataError, match="utterance u: found a lattice of more than 20 states, expected a smaller"):
        recognize_words(model, frames, graph, SearchOptions(n_best=3))
