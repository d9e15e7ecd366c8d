"""Updates of phone HMMs: parameters and alignments are estimated in turn, starting from an alignment."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import GmmSpeechWarning, counted
from gmmspeech.files.checkpoints import Checkpoint, digest
from gmmspeech.gmm import floors
from gmmspeech.gmm.kernels import get_backend
from gmmspeech.phones.hmm.corpus import Corpus
from gmmspeech.phones.hmm.estimation import maximize, split, state_occupancy
from gmmspeech.phones.hmm.flat_start import flat_alignments
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.passes import Options, accumulate_corpus, align_corpus
from gmmspeech.phones.hmm.training_state import TrainingState


def run_updates(
    corpus: Corpus,
    model: PhoneHMM,
    options: Options,
    start: Mapping[str, StatePosteriors] | None,
    callback: Callable[[TrainingState], None] | None,
    resume: TrainingState | None,
    checkpoint: Checkpoint | None,
    said: Callable[[], list[Any]],
) -> TrainingState:
    """Estimate parameters and, where options say so, alignments in turn; with the state in the end.

    Parameters
    ----------
    corpus : Corpus
        Whose spans are of the model's states.
    model : PhoneHMM
        To begin with, and to begin every pass with.
    options : Options
    start : mapping of str to StatePosteriors, optional
        Alignment to begin with; of utterances without one, the flat start.
    callback, resume, checkpoint
        As for `gmmspeech.phones.hmm.training.train_phone_hmm`.
    said : callable
        Gives what was said, and all else that the result depends on beside these, in what JSON can hold.
    """
    floored = floors.Floored(model.variances, 0, 0)
    flat = model
    if checkpoint is not None:
        begun = {name: digest(p.frame, p.state, p.weight, p.stays) for name, p in (start or {}).items()}
        kept = checkpoint.resume(_settings(corpus, model, options, [*said(), begun]), TrainingState)
        if kept is not None:
            resume = kept
            if callback is not None:
                callback(kept)
    if resume is not None:
        first, model, posteriors, state = resume.iteration, resume.model, dict(resume.posteriors), resume
    else:
        given = start or {}
        first = 0
        flat_start = {} if corpus.spans.keys() <= given.keys() else flat_alignments(corpus, model)
        posteriors = {name: given[name] if name in given else flat_start[name] for name in corpus.spans}
    starved: NDArray[np.intp] = np.empty(0, np.intp)
    for update in range(first, options.num_passes * options.max_iter):
        iteration = update % options.max_iter
        model = model if iteration else flat
        if options.realigns(iteration):
            posteriors = align_corpus(corpus, model, options)
        stats = accumulate_corpus(corpus, model, posteriors)
        occupancy = state_occupancy(model, stats)
        starved = np.flatnonzero(occupancy < options.min_occupancy)
        model, floored = maximize(
            model, stats, variance_floor=options.variance_floor, min_occupancy=options.min_occupancy
        )
        wanted = options.gaussians(iteration, model.num_states, round(stats.gaussians.num_frames))
        model = split(model, occupancy, wanted, power=options.power)
        mean = stats.gaussians.log_likelihood / stats.gaussians.num_frames
        state = TrainingState(update + 1, model, posteriors, mean)
        if checkpoint is not None:
            checkpoint.save(state)
        if callback is not None:
            callback(state)
    if len(starved):
        phones = " ".join(dict.fromkeys(model.phones[model.phone_of_state[s]] for s in starved))
        message = f"too few frames for {counted(len(starved), 'state')}, left as before; phones: {phones}"
        warnings.warn(message, GmmSpeechWarning)
    floors.tell("phone HMMs", floored.number, model.variances.size, floored.constant)
    return state


def _settings(corpus: Corpus, flat: PhoneHMM, options: Options, said: Any) -> dict[str, Any]:
    """All that decides what training gives, for a checkpoint; frames are told by their moments."""
    realign = None if options.realign is None else [int(i) for i in options.realign]
    return {
        "training": "phone HMMs",
        **asdict(options),
        "realign": realign,
        "phones": list(flat.phones),
        "silence": flat.silence,
        "states": flat.state_offsets.tolist(),
        "backend": get_backend().name,
        "front_end": flat.front_end,
        "utterances": len(corpus.spans),
        "frames": sum(corpus.lengths[name] for name in corpus.spans),
        "moments of the frames": digest(corpus.mean, corpus.variance),
        "what was said": hashlib.sha256(json.dumps(said, default=list).encode()).hexdigest(),
    }
