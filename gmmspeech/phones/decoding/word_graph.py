"""Decoding graphs for words: an n-gram and a dictionary, as states of a model.

A graph is built like Kaldi's HCLG (Mohri, Pereira and Riley, 2008), from parts that are composed, determinized and
minimized: G, the n-gram, whose states are histories and which backs off by arcs; L, the dictionary, with optional
silence between words; C, the context of each phone; and H, the states of a phone in context. A model of monophones
needs no C.

Labels of the final graph give more than the emitting state: whether a phone begins a word, and whether the state was
entered or stayed in. Therefore times of phones and words can be read off a path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check, checked, real
from gmmspeech.errors import ConfigError, DataError, counted, shown
from gmmspeech.phones.decoding.transducers import (
    NONE,
    Arc,
    Arcs,
    compiled,
    composed,
    grammar_arcs,
    kaldifst,
    lexicon_arcs,
)
from gmmspeech.phones.hmm.graph import Pronunciations, pronunciations
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.topology import Way
from gmmspeech.phones.labels.dictionary import as_probable
from gmmspeech.phones.labels.ngram import RESERVED, NGram, is_unknown
from gmmspeech.phones.labels.word_positions import has_positions, with_positions

MOST = 1000.0  # of a scale, and nats of a penalty

Expand = Callable[[str, str, str], Sequence[int]]
"""States of a phone, given the phones before and after it, silence beyond the ends of an utterance."""

Window = tuple[int, int, int]  # labels of a phone's left neighbor, of itself, and of its right one; 0 for none


@dataclass(frozen=True, eq=False)
class WordGraph:
    """What may be said, as a transducer from states to words.

    Parameters
    ----------
    fst : kaldifst.StdConstFst
        From labels to words, both counted from 1, with costs in nats; 0 is none.
    words : tuple of str
        Word 1 and up.
    state : ndarray of int, shape (L,)
        State of the model that label 1 and up emits.
    phone : ndarray of int, shape (L,)
        Index of the phone that it belongs to, in the model's.
    enters_phone, enters_word : ndarray of bool, shape (L,)
        Whether the label's frame is the first of the phone, and of a word.
    is_pause : ndarray of bool, shape (L,)
        Whether the label is of silence between words.
    """

    fst: Any
    words: tuple[str, ...]
    state: NDArray[np.intp]
    phone: NDArray[np.intp]
    enters_phone: NDArray[np.bool_]
    enters_word: NDArray[np.bool_]
    is_pause: NDArray[np.bool_]


@checked
def word_graph(
    model: PhoneHMM,
    ngram: NGram,
    dictionary: Pronunciations,
    *,
    lm_scale: float = 1.0,
    word_insertion_penalty: float = 0.0,
    silence_probability: float = 0.5,
    self_loop_scale: float = 0.1,
    expand: Expand | None = None,
) -> WordGraph:
    """Build the decoding graph of an n-gram.

    Parameters
    ----------
    model : PhoneHMM
    ngram : NGram
        Its word for unknown words is left out if the dictionary lacks it.
    dictionary : mapping
        Pronunciations of each word, equally likely unless the dictionary gives their probabilities.
    lm_scale : float
        Factor of the n-gram's log probabilities.
    word_insertion_penalty : float
        Cost of each word in nats.
    silence_probability : float
        Probability of silence before, between and after words.
    self_loop_scale : float
        Factor of the log probabilities of staying in a state and of leaving it; Kaldi's 0.1 suits its acoustic scale
        of 0.1.
    expand : callable, optional
        Returns the states of a phone between two others, also across words; by default those of the model.

    Returns
    -------
    WordGraph

    Raises
    ------
    DataError
        Words that the dictionary lacks, with their number; phones that the model lacks; an n-gram without words.
    ConfigError
        kaldifst is not installed; an invalid option.

    Examples
    --------
    >>> from gmmspeech.phones.labels.ngram import train_ngram
    >>> model = PhoneHMM.from_phones(["SIL", "AA", "IY"], mean=[0.0], variance=[1.0])
    >>> graph = word_graph(model, train_ngram([["AH"], ["EE"]], order=2), {"AH": [["AA"]], "EE": [["IY"]]})
    >>> graph.words
    ('AH', 'EE')
    """
    if not 0 < silence_probability < 1:
        raise ConfigError(f"silence_probability: found {silence_probability}, expected it between 0 and 1")
    # costs beyond what float32 holds would have no end in determinization
    check(real(least=0, most=MOST), lm_scale=lm_scale, self_loop_scale=self_loop_scale)
    check(real(least=-MOST, most=MOST), word_insertion_penalty=word_insertion_penalty)
    library = kaldifst()
    entries = ngram_entries(ngram, dictionary, model)
    lexicon, marks = lexicon_arcs(entries, model.phone_index, model.silence, silence_probability)
    ids = {word: i for i, word in enumerate(entries, 1)}
    grammar = grammar_arcs(ngram, ids, len(ids) + 1, lm_scale, word_insertion_penalty)
    graph = composed(compiled(lexicon, "olabel"), compiled(grammar, "ilabel"))
    expand = expand or expansion(model)
    if expand is None:
        windows = {label: (0, label, 0) for label in range(1, marks[0])}
    else:
        graph, listed = library.compose_context(marks, 3, 1, graph)
        windows = {i: (each[0], each[1], each[2]) for i, each in enumerate(listed) if len(each) == 3}
        marks = [i for i, each in enumerate(listed) if len(each) == 1]
    states = _States(model, expand or (lambda phone, *_: model.states(phone).tolist()))
    hmms = states.transducer(windows, marks, self_loop_scale)
    graph = composed(compiled(hmms, "olabel"), graph)
    graph = library.compose(compiled(_without_marks(len(states.labels), len(marks)), "olabel"), graph)
    table = np.array(states.labels, dtype=np.intp)
    flags = (column.astype(np.bool_) for column in table[:, 3:].T)
    return WordGraph(library.StdConstFst(graph), tuple(ids), table[:, 0], table[:, 1], *flags)


def expansion(model: PhoneHMM) -> Expand | None:
    """States of phones between others, of a model whose states depend on these; None where they don't."""
    tree = model.tree
    if tree is None:
        return None
    index = model.phone_index
    return lambda *phones: tree.states(index[phones[0]], index[phones[1]], index[phones[2]]).tolist()


