r"""Score normalization: scores relative to those of impostors.

Impostor scores differ between models, tests and channels, so one threshold does not suit all. Normalized scores are
relative to the mean and the standard deviation (ddof 1) of scores against a cohort of other speakers. With
:math:`\mu, \sigma` of the model's scores against cohort tests (m), or of the test's scores against cohort models (t):

.. math::

    s_z = \frac{s - \mu_m}{\sigma_m}, \qquad
    s_t = \frac{s - \mu_t}{\sigma_t}, \qquad
    s_s = \frac{s_z + s_t}{2}

Adaptive s-norm takes :math:`\mu` and :math:`\sigma` of only the N highest of these scores: of the cohort entries most
similar to the model, and to the test. Zt-norm is t-norm of z-normalized scores (also of the cohort models).

A cohort speaker who is claimed in a trial is not an impostor in it. If speakers are given, cohort entries of the
claimed speaker (that of the model) are left out of both :math:`\mu` and :math:`\sigma`, for the model and for the test.
Nothing is assumed about who really speaks in the test.

References
----------
R. Auckenthaler, M. Carey and H. Lloyd-Thomas, "Score normalization for text-independent speaker verification systems",
Digital Signal Processing 10, 2000 (z, t, zt).
P. Kenny, "Bayesian speaker verification with heavy-tailed priors", Odyssey 2010 (s).
P. Matějka et al., "Analysis of score normalization in multilingual speaker recognition", Interspeech 2017 (adaptive s;
here the variant named AS-norm1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check, checked
from gmmspeech.checks import real_array
from gmmspeech.errors import ConfigError, DataError, counted
from gmmspeech.metrics.bootstrap import Speakers, speaker_codes
from gmmspeech.scoring.cohort import Cohort, blocks


@checked
def z_norm(
    scores: ArrayLike,
    model_cohort: ArrayLike,
    *,
    model_speakers: Speakers | None = None,
    model_cohort_speakers: Speakers | None = None,
    out: NDArray[np.floating] | None = None,
) -> NDArray:
    """Apply z-norm: normalize by each model's scores against cohort tests.

    Parameters
    ----------
    scores : array-like, shape (M, T)
        Models by tests. All arrays may be memory-mapped (`numpy.memmap`); they are read in blocks.
    model_cohort : array-like, shape (M, C)
        Models by cohort tests.
    model_speakers, model_cohort_speakers : sequence, length M and C, optional
        Their speakers; a model is not normalized by tests of its own speaker. Both or neither.
    out : ndarray, shape (M, T), optional
        Output array, written block by block; may be `scores` itself.

    Returns
    -------
    ndarray, shape (M, T), float64
        `out`, if given.

    Raises
    ------
    DataError
        A score that is NaN, cohort scores that are not finite, equal for a row, too few, or of another shape; `out` of
        another shape, or of whole numbers.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.scoring.z_norm([[3.0, 1.0]], [[-1.0, 0.0, 1.0]])
    array([[3., 1.]])
    """
    codes = _codes(model_speakers, model_cohort=model_cohort_speakers)
    return _normalize_matrix("z", scores, codes, out, model_cohort=model_cohort)


@checked
def t_norm(
    scores: ArrayLike,
    test_cohort: ArrayLike,
    *,
    model_speakers: Speakers | None = None,
    test_cohort_speakers: Speakers | None = None,
    out: NDArray[np.floating] | None = None,
) -> NDArray:
    """Apply t-norm: normalize by each test's scores against cohort models.

    Parameters
    ----------
    scores : array-like, shape (M, T)
    test_cohort : array-like, shape (T, C)
        Tests by cohort models.
    model_speakers, test_cohort_speakers : sequence, length M and C, optional
        Their speakers; in trials of a model, cohort models of its speaker are left out. Both or neither.
    out : ndarray, shape (M, T), optional

    Returns
    -------
    ndarray, shape (M, T), float64

    Raises
    ------
    DataError
        As for `z_norm`.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.scoring.t_norm([[3.0, 1.0]], [[-1.0, 0.0, 1.0], [-3.0, 1.0, 5.0]])
    array([[3., 0.]])
    """
    codes = _codes(model_speakers, test_cohort=test_cohort_speakers)
    return _normalize_matrix("t", scores, codes, out, test_cohort=test_cohort)


@checked
def s_norm(
    scores: ArrayLike,
    model_cohort: ArrayLike,
    test_cohort: ArrayLike,
    *,
    top_n: int | None = None,
    model_speakers: Speakers | None = None,
    model_cohort_speakers: Speakers | None = None,
    test_cohort_speakers: Speakers | None = None,
    out: NDArray[np.floating] | None = None,
) -> NDArray:
    """Apply s-norm, the mean of z- and t-norm, or with `top_n` adaptive s-norm.

    Parameters
    ----------
    scores : array-like, shape (M, T)
    model_cohort : array-like, shape (M, C)
        Models by cohort.
    test_cohort : array-like, shape (T, C')
        Tests by cohort; usually the same cohort.
    top_n : int, optional
        Number of highest cohort scores of a model, and of a test, to use; usually 200 to 400. By default all.
    model_speakers, model_cohort_speakers, test_cohort_speakers : sequence, length M, C and C', optional
        Their speakers; cohort entries of a model's speaker are left out of its trials, on both sides. All or none.
    out : ndarray, shape (M, T), optional

    Returns
    -------
    ndarray, shape (M, T), float64

    Raises
    ------
    DataError
        As for `z_norm`.
    ConfigError
        `top_n` is below 2, or above the size of the cohort.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.scoring.s_norm([[3.0]], [[-1.0, 0.0, 1.0]], [[-3.0, 1.0, 5.0]])
    array([[1.75]])
    >>> gs.scoring.s_norm([[3.0]], [[-9.0, -1.0, 0.0, 1.0]], [[-9.0, -3.0, 1.0, 5.0]], top_n=3)
    array([[1.75]])
    """
    codes = _codes(model_speakers, model_cohort=model_cohort_speakers, test_cohort=test_cohort_speakers)
    return _normalize_matrix("s", scores, codes, out, top_n, model_cohort=model_cohort, test_cohort=test_cohort)


@checked
def zt_norm(
    scores: ArrayLike,
    model_cohort: ArrayLike,
    test_cohort: ArrayLike,
    cohort_cohort: ArrayLike,
    *,
    model_speakers: Speakers | None = None,
    model_cohort_speakers: Speakers | None = None,
    test_cohort_speakers: Speakers | None = None,
    out: NDArray[np.floating] | None = None,
) -> NDArray:
    """Apply zt-norm: t-norm of z-normalized scores, by z-normalized scores of the cohort models.

    Parameters
    ----------
    scores : array-like, shape (M, T)
    model_cohort : array-like, shape (M, C)
        Models by cohort tests.
    test_cohort : array-like, shape (T, C')
        Tests by cohort models. A normalized copy is made in memory.
    cohort_cohort : array-like, shape (C', C)
        Cohort models by cohort tests.
    model_speakers, model_cohort_speakers, test_cohort_speakers : sequence, length M, C and C', optional
        Their speakers. All or none.
    out : ndarray, shape (M, T), optional

    Returns
    -------
    ndarray, shape (M, T), float64

    Raises
    ------
    DataError
        As for `z_norm`.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.scoring.zt_norm([[3.0]], [[-1.0, 0.0, 1.0]], [[2.0, 4.0]], [[-1.0, 0.0, 1.0], [0.0, 2.0, 4.0]]).round(3)
    array([[2.121]])
    """
    codes = _codes(model_speakers, model_cohort=model_cohort_speakers, test_cohort=test_cohort_speakers)
    cohorts = {"model_cohort": model_cohort, "test_cohort": test_cohort, "cohort_cohort": cohort_cohort}
    return _normalize_matrix("zt", scores, codes, out, None, **cohorts)


class Normalization:
    """The normalization methods, on models, tests and speakers given as indices."""

    def __init__(
        self,
        method: str,
        *,
        model_cohort: NDArray | None = None,
        test_cohort: NDArray | None = None,
        cohort_cohort: NDArray | None = None,
        top_n: int | None = None,
        model_codes: NDArray[np.intp],
        model_cohort_codes: NDArray[np.intp] | None,
        test_cohort_codes: NDArray[np.intp] | None,
        model_names: list[str] | None = None,
        test_names: list[str] | None = None,
    ) -> None:
        self.method = method
        self.model = self.test = None
        if model_cohort is not None:
            cohort = Cohort(model_cohort, "model", names=model_names, top_n=top_n, codes=model_cohort_codes)
            self.model = cohort.statistics(np.arange(len(model_cohort)), model_codes)
        if cohort_cohort is not None and test_cohort is not None:
            own = np.full(len(cohort_cohort), -1) if test_cohort_codes is None else test_cohort_codes
            cohort = Cohort(cohort_cohort, "cohort model", codes=model_cohort_codes)
            means, deviations = cohort.statistics(np.arange(len(cohort_cohort)), own)
            test_cohort = (test_cohort - means) / deviations
        if test_cohort is not None:
            self.test = Cohort(test_cohort, "test", names=test_names, top_n=top_n, codes=test_cohort_codes)

    def apply(
        self,
        scores: NDArray[np.float64],
        models: NDArray[np.intp] | None,
        tests: NDArray[np.intp] | None,
        claimed: NDArray[np.intp],
    ) -> NDArray[np.float64]:
        """Normalize the scores of trials with given model, test and claimed speaker."""
        found = []
        if self.model is not None:
            means, deviations = self.model
            found.append((scores - means[models]) / deviations[models])
        if self.test is not None:
            assert tests is not None
            means, deviations = self.test.statistics(tests, claimed)
            before = found.pop() if self.method == "zt" else scores
            found.append((before - means) / deviations)
        return sum(found[1:], start=found[0]) / len(found)


def _normalize_matrix(
    method: str,
    scores: ArrayLike,
    codes: dict[str, NDArray[np.intp]],
    out: NDArray[np.floating] | None,
    top_n: int | None = None,
    **given: ArrayLike,
) -> NDArray:
    for name, cohort in given.items():
        check(lambda cohort: "numbers" if cohort is None else "", **{name: cohort})
    matrix = _matrix(scores, "scores", None, None)
    rows = {"model_cohort": len(matrix), "test_cohort": matrix.shape[1]}
    columns: dict[str, int] = {name: len(codes[name]) for name in rows if name in codes}
    cohorts: dict[str, Any] = {}
    for name, cohort in given.items():
        if name == "cohort_cohort":
            rows[name], columns[name] = cohorts["test_cohort"].shape[1], cohorts["model_cohort"].shape[1]
        cohorts[name] = _matrix(cohort, name, rows[name], columns.get(name))
    model_codes = codes.get("model", np.full(len(matrix), -1))
    if len(model_codes) != len(matrix):
        raise DataError(
            f"model_speakers: found {len(model_codes)}, expected one for each of the {counted(len(matrix), 'model')}"
        )
    core = Normalization(
        method,
        **cohorts,
        top_n=top_n,
        model_codes=model_codes,
        model_cohort_codes=codes.get("model_cohort"),
        test_cohort_codes=codes.get("test_cohort"),
    )
    if out is None:
        out = np.empty(matrix.shape)
    elif out.shape != matrix.shape:
        raise DataError(f"out: found shape {out.shape}, expected that of the scores, {matrix.shape}")
    elif out.dtype.kind != "f":
        raise DataError(f"out: found {out.dtype}, expected floating-point numbers, as normalized scores are")
    tests = np.arange(matrix.shape[1])
    for start, stop in blocks(*matrix.shape):
        block = matrix[start:stop].astype(np.float64, copy=False)
        bad = np.argwhere(np.isnan(block))
        if len(bad):
            where = f"model {start + bad[0][0]}, test {bad[0][1]}"
            raise DataError(
                f"score of {where}: found nan ({len(bad)} such in {counted(len(block), 'row')}), expected a number"
            )
        models = np.repeat(np.arange(start, stop), len(tests))
        found = core.apply(block.ravel(), models, np.tile(tests, stop - start), model_codes[models])
        out[start:stop] = found.reshape(block.shape)
    return out


def _codes(model_speakers: Speakers | None, **cohorts: Speakers | None) -> dict[str, NDArray[np.intp]]:
    """Number the speakers of the models and of the cohorts' columns; nothing if none are given."""
    given = {"model": model_speakers, **cohorts}
    missing = [f"{name}_speakers" for name, speakers in given.items() if speakers is None]
    if len(missing) == len(given):
        return {}
    if missing:
        expected = ", ".join(f"{name}_speakers" for name in given)
        raise ConfigError(f"{missing[0]}: found none, expected all of {expected}, or none of them")
    return dict(zip(given, speaker_codes(*(s for s in given.values() if s is not None)), strict=True))


def _matrix(scores: ArrayLike, name: str, rows: int | None, columns: int | None) -> NDArray:
    matrix = real_array(scores, name, DataError)
    shape = tuple("any" if n is None else n for n in (rows, columns))
    wrong = [found for found, size in zip(matrix.shape, (rows, columns), strict=False) if size not in (None, found)]
    if matrix.ndim != 2 or wrong or matrix.dtype.kind not in "fiu":
        found = f"found shape {matrix.shape} of {matrix.dtype}"
        raise DataError(f"{name}: {found}, expected numbers of shape ({shape[0]}, {shape[1]})")
    return matrix
