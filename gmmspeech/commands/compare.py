"""Compare two labelings of the same recordings, boundary by boundary."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gmmspeech.errors import DataError, counted, shown
from gmmspeech.formats.labels.tiers import Voice, read_tiers
from gmmspeech.formats.recordings import path_of_id
from gmmspeech.metrics.boundaries import (
    OTHER,
    SILENCE,
    BoundaryAgreement,
    BoundaryDetection,
    boundary_agreement,
    detect_boundaries,
)
from gmmspeech.phones.labels.articulation import nearest_phones
from gmmspeech.phones.labels.folding import fold_timit39, has_closures, join_closures
from gmmspeech.phones.labels.labels import Label, check_labels
from gmmspeech.phones.labels.manner import manners
from gmmspeech.phones.labels.phone_sets import is_arpabet, is_silence, is_speech
from gmmspeech.phones.labels.word_positions import without_position

Labels = dict[str, list[Label]]
_Voices = Mapping[Voice, list[Label]]

_SAME_LENGTH = 1.3  # times: less than 22.05 to 16 kHz
_MANY_ALONE = 10  # one in so many labels
_LONGEST_PHONES = 3  # characters, on average
_OTHER_CLOCK = 0.006, 0.009  # s: about 7.5 ms, from where a frame of 25 ms begins to between centers 10 ms apart
_ENOUGH = 100  # starts, for their median to tell a millisecond


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare_alignments` found.

    Parameters
    ----------
    files : int
        Files (or speakers in them) that both sides have.
    agreement : BoundaryAgreement
        Of all boundaries of labels that both sides have.
    detection : BoundaryDetection
        At the tolerance.
    tolerance : float
        In seconds.
    classes : dict of str to str
        Manner of articulation of each name of the reference.
    notes : list of str
        What was left out, or done to the labels.
    """

    files: int
    agreement: BoundaryAgreement
    detection: BoundaryDetection
    tolerance: float
    classes: dict[str, str]
    notes: list[str]

    def parts(self) -> Iterator[tuple[str, BoundaryAgreement]]:
        """Name and agreement of all boundaries, of starts and ends, and of each pair of manners, if any is known."""
        yield "all", self.agreement
        ends = self.agreement.is_end
        if ends.any() and not ends.all():
            yield "starts", self.agreement.of(~ends)
            yield "ends before silence", self.agreement.of(ends)
        if set(self.classes.values()) - {SILENCE, OTHER}:
            for (before, after), part in self.agreement.by_class(self.classes).items():
                yield f"{before} → {after}", part


def compare_alignments(
    reference: Path,
    hypothesis: Path,
    *,
    tolerance: float = 0.02,
    tiers: Sequence[str] = (),
    fold: str | None = None,
    rates: Sequence[int] = (),
) -> Comparison:
    """Compare the labels of two files or folders; `tiers` and `rates` are those of both sides, or one of each.

    Files are matched by their names, unless there are two that are called after their only recordings.
    """
    names: Sequence[str | None] = [None, None] if not tiers else [tiers[0], tiers[-1]]
    hertz = [16000, 16000] if not rates else [rates[0], rates[-1]]
    paths = (reference, hypothesis)
    sides = [read_tiers(path, tier, rate=rate) for path, tier, rate in zip(paths, names, hertz, strict=True)]
    if all({voice.file for voice in side} == {path.stem} for path, side in zip(paths, sides, strict=True)):
        sides[1] = {voice._replace(file=reference.stem): labels for voice, labels in sides[1].items()}
    ours, theirs = _named_alike(*sides)
    notes = []
    for path, one, other in ((reference, ours, theirs), (hypothesis, theirs, ours)):
        missing = [name for name in one if name not in other]
        if len(missing) == len(one):
            found = f"nothing of the other's {counted(len(other), 'file')}, such as {shown(next(iter(other), 'none'))}"
            raise DataError(f"{path}: found {found}, but {shown(next(iter(one), 'none'))}, expected the same names")
        if missing:
            notes.append(f"not compared: {len(missing)} of {path}, the first {shown(missing[0])}")
    both = [name for name in ours if name in theirs]
    ours, theirs = ({name: side[name] for name in both} for side in (ours, theirs))
    for path, side in ((reference, ours), (hypothesis, theirs)):
        for name, labels in side.items():
            check_labels(labels, owner=f"{path}: {shown(name)}")
    notes += _other_lengths(ours, theirs)
    if fold is not None:
        ours, theirs, more = _folded(ours, theirs)
        notes += more
    else:
        ours, theirs, more = _in_same_phones(ours, theirs)
        notes += more
    notes += _other_names(ours, theirs)
    spoken, others = ({label.name for each in side.values() for label in each} for side in (ours, theirs))
    silence = set(filter(is_silence, spoken | others))
    agreement = boundary_agreement(ours, theirs, ignore=silence, ends=True)
    notes += _other_clock(agreement)
    return Comparison(
        len(both),
        agreement,
        detect_boundaries(ours, theirs, ignore=silence, tolerance=tolerance),
        tolerance,
        manners(spoken) if _are_phones(spoken - silence) else {},
        notes,
    )


