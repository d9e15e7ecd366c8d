"""Protocols and score files of the ASVspoof evaluations of 2019 and 2021."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import is_field, parse_number
from gmmspeech.formats.datadir import read_fields

_KEYS = {"bonafide": True, "spoof": False}
_KINDS = ("target", "nontarget", "spoof")
_TRIMMED = ("trim", "notrim")
_PHASE = 2  # fields from the key of a line of 2021 to the phase of the evaluation


class SpoofTrial(NamedTuple):
    """An utterance of a protocol with its speaker, attack and key.

    Attributes
    ----------
    speaker, utterance : str
    attack : str
        Such as ``"A07"``; ``"bonafide"`` for bona fide speech.
    is_bonafide : bool
    phase : str
        Phase of the evaluation of 2021 (``"progress"``, ``"eval"``, ``"hidden"``), otherwise empty.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.formats.SpoofTrial("LA_0079", "LA_T_1004644", "A01", is_bonafide=False).attack
    'A01'
    """

    speaker: str
    utterance: str
    attack: str
    is_bonafide: bool
    phase: str = ""


@checked
def read_protocol(path: str | os.PathLike[str], *, phase: str | None = None) -> list[SpoofTrial]:
    """Read a countermeasure protocol of ASVspoof 2019, or the keys of 2021 (``CM/trial_metadata.txt``).

    Parameters
    ----------
    path : path-like
        Lines of ``SPEAKER UTTERANCE ... ATTACK bonafide|spoof ...``: in 2019 the key ends a line, in 2021 the treatment
        of silence and the phase follow it.
    phase : str, optional
        For 2021: read only lines of this phase: ``"progress"``, ``"eval"``, ...

    Returns
    -------
    list of SpoofTrial
        In the order of the file.

    Raises
    ------
    DataError
        If the file is missing, a line has other fields, an utterance occurs twice, or no line is of the phase.

    Examples
    --------
    >>> import pathlib, tempfile, gmmspeech as gs
    >>> path = pathlib.Path(tempfile.mkdtemp(), "protocol")
    >>> _ = path.write_text("LA_0079 LA_T_1138215 - - bonafide\\nLA_0079 LA_T_1004644 - A01 spoof\\n")
    >>> [trial.attack for trial in gs.formats.read_protocol(path)]
    ['bonafide', 'A01']
    """
    trials: list[SpoofTrial] = []
    seen: dict[str, int] = {}
    for number, fields in read_fields(path):
        key = _place_of_key(fields, 3, _KEYS)
        if not key:
            expected = "SPEAKER UTTERANCE ... ATTACK bonafide|spoof"
            raise DataError(f"{path}:{number}: found {shown(repr(' '.join(fields)))}, expected {expected}")
        if seen.setdefault(fields[1], number) != number:
            found = f"utterance {shown(fields[1])} again"
            raise DataError(f"{path}:{number}: found {found}, expected each once (it is in line {seen[fields[1]]})")
        genuine = _KEYS[fields[key]]
        attack = "bonafide" if genuine else fields[key - 1]
        part = fields[key + _PHASE] if len(fields) > key + _PHASE else ""
        trials.append(SpoofTrial(fields[0], fields[1], attack, genuine, part))
    if phase is None:
        return trials
    chosen = [trial for trial in trials if trial.phase == phase]
    if not chosen:
        there = ", ".join(sorted({trial.phase for trial in trials} - {""})) or "none"
        raise DataError(f"{path}: found no trial of phase {shown(repr(phase))}, expected one of {there}")
    return chosen


@checked
def write_protocol(path: str | os.PathLike[str], trials: Sequence[SpoofTrial]) -> None:
    """Write a protocol in the format of ASVspoof 2019: ``SPEAKER UTTERANCE - ATTACK bonafide|spoof``.

    Parameters
    ----------
    path : path-like
    trials : sequence of SpoofTrial

    Raises
    ------
    DataError
        If there are no trials, or a name does not fit the format.

    Examples
    --------
    >>> from gmmspeech.formats import SpoofTrial, write_protocol
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "protocol")
    >>> write_protocol(path, [SpoofTrial("ann", "u1", "bonafide", True), SpoofTrial("ann", "u2", "A01", False)])
    >>> print(path.read_text(), end="")
    ann u1 - - bonafide
    ann u2 - A01 spoof
    """
    if not trials:
        raise DataError(f"{path}: found nothing to write, expected one or more trials")
    for name in (name for trial in trials for name in trial[:3]):
        if not is_field(name):
            raise DataError(f"{path}: can't hold the name {shown(repr(name))}, expected no blanks, and not empty")
    write_lines(path, (" ".join([t.speaker, t.utterance, "-", *_attack_and_key(t)]) for t in trials))


@checked
def read_cm_scores(path: str | os.PathLike[str], trials: Sequence[SpoofTrial] | None = None) -> dict[str, float]:
    """Read the scores of utterances by a countermeasure.

    Parameters
    ----------
    path : path-like
        Lines of ``UTTERANCE SCORE`` as in 2021, or ``UTTERANCE ATTACK KEY SCORE`` as in 2019.
    trials : sequence of SpoofTrial, optional
        Utterances of a protocol, whose keys must match those in a file of 2019.

    Returns
    -------
    dict of str to float
        Score of each utterance.

    Raises
    ------
    DataError
        If the file is missing, a line has other fields, a score is not a finite number, an utterance occurs twice, or a
        key is not that of the protocol.

    Examples
    --------
    >>> import pathlib, tempfile, gmmspeech as gs
    >>> path = pathlib.Path(tempfile.mkdtemp(), "scores")
    >>> _ = path.write_text("LA_E_9332881 -1.5\\nLA_E_6866159 2.25\\n")
    >>> gs.formats.read_cm_scores(path)
    {'LA_E_9332881': -1.5, 'LA_E_6866159': 2.25}
    """
    scores: dict[str, float] = {}
    genuine = {trial.utterance: trial.is_bonafide for trial in trials or ()}
    for number, fields, value in _scored_lines(path, (2, 4), "UTTERANCE SCORE or UTTERANCE ATTACK KEY SCORE"):
        if len(fields) == 4:
            key = _KEYS.get(fields[2])
            if key is None or key != genuine.get(fields[0], key):
                expected = " or ".join(_KEYS) if key is None else f"{_key(not key)} as in the protocol"
                raise DataError(f"{path}:{number}: found {shown(repr(fields[2]))}, expected {expected}")
        if fields[0] in scores:
            raise DataError(f"{path}:{number}: found utterance {shown(fields[0])} again, expected each once")
        scores[fields[0]] = value
    return scores


@checked
def write_cm_scores(
    path: str | os.PathLike[str], scores: Mapping[str, float], trials: Sequence[SpoofTrial] | None = None
) -> None:
    """Write the scores of a countermeasure: ``UTTERANCE SCORE`` or, with a protocol, ``UTTERANCE ATTACK KEY SCORE``.

    Parameters
    ----------
    path : path-like
    scores : dict
        Score of each utterance.
    trials : sequence of SpoofTrial, optional
        Utterances of a protocol; their lines are written in the format of ASVspoof 2019.

    Raises
    ------
    DataError
        If an utterance of the protocol has no score, or a name does not fit the format.

    Examples
    --------
    >>> import pathlib, tempfile, gmmspeech as gs
    >>> path = pathlib.Path(tempfile.mkdtemp(), "scores")
    >>> gs.formats.write_cm_scores(path, {"u2": -1.5}, [gs.formats.SpoofTrial("ann", "u2", "A01", False)])
    >>> path.read_text()
    'u2 A01 spoof -1.5\\n'
    """
    lines: list[tuple[str, list[str], float]]
    if trials is None:
        lines = [(utterance, [], value) for utterance, value in scores.items()]
    else:
        missing = [trial.utterance for trial in trials if trial.utterance not in scores]
        if missing:
            found = f"found no score of {shown(missing[0])} ({counted(len(missing), 'such utterance')})"
            raise DataError(f"{path}: {found}, expected one for each of the protocol")
        lines = [(t.utterance, _attack_and_key(t), scores[t.utterance]) for t in trials]
    if not lines:
        raise DataError(f"{path}: found nothing to write, expected one or more scores")
    for utterance, _, _ in lines:
        if not is_field(utterance):
            raise DataError(f"{path}: can't hold the name {shown(repr(utterance))}, expected no blanks, and not empty")
    write_lines(path, (" ".join([utterance, *words, f"{value:.9g}"]) for utterance, words, value in lines))


@checked
def read_asv_scores(
    path: str | os.PathLike[str], keys: str | os.PathLike[str] | None = None, *, phase: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Read the speaker verification scores distributed with the evaluations, for `asv_error_rates`.

    Parameters
    ----------
    path : path-like
        Lines of ``ATTACK target|nontarget|spoof SCORE`` (2019) or ``MODEL UTTERANCE SCORE`` (2021).
    keys : path-like, optional
        For 2021: ``ASV/trial_metadata.txt``, with the key of each model and utterance in any order.
    phase : str, optional
        For 2021: read only lines of this phase.

    Returns
    -------
    target_scores, nontarget_scores, spoof_scores : ndarray

    Raises
    ------
    DataError
        If a file is missing, a line has other fields, a trial is in only one of the files or twice in one, or one kind
        of trials is missing.

    Examples
    --------
    >>> import pathlib, tempfile, gmmspeech as gs
    >>> path = pathlib.Path(tempfile.mkdtemp(), "asv")
    >>> _ = path.write_text("bonafide target 3.5\\nbonafide nontarget -2\\nA07 spoof 1\\nA07 spoof 0.5\\n")
    >>> gs.formats.read_asv_scores(path)[2]
    array([1. , 0.5])
    """
    rows = list(_scored_lines(path, (3,), "three fields that end in a score"))
    kinds = [fields[1] for _, fields, _ in rows] if keys is None else _kinds(keys, rows, path, phase)
    sides: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    for (number, _, value), kind in zip(rows, kinds, strict=True):
        if kind is None:
            continue
        if kind not in sides:
            hint = "" if keys else " (the keys of 2021 are in a file of their own)"
            raise DataError(f"{path}:{number}: found {shown(repr(kind))}, expected {' or '.join(_KINDS)}{hint}")
        sides[kind].append(value)
    for kind, values in sides.items():
        if not values:
            of_phase = f" of phase {shown(phase)}" if phase else ""
            raise DataError(f"{path}: found no {kind} trial{of_phase}, expected some")
    targets, nontargets, spoofs = (np.array(sides[kind]) for kind in _KINDS)
    return targets, nontargets, spoofs


