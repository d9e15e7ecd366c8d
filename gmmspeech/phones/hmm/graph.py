"""Graphs of HMM states for the allowed words and phones, in alignment and in recognition.

Nodes are numbered so that the states of each phone are consecutive, as are the phones of each pronunciation: most arcs
lead from a node to the next, and are one shift of an array. All other arcs (between words, around a loop) are listed. A
graph contains the states of a model but not their probabilities, so it stays valid during training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError, DataError, counted, shown
from gmmspeech.files.text import look_alike
from gmmspeech.phones.hmm.contexts import Ends, PhoneNet, in_context
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.dictionary import dictionary_key, probability_of

Pronunciations = Mapping[str, Sequence[Sequence[str]]]
"""Word to its pronunciations, each a sequence of phones."""


@dataclass(frozen=True, eq=False)
class StateGraph:
    """Nodes that stand for HMM states, and the arcs between them; arcs from a node to itself are implicit.

    Attributes
    ----------
    state : ndarray of int, shape (N,)
        State of the model that each node stands for.
    chained : ndarray of bool, shape (N,)
        Whether an arc leads to node n from node n - 1.
    source, target : ndarray of int, shape (A,)
        The other arcs, sorted by target.
    weight : ndarray, shape (A,), float64
        Their log probabilities, given that the source is left.
    initial, final : ndarray, shape (N,), float64
        Log probabilities of beginning in a node, and of ending after it.
    phone, word : ndarray of int, shape (N,)
        Indices into the model's phones and into `words`; word -1 is silence between words.
    phone_start, word_start : ndarray of bool, shape (N,)
        Whether the node is the first of a phone, of a word.
    words : tuple of str
        For an utterance, its words in order; for a loop, the vocabulary (phones, in a phone loop).
    """

    state: NDArray[np.intp]
    chained: NDArray[np.bool_]
    source: NDArray[np.intp]
    target: NDArray[np.intp]
    weight: NDArray[np.float64]
    initial: NDArray[np.float64]
    final: NDArray[np.float64]
    phone: NDArray[np.intp]
    word: NDArray[np.intp]
    phone_start: NDArray[np.bool_]
    word_start: NDArray[np.bool_]
    words: tuple[str, ...]

    @property
    def num_nodes(self) -> int:
        """N."""
        return len(self.state)


class _Builder:
    """Collects chains of phones and the arcs between them."""

    def __init__(self, model: PhoneHMM, *, of_words: bool = True) -> None:
        self.model = model
        self.net = PhoneNet([], [], [], [], [], of_words)
        self.words: list[int] = []
        self.starts_word: list[bool] = []

    def chain(self, phones: Sequence[str], word: int) -> tuple[int, int]:
        """Add phones one after the other; give the places of the first and the last."""
        first = len(self.net.phone)
        for i, phone in enumerate(phones):
            if phone not in self.model.phone_index:
                self.model.states(phone)  # an error that names it
            self.net.phone.append(self.model.phone_index[phone])
            self.net.chained.append(i > 0)
            self.words.append(word)
            self.starts_word.append(i == 0 and word >= 0)
        return first, len(self.net.phone) - 1

    def connect(self, exits: Ends, entries: Ends) -> None:
        """Add an arc from every exit to every entry."""
        self.net.arcs.extend((a, b, p + q) for a, p in exits for b, q in entries)

    def build(
        self, initial: Ends, final: Ends, words: Sequence[str], beyond: tuple[int, int] | None = None
    ) -> StateGraph:
        """Make the graph of states of places among the phones; beyond its ends is silence, or phones that are given."""
        net, model = replace(self.net, initial=initial, final=final), self.model
        if model.tree is None:
            origin = list(range(len(net.phone)))
            states = [model.states_of_phone[p] for p in net.phone]
        else:
            silence = model.phone_index[model.silence]
            net, origin, states = in_context(model.tree, net, beyond or (silence, silence))
        lengths = [len(s) for s in states]
        first = np.cumsum([0, *lengths[:-1]]).astype(np.intp)
        last = first + np.array(lengths) - 1
        num_nodes = sum(lengths)
        chained = np.ones(num_nodes, dtype=np.bool_)
        chained[first[~np.array(net.chained)]] = False
        inside, exits = _ways(model, states, first.tolist())
        for place, ways in exits.items():  # which arcs lead to, in place of the chain
            chained[first[place] + 1 : first[place] + lengths[place]] = False
            if place + 1 < len(states) and net.chained[place + 1]:
                chained[first[place + 1]] = False
                inside += [(node, int(first[place + 1]), p) for node, p in ways]
        phone_start, word_start = (np.zeros(num_nodes, dtype=np.bool_) for _ in range(2))
        phone_start[first] = True
        word_start[first] = np.array(self.starts_word)[origin]
        plain = [arc for arc in net.arcs if arc[0] not in exits] if exits else net.arcs
        sources, targets, weights = zip(*plain, strict=True) if plain else ((), (), ())
        source, target = last[np.array(sources, np.intp)], first[np.array(targets, np.intp)]
        if exits:
            inside += [(n, int(first[b]), p + q) for a, b, p in net.arcs if a in exits for n, q in exits[a]]
            more = [np.array(column) for column in zip(*inside, strict=True)]
            source, target, weights = np.append(source, more[0]), np.append(target, more[1]), (*weights, *more[2])
        ends = [(n, p + q) for place, p in net.final for n, q in exits.get(place, [(last[place], 0.0)])]
        order = np.lexsort((source, target))
        return StateGraph(
            state=np.concatenate(states),
            chained=chained,
            source=source[order],
            target=target[order],
            weight=np.array(weights, np.float64)[order],
            initial=_at([(first[place], p) for place, p in net.initial], num_nodes),
            final=_at(ends, num_nodes),
            phone=np.repeat(net.phone, lengths),
            word=np.repeat(np.array(self.words)[origin], lengths),
            phone_start=phone_start,
            word_start=word_start,
            words=tuple(words),
        )


def _ways(
    model: PhoneHMM, states: Sequence[NDArray[np.intp]], first: Sequence[int]
) -> tuple[list[tuple[int, int, float]], dict[int, Ends]]:
    """Arcs between the nodes of places whose states are no chain, and the nodes that lead out of each such place."""
    arcs: list[tuple[int, int, float]] = []
    exits: dict[int, Ends] = {}
    topology = model.topology
    for place, (chain, start) in enumerate(zip(states, first, strict=True)) if topology is not None else ():
        if topology is not None and not topology.is_chain(chain):
            ways = topology.ways(chain)
            arcs += [(start + i, start + j, p) for i, j, p in ways if j < len(chain)]
            exits[place] = [(start + i, p) for i, j, p in ways if j == len(chain)]
    return arcs, exits


def utterance_graph(
    model: PhoneHMM, words: Sequence[str], dictionary: Pronunciations, *, silence_probability: float = 0.5
) -> StateGraph:
    """Words one after the other, each in any of its pronunciations, with silence where there may be some."""
    return word_sequence_graph(model, [[word] for word in words], dictionary, silence_probability=silence_probability)


def phone_sequence_graph(model: PhoneHMM, phones: Sequence[str]) -> StateGraph:
    """Phones one after the other, and nothing else; each is its own word, and beside those next to it."""
    dictionary = {phone: [[phone]] for phone in phones}
    return _sequence_graph(_Builder(model, of_words=False), [[phone] for phone in phones], dictionary, 0.0)


def one_phone_graph(model: PhoneHMM, phones: Sequence[str], beyond: tuple[int, int] | None = None) -> StateGraph:
    """One out of several phones, equally probable, perhaps between two others given by their index."""
    builder = _Builder(model, of_words=False)
    places = [builder.chain([phone], number)[0] for number, phone in enumerate(phones)]
    share = -float(np.log(len(phones)))
    return builder.build([(place, share) for place in places], [(place, 0.0) for place in places], phones, beyond)


def word_sequence_graph(
    model: PhoneHMM, slots: Sequence[Sequence[str]], dictionary: Pronunciations, *, silence_probability: float = 0.5
) -> StateGraph:
    """One word out of each of several lists: a small grammar. One list of all digits takes one digit, isolated.

    Parameters
    ----------
    model : PhoneHMM
    slots : sequence of sequences of str
        Words that may stand in each place, equally probable.
    dictionary, silence_probability
        As for `utterance_graph`.

    Raises
    ------
    DataError
        A word that the dictionary lacks, an empty list, or no word and no silence.
    """
    return _sequence_graph(_Builder(model), slots, dictionary, silence_probability)


def _sequence_graph(
    builder: _Builder, slots: Sequence[Sequence[str]], dictionary: Pronunciations, silence_probability: float
) -> StateGraph:
    silent, spoken = _silence_log_probabilities(silence_probability)
    words = [word for slot in slots for word in slot]
    starts: Ends = []
    exits: Ends = []

    def enter(entries: Ends, at_start: bool) -> None:
        starts.extend(entries) if at_start else builder.connect(exits, entries)

    number = 0
    for place in range(len(slots) + 1):
        at_start = place == 0
        after = [(node, p + spoken) for node, p in exits] if spoken > -np.inf else []
        open_start = at_start and spoken > -np.inf
        if silent > -np.inf:
            first, last = builder.chain([builder.model.silence], -1)
            enter([(first, silent)], at_start)
            after.append((last, 0.0))
        exits = after
        if place == len(slots):
            break
        if not slots[place]:
            raise DataError(f"word {place + 1}: found an empty list, expected the words that may stand there")
        entries: Ends = []
        ends: Ends = []
        for word in slots[place]:
            variants = pronunciations(dictionary, word)
            share = -math.log(len(slots[place]))
            for phones, p in zip(variants, log_probabilities(variants), strict=True):
                first, last = builder.chain(phones, number)
                entries.append((first, share + p))
                ends.append((last, 0.0))
            number += 1
        if open_start:
            starts.extend((node, p + spoken) for node, p in entries)
        builder.connect(exits, entries)
        exits = ends
    if not builder.net.phone:
        raise DataError("found no words and no silence, expected one or the other")
    return builder.build(starts, exits, words)


def word_loop_graph(
    model: PhoneHMM,
    words: Sequence[str],
    dictionary: Pronunciations,
    *,
    silence_probability: float = 0.5,
    insertion_penalty: float = 0.0,
) -> StateGraph:
    """Any number of words of a vocabulary one after the other, for instance connected digits."""
    silent, spoken = _silence_log_probabilities(silence_probability)
    builder = _Builder(model)
    entries: Ends = []
    exits: Ends = []
    for number, word in enumerate(words):
        variants = pronunciations(dictionary, word)
        for phones, p in zip(variants, log_probabilities(variants), strict=True):
            first, last = builder.chain(phones, number)
            entries.append((first, p - np.log(len(words)) - insertion_penalty))
            exits.append((last, 0.0))
    without = [(node, p + spoken) for node, p in entries]
    starts, finals = ([], []) if spoken == -np.inf else (without, [(node, p + spoken) for node, p in exits])
    if spoken > -np.inf:
        builder.connect(exits, without)
    if silent > -np.inf:
        first, last = builder.chain([model.silence], -1)
        builder.connect(exits, [(first, silent)])
        builder.connect([(last, 0.0)], entries)
        starts, finals = [*starts, (first, silent)], [*finals, (last, 0.0)]
    return builder.build(starts, finals, words)


@dataclass(frozen=True, eq=False)
class PhoneBigram:
    """Probability of each phone after each other.

    Attributes
    ----------
    phones : tuple of str
    initial : ndarray, shape (P,), float64
        Log probability to begin an utterance.
    following : ndarray, shape (P, P), float64
        Log probability of phone j (column) after phone i (row).
    final : ndarray, shape (P,), float64
        Log probability to end the utterance after phone i. With it, each row of `following` sums to one.
    """

    phones: tuple[str, ...]
    initial: NDArray[np.float64]
    following: NDArray[np.float64]
    final: NDArray[np.float64]


def train_bigram(sequences: Sequence[Sequence[str]], phones: Sequence[str]) -> PhoneBigram:
    """Phone bigram with Witten and Bell's smoothing (IEEE Trans. Information Theory 37, 1991; method C).

    A phone seen n times with t different successors gives ``t / (n + t)`` of its probability to the unigram, which is
    itself smoothed the same way by the uniform distribution.
    """
    index = {phone: i for i, phone in enumerate(phones)}
    size = len(phones)
    counts = np.zeros((size + 1, size + 1))  # the last stands for the utterance's edge
    for sequence in sequences:
        unknown = [phone for phone in sequence if phone not in index]
        if unknown:
            raise DataError(f"bigram: found phone {unknown[0]}, expected one of {' '.join(phones)}")
        path = [size, *(index[phone] for phone in sequence), size]
        np.add.at(counts, (path[:-1], path[1:]), 1)
    totals = counts.sum(axis=0)
    unigram = _witten_bell(totals, np.full(size + 1, 1 / (size + 1)))
    with np.errstate(divide="ignore"):
        rows = np.log(np.stack([_witten_bell(row, unigram) for row in counts]))
    return PhoneBigram(tuple(phones), rows[size, :size], rows[:size, :size], rows[:size, size])


def phone_loop_graph(model: PhoneHMM, bigram: PhoneBigram, *, insertion_penalty: float = 0.0) -> StateGraph:
    """Any phones one after the other, as a bigram has it."""
    builder = _Builder(model, of_words=False)
    ends = [builder.chain([phone], number) for number, phone in enumerate(bigram.phones)]
    for (_, last), row in zip(ends, bigram.following, strict=True):
        entries = [(first, p - insertion_penalty) for (first, _), p in zip(ends, row, strict=True)]
        builder.connect([(last, 0.0)], [(node, p) for node, p in entries if p > -np.inf])
    starts = [(first, p - insertion_penalty) for (first, _), p in zip(ends, bigram.initial, strict=True)]
    finals = [(last, p) for (_, last), p in zip(ends, bigram.final, strict=True)]
    return builder.build(starts, finals, bigram.phones)


def fewest_frames(graph: StateGraph) -> int:
    """Frames of the shortest path through a graph, with one for each of its nodes; 0 where there is no path at all."""
    reached, seen = np.isfinite(graph.initial), np.zeros(graph.num_nodes, dtype=bool)
    for count in range(1, graph.num_nodes + 1):
        if np.isfinite(graph.final[reached]).any():
            return count
        seen |= reached
        following = np.zeros_like(seen)
        following[1:] = reached[:-1] & graph.chained[1:]
        following[graph.target[reached[graph.source]]] = True
        reached = following & ~seen
    return 0


def too_few_frames(graph: StateGraph, num_frames: int) -> str:
    """Tell that an utterance has fewer frames than any path through its graph."""
    return told_too_few(num_frames, fewest_frames(graph))


def told_too_few(found: int, fewest: int) -> str:
    """Tell that frames are too few for the words that they are said to be."""
    expected = f"at least {fewest}, one for each state of its phones"
    return f"found {counted(found, 'frame')}, too few for what is said, expected {expected}"


def pronunciations(dictionary: Pronunciations, word: str, *, optional: bool = False) -> Sequence[Sequence[str]]:
    """Pronunciations of a word, looked up as it is and then without its case.

    A word without any is a `DataError` that names it, or has none if that is `optional`.
    """
    forms = (form for form in (word, dictionary_key(word), word.upper()) if form in dictionary)
    variants = dictionary.get(next(forms, word), ())
    if not optional and (not variants or not all(len(phones) for phones in variants)):
        expected = f"it in the dictionary{look_alike(word.upper(), dictionary)}"
        raise DataError(f"word {shown(word)}: found no pronunciation, expected {expected}")
    return variants


def log_probabilities(variants: Sequence[Sequence[str]]) -> list[float]:
    """Log probabilities of the pronunciations of a word: equal, or as the dictionary that they are from has them."""
    given = [probability_of(phones) for phones in variants]
    whole = math.log(sum(given) or 1.0)
    return [math.log(p) - whole if p else -math.inf for p in given]


def _silence_log_probabilities(probability: float) -> tuple[float, float]:
    if not 0 <= probability <= 1:
        raise ConfigError(f"silence_probability: found {probability}, expected 0 to 1")
    with np.errstate(divide="ignore"):
        return float(np.log(probability)), float(np.log1p(-probability))


def _at(ends: Ends, size: int) -> NDArray[np.float64]:
    out = np.full(size, -np.inf)
    for node, p in ends:
        out[node] = np.logaddexp(out[node], p)
    return out


def _witten_bell(counts: NDArray[np.float64], backoff: NDArray[np.float64]) -> NDArray[np.float64]:
    kinds = np.count_nonzero(counts)
    return backoff if not kinds else (counts + kinds * backoff) / (counts.sum() + kinds)
