"""Articulation of phones, and the phone of a model that is most similar to one that it lacks.

A phone has two points, its beginning and its end, each with a few features: degree and place of closure, friction,
nasality and voicing; for vowels height, backness and rounding. The distance is the sum of differences, weighted by how
far such sounds are apart in cepstra: 0 is the same phone, about 1 a neighbor (``t`` and ``ʈ``, ``e`` and ``ɛ``), above
4 another class. Tone and stress are ignored, because cepstra hardly contain them.

The table is small and specific to this package. PanPhon (Mortensen et al., COLING 2016; MIT) has 24 ternary features of
6,000 segments, but requires pandas and four more packages, and its features are phonological: all differences count
equally, place has three bits, and diphthongs are missing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.labels.ipa import VOWELS, Notation, notation_of, split_segments, to_ipa
from gmmspeech.phones.labels.phone_sets import is_speech

# What one step of each feature costs.
_WEIGHTS = {
    "vowel": 6.0,
    "sonorant": 3.0,
    "nasal": 2.5,
    "closure": 2.0,
    "friction": 2.0,
    "sibilant": 1.5,
    "lateral": 1.0,
    "rhotic": 1.5,
    "voice": 1.0,
    "place": 0.35,
    "height": 0.4,
    "back": 0.4,
    "round": 0.6,
    "click": 0.5,
    "other": 0.1,
    "length": 0.1,
}
_INDEX = {name: i for i, name in enumerate(_WEIGHTS)}
_WEIGHT = np.array(list(_WEIGHTS.values()))

# From the lips to the glottis. What sounds in the glottis takes the shape of its neighbors, so it is far from none.
_PLACES = {
    "bilabial": 0.0,
    "labiodental": 0.7,
    "dental": 2.2,
    "alveolar": 3.0,
    "retroflex": 3.9,
    "postalveolar": 4.2,
    "alveolopalatal": 4.5,
    "prepalatal": 4.7,
    "palatal": 5.3,
    "velar": 7.0,
    "uvular": 7.7,
    "glottal": 8.0,
    "pharyngeal": 8.6,
}
_MANNERS: dict[str, dict[str, float]] = {
    "stop": {"closure": 1},
    "implosive": {"closure": 1, "other": 3},
    "click": {"closure": 1, "click": 1},
    "nasal": {"closure": 1, "sonorant": 1, "nasal": 1},
    "trill": {"closure": 0.3, "sonorant": 1, "rhotic": 1},
    "tap": {"closure": 0.7, "sonorant": 0.5, "rhotic": 0.5},
    "lateral_tap": {"closure": 0.6, "sonorant": 0.7, "rhotic": 0.3, "lateral": 0.7},
    "fricative": {"friction": 1},
    "weak_fricative": {"friction": 0.6, "closure": 0.3},  # voiced ones without a sharp edge: nearly approximants
    "uvular_r": {"friction": 0.5, "sonorant": 0.5, "rhotic": 1},
    "sibilant": {"friction": 1, "sibilant": 1},
    "lateral_fricative": {"friction": 1, "lateral": 1},
    "palatal_fricative": {"friction": 0.4, "sonorant": 0.6, "closure": 0.1},
    "approximant": {"sonorant": 0.5, "friction": 0.5},
    "rhotic": {"sonorant": 1, "rhotic": 1},
    "glide": {"sonorant": 1, "vowel": 0.15},
    "lateral": {"sonorant": 1, "lateral": 1},
}
# Manner, then by place the voiceless and the voiced one ("-" for none).
_CONSONANTS = """
stop: bilabial p b, alveolar t d, retroflex ʈ ɖ, palatal c ɟ, velar k ɡ, uvular q ɢ, pharyngeal ʡ -, glottal ʔ -
implosive: bilabial - ɓ, alveolar - ɗ, retroflex - ᶑ, palatal - ʄ, velar - ɠ, uvular - ʛ
click: bilabial ʘ -, dental ǀ -, alveolar ǃ -, palatal ǂ -, postalveolar ǁ -
nasal: bilabial - m, labiodental - ɱ, alveolar - n, retroflex - ɳ, prepalatal - ɲ, velar - ŋ, uvular - ɴ
trill: bilabial - ʙ, alveolar - r, uvular - ʀ, pharyngeal ʜ ʢ
tap: labiodental - ⱱ, alveolar - ɾ, retroflex - ɽ
lateral_tap: alveolar - ɺ
fricative: bilabial ɸ -, labiodental f v, dental θ ð, palatal ç -, velar x -, uvular χ -, pharyngeal ħ -, glottal h ɦ
weak_fricative: bilabial - β, velar - ɣ, pharyngeal - ʕ
palatal_fricative: palatal - ʝ
uvular_r: uvular - ʁ
sibilant: alveolar s z, postalveolar ʃ ʒ, retroflex ʂ ʐ, alveolopalatal ɕ ʑ, velar ɧ -
lateral_fricative: alveolar ɬ ɮ
approximant: labiodental - ʋ
rhotic: alveolar - ɹ, retroflex - ɻ
glide: palatal - j, palatal - ɥ, velar - ɰ, velar ʍ w
lateral: alveolar - l, retroflex - ɭ, prepalatal - ʎ, velar - ʟ
"""
# Height from 0 (close) to 6 (open), backness from 0 to 4, rounding.
_VOWELS = """
i 0 0 0, y 0 0 1, ɨ 0 2 0, ʉ 0 2 1, ɯ 0 4 0, u 0 4 1, ɪ 1 0.7 0, ʏ 1 0.7 1, ᵻ 1 1.3 0, ᵿ 1 3 1, ʊ 1 3.3 1,
e 2 0 0, ø 2 0 1, ɘ 2 2 0, ɵ 2 2 1, ɤ 2 4 0, o 2 4 1, ə 3 2 0, ɚ 3 2 0, ɛ 4 0 0, œ 4 0 1, ɜ 4 2 0, ɝ 3 2 0, ɞ 4 2 1,
ʌ 4 2.5 0, ɔ 4 4 1, æ 5 0 0, ɐ 5 2 0, a 6 1.7 0, ä 6 2 0, ɶ 6 0 1, ɑ 6 3.7 0, ɒ 6 4 1
"""
_RHOTIC_VOWELS = "ɚɝ"
_GLIDE_OF = {"j": "i", "w": "u", "ɥ": "y", "ɰ": "ɯ", "ɹ": "ɚ"}  # behind a vowel of the same phone
# What diacritics change: a feature, and the value that is added to it.
_DIACRITICS = {
    "ː": ("length", 1.0),
    ":": ("length", 1.0),
    "ˑ": ("length", 0.5),
    "\u0306": ("length", -0.5),
    "\u0303": ("nasal", 0.15),  # tilde
    "ⁿ": ("nasal", 0.15),
    "ᵐ": ("nasal", 0.15),
    "ᵑ": ("nasal", 0.15),
    "\u0325": ("voice", -1.0),  # ring below
    "\u030a": ("voice", -1.0),
    "\u032c": ("voice", 1.0),  # caron below
    "˞": ("rhotic", 1.0),
    "\u031d": ("height", -0.7),  # raised
    "˔": ("height", -0.7),
    "\u031e": ("height", 0.7),  # lowered
    "\u031f": ("back", -0.7),  # advanced
    "\u0320": ("back", 0.7),  # retracted
    "\u0308": ("back", 0.7),  # centralized, of front vowels
    "\u032a": ("place", -0.5),  # dental
    "ʷ": ("round", 0.5),
    "ʲ": ("other", 1.5),
}
_RAISED = frozenset("\u031d˔")  # of consonants too, where the air rubs then: ``r̝`` of Czech is near to ``ʒ``
_NO_CHANGE = frozenset("\u0361\u035c‿")  # ties


@lru_cache(maxsize=1)
def _bases() -> dict[str, NDArray[np.float64]]:
    """Features of each letter of IPA, shape (F,)."""
    found: dict[str, NDArray[np.float64]] = {}
    for line in _CONSONANTS.strip().splitlines():
        manner, _, entries = line.partition(": ")
        for place, *letters in map(str.split, entries.split(", ")):
            for voice, letter in enumerate(letters):
                found[letter] = _point(**_MANNERS[manner], place=_PLACES[place], voice=voice)
    for letter, *numbers in map(str.split, _VOWELS.split(",")):
        height, back, rounded = map(float, numbers)
        features = {"height": height, "back": back, "round": rounded, "rhotic": float(letter in _RHOTIC_VOWELS)}
        found[letter] = _point(vowel=1, sonorant=1, voice=1, **features)
    for letter, spread in {"w": 1.0, "ʍ": 1.0, "ɥ": 0.5}.items():
        found[letter][_INDEX["round"]] = spread
    found["ɫ"] = found["l"] + _point(other=1)
    found["g"] = found["ɡ"]
    return found


def _point(**features: float) -> NDArray[np.float64]:
    point = np.zeros(len(_WEIGHTS))
    for name, value in features.items():
        point[_INDEX[name]] = value
    return point


def _segment(segment: str) -> NDArray[np.float64]:
    """Features of a segment as `split_segments` gives it, shape (F,); those of a tied one lie between its parts'."""
    bases = _bases()
    letters = [c for c in segment if c in bases]
    point = np.mean([bases[c] for c in letters], axis=0)
    for mark in segment:
        if mark in bases or mark in _NO_CHANGE:
            continue
        if mark in _RAISED and _is_approximant(point):
            point = _rubbing(point)
            continue
        name, change = _DIACRITICS.get(mark, ("other", 1.0))
        point[_INDEX[name]] += change
    point[_INDEX["voice"]] = np.clip(point[_INDEX["voice"]], 0, 1)
    return point


