"""Trial lists and score files: lines of ``model test target|nontarget`` and ``model test score``.

VoxCeleb lists, ``1|0 FILE FILE``, can also be read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import check_distinct, is_field, read_line_blocks, split_columns
from gmmspeech.formats.datadir import fields_of_lines, read_map
from gmmspeech.formats.score_files import read_score_blocks, score_lines
from gmmspeech.scoring.trials import Scores, TrialList, look_up, places

_LABELS = {"target": True, "nontarget": False}
_VOXCELEB = {"1": "target", "0": "nontarget"}  # which begin the lines


@checked
def read_trials(path: str | os.PathLike[str]) -> TrialList:
    """Read a trial list.

    Parameters
    ----------
    path : path-like
        Lines of ``model test target`` or ``model test nontarget``; or ``model test`` on all lines, without labels; or
        all in VoxCeleb's form, ``1 model test`` or ``0 model test``, where a file ``SPEAKER/VIDEO/NUMBER.wav`` is the
        utterance ``SPEAKER-VIDEO-NUMBER``.

    Returns
    -------
    TrialList
        In the order of the file, including repeated trials; `is_target` is None if there are no labels.

    Raises
    ------
    DataError
        If the file is missing, empty or not UTF-8, a line has other fields, or a repeated pair has another label; the
        message gives the line.

    Examples
    --------
    >>> from gmmspeech.formats.trials import write_trials
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/trials"
    >>> write_trials(path, gs.TrialList(["ann", "bob"], ["u1", "u1"], np.array([True, False])))
    >>> gs.read_trials(path).is_target
    array([ True, False])
    """
    models: list[str] = []
    tests: list[str] = []
    labels: list[str] = []
    for first, lines in read_line_blocks(path):
        columns = _columns(lines, [3] if labels else [2] if models else [3, 2])
        if columns is None:
            rows = fields_of_lines(path, first, lines)
            raise _malformed(path, first, rows, labeled=bool(labels), begun=bool(models))
        models += columns[0]
        tests += columns[1]
        labels += columns[2] if len(columns) == 3 else []
    models, tests = _agreed_pairs(path, models, tests, labels)
    return TrialList(models, tests, np.array(list(map(_LABELS.__getitem__, labels))) if labels else None)


def _columns(lines: list[str], counts: Iterable[int]) -> list[list[str]] | None:
    """Models, tests and, of three, labels of lines of one of some numbers of fields; None where there are others."""
    for count in counts:
        columns = split_columns(lines, count)
        if columns is None:
            continue
        if count == 2 or _LABELS.keys() >= set(columns[2]):
            return columns
        if _VOXCELEB.keys() >= set(columns[0]):
            models, tests = (list(map(voxceleb_utterance, column)) for column in columns[1:])
            return [models, tests, list(map(_VOXCELEB.__getitem__, columns[0]))]
        return None
    return None


def voxceleb_utterance(name: str) -> str:
    """Id of the utterance in a file that VoxCeleb's lists name; other names stay.

    Examples
    --------
    >>> voxceleb_utterance("id10270/5r0dWxy17C8/00001.wav")
    'id10270-5r0dWxy17C8-00001'
    """
    return name.removesuffix(".wav").replace("/", "-") if name.count("/") == 2 else name


def _malformed(
    path: str | os.PathLike[str], first: int, rows: list[list[str]], *, labeled: bool, begun: bool
) -> DataError:
    """Name the first line that is not like those before."""
    if len(rows[0]) == 3 and rows[0][0] in _VOXCELEB and rows[0][2] not in _LABELS:
        others = ((i, row) for i, row in enumerate(rows) if len(row) != 3 or row[0] not in _VOXCELEB)
        place, fields = next(others, (0, rows[0]))
        found = f"found {shown(' '.join(fields))}"
        return DataError(f"{path}:{first + place}: {found}, expected 1 or 0, model and test, as before")
    for fields in rows:
        if len(fields) == 3 and fields[2] in _LABELS and (labeled or not begun):
            labeled = True
        elif len(fields) != 2 or labeled:
            break
        begun, first = True, first + 1
    found = shown(repr(fields[2])) if len(fields) == 3 else counted(len(fields), "field")
    also = "" if labeled else ", or model test on every line"
    return DataError(f"{path}:{first}: found {found}, expected model test target or nontarget{also}")


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
        Lines of ``model test score``. A score may be infinite (``inf``, ``-INF``), but metrics require finite scores.

    Returns
    -------
    Scores
        In the order of the file.

    Raises
    ------
    DataError
        If the file is missing, empty or not UTF-8, a line has other fields, a score is not a number, or a repeated pair
        has another score; the message gives the line.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/scores"
    >>> gs.write_scores(path, gs.Scores(["ann", "bob"], ["u1", "u1"], np.array([2.5, -1.25])))
    >>> gs.read_scores(path).values
    array([ 2.5 , -1.25])
    """
    models: list[str] = []
    tests: list[str] = []
    values = []
    for block in read_score_blocks(path):
        models += block.models
        tests += block.tests
        values.append(block.values)
    joined = np.concatenate(values)
    models, tests = _agreed_pairs(path, models, tests, joined)
    return Scores(models, tests, joined)


@checked
def write_scores(path: str | os.PathLike[str], scores: Scores) -> None:
    """Write scores atomically, with nine significant digits, which preserve float32 exactly.

    Parameters
    ----------
    path : path-like
    scores : Scores

    Raises
    ------
    DataError
        If there are no scores, an id is empty or has a blank, or the file can't be written.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np, gmmspeech as gs
    >>> path = pathlib.Path(tempfile.mkdtemp(), "scores")
    >>> gs.write_scores(path, gs.Scores(["ann"], ["u1"], np.array([2.5])))
    >>> path.read_text()
    'ann u1 2.5\\n'
    """
    _check_ids(path, scores.models, scores.tests)
    write_lines(path, score_lines(scores))


def _agreed_pairs(
    path: str | os.PathLike[str], models: list[str], tests: list[str], said: Sequence[str] | NDArray[np.float64]
) -> tuple[list[str], list[str]]:
    """Names with one string where many are equal, or an error that names the first line that contradicts another."""
    known = places(models), places(tests)
    rows, columns = look_up(models, known[0]), look_up(tests, known[1])
    keys = np.sort(rows * len(tests) + columns)
    if len(said) and (keys[1:] == keys[:-1]).any():
        first_line: dict[tuple[str, str], int] = {}
        for number, pair in enumerate(zip(models, tests, strict=True), 1):
            first = first_line.setdefault(pair, number)
            if said[first - 1] != said[number - 1]:
                found = f"model {shown(pair[0])}, test {shown(pair[1])} again,"
                expected = f"{said[first - 1]} for it as before (it is in line {first})"
                raise DataError(f"{path}:{number}: found {found} with {said[number - 1]}, expected {expected}")
    for names in known:
        if not "".join(names).isascii():
            check_distinct(path, names)
    return list(map(models.__getitem__, rows.tolist())), list(map(tests.__getitem__, columns.tolist()))


def _check_ids(path: str | os.PathLike[str], *columns: Sequence[str]) -> None:
    if not len(columns[0]):
        raise DataError(f"{path}: found nothing to write, expected one or more pairs")
    names = set().union(*columns)
    if "" not in names and (joined := "".join(names)).isascii() and is_field(joined):
        return
    for name in names:
        if not is_field(name):
            raise DataError(f"{path}: can't hold the id {shown(repr(name))}, expected no blanks, and not empty")
