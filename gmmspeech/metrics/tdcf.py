"""The tandem detection cost function of the ASVspoof evaluations, for a countermeasure before speaker verification."""

from __future__ import annotations

from numbers import Real
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gmmspeech.arguments import checked
from gmmspeech.checks import as_vector, check_positive, check_probability
from gmmspeech.errors import ConfigError, shown
from gmmspeech.metrics.det import both_sides, convex_hull, count_errors


class AsvErrorRates(NamedTuple):
    """Error rates of a speaker verification system at its threshold, as returned by `asv_error_rates`.

    Attributes
    ----------
    p_miss, p_fa, p_fa_spoof : float
        Share of target trials that are rejected, and shares of nontarget trials and of spoofs that are accepted.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.metrics.AsvErrorRates(p_miss=0.02, p_fa=0.03, p_fa_spoof=0.4).p_fa_spoof
    0.4
    """

    p_miss: float
    p_fa: float
    p_fa_spoof: float


@checked
def asv_error_rates(
    target_scores: ArrayLike, nontarget_scores: ArrayLike, spoof_scores: ArrayLike, *, threshold: float | None = None
) -> AsvErrorRates:
    """Compute the error rates of a speaker verification system on targets, nontargets and spoofs.

    Parameters
    ----------
    target_scores, nontarget_scores, spoof_scores : array-like, shape (T,), (N,) and (S,)
        Scores of trials of the speaker, of other people, and of spoofs of the speaker. Higher means more like a target.
    threshold : float, optional
        A trial is accepted if its score is at or above it. By default the score at which misses and false alarms are
        closest, as in the script of the evaluations: the lowest such score, counted as rejected.

    Returns
    -------
    AsvErrorRates
        `p_miss` of targets, `p_fa` of nontargets, `p_fa_spoof` of spoofs.

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.metrics.asv_error_rates([1.0, 2.0, 3.0], [-1.0, 0.0, 1.5], [0.5, 2.5])
    AsvErrorRates(p_miss=0.0, p_fa=0.3333333333333333, p_fa_spoof=0.5)
    """
    targets, nontargets = both_sides(target_scores, nontarget_scores)
    spoofs = as_vector(spoof_scores, "spoof scores")
    if threshold is None:
        threshold = _closest_score(targets, nontargets)
    return AsvErrorRates(
        float(np.mean(targets < threshold)),
        float(np.mean(nontargets >= threshold)),
        float(np.mean(spoofs >= threshold)),
    )