def ngram_entries(ngram: NGram, dictionary: Pronunciations, model: PhoneHMM) -> dict[str, list[tuple[str, ...]]]:
    """Pronunciations of the words of an n-gram, all of which a dictionary and a model are to have."""
    entries: dict[str, list[tuple[str, ...]]] = {}
    for (word,) in ngram.log_probabilities[0]:
        if is_unknown(word) and not pronunciations(dictionary, word, optional=True):
            continue
        if word not in RESERVED:
            entries[word] = [as_probable(phones, phones) for phones in pronunciations(dictionary, word, optional=True)]
    check_words_known(ngram, [word for word, variants in entries.items() if not variants or not all(variants)])
    if not entries:
        raise DataError("n-gram: found no words, expected one or more beside the marks of a sentence")
    if has_positions(model.phones):
        entries = with_positions(entries, model.phones)
    check_phones_known(entries, model)
    return entries


def check_phones_known(entries: Pronunciations, model: PhoneHMM) -> None:
    """Raise a `DataError` for phones of pronunciations that a model lacks, counted."""
    lacking = Counter(p for each in entries.values() for phones in each for p in set(phones) - set(model.phones))
    if lacking:
        listed = ", ".join(f"{phone} ({counted(count, 'pronunciation')})" for phone, count in lacking.most_common())
        expected = f"a dictionary in the phones of the model: {shown(' '.join(model.phones), 300)}"
        raise DataError(f"dictionary: found phones that the model lacks: {shown(listed, 300)}; expected {expected}")


