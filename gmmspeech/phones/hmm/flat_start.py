"""The first alignment of a flat start, from transcripts and the manners of articulation of their phones.

Vowels are loud, silence is quiet, and fricatives have most of their power in high frequencies, in any language and for
any speaker. This knowledge, as one Gaussian for each manner of articulation, is enough for forward-backward over all
pronunciations of the transcript to assign frames to states. It separates speech from silence, and vowels from
consonants, whereas sharing the frames equally gives some to the wrong phones, which then never lose them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.features.stored import split_front_end
from gmmspeech.phones.hmm.corpus import Corpus, Span, equal_alignment
from gmmspeech.phones.hmm.forward_backward import StatePosteriors, forward_backward
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.workers import Batch
from gmmspeech.phones.labels.labels import FrameClock
from gmmspeech.phones.labels.manner import MANNERS, OTHER, manners

# Mean and deviation of loudness, and of tilt, which is high where low frequencies have most of the power. Both are
# measured in each utterance from its 5th percentile (0) to its 95th (1). Rounded from frames of read English.
MANNER = {
    "vowel": (0.80, 0.22, 0.80, 0.20),
    "approximant": (0.65, 0.22, 0.80, 0.22),
    "tap or trill": (0.60, 0.22, 0.70, 0.25),
    "nasal": (0.58, 0.20, 0.80, 0.16),
    "fricative": (0.50, 0.22, 0.22, 0.30),
    "affricate": (0.50, 0.25, 0.20, 0.30),
    "stop": (0.45, 0.26, 0.45, 0.28),
    "closure": (0.20, 0.20, 0.40, 0.30),
    "silence": (0.07, 0.12, 0.35, 0.20),
    "other": (0.60, 0.25, 0.60, 0.30),
}
QUIET, LOUD = 5, 95  # percentiles
SCALE = 0.5  # of log-likelihoods, as frames follow one another closely
# Durations in seconds: of a phone, and of silence's states; those at its ends take in what of speech is near.
PHONE, SILENCE, EDGE = 0.085, 0.5, 0.02
LEAST_STAY = 0.1  # probability
BEAM = 100.0  # nats; faster than over all paths, and the same but for 1e-6


def flat_alignments(corpus: Corpus, model: PhoneHMM) -> dict[str, StatePosteriors]:
    """States of each utterance's frames: of words, by manners; of phones with times, evenly within each.

    Where the front end isn't known, it isn't known either what is loud: all states share the frames alike.
    """
    if not manners_tell(corpus, model):
        return {name: equal_alignment(model, spans) for name, spans in corpus.spans.items()}
    return manner_alignments(corpus, model)


def manners_tell(corpus: Corpus, model: PhoneHMM) -> bool:
    """Say whether it is known what is loud in the frames, and words are to be found in them."""
    of_words = all(spans[0].of_words for spans in corpus.spans.values())
    return of_words and split_front_end(model.front_end)[0] is not None


def manner_alignments(corpus: Corpus, model: PhoneHMM, *, known_scale: float = 0.0) -> dict[str, StatePosteriors]:
    """States of each utterance's frames by manners, and by what the model knows of its phones, at a scale."""
    return corpus.map(functools.partial(_align_batch, model, expected_durations(model), known_scale))


def _align_batch(
    model: PhoneHMM, durations: Transitions, known_scale: float, batch: Batch, spans: Sequence[Sequence[Span]]
) -> list[StatePosteriors]:
    graphs = [span.graph for (span,) in spans if span.graph is not None]
    frames = batch.read()
    emissions = [manner_log_likelihoods(model, x) for x in frames]
    if known_scale:
        emissions = [
            e + np.float32(known_scale) * model.log_likelihoods(x) for e, x in zip(emissions, frames, strict=True)
        ]
    found = forward_backward(graphs, emissions, durations, beam=BEAM)
    return [each or equal_alignment(model, span) for each, span in zip(found, spans, strict=True)]


def manner_log_likelihoods(model: PhoneHMM, frames: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scaled log-likelihoods of frames in each state, shape (T, S), by the manner of its phone."""
    names = (*MANNERS, OTHER)
    means, deviations = np.array([MANNER[name] for name in names]).reshape(-1, 2, 2).transpose(2, 0, 1)
    seen = np.stack([relative(measure) for measure in loudness_and_tilt(frames, str(model.front_end))], axis=1)
    distances = (seen[:, None] - means) / deviations
    by_manner = SCALE * (-0.5 * distances**2 - np.log(deviations)).sum(axis=2)
    found = {**manners(model.phones), model.silence: "silence"}
    manner_of_phone = np.array([names.index(found[phone]) for phone in model.phones])
    return by_manner[:, manner_of_phone[model.phone_of_state]].astype(np.float32)


def expected_durations(model: PhoneHMM) -> Transitions:
    """Probabilities to stay in the states, by how long phones and silence last."""
    shift = FrameClock.of(model.front_end).frame_shift / 1000
    seconds = PHONE / np.diff(model.position_offsets)[model.phone_of_state]
    silence = model.states(model.silence)
    seconds[silence] = SILENCE
    if len(silence) > 2:
        seconds[silence[[0, -1]]] = EDGE
    return Transitions.of(np.maximum(1 - shift / seconds, LEAST_STAY))


def relative(measure: NDArray[np.floating]) -> NDArray[np.float64]:
    """Give a measure of an utterance's frames as a share of the way from its low values to its high ones."""
    low, high = np.percentile(measure, [QUIET, LOUD])
    return (measure - low) / max(high - low, np.finfo(np.float32).tiny)


def loudness_and_tilt(frames: NDArray[np.floating], front_end: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What tells best how loud frames are, and how much of their power is in low frequencies, shape (T,) each.

    Of cepstra, energy or c0, and c1; of a filter bank, its mean, and by how much the lower half is above the upper.
    """
    front = split_front_end(front_end)[0]
    assert front is not None
    features = front.features
    static = np.asarray(frames[:, : features.dim], dtype=np.float64)
    if features.type == "fbank":
        middle = static.shape[1] // 2
        return static.mean(axis=1), static[:, :middle].mean(axis=1) - static[:, middle:].mean(axis=1)
    if features.type != "cqcc" and (features.htk_compat or features.convention == "htk"):  # c1 first, c0 or energy last
        return static[:, -1], static[:, 0]
    return static[:, 0], static[:, min(1, features.dim - 1)]
