"""Trials and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked, set_fields, told
from gmmspeech.checks import as_flags, as_names, as_numbers
from gmmspeech.described import Described
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.text import look_alike


@dataclass(frozen=True, eq=False, repr=False)
class TrialList(Described):
    """List of trials, each asking whether test `tests[i]` belongs to model `models[i]`.

    Parameters
    ----------
    models, tests : array-like of str, length N
    is_target : array-like, shape (N,), bool, optional
        Whether the claim is true; None if not known.

    Raises
    ------
    DataError
        If the three differ in length, or one is not a sequence of text or of flags.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> len(gs.TrialList(["ann", "bob"], ["u1", "u1"], np.array([True, False])))
    2
    """

    models: Sequence[str]
    tests: Sequence[str]
    is_target: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        set_fields(self, models=_names(self.models, "TrialList: models"), tests=_names(self.tests, "TrialList: tests"))
        if self.is_target is not None:
            set_fields(self, is_target=as_flags(self.is_target, "TrialList: is_target"))
        _check_lengths("trials", models=self.models, tests=self.tests, is_target=self.is_target)

    def __len__(self) -> int:
        return len(self.models)

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        return [f"trials: {_told_pairs('trial', self)}", f"claims: {self._told_claims()}"]

    def _told_claims(self) -> str:
        if self.is_target is None:
            return "not known whether true"
        num_targets = int(np.count_nonzero(self.is_target))
        return f"{counted(num_targets, 'target', ',')}, {counted(len(self) - num_targets, 'nontarget', ',')}"


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Described):
    """Scores of trials; a higher score means that the test sounds more like the model.

    Parameters
    ----------
    models, tests : array-like of str, length N
    values : array-like, shape (N,), float64

    Raises
    ------
    DataError
        If the three differ in length, one is not a sequence of text or of numbers, or a value is NaN.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> scores = gs.Scores(["ann", "bob"], ["u1", "u1"], np.array([2.5, -1.0]))
    >>> len(scores), scores.models[scores.values.argmax()]
    (2, 'ann')
    """

    models: Sequence[str]
    tests: Sequence[str]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        values = as_numbers(self.values, "Scores: values")
        if values.ndim != 1:
            raise DataError(f"Scores: values: found {told(values)}, expected one number for each pair")
        names = {name: _names(getattr(self, name), f"Scores: {name}") for name in ("models", "tests")}
        set_fields(self, values=values, **names)
        _check_lengths("scores", models=self.models, tests=self.tests, values=self.values)
        bad = np.flatnonzero(np.isnan(self.values))
        if bad.size:
            pair = f"model {shown(self.models[bad[0]])}, test {shown(self.tests[bad[0]])}"
            raise DataError(f"score of {pair}: found nan, expected a number")

    def __len__(self) -> int:
        return len(self.models)

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        lines = [f"scores: {_told_pairs('score', self)}"]
        if len(self):
            with np.errstate(invalid="ignore"):  # of infinite scores
                middle = np.median(self.values)
            lines.append(f"values: {self.values.min():.4g} to {self.values.max():.4g}, median {middle:.4g}")
        return lines

    @checked
    def align(self, trials: TrialList) -> NDArray[np.float64]:
        """Look up the score of each trial, by model and test.

        Parameters
        ----------
        trials : TrialList

        Returns
        -------
        ndarray, shape (len(trials),), float64
            In the order of the trials, including repeated ones. Scores of other pairs are left out.

        Raises
        ------
        DataError
            If a trial has no score, or a repeated trial or score contradicts the first; the message names the pair.

        Examples
        --------
        >>> import numpy as np, gmmspeech as gs
        >>> scores = gs.Scores(["bob", "ann"], ["u1", "u1"], np.array([-1.5, 2.5]))
        >>> scores.align(gs.TrialList(["ann"], ["u1"]))
        array([2.5])
        """
        codes = places(self.models), places(self.tests)
        keys = _keys(self, *codes, len(self))
        order = np.argsort(keys)
        keys = keys[order]
        _check_agreed(keys, order, self, self.values, "score")
        wanted = _keys(trials, *codes, len(self))
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        missing = np.flatnonzero(keys[place] != wanted) if len(keys) else np.arange(len(wanted))
        if missing.size:
            model, test = trials.models[missing[0]], trials.tests[missing[0]]
            swapped = model in codes[1] and test in codes[0] and model not in codes[0] and test not in codes[1]
            alike = " (models are tests there, and tests models: are the columns swapped?)" if swapped else ""
            alike = alike or look_alike(model, codes[0]) or look_alike(test, codes[1])
            found = f"no score ({missing.size} such of {len(trials)})"
            raise DataError(f"trial of model {shown(model)}, test {shown(test)}: found {found}, expected one{alike}")
        if trials.is_target is not None:
            trial_order = np.argsort(wanted)
            _check_agreed(wanted[trial_order], trial_order, trials, trials.is_target, "trial")
        return self.values[order[place]]

    @checked
    def split(self, trials: TrialList) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Split the scores into those of true and of false claims.

        Parameters
        ----------
        trials : TrialList
            With `is_target`.

        Returns
        -------
        target_scores, nontarget_scores : ndarray, float64
            Each in the order of the trials.

        Raises
        ------
        DataError
            As for `align`; also if the trials don't say which claims are true.

        Examples
        --------
        >>> import numpy as np, gmmspeech as gs
        >>> trials = gs.TrialList(["ann", "bob"], ["u1", "u1"], np.array([True, False]))
        >>> gs.Scores(["bob", "ann"], ["u1", "u1"], np.array([-1.5, 2.5])).split(trials)
        (array([2.5]), array([-1.5]))
        """
        if trials.is_target is None:
            raise DataError(f"{counted(len(trials), 'trial')}: found no labels, expected target or nontarget for each")
        values = self.align(trials)
        return values[trials.is_target], values[~trials.is_target]


