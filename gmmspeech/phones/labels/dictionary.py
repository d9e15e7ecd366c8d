"""Pronunciation dictionaries: words in upper case, each with one or more pronunciations.

A dictionary is a plain ``dict``. `supplemented` adds a supplement, whose pronunciations replace those of the dictionary
for the same word.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gmmspeech.phones.labels.phone_sets import is_arpabet, strip_stress

Pronunciation = tuple[str, ...]
Dictionary = dict[str, tuple[Pronunciation, ...]]


class WeightedPronunciation(tuple[str, ...]):
    """Phones of a word, with their probability relative to the word's other pronunciations."""

    probability: float

    def __new__(cls, phones: Iterable[str], probability: float) -> WeightedPronunciation:
        made = super().__new__(cls, phones)
        made.probability = probability
        return made

    def __getnewargs__(self) -> tuple[Pronunciation, float]:
        return tuple(self), self.probability


def probability_of(phones: Sequence[str]) -> float:
    """Probability of a pronunciation beside others of its word: 1 where none is told, as in Kaldi.

    Examples
    --------
    >>> probability_of(("AH",)), probability_of(WeightedPronunciation(["AH"], 0.3))
    (1.0, 0.3)
    """
    return phones.probability if isinstance(phones, WeightedPronunciation) else 1.0


def as_probable(phones: Iterable[str], other: Sequence[str]) -> Pronunciation:
    """Give phones that stand for a pronunciation its probability.

    Examples
    --------
    >>> probability_of(as_probable(["AH"], WeightedPronunciation(["AH0"], 0.3)))
    0.3
    """
    if isinstance(other, WeightedPronunciation):
        return WeightedPronunciation(phones, other.probability)
    return tuple(phones)


_ENOUGH_WORDS = 5000
_LETTERS_OF_WORD = 4
_STRESS_MARKS = str.maketrans("", "", "ˈˌ")
_BETWEEN_PHONES = frozenset('."%‿')  # ends of syllables, stress in X-SAMPA, and links, where they stand alone
_MOST_LETTERS = 3.0  # of a phone's name, on average: words of a text have four and more


def dictionary_key(word: str) -> str:
    """Give the form in which dictionaries have a word, the same for all cases of its letters.

    It is upper case, but for letters which upper case would make others: ``ı`` is no ``i``, ``ß`` no ``ss``.

    Examples
    --------
    >>> dictionary_key("Don't"), dictionary_key("Maße"), dictionary_key("λόγος") == dictionary_key("ΛΌΓΟΣ")
    ("DON'T", 'MAßE', True)
    """
    if word.isascii():
        return word.upper()
    return "".join(upper if (upper := c.upper()).lower() == c else c for c in word.lower())


def make_dictionary(entries: Iterable[tuple[str, Sequence[str]]], *, keep_stress: bool = False) -> Dictionary:
    """Make a dictionary of words with their phones.

    Digits are stress only where all phones are ARPAbet: of the tones ``ao1``, ``ao2`` and ``ao3`` none is a stress.
    IPA's marks of stress, at a phone or between phones, go too, as do those of X-SAMPA and of syllables between phones.
    Words that differ in case have their pronunciations together; in other notations than ARPAbet, if they share none
    (``s_i`` and ``S_i`` in X-SAMPA), each has its own besides, under its own spelling.

    Examples
    --------
    >>> make_dictionary([("a", ["AH0"]), ("a", ["EY1"])])
    {'A': (('AH',), ('EY',))}
    >>> make_dictionary([("s_i", ["s", "i"]), ("S_i", ["S", "i"])])
    {'S_I': (('s', 'i'), ('S', 'i')), 's_i': (('s', 'i'),), 'S_i': (('S', 'i'),)}
    """
    listed = [(word, as_probable(phones, phones)) for word, phones in entries]
    if any(not _BETWEEN_PHONES.isdisjoint(phones) for _, phones in listed):
        spoken = ([p for p in phones if p not in _BETWEEN_PHONES] or phones for _, phones in listed)
        listed = [(word, as_probable(left, phones)) for (word, phones), left in zip(listed, spoken, strict=True)]
    names = set(itertools.chain.from_iterable(phones for _, phones in listed))
    arpabet = is_arpabet(names)
    if not keep_stress:
        plain = {name: strip_stress(name) if arpabet else name.translate(_STRESS_MARKS) for name in names}
        kept = ([p for p in map(plain.__getitem__, phones) if p] or phones for _, phones in listed)
        listed = [(word, as_probable(left, phones)) for (word, phones), left in zip(listed, kept, strict=True)]
    found: dict[str, dict[Pronunciation, Pronunciation]] = {}
    for word, phones in listed:
        own = found.setdefault(dictionary_key(word), {})
        own[phones] = max(own.get(phones, phones), phones, key=probability_of)
    merged = {word: tuple(pronunciations.values()) for word, pronunciations in found.items()}
    return merged if arpabet else merged | _apart(listed)


