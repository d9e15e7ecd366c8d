r"""The algebra that i-vectors and ISV share: a low-dimensional shift of all means of a mixture.

An utterance has the means :math:`m_k + T_k w` with :math:`w \sim N(0, I)` of R dimensions, and its frames are aligned
to components once by the background model. All quantities are in units of the background model's standard deviations:
the loading :math:`T_k` (K, D, R) and first-order statistics :math:`f_k = \sum_t \gamma_{tk} (x_t - m_k) / \sigma_k`.
Then (Kenny, Boulianne, Dumouchel 2005, "Eigenvoice modeling with sparse training data", propositions 1 to 3)

- the posterior of w is Gaussian with precision :math:`L = I + \sum_k n_k T_k^T T_k` and mean
  :math:`L^{-1} \sum_k T_k^T f_k`;
- the shift increases the log-likelihood of the statistics by :math:`\frac12 (w^T L w - \log |L|)` nats, with w the
  mean;
- the new loading of EM is :math:`T_k = (\sum_u f_{uk} E[w_u]^T) (\sum_u n_{uk} E[w_u w_u^T])^{-1}`.

Symmetric matrices are kept as their upper triangles, R (R + 1) / 2 consecutive numbers, so that the precisions of a
batch of utterances are one product of counts (U, K) with the triangles of all :math:`T_k^T T_k` (K, R (R + 1) / 2), and
the sums of the update another.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map, scipy_linalg
from gmmspeech.described import Described
from gmmspeech.errors import ModelError
from gmmspeech.files.saving import Saved, State
from gmmspeech.gmm.mixture import DiagonalGMM

BATCH = 256  # utterances whose statistics are in memory together; sums depend on it, so no number of jobs changes it
_BLOCK = 16  # utterances that a thread takes at a time
_SLICE = 32  # components that a thread takes at a time
_OUT_OF_SCALE = "found an utterance whose posterior is not finite: the loading is out of scale"


class Subspace:
    """A loading, and the triangles of its products.

    Parameters
    ----------
    loading : ndarray, shape (K, D, R), float64
        In units of the background model's deviations.

    Attributes
    ----------
    gram : ndarray, shape (K, R (R + 1) / 2)
        Upper triangle of ``loading[k].T @ loading[k]`` for every component.
    """

    def __init__(self, loading: NDArray[np.float64], *, n_jobs: int | None = 1) -> None:
        self.loading = np.ascontiguousarray(loading, dtype=np.float64)
        num_components, _, self.rank = loading.shape
        self.gram = np.empty((num_components, self.rank * (self.rank + 1) // 2))

        def products(part: slice) -> None:
            some = self.loading[part]
            self.gram[part] = pack(some.transpose(0, 2, 1) @ some)

        _run(products, _slices(num_components, _SLICE), n_jobs)

    def means(self, n: NDArray[np.float64], f: NDArray[np.float64], *, n_jobs: int | None = 1) -> NDArray[np.float64]:
        """Means (U, R) of the posteriors of the factors alone; arguments as of `posteriors`."""

        def means(part: slice) -> NDArray[np.float64]:
            precisions, linear = self._precisions(n[part], f[part])
            found = np.full_like(linear, np.nan)
            with suppress(np.linalg.LinAlgError):
                found[:] = np.linalg.solve(precisions, linear[:, :, None])[:, :, 0]
            if not np.isfinite(found).all():
                raise ModelError(_OUT_OF_SCALE)
            return found

        return np.concatenate(list(ordered_map(means, _slices(len(n), _BLOCK), n_jobs=n_jobs)))

    def posteriors(self, n: NDArray[np.float64], f: NDArray[np.float64], *, n_jobs: int | None = 1) -> FactorPosteriors:
        """Posteriors of the factors of some utterances.

        Parameters
        ----------
        n : ndarray, shape (U, K)
        f : ndarray, shape (U, K, D)
            Centerd and scaled, see the module.
        n_jobs : int
            Threads.
        """
        lapack = scipy_linalg().lapack
        blocks = _slices(len(n), _BLOCK)
        found = list(ordered_map(lambda part: self._posteriors(lapack, n[part], f[part]), blocks, n_jobs=n_jobs))
        return FactorPosteriors(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))

    def _posteriors(
        self, lapack: ModuleType, n: NDArray[np.float64], f: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], ...]:
        precisions, linear = self._precisions(n, f)
        means, gains = np.empty_like(linear), np.empty(len(n))
        for i, precision in enumerate(precisions):
            factor, failed = lapack.dpotrf(precision, lower=1)
            if failed or not np.isfinite(factor[-1, -1]):
                raise ModelError(_OUT_OF_SCALE)
            means[i] = lapack.dpotrs(factor, linear[i], lower=1)[0]
            gains[i] = 0.5 * (means[i] @ linear[i]) - np.log(np.diagonal(factor)).sum()
            precisions[i] = lapack.dpotri(factor, lower=1)[0].T  # the covariance; Fortran's lower triangle is our upper
            precisions[i] += np.outer(means[i], means[i])
        return means, pack(precisions), gains

    def _precisions(
        self, n: NDArray[np.float64], f: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Precisions L (U, R, R) of some posteriors, and ``L @ mean`` (U, R)."""
        precisions = unpack(n @ self.gram, self.rank)
        diagonal = np.arange(self.rank)
        precisions[:, diagonal, diagonal] += 1
        return precisions, f.reshape(len(f), -1) @ self.loading.reshape(-1, self.rank)


