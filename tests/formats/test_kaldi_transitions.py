"""Kaldi's transition models: transition states, and where their transitions lead."""

import numpy as np

from gmmspeech.formats.kaldi_objects import Reader
from gmmspeech.formats.kaldi_transitions import Tuple, read_transitions


def test_transitions_are_kaldis(golden):
    folder = golden / "kaldi_models/mono"
    models = [read_transitions(Reader(folder / name, "a model")) for name in ("final.mdl", "final.txt")]
    assert models[0].topology == models[1].topology
    assert models[0].tuples == models[1].tuples
    np.testing.assert_allclose(models[0].log_probs, models[1].log_probs, rtol=1e-5)
    arcs = dict(models[0].arcs())
    assert len(arcs) == 122
    assert [target for target, _ in arcs[Tuple(1, 0, 0)]] == [0, 1, 2, 3]
    assert [target for target, _ in arcs[Tuple(40, 2, 121)]] == [2, 3]
    for ways in arcs.values():
        assert abs(sum(np.exp(p) for _, p in ways) - 1) < 1e-5
