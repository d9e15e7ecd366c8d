"""Recognition: the phones or words on the best of all paths through a graph that allows many; nothing is pruned.

The graphs come from `gmmspeech.phones.hmm.graph`: `phone_loop_graph` (phones, with a bigram), `word_sequence_graph`
(isolated words, small grammars) and `word_loop_graph` (connected words).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, ModelError, counted, shown
from gmmspeech.features.compatibility import front_end_of
from gmmspeech.phones.decoding.alignment import Alignment, describe_path
from gmmspeech.phones.decoding.batches import batch_emissions, check_front_end, found_in_batches
from gmmspeech.phones.hmm.graph import StateGraph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_paths
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes


@checked
def decode(
    model: PhoneHMM,
    frames: Mapping[str, NDArray],
    graph: StateGraph,
    *,
    frame_shift: float | None = None,
    frame_length: float | None = None,
    times: FrameTimes = "center",
    acoustic_scale: float = 1.0,
    beside: PhoneHMM | None = None,
    skip_bad: bool = False,
    n_jobs: int | None = 1,
) -> dict[str, Alignment]:
    """Recognize utterances.

    Parameters
    ----------
    model : PhoneHMM
    frames : mapping of str to ndarray, shape (T, D)
        Frames of each utterance, from the model's front end: a dict, or a `FeatureStore`.
    graph : StateGraph
        What may be said.
    frame_shift, frame_length, times
        As `gmmspeech.phones.decoding.alignment.align` has them.
    acoustic_scale : float
        Factor of the log-likelihoods. Neighboring frames say much the same, so that a bigram gets its due weight
        with about 0.2 to 0.3.
    beside : PhoneHMM, optional
        One of the same phones and frames, but without contexts: means of both models' log-likelihoods are taken. Where
        training speech is little, two models of different kinds err less together than one alone.
    skip_bad : bool
        Leave out utterances that can't be recognized (no frames, or too few for any path) instead of raising, with a
        warning that counts them.
    n_jobs : int
        Threads.

    Returns
    -------
    dict of str to Alignment
        Words (in a phone loop, phones) and phones with their times.

    Raises
    ------
    DataError
        An utterance with too few frames, by name.
    FeatureError
        Frames that don't fit the model, by utterance; a feature store of another front end.
    ModelError
        A model `beside` of other phones or states.

    Examples
    --------
    >>> import dataclasses, numpy as np
    >>> from gmmspeech.phones.hmm.graph import word_sequence_graph
    >>> model = PhoneHMM.from_phones(["SIL", "AA", "IY"], mean=[0.0], variance=[1.0], num_states=1)
    >>> model = dataclasses.replace(model, means=[[0.0], [5.0], [9.0]])
    >>> graph = word_sequence_graph(model, [["AH", "EE"]], {"AH": [["AA"]], "EE": [["IY"]]})
    >>> decode(model, {"u": np.array([[0.0], [9.0], [9.0], [0.0]])}, graph)["u"].words
    [Label(start=0.0175, end=0.0375, name='EE')]
    """
    clock = FrameClock.of(model.front_end or front_end_of(frames), frame_shift, frame_length, times)
    check_front_end(model, frames)
    if beside is not None:
        _check_beside(model, beside)
    transitions = Transitions.of(model.self_loop)

    def decode_batch(batch: Mapping[str, NDArray]) -> dict[str, Alignment | str]:
        emissions, bad = batch_emissions(model, batch, skip_bad)
        found: dict[str, Alignment | str] = {**bad}
        if not emissions:
            return found
        if beside is not None:
            emissions = {name: _mean(model, beside, batch[name], emission) for name, emission in emissions.items()}
        paths = best_paths(
            [graph] * len(emissions), list(emissions.values()), transitions, acoustic_scale=acoustic_scale
        )
        for (name, emission), path in zip(emissions.items(), paths, strict=True):
            if path is None:
                found[name] = f"found {counted(len(emission), 'frame')}, expected more for the states of any phones"
                if not skip_bad:
                    raise DataError(f"utterance {name}: {found[name]}")
            else:
                found[name] = describe_path(model, graph, path, emission, clock)
        return found

    return found_in_batches(decode_batch, frames, frames, n_jobs)[0]


def _mean(model: PhoneHMM, beside: PhoneHMM, frames: NDArray, emission: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean log-likelihoods of states: those of a model, and of their positions by one without contexts."""
    return (emission + beside.log_likelihoods(frames)[:, model.position_of_state]) / np.float32(2)


def _check_beside(model: PhoneHMM, beside: PhoneHMM) -> None:
    """See that models have the same phones, positions and columns, and that one has no contexts."""
    if beside.phones != model.phones:
        found, expected = (shown(" ".join(each.phones)) for each in (beside, model))
        raise ModelError(f"beside: found phones {found}, expected {expected}, as the model has")
    shape, wanted = (beside.num_states, beside.dim), (int(model.position_offsets[-1]), model.dim)
    if shape != wanted:
        told = "{} states of {} columns"
        raise ModelError(f"beside: found {told.format(*shape)}, expected {told.format(*wanted)}, without contexts")