@checked
def make_trials(models: Mapping[str, str], tests: Mapping[str, str]) -> TrialList:
    """List the trials of all models against all tests, marked as target or nontarget.

    Parameters
    ----------
    models, tests : mapping
        Speaker of each name.

    Returns
    -------
    TrialList
        Models in the given order, each with all tests.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> trials = gs.scoring.make_trials({"ann": "ann", "bob": "bob"}, {"u1": "ann", "u2": "zoe"})
    >>> list(zip(trials.models, trials.tests, trials.is_target.tolist()))
    [('ann', 'u1', True), ('ann', 'u2', False), ('bob', 'u1', False), ('bob', 'u2', False)]
    """
    pairs = [(model, test) for model in models for test in tests]
    is_target = np.array([models[model] == tests[test] for model, test in pairs], dtype=np.bool_)
    return TrialList([model for model, _ in pairs], [test for _, test in pairs], is_target)


def _told_pairs(what: str, pairs: TrialList | Scores) -> str:
    models, tests = counted(len(set(pairs.models)), "model", ","), counted(len(set(pairs.tests)), "test", ",")
    return f"{counted(len(pairs), what, ',')} of {models} and {tests}"


def _names(names: Any, owner: str) -> Sequence[str]:
    """Names as they are where they are a list or a tuple of text, as a list where they are another row of text."""
    if isinstance(names, (list, tuple)) and set(map(type, names)) <= {str}:
        return names
    found = as_names(names, owner)
    if found.ndim != 1:
        raise DataError(f"{owner}: found {told(found)}, expected names in a row")
    return found.tolist()


def _check_lengths(what: str, **columns: Sequence[str] | NDArray | None) -> None:
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{what}: found columns of lengths {lengths}, expected the same for all")


def places(names: Sequence[str]) -> dict[str, int]:
    """Find each name, the last of equal ones."""
    return dict(zip(names, range(len(names)), strict=True))


def of_matrix(
    matrix: NDArray[np.float64], models: Sequence[str], tests: Sequence[str], pairs: TrialList | Scores
) -> NDArray[np.float64]:
    """Give the values of pairs in a matrix that has a row for each model and a column for each test."""
    rows, columns = places(models), places(tests)
    return matrix[[rows[model] for model in pairs.models], [columns[test] for test in pairs.tests]]


def look_up(names: Sequence[str], known: dict[str, int]) -> NDArray[np.int64]:
    """Numbers of names, -1 for those not known; a quarter of a second for a million."""
    return np.fromiter(map(known.get, names, repeat(-1)), np.int64, len(names))


def _keys(pairs: TrialList | Scores, models: dict[str, int], tests: dict[str, int], width: int) -> NDArray[np.int64]:
    """Number every pair of a known model and a known test, whose numbers are below `width`, -1 for others."""
    rows, columns = look_up(pairs.models, models), look_up(pairs.tests, tests)
    return np.where((rows < 0) | (columns < 0), -1, rows * width + columns)


def _check_agreed(
    keys: NDArray[np.int64], order: NDArray[np.intp], pairs: TrialList | Scores, said: NDArray, what: str
) -> None:
    """Check that the same is said of equal ones among sorted keys; `order` leads back to the pairs."""
    again = np.flatnonzero((keys[1:] == keys[:-1]) & (said[order[1:]] != said[order[:-1]]))
    if again.size:
        at = order[again[0]]
        pair = f"model {shown(pairs.models[at])}, test {shown(pairs.tests[at])}"
        raise DataError(f"{what} of {pair}: found more than once, not always the same, expected one {what}")
