r"""Probabilistic linear discriminant analysis (PLDA) of i-vectors: two-covariance model and simplified PLDA.

A vector is :math:`x = m + y + \varepsilon`, with the speaker's :math:`y \sim N(0, B)` and the session's
:math:`\varepsilon \sim N(0, W)`. If B is full this is the two-covariance model (Brümmer and de Villiers 2010); if it is
:math:`V V^T` with fewer columns in V, simplified PLDA (Kenny 2010; Garcia-Romero and Espy-Wilson 2011). Training and
scoring are the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check_fields, checked
from gmmspeech.blocks import single_threaded_blas
from gmmspeech.checks import check_at_least, check_parameters_finite
from gmmspeech.described import Described
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, ModelError, counted
from gmmspeech.files.saving import Saved
from gmmspeech.linear.lda import joint_eigh
from gmmspeech.progress import progress_bar
from gmmspeech.speaker.transforms import (
    ClassStatistics,
    as_vectors,
    check_means_differ,
    class_statistics,
    within_covariance,
)

FEW_SPEAKERS = 10  # fewer teach what tells these apart, not what tells speakers apart


@dataclass(frozen=True, eq=False, repr=False)
class PLDA(Described, Saved, kind="PLDA", hint="PLDA (of a back end)"):
    r"""PLDA: a Gaussian model of speakers and sessions; see the module.

    Built by `train_plda`, or from given parameters.

    Parameters
    ----------
    mean : ndarray, shape (R,), float64
        m.
    factors : ndarray, shape (R, Q), float64
        V, with :math:`B = V V^T`.
    within : ndarray, shape (R, R), float64
        W.
    history : tuple of float
        Log-likelihood of the training vectors, in nats per vector, before each update. It never falls.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> plda = gs.speaker.PLDA(np.zeros(1), np.array([[3.0]]), np.eye(1))
    >>> plda.score([[3.0]], [[3.0], [-3.0]]).round(2)
    array([[ 1.26, -7.27]])
    """

    mean: NDArray[np.float64]
    factors: NDArray[np.float64]
    within: NDArray[np.float64]
    history: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        dim = len(self.mean)
        if self.mean.ndim != 1 or self.factors.shape[:-1] != (dim,) or self.within.shape != (dim, dim):
            raise ModelError(
                f"PLDA: found mean, factors, within of shapes {self.mean.shape}, {self.factors.shape}, "
                f"{self.within.shape}, expected (R,), (R, Q), (R, R)"
            )
        check_parameters_finite("PLDA", mean=self.mean, factors=self.factors, within=self.within)
        if not np.allclose(self.within, self.within.T, rtol=1e-6, atol=1e-9 * np.abs(self.within).max(initial=0)):
            raise ModelError("PLDA: found a within-speaker covariance that is not symmetric, expected a symmetric one")
        if not (np.diagonal(self.within) > 0).all():
            raise ModelError("PLDA: found a within-speaker covariance that is not positive definite")

    @property
    def between(self) -> NDArray[np.float64]:
        """Between-speaker covariance B, (R, R)."""
        return self.factors @ self.factors.T

    @cached_property
    def diagonal(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Transform A (R, R) and variances ψ (R,) with A W A^T = I and A B A^T = diag(ψ) (Ioffe 2006)."""
        try:
            variances, columns = joint_eigh(self.between, self.within)
        except np.linalg.LinAlgError as error:
            raise ModelError("PLDA: found a within-speaker covariance that is not positive definite") from error
        return columns.T, np.maximum(variances, 0.0)

    @checked
    def score(
        self,
        models: ArrayLike,
        tests: ArrayLike,
        *,
        sessions: ArrayLike | int = 1,
        normalize_length: bool = False,
    ) -> NDArray[np.float64]:
        r"""Log-likelihood ratio of "the same speaker" against "another speaker" for all pairs, as one matrix product.

        For a model enrolled on n sessions with mean x̄ (in the coordinates in which W is I, B is diag(ψ) and m is 0)
        and a test t,

        .. math:: s = \log N\left(t; \frac{n\psi}{1 + n\psi} \bar x, 1 + \frac{\psi}{1 + n\psi}\right)
                    - \log N(t; 0, 1 + \psi),

        which is the ratio of the joint densities of all n + 1 vectors. With n = 1 ("averaging") the mean counts as one
        vector, which is more cautious if the sessions of a speaker are not independent.

        Parameters
        ----------
        models : array_like, shape (M, R)
            Mean of each model's enrollment vectors; see `average_sessions`.
        tests : array_like, shape (U, R)
        sessions : int, or array_like of int, shape (M,)
            Number of vectors in each mean, for exact scores; 1 for averaging.
        normalize_length : bool
            Scale vectors, in those coordinates, to their expected length, as Kaldi's ``ivector-plda-scoring`` does by
            default.

        Returns
        -------
        ndarray, shape (M, U), float64
            In nats. They are log-likelihood ratios only as far as the model holds; calibrate them.

        Raises
        ------
        FeatureError
            Vectors of another dimension, or not finite.
        DataError
            `sessions` is below 1, or does not have one value per model.
        """
        transform, psi = self.diagonal
        rows = (as_vectors(models, dim=len(self.mean)) - self.mean) @ transform.T
        columns = (as_vectors(tests, dim=len(self.mean)) - self.mean) @ transform.T
        n = np.asarray(sessions, dtype=np.float64)
        if n.shape not in ((), (len(rows),)) or not (n >= 1).all():
            raise DataError(
                f"sessions: found shape {n.shape}, expected 1 or more for each of {counted(len(rows), 'model')}"
            )
        n = np.broadcast_to(n, (len(rows),))[:, None]
        if normalize_length:
            rows, columns = _of_expected_length(rows, psi + 1 / n), _of_expected_length(columns, psi + 1)
        expected = n * psi / (1 + n * psi) * rows
        variance = 1 + psi / (1 + n * psi)
        constant = 0.5 * (np.log1p(psi) - np.log(variance) - expected**2 / variance).sum(axis=1)
        left = np.concatenate([expected / variance, 0.5 / (1 + psi) - 0.5 / variance], axis=1)
        right = np.concatenate([columns, columns**2], axis=1)
        return left @ right.T + constant[:, None]

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        return [f"PLDA: {counted(self.factors.shape[0], 'dimension')}, {self.factors.shape[1]} of speakers"]