def check_words_known(ngram: NGram, lacking: Sequence[str], owner: str = "n-gram") -> None:
    """Raise a `DataError` for words of an n-gram that a dictionary lacks, counted, with what may be done."""
    if lacking:
        wanted = set(lacking)
        grams = sum(not wanted.isdisjoint(gram) for found in ngram.log_probabilities for gram in found)
        found = f"found {len(lacking)} of {counted(len(ngram.words), 'word')} without a pronunciation"
        listed = f"{shown(', '.join(sorted(lacking)), 300)}; in {grams} of {sum(ngram.counts)} n-grams"
        expected = "all in the dictionary: add them, or unknown_words g2p or skip"
        raise DataError(f"{owner}: {found} ({listed}), expected {expected}")


class _States:
    """Collects the labels of states, and the chains of them that phones are between others."""

    def __init__(self, model: PhoneHMM, expand: Expand) -> None:
        self.model, self.expand = model, expand
        self.labels: list[tuple[int, ...]] = []  # state, phone, whether it is entered, and the flags of WordGraph
        self._known: dict[tuple[int, ...], int] = {}

    def transducer(self, windows: Mapping[int, Window], marks: Iterable[int], scale: float) -> Arcs:
        """Make H: chains of states that write the labels of phones between others; marks are passed on."""
        stay, leave = -scale * np.log(self.model.self_loop), -scale * np.log1p(-self.model.self_loop)
        arcs: list[Arc] = []
        chains: dict[tuple[int, ...], int] = {}  # label of a phone and its states, to the state after the first
        count = 1
        for written, window in windows.items():
            chain = (window[1], *self._states_of(window))
            entered = [self._label(chain[0], state, True, place == 0) for place, state in enumerate(chain[1:])]
            if chain not in chains:
                chains[chain] = count
                for place, target, p in self._ways(chain[1:]):
                    if target == len(entered):
                        arcs.append((count + place, 0, NONE, NONE, -p))
                    else:
                        cost = leave[chain[1 + target]] - p
                        arcs.append((count + place, count + target, entered[target], NONE, cost))
                for place, state in enumerate(chain[1:]):
                    arcs.append((count, count, self._label(chain[0], state, False, place == 0), NONE, stay[state]))
                    count += 1
            arcs.append((0, chains[chain], entered[0], written, leave[chain[1]]))
        beyond = len(self.labels) + 1
        arcs += [(0, 0, beyond + i, mark, 0.0) for i, mark in enumerate(marks)]
        return Arcs(arcs, {0: 0.0})

    def _ways(self, states: Sequence[int]) -> list[Way]:
        """Ways between the states of a phone, and out of them."""
        topology = self.model.topology
        return [(i, i + 1, 0.0) for i in range(len(states))] if topology is None else topology.ways(states)

    def _states_of(self, window: Window) -> tuple[int, ...]:
        """States of a phone between two others."""
        if self.model.tree is not None and self.model.tree.word_internal:
            left, center, right = window
            alone = _begins_word(center) or self._is_pause(center)
            window = (0 if alone else left, center, 0 if _begins_word(right) else right)
        before, phone, behind = (self.model.phones[(x - 1) // 2] if x else self.model.silence for x in window)
        return tuple(int(state) for state in self.expand(phone, before, behind))

    def _is_pause(self, label: int) -> bool:
        return label == 2 * self.model.phone_index[self.model.silence] + 1

    def _label(self, phone: int, state: int, enters: bool, is_first: bool) -> int:
        """Label of a frame in a state of a phone, which may be the first there."""
        begins = enters and is_first
        key = (state, (phone - 1) // 2, enters, begins, begins and _begins_word(phone), self._is_pause(phone))
        if key not in self._known:
            self.labels.append(key)
            self._known[key] = len(self.labels)
        return self._known[key]


def _begins_word(label: int) -> bool:
    """Say whether a phone's label is that of the first of a word."""
    return label % 2 == 0


def _without_marks(count: int, marks: int) -> Arcs:
    """Read labels as they are, and nothing where there is a mark."""
    kept: list[Arc] = [(0, 0, label, label, 0.0) for label in range(1, count + 1)]
    return Arcs([*kept, *((0, 0, NONE, count + i, 0.0) for i in range(1, marks + 1))], {0: 0.0})
