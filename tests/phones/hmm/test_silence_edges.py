"""Edges of silence, which static features alone place."""

import dataclasses
import itertools

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.phones.hmm.corpus import Corpus, words_span
from gmmspeech.phones.hmm.graph import utterance_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.passes import Options, align_corpus
from gmmspeech.phones.hmm.silence_edges import StaticModel, chain_graph, cut_tails, near_changes, place_silence
from gmmspeech.phones.hmm.tree import ContextTree
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import viterbi

STATIC = {"type": "mfcc", "num_ceps": 2, "num_mel_bins": 8}
FRONT = gs.FrontEnd(sample_frequency=16000, features=STATIC, deltas={"order": 1, "window": 2}, cmvn=None)
DICTIONARY = {"ASS": [["AA", "S"]], "AH": [["AA"]]}
LEVELS = {"SIL": (-6.0, 0.0), "AA": (6.0, 4.0), "S": (0.0, -6.0)}


class Frames(dict):
    front_end = FRONT.to_json()


def spoken(*phones, seed=0):
    """Static features of phones and how many frames each, and their deltas."""
    static = np.repeat([LEVELS[phone] for phone, _ in phones], [n for _, n in phones], axis=0)
    static = static + np.random.default_rng(seed).normal(0, 0.3, static.shape)
    return gs.add_deltas(static, order=1, window=2)


def model_of(spread=1.0, num_states=1):
    """Each phone where it is, with deltas near zero in silence alone."""
    phones = ("SIL", "AA", "S")
    model = PhoneHMM.from_phones(
        phones, mean=np.zeros(4), variance=np.ones(4), num_states=num_states, front_end=FRONT.to_json()
    )
    of_state = np.array(phones)[model.phone_of_state]
    means = np.array([(*LEVELS[phone], 0.0, 0.0) for phone in of_state])
    variances = np.array([(spread, spread, *((0.01,) * 2 if phone == "SIL" else (9.0,) * 2)) for phone in of_state])
    return dataclasses.replace(model, means=means, variances=variances)


def aligned(model, frames, words):
    graph = utterance_graph(model, words, DICTIONARY)
    transitions = Transitions.of(model.self_loop)
    (path,) = viterbi([graph], [model.log_likelihoods(frames)], transitions)
    return graph, path, transitions


def starts(model, graph, path):
    phones = model.phone_of_state[graph.state[path]]
    return [0, *(np.flatnonzero(phones[1:] != phones[:-1]) + 1).tolist()]


@pytest.mark.parametrize("num_states", [1, 2])
def test_a_word_begins_where_it_gets_loud_and_not_where_deltas_see_it(num_states):
    said = [("SIL", 40), ("AA", 12), ("S", 9), ("SIL", 30)]
    exact, frames = [0, 40, 52, 61], spoken(*said)
    model = model_of(spread=16.0, num_states=num_states)
    graph, path, transitions = aligned(model, frames, ["ASS"])
    (placed,) = place_silence(StaticModel.of(model), [graph], [path], [frames], transitions)
    assert starts(model, graph, path)[1] < 40  # deltas of the frames before see the vowel
    assert starts(model, graph, path)[3] > 61
    assert starts(model, graph, placed) == exact
    assert list(dict.fromkeys(placed.tolist())) == list(dict.fromkeys(path.tolist()))


def test_the_piece_is_the_best_of_all_ways_through_its_nodes():
    frames = spoken(("SIL", 20), ("AA", 20), seed=3)
    model = model_of(spread=4.0)
    graph, path, transitions = aligned(model, frames, ["AH"])
    static = StaticModel.of(model)
    (placed,) = place_silence(static, [graph], [path], [frames], transitions)
    (run,) = near_changes(static.silent[graph.state[path]], static.reach)
    scores = static.model.log_likelihoods(frames[run, :2])
    first, last = graph.state[path[run][[0, -1]]]
    length = run.stop - run.start
    totals = {
        edge: sum(scores[t, first if t < edge else last] for t in range(length))
        + (edge - 1) * transitions.stay[first]
        + (length - edge - 1) * transitions.stay[last]
        for edge in range(1, length)
    }
    edge = max(totals, key=totals.__getitem__)
    np.testing.assert_array_equal(placed[run] == path[run][0], np.arange(length) < edge)
    outside = np.ones(len(path), bool)
    outside[run] = False
    np.testing.assert_array_equal(placed[outside], path[outside])


