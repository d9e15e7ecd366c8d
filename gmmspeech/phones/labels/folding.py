"""Mapping of labels in several English phone sets to TIMIT's 39 phones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gmmspeech.phones.labels.labels import OVERLAP_TOLERANCE, Label
from gmmspeech.phones.labels.phone_sets import ARPABET_VOWELS, TIMIT_61_TO_39, is_speech, map_labels, strip_stress
from gmmspeech.phones.labels.word_positions import without_position

CLOSURES = {"pcl": ("p",), "tcl": ("t", "ch"), "kcl": ("k",), "bcl": ("b",), "dcl": ("d", "jh"), "gcl": ("g",)}
# Buckeye's: nasalized vowels, a stop that has become a glottal one, and what is no speech.
_BUCKEYE = {f"{vowel}n": vowel for vowel in map(str.lower, ARPABET_VOWELS)} | {"tq": "q"}
_EVENTS = frozenset(
    {"VOCNOISE", "NOISE", "LAUGH", "IVER", "UNKNOWN", "EXCLUDE", "CUTOFF", "ERROR", "HESITATION", "EXT"}
)


def has_closures(labels: Iterable[Sequence[Label]]) -> bool:
    """Say whether stops are labeled as in TIMIT, closure and release each by itself."""
    return any(label.name.lower() in CLOSURES for each in labels for label in each)


def join_closures(labels: Sequence[Label]) -> list[Label]:
    """Make one label of a closure and its release; a closure without one is the stop itself.

    Examples
    --------
    >>> join_closures([Label(0.0, 0.1, "tcl"), Label(0.1, 0.15, "ch"), Label(0.15, 0.2, "bcl"), Label(0.2, 0.3, "m")])
    [Label(start=0.0, end=0.15, name='ch'), Label(start=0.15, end=0.2, name='b'), Label(start=0.2, end=0.3, name='m')]
    """
    joined: list[Label] = []
    open_closure = ""
    for label in labels:
        releases = CLOSURES.get(open_closure, ())
        if label.name.lower() in releases and label.start - joined[-1].end <= OVERLAP_TOLERANCE:
            joined[-1] = Label(joined[-1].start, label.end, label.name)
            open_closure = ""
            continue
        open_closure = label.name.lower()
        joined.append(label._replace(name=CLOSURES[open_closure][0]) if open_closure in CLOSURES else label)
    return joined


def fold_timit39(labels: Sequence[Label], *, owner: str = "labels") -> list[Label]:
    """Rename labels in ARPAbet, TIMIT's or Buckeye's symbols to TIMIT's 39 phones, all silence and noise to ``sil``.

    Examples
    --------
    >>> labels = [Label(0.0, 0.1, "SIL"), Label(0.1, 0.2, "AO1"), Label(0.2, 0.3, "axr"), Label(0.3, 0.4, "VOCNOISE")]
    >>> [label.name for label in fold_timit39(labels)]
    ['sil', 'aa', 'er', 'sil']
    """
    mapping = dict(TIMIT_61_TO_39)
    mapping |= {
        label.name: TIMIT_61_TO_39[timit] for label in labels if (timit := _as_timit(label.name)) in TIMIT_61_TO_39
    }
    return map_labels(labels, mapping, owner=owner)


def _as_timit(name: str) -> str:
    """Name of TIMIT's 61 for a name of another set, or the name in lower case where there is none."""
    if name.startswith(("<", "{")) or name.partition("-")[0] in _EVENTS or not is_speech(name):
        return "h#"
    lower = strip_stress(without_position(name)).lower()
    return _BUCKEYE.get(lower, lower)