def _of_expected_length(vectors: NDArray[np.float64], variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors in the directions of some, as long as such variances let one expect; those of length 0 stay."""
    squares = (vectors**2 / variances).sum(axis=1, keepdims=True)
    return vectors * np.sqrt(vectors.shape[1] / np.where(squares > 0, squares, vectors.shape[1]))


@checked
def train_plda(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    rank: int | None = None,
    max_iter: int = 20,
    init: PLDA | None = None,
    callback: Callable[[PLDA], None] | None = None,
    progress: bool = True,
) -> PLDA:
    r"""Train PLDA by EM with minimum divergence.

    With :math:`F_s = \sum_i (x_i - m)` over the :math:`n_s` vectors of speaker s, S the scatter of all N vectors about
    m, and y = V h, an iteration is

    .. math::
        P_s &= (I + n_s V^T W^{-1} V)^{-1}, \quad E[h_s] = P_s V^T W^{-1} F_s \\
        V &= \left(\sum_s F_s E[h_s]^T\right) \left(\sum_s n_s E[h_s h_s^T]\right)^{-1}, \quad
        W = \frac1N \left(S - V \sum_s E[h_s] F_s^T\right)

    and then, with mean μ and covariance Q of h over the speakers, :math:`m \leftarrow m + V \mu` and
    :math:`V \leftarrow V Q^{1/2}` (Brümmer 2010, "EM for probabilistic LDA"). The start is deterministic: W is the
    covariance within speakers, V the principal directions of the covariance of their means. The likelihood never falls.
    An iteration takes about S R Q + C (R² Q + Q³) operations, with C the number of different :math:`n_s`.

    Parameters
    ----------
    x : array_like, shape (N, R)
        Vectors, usually whitened and length-normalized.
    labels : array_like, shape (N,)
        Their speakers. If speakers have a single utterance, split its frames into sessions by `numpy.array_split`.
    rank : int, optional
        Q, the dimension of the speaker subspace, from 1 to R; by default R (the two-covariance model).
    max_iter : int
        Number of iterations; there is no other stopping criterion, as in Kaldi's ``ivector-compute-plda``, which does
        10. EM continues in ever smaller steps, and the size of one step does not show whether the next ones matter. For
        1,000 random speakers with 10 vectors of 100 dimensions each, scores after 20 iterations differ from those after
        100 by at most 0.03, with a standard deviation of 200; an iteration takes 20 ms.
    init : PLDA, optional
        Model to continue from, with the same result as uninterrupted training.
    callback : callable, optional
        Called with the model after every iteration.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

    Returns
    -------
    PLDA

    Raises
    ------
    ConfigError
        `rank` or `max_iter` out of range.
    ModelError
        Fewer than two speakers, or speakers with the same mean; or a within-speaker covariance that is singular
        relative to that of all vectors: there must be at least R more different vectors than speakers.
    DataError, FeatureError
        Invalid labels or vectors, see `class_statistics`.

    Warns
    -----
    GmmSpeechWarning
        Fewer than 10 speakers.

    References
    ----------
    P. Kenny, "Bayesian speaker verification with heavy-tailed priors", Odyssey 2010. D. Garcia-Romero, C. Espy-Wilson,
    "Analysis of i-vector length normalization in speaker recognition systems", Interspeech 2011. N. Brümmer, E. de
    Villiers, "The speaker partitioning problem", Odyssey 2010.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> speakers = np.repeat(np.arange(50), 4)
    >>> x = 3 * rng.normal(size=(50, 2))[speakers] + rng.normal(size=(200, 2))
    >>> plda = gs.speaker.train_plda(x, speakers)
    >>> scores = plda.score(x[::4], x[1::4])
    >>> np.diagonal(scores).mean() > 1 > 0 > scores.mean()
    np.True_
    """
    with single_threaded_blas():
        stats = class_statistics(x, labels)
    dim = len(stats.mean)
    rank = dim if rank is None else rank
    if not 1 <= rank <= dim:
        raise ConfigError(f"rank: found {rank}, expected 1 to {dim}, the dimension of the vectors")
    check_at_least(1, max_iter=max_iter)
    if len(stats.counts) < 2:
        raise ModelError(f"PLDA: found vectors of {len(stats.counts)} speaker, expected two or more")
    within_covariance(stats, "PLDA", x, labels)
    check_means_differ(stats, "PLDA")
    if len(stats.counts) < FEW_SPEAKERS:
        few = f"found {counted(len(stats.counts), 'speaker')}, expected {FEW_SPEAKERS} or more"
        warnings.warn(f"PLDA: {few}: of so few it learns what tells these apart", GmmSpeechWarning, stacklevel=3)
    with single_threaded_blas():
        model = init or _start(stats, rank)
    if model.factors.shape != (dim, rank):
        raise ConfigError(f"init: found PLDA of shape {model.factors.shape} (dimension, rank), expected {(dim, rank)}")
    for _ in progress_bar("EM", "iteration", shown=progress)(range(max_iter)):
        with single_threaded_blas():  # the last bits would depend on its threads
            log_likelihood, updated = _iterate(model, stats)
        model = replace(updated, history=(*model.history, log_likelihood))
        if callback is not None:
            callback(model)
    return model


def _start(stats: ClassStatistics, rank: int) -> PLDA:
    variances, directions = np.linalg.eigh(stats.between)
    # never quite without variance, for EM can't leave 0
    deviations = np.sqrt(np.maximum(variances, 1e-3 * variances.max()))[::-1][:rank]
    return PLDA(stats.mean, directions[:, ::-1][:, :rank] * deviations, stats.within)


def _iterate(model: PLDA, stats: ClassStatistics) -> tuple[float, PLDA]:
    """Log-likelihood a vector, and the model after one iteration."""
    dim, rank = model.factors.shape
    counts, total = stats.counts, stats.counts.sum()
    shifts = stats.means - model.mean
    sums = shifts * counts[:, None]
    scatter = total * stats.within + sums.T @ shifts
    weighted = np.linalg.solve(model.within, model.factors)  # W^-1 V
    gram = model.factors.T @ weighted
    linear = sums @ weighted
    h, second, prior = np.empty_like(linear), np.zeros((rank, rank)), np.zeros((rank, rank))
    log_determinants = 0.0
    for n in np.unique(counts):
        here = counts == n
        precision = np.eye(rank) + n * gram
        covariance = np.linalg.inv(precision)
        h[here] = linear[here] @ covariance
        moments = here.sum() * covariance + h[here].T @ h[here]
        second += n * moments
        prior += moments
        log_determinants += here.sum() * np.linalg.slogdet(precision)[1]
    quadratic = np.trace(np.linalg.solve(model.within, scatter)) - (h * linear).sum()
    log_likelihood = -0.5 * (
        quadratic + log_determinants + total * (dim * np.log(2 * np.pi) + np.linalg.slogdet(model.within)[1])
    )
    cross = sums.T @ h
    factors = np.linalg.solve(second, cross.T).T
    within = (scatter - factors @ cross.T) / total
    mean = h.mean(axis=0)
    spread = np.linalg.cholesky(prior / len(counts) - np.outer(mean, mean))
    updated = PLDA(model.mean + factors @ mean, factors @ spread, 0.5 * (within + within.T))
    return float(log_likelihood / total), updated
