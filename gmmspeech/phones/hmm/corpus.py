"""Training data of phone HMMs: a corpus of utterances, cut into spans with known words or phones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.checks import all_finite, as_matrix
from gmmspeech.errors import DataError, GmmSpeechWarning, ModelError, all_of, counted, first_of, text_or_type
from gmmspeech.phones.hmm.batches import batches
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.graph import (
    Pronunciations,
    StateGraph,
    phone_sequence_graph,
    pronunciations,
    told_too_few,
    utterance_graph,
)
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.workers import Workers

Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Span:
    """Frames of an utterance and what may be said in them; no graph where it is too short for one."""

    start: int
    stop: int
    graph: StateGraph | None
    states: NDArray[np.intp]  # one after the other, for an equal alignment
    of_words: bool = False  # a whole utterance's, not those of a phone whose times are known


class Corpus:
    """The utterances to be trained on: their frames, read when needed, and what may be said in them.

    Attributes
    ----------
    mean, variance : ndarray, shape (D,), float64
        Of all frames.
    spans : dict of str to list of Span
        Of the utterances that are not bad, once `set_spans` has made them.
    batches : list of list of str
        Those utterances, longest first, in groups.
    pool : Workers
        Who works on the batches.
    """

    def __init__(
        self, frames: Mapping[str, NDArray], names: Sequence[str], skip_bad: bool, pool: Workers | None = None
    ) -> None:
        if not names:
            raise DataError("found no utterance with both frames and a transcript, expected one or more")
        self.frames, self.skip_bad, self.pool = frames, skip_bad, pool or Workers()
        self.batches: list[list[str]] = []
        self.lengths: dict[str, int] = {}
        self.spans: dict[str, list[Span]] = {}
        self.bad: dict[str, str] = {}
        total, squares, dim = 0.0, 0.0, None
        center = np.zeros(1)
        for name in names:
            try:
                x = as_matrix(frames[name]).astype(np.float64, copy=False)
            except (ValueError, MemoryError) as error:  # a FeatureError is one
                self._reject(name, DataError(text_or_type(error)))
                continue
            dim = dim or x.shape[1]
            if x.shape[1] != dim:
                self._reject(name, DataError(f"found frames of shape {x.shape}, expected (frames, {dim})"))
            elif not all_finite(x):
                self._reject(name, DataError("found NaN or infinity in its frames, expected finite numbers"))
            else:
                if len(x) and not any(self.lengths.values()):
                    center = x.mean(axis=0)  # about which no digit of the variance is lost
                self.lengths[name] = len(x)
                total, squares = total + (x - center).sum(axis=0), squares + ((x - center) ** 2).sum(axis=0)
        self._check_any(self.lengths)
        count = max(sum(self.lengths.values()), 1)
        mean = np.asarray(total / count)
        variance = np.asarray(squares / count) - mean**2
        self.mean: NDArray[np.float64] = center + mean
        self.variance = np.where(variance > 1e-30 * self.mean**2, variance, 1.0)

    def first_model(self, phones: Sequence[str], num_states: int, silence: str) -> PhoneHMM:
        """Phones that are all alike."""
        return PhoneHMM.from_phones(
            phones,
            mean=self.mean,
            variance=self.variance,
            num_states=num_states,
            silence=silence,
            front_end=getattr(self.frames, "front_end", None),
        )

    def set_spans(self, spans_of: Callable[[str, int], list[Span]]) -> None:
        """Cut the utterances; those that can't be are bad."""
        for name, length in self.lengths.items():
            try:
                spans = spans_of(name, length)
                if not spans:
                    raise DataError("found no frames with a label, expected some")
            except (DataError, ModelError) as error:
                self._reject(name, error)
            else:
                self.spans[name] = spans
        self._check_any(self.spans)
        if self.bad:
            warnings.warn(f"skipped {counted(len(self.bad), 'utterance')}; {self._told_bad()}", GmmSpeechWarning)
        names = sorted(self.spans, key=lambda name: (-self.lengths[name], name))
        groups = list(batches((name, self.lengths[name]) for name in names))
        if groups != self.batches:
            self.batches, self._frames_column = groups, self.pool.batches(self.frames, groups)
        self._spans_column: Sequence[Any] = ()

    def _reject(self, name: str, error: DataError | ModelError) -> None:
        if not self.skip_bad:
            raise type(error)(f"utterance {name}: {error}") from None
        self.bad[name] = str(error)

    def _check_any(self, good: Mapping[str, object]) -> None:
        if not good:
            raise DataError(f"{all_of(len(self.bad), 'utterance')} bad; {self._told_bad()}")

    def _told_bad(self) -> str:
        return first_of({name: f"utterance {name}: {reason}" for name, reason in self.bad.items()})

    def map(self, function: Callable[..., list[Found]], *columns: Mapping[str, Any]) -> dict[str, Found]:
        """Give what a function gives for each utterance of a `Batch`, its spans and more of it."""
        if not self._spans_column:
            self._spans_column = self.pool.keep(self._in_batches(self.spans))
        more = map(self._in_batches, columns)
        results = self.pool.map(function, self._frames_column, self._spans_column, *more)
        pairs = zip(self.batches, results, strict=True)
        return {name: found for batch, aligned in pairs for name, found in zip(batch, aligned, strict=True)}

    def sum(self, function: Callable[..., Found], column: Mapping[str, Any]) -> Found:
        """Sum what a function gives for each `Batch` and what else is given of its utterances."""
        return self.pool.sum(function, self._frames_column, self._in_batches(column))

    def _in_batches(self, values: Mapping[str, Any]) -> list[list[Any]]:
        return [[values[name] for name in batch] for batch in self.batches]


