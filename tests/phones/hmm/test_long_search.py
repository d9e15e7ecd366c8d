"""The search of long recordings against those that keep everything, and its bounds against all ways to go on."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.phones.hmm import long_search
from gmmspeech.phones.hmm.graph import StateGraph, utterance_graph, word_loop_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.native import viterbi_kernel
from gmmspeech.phones.hmm.trellis import Batch, Transitions
from gmmspeech.phones.hmm.viterbi import best_scores, path_log_likelihood

MODEL = PhoneHMM.from_phones(["SIL", *"ABCD"], mean=[0.0], variance=[1.0], num_states=2)
DICTIONARY = {"AB": [["A", "B"], ["B"]], "CAD": [["C", "A", "D"], ["C", "D"]], "B": [["B"]]}
TRANSITIONS = Transitions.of(np.linspace(0.3, 0.8, MODEL.num_states))


def case(seed: int, wrong: float = 0.3) -> tuple[StateGraph, np.ndarray]:
    """Frames of some words, of which the transcript has some, and others."""
    rng = np.random.default_rng(seed)
    said = rng.choice(list(DICTIONARY), 12)
    told = [word for word in said if rng.random() > wrong] + rng.choice(list(DICTIONARY), 2).tolist()
    states = np.concatenate([MODEL.states(p) for word in said for p in (*DICTIONARY[word][0], "SIL")])
    truth = np.repeat(states, rng.integers(1, 5, len(states)))
    emissions = rng.normal(-12, 3, (len(truth), MODEL.num_states))
    emissions[np.arange(len(truth)), truth] += 8
    return utterance_graph(MODEL, told, DICTIONARY), emissions.astype(np.float32)


def found(graph: StateGraph, emissions: np.ndarray, *gaps: float, scale: float = 1.0, mark: int = 8):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_search, "MARK", mark)
        patch.setattr(long_search, "GAPS", (*gaps, np.inf))
        return long_search.best_long_path(scale, Batch([graph], [emissions], TRANSITIONS, scale))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 8, 256]), st.sampled_from([0.1, 1.0]))
def test_the_path_is_the_best_of_all_whatever_is_left_out(seed, mark, scale):
    graph, emissions = case(seed)
    path, score = found(graph, emissions, 0.5, 1.0, 2.0, scale=scale, mark=mark)
    np.testing.assert_array_equal(path, found(graph, emissions, scale=scale, mark=mark)[0])
    (best,) = best_scores([graph], [emissions], TRANSITIONS, acoustic_scale=scale)
    assert score == pytest.approx(best, abs=1e-2)
    assert path_log_likelihood(graph, path, scale * emissions.astype(np.float64), TRANSITIONS) == pytest.approx(
        best, abs=1e-2
    )


def test_nodes_are_left_out(monkeypatch):
    graph, emissions = case(0, wrong=0.0)
    block = long_search._block

    def counted(gaps: tuple[float, ...]) -> int:
        ends: list[int] = []
        monkeypatch.setattr(long_search, "_block", lambda *a: ends.append(a[3] - a[2]) or block(*a))
        assert found(graph, emissions, *gaps) is not None
        return sum(ends)

    counts = {gaps: counted(gaps) for gaps in ((), (0.6,))}
    assert counts[0.6,] < 0.7 * counts[()]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_way_to_go_on_has_more_than_the_bound(seed):
    graph, emissions = case(seed)
    batch = Batch([graph], [emissions], TRANSITIONS, 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_search, "MARK", 4)
        bounds = long_search._bounds(batch, emissions)
    stay, leave = TRANSITIONS.stay[graph.state], TRANSITIONS.leave[graph.state]
    ahead = leave + graph.final
    for frame in range(len(emissions) - 1, 0, -1):
        onward = emissions[frame, graph.state].astype(np.float64) + ahead
        ahead = stay + onward
        chained = np.flatnonzero(graph.chained)
        ahead[chained - 1] = np.maximum(ahead[chained - 1], leave[chained - 1] + onward[chained])
        np.maximum.at(ahead, graph.source, leave[graph.source] + graph.weight + onward[graph.target])
        if frame % 4 == 1:
            assert (ahead <= bounds[frame // 4][graph.state] + 1e-3).all()


@pytest.mark.skipif(not viterbi_kernel.available(), reason="installed without a C compiler")
@pytest.mark.parametrize("seed", range(3))
def test_compiled_and_not_it_has_the_same_bits(seed, monkeypatch):
    graph, emissions = case(seed)
    compiled = found(graph, emissions, 1.0)
    monkeypatch.setattr(viterbi_kernel, "_library", lambda: None)
    path, score = found(graph, emissions, 1.0)
    np.testing.assert_array_equal(path, compiled[0])
    assert score == compiled[1]


@pytest.mark.parametrize("frames", [1, 2, 9, 10, 60])
def test_any_graph_and_any_length(frames):
    graph = word_loop_graph(MODEL, list(DICTIONARY), DICTIONARY)
    emissions = case(1)[1][:frames]
    result = found(graph, emissions, 1.0)
    (best,) = best_scores([graph], [emissions], TRANSITIONS)
    assert (result is None) == (best == -np.inf)
    if result is not None:
        assert result[1] == pytest.approx(best, abs=1e-3)
        assert path_log_likelihood(graph, result[0], emissions, TRANSITIONS) == pytest.approx(best, abs=1e-3)
