"""N-gram language models of words, and their estimation by Kneser-Ney smoothing.

An n-gram backs off: a word that was not seen after a history has its probability after the history without its first
word, times a backoff weight of the longer history.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gmmspeech.arguments import check, checked, told, whole
from gmmspeech.errors import ConfigError, DataError, shown
from gmmspeech.files.text import is_field

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
RESERVED = frozenset({START, END})
HIGHEST = 9  # order: what stands in for a wrong number

Words = tuple[str, ...]
_FALLBACK = (0.5, 1.0, 1.5)  # discounts where there are too few counts to estimate them, those of KenLM


@dataclass(frozen=True)
class NGram:
    """N-gram language model with backoff weights.

    Parameters
    ----------
    log_probabilities : tuple of dict
        For each order from 1: natural logarithm of the probability of an n-gram's last word after the others.
    backoffs : tuple of dict
        For each order from 1 except the highest: natural logarithm of the backoff weight of an n-gram as history; 0 for
        n-grams that are missing.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> bigram = gs.phones.train_ngram([["yes"], ["yes"], ["no"]], order=2)
    >>> bigram.order, bigram.words
    (2, ['no', 'yes'])
    >>> bigram.log_probability("yes", ["<s>"]) > bigram.log_probability("no", ["<s>"])
    True
    """

    log_probabilities: tuple[Mapping[Words, float], ...]
    backoffs: tuple[Mapping[Words, float], ...]

    @property
    def order(self) -> int:
        """Number of words in the longest n-grams."""
        return len(self.log_probabilities)

    @property
    def words(self) -> list[str]:
        """All words, sorted, without the symbols for sentence start, sentence end and unknown words."""
        return sorted(w for (w,) in self.log_probabilities[0] if w not in RESERVED and not is_unknown(w))

    def without(self, words: Iterable[str]) -> NGram:
        """Return the model without some words and all n-grams with them; their probability is lost."""
        gone = set(words)

        def kept(found: Mapping[Words, float]) -> dict[Words, float]:
            return {gram: value for gram, value in found.items() if gone.isdisjoint(gram)}

        return NGram(tuple(map(kept, self.log_probabilities)), tuple(map(kept, self.backoffs)))

    @property
    def counts(self) -> list[int]:
        """Number of n-grams of each order."""
        return [len(of_order) for of_order in self.log_probabilities]

    def log_probability(self, word: str, history: Sequence[str]) -> float:
        """Natural logarithm of the probability of a word after others; minus infinity for an unknown one.

        Parameters
        ----------
        word : str
            ``</s>`` for the end of the sentence.
        history : sequence of str
            Words before it, starting with ``<s>`` at the beginning of a sentence; the last ``order - 1`` count.
        """
        before = tuple(history)[max(0, len(history) - self.order + 1) :]
        weight = 0.0
        for start in range(len(before) + 1):
            kept = before[start:]
            found = self.log_probabilities[len(kept)].get((*kept, word))
            if found is not None:
                return weight + found
            if kept:
                weight += self.backoffs[len(kept) - 1].get(kept, 0.0)
        return -math.inf

    def perplexity(self, sentences: Iterable[Sequence[str]]) -> float:
        """Perplexity of sentences, including their ends; infinite if a word is unknown."""
        total, count = 0.0, 0
        for sentence in sentences:
            path = [START, *sentence, END]
            total += sum(self.log_probability(word, path[:i]) for i, word in enumerate(path) if i)
            count += len(path) - 1
        if not count:
            raise DataError("perplexity: found no sentence, expected one or more")
        return math.exp(-total / count) if total > -math.inf else math.inf


def is_unknown(word: str) -> bool:
    """Say whether a word of an n-gram stands for all words that it lacks."""
    return word.lower() == UNKNOWN


@checked
def train_ngram(sentences: Iterable[Sequence[str]], *, order: int = 3, words: Iterable[str] = ()) -> NGram:
    """Train an n-gram on sentences by interpolated Kneser-Ney smoothing with three discounts per order.

    The method is Chen and Goodman's modified one (Computer Speech and Language 13, 1999). The longest n-grams have
    their counts, a shorter one the number of words that it was seen after. From each, a discount for counts of one,
    two, and more is subtracted and redistributed by the shorter history; for single words, uniformly over all words.

    Parameters
    ----------
    sentences : iterable of sequences of str
        Words without symbols for start and end.
    order : int
        Number of words in the longest n-grams, 1 to 9.
    words : iterable of str
        Further words, which the sentences may lack.

    Returns
    -------
    NGram

    Raises
    ------
    DataError
        No words; a word that is a reserved symbol, or contains a blank.
    ConfigError
        `sentences` is not a list of lists of words; an order that is out of range.

    Examples
    --------
    >>> import math, gmmspeech as gs
    >>> trigram = gs.phones.train_ngram([["one", "two"], ["two", "one"], ["one"]], words=["three"])
    >>> trigram.counts
    [5, 6, 5]
    >>> round(sum(math.exp(trigram.log_probability(w, ["one"])) for w in [*trigram.words, "</s>"]), 6)
    1.0
    """
    check(whole(1, HIGHEST), order=order)
    longest, vocabulary = _counted(_listed("sentences", sentences, _is_sentence, "lists of words"), order)
    vocabulary |= dict.fromkeys(_listed("words", words, _is_word, "words"))
    for word in vocabulary:
        if word in RESERVED or is_unknown(word) or not is_field(word):
            raise DataError(f"n-gram: found word {shown(word)}, expected a word without blanks, and none of its marks")
    if not vocabulary or not longest:
        raise DataError("n-gram: found no words, expected sentences of words")
    uniform = 1 / (len(vocabulary) + 1)
    probabilities: list[dict[Words, float]] = []
    backoffs: list[dict[Words, float]] = []
    for counts in _adjusted(longest, order):
        discount = _discounts(counts)
        totals: Counter[Words] = Counter()
        saved: dict[Words, float] = defaultdict(float)
        for gram, count in counts.items():
            totals[gram[:-1]] += count
            saved[gram[:-1]] += discount[min(count, 3) - 1]
        shared = {history: saved[history] / totals[history] for history in totals}
        found = {}
        for gram, count in counts.items():
            own = (count - discount[min(count, 3) - 1]) / totals[gram[:-1]]
            found[gram] = own + shared[gram[:-1]] * (probabilities[-1][gram[1:]] if probabilities else uniform)
        if probabilities:
            backoffs.append(shared)
        else:
            found = {**dict.fromkeys(((word,) for word in vocabulary), shared[()] * uniform), **found}
        probabilities.append(found)
    probabilities[0][(START,)] = 0.0
    return NGram(
        tuple({gram: _log(found[gram]) for gram in sorted(found)} for found in probabilities),
        tuple({history: _log(weight) for history, weight in found.items()} for found in backoffs),
    )


def _listed(name: str, values: Iterable[Any], allowed: Callable[[object], bool], expected: str) -> list[Any]:
    """Values in a list, or an error that names the first that is not as expected."""
    bare = getattr(values, "shape", None) == ()
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable) or bare:
        raise ConfigError(f"{name}: found {told(values)}, expected {expected}")
    listed = list(values)
    for value in listed:
        if not allowed(value):
            raise ConfigError(f"{name}: found {told(value)} among them, expected {expected}")
    return listed


def _is_word(value: object) -> bool:
    return isinstance(value, str)


def _is_sentence(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_word, value))


def _counted(sentences: Iterable[Sequence[str]], order: int) -> tuple[Counter[Words], dict[str, None]]:
    """Counts of the longest n-grams, those at the start of sentences being shorter, and the words in them."""
    counts, vocabulary = Counter[Words](), dict[str, None]()
    for sentence in sentences:
        vocabulary |= dict.fromkeys(sentence)
        path = (START, *sentence, END)
        counts.update(path[max(0, i - order + 1) : i + 1] for i in range(1, len(path)))
    return counts, vocabulary


def _adjusted(longest: Counter[Words], order: int) -> list[Counter[Words]]:
    """Counts by order: those of the longest and at the start of sentences, else how many words come before them."""
    by_order: list[Counter[Words]] = [Counter() for _ in range(order)]
    for gram, count in longest.items():
        by_order[len(gram) - 1][gram] += count
    for longer, shorter in itertools.pairwise(reversed(by_order)):
        shorter.update(gram[1:] for gram in longer)
    return by_order


def _discounts(counts: Counter[Words]) -> tuple[float, float, float]:
    """Chen and Goodman's discounts of counts of one, two and more, from how many n-grams have one to four."""
    seen = Counter(counts.values())
    n1, n2, n3, n4 = (seen[i] for i in range(1, 5))
    if not (n1 and n2 and n3):
        return _FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 < d <= i for i, d in enumerate(found, 1)) else _FALLBACK


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
