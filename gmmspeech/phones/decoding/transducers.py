"""Transducers of an n-gram and of a dictionary, as lists of arcs, from which OpenFst (kaldifst) builds graphs.

An arc leads from one state to another, with an input label, an output label, and a cost in nats; label 0 is empty.
State 0 is the start. Phones have labels from 1 up, two each: one within a word, one at the beginning of a word. They
are followed by disambiguation symbols, which keep homophones apart: the first is read when the n-gram backs off, the
others at the ends of words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from gmmspeech.errors import ConfigError
from gmmspeech.phones.hmm.graph import Pronunciations, log_probabilities
from gmmspeech.phones.labels.ngram import END, START, NGram, Words

NONE = 0
Arc = tuple[int, int, int, int, float]  # from, to, read, written, cost


@dataclass(frozen=True)
class Arcs:
    """A transducer: its arcs, and what it costs to end in the states where it may end."""

    arcs: list[Arc]
    final: dict[int, float]


def kaldifst() -> ModuleType:
    """Give the library of transducers, or say how it is installed."""
    try:
        import kaldifst
    except ImportError:
        found = "found no kaldifst, which makes graphs of n-grams and dictionaries"
        raise ConfigError(f'lm: {found}, expected it: pip install "gmmspeech[decode]"') from None
    return kaldifst


def compiled(source: Arcs, sorted_by: str) -> Any:
    """Make a transducer of kaldifst, its arcs sorted by "ilabel" or "olabel"."""
    lines = [f"{a} {b} {i} {o} {cost:.7g}" for a, b, i, o, cost in sorted(source.arcs) if cost < math.inf]
    lines += [f"{state} {cost:.7g}" for state, cost in source.final.items() if cost < math.inf]
    made = kaldifst().compile("\n".join([*lines, ""]), keep_state_numbering=True)
    kaldifst().arcsort(made, sorted_by)
    return made


def composed(left: Any, right: Any) -> Any:
    """Compose two transducers, the left one sorted by what it writes; determinize and minimize the result."""
    library = kaldifst()
    library.arcsort(right, "ilabel")
    made = library.StdVectorFst(library.compose(left, right))
    library.determinize_star(made, use_log=True)
    library.minimize_encoded(made)
    return made


def grammar_arcs(ngram: NGram, word_ids: Mapping[str, int], backoff: int, scale: float, penalty: float) -> Arcs:
    """N-gram over words with ids; n-grams with others are left out. Backing off reads `backoff` and writes nothing.

    States are the histories that an n-gram goes on from.
    """
    histories = {gram[:-1] for found in ngram.log_probabilities[1:] for gram in found} | {()}
    start = (START,) if (START,) in histories else ()
    ids = {history: i for i, history in enumerate([start, *sorted(histories - {start})])}
    shortened = {history: _state_of(history[1:], ngram, ids) for history in ids if history}
    arcs: list[Arc] = []
    final: dict[int, float] = {}
    for found in ngram.log_probabilities:
        for gram, log_probability in found.items():
            source = ids[gram[:-1]]
            if gram[-1] == END:
                final[source] = -scale * log_probability
            elif gram[-1] in word_ids and all(word in word_ids or word == START for word in gram[:-1]):
                word = word_ids[gram[-1]]
                target, weight = _state_of(gram, ngram, ids)
                arcs.append((source, target, word, word, -scale * (log_probability + weight) + penalty))
    for history, (target, weight) in shortened.items():
        own = ngram.backoffs[len(history) - 1].get(history, 0.0)
        arcs.append((ids[history], target, backoff, NONE, -scale * (own + weight)))
    return Arcs(arcs, final)


def _state_of(words: Words, ngram: NGram, ids: Mapping[Words, int]) -> tuple[int, float]:
    """State of the longest end of words that is one, and the weight with which those longer back off."""
    weight = 0.0
    while words not in ids:
        weight += ngram.backoffs[len(words) - 1].get(words, 0.0) if len(words) < ngram.order else 0.0
        words = words[1:]
    return ids[words], weight


def lexicon_arcs(
    entries: Pronunciations, phone_index: Mapping[str, int], silence: str, silence_probability: float
) -> tuple[Arcs, list[int]]:
    """Any number of words, with silence before, between and after them where there may be some; and the marks."""
    first = 2 * len(phone_index) + 1
    silent, spoken = -math.log(silence_probability), -math.log1p(-silence_probability)
    variants = [
        (number, tuple(phones), -p)
        for number, each in enumerate(entries.values(), 1)
        for phones, p in zip(each, log_probabilities(each), strict=True)
    ]
    needed = Counter(phones for _, phones, _ in variants)
    begun = {phones[:length] for phones in needed for length in range(1, len(phones))}
    given: Counter[Words] = Counter()
    # a loop of words, silence before the next, and what follows silence
    loop, pause, after = 1, 2, 3
    arcs: list[Arc] = [(0, loop, NONE, NONE, spoken), (0, pause, NONE, NONE, silent)]
    arcs.append((loop, loop, first, len(entries) + 1, 0.0))
    states = after + 1
    for number, phones, cost in variants:
        source, written = loop, number
        labels = [2 * phone_index[phone] + 1 for phone in phones]
        labels[0] += 1
        if needed[phones] > 1 or phones in begun:
            given[phones] += 1
            labels.append(first + given[phones])
        for label in labels[:-1]:
            arcs.append((source, states, label, written, cost))
            source, written, cost, states = states, NONE, 0.0, states + 1
        arcs.append((source, loop, labels[-1], written, cost + spoken))
        arcs.append((source, pause, labels[-1], written, cost + silent))
    last = first + max(given.values(), default=0) + 1
    arcs += [(pause, after, 2 * phone_index[silence] + 1, NONE, 0.0), (after, loop, last, NONE, 0.0)]
    return Arcs(arcs, {loop: 0.0}), list(range(first, last + 1))