def _is_approximant(point: NDArray[np.float64]) -> bool:
    """Tell whether a consonant is sonorant and no nasal."""
    vowel, sonorant, nasal = (point[_INDEX[name]] for name in ("vowel", "sonorant", "nasal"))
    return bool(vowel < 0.5 <= sonorant and nasal < 1)


def _rubbing(sonorant: NDArray[np.float64]) -> NDArray[np.float64]:
    """The fricative that an approximant or a trill becomes where it is raised: of r, a sibilant."""
    point = sonorant.copy()
    if point[_INDEX["rhotic"]] and point[_INDEX["place"]] < _PLACES["palatal"]:
        point[_INDEX["sibilant"]], point[_INDEX["rhotic"]] = 1, 0
        point[_INDEX["place"]] = _PLACES["postalveolar"]
    point[_INDEX["friction"]], point[_INDEX["sonorant"]], point[_INDEX["closure"]] = 1, 0, 0
    return point


def _affricate(stop: NDArray[np.float64], fricative: NDArray[np.float64]) -> NDArray[np.float64]:
    """A stop that is released into a fricative: half of both, where the fricative is."""
    point = fricative.copy()
    point[_INDEX["closure"]], point[_INDEX["friction"]] = 0.6, 0.6
    point[_INDEX["other"]] += stop[_INDEX["other"]]
    return point