def _apart(entries: Iterable[tuple[str, Pronunciation]]) -> Dictionary:
    """Words that differ from others in case alone, and share no pronunciation with them, in their own spelling."""
    spellings: dict[str, dict[str, dict[Pronunciation, None]]] = {}
    for word, phones in entries:
        spellings.setdefault(dictionary_key(word), {}).setdefault(word, {})[phones] = None
    return {
        word: tuple(pronunciations)
        for alike in spellings.values()
        if len(alike) > 1 and sum(map(len, alike.values())) == len({p for own in alike.values() for p in own})
        for word, pronunciations in alike.items()
    }


def number_of_letters(phone: str) -> int:
    """Count the letters of a phone's name: not what modifies them, nor digits.

    Examples
    --------
    >>> number_of_letters("t͡ʃʰ"), number_of_letters("AO1"), number_of_letters("world")
    (2, 2, 5)
    """
    return sum(unicodedata.category(c) in ("Ll", "Lu", "Lt", "Lo") for c in phone)


def looks_like_word(phone: str) -> bool:
    """Say whether a phone's name is as long as a word, or has blanks in it."""
    return number_of_letters(phone) >= _LETTERS_OF_WORD or len(phone.split()) > 1


def are_words(names: Iterable[str]) -> bool:
    """Say whether what stands for phones is words: names with blanks, or long ones on average.

    Examples
    --------
    >>> are_words(["HH", "AH0", "L", "OW1"]), are_words(["zh", "uang4"]), are_words(["how", "are", "you", "then"])
    (False, False, True)
    """
    counts = Counter(names)
    letters = sum(number_of_letters(name) * count for name, count in counts.items())
    return letters > _MOST_LETTERS * counts.total() or any(len(name.split()) > 1 for name in counts)


def inventory(dictionary: Mapping[str, Sequence[Sequence[str]]]) -> list[str]:
    """Give the phones of a dictionary, those of the first words that have them all in any language.

    Examples
    --------
    >>> inventory({"TEA": (("T", "IY"),), "EAT": (("IY", "T"),)})
    ['IY', 'T']
    """
    first = itertools.islice(dictionary.values(), _ENOUGH_WORDS)
    return sorted({phone for variants in first for phones in variants for phone in phones})


def supplemented(dictionary: Dictionary, supplement: Dictionary) -> Dictionary:
    """Give a dictionary in which the words of a supplement, in any case, are pronounced as that has them.

    Examples
    --------
    >>> german = make_dictionary([("Sucht", ["z", "ʊ"]), ("sucht", ["z", "uː"])])
    >>> supplemented(german, {"SUCHT": (("s", "ʊ"),), "A": (("a",),)})
    {'SUCHT': (('s', 'ʊ'),), 'A': (('a',),)}
    """
    replaced = [word for word in dictionary if not word.isupper() and dictionary_key(word) in supplement]
    kept = {word: dictionary[word] for word in dictionary if word not in replaced} if replaced else dictionary
    return kept | supplement


def pronounce(
    words: Iterable[str], dictionary: Mapping[str, tuple[Pronunciation, ...]]
) -> tuple[list[tuple[Pronunciation, ...]], list[str]]:
    """Look words up, in upper or lower case."""
    listed = list(words)
    pronunciations = [dictionary.get(word) or dictionary.get(dictionary_key(word), ()) for word in listed]
    missing = dict.fromkeys(word for word, found in zip(listed, pronunciations, strict=True) if not found)
    return pronunciations, list(missing)
