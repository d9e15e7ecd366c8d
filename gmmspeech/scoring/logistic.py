"""Prior-weighted logistic regression of targets and nontargets.

Scores of all systems are first brought to one scale, so that the penalty is the same for all, and redundant systems do
no harm.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_NOTHING_NEW = 1e-12  # share of a standardized system's variance below which others already say it all
_CONSTANT = 1e-10  # part of their mean by which a system's scores deviate at least
_LEAST_WITHIN = 1e-6  # share of the whole variance that there is within the kinds at least
_STEPS, _HALVINGS, _FLAT = 100, 40, 1e-10  # of Newton's method, and the gradient at which it ends


def whitened(
    targets: NDArray[np.float64], nontargets: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle of the scores, (S,), and the map, (S, R), after which their covariance within the kinds is the identity.

    R is S, but for systems that can be had from others.
    """
    means = targets.mean(axis=0), nontargets.mean(axis=0)
    centered = targets - means[0], nontargets - means[1]
    within = sum(c.T @ c / len(c) for c in centered) / 2
    between = np.outer(means[0] - means[1], means[0] - means[1]) / 4
    whole = within + between
    scale = np.sqrt(np.diag(whole))
    constant = scale <= _CONSTANT * np.abs(means[0] + means[1]) / 2  # what deviates no more does so by rounding
    whole[constant], whole[:, constant], scale[constant] = 0.0, 0.0, 1.0
    variances, axes = np.linalg.eigh(whole / np.outer(scale, scale))
    kept = variances > _NOTHING_NEW * max(variances.max(), 1.0)
    axes = axes[:, kept] / scale[:, None]
    inner = axes.T @ within @ axes + _LEAST_WITHIN * np.diag(variances[kept])
    return (means[0] + means[1]) / 2, axes @ np.linalg.inv(np.linalg.cholesky(inner)).T


def least_cross_entropy(
    targets: NDArray[np.float64], nontargets: NDArray[np.float64], p_target: float, penalty: float
) -> tuple[NDArray[np.float64], float]:
    """Weights and offset of least cross-entropy plus ``penalty / 2`` times the squared length of the weights.

    By Newton's steps, each halved until the cost falls: it is convex.
    """
    tau = math.log(p_target) - math.log1p(-p_target)
    sides = [(targets, -1.0, p_target / len(targets)), (nontargets, 1.0, (1 - p_target) / len(nontargets))]
    sides = [(np.column_stack([scores, np.ones(len(scores))]), sign, weight) for scores, sign, weight in sides]
    size = targets.shape[1]
    ridge = penalty * np.diag(np.append(np.ones(size), 0.0))

    def wrong(x: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return [sign * (scores @ x + tau) for scores, sign, _ in sides]

    def cost(x: NDArray[np.float64], both: list[NDArray[np.float64]]) -> float:
        costs = [weight * np.logaddexp(0, odds).sum() for odds, (_, _, weight) in zip(both, sides, strict=True)]
        return float(x @ ridge @ x / 2 + sum(costs))

    x = np.zeros(size + 1)
    both = wrong(x)
    reached = cost(x, both)
    for _ in range(_STEPS):
        gradient, hessian = ridge @ x, ridge.copy()
        for odds, (scores, sign, weight) in zip(both, sides, strict=True):
            share = np.exp(-np.logaddexp(0, -odds))
            gradient += sign * weight * (share @ scores)
            hessian += (scores * (weight * share * (1 - share))[:, None]).T @ scores
        if np.linalg.norm(gradient) < _FLAT:
            break
        step = np.linalg.solve(hessian, gradient)
        before, least = reached, gradient @ step
        for length in 0.5 ** np.arange(_HALVINGS):
            tried = x - length * step
            both = wrong(tried)
            reached = cost(tried, both)
            if reached <= before - 1e-4 * length * least:
                break
        else:  # rounding hides what is left to gain
            break
        x = tried
    return x[:-1], float(x[-1])