@checked
def min_tdcf(
    bonafide_scores: ArrayLike,
    spoof_scores: ArrayLike,
    asv: AsvErrorRates | tuple[float, float, float],
    *,
    form: Literal["2021", "2019"] = "2021",
    p_spoof: float = 0.05,
    p_target: float = 0.99,
    c_miss: float = 1.0,
    c_fa: float = 10.0,
    c_fa_spoof: float = 10.0,
) -> float:
    r"""Minimum normalized tandem detection cost over all thresholds of a spoofing countermeasure.

    With the error rates of the speaker verification that follows the countermeasure,
    :math:`P^{asv}_{miss}, P^{asv}_{fa}, P^{asv}_{spoof}`, and priors :math:`\pi_{tar} = (1 - \pi_{spoof}) P_{target}`,
    :math:`\pi_{non} = (1 - \pi_{spoof}) (1 - P_{target})`:

    .. math::

        \min_\theta \frac{C_0 + C_1 P_{miss}(\theta) + C_2 P_{fa}(\theta)}{C_0 + \min(C_1, C_2)}

        C_2 = \pi_{spoof} C_{spoof} P^{asv}_{spoof}, \quad
        C_1 = \pi_{tar} C_{miss} (1 - P^{asv}_{miss}) - \pi_{non} C_{fa} P^{asv}_{fa}

    :math:`C_0 = \pi_{tar} C_{miss} P^{asv}_{miss} + \pi_{non} C_{fa} P^{asv}_{fa}`, the cost of speaker verification
    alone, is 0 in the legacy form of 2019.

    Parameters
    ----------
    bonafide_scores, spoof_scores : array-like, shape (B,) and (S,)
        Higher means more like bona fide speech.
    asv : AsvErrorRates or tuple of three floats
        Error rates of the speaker verification: misses, false alarms, accepted spoofs (see `asv_error_rates`).
    form : {"2021", "2019"}
        The revised form, or the one of ASVspoof 2019.
    p_spoof : float
        Prior of a spoof, between 0 and 1.
    p_target : float
        Prior of a target among trials that are not spoofs, between 0 and 1.
    c_miss, c_fa, c_fa_spoof : float
        Costs of rejecting a target, and of accepting a nontarget and a spoof, above 0.

    Returns
    -------
    float
        From about 0 to 1 (a countermeasure that accepts or rejects everything).

    Raises
    ------
    DataError
        No scores, or scores that are not numeric, NaN or infinite.
    ConfigError
        A prior, cost or rate that is out of range, or a speaker verification that is worse than rejecting everybody or
        accepts no spoofs, so that a countermeasure can't help.

    References
    ----------
    T. Kinnunen et al., "t-DCF: a detection cost function for the tandem assessment of spoofing countermeasures and
    automatic speaker verification", Odyssey 2018.
    T. Kinnunen et al., "Tandem assessment of spoofing countermeasures and automatic speaker verification:
    fundamentals", IEEE/ACM Trans. ASLP 28, 2020.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> round(gs.min_tdcf([1.0, 2.0, 4.0, 5.0], [-1.0, 0.0, 1.5, 3.0], (0.02, 0.02, 0.4)), 4)
    0.5469
    """
    base, weight, spoof_weight = _weights(asv, form, p_spoof, p_target, c_miss, c_fa, c_fa_spoof)
    sides = as_vector(bonafide_scores, "bona fide scores"), as_vector(spoof_scores, "spoof scores")
    p_miss, p_fa, _ = convex_hull(count_errors(*sides)).rates()
    return float(np.min(base + weight * p_miss + spoof_weight * p_fa) / (base + min(weight, spoof_weight)))


def _weights(
    asv: AsvErrorRates | tuple[float, float, float],
    form: str,
    p_spoof: float,
    p_target: float,
    c_miss: float,
    c_fa: float,
    c_fa_spoof: float,
) -> tuple[float, float, float]:
    """C0, C1 and C2 of the cost, or a ConfigError."""
    if form not in ("2021", "2019"):
        raise ConfigError(f'form: found {form!r}, expected "2021" or "2019"')
    check_probability(p_spoof=p_spoof, p_target=p_target)
    check_positive(c_miss=c_miss, c_fa=c_fa, c_fa_spoof=c_fa_spoof)
    if len(asv) != 3 or not all(isinstance(rate, Real) and 0 <= rate <= 1 for rate in asv):
        raise ConfigError(f"asv: found {shown(repr(tuple(asv)))}, expected three rates from 0 to 1")
    asv_miss, asv_fa, asv_spoof = map(float, asv)
    miss, fa = (1 - p_spoof) * p_target * c_miss, (1 - p_spoof) * (1 - p_target) * c_fa
    base = miss * asv_miss + fa * asv_fa
    weight, spoof_weight = miss - base, p_spoof * c_fa_spoof * asv_spoof
    if weight <= 0 or spoof_weight <= 0:
        found = "no spoof accepted" if spoof_weight <= 0 else f"errors that cost {base:.4g}"
        expected = "some" if spoof_weight <= 0 else f"less than rejecting everybody costs, {miss:.4g}"
        raise ConfigError(f"asv: found {found}, expected {expected}")
    return base if form == "2021" else 0.0, weight, spoof_weight


def _closest_score(targets: np.ndarray, nontargets: np.ndarray) -> float:
    """Score at which error rates are the closest when trials are rejected one by one, of equal ones targets first."""
    scores = np.concatenate([targets, nontargets])
    order = np.argsort(scores, kind="stable")
    misses = np.concatenate([[0], np.cumsum(order < len(targets))])
    false_alarms = len(nontargets) - (np.arange(len(scores) + 1) - misses)
    gap = np.abs(misses / len(targets) - false_alarms / len(nontargets))
    best = int(np.argmin(gap))
    return float(scores[order[best - 1]]) if best else float(scores[order[0]]) - 0.001
