"""Protocol for a folder of speakers: background speakers, enrollment recordings, and trials."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.text import look_alike
from gmmspeech.formats.datadir import DataDir, Segment, read_list_map, read_map, utterances_of, write_map
from gmmspeech.formats.trials import read_labeled_trials, write_trials
from gmmspeech.scoring.trials import TrialList, make_trials

EVALUATED = 0.4  # share of the speakers who are in trials
FEWEST = 4  # speakers that a folder must have: two to learn from, where they are, and two to tell apart
ENROLLMENT = 20.0  # seconds of a speaker that are enough to enroll him
SHORTEST_CUT = 6.0  # seconds of a recording that may be cut in two
MOST_TRIALS = 1_000_000
HALVES = "#1", "#2"  # after the name of a recording: what comes before its middle, and what comes after it


@dataclass(frozen=True)
class Protocol:
    """What `choose_protocol` chose.

    Parameters
    ----------
    background : dict
        Utterance to speaker, of those in no trial; nobody, where a background model is given.
    enrollment : dict
        Model, called after its speaker, to its utterances.
    trials : TrialList
    owners : dict
        Utterance and model to speaker, of those in trials.
    notes : tuple of str
        What is to be known of it.
    """

    background: Mapping[str, str]
    enrollment: Mapping[str, Sequence[str]]
    trials: TrialList
    owners: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())

    def utterances(self) -> list[str]:
        """Give all utterances that are needed, sorted."""
        enrolled = {u for utterances in self.enrollment.values() for u in utterances}
        return sorted({*self.background, *enrolled, *self.trials.tests})

    def digest(self) -> str:
        """SHA-256 of who is where; notes are not in it."""
        trials = self.trials.models, self.trials.tests, np.asarray(self.trials.is_target).tolist()
        content = json.dumps([dict(self.background), dict(self.enrollment), *trials], default=list)
        return hashlib.sha256(content.encode()).hexdigest()

    def without(self, bad: Mapping[str, str]) -> Protocol:
        """Leave out utterances that can't be used, and models without any; a DataError if too little is left."""
        enrollment = {m: [u for u in us if u not in bad] for m, us in self.enrollment.items()}
        enrollment = {model: utterances for model, utterances in enrollment.items() if utterances}
        listed = zip(self.trials.models, self.trials.tests, np.asarray(self.trials.is_target), strict=True)
        kept = [each for each in listed if each[0] in enrollment and each[1] not in bad]
        models, tests, is_target = zip(*kept, strict=True) if kept else ((), (), ())
        background = {u: s for u, s in self.background.items() if u not in bad}
        if bool(background) != bool(self.background) or len(set(is_target)) < 2:
            found = f"{counted(len(background), 'background recording')} and {counted(sum(is_target), 'target trial')}"
            raise DataError(f"found {found} of {len(kept)} that can be used, expected recordings that hold speech")
        trials = TrialList(list(models), list(tests), np.array(is_target, dtype=bool))
        used = {*models, *tests, *(u for us in enrollment.values() for u in us)}
        owners = {name: speaker for name, speaker in self.owners.items() if name in used}
        return replace(self, background=background, enrollment=enrollment, trials=trials, owners=owners)