def words_span(
    model: PhoneHMM, words: Sequence[str], dictionary: Pronunciations, length: int, silence_probability: float
) -> Span:
    """Make one span of a whole utterance, whose words are known."""
    variants = [pronunciations(dictionary, word) for word in words]
    first, shortest = [choice[0] for choice in variants], [min(choice, key=len) for choice in variants]
    framed = [[model.silence], *first, [model.silence]]
    graph = utterance_graph(model, words, dictionary, silence_probability=silence_probability)
    for said in ([framed] if silence_probability > 0 else []) + [first, shortest]:
        states = _states_of_words(model, said or [[model.silence]])
        if len(states) <= length:
            return Span(0, length, graph, states, of_words=True)
    raise DataError(told_too_few(length, len(states)))


def _states_of_words(model: PhoneHMM, words: Sequence[Sequence[str]]) -> NDArray[np.intp]:
    """States that the phones of words go through."""
    apart = model.tree is not None and model.tree.word_internal
    parts = words if apart else [[phone for phones in words for phone in phones]]
    return np.concatenate([states for phones in parts for states in model.states_of(phones)])


def phone_span(model: PhoneHMM, phone: str, start: int, stop: int) -> Span:
    """Make a span of one phone."""
    (states,) = model.states_of([phone])
    graph = phone_sequence_graph(model, [phone]) if stop - start >= len(states) else None
    return Span(start, stop, graph, states)


def equal_states(span: Span) -> NDArray[np.intp]:
    """Each state as many frames as the others; where frames are fewer than states, some are left out."""
    return evenly(span.states, span.stop - span.start)


def evenly(states: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """States one after the other, for as many frames each."""
    return states[((np.arange(length) + 0.5) * len(states) / max(length, 1)).astype(np.intp)]


def equal_alignment(model: PhoneHMM, spans: Sequence[Span]) -> StatePosteriors:
    """Share the frames of each span equally among its states."""
    return joined([path_posteriors(model, equal_states(p)) for p in spans], [p.start for p in spans])


def path_posteriors(
    model: PhoneHMM, states: NDArray[np.intp], emissions: NDArray[np.float32] | None = None
) -> StatePosteriors:
    """States of the frames along a path, each with certainty."""
    stayed = states[:-1][states[1:] == states[:-1]]
    frame = np.arange(len(states))
    return StatePosteriors(
        frame=frame,
        state=states,
        weight=np.ones(len(states)),
        stays=np.bincount(stayed, minlength=model.num_states).astype(np.float64),
        log_likelihood=0.0 if emissions is None else float(emissions[frame, states].sum(dtype=np.float64)),
    )


def joined(parts: Sequence[StatePosteriors], starts: Sequence[int]) -> StatePosteriors:
    """Posteriors of an utterance from those of its spans."""
    if len(parts) == 1 and starts[0] == 0:
        return parts[0]
    return StatePosteriors(
        frame=np.concatenate([p.frame + start for p, start in zip(parts, starts, strict=True)]),
        state=np.concatenate([p.state for p in parts]),
        weight=np.concatenate([p.weight for p in parts]),
        stays=np.sum([p.stays for p in parts], axis=0),
        log_likelihood=sum(p.log_likelihood for p in parts),
    )