@dataclass(frozen=True, eq=False)
class FactorPosteriors:
    """Posteriors of the factors of U utterances.

    Parameters
    ----------
    mean : ndarray, shape (U, R)
        E[w].
    second : ndarray, shape (U, R (R + 1) / 2)
        Upper triangles of E[w w^T].
    gain : ndarray, shape (U,)
        Log-likelihood of the statistics over that without the shift, in nats.
    """

    mean: NDArray[np.float64]
    second: NDArray[np.float64]
    gain: NDArray[np.float64]


class Accumulator:
    """Sums over utterances that EM's update of a loading needs.

    Attributes
    ----------
    first : ndarray, shape (K, D, R)
        ``sum_u f_uk E[w_u]^T``.
    second : ndarray, shape (K, R (R + 1) / 2)
        ``sum_u n_uk E[w_u w_u^T]``.
    n : ndarray, shape (K,)
        ``sum_u n_uk``.
    """

    def __init__(self, shape: tuple[int, ...], rank: int) -> None:
        self.first = np.zeros((*shape, rank))
        self.second = np.zeros((shape[0], rank * (rank + 1) // 2))
        self.n = np.zeros(shape[0])

    def add(
        self, n: NDArray[np.float64], f: NDArray[np.float64], found: FactorPosteriors, *, n_jobs: int | None = 1
    ) -> None:
        """Add a batch of utterances; each thread owns some components, so that the sums have the same bits always."""

        def add(part: slice) -> None:
            here = f[:, part].reshape(len(f), -1)
            self.first[part] += (here.T @ found.mean).reshape(self.first[part].shape)
            self.second[part] += n[:, part].T @ found.second

        _run(add, _slices(len(self.n), _SLICE), n_jobs)
        self.n += n.sum(axis=0)

    def __add__(self, other: Accumulator) -> Accumulator:
        total = Accumulator.__new__(Accumulator)
        total.first, total.second, total.n = self.first + other.first, self.second + other.second, self.n + other.n
        return total

    def loading(self, previous: NDArray[np.float64], *, n_jobs: int | None = 1) -> NDArray[np.float64]:
        """New loading (K, D, R); a component without any frame keeps the previous one."""
        rank, updated = previous.shape[2], previous.copy()
        seen = np.flatnonzero(self.n > np.finfo(np.float32).tiny)

        def solve(part: slice) -> None:
            some = seen[part]
            moments = unpack(self.second[some], rank)
            updated[some] = np.linalg.solve(moments, self.first[some].transpose(0, 2, 1)).transpose(0, 2, 1)

        _run(solve, _slices(len(seen), _SLICE), n_jobs)
        return updated


def pack(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upper triangles, row by row, of symmetric matrices (..., R, R): (..., R (R + 1) / 2)."""
    rank = matrices.shape[-1]
    flat = matrices.reshape(*matrices.shape[:-2], rank * rank)
    return np.take(flat, np.flatnonzero(np.triu(np.ones((rank, rank)))), axis=-1)


def unpack(triangles: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """Symmetric matrices (..., R, R) of their packed upper triangles."""
    place = np.empty((rank, rank), dtype=np.intp)
    upper = np.triu_indices(rank)
    place[upper] = np.arange(len(upper[0]))
    place.T[upper] = place[upper]
    return np.take(triangles, place.ravel(), axis=-1).reshape(*triangles.shape[:-1], rank, rank)


def random_loading(shape: tuple[int, ...], rank: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Start of EM: Gaussian numbers of such a size that a mean varies by a quarter of its deviation.

    That is the prior of relevance MAP with a relevance factor of 16 frames.
    """
    return rng.standard_normal((*shape, rank)) / np.sqrt(16 * rank)


class OfSessions(Described, Saved):
    """Base class of models of speakers and sessions; files have the background model's parameters beside their own."""

    ubm: DiagonalGMM

    def to_state(self) -> State:
        """Return the matrices and the background model's parameters for saving."""
        state = super().to_state()
        ubm = state.pop("ubm")
        weights, means, variances = ubm.parameters()
        return {"weights": weights, "means": means, "variances": variances, "front_end": ubm.front_end_ or "", **state}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild the model from the result of `to_state`."""
        parameters = (state[name] for name in ("weights", "means", "variances"))
        ubm = DiagonalGMM.from_parameters(*parameters, front_end=state["front_end"] or None)
        return super().from_state({**state, "ubm": ubm})

    @cached_property
    def _deviations(self) -> NDArray[np.float64]:
        return np.sqrt(self.ubm.covariances_)


def _slices(count: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _run(function: Callable[[slice], None], parts: list[slice], n_jobs: int | None) -> None:
    for _ in ordered_map(function, parts, n_jobs=n_jobs):
        pass
