"""Recognition of phones or words by the best of all paths through a graph, without pruning.

The graphs come from `gmmspeech.phones.hmm.graph`: `phone_loop_graph` (phones, with a bigram), `word_sequence_graph`
(isolated words, small grammars) and `word_loop_graph` (connected words).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, FeatureError, ModelError, counted, shown
from gmmspeech.features.compatibility import timed_front_end
from gmmspeech.phones.decoding.alignment import Alignment, describe_path
from gmmspeech.phones.decoding.batches import batch_emissions, check_front_end, found_in_batches
from gmmspeech.phones.hmm.graph import StateGraph, too_few_frames
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
    beside: tuple[PhoneHMM, Mapping[str, NDArray]] | None = None,
    skip_bad: bool = False,
    n_jobs: int | None = 1,
) -> dict[str, Alignment]:
    """Recognize the phones or words of utterances.

    Parameters
    ----------
    model : PhoneHMM
    frames : mapping of str to ndarray, shape (T, D)
        Frames of each utterance, from the model's front end: a dict, or a `FeatureStore`.
    graph : StateGraph
        Graph of the allowed phone or word sequences.
    frame_shift, frame_length, times
        As for `gmmspeech.phones.decoding.alignment.align`.
    acoustic_scale : float
        Factor of the log-likelihoods. Neighboring frames are correlated, so a bigram has the right weight with about
        0.2 to 0.3.
    beside : tuple of PhoneHMM and mapping of str to ndarray, optional
        A second model of the same phones, without contexts, and its frames of each utterance: the same ones, or others
        at the same times. The log-likelihoods of both models are averaged. With little training speech, two models of
        different kinds make fewer errors together than one alone.
    skip_bad : bool
        Leave out utterances that can't be recognized (no frames, or too few for any path), with a warning that counts
        them, instead of raising an error.
    n_jobs : int
        Number of threads.

    Returns
    -------
    dict of str to Alignment
        Words (in a phone loop, phones) and phones with their times.

    Raises
    ------
    DataError
        An utterance with too few frames; the message names it.
    FeatureError
        Frames that don't fit the model, with the utterance; a feature store of another front end; more, fewer or no
        frames in `beside`.
    ModelError
        A model in `beside` with other phones or states.

    Examples
    --------
    >>> import dataclasses, numpy as np, gmmspeech as gs
    >>> from gmmspeech.phones.hmm.graph import word_sequence_graph
    >>> model = gs.phones.PhoneHMM.from_phones(["SIL", "AA", "IY"], mean=[0.0], variance=[1.0], num_states=1)
    >>> model = dataclasses.replace(model, means=[[0.0], [5.0], [9.0]])
    >>> graph = word_sequence_graph(model, [["AH", "EE"]], {"AH": [["AA"]], "EE": [["IY"]]})
    >>> gs.phones.decode(model, {"u": np.array([[0.0], [9.0], [9.0], [0.0]])}, graph)["u"].words
    [Label(start=0.0175, end=0.0375, name='EE')]
    """
    clock = FrameClock.of(timed_front_end(model.front_end, frames), frame_shift, frame_length, times)
    check_front_end(model, frames)
    if beside is not None:
        _check_beside(model, beside[0])
    transitions = Transitions.of(model.self_loop)

    def decode_batch(batch: Mapping[str, NDArray]) -> dict[str, Alignment | str]:
        emissions, bad = batch_emissions(model, batch, skip_bad)
        if beside is not None:
            emissions, more = _means(model, emissions, *beside, skip_bad)
            bad |= more
        found: dict[str, Alignment | str] = {**bad}
        if not emissions:
            return found
        paths = best_paths(
            [graph] * len(emissions), list(emissions.values()), transitions, acoustic_scale=acoustic_scale
        )
        for (name, emission), path in zip(emissions.items(), paths, strict=True):
            if path is None:
                found[name] = too_few_frames(graph, len(emission))
                if not skip_bad:
                    raise DataError(f"utterance {name}: {found[name]}")
            else:
                found[name] = describe_path(model, graph, path, emission, clock)
        return found

    return found_in_batches(decode_batch, frames, frames, n_jobs)[0]


def _means(
    model: PhoneHMM,
    emissions: Mapping[str, NDArray[np.float32]],
    beside: PhoneHMM,
    frames: Mapping[str, NDArray],
    skip_bad: bool,
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """Mean log-likelihoods of states: those of a model, and of their positions by one without contexts.

    Give too why some utterances have none.
    """
    theirs = {name: frames[name] if name in frames else np.empty((0, beside.dim)) for name in emissions}
    others, bad = batch_emissions(beside, theirs, skip_bad)
    means: dict[str, NDArray[np.float32]] = {}
    for name, other in others.items():
        own = emissions[name]
        if len(own) == len(other):
            means[name] = (own + other[:, model.position_of_state]) / np.float32(2)
            continue
        bad[name] = f"found {counted(len(other), 'frame')} beside, expected {len(own)}, as the model has"
        if not skip_bad:
            raise FeatureError(f"utterance {name}: {bad[name]}")
    return means, bad


def _check_beside(model: PhoneHMM, beside: PhoneHMM) -> None:
    """See that models have the same phones and positions, and that one has no contexts."""
    if beside.phones != model.phones:
        found, expected = (shown(" ".join(each.phones)) for each in (beside, model))
        raise ModelError(f"beside: found phones {found}, expected {expected}, as the model has")
    if (
        not np.array_equal(beside.position_offsets, model.position_offsets)
        or beside.num_states != beside.position_offsets[-1]
    ):
        expected = f"{model.position_offsets[-1]} states, without contexts"
        raise ModelError(f"beside: found {counted(beside.num_states, 'state')}, expected {expected}")
