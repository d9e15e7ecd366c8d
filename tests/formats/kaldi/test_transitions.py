"""Kaldi's transition models: transition states, and where their transitions lead."""

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.formats.kaldi.objects import Reader
from gmmspeech.formats.kaldi.transitions import Tuple, read_transitions


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


@pytest.mark.parametrize(
    ("ways", "match"),
    [
        (
            "0 0.5 1 0.5|0 0.5 2 0.5",
            r"ways \[0, 2\] from state 1 of phone 1, expected them in order.* none back to the",
        ),
        ("0 0.5 1 0.5|1 1.0", r"found no way from state 0 of phone 1 to the last, expected a topology by which phones"),
        ("0 0.5 1 0.5|1 0.5 7 0.5", r"found a topology of phone 1 without one last state"),
    ],
)
def test_topologies_that_lead_astray_are_named(tmp_path, ways, match):
    states = []
    for number, way in enumerate(ways.split("|")):
        numbers = way.split()
        arcs = " ".join(f"<Transition> {a} {p}" for a, p in zip(numbers[::2], numbers[1::2], strict=True))
        states.append(f"<State> {number} <PdfClass> {number} {arcs} </State>")
    entry = f"<ForPhones> 1 </ForPhones> {' '.join(states)} <State> {len(states)} </State>"
    model = f"<TransitionModel> <Topology> <TopologyEntry> {entry} </TopologyEntry> </Topology> "
    (tmp_path / "final.mdl").write_text(model, encoding="utf-8")
    with pytest.raises(DataError, match=rf"final\.mdl: .*{match}"):
        read_transitions(Reader(tmp_path / "final.mdl", "a model"))
