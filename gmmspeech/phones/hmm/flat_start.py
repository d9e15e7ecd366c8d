"""The first states of frames, where nothing is known but what was said: silence at the edges, phones evenly between.

Shared evenly among all states of an utterance, the silence before and after it would get as few frames as a phone. In
recordings of single words, which are silent for half of their time, phones would then learn silence, and never forget.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.features.frontend import FrontEnd
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.spans import Span, equal_alignment, equal_states, evenly, path_posteriors

QUIET, LOUD = 5, 95  # percentiles of an utterance's loudness
SPEECH = 0.4  # of the way from quiet to loud: from there on it is speech
LEAST = 10  # frames of silence at an edge that are worth cutting off


def flat_alignment(model: PhoneHMM, spans: Sequence[Span], frames: NDArray) -> StatePosteriors:
    """States of an utterance's frames: of words, as `flat_states`; of phones with times, evenly within each.

    Where the front end isn't known, it isn't known either what is loud: all states share the frames alike.
    """
    if model.front_end is None or len(spans) != 1 or not spans[0].of_words:
        return equal_alignment(model, spans)
    return path_posteriors(model, flat_states(model, spans[0], loudness_of(frames, model.front_end)))


def flat_states(model: PhoneHMM, span: Span, loudness: NDArray[np.floating]) -> NDArray[np.intp]:
    """States of a span's frames: those of silence for quiet edges, the others evenly for what is between them."""
    (silence,) = model.states_of([model.silence])
    number = len(silence)
    framed = span.states[:number].tolist() == span.states[-number:].tolist() == silence.tolist()
    begin, end = speech_edges(loudness)
    if not framed or len(span.states) == 2 * number or (begin, end) == (0, len(loudness)):
        return equal_states(span)
    # an edge that is not quiet shares its silence's frames with the phones
    first, last = (number if begin else 0), (number if end < len(loudness) else 0)
    middle = span.states[first : len(span.states) - last]
    parts = [(silence[:first], begin), (middle, end - begin), (silence[:last], len(loudness) - end)]
    if any(length < len(states) for states, length in parts):
        return equal_states(span)
    return np.concatenate([evenly(states, length) for states, length in parts])


def speech_edges(loudness: NDArray[np.floating]) -> tuple[int, int]:
    """First frame of speech and the one after the last; the utterance's own edges where little is quiet there."""
    from scipy.ndimage import median_filter  # which takes a fifth of a second

    quiet, loud = np.percentile(loudness, [QUIET, LOUD])
    speech = np.flatnonzero(median_filter(loudness > quiet + SPEECH * (loud - quiet), 3))  # one frame alone is a click
    if not len(speech):
        return 0, len(loudness)
    begin, end = int(speech[0]), int(speech[-1]) + 1
    return begin if begin >= LEAST else 0, end if len(loudness) - end >= LEAST else len(loudness)


def loudness_of(frames: NDArray[np.floating], front_end: str) -> NDArray[np.floating]:
    """What tells best how loud frames are: energy or c0, or the mean of a filter bank, shape (T,).

    Energy and c0 are the first column, or the last of the static ones in HTK's order.
    """
    features = FrontEnd.from_json(front_end).features
    static = frames[:, : features.dim]
    if features.type == "fbank":
        return static.mean(axis=1)
    return static[:, -1] if features.htk_compat or features.convention == "htk" else static[:, 0]
