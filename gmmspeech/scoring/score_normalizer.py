"""Score normalization of listed scores, which may exceed memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError, DataError, counted, shown
from gmmspeech.files.text import look_alike
from gmmspeech.scoring.normalization import Normalization
from gmmspeech.scoring.trials import Scores

Method = Literal["z", "t", "zt", "s"]
_NEEDED = {  # by method
    "z": ("model_cohort",),
    "t": ("test_cohort",),
    "s": ("model_cohort", "test_cohort"),
    "zt": ("model_cohort", "test_cohort", "cohort_cohort"),
}


class ScoreNormalizer:
    """Normalization of listed scores with listed cohort scores; see `z_norm`, `t_norm`, `zt_norm` and `s_norm`.

    The cohort scores are kept as matrices (8 bytes per score); the scores to normalize may come in blocks, so that
    memory does not grow with the number of trials (`gmmspeech.formats.score_files`).

    Parameters
    ----------
    method : {"z", "t", "zt", "s"}
        "s" with `top_n` is adaptive s-norm.
    model_cohort : Scores or iterable of Scores, optional
        Scores of every model against every cohort test; for all methods except "t". An iterable gives blocks of one
        list.
    test_cohort : Scores or iterable of Scores, optional
        Scores of every cohort model against every test; for all methods except "z".
    cohort_cohort : Scores or iterable of Scores, optional
        Scores of every cohort model against every cohort test; for "zt".
    top_n : int, optional
        For "s": number of highest cohort scores to use.
    speakers : mapping, optional
        Speaker of each model, cohort model and cohort test: entries of the claimed speaker are left out of the cohort.

    Raises
    ------
    ConfigError
        An unknown method, cohort scores that are missing or not used by the method, or `top_n` out of range.
    DataError
        Cohort scores that are infinite, missing or repeated for a pair, equal for a model or test, or too few; or a
        name without a speaker.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> cohort = gs.Scores(["ann", "ann", "ann"], ["c1", "c2", "c3"], np.array([-1.0, 0.0, 1.0]))
    >>> z = gs.scoring.ScoreNormalizer("z", model_cohort=cohort)
    >>> z.apply(gs.Scores(["ann", "ann"], ["u1", "u2"], np.array([3.0, 1.0]))).values
    array([3., 1.])
    """

    @checked
    def __init__(
        self,
        method: Method,
        *,
        model_cohort: Scores | Iterable[Scores] | None = None,
        test_cohort: Scores | Iterable[Scores] | None = None,
        cohort_cohort: Scores | Iterable[Scores] | None = None,
        top_n: int | None = None,
        speakers: Mapping[str, Hashable] | None = None,
    ) -> None:
        given = {"model_cohort": model_cohort, "test_cohort": test_cohort, "cohort_cohort": cohort_cohort}
        _check_method(method, top_n, given)
        self._speakers = speakers
        self._codes: dict[Hashable, int] = {}
        self._models: dict[str, int] = {}
        self._tests: dict[str, int] = {}
        cohort_tests: dict[str, int] = {}
        cohort_models: dict[str, int] = {}
        matrices: dict[str, NDArray] = {}
        if model_cohort is not None:
            self._models, cohort_tests, matrices["model_cohort"] = _pivot(
                _blocks_of(model_cohort), rows="models", what="model"
            )
        if test_cohort is not None:
            self._tests, cohort_models, matrices["test_cohort"] = _pivot(
                _blocks_of(test_cohort), rows="tests", what="test"
            )
        if cohort_cohort is not None:
            rows, columns, matrix = _pivot(_blocks_of(cohort_cohort), rows="models", what="cohort model")
            order = [_places(cohort_models, rows, "cohort model"), _places(cohort_tests, columns, "cohort test")]
            matrices["cohort_cohort"] = matrix[np.ix_(*order)]
        self._core = Normalization(
            method,
            **matrices,
            top_n=top_n,
            model_codes=self._speaker_codes(self._models, learn=True),
            model_cohort_codes=self._speaker_codes(cohort_tests, learn=True),
            test_cohort_codes=self._speaker_codes(cohort_models, learn=True),
            model_names=list(self._models),
            test_names=list(self._tests),
        )

    @checked
    def apply(self, scores: Scores) -> Scores:
        """Normalize listed scores.

        Raises
        ------
        DataError
            A model or a test without cohort scores, or a model without a speaker; the message names it.
        """
        models = tests = None
        if self._core.model is not None:
            models = _places(scores.models, self._models, "model")
        if self._core.test is not None:
            tests = _places(scores.tests, self._tests, "test")
        values = self._core.apply(scores.values, models, tests, self._speaker_codes(scores.models))
        return Scores(scores.models, scores.tests, values)

    def _speaker_codes(self, names: Iterable[str], *, learn: bool = False) -> NDArray[np.intp]:
        """Number the speakers of names: -1 for those who are not in the cohort, or if speakers are not told."""
        names = list(names)
        if self._speakers is None:
            return np.full(len(names), -1)
        code, speakers = self._codes, self._speakers
        try:
            if learn:
                return np.array([code.setdefault(speakers[name], len(code)) for name in names], np.intp)
            return np.fromiter((code.get(speakers[name], -1) for name in names), np.intp, len(names))
        except KeyError as error:
            name = error.args[0]
            expected = f"one for every model and cohort entry (there are {len(speakers)}){look_alike(name, speakers)}"
            raise DataError(f"{shown(name)}: found no speaker of it, expected {expected}") from None


def _check_method(method: str, top_n: int | None, cohorts: Mapping[str, object]) -> None:
    if method not in _NEEDED:
        raise ConfigError(f"method: found {method!r}, expected one of {', '.join(_NEEDED)}")
    for name, cohort in cohorts.items():
        if (cohort is not None) != (name in _NEEDED[method]):
            found, expected = ("none", "some") if cohort is None else ("some", "none")
            raise ConfigError(f"{name}: found {found}, expected {expected} for the method {method!r}")
    if top_n is not None and method != "s":
        raise ConfigError(f"top_n: found {top_n}, expected none for the method {method!r} (only s-norm is adaptive)")


def _blocks_of(scores: Scores | Iterable[Scores]) -> Iterable[Scores]:
    return [scores] if isinstance(scores, Scores) else scores


def _places(names: Iterable[str], index: Mapping[str, int], what: str) -> NDArray[np.intp]:
    """Index of every name, or a DataError with the first that has none."""
    places = np.fromiter((index.get(name, -1) for name in names), np.intp)
    missing = np.flatnonzero(places < 0)
    if missing.size:
        unknown = list(dict.fromkeys(name for name in names if name not in index))
        found = f"found no cohort scores ({len(unknown)} such of {len(set(names))} {what}s)"
        alike = look_alike(unknown[0], index)
        raise DataError(f"{what} {shown(unknown[0])}: {found}, expected some for every {what}{alike}")
    return places


def _pivot(
    scores: Iterable[Scores], *, rows: str, what: str
) -> tuple[dict[str, int], dict[str, int], NDArray[np.float64]]:
    """Arrange listed cohort scores as a matrix."""
    row_index: dict[str, int] = {}
    column_index: dict[str, int] = {}
    parts: list[tuple[NDArray, NDArray, NDArray]] = []
    for block in scores:
        names = (block.models, block.tests) if rows == "models" else (block.tests, block.models)
        codes = [
            np.fromiter((index.setdefault(name, len(index)) for name in column), np.int32, len(block))
            for index, column in zip((row_index, column_index), names, strict=True)
        ]
        parts.append((codes[0], codes[1], block.values))
    if not parts:
        raise DataError(f"cohort scores of {what}s: found none, expected some")
    matrix = np.full((len(row_index), len(column_index)), np.nan)
    count = 0
    for row, column, values in parts:
        matrix[row, column] = values
        count += len(values)
    missing = np.argwhere(np.isnan(matrix))
    if count > matrix.size - len(missing):
        raise DataError(f"cohort scores of {what}s: found {_twice(parts, row_index, column_index, what)} more than "
                        "once, expected each pair once")  # fmt: skip
    if len(missing):
        row_names, column_names = list(row_index), list(column_index)
        pair = f"{what} {row_names[missing[0][0]]}: found no score against cohort entry {column_names[missing[0][1]]}"
        raise DataError(
            f"{pair} ({counted(len(missing), 'such pair')}), expected one for every {what} and cohort entry"
        )
    return row_index, column_index, matrix


def _twice(parts: list[tuple[NDArray, NDArray, NDArray]], rows: dict, columns: dict, what: str) -> str:
    """Name the first pair that is there again."""
    row, column = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    _, first, counts = np.unique(row.astype(np.int64) * len(columns) + column, return_index=True, return_counts=True)
    at = first[counts > 1].min()
    return f"{what} {list(rows)[row[at]]} and cohort entry {list(columns)[column[at]]}"
