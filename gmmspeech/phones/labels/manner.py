"""Manner of articulation of phones in ARPAbet, TIMIT symbols, IPA or X-SAMPA, for groups in tables and plots."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from gmmspeech.phones.labels.ipa import notation_of, to_ipa
from gmmspeech.phones.labels.phone_sets import ARPABET, TIMIT_61, is_silence, is_speech, strip_stress
from gmmspeech.phones.labels.word_positions import without_positions

MANNERS = ("vowel", "approximant", "tap or trill", "nasal", "fricative", "affricate", "stop", "closure", "silence")
SONORANTS = frozenset(MANNERS[:4])
OTHER = "other"

_LATIN = {
    "vowel": "aa ae ah ao aw ax ax-h axr ay eh er ey ih ix iy ow oy uh uw ux",
    "approximant": "l el r w y",
    "tap or trill": "dx nx",
    "nasal": "m em n en ng eng",
    "fricative": "f v th dh s z sh zh hh hv",
    "affricate": "ch jh",
    "stop": "p b t d k g q",
    "closure": "pcl bcl tcl dcl kcl gcl",
}
_IPA = {
    "vowel": "i y ɨ ʉ ɯ u ɪ ʏ ʊ e ø ɘ ɵ ɤ o ə ɛ œ ɜ ɞ ʌ ɔ æ ɐ a ɶ ɑ ɒ ɚ ɝ ᵻ ᵿ",
    "approximant": "l ɫ ɭ ʎ ʟ ɹ ɻ j ɰ ʋ w ɥ",
    "tap or trill": "r ʀ ʙ ɾ ɽ ɺ ⱱ",
    "nasal": "m ɱ n ɳ ɲ ŋ ɴ",
    "fricative": "ɸ β f v θ ð s z ʃ ʒ ʂ ʐ ç ʝ x ɣ χ ʁ ħ ʕ h ɦ ɬ ɮ ɕ ʑ ʜ ʢ ɧ ʍ",
    "affricate": "ʦ ʣ ʧ ʤ ʨ ʥ",
    "stop": "p b t d ʈ ɖ c ɟ k g ɡ q ɢ ʔ ʡ ɓ ɗ ᶑ ʄ ɠ ʛ ʘ ǀ ǃ ǂ ǁ",
}
_OF_LATIN = {phone: manner for manner, phones in _LATIN.items() for phone in phones.split()}
_OF_IPA = {phone: manner for manner, phones in _IPA.items() for phone in phones.split()}
_ARPABET_OR_TIMIT = frozenset(TIMIT_61) | {phone.lower() for phone in ARPABET}


def manners(phones: Iterable[str]) -> dict[str, str]:
    """Give the manner of articulation of each phone of an inventory.

    The inventory is ARPAbet (with or without stress) or TIMIT's if all its symbols are, else IPA or X-SAMPA, where the
    first letter counts, and a stop with a fricative behind it is an affricate. What is neither is "other". Where in a
    word a phone stands, as in "AA_B", does not matter.

    Examples
    --------
    >>> manners(["SIL", "AE1", "T", "Y"])
    {'SIL': 'silence', 'AE1': 'vowel', 'T': 'stop', 'Y': 'approximant'}
    >>> manners(["yː", "t͡s", "tʰ"])
    {'yː': 'vowel', 't͡s': 'affricate', 'tʰ': 'stop'}
    >>> manners(["E", "S", "tS", "{"])
    {'E': 'vowel', 'S': 'fricative', 'tS': 'affricate', '{': 'vowel'}
    >>> manners(["JH_B", "ER1_E"])
    {'JH_B': 'affricate', 'ER1_E': 'vowel'}
    """
    bare = {phone: without_positions([phone])[0] for phone in phones}
    names = list(dict.fromkeys(bare.values()))
    latin = all(strip_stress(name).lower() in _ARPABET_OR_TIMIT for name in filter(is_speech, names))
    if latin:
        return {phone: _manner(name, True) for phone, name in bare.items()}
    notation = notation_of(names)
    return {phone: _manner((is_speech(n) and to_ipa(n, notation)) or n, False) for phone, n in bare.items()}


def by_manner(phones: Iterable[str]) -> list[str]:
    """Sort an inventory by manner, from vowels to silence, and by name within one."""
    found = manners(phones)
    order = {manner: i for i, manner in enumerate((*MANNERS[:-1], OTHER, MANNERS[-1]))}
    return sorted(found, key=lambda phone: (order[found[phone]], phone))


def _manner(name: str, latin: bool) -> str:
    if is_silence(name):
        return MANNERS[-1]
    if not is_speech(name):
        return OTHER
    if latin:
        return _OF_LATIN.get(strip_stress(name).lower(), OTHER)
    letters = [c if c in _OF_IPA else unicodedata.normalize("NFD", c)[0] for c in unicodedata.normalize("NFC", name)]
    kinds = [_OF_IPA[letter] for letter in letters if letter in _OF_IPA]
    if not kinds:
        return OTHER
    return "affricate" if kinds[:2] == ["stop", "fricative"] else kinds[0]
