"""Fit of transcripts, beside Viterbi over a graph of all phones."""

import numpy as np

from gmmspeech.phones.decoding.confidence import loop_log_likelihoods
from gmmspeech.phones.hmm.graph import PhoneBigram, phone_loop_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_scores


def test_the_loop_is_that_of_a_graph_of_equally_probable_phones():
    rng = np.random.default_rng(0)
    model = PhoneHMM.from_phones(["SIL", "AA", "S", "T"], mean=[0.0], variance=[1.0], num_states=3)
    share = np.full((4, 4), np.log(1 / 4))
    graph = phone_loop_graph(model, PhoneBigram(model.phones, share[0], share, np.zeros(4)))
    emissions = [rng.normal(-40, 10, (length, 12)).astype(np.float32) for length in (30, 7, 3, 90, 30)]
    expected = best_scores([graph] * 5, emissions, Transitions.of(model.self_loop))
    found = loop_log_likelihoods(model, emissions)
    np.testing.assert_allclose(found * [len(e) for e in emissions], expected, rtol=1e-5)
