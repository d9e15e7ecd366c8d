"""i-vectors: utterances as points in the subspace in which the means of a mixture vary most, trained by EM."""

from __future__ import annotations

import functools
import hashlib
import itertools
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check_fields, checked
from gmmspeech.blocks import FAN_IN, ordered_map, single_threaded_blas, tree_sum
from gmmspeech.checks import all_finite, check_at_least
from gmmspeech.described import Described
from gmmspeech.errors import ConfigError, ModelError, counted
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.checkpoints import Checkpoint, digest, seed_of
from gmmspeech.files.saving import Saved
from gmmspeech.gmm.covariance_types import expanded
from gmmspeech.gmm.full import GMM
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import Statistics, StatsBatch, check_same_ubm, gmm_digest, stats_batches
from gmmspeech.progress import progress_bar
from gmmspeech.speaker.subspace import BATCH, Accumulator, Subspace, random_loading, unpack

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True, eq=False, repr=False)
class IVectorExtractor(Described, Saved, kind="IVectorExtractor", hint="an i-vector extractor (made by train-ivector)"):
    r"""i-vector extractor: the total variability model of Dehak et al. (2011).

    The means of an utterance are :math:`m_k + T_k w`, w ~ N(0, I). Built by `train_ivector_extractor`, or from given
    parameters.

    Parameters
    ----------
    weights : ndarray, shape (K,), float64
        Weights of the background model.
    means : ndarray, shape (K, D), float64
        m. After minimum divergence they differ slightly from the background model's means.
    variances : ndarray, shape (K, D), float64
        Σ of the background model.
    matrix : ndarray, shape (K, D, R), float64
        T.
    ubm_digest : str, optional
        Digest of the background model of its statistics; see `gmm_digest`.
    front_end : str, optional
        Configuration of the front end, as JSON.
    history : tuple of float
        Log-likelihood of the training statistics, in nats per frame relative to that of the background model's means,
        before each update. It never falls.
    whitening : ndarray, shape (K, D, D), float64, optional
        For full covariances, such as those of a Kaldi extractor: :math:`W_k` with
        :math:`W_k \Sigma_k W_k^T = I`; `variances` are then their diagonals.

    References
    ----------
    N. Dehak, P. Kenny, R. Dehak, P. Dumouchel, P. Ouellet, "Front-end factor analysis for speaker verification", IEEE
    Transactions on Audio, Speech, and Language Processing 19 (4), 2011.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0, 0.0]], [[1.0, 1.0]])
    >>> extractor = gs.speaker.IVectorExtractor(ubm.weights_, ubm.means_, ubm.covariances_, np.ones((1, 2, 1)))
    >>> extractor.extract([ubm.accumulate(np.full((4, 2), 1.0))]).round(4)
    array([[0.8889]])
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    matrix: NDArray[np.float64]
    ubm_digest: str | None = None
    front_end: str | None = None
    history: tuple[float, ...] = ()
    whitening: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        shape = self.means.shape
        if self.whitening is not None and self.whitening.shape != (*shape, *shape[1:]):
            raise ModelError(f"i-vector extractor: found whitening of shape {self.whitening.shape}, expected (K, D, D)")
        shapes = (self.weights.shape, shape, self.variances.shape, self.matrix.shape)
        if len(shape) != 2 or shapes != (shape[:1], shape, shape, (*shape, *self.matrix.shape[2:3])):
            raise ModelError(
                f"i-vector extractor: found weights, means, variances, matrix of shapes {', '.join(map(str, shapes))}, "
                "expected (K,), (K, D), (K, D), (K, D, R)"
            )
        finite = all_finite(self.weights, self.means, self.variances, self.matrix)
        if not finite or not (self.variances > 0).all():
            raise ModelError("i-vector extractor: found a parameter that is not finite, or a variance not above 0")
        if not (self.weights >= 0).all() or not abs(self.weights.sum() - 1) <= 1e-3 or not self.rank:
            found = f"weights that sum to {self.weights.sum():.6g}, rank {self.rank}"
            raise ModelError(f"i-vector extractor: found {found}, expected none negative, a sum of 1, a rank above 0")

    @property
    def rank(self) -> int:
        """Dimension R of the i-vectors."""
        return int(self.matrix.shape[2])

    @cached_property
    def digest(self) -> str:
        """Digest of the parameters, which identifies the extractor: i-vectors of another one are not comparable."""
        return digest(self.means, self.variances, self.matrix, *([] if self.whitening is None else [self.whitening]))

    @checked
    def extract(self, stats: Statistics, *, fast: bool = False, n_jobs: int | None = 1) -> NDArray[np.float64]:
        r"""i-vectors of utterances: the means of their posteriors,
        :math:`(I + \sum_k n_k T_k^T \Sigma_k^{-1} T_k)^{-1} \sum_k T_k^T \Sigma_k^{-1} (f_k - n_k m_k)`.

        U utterances take U (K R² + 2 K D R + R³) operations, and 8 K R (D + R / 2) bytes in addition to their
        statistics. The products that all utterances share are computed at the first call by K D R² operations.

        Parameters
        ----------
        stats : sequence of GMMStats, or StatisticsStore
            Statistics under the background model that the extractor was trained with.
        fast : bool
            Approximate: treat every :math:`T_k^T \Sigma_k^{-1} T_k` as diagonal in the basis in which their mean,
            weighted by the components' weights, is diagonal (Glembek et al. 2011, section 3.2). U utterances then take
            2 U K R (D + 1) operations and no R³.
        n_jobs : int
            Number of threads; the result has the same bits for any number.

        Returns
        -------
        ndarray, shape (U, R), float64

        Raises
        ------
        ModelError
            Statistics of another shape, or stored statistics of another background model.
        FeatureError
            An utterance without frames, statistics that are not finite, or stored ones of another front end.

        References
        ----------
        O. Glembek, L. Burget, P. Matějka, M. Karafiát, P. Kenny, "Simplification and optimization of i-vector
        extraction", ICASSP 2011.
        """
        check_same_ubm(stats, self.ubm_digest, self.front_end, model="the i-vector extractor")
        found = [np.empty((0, self.rank))]
        with single_threaded_blas():  # the last bits would depend on its threads
            for batch in stats_batches(stats, self.means.shape, BATCH):
                f = self.scaled_statistics(batch)
                if fast:
                    found.append(self._extract_fast(batch.n, f, n_jobs))
                else:
                    found.append(self._subspace.means(batch.n, f, n_jobs=n_jobs))
        return np.concatenate(found)

    def scaled(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Vectors of components, (K, D), in units of standard deviations."""
        if self.whitening is None:
            return vectors / np.sqrt(self.variances)
        return np.einsum("kde,ke->kd", self.whitening, vectors)

    def unscaled(self, loading: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the matrix of a loading in units of standard deviations, (K, D, R)."""
        if self.whitening is None:
            return loading * np.sqrt(self.variances)[:, :, None]
        return np.asarray(np.linalg.solve(self.whitening, loading), dtype=np.float64)

    def scaled_statistics(self, batch: StatsBatch) -> NDArray[np.float64]:
        """First-order statistics of utterances about the means, in units of standard deviations, (U, K, D)."""
        if self.whitening is None:
            return batch.centered(self.means, np.sqrt(self.variances))
        return np.einsum("kde,uke->ukd", self.whitening, batch.centered(self.means, np.ones_like(self.means)))

    @cached_property
    def loading(self) -> NDArray[np.float64]:
        """T in units of standard deviations, (K, D, R)."""
        return (
            self.matrix / np.sqrt(self.variances)[:, :, None]
            if self.whitening is None
            else self.whitening @ self.matrix
        )

    @cached_property
    def _subspace(self) -> Subspace:
        return Subspace(self.loading)

    @cached_property
    def _diagonal(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Basis Q (R, R), loading in it (K D, R), and diagonals of its products (K, R)."""
        loading = self.loading
        heavy = (np.sqrt(self.weights)[:, None, None] * loading).reshape(-1, self.rank)
        basis = np.linalg.eigh(heavy.T @ heavy)[1]
        rotated = loading @ basis
        return basis, rotated.reshape(-1, self.rank), np.square(rotated).sum(axis=1)

    def _extract_fast(self, n: NDArray[np.float64], f: NDArray[np.float64], n_jobs: int | None) -> NDArray[np.float64]:
        basis, loading, diagonals = self._diagonal

        def extract(part: slice) -> NDArray[np.float64]:
            linear = f[part].reshape(-1, len(loading)) @ loading
            return linear / (1 + n[part] @ diagonals) @ basis.T

        parts = [slice(start, start + 64) for start in range(0, len(n), 64)]
        return np.concatenate(list(ordered_map(extract, parts, n_jobs=n_jobs)))

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        num_components, dim = self.means.shape
        size = f"rank {self.rank}, {counted(num_components, 'component')}, {counted(dim, 'dimension')}"
        return [f"i-vector extractor: {size}", f"front end: {describe_front_end(self.front_end)}"]


@checked
def train_ivector_extractor(
    ubm: DiagonalGMM | GMM,
    stats: Statistics,
    rank: int = 100,
    *,
    max_iter: int = 10,
    min_divergence: bool = True,
    init: IVectorExtractor | None = None,
    random_state: Any = 0,
    n_jobs: int | None = 1,
    client: Client | None = None,
    callback: Callable[[IVectorExtractor], None] | None = None,
    checkpoint: Checkpoint | None = None,
    progress: bool = True,
) -> IVectorExtractor:
    r"""Train an i-vector extractor by EM on the statistics of many utterances, without speaker labels.

    Every iteration follows Kenny: the exact posterior of each utterance's w, then

    .. math:: T_k = \left( \sum_u f_{uk} E[w_u]^T \right) \left( \sum_u n_{uk} E[w_u w_u^T] \right)^{-1},

    and, for minimum divergence, the average prior of the posteriors, N(μ, Q), is made standard again by
    :math:`m_k \leftarrow m_k + T_k \mu` and :math:`T_k \leftarrow T_k Q^{1/2}` (Kenny 2008; Brümmer 2009). Alignments
    and variances remain those of the background model. The likelihood never falls.

    With K components, D dimensions, rank R and U utterances an iteration takes about

    .. math:: U (2 K R^2 + 4 K D R + R^3) + K (D R^2 + R^3 / 3 + 2 D R^2)

    operations, and 8 (K R² + 3 K D R + B (R² + 2 K D)) bytes, with B = 256 utterances in memory at a time: 1,000
    utterances with K = 512, D = 60, R = 100 take 27 billion operations and 0.3 GB; K = 2048, R = 400 takes 4.6 GB.

    Parameters
    ----------
    ubm : DiagonalGMM or GMM
        Covariances of any type.
    stats : sequence of GMMStats, or StatisticsStore
        Statistics under `ubm`; a store is read once in every iteration, never held as a whole.
    rank, max_iter : int
        R, at most the number of utterances, and the number of iterations.
    min_divergence : bool
        Include the minimum divergence step.
    init : IVectorExtractor, optional
        Extractor to continue from, such as the last one passed to `callback`: the result has the same bits.
    random_state : int, numpy RandomState or None
        Seed of the random start.
    n_jobs : int
        Number of threads; the result has the same bits for any number.
    client : distributed.Client, optional
        Compute and sum the posteriors on the workers of a Dask cluster, which read a store by its path; sums of B
        utterances are sent from worker to worker. The extractor has the same bits as on one machine of their kind.
    callback : callable, optional
        Called with the extractor after every iteration.
    checkpoint : Checkpoint, optional
        File that keeps the extractor, at most once a second; training resumes from it and ends with the same bits.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

    Returns
    -------
    IVectorExtractor

    Raises
    ------
    ConfigError
        `rank` or `max_iter` below 1, or `init` of another rank; a checkpoint without a seed in `random_state`.
    ModelError
        Fewer utterances than the rank, which can't span the subspace; statistics or `init` of another shape or
        background model.
    FeatureError
        An utterance without frames, statistics that are not finite, or stored ones of another front end.
    DataError
        A checkpoint that can't be written, or is of other options or statistics.

    References
    ----------
    P. Kenny, G. Boulianne, P. Dumouchel, "Eigenvoice modeling with sparse training data", IEEE Transactions on Speech
    and Audio Processing 13 (3), 2005. P. Kenny, P. Ouellet, N. Dehak, V. Gupta, P. Dumouchel, "A study of interspeaker
    variability in speaker verification", IEEE Transactions on Audio, Speech, and Language Processing 16 (5), 2008.
    N. Brümmer, "The EM algorithm and minimum divergence", Agnitio, 2009.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> utterances = [rng.normal(rng.normal(), 1, (50, 2)) for _ in range(40)]
    >>> ubm = gs.train_ubm(utterances, n_components=1)
    >>> stats = [ubm.accumulate(x) for x in utterances]
    >>> extractor = gs.speaker.train_ivector_extractor(ubm, stats, rank=1)
    >>> ivectors = extractor.extract(stats)[:, 0]
    >>> abs(np.corrcoef(ivectors, [x.mean() for x in utterances])[0, 1]) > 0.99
    np.True_
    """
    seed = seed_of(random_state, None if init else checkpoint)
    extractor = init or _start(ubm, rank, seed)
    _check(ubm, stats, rank, max_iter, extractor)
    last = len(extractor.history) + max_iter
    if checkpoint is not None:
        settings = _settings(ubm, stats, rank, max_iter, min_divergence, init.digest if init else seed)
        extractor = checkpoint.resume(settings, IVectorExtractor) or extractor
    summed = _passes(stats, ubm.means_.shape, n_jobs, client)
    bar = progress_bar("EM", "iteration", shown=progress)
    for _ in bar(range(len(extractor.history), last)):
        with single_threaded_blas():  # the last bits would depend on its threads
            sums = summed(extractor)
            history = (*extractor.history, _log_likelihood(extractor, ubm, sums))
            extractor = replace(_update(extractor, sums, min_divergence=min_divergence, n_jobs=n_jobs), history=history)
        if checkpoint is not None:
            checkpoint.save(extractor)
        if callback is not None:
            callback(extractor)
    return extractor


@dataclass(eq=False)
class _Sums:
    """Of one pass over the utterances."""

    loading: Accumulator
    mean: NDArray[np.float64]  # of E[w], (R,)
    second: NDArray[np.float64]  # of E[w w^T], packed
    f: NDArray[np.float64]  # of the centered and scaled statistics, (K, D)
    gain: float = 0.0
    num_utterances: int = 0
    num_frames: float = 0.0

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def _start(ubm: DiagonalGMM | GMM, rank: int, seed: int) -> IVectorExtractor:
    check_at_least(1, rank=rank)
    weights, means, _ = ubm.parameters()
    covariances = _covariances(ubm)
    whitening = np.linalg.inv(np.linalg.cholesky(covariances)) if covariances.ndim == 3 else None
    empty = np.zeros((*means.shape, rank))
    extractor = IVectorExtractor(
        weights, means, ubm.variances(), empty, gmm_digest(ubm), ubm.front_end_, whitening=whitening
    )
    loading = random_loading(means.shape, rank, np.random.default_rng(seed))
    return replace(extractor, matrix=extractor.unscaled(loading))


def _covariances(ubm: DiagonalGMM | GMM) -> NDArray[np.float64]:
    """Covariances of each component: variances (K, D), or matrices (K, D, D)."""
    kind = ubm.covariance_type if isinstance(ubm, GMM) else "diag"
    return expanded(kind, ubm.parameters()[2], ubm.means_.shape)


def _check(ubm: DiagonalGMM | GMM, stats: Statistics, rank: int, max_iter: int, extractor: IVectorExtractor) -> None:
    check_at_least(1, max_iter=max_iter)
    if extractor.rank != rank:
        raise ConfigError(f"init: found an extractor of rank {extractor.rank}, expected rank = {rank}")
    digest = gmm_digest(ubm)
    if (extractor.whitening is None) == (_covariances(ubm).ndim == 3):
        found, expected = ("diagonal", "full") if extractor.whitening is None else ("full", "diagonal")
        raise ModelError(f"init: found an extractor of {found} covariances, expected one of {expected} ones as in ubm")
    if extractor.ubm_digest not in (None, digest) or extractor.means.shape != ubm.means_.shape:
        raise ModelError("init: found an extractor of another background model, expected one of `ubm`")
    check_same_ubm(stats, digest, ubm.front_end_, model="the background model")
    if len(stats) < rank:
        raise ModelError(f"found {counted(len(stats), 'utterance')}, expected at least as many as the rank ({rank})")


def _settings(
    ubm: DiagonalGMM | GMM, stats: Statistics, rank: int, max_iter: int, min_divergence: bool, start: int | str
) -> dict[str, Any]:
    """All that decides what training gives, for a checkpoint; it reads the statistics once."""
    found = hashlib.sha256()
    for batch in stats_batches(stats, ubm.means_.shape, BATCH):
        found.update(digest(batch.n, batch.sum_x, batch.num_frames).encode())
    return {
        "training": "i-vector extractor",
        "rank": rank,
        "max_iter": max_iter,
        "min_divergence": min_divergence,
        "start": start,
        "front_end": ubm.front_end_,
        "background model": gmm_digest(ubm),
        "utterances": len(stats),
        "statistics": found.hexdigest(),
    }


def _passes(
    stats: Statistics, shape: tuple[int, ...], n_jobs: int | None, client: Client | None
) -> Callable[[IVectorExtractor], _Sums]:
    """Give a function from an extractor to the sums of all utterances, in the order of `tree_sum` over batches."""
    if client is None:

        def summed(extractor: IVectorExtractor) -> _Sums:
            # so many batches are summed in place: the first level of the tree, without an array more
            groups = itertools.groupby(enumerate(stats_batches(stats, shape, BATCH)), lambda pair: pair[0] // FAN_IN)
            subspace = Subspace(extractor.loading, n_jobs=n_jobs)
            return tree_sum(_summed((batch for _, batch in group), extractor, subspace, n_jobs) for _, group in groups)

        return summed
    from gmmspeech.cluster import check_workers, keep_items, sum_rows  # which needs Dask

    check_workers(client)
    parts = keep_items(list(_parts(stats, shape)), client)
    return lambda extractor: sum_rows(functools.partial(_sums_of_part, extractor), [parts], client)


def _parts(stats: Statistics, shape: tuple[int, ...]) -> Iterator[bytes | StatsBatch]:
    """Yield what workers make batches of: those themselves, or what opens a store by its path and reads one."""
    if not hasattr(stats, "select"):
        yield from stats_batches(stats, shape, BATCH)
        return
    names: list[str] = list(stats)  # type: ignore[arg-type]
    for start in range(0, len(names), BATCH):
        yield pickle.dumps(stats.select(names[start : start + BATCH]))


def _sums_of_part(extractor: IVectorExtractor, part: bytes | StatsBatch) -> _Sums:
    """Sums of a batch, on a worker."""
    subspace = extractor._subspace  # made once, at the first part
    if isinstance(part, StatsBatch):
        return _summed([part], extractor, subspace, 1)
    with pickle.loads(part) as store:
        return _summed(stats_batches(store, extractor.means.shape, len(store)), extractor, subspace, 1)


def _summed(
    batches: Iterable[StatsBatch], extractor: IVectorExtractor, subspace: Subspace, n_jobs: int | None
) -> _Sums:
    """Sums of some batches, from the left."""
    rank, shape = extractor.rank, extractor.means.shape
    sums = _Sums(Accumulator(shape, rank), np.zeros(rank), np.zeros(rank * (rank + 1) // 2), np.zeros(shape))
    for batch in batches:
        f = extractor.scaled_statistics(batch)
        found = subspace.posteriors(batch.n, f, n_jobs=n_jobs)
        sums.loading.add(batch.n, f, found, n_jobs=n_jobs)
        sums.mean += found.mean.sum(axis=0)
        sums.second += found.second.sum(axis=0)
        sums.f += f.sum(axis=0)
        sums.gain += found.gain.sum()
        sums.num_utterances += len(batch)
        sums.num_frames += batch.num_frames.sum()
    return sums


def _log_likelihood(extractor: IVectorExtractor, ubm: DiagonalGMM | GMM, sums: _Sums) -> float:
    """Gain over the background model's means, in nats a frame: that of the shift of m, and that of T."""
    shift = extractor.scaled(extractor.means - ubm.means_)
    gain = (shift * sums.f).sum() + 0.5 * (sums.loading.n @ np.square(shift)).sum() + sums.gain
    return float(gain / sums.num_frames)


def _update(extractor: IVectorExtractor, sums: _Sums, *, min_divergence: bool, n_jobs: int | None) -> IVectorExtractor:
    matrix = extractor.unscaled(sums.loading.loading(extractor.loading, n_jobs=n_jobs))
    if not min_divergence:
        return replace(extractor, matrix=matrix)
    mean = sums.mean / sums.num_utterances
    covariance = unpack(sums.second, extractor.rank) / sums.num_utterances - np.outer(mean, mean)
    return replace(extractor, means=extractor.means + matrix @ mean, matrix=matrix @ np.linalg.cholesky(covariance))
