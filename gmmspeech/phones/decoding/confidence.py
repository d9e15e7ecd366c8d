"""Reliability of an alignment: goodness of each phone, and the fit of the whole transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.decoding.spans import PhoneSpan
from gmmspeech.phones.hmm.graph import StateGraph, one_phone_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.native import viterbi_kernel
from gmmspeech.phones.hmm.spoken_noise import SPOKEN_NOISE
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_scores

LEAST_FIT = -2.3
"""Nats a frame: a transcript that fits worse is probably wrong, or lacks words; right ones have -2 to 0."""
RIGHT_FIT = -2.0
"""Nats a frame: however bad most transcripts of a corpus may be, right ones would have this."""
WAY_TO_WRONG = 0.4
"""Where doubt begins, between the median fits of right and of wrong transcripts."""
LONGEST_PHONE = 0.7
"""Seconds: a longer phone has probably taken noise, music or other speech; the longest of read speech have 0.6."""


def goodness_of_pronunciation(
    model: PhoneHMM, spans: Sequence[PhoneSpan], emissions: NDArray[np.float32]
) -> NDArray[np.float64]:
    r"""Goodness of pronunciation (GOP) of each phone: its likelihood relative to that of the best other phone.

    GOP = (log p(O | q) - max_{r != q} log p(O | r)) / T for the T frames O aligned to phone q, over all other phones r
    of the model, with p(O | r) along the best path through the phone's states; with triphones, its states between the
    same neighbors. It is negative if another phone fits better. (Witt and Young (2000) include q among the phones r, so
    that their GOP is 0 whenever q is best; their denominator allows several phones in the frames, and their sign is the
    opposite.)
    """
    rivals = [phone for phone in model.phones if phone != SPOKEN_NOISE]
    beside = _neighbors(model, spans)

    @cache
    def graphs(phone: int, beyond: tuple[int, int] | None) -> tuple[StateGraph, StateGraph, int]:
        name = model.phones[phone]
        others = [rival for rival in rivals if rival != name] or list(model.phones)
        return one_phone_graph(model, [name], beyond), one_phone_graph(model, others, beyond), len(others)

    single, rival, count = zip(*(graphs(s.phone, b) for s, b in zip(spans, beside, strict=True)), strict=True)
    theirs = [emissions[s.start : s.stop] for s in spans]
    transitions = Transitions.of(model.self_loop)
    best = best_scores(rival, theirs, transitions) + np.log(count)  # which of them it is costs nothing
    return (best_scores(single, theirs, transitions) - best) / np.array([s.stop - s.start for s in spans])


def _neighbors(model: PhoneHMM, spans: Sequence[PhoneSpan]) -> Sequence[tuple[int, int] | None]:
    """Phones before and behind each, as contexts have them; none in a model without contexts."""
    if model.tree is None:
        return [None] * len(spans)
    silence = model.phone_index[model.silence]
    apart = [model.tree.word_internal and (b.starts_word or b.word != a.word) for a, b in pairwise(spans)]
    left = [silence, *(silence if edge else span.phone for edge, span in zip(apart, spans, strict=False))]
    right = [*(silence if edge else span.phone for edge, span in zip(apart, spans[1:], strict=True)), silence]
    return list(zip(left, right, strict=True))


def transcript_fits(
    model: PhoneHMM,
    nodes: Sequence[NDArray[np.intp]],
    states: Sequence[NDArray[np.intp]],
    emissions: Sequence[NDArray[np.float32]],
) -> list[float | None]:
    """Fit of each utterance: log-likelihood a frame of its speech along its path, less that of any phones there.

    Frames of silence have no part in it: ten quiet minutes would hide that two words lie in the wrong place. None where
    all is silence.
    """
    transitions, silence = Transitions.of(model.self_loop), model.phone_index[model.silence]
    speech = [model.phone_of_state[path] != silence for path in states]
    spoken = [i for i, frames in enumerate(speech) if frames.any()]
    loops = loop_log_likelihoods(model, [emissions[i][speech[i]] for i in spoken])
    fits: list[float | None] = [None] * len(states)
    for i, loop in zip(spoken, loops.tolist(), strict=True):
        here, path = speech[i], states[i]
        stays = np.append(nodes[i][1:] == nodes[i][:-1], False)
        moves = np.where(stays, transitions.stay[path], transitions.leave[path])
        own = emissions[i][np.arange(len(path)), path] + moves
        fits[i] = float(own[here].mean() - loop)
    return fits


def least_fit(fits: Sequence[float], wrong: Sequence[float]) -> float:
    """Fit below which transcripts are doubtful, of their own fits and of those of wrong ones of the same recordings.

    `LEAST_FIT`, or less where the model is small or of other speech, so that right transcripts fit badly too.
    """
    if not fits or not wrong:
        return LEAST_FIT
    right = max(float(np.median(fits)), RIGHT_FIT)
    return min(LEAST_FIT, right + WAY_TO_WRONG * (float(np.median(wrong)) - right))


def swapped_transcripts(transcripts: Mapping[str, Sequence[str]], most: int = 50) -> dict[str, Sequence[str]]:
    """Wrong transcripts: each utterance has the words of another one of about the same length, if there is one."""
    names = sorted(transcripts, key=lambda name: len(transcripts[name]))
    far = max(1, len(names) // 6)
    pairs = zip(names, names[far:] + names[:far], strict=True)
    apart = {name: transcripts[other] for name, other in pairs if transcripts[other] != transcripts[name]}
    return {name: apart[name] for name in list(apart)[:: -(-len(apart) // most) or 1]}


def loop_log_likelihoods(model: PhoneHMM, emissions: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Log-likelihood a frame of utterances along the best path through any phones, each as probable as the others.

    What a transcript is to be compared with: where it is wrong or a part of it is missing, other phones than its own
    fit much better.
    """
    if not emissions:
        return np.empty(0)
    if model.tree is not None:  # a position is any of its states, equally probable
        emissions = [_of_positions(each, model.position_starts) for each in emissions]
    transitions = Transitions.of(model.self_loop_of_position)
    stay, leave = (x.astype(np.float32) for x in (transitions.stay, transitions.leave))
    first, last = model.position_offsets[:-1], model.position_offsets[1:] - 1
    choice = np.float32(-np.log(len(model.phones)))
    lengths = np.array([len(e) for e in emissions])
    if viterbi_kernel.available():
        advance, out, into = np.append(np.float32(0), leave[:-1]), *np.full((2, len(stay)), -np.inf, np.float32)
        advance[first], out[last], into[first] = -np.inf, leave[last], 0
        scores = viterbi_kernel.loop_scores(emissions, stay, advance, out, into, float(choice))
        return np.array(scores, np.float64) / lengths
    return _numpy_loops(emissions, stay, leave, first, last, choice) / lengths