def _other_lengths(reference: Labels, hypothesis: Labels) -> list[str]:
    """Give a line where speech ends much later on one side than on the other in most files, as of another rate."""
    ends = [
        tuple(max((label.end for label in labels if not is_silence(label.name)), default=0.0) for labels in both)
        for both in ((labels, hypothesis[name]) for name, labels in reference.items())
    ]
    ratio = median([one / other for one, other in ends if one and other] or [1.0])
    if 1 / _SAME_LENGTH < ratio < _SAME_LENGTH:
        return []
    return [f"labels of REF end at {ratio:.3g} times those of HYP in most files: other sounds, or another sample rate?"]


def _other_clock(agreement: BoundaryAgreement) -> list[str]:
    """Give a line where starts are late by what centers of frames are beside where frames begin."""
    starts = agreement.of(~agreement.is_end)
    if len(starts.differences) < _ENOUGH or not _OTHER_CLOCK[0] <= starts.median <= _OTHER_CLOCK[1]:
        return []
    return [
        f"starts of HYP are {1000 * starts.median:.1f} ms late in the median: if REF tells where frames begin, as "
        "Kaldi, MFA and pocketsphinx do, align --times start tells it too"
    ]


def _other_names(reference: Labels, hypothesis: Labels) -> list[str]:
    """Give lines for a side more than a tenth of whose labels have names that the other lacks, and on a way out."""
    sides = [
        Counter(label.name for labels in side.values() for label in labels if not is_silence(label.name))
        for side in (reference, hypothesis)
    ]
    lines = []
    for name, own, other_name, other in (("REF", sides[0], "HYP", sides[1]), ("HYP", sides[1], "REF", sides[0])):
        alone = Counter({label: count for label, count in own.items() if label not in other})
        if alone.total() > own.total() / _MANY_ALONE:
            such = shown(" ".join(label for label, _ in alone.most_common(5)), 60)
            share = f"{100 * alone.total() / own.total():.0f} % of the labels of {name}"
            lines.append(
                f"{share} have names that {other_name} lacks, such as {such}; the last table alone counts them"
            )
    if lines and is_arpabet({*sides[0], *sides[1]}):
        lines.append("fold=timit39 makes phones of ARPAbet, TIMIT and Buckeye the same")
    return lines


def _in_same_phones(reference: Labels, hypothesis: Labels) -> tuple[Labels, Labels, list[str]]:
    """Both sides in phones of REF where most of HYP's are others: by articulation, and a note of it.

    Phones of REF that are like none of HYP's are taken for what their nearest of HYP is taken for.
    """
    sides = reference, hypothesis
    own, other = (sorted({each.name for labels in side.values() for each in labels}) for side in sides)
    said = [each.name for labels in hypothesis.values() for each in labels if is_speech(each.name)]
    unlike = sum(name not in own for name in said) > len(said) / 2
    if not unlike or not (_are_phones(own) and _are_phones(other)) or is_arpabet({*own, *other}):
        return *sides, []
    taken = {name: near for name, (near, _) in nearest_phones(other, own).items()}
    left = nearest_phones(own, other)
    back = {name: taken[left[name][0]] for name in own if name not in taken.values() and name in left}
    one, two = (
        {file: [each._replace(name=new.get(each.name, each.name)) for each in labels] for file, labels in side.items()}
        for side, new in zip(sides, (back, taken), strict=True)
    )
    pairs = shown(", ".join(f"{a} as {b}" for a, b in taken.items() if a != b), 400)
    notes = [f"phones of HYP are taken for the nearest of REF by articulation: {pairs}"] if pairs else []
    return one, two, notes


