"""Phone sets: TIMIT's 61 phones and their folding to 48 and 39, ARPAbet with and without stress.

The folding is that of K.-F. Lee and H.-W. Hon, "Speaker-independent phone recognition using hidden Markov models",
IEEE Trans. ASSP 37(11), 1989: models are trained for 48 phones, and confusions within sil-cl-vcl-epi, el-l, en-n,
sh-zh, ao-aa, ih-ix and ah-ax are not counted as errors, which leaves 39.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.text import look_alike
from gmmspeech.phones.labels.labels import OVERLAP_TOLERANCE, Label

_PHONES = (
    "aa ae ah ao aw ax ax-h axr ay b bcl ch d dcl dh dx eh el em en eng epi er ey f g gcl h# hh hv ih ix iy jh k kcl "
    "l m n ng nx ow oy p pau pcl q r s sh t tcl th uh uw ux v w y z zh"
)
TIMIT_61 = tuple(_PHONES.split())

# The glottal stop is left out; a phone that is not listed stays as it is.
_TO_48: dict[str, str | None] = {
    **{"ax-h": "ax", "axr": "er", "em": "m", "eng": "ng", "hv": "hh", "nx": "n", "ux": "uw", "q": None},
    **dict.fromkeys(("pcl", "tcl", "kcl"), "cl"),
    **dict.fromkeys(("bcl", "dcl", "gcl"), "vcl"),
    **dict.fromkeys(("h#", "pau"), "sil"),
}
_TO_39 = {"cl": "sil", "vcl": "sil", "epi": "sil", "el": "l", "en": "n", "zh": "sh", "ao": "aa", "ix": "ih", "ax": "ah"}

TIMIT_61_TO_48: dict[str, str | None] = {phone: _TO_48.get(phone, phone) for phone in TIMIT_61}
TIMIT_48 = tuple(sorted({phone for phone in TIMIT_61_TO_48.values() if phone}))
TIMIT_48_TO_39: dict[str, str | None] = {phone: _TO_39.get(phone, phone) for phone in TIMIT_48}
TIMIT_39 = tuple(sorted({phone for phone in TIMIT_48_TO_39.values() if phone}))
TIMIT_61_TO_39: dict[str, str | None] = {
    phone: None if folded is None else TIMIT_48_TO_39[folded] for phone, folded in TIMIT_61_TO_48.items()
}

_VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
_CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
ARPABET_VOWELS = tuple(_VOWELS.split())
ARPABET_CONSONANTS = tuple(_CONSONANTS.split())
ARPABET = tuple(sorted(ARPABET_VOWELS + ARPABET_CONSONANTS))
# 0 is unstressed, 1 primary, 2 secondary stress.
ARPABET_WITH_STRESS = tuple(
    sorted(ARPABET_CONSONANTS + tuple(vowel + stress for vowel in ARPABET_VOWELS for stress in "012"))
)
_STRESSED = {
    f(vowel) + stress: f(vowel) for vowel in ARPABET_VOWELS for stress in "012" for f in (str.upper, str.lower)
}
_ARPABET_LIKE = frozenset(f(phone) for phone in (*TIMIT_61, *map(str.lower, ARPABET)) for f in (str.upper, str.lower))

# What is no speech, in lower case, as dictionaries, models and labels of TIMIT, Kaldi, Sphinx, the Montreal Forced
# Aligner and WebMAUS name it; a label without a name is silence too.
_SILENCES = "sil sp ssil silence h# pau epi # _ <p:> <p> <sil> <eps>"
_NOISES = "spn nsn lau brth noise unk <unk> <usb> <nib> +spn+ +nsn+ +noise+ +breath+ +cough+"
SILENCES, NOISES = frozenset(_SILENCES.split()), frozenset(_NOISES.split())


def strip_stress(phone: str) -> str:
    """Take the stress off an ARPAbet vowel; anything else stays as it is."""
    return _STRESSED.get(phone, phone)


def has_stress(phones: Iterable[str]) -> bool:
    """Say whether some phones are ARPAbet vowels with their stress."""
    return any(phone in _STRESSED for phone in phones)


def is_silence(name: str) -> bool:
    """Say whether a label is one of the usual names of silence, in any case."""
    return not name or name.lower() in SILENCES


def is_speech(name: str) -> bool:
    """Tell a phone from silence and noise."""
    return not is_silence(name) and name.lower() not in NOISES


def is_arpabet(phones: Iterable[str]) -> bool:
    """Tell whether all phones are ARPAbet's or TIMIT's, with or without stress, or silence or noise."""
    return all(strip_stress(phone) in _ARPABET_LIKE or not is_speech(phone) for phone in phones)


def map_labels(
    labels: Sequence[Label], mapping: Mapping[str, str | None], *, silence: str = "sil", owner: str = "labels"
) -> list[Label]:
    """Rename labels, and make one silence of those that come to touch.

    A stop's closure folds to silence, so the silence before it would be two. Other phones stay apart, also where two
    come to have the same name.

    Parameters
    ----------
    labels : sequence of Label
    mapping : mapping of str to str or None
        Name to new name, such as `TIMIT_61_TO_39`; None leaves the label out, and its time without a label.
    silence : str
        The new name of silence.
    owner : str
        Whose labels they are (an utterance, a file), for the message.

    Returns
    -------
    list of Label

    Raises
    ------
    DataError
        If a name is not in the mapping.

    Examples
    --------
    >>> labels = [Label(0.0, 0.1, "h#"), Label(0.1, 0.15, "tcl"), Label(0.15, 0.2, "t"), Label(0.2, 0.3, "ix")]
    >>> [(label.end, label.name) for label in map_labels(labels, TIMIT_61_TO_39)]
    [(0.15, 'sil'), (0.2, 't'), (0.3, 'ih')]
    """
    mapped: list[Label] = []
    for start, end, name in labels:
        if name not in mapping:
            known = (
                f"one of {counted(len(mapping), 'name')} such as {next(iter(mapping), None)}{look_alike(name, mapping)}"
            )
            raise DataError(f"{owner}: found label {shown(repr(name))} at {start:.6g} s, expected {known}")
        new = mapping[name]
        if new is None:
            continue
        if new == silence and mapped and mapped[-1].name == silence and start - mapped[-1].end <= OVERLAP_TOLERANCE:
            start = mapped.pop().start
        mapped.append(Label(start, end, new))
    return mapped