def fading(phone, *, tail, num_states, silence=40):
    """A model that takes tails for its last phone, the path of AH or ASS with one, and as it is placed."""
    static = np.repeat([LEVELS[p] for p in ("SIL", "AA", phone)], [silence, 12, 12], axis=0)
    dying = np.linspace(LEVELS[phone], LEVELS["SIL"], tail + 2)[1:-1]
    quiet = np.repeat([LEVELS["SIL"]], silence, axis=0)
    frames = gs.add_deltas(np.concatenate([static, dying, quiet]), order=1, window=2)
    model = model_of(num_states=num_states)
    wide = np.where((model.phone_of_state == 0)[:, None], 0.1, 30.0)
    model = dataclasses.replace(model, variances=np.broadcast_to(wide, model.variances.shape).copy())
    graph, path, transitions = aligned(model, frames, ["AH" if phone == "AA" else "ASS"])
    (placed,) = place_silence(StaticModel.of(model), [graph], [path], [frames], transitions)
    return model, frames, graph, path, placed


@pytest.mark.parametrize("num_states", [1, 3])
@pytest.mark.parametrize("tail", [1, 10, 30])
def test_a_vowel_ends_where_it_has_died_away(num_states, tail):
    model, frames, graph, path, placed = fading("AA", tail=tail, num_states=num_states)
    before, after = starts(model, graph, path)[-1], starts(model, graph, placed)[-1]
    assert before > 64 + 0.7 * tail  # the vowel is wide enough to take it in
    half = (LEVELS["AA"][0] + LEVELS["SIL"][0]) / 2
    expected = 40 + next(t for t, level in enumerate(frames[40:, 0]) if level < half)
    assert abs(after - expected) <= 1 + tail // 10  # of a long tail something is in the vowel's level
    assert list(dict.fromkeys(placed.tolist())) == list(dict.fromkeys(path.tolist()))


def test_a_fricative_keeps_its_weak_frames():
    model, _, graph, path, placed = fading("S", tail=20, num_states=3)
    assert starts(model, graph, placed)[-1] >= starts(model, graph, path)[-1] - 8  # what static features say


def test_a_vowel_quieter_than_what_follows_stays():
    model = model_of(num_states=3)
    static = np.repeat([LEVELS["SIL"], LEVELS["AA"], LEVELS["SIL"]], [10, 12, 10], axis=0)
    frames = gs.add_deltas(static, order=1, window=2)
    graph, path, _ = aligned(model, frames, ["AH"])
    louder = path.copy()
    cut_tails(StaticModel.of(model), graph, louder, -frames)
    np.testing.assert_array_equal(louder, path)


def test_tails_stay_where_silence_is_learned_to_recognize_by():
    model, frames, graph, path, _ = fading("AA", tail=30, num_states=3)
    kept, cut = path.copy(), path.copy()
    cut_tails(StaticModel.of(model, tails=False), graph, kept, frames)
    cut_tails(StaticModel.of(model), graph, cut, frames)
    np.testing.assert_array_equal(kept, path)
    assert starts(model, graph, cut)[-1] < starts(model, graph, path)[-1]


@pytest.mark.parametrize(
    ("flags", "reach", "runs"),
    [
        ("0000011111", 2, [(3, 7)]),
        ("0111111111", 3, [(0, 4)]),
        ("0001100000", 1, [(2, 6)]),
        ("0001111100", 1, [(2, 4), (7, 9)]),
        ("0000000000", 4, []),
        ("", 4, []),
    ],
)
def test_runs_around_changes(flags, reach, runs):
    found = near_changes(np.array([flag == "1" for flag in flags], bool), reach)
    assert [(run.start, run.stop) for run in found] == runs


