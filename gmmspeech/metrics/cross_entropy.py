"""Empirical cross-entropy: the information that likelihood ratios leave missing, at every prior."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import as_vector
from gmmspeech.metrics.cllr import softplus
from gmmspeech.metrics.det import both_sides, convex_hull, count_errors


class CrossEntropy(NamedTuple):
    """Empirical cross-entropy over priors, as returned by `empirical_cross_entropy`: arrays with a value for each.

    Attributes
    ----------
    prior_log_odds : ndarray
        In nats.
    actual : ndarray
        Of the given ratios, in bits.
    minimum : ndarray
        After the best monotonic calibration on these same trials.
    neutral : ndarray
        Of ratios of 1, which give no information.
    """

    prior_log_odds: NDArray[np.float64]
    actual: NDArray[np.float64]
    minimum: NDArray[np.float64]
    neutral: NDArray[np.float64]


@checked
def empirical_cross_entropy(
    target_llrs: ArrayLike, nontarget_llrs: ArrayLike, prior_log_odds: ArrayLike
) -> CrossEntropy:
    r"""Empirical cross-entropy: the missing information about a trial given its likelihood ratio, at given priors.

    .. math::

        \frac{\pi}{T} \sum_t \log_2 (1 + e^{-\ell_t - \tau}) + \frac{1 - \pi}{N} \sum_n \log_2 (1 + e^{\ell_n + \tau}),
        \qquad \tau = \log \frac{\pi}{1 - \pi}

    At even odds this is Cllr. Above the curve of neutral ratios, the system's ratios do more harm than good.

    Parameters
    ----------
    target_llrs, nontarget_llrs : array-like, shape (T,) and (N,)
        Natural logarithms of likelihood ratios.
    prior_log_odds : array-like, shape (P,)
        The :math:`\tau`, in nats.

    Returns
    -------
    CrossEntropy
        In bits.

    Raises
    ------
    DataError
        No scores or priors, or values that are not numeric, NaN or infinite.

    References
    ----------
    D. Ramos and J. Gonzalez-Rodriguez, "Reliable support: measuring calibration of likelihood ratios", Forensic Science
    International 230, 2013.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> found = gs.metrics.empirical_cross_entropy([3.0, 1.0], [-4.0, -2.0, 0.0], [0.0, 2.0])
    >>> found.actual.round(4).tolist(), found.minimum.round(4).tolist(), found.neutral.round(4).tolist()
    ([0.3321, 0.2041], [0.0, 0.0], [1.0, 0.5271])
    """
    targets, nontargets = both_sides(target_llrs, nontarget_llrs)
    odds = as_vector(prior_log_odds, "prior log-odds")
    hull = convex_hull(count_errors(targets, nontargets))
    shares = np.diff(hull.misses) / hull.misses[-1], -np.diff(hull.false_alarms) / hull.false_alarms[0]
    with np.errstate(divide="ignore"):
        best = np.log(shares[0]) - np.log(shares[1])
    uniform = np.full(len(targets), 1 / len(targets)), np.full(len(nontargets), 1 / len(nontargets))
    mixed = shares[0] > 0, shares[1] > 0
    actual = [_entropy(targets, nontargets, *uniform, tau) for tau in odds.tolist()]
    minimum = [
        _entropy(best[mixed[0]], best[mixed[1]], shares[0][mixed[0]], shares[1][mixed[1]], tau) for tau in odds.tolist()
    ]
    nothing, whole = np.zeros(1), np.ones(1)
    neutral = [_entropy(nothing, nothing, whole, whole, tau) for tau in odds.tolist()]
    return CrossEntropy(odds, np.array(actual), np.array(minimum), np.array(neutral))


def _entropy(
    targets: NDArray[np.float64],
    nontargets: NDArray[np.float64],
    target_shares: NDArray[np.float64],
    nontarget_shares: NDArray[np.float64],
    tau: float,
) -> float:
    """Cross-entropy in bits of ratios with their shares of each kind, at one prior."""
    log_prior, log_rest = -np.logaddexp(0, -tau), -np.logaddexp(0, tau)
    misses, false_alarms = softplus(-targets - tau), softplus(nontargets + tau)
    bits = np.exp(log_prior) * (target_shares @ misses) + np.exp(log_rest) * (nontarget_shares @ false_alarms)
    return float(bits) / math.log(2)