def choose_protocol(
    data: DataDir,
    seconds: Mapping[str, float],
    left_out: Mapping[str, str],
    *,
    everyone: bool = False,
    random_state: int = 0,
) -> Protocol:
    """Split speakers into background and evaluation, and recordings of the latter into enrollment and test.

    Those with several recordings are evaluated first. Where they are too few, so are others, whose recording is cut in
    two. Whoever has several folders of recordings, or segments of several recordings, is enrolled on some of them and
    tested on the others.

    Parameters
    ----------
    data : DataDir
        Recordings, each of one speaker.
    seconds : mapping
        Their lengths.
    left_out : mapping
        Others, and why they are not used.
    everyone : bool
        Whether all are in trials, for a background model of others.
    random_state : int
    """
    rng = np.random.default_rng(random_state)
    said = utterances_of({utterance: data.utt2spk[utterance] for utterance in data.utterances})
    several = [s for s, us in said.items() if len(us) > 1]
    single = [s for s, us in said.items() if len(us) == 1 and seconds[us[0]] >= SHORTEST_CUT]
    fewest = 2 if everyone else FEWEST
    if len(said) < fewest or len(several) + len(single) < 2:
        told = f"{counted(len(said), 'speaker')}, {len(several)} of them with several recordings"
        longer = f"{len(single)} with one of {SHORTEST_CUT:g} s or more"
        expected = f"{fewest} speakers, 2 of them with several recordings" + (
            ", or a background model of others (--background open)" if 1 < len(said) < fewest else ""
        )
        lost = told_left_out(left_out)
        raise DataError(f"{shown(data.path, 400)}: found {told}, {longer}{lost}; expected at least {expected}")
    wanted = len(said) if everyone else max(round(EVALUATED * len(said)), 2 if len(said) < 6 else 3)
    chosen = [*rng.permutation(several), *rng.permutation(single)][:wanted]
    most = max(MOST_TRIALS // len(chosen) ** 2, 1)
    enrollment: dict[str, list[str]] = {}
    tests: dict[str, str] = {}
    cut, within, limited = 0, 0, False
    sessions = {u: data.segment_of(u).recording if data.segments else u.rsplit("/", 1)[0] for u in data.utterances}
    for speaker in sorted(map(str, chosen)):
        if len(said[speaker]) == 1:
            (whole,) = said[speaker]
            enrollment[speaker], tried = [whole + HALVES[0]], [whole + HALVES[1]]
            cut += 1
        else:
            enrollment[speaker], tried = _divide(said[speaker], sessions, seconds, rng)
            within += bool(data.segments) and len({sessions[u] for u in said[speaker]}) == 1
            limited |= len(tried) > most
        tests |= dict.fromkeys(tried[:most], speaker)
    owners = {**tests, **{u: s for s, us in enrollment.items() for u in us}, **{s: s for s in enrollment}}
    background = {} if everyone else {u: s for s, us in said.items() if s not in enrollment for u in us}
    trials = make_trials({s: s for s in enrollment}, tests)
    notes = []
    if cut:
        notes.append(
            f"{cut} of the {counted(len(chosen), 'speaker')} in trials have one recording: it is cut in two, one half "
            "enrolls, the other is the test. Halves share room, microphone and day, so separate recordings would give "
            "more errors."
        )
    if within:
        notes.append(
            f"{within} of the {counted(len(chosen), 'speaker')} in trials have segments of one recording: some enroll, "
            "the others are tests. They share room, microphone and day, so separate recordings would give more "
            "errors."
        )
    if limited:
        notes.append(
            f"At most {counted(most, 'recording')} of each speaker are tests, so that there are not too many trials."
        )
    return Protocol(background, enrollment, trials, owners, tuple(notes))


def told_left_out(left_out: Mapping[str, str]) -> str:
    """Give what an error of too few says of recordings that are not used: how many, and why the first; or nothing."""
    first = next(iter(left_out.items()), None)
    return f" ({counted(len(left_out), 'file')} left out; the first: {first[0]}: {first[1]})" if first else ""


def _divide(
    utterances: Sequence[str], sessions: Mapping[str, str], seconds: Mapping[str, float], rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Give the utterances to enroll a speaker on, and the others: whole sessions apart where there are several."""
    of: dict[str, list[str]] = {}
    for utterance in utterances:
        of.setdefault(sessions[utterance], []).append(utterance)
    parts = list(of.values()) if len(of) > 1 else [[u] for u in utterances]
    enrolled: list[str] = []
    tests: list[str] = []
    for number in rng.permutation(len(parts)):
        part = parts[number]
        enough = sum(seconds[u] for u in enrolled) >= ENROLLMENT or len(enrolled) + len(part) > len(utterances) / 2
        (tests if enrolled and enough else enrolled).extend(part)
    return sorted(enrolled), tests


def write_protocol(folder: Path, protocol: Protocol) -> None:
    """Write ``background``, if there is one, and ``spk2utt`` (as ``utt2spk`` and ``spk2utt`` are), then ``trials``."""
    if protocol.background:
        write_map(folder / "background", protocol.background)
    write_map(folder / "spk2utt", protocol.enrollment)
    write_map(folder / "owners", protocol.owners)
    write_trials(folder / "trials", protocol.trials)
    if not protocol.background:
        (folder / "background").unlink(missing_ok=True)  # what an earlier run left


def read_protocol(folder: Path, data: DataDir, left_out: Mapping[str, str], *, everyone: bool = False) -> Protocol:
    """Read what `write_protocol` wrote, or people after its manner; ``owners`` is not needed.

    With `everyone`, for a background model of others, ``background`` is neither. `left_out` tells of recordings that
    can't be used.

    Raises
    ------
    DataError
        A recording that there is not, or that is left out, a model of recordings of several speakers, a speaker in
        background and trials, a recording as enrollment and as test of a model, or trials that call a test by a wrong
        label.
    """
    background = {} if everyone else read_map(folder / "background")
    enrollment = read_list_map(folder / "spk2utt")
    trials = read_labeled_trials(folder / "trials")
    enrolled = [u for utterances in enrollment.values() for u in utterances]
    for file, names in (("background", background), ("spk2utt", enrolled), ("trials", dict.fromkeys(trials.tests))):
        for name in names:
            if _whole(name) not in data.recordings:
                alike = look_alike(_whole(name), data.recordings)
                found = f"no recording {shown(name)} in {shown(data.path, 300)}"
                raise DataError(f"{folder / file}: found {found}, expected paths below it without suffix{alike}")
            if _whole(name) in left_out:
                found = f"recording {shown(name)}, which is left out ({left_out[_whole(name)]})"
                raise DataError(f"{folder / file}: found {found}, expected one that can be used")
    owners = {u: data.utt2spk[_whole(u)] for u in (*enrolled, *trials.tests)}
    for model, utterances in enrollment.items():
        speakers = sorted({owners[u] for u in utterances})
        if len(speakers) > 1:
            found = f"recordings of {shown(speakers[0])} and {shown(speakers[1])}"
            raise DataError(f"{folder / 'spk2utt'}: model {shown(model)}: found {found}, expected those of one speaker")
        owners[model] = speakers[0]
    for model, test, is_target in zip(trials.models, trials.tests, np.asarray(trials.is_target), strict=True):
        if model not in enrollment:
            raise DataError(
                f"{folder / 'trials'}: model {shown(model)} is not in spk2utt{look_alike(model, enrollment)}"
            )
        if is_target != (owners[model] == owners[test]):
            label, others = ("target", "another speaker's") if is_target else ("nontarget", "the model's own")
            found = f"model {shown(model)}, test {shown(test)} as {label}, though it is {others} recording"
            raise DataError(f"{folder / 'trials'}: found {found}, expected labels that agree with the folders")
        if test in enrollment[model]:
            found = f"test {shown(test)}, which model {shown(model)} is enrolled on"
            raise DataError(f"{folder / 'trials'}: found {found}, expected another recording")
    both = sorted({data.utt2spk[_whole(u)] for u in background} & set(owners.values()))
    if both:
        found = f"speaker {shown(both[0])}, who is in trials too ({len(both)} such)"
        raise DataError(f"{folder / 'background'}: found {found}, expected other speakers")
    return Protocol({u: data.utt2spk[_whole(u)] for u in background}, enrollment, trials, owners)


def cut_recordings(data: DataDir, utterances: Sequence[str], seconds: Mapping[str, float]) -> DataDir:
    """Give a data directory with these utterances, which are recordings or halves of some."""
    segments = {}
    for name in utterances:
        whole = _whole(name)
        middle = seconds[whole] / 2
        start, end = {HALVES[0]: (0.0, middle), HALVES[1]: (middle, None)}.get(name[len(whole) :], (0.0, None))
        segments[name] = Segment(whole, start, end)
    recordings = {name: data.recordings[name] for name in sorted({_whole(u) for u in utterances})}
    speakers = {name: data.utt2spk[_whole(name)] for name in utterances}
    return DataDir(data.path, recordings, segments, tuple(utterances), speakers)


def _whole(name: str) -> str:
    """Name of the recording that an utterance is, or is a half of; other names have no "#", see `id_of_path`."""
    return re.sub("#[12]$", "", name)
