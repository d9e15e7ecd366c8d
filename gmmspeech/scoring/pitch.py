"""Pitch of voices as additional evidence: cepstral scores hardly contain it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from scipy.stats import t

from gmmspeech.arguments import checked
from gmmspeech.checks import as_numbers
from gmmspeech.errors import DataError, shown
from gmmspeech.files.text import look_alike
from gmmspeech.scoring.trials import Scores, of_matrix

FREEDOM = 3.0  # of the t-distributions: some recordings are an octave off
WITHIN = 0.07  # of log Hz, by which short recordings of a speaker differ
AMONG = 0.3  # of log Hz, by which speakers differ
MEDIAN = 5.0  # of log Hz, of women and men
WEIGHT = 0.2  # of the ratio, beside a log-likelihood ratio that is the mean of the frames


@checked
def pitch_llr(models: Sequence[ArrayLike], tests: ArrayLike) -> NDArray[np.float64]:
    r"""Log-likelihood ratio of "the same speaker" against "another speaker" from the pitch of the voices.

    With q the logarithm of a pitch, :math:`q_1 \dots q_n` those of a speaker's enrollment recordings, and t the density
    of Student's distribution with 3 degrees of freedom, location 0 and scale 1,

    .. math::
        \log \frac1n \sum_i \frac1\sigma\, t\left(\frac{q - q_i}{\sigma}\right)
        - \log \frac1\tau\, t\left(\frac{q - m}{\tau}\right), \quad \tau^2 = \sigma^2 + \beta^2,

    where σ is 0.07, β 0.3 and m 5, which is 148 Hz. The distribution has long tails, because a median may be an octave
    off.

    Parameters
    ----------
    models : sequence of array_like, shape (n,)
        For each model, the pitches of its recordings in Hz, from `gmmspeech.features.median_pitch`.
    tests : array_like, shape (U,)
        Pitch of each test in Hz.

    Returns
    -------
    ndarray, shape (number of models, U), float64
        In nats; 0 (no evidence) if a test or all recordings of a model have no pitch (None or NaN).

    Raises
    ------
    DataError
        Pitches that are not positive numbers, or not one-dimensional.

    See Also
    --------
    with_pitch : combine it with the scores of a verifier.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.scoring.pitch_llr([[100, 104, 98], [210]], [101, 215, None]).round(1)
    array([[ 2.2, -5.1,  0. ],
           [-4.9,  2.2,  0. ]])
    """
    heard = _log_pitches(tests, "tests")
    scale = np.hypot(WITHIN, AMONG)
    others = t.logpdf(heard, FREEDOM, MEDIAN, scale)
    rows = []
    for i, model in enumerate(models):
        own = _log_pitches(model, f"models[{i}]")
        own = own[~np.isnan(own)]
        known = t.logpdf(heard, FREEDOM, own[:, None], WITHIN)
        rows.append(logsumexp(known, axis=0) - np.log(len(own)) - others if len(own) else np.zeros_like(heard))
    return np.nan_to_num(np.reshape(rows, (len(rows), len(heard))), nan=0.0)


@checked
def with_pitch(
    scores: Scores,
    enrollment: Mapping[str, Sequence[str]],
    pitches: Mapping[str, float | None],
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Scores:
    """Combine the scores of a verifier with the difference of the voices in pitch.

    In a single word, cepstra distinguish few voices, even fewer in noise; pitch can also be measured in noise. A fifth
    of `pitch_llr` is added to the score, which is a mean log-likelihood ratio per frame. Use it for words of about a
    second on either side; in whole sentences the pitch varies too much.

    Parameters
    ----------
    scores : Scores
        Scores of a `SpeakerVerifier`, with any `scoring`.
    enrollment : mapping
        Ids of the enrollment utterances of each model name.
    pitches : mapping
        Pitch in Hz of each enrollment and test utterance, from `gmmspeech.features.median_pitch`; None if it has none,
        such as a whisper: the score is then not changed.
    groups : mapping, optional
        For each test id, the ids of several utterances to score as one.

    Returns
    -------
    Scores
        In the order of `scores`.

    Raises
    ------
    DataError
        A model without enrollment, an utterance without a pitch, or a pitch that is not a positive number.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> scores = gs.Scores(["ann", "bob"], ["u3", "u3"], np.array([0.2, 0.3]))
    >>> heard = {"u1": 205.0, "u2": 112.0, "u3": 210.0}
    >>> gs.scoring.with_pitch(scores, {"ann": ["u1"], "bob": ["u2"]}, heard).values.round(1)
    array([ 0.6, -0.6])
    """
    models, tests = list(dict.fromkeys(scores.models)), list(dict.fromkeys(scores.tests))
    members = groups or {}
    _check_known(enrollment, models, "model", "enrollment")
    enrolled = [_pitches_of(enrollment[model], pitches) for model in models]
    tested = np.array([_median(_pitches_of(members.get(test, [test]), pitches)) for test in tests])
    ratios = of_matrix(pitch_llr(enrolled, tested), models, tests, scores)
    return Scores(scores.models, scores.tests, scores.values + WEIGHT * ratios)


def _pitches_of(utterances: Sequence[str], pitches: Mapping[str, float | None]) -> NDArray[np.float64]:
    _check_known(pitches, utterances, "utterance", "pitches")
    return np.array([pitches[utterance] for utterance in utterances], dtype=np.float64)  # None is NaN there


def _median(pitches: NDArray[np.float64]) -> float:
    return float(np.nanmedian(pitches)) if not np.isnan(pitches).all() else np.nan


def _check_known(known: Mapping[str, object], names: Iterable[str], what: str, where: str) -> None:
    for name in names:
        if name not in known:
            raise DataError(f"{what} {shown(name)} is not in {where}{look_alike(name, known)}")


def _log_pitches(pitches: ArrayLike, owner: str) -> NDArray[np.float64]:
    """Logarithms of pitches in a row, NaN where there is none."""
    row = [np.nan if pitch is None else pitch for pitch in pitches] if isinstance(pitches, (list, tuple)) else pitches
    values = as_numbers(row, owner)
    if values.ndim != 1:
        raise DataError(f"{owner}: found an array of shape {values.shape}, expected pitches in a row")
    bad = values[~(np.isnan(values) | ((values > 0) & np.isfinite(values)))]
    if bad.size:
        raise DataError(f"{owner}: found {bad[0]:g}, expected pitches in Hz, or None")
    return np.log(values)