def _numpy_loops(
    emissions: Sequence[NDArray[np.float32]],
    stay: NDArray[np.float32],
    leave: NDArray[np.float32],
    first: NDArray[np.intp],
    last: NDArray[np.intp],
    choice: np.float32,
) -> NDArray[np.float64]:
    """Scores of utterances, (T, S) each, for an install without a compiler; of all side by side."""
    lengths = np.array([len(e) for e in emissions])
    order = np.argsort(-lengths, kind="stable")
    sorted_lengths = lengths[order]
    rows = np.concatenate([emissions[i] for i in order])
    row = np.concatenate([[0], np.cumsum(sorted_lengths)[:-1]])  # of each utterance's first frame
    scores = np.full((len(emissions), len(stay)), -np.inf, np.float32)
    scores[:, first] = choice
    scores += rows[row]
    offset = np.zeros(len(emissions))
    active = len(emissions)
    found = np.empty(len(emissions))
    for t in range(1, int(sorted_lengths[0]) + 1):
        still = int(np.searchsorted(-sorted_lengths, -t, side="left"))
        if still < active:
            ends = (scores[still:active, last] + leave[last]).max(axis=1)
            found[order[still:active]] = ends + offset[still:active]
            active = still
            if not active:
                break
        before = scores[:active]
        peak = before.max(axis=1)
        offset[:active] += peak
        before = before - peak[:, None]
        entered = np.empty_like(before)
        entered[:, 1:] = before[:, :-1] + leave[:-1]
        entered[:, first] = ((before[:, last] + leave[last]).max(axis=1) + choice)[:, None]
        scores[:active] = np.maximum(before + stay, entered) + rows[row[:active] + t]
    return found


def _of_positions(emissions: NDArray[np.float32], starts: NDArray[np.intp]) -> NDArray[np.float32]:
    """Log of the mean likelihood of runs of states, (T, S) to (T, R); faster than `np.logaddexp.reduceat`."""
    count = np.diff(starts)
    peak = np.maximum.reduceat(emissions, starts[:-1], axis=1)
    spread = np.exp(emissions - np.repeat(peak, count, axis=1))
    return peak + np.log(np.add.reduceat(spread, starts[:-1], axis=1) / count.astype(np.float32))
