"""Viterbi and forward-backward against all paths written out, and against hmmlearn."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.phones.hmm.forward_backward import forward_backward
from gmmspeech.phones.hmm.graph import StateGraph, phone_loop_graph, train_bigram, utterance_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_scores, path_log_likelihood, viterbi

DICTIONARY = {"AB": [["A", "B"], ["B"]], "B": [["B", "A"]]}


def small_model(num_states: int = 2) -> PhoneHMM:
    return PhoneHMM.from_phones(["SIL", "A", "B"], mean=[0.0], variance=[1.0], num_states=num_states)


def random_transitions(model: PhoneHMM, rng: np.random.Generator) -> Transitions:
    return Transitions.of(rng.uniform(0.2, 0.8, model.num_states))


def dense(graph: StateGraph, transitions: Transitions) -> tuple[np.ndarray, np.ndarray]:
    """Log probability of each arc, and to end in each node."""
    n = graph.num_nodes
    arcs = np.full((n, n), -np.inf)
    for a in range(n):
        arcs[a, a] = transitions.stay[graph.state[a]]
        if a + 1 < n and graph.chained[a + 1]:
            arcs[a, a + 1] = transitions.leave[graph.state[a]]
    for a, b, w in zip(graph.source, graph.target, graph.weight, strict=True):
        arcs[a, b] = np.logaddexp(arcs[a, b], w + transitions.leave[graph.state[a]])
    return arcs, graph.final + transitions.leave[graph.state]


def all_paths(graph: StateGraph, emissions: np.ndarray, transitions: Transitions) -> dict[tuple[int, ...], float]:
    arcs, final = dense(graph, transitions)
    scores = {}
    for path in itertools.product(range(graph.num_nodes), repeat=len(emissions)):
        score = graph.initial[path[0]] + final[path[-1]] + sum(arcs[a, b] for a, b in itertools.pairwise(path))
        if score > -np.inf:
            scores[path] = score + sum(emissions[t, graph.state[n]] for t, n in enumerate(path))
    return scores


def graphs_of(model: PhoneHMM) -> list[StateGraph]:
    bigram = train_bigram([["SIL", "A", "B"], ["B", "A", "A"]], model.phones)
    return [
        utterance_graph(model, ["AB"], DICTIONARY, silence_probability=0.3),
        utterance_graph(model, ["B"], DICTIONARY, silence_probability=0.0),
        phone_loop_graph(model, bigram),
    ]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0.1, 3))
def test_best_path_and_posteriors_are_those_of_all_paths(seed, num_frames, scale):
    rng = np.random.default_rng(seed)
    model = small_model()
    graphs, transitions = graphs_of(model), random_transitions(model, rng)
    emissions = [rng.normal(0, 2, (num_frames, model.num_states)).astype(np.float32) for _ in graphs]
    paths = viterbi(graphs, emissions, transitions, acoustic_scale=scale)
    scores = best_scores(graphs, emissions, transitions, acoustic_scale=scale)
    posteriors = forward_backward(graphs, emissions, transitions, acoustic_scale=scale, least=0.0)
    for graph, emission, path, score, found in zip(graphs, emissions, paths, scores, posteriors, strict=True):
        everything = all_paths(graph, scale * emission.astype(np.float64), transitions)
        if not everything:
            assert path is None
            assert found is None
            assert score == -np.inf
            continue
        best = max(everything.values())
        assert everything[tuple(path.tolist())] == pytest.approx(best, abs=1e-4)
        assert score == pytest.approx(best, abs=1e-4)
        total = np.logaddexp.reduce(list(everything.values()))
        assert found.log_likelihood == pytest.approx(total, abs=1e-4)
        expected, stays = np.zeros((num_frames, model.num_states)), np.zeros(model.num_states)
        for nodes, value in everything.items():
            weight = np.exp(value - total)
            for t, node in enumerate(nodes):
                expected[t, graph.state[node]] += weight
                if t and nodes[t - 1] == node:
                    stays[graph.state[node]] += weight
        seen = np.zeros_like(expected)
        np.add.at(seen, (found.frame, found.state), found.weight)
        np.testing.assert_allclose(seen, expected, atol=1e-4)
        np.testing.assert_allclose(found.stays, stays, atol=1e-4)


def long_case(seed: int = 0, words: int = 12) -> tuple[PhoneHMM, list[StateGraph], list[np.ndarray], Transitions]:
    """Utterances of several blocks of frames, the emissions in favor of one way through."""
    rng = np.random.default_rng(seed)
    model = small_model(3)
    graphs, emissions = [], []
    for length in (words, 1, words // 2):
        graph = utterance_graph(model, rng.choice(["AB", "B"], length).tolist(), DICTIONARY)
        truth = np.repeat(graph.state[graph.word >= 0], 2)
        emission = rng.normal(0, 1, (len(truth), model.num_states))
        emission[np.arange(len(truth)), truth] += 2
        graphs.append(graph)
        emissions.append(emission.astype(np.float32))
    return model, graphs, emissions, random_transitions(model, rng)


def naive_viterbi(graph: StateGraph, emissions: np.ndarray, transitions: Transitions) -> float:
    arcs, final = dense(graph, transitions)
    score = graph.initial + emissions[0, graph.state]
    for emission in emissions[1:].astype(np.float64):
        score = (score[:, None] + arcs).max(axis=0) + emission[graph.state]
    return (score + final).max()


@pytest.mark.parametrize("beam", [None, 60.0, 1.0])
def test_long_utterances_of_different_lengths_in_one_batch(beam):
    _, graphs, emissions, transitions = long_case()
    paths = viterbi(graphs, emissions, transitions, beam=beam)
    for graph, emission, path in zip(graphs, emissions, paths, strict=True):
        score = path_log_likelihood(graph, path, emission, transitions)
        best = naive_viterbi(graph, emission, transitions)
        assert score <= best + 1e-3
        if beam != 1.0:  # as narrow a beam may lose the best path, though never all
            assert score == pytest.approx(best, abs=1e-3)


def test_an_utterance_alone_gives_what_it_gives_in_a_batch():
    _, graphs, emissions, transitions = long_case(1)
    together = viterbi(graphs, emissions, transitions)
    alone = [viterbi([g], [e], transitions)[0] for g, e in zip(graphs, emissions, strict=True)]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a, b)


def test_beam_hardly_changes_posteriors():
    _, graphs, emissions, transitions = long_case(2)
    for exact, pruned in zip(
        forward_backward(graphs, emissions, transitions),
        forward_backward(graphs, emissions, transitions, beam=40.0),
        strict=True,
    ):
        assert pruned.log_likelihood == pytest.approx(exact.log_likelihood, abs=1e-3)
        np.testing.assert_allclose(np.bincount(exact.frame, exact.weight), 1)
        np.testing.assert_allclose(pruned.stays, exact.stays, atol=1e-2)


def test_too_few_frames_have_no_path():
    model = small_model()
    graph = utterance_graph(model, ["B"], DICTIONARY)
    emissions = [np.zeros((n, model.num_states), np.float32) for n in (3, 4)]
    transitions = Transitions.of(model.self_loop)
    short, long = viterbi([graph] * 2, emissions, transitions, beam=10.0)
    assert short is None
    assert len(long) == 4
    assert forward_backward([graph], emissions[:1], transitions) == [None]


def test_scores_do_not_drift_in_a_long_recording():
    model = small_model(3)
    graph = utterance_graph(model, ["B"] * 40, DICTIONARY)
    rng = np.random.default_rng(0)
    emissions = (rng.normal(0, 1, (6000, model.num_states)) - 1000).astype(np.float32)
    transitions = Transitions.of(model.self_loop)
    (path,) = viterbi([graph], [emissions], transitions)
    score = path_log_likelihood(graph, path, emissions, transitions)
    assert score == pytest.approx(naive_viterbi(graph, emissions, transitions), abs=0.05)


def test_hmmlearn_finds_the_same_path_and_likelihood():
    hmm = pytest.importorskip("hmmlearn.hmm")
    rng = np.random.default_rng(0)
    model = small_model(1)
    bigram = train_bigram([["SIL", "A", "B", "A"], ["B", "A", "SIL"]], model.phones)
    graph = phone_loop_graph(model, bigram)
    arcs, _ = dense(graph, Transitions.of(model.self_loop))
    peer = hmm.GMMHMM(n_components=3, n_mix=2, covariance_type="diag")
    initial = np.exp(graph.initial)
    # hmmlearn has no probability to end: here every node shall have the same, and rows are made to sum to one
    peer.startprob_ = initial / initial.sum()
    matrix = np.exp(arcs)
    peer.transmat_ = matrix / matrix.sum(axis=1, keepdims=True)
    peer.weights_ = rng.dirichlet([2, 2], 3)
    peer.means_ = rng.normal(0, 2, (3, 2, 2))
    peer.covars_ = rng.uniform(0.5, 2, (3, 2, 2))
    ours = PhoneHMM(
        model.phones,
        np.arange(4),
        np.diag(peer.transmat_),
        np.arange(4) * 2,
        peer.weights_.ravel(),
        peer.means_.reshape(6, 2),
        peer.covars_.reshape(6, 2),
    )
    others = peer.transmat_ / (1 - ours.self_loop[:, None])
    with np.errstate(divide="ignore"):
        weight = np.log(others[graph.source, graph.target])
    keep = graph.source != graph.target
    own = StateGraph(
        **{
            **graph.__dict__,
            "source": graph.source[keep],
            "target": graph.target[keep],
            "weight": weight[keep],
            "initial": np.log(peer.startprob_),
            "final": -np.log1p(-ours.self_loop),
        }
    )
    frames = rng.normal(0, 2, (200, 2))
    emissions = ours.log_likelihoods(frames)
    transitions = Transitions.of(ours.self_loop)
    score, states = peer.decode(frames)
    (path,) = viterbi([own], [emissions], transitions)
    np.testing.assert_array_equal(own.state[path], states)
    assert best_scores([own], [emissions], transitions)[0] == pytest.approx(score, abs=1e-2)
    (found,) = forward_backward([own], [emissions], transitions, least=0.0)
    assert found.log_likelihood == pytest.approx(peer.score(frames), abs=1e-2)
    seen = np.zeros((200, 3))
    np.add.at(seen, (found.frame, found.state), found.weight)
    np.testing.assert_allclose(seen, peer.predict_proba(frames), atol=1e-3)
