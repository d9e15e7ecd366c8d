"""Trial lists and score files: ``model test target|nontarget`` and ``model test score``, one a line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import check_distinct, is_field, parse_number
from gmmspeech.formats.datadir import read_fields, read_map
from gmmspeech.scoring.trials import Scores, TrialList

_LABELS = {"target": True, "nontarget": False}


@checked
def read_trials(path: str | os.PathLike[str]) -> TrialList:
    """Read a trial list.

    Parameters
    ----------
    path : path-like
        Lines of ``model test target`` or ``model test nontarget``; or ``model test`` on all lines, where it is not
        known which claims are true.

    Returns
    -------
    TrialList
        In the file's order; `is_target` None if there were no labels.

    Raises
    ------
    DataError
        If the file is missing, empty, not UTF-8, a line has other fields, or a pair comes again; with the line.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/trials"
    >>> write_trials(path, TrialList(["ann", "bob"], ["u1", "u1"], np.array([True, False])))
    >>> read_trials(path).is_target
    array([ True, False])
    """
    models: list[str] = []
    tests: list[str] = []
    labels: list[bool] = []
    for number, fields in read_fields(path):
        if len(fields) == 3 and fields[2] in _LABELS and len(labels) == len(models):
            labels.append(_LABELS[fields[2]])
        elif len(fields) != 2 or labels:
            found = shown(repr(fields[2])) if len(fields) == 3 else f"{len(fields)} fields"
            also = "" if labels else ", or model test on every line"
            raise DataError(f"{path}:{number}: found {found}, expected model test target or nontarget{also}")
        models.append(fields[0])
        tests.append(fields[1])
    models, tests = _shared(models), _shared(tests)
    _check_pairs(path, models, tests)
    return TrialList(models, tests, np.array(labels) if labels else None)


def read_labeled_trials(path: str | os.PathLike[str]) -> TrialList:
    """Read a trial list that says which claims are true, as `read_trials` does."""
    trials = read_trials(path)
    if trials.is_target is None:
        raise DataError(f"{path}: found no labels, expected target or nontarget on every line")
    targets = int(trials.is_target.sum())
    if targets in (0, len(trials)):
        kind = "target" if targets == 0 else "nontarget"
        raise DataError(f"{path}: found no {kind} trials among {len(trials)}, expected both kinds")
    return trials


def read_speakers(paths: Iterable[str | os.PathLike[str]]) -> dict[str, str]:
    """Read who speaks in which utterance, and for which model, from several files of ``name speaker`` lines."""
    found: dict[str, str] = {}
    for path in paths:
        for name, speaker in read_map(path).items():
            if found.setdefault(name, speaker) != speaker:
                told = f"{shown(name)} of speaker {shown(speaker)}"
                raise DataError(f"{path}: found {told}, expected {shown(found[name])} as in another file")
    return {**{speaker: speaker for speaker in found.values()}, **found}


def write_trials(path: str | os.PathLike[str], trials: TrialList) -> None:
    """Write a trial list, atomically, as `read_trials` reads it."""
    _check_ids(path, trials.models, trials.tests)
    if trials.is_target is None:
        write_lines(path, map(" ".join, zip(trials.models, trials.tests, strict=True)))
        return
    labels = (("nontarget", "target")[bool(is_target)] for is_target in trials.is_target)
    write_lines(path, map(" ".join, zip(trials.models, trials.tests, labels, strict=True)))


@checked
def read_scores(path: str | os.PathLike[str]) -> Scores:
    """Read a file of scores.

    Parameters
    ----------
    path : path-like
        Lines of ``model test score``.

    Returns
    -------
    Scores
        In the file's order.

    Raises
    ------
    DataError
        If the file is missing, empty, not UTF-8, a line has other fields, a score is no number, or a pair comes
        again; with the line.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/scores"
    >>> write_scores(path, Scores(["ann", "bob"], ["u1", "u1"], np.array([2.5, -1.25])))
    >>> read_scores(path).values
    array([ 2.5 , -1.25])
    """
    models: list[str] = []
    tests: list[str] = []
    values: list[float] = []
    for number, fields in read_fields(path):
        if len(fields) != 3:
            raise DataError(f"{path}:{number}: found {len(fields)} fields, expected 3 (model test score)")
        models.append(fields[0])
        tests.append(fields[1])
        values.append(_number(path, number, fields[2]))
    models, tests = _shared(models), _shared(tests)
    _check_pairs(path, models, tests)
    return Scores(models, tests, np.array(values))


@checked
def write_scores(path: str | os.PathLike[str], scores: Scores) -> None:
    """Write scores, atomically, with nine significant digits (each float32 comes back as it was).

    Raises
    ------
    DataError
        If there are no scores, an id is empty or has a blank, or the file can't be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "scores")
    >>> write_scores(path, Scores(["ann"], ["u1"], np.array([2.5])))
    >>> path.read_text()
    'ann u1 2.5\\n'
    """
    _check_ids(path, scores.models, scores.tests)
    triples = zip(scores.models, scores.tests, scores.values.tolist(), strict=True)
    write_lines(path, (f"{model} {test} {value:.9g}" for model, test, value in triples))


def _number(path: str | os.PathLike[str], line: int, field: str) -> float:
    try:
        return parse_number(field, infinite=True)
    except ValueError:
        raise DataError(f"{path}:{line}: found {shown(repr(field))}, expected a number as the score") from None


def _shared(names: Iterable[str]) -> list[str]:
    """Keep one string where many are equal: a million trials have few models."""
    kept: dict[str, str] = {}
    return [kept.setdefault(name, name) for name in names]


def _check_pairs(path: str | os.PathLike[str], models: Sequence[str], tests: Sequence[str]) -> None:
    first_line: dict[tuple[str, str], int] = {}
    for number, pair in enumerate(zip(models, tests, strict=True), 1):
        if first_line.setdefault(pair, number) != number:
            found, first = f"model {shown(pair[0])}, test {shown(pair[1])} again", first_line[pair]
            raise DataError(f"{path}:{number}: found {found}, expected each pair once (it is in line {first})")
    for names in (models, tests):
        check_distinct(path, dict.fromkeys(names))


def _check_ids(path: str | os.PathLike[str], *columns: Sequence[str]) -> None:
    for name in set().union(*columns):
        if not is_field(name):
            raise DataError(f"{path}: can't hold the id {shown(repr(name))}, expected no blanks, and not empty")
    if not columns[0]:
        raise DataError(f"{path}: found nothing to write, expected one or more pairs")
