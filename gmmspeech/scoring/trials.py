"""Trials, and the scores that a system gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, shown
from gmmspeech.files.text import look_alike


@dataclass(frozen=True, eq=False)
class TrialList:
    """Trials: does test `tests[i]` belong to model `models[i]`?

    Parameters
    ----------
    models, tests : sequence of str, length N
    is_target : ndarray, shape (N,), bool, optional
        Whether the claim is true; None where that is not known.

    Raises
    ------
    DataError
        If the three are not of the same length.

    Examples
    --------
    >>> len(TrialList(["ann", "bob"], ["u1", "u1"], np.array([True, False])))
    2
    """

    models: Sequence[str]
    tests: Sequence[str]
    is_target: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        _check_lengths("trials", models=self.models, tests=self.tests, is_target=self.is_target)

    def __len__(self) -> int:
        return len(self.models)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of trials: the higher, the more the test sounds like the model.

    Parameters
    ----------
    models, tests : sequence of str, length N
    values : ndarray, shape (N,), float64

    Raises
    ------
    DataError
        If the three are not of the same length, or a value is NaN.

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
        _check_lengths("scores", models=self.models, tests=self.tests, values=self.values)
        bad = np.flatnonzero(np.isnan(self.values))
        if bad.size:
            pair = f"model {shown(self.models[bad[0]])}, test {shown(self.tests[bad[0]])}"
            raise DataError(f"score of {pair}: found nan, expected a number")

    def __len__(self) -> int:
        return len(self.models)

    @checked
    def align(self, trials: TrialList) -> NDArray[np.float64]:
        """Look up the score of each trial, by model and test.

        Parameters
        ----------
        trials : TrialList

        Returns
        -------
        ndarray, shape (len(trials),), float64
            In the trials' order. Scores of other pairs are left out.

        Raises
        ------
        DataError
            If a trial has no score, or a trial or a score is there twice; the message names the pair.

        Examples
        --------
        >>> scores = Scores(["bob", "ann"], ["u1", "u1"], np.array([-1.5, 2.5]))
        >>> scores.align(TrialList(["ann"], ["u1"]))
        array([2.5])
        """
        model_code = {name: i for i, name in enumerate(dict.fromkeys(self.models))}
        test_code = {name: i for i, name in enumerate(dict.fromkeys(self.tests))}
        keys = _keys(self, model_code, test_code)
        order = np.argsort(keys)
        keys = keys[order]
        _check_once(keys, order, self, "score")
        wanted = _keys(trials, model_code, test_code)
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        missing = np.flatnonzero(keys[place] != wanted) if len(keys) else np.arange(len(wanted))
        if missing.size:
            model, test = trials.models[missing[0]], trials.tests[missing[0]]
            alike = look_alike(model, model_code) or look_alike(test, test_code)
            found = f"no score ({missing.size} such of {len(trials)})"
            raise DataError(f"trial of model {shown(model)}, test {shown(test)}: found {found}, expected one{alike}")
        trial_order = np.argsort(wanted)
        _check_once(wanted[trial_order], trial_order, trials, "trial")
        return self.values[order[place]]

    @checked
    def split(self, trials: TrialList) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the scores of true and of false claims.

        Parameters
        ----------
        trials : TrialList
            With `is_target`.

        Returns
        -------
        target_scores, nontarget_scores : ndarray, float64
            Each in the trials' order.

        Raises
        ------
        DataError
            As `align`; also if the trials don't say which claims are true.

        Examples
        --------
        >>> trials = TrialList(["ann", "bob"], ["u1", "u1"], np.array([True, False]))
        >>> Scores(["bob", "ann"], ["u1", "u1"], np.array([-1.5, 2.5])).split(trials)
        (array([2.5]), array([-1.5]))
        """
        if trials.is_target is None:
            raise DataError(f"{len(trials)} trials: found no labels, expected target or nontarget for each")
        values = self.align(trials)
        return values[trials.is_target], values[~trials.is_target]


def _check_lengths(what: str, **columns: Sequence[str] | NDArray | None) -> None:
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{what}: found columns of lengths {lengths}, expected the same for all")


def _keys(pairs: TrialList | Scores, model_code: dict[str, int], test_code: dict[str, int]) -> NDArray[np.int64]:
    """Number every pair of a known model and a known test, -1 for others; about a second for a million."""
    count = len(pairs)
    models = np.fromiter((model_code.get(name, -1) for name in pairs.models), np.int64, count)
    tests = np.fromiter((test_code.get(name, -1) for name in pairs.tests), np.int64, count)
    return np.where((models < 0) | (tests < 0), -1, models * len(test_code) + tests)


def _check_once(keys: NDArray[np.int64], order: NDArray[np.intp], pairs: TrialList | Scores, what: str) -> None:
    """Check that sorted keys differ; `order` leads back to the pairs."""
    again = np.flatnonzero(keys[1:] == keys[:-1])
    if again.size:
        at = order[again[0]]
        pair = f"model {shown(pairs.models[at])}, test {shown(pairs.tests[at])}"
        raise DataError(f"{what} of {pair}: found more than once ({again.size} such), expected once")