@pytest.mark.parametrize(
    ("front_end", "static"),
    [
        (None, None),
        (gs.FrontEnd(sample_frequency=16000, features={**STATIC, "num_ceps": 4}, deltas=None).to_json(), None),
        (gs.FrontEnd(sample_frequency=16000, features=STATIC, deltas={"order": 2}).to_json(), None),  # 6 columns
        (FRONT.to_json(), (2, 4)),
        (gs.FrontEnd(sample_frequency=16000, features=STATIC, deltas={"order": 1, "window": 3}).to_json(), (2, 6)),
    ],
)
def test_static_columns_are_known_by_the_front_end(front_end, static):
    found = StaticModel.of(model_of().with_front_end(front_end))
    assert (None if found is None else (found.model.dim, found.reach)) == static


def test_without_deltas_or_silence_paths_stay():
    frames = spoken(("AA", 12), ("S", 9))
    model = model_of()
    graph = utterance_graph(model, ["ASS"], DICTIONARY, silence_probability=0.0)
    transitions = Transitions.of(model.self_loop)
    (path,) = viterbi([graph], [model.log_likelihoods(frames)], transitions)
    for static in (None, StaticModel.of(model)):
        (placed,) = place_silence(static, [graph], [path], [frames], transitions)
        np.testing.assert_array_equal(placed, path)


def test_a_chain_has_one_way_through():
    model = model_of(num_states=2)
    graph = utterance_graph(model, ["ASS"], DICTIONARY)
    nodes = np.array([4, 2, 3])
    chain = chain_graph(graph, nodes)
    emissions = np.random.default_rng(0).normal(size=(5, model.num_states)).astype(np.float32)
    (path,) = viterbi([chain], [emissions], Transitions.of(model.self_loop))
    assert [key for key, _ in itertools.groupby(path.tolist())] == [0, 1, 2]
    np.testing.assert_array_equal(chain.state, graph.state[nodes])


def test_alignment_and_training_place_edges_of_silence():
    """A word begins where it is loud, whoever aligns it: the model that is given, and one trained from nothing."""
    lengths = np.random.default_rng(1).integers(8, 20, (30, 4))
    frames, words, exact = Frames(), {}, {}
    for i, (a, b, c, d) in enumerate(lengths.tolist()):
        phones = [("SIL", 20 + a), ("AA", b), ("S", c)] if i % 2 else [("SIL", 20 + a), ("AA", b)]
        frames[f"u{i}"] = spoken(*phones, ("SIL", 20 + d), seed=i)
        words[f"u{i}"], exact[f"u{i}"] = ["ASS" if i % 2 else "AH"], (20 + a, sum(n for _, n in phones))
    trained = gs.phones.train_phone_hmm(frames, words, DICTIONARY, total_gaussians=12)
    for model in (model_of(spread=16.0), trained):
        found = gs.align(model, frames, words, DICTIONARY, times="start", refine=False).alignments
        errors = [
            np.subtract((found[u].words[0].start, found[u].words[0].end), np.multiply(exact[u], 0.01)) for u in found
        ]
        np.testing.assert_allclose(errors, 0, atol=0.0101)


def test_training_of_triphones_leaves_edges_where_all_features_see_them():
    frames, words = Frames({"u": spoken(("SIL", 20), ("AA", 12), ("SIL", 20))}), {"u": ["AH"]}
    corpus = Corpus(frames, ["u"], False)
    plain = model_of(spread=16.0)
    tied = dataclasses.replace(plain, tree=ContextTree.untied([1, 1, 1]))
    options = Options(None, 1, 1, None, "viterbi", 1.0, None, 0.25, 0.01, 10.0)
    found = []
    for model in (plain, tied):
        corpus.set_spans(lambda name, n, m=model: [words_span(m, words[name], DICTIONARY, n, 0.5)])
        (posteriors,) = align_corpus(corpus, model, options).values()
        found.append(np.flatnonzero(posteriors.state == model.states("AA")[0])[0])
    assert found[0] == 19 > found[1]  # 18: an alignment of training moves edges by less than deltas see