def _are_phones(names: Collection[str]) -> bool:
    """Say whether names are short, as those of phones are and those of words are not."""
    return sum(len(without_position(name)) for name in names) <= _LONGEST_PHONES * len(names)


def _named_alike(reference: _Voices, hypothesis: _Voices) -> tuple[Labels, Labels]:
    """Names of files by which both sides are matched: without folders, unless two files then have the same name."""
    sides = [_without_lone_speakers(side) for side in _unescaped(reference, hypothesis)]
    short = [
        {voice._replace(file=voice.file.rpartition("/")[2]): labels for voice, labels in side.items()} for side in sides
    ]
    if all(map(len, sides)) and [len(side) for side in short] == [len(side) for side in sides]:
        sides = short
    sides = [_as_one(side, other) for side, other in ((sides[0], sides[1]), (sides[1], sides[0]))]
    one, other = ({str(voice): labels for voice, labels in side.items()} for side in sides)
    return one, other


def _unescaped(reference: _Voices, hypothesis: _Voices) -> tuple[_Voices, _Voices]:
    """Voices by the names of their files, which may have blanks and more escaped, even twice: as most are the same."""
    pairs = itertools.product(_spellings(reference), _spellings(hypothesis))
    return max(pairs, key=lambda sides: len(_last_parts(sides[0]) & _last_parts(sides[1])))


def _last_parts(labels: _Voices) -> set[str]:
    return {voice.file.rpartition("/")[2] for voice in labels}


def _spellings(labels: _Voices) -> list[_Voices]:
    """Voices by names without escapes, without those of one pass, and as they are; each if they stay apart."""
    found = [
        {voice._replace(file=unescape(voice.file)): each for voice, each in labels.items()}
        for unescape in (_all_unescaped, path_of_id, str)
    ]
    return [each for each in found if len(each) == len(labels)]


def _all_unescaped(name: str) -> str:
    """Name without escapes, nor escapes of escapes."""
    while (plain := path_of_id(name)) != name:
        name = plain
    return name


def _as_one(labels: _Voices, others: _Voices) -> dict[Voice, list[Label]]:
    """Voices, those of a file together where the other side, as CTM, does not tell them apart."""
    merged: dict[Voice, list[Label]] = {}
    for voice, each in labels.items():
        one = Voice(voice.file) if Voice(voice.file) in others and voice not in others else voice
        merged[one] = sorted([*merged.get(one, []), *each])
    return merged


def _without_lone_speakers(labels: _Voices) -> dict[Voice, list[Label]]:
    """Voices whose file has no other, without the name of the speaker, which the other side may not tell."""
    voices = Counter(voice.file for voice in labels)
    return {Voice(voice.file) if voices[voice.file] == 1 else voice: each for voice, each in labels.items()}


def _folded(reference: Labels, hypothesis: Labels) -> tuple[Labels, Labels, list[str]]:
    """Both sides in TIMIT's 39 phones; closures join their stops where only one side has them."""
    sides, notes = [reference, hypothesis], []
    with_closures = [has_closures(side.values()) for side in sides]
    if sum(with_closures) == 1:
        i = with_closures.index(True)
        sides[i] = {name: join_closures(labels) for name, labels in sides[i].items()}
        notes.append(f"closures of stops, which only {('REF', 'HYP')[i]} has, are joined with their releases")
    one, other = ({name: fold_timit39(labels, owner=shown(name)) for name, labels in side.items()} for side in sides)
    return one, other, notes
