"""Statistics of phones between their neighbors, from an alignment: what trees of contexts are grown on."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.forward_backward import StatePosteriors, best_states
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.spans import Corpus
from gmmspeech.phones.hmm.workers import Batch


@dataclass(frozen=True)
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


def context_statistics(corpus: Corpus, model: PhoneHMM, posteriors: Mapping[str, StatePosteriors]) -> ContextStats:
    """Statistics of a corpus; differences are those from the mean of its frames."""
    return corpus.sum(functools.partial(_of_batch, model, corpus.mean), posteriors)


def _of_batch(
    model: PhoneHMM, mean: NDArray[np.float64], batch: Batch, posteriors: Sequence[StatePosteriors]
) -> ContextStats:
    keys, frames = [], []
    for x, posterior in zip(batch.read(), posteriors, strict=True):
        known = phone_contexts(model, posterior)
        keys.append((known.root * len(model.phones) + known.left) * len(model.phones) + known.right)
        frames.append(x[known.frame] - mean)
    rows = np.concatenate(frames)
    moments = [np.ones(len(rows)), rows, rows**2]
    return ContextStats(*_summed(np.concatenate(keys), moments), len(model.phones))


@dataclass(frozen=True)
class FrameContexts:
    """Of the frames of an utterance: the most probable position, and the phones beside it; shape (M,) each.

    Attributes
    ----------
    frame : ndarray of int
    root : ndarray of int
        Position, counted through all phones.
    left, right : ndarray of int
        Phones before and behind; silence at the ends of what was aligned.
    stays : ndarray of bool
        Whether the next frame is in the same position of the same phone.
    """

    frame: NDArray[np.intp]
    root: NDArray[np.intp]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    stays: NDArray[np.bool_]


def phone_contexts(model: PhoneHMM, posteriors: StatePosteriors) -> FrameContexts:
    """Find what stands beside the phone of each frame."""
    frame, state = best_states(posteriors)
    root, phone = model.position_of_state[state], model.phone_of_state[state]
    follows = np.diff(frame) == 1
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
