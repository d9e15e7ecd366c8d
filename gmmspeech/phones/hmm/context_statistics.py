"""Statistics of phones in context, from an alignment, for growing decision trees."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError
from gmmspeech.phones.hmm.corpus import Corpus, Span
from gmmspeech.phones.hmm.forward_backward import StatePosteriors, best_states
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import viterbi
from gmmspeech.phones.hmm.workers import Batch

DISAGREEMENT = -100.0  # nats that a frame costs in another state than the aligned one


@dataclass(frozen=True, eq=False)
class ContextStats:
    """Moments of the frames of each position of each phone between each two others; those of two parts add.

    Attributes
    ----------
    key : ndarray of int, shape (E,)
        ``(root P + left) P + right``, rising: a position, counted through all phones, and the phones beside.
    n : ndarray, shape (E,), float64
        Frames.
    sum_x, sum_xx : ndarray, shape (E, D), float64
        Sums of the frames' differences from a center, and of the squares of those.
    num_phones : int
        P.
    """

    key: NDArray[np.intp]
    n: NDArray[np.float64]
    sum_x: NDArray[np.float64]
    sum_xx: NDArray[np.float64]
    num_phones: int

    def __add__(self, other: ContextStats) -> ContextStats:
        key = np.concatenate([self.key, other.key])
        moments = [np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("n", "sum_x", "sum_xx")]
        return ContextStats(*_summed(key, moments), self.num_phones)

    @property
    def moments(self) -> NDArray[np.float64]:
        """Frames, sums and squares side by side, shape (E, 1 + 2 D)."""
        return np.concatenate([self.n[:, None], self.sum_x, self.sum_xx], axis=1)

    @property
    def root(self) -> NDArray[np.intp]:
        """Position of each, counted through all phones."""
        return self.key // self.num_phones**2

    @property
    def left(self) -> NDArray[np.intp]:
        """Phone before each."""
        return self.key // self.num_phones % self.num_phones

    @property
    def right(self) -> NDArray[np.intp]:
        """Phone behind each."""
        return self.key % self.num_phones


class Aligned(NamedTuple):
    """States of an utterance's frames, and the word of each frame if its edges part contexts: -1 for silence."""

    posteriors: StatePosteriors
    word: NDArray[np.int32] | None = None


def context_statistics(corpus: Corpus, model: PhoneHMM, aligned: Mapping[str, Aligned]) -> ContextStats:
    """Statistics of a corpus; differences are those from the mean of its frames."""
    return corpus.sum(functools.partial(_of_batch, model, corpus.mean), aligned)


def _of_batch(model: PhoneHMM, mean: NDArray[np.float64], batch: Batch, aligned: Sequence[Aligned]) -> ContextStats:
    keys, frames = [], []
    for x, each in zip(batch.read(), aligned, strict=True):
        known = phone_contexts(model, *each)
        keys.append((known.root * len(model.phones) + known.left) * len(model.phones) + known.right)
        frames.append(x[known.frame] - mean)
    rows = np.concatenate(frames)
    moments = [np.ones(len(rows)), rows, rows**2]
    return ContextStats(*_summed(np.concatenate(keys), moments), len(model.phones))


@dataclass(frozen=True, eq=False)
class FrameContexts:
    """Of the frames of an utterance: the most probable position, and the phones beside it; shape (M,) each.

    Attributes
    ----------
    frame : ndarray of int
    root : ndarray of int
        Position, counted through all phones.
    left, right : ndarray of int
        Phones before and behind; silence at the ends of what was aligned, and of words if those are told.
    stays : ndarray of bool
        Whether the next frame is in the same position of the same phone.
    """

    frame: NDArray[np.intp]
    root: NDArray[np.intp]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    stays: NDArray[np.bool_]


def with_words(
    corpus: Corpus, model: PhoneHMM, posteriors: Mapping[str, StatePosteriors], *, apart: bool
) -> dict[str, Aligned]:
    """Add the words of the frames to an alignment of whole utterances, if their edges are to part contexts."""
    if not apart:
        return {name: Aligned(posterior) for name, posterior in posteriors.items()}
    words = corpus.map(functools.partial(_words_of_batch, model, Transitions.of(model.self_loop)), posteriors)
    return {name: Aligned(posteriors[name], word) for name, word in words.items()}


def _words_of_batch(
    model: PhoneHMM,
    transitions: Transitions,
    batch: Batch,
    utterances: Sequence[Sequence[Span]],
    posteriors: Sequence[StatePosteriors],
) -> list[NDArray[np.int32]]:
    """Words of the frames: those of the path through an utterance's words that is in the aligned states most often."""
    graphs = [spans[0].graph for spans in utterances]
    emissions = [_agreeing(model, spans[0].stop, each) for spans, each in zip(utterances, posteriors, strict=True)]
    paths = viterbi([graph for graph in graphs if graph is not None], emissions, transitions)
    found = []
    for name, graph, path in zip(batch.names, graphs, paths, strict=True):
        if graph is None or path is None:
            raise DataError(f"utterance {name}: found an alignment of fewer frames than its words have states")
        found.append(graph.word[path].astype(np.int32))
    return found


def _agreeing(model: PhoneHMM, length: int, posteriors: StatePosteriors) -> NDArray[np.float32]:
    """Emissions that are best where a path is in the states of an alignment; all alike in frames that it lacks."""
    frame, state = best_states(posteriors)
    emissions = np.zeros((length, model.num_states), np.float32)
    emissions[frame] = DISAGREEMENT
    emissions[frame, state] = 0
    return emissions


def phone_contexts(
    model: PhoneHMM, posteriors: StatePosteriors, word: NDArray[np.int32] | None = None
) -> FrameContexts:
    """Find what stands beside the phone of each frame; with the frames' words, phones of other words are silence."""
    frame, state = best_states(posteriors)
    word = np.zeros(len(frame), np.int32) if word is None else word[frame]
    root, phone = model.position_of_state[state], model.phone_of_state[state]
    follows = (np.diff(frame) == 1) & (np.diff(word) == 0)
    same = follows & (np.diff(phone) == 0) & (np.diff(root) >= 0)  # a phone that is said twice begins anew
    start = np.concatenate([[True], ~same]) if len(frame) else np.empty(0, np.bool_)
    segment = np.cumsum(start) - 1
    names = phone[start]
    silence = model.phone_index[model.silence]
    joined = follows[np.flatnonzero(start)[1:] - 1]
    left, right = np.full(len(names), silence), np.full(len(names), silence)
    left[1:][joined] = names[:-1][joined]
    right[:-1][joined] = names[1:][joined]
    stays = np.append(same & (np.diff(root) == 0), False)[: len(frame)]
    return FrameContexts(frame, root, left[segment], right[segment], stays)


def _summed(
    key: NDArray[np.intp], moments: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sums of rows that have the same key, by rising key."""
    order = np.argsort(key, kind="stable")
    keys, starts = np.unique(key[order], return_index=True)
    n, sum_x, sum_xx = (np.add.reduceat(each[order], starts, axis=0) for each in moments)
    return keys, n, sum_x, sum_xx