def _kinds(
    keys: str | os.PathLike[str],
    rows: Sequence[tuple[int, list[str], float]],
    path: str | os.PathLike[str],
    phase: str | None,
) -> list[str | None]:
    """Target, nontarget or spoof of every line of scores, None if it is of another phase."""
    kinds: dict[tuple[str, str], str | None] = {}
    for number, fields in read_fields(keys):
        key = _place_of_key(fields, 2, _KINDS)
        if not key:
            expected = "MODEL UTTERANCE ... target|nontarget|spoof"
            raise DataError(f"{keys}:{number}: found {shown(repr(' '.join(fields)))}, expected {expected}")
        trial = fields[0], fields[1]
        if trial in kinds:
            raise DataError(f"{keys}:{number}: found {_trial(trial)} again, expected each once")
        part = fields[key + _PHASE] if len(fields) > key + _PHASE else ""
        kinds[trial] = fields[key] if phase in (None, part) else None
    scored: set[tuple[str, str]] = set()
    for number, (model, utterance, _), _ in rows:
        trial = model, utterance
        if trial in scored or trial not in kinds:
            found, expected = ("again", "each once") if trial in scored else ("", f"one of those of {keys}")
            raise DataError(f"{path}:{number}: found {_trial(trial)} {found}".rstrip() + f", expected {expected}")
        scored.add(trial)
    missing = [trial for trial in kinds if trial not in scored]
    if missing:
        found = f"found no score of {_trial(missing[0])} ({counted(len(missing), 'such trial')})"
        raise DataError(f"{path}: {found}, expected one for each of {keys}")
    return [kinds[fields[0], fields[1]] for _, fields, _ in rows]


