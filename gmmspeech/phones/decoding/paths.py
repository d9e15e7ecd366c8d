"""Best paths of utterances through their transcript graphs, with edges of silence placed by static features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.decoding.boundaries import Chain
from gmmspeech.phones.decoding.spans import PhoneSpan, phone_spans
from gmmspeech.phones.hmm.graph import StateGraph
from gmmspeech.phones.hmm.silence_edges import StaticModel, place_silence
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import BestPath, best_paths


class UtterancePath(NamedTuple):
    """Path of an utterance of T frames.

    `best` has its nodes, (T,), after edges of silence are placed, `state` the state of each frame, (T,), and `chain`
    the states one after another; `found` is that chain as it was before.
    """

    best: BestPath
    state: NDArray[np.intp]
    spans: Sequence[PhoneSpan]
    chain: Chain
    found: Chain


def utterance_paths(
    graphs: Mapping[str, StateGraph],
    emissions: Mapping[str, NDArray[np.float32]],
    frames: Mapping[str, NDArray],
    transitions: Transitions,
    static: StaticModel | None,
    *,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
) -> dict[str, UtterancePath]:
    """Find the path of each utterance that has emissions, (T, S); those without any path are left out."""
    searched = [graphs[name] for name in emissions]
    best = best_paths(searched, list(emissions.values()), transitions, acoustic_scale=acoustic_scale, beam=beam)
    found = {name: path for name, path in zip(emissions, best, strict=True) if path is not None}
    own, nodes = [graphs[name] for name in found], [path.nodes for path in found.values()]
    placed = place_silence(
        static, own, nodes, [frames[name] for name in found], transitions, acoustic_scale=acoustic_scale
    )
    paths = {}
    for (name, path), graph, moved in zip(found.items(), own, placed, strict=True):
        state = graph.state[moved]
        before = Chain.of(path.nodes, graph.state[path.nodes])
        paths[name] = UtterancePath(
            path._replace(nodes=moved), state, phone_spans(graph, moved), Chain.of(moved, state), before
        )
    return paths
