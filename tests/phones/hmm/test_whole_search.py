"""Best paths of utterances one by one, beside the scores of a batch in other blocks and counted otherwise."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.phones.hmm import whole_search
from gmmspeech.phones.hmm.graph import utterance_graph, word_loop_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.native import viterbi_kernel
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_paths, best_scores, path_log_likelihood

pytestmark = pytest.mark.skipif(not viterbi_kernel.available(), reason="installed without a C compiler")

MODEL = PhoneHMM.from_phones(["SIL", *"ABC"], mean=[0.0], variance=[1.0], num_states=2)
DICTIONARY = {"AB": [["A", "B"], ["B"]], "C": [["C"]], "CAB": [["C", "A", "B"], ["C", "A"], ["A", "A", "B"]]}
TRANSITIONS = Transitions.of(np.linspace(0.3, 0.8, MODEL.num_states))


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([0.1, 1.0]))
def test_the_path_has_the_best_score(seed, frames, scale):
    rng = np.random.default_rng(seed)
    words = rng.choice(list(DICTIONARY), 5).tolist()
    graphs = [utterance_graph(MODEL, words, DICTIONARY), word_loop_graph(MODEL, words, DICTIONARY)]
    emissions = rng.normal(-60, 8, (frames, MODEL.num_states)).astype(np.float32)
    emissions[rng.integers(frames), 0] = -np.inf
    scores = best_scores(graphs, [emissions] * 2, TRANSITIONS, acoustic_scale=scale)
    for graph, score in zip(graphs, scores, strict=True):
        path = whole_search.best_whole_path(graph, emissions, TRANSITIONS, scale)
        if score == -np.inf:
            assert path is None
        else:
            scaled = scale * emissions.astype(np.float64)
            assert path_log_likelihood(graph, path, scaled, TRANSITIONS) == pytest.approx(score, abs=1e-2)


def test_it_serves_utterances_of_seconds(monkeypatch):
    rng = np.random.default_rng(0)
    graphs = [utterance_graph(MODEL, ["AB"] * n, DICTIONARY) for n in (2, 40, 60)]
    emissions = [rng.normal(-60, 8, (n, MODEL.num_states)).astype(np.float32) for n in (20, 3, 300)]
    batch = [best_paths([g], [e], TRANSITIONS) for g, e in zip(graphs, emissions, strict=True)]
    served = []
    whole = whole_search.best_whole_path
    monkeypatch.setattr("gmmspeech.phones.hmm.viterbi.best_whole_path", lambda *a: served.append(a[0]) or whole(*a))
    found = best_paths(graphs, emissions, TRANSITIONS)
    assert served == [graphs[2]]
    for path, (alone,) in zip(found, batch, strict=True):
        assert (path is None) == (alone is None)
        assert path is None or (path.nodes == alone.nodes).all()