def articulation(ipa: str) -> NDArray[np.float64] | None:
    """Features of the beginning and the end of a phone in IPA, shape (2, F); None if nothing in it can be read."""
    segments = split_segments(unicodedata.normalize("NFC", ipa))
    if not segments:
        return None
    if "\u0361" in segments[0] or "\u035c" in segments[0]:
        head, _, tail = segments[0].replace("\u035c", "\u0361").partition("\u0361")
        segments[0:1] = [*split_segments(head), *split_segments(tail)]
    if segments[0][0] in VOWELS:  # a diphthong may be written with a glide
        segments[1:] = [_GLIDE_OF.get(s[0], s[0]) + s[1:] for s in segments[1:]]
    if len(segments) > 1 and segments[-1][0] in "hɦ":  # aspiration
        segments = [*segments[:-2], segments[-2] + "ʰ"]
    points = [_segment(segment) for segment in segments]
    points = [point for point in points if point[_INDEX["vowel"]] > 0.5] or points  # a rime is told by its vowels
    closed, rubbed = points[0][_INDEX["closure"]] == 1, points[-1][_INDEX["friction"]] == 1
    is_nasal = points[0][_INDEX["nasal"]] >= 1
    if len(points) > 1 and closed and rubbed and not is_nasal:
        points = [_affricate(points[0], points[-1])]
    if is_nasal and points[-1][_INDEX["click"]]:  # one sound, which is heard as the nasal that goes on through it
        points = points[:1]
    return np.stack([points[0], points[-1]])


def nearest_phones(wanted: Iterable[str], known: Iterable[str]) -> dict[str, tuple[str, float]]:
    """Find for each phone the one with the most similar articulation, and their distance.

    Parameters
    ----------
    wanted : iterable of str
        Phones in IPA, X-SAMPA or ARPAbet (or TIMIT's), all in one notation, which is recognized from them.
    known : iterable of str
        Phones to choose from, possibly in another notation.

    Returns
    -------
    dict of str to tuple of str and float
        Phone, and distance. A phone that `known` has in the same notation maps to itself, at distance 0. Silence and
        noise, and phones that can't be read (letters of a script, for instance), are left out, unless `known` has
        them too. Of equally near phones, the first is taken.

    Examples
    --------
    >>> from gmmspeech.phones.labels.phone_sets import ARPABET
    >>> found = nearest_phones(["t", "ʈ", "y", "ɛ", "tʃ", "aː", "ŋǃ"], ARPABET)
    >>> {phone: nearest for phone, (nearest, _) in found.items()}
    {'t': 'T', 'ʈ': 'T', 'y': 'IY', 'ɛ': 'EH', 'tʃ': 'CH', 'aː': 'AA', 'ŋǃ': 'NG'}
    """
    wanted, known = list(wanted), list(known)
    mine, theirs = notation_of(wanted), notation_of(known)
    same = set(known) if mine == theirs else {phone for phone in known if not is_speech(phone)}
    candidates = list(_read(known, theirs))
    found = {phone: (phone, 0.0) for phone in wanted if phone in same}
    if not candidates:
        return found
    names, points = [name for name, _ in candidates], np.stack([point for _, point in candidates])
    for phone, point in _read([phone for phone in wanted if phone not in same], mine):
        distances = np.abs(points - point).mean(axis=1) @ _WEIGHT
        best = int(distances.argmin())
        found[phone] = names[best], float(distances[best])
    return {phone: found[phone] for phone in wanted if phone in found}


def _read(phones: Iterable[str], notation: Notation) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Phones that can be read, with their articulation."""
    for phone in phones:
        point = articulation(to_ipa(phone, notation)) if is_speech(phone) else None
        if point is not None:
            yield phone, point