def _trial(names: Sequence[str]) -> str:
    return f"model {shown(names[0])}, utterance {shown(names[1])}"


def _place_of_key(fields: Sequence[str], first: int, keys: Collection[str]) -> int:
    """Place of the field that says what a line is of: it ends the line, or is before what was done about silence."""
    for place in range(first, len(fields)):
        if fields[place] in keys and (place + 1 == len(fields) or fields[place + 1] in _TRIMMED):
            return place
    return 0


def _scored_lines(
    path: str | os.PathLike[str], lengths: Sequence[int], expected: str
) -> Iterator[tuple[int, list[str], float]]:
    """Number, fields and score of the lines of a file whose last field is the score."""
    for number, fields in read_fields(path):
        if len(fields) not in lengths:
            raise DataError(f"{path}:{number}: found {counted(len(fields), 'field')}, expected {expected}")
        try:
            yield number, fields, parse_number(fields[-1])
        except ValueError:
            found = shown(repr(fields[-1]))
            raise DataError(f"{path}:{number}: found {found}, expected a number as the score") from None


def _attack_and_key(trial: SpoofTrial) -> list[str]:
    return ["-" if trial.is_bonafide else trial.attack, _key(trial.is_bonafide)]


def _key(is_bonafide: bool) -> str:
    return "bonafide" if is_bonafide else "spoof"
