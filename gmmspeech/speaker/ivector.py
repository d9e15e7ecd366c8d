"""i-vectors: an utterance as a point in the space in which the means of a mixture vary most."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map, single_threaded_blas
from gmmspeech.checks import all_finite
from gmmspeech.errors import DataError, ModelError
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.checkpoints import digest
from gmmspeech.files.saving import Saved
from gmmspeech.gmm.utterance_stats import Statistics, check_same_ubm, stats_batches
from gmmspeech.speaker.backend import as_vectors
from gmmspeech.speaker.subspace import BATCH, Subspace


@dataclass(frozen=True)
class IVectorExtractor(Saved, kind="IVectorExtractor", hint="an i-vector extractor (made by train-ivector)"):
    r"""Total variability model (Dehak et al. 2011): the means of an utterance are :math:`m_k + T_k w`, w ~ N(0, I).

    Made by `train_ivector_extractor`, or of given parameters.

    Parameters
    ----------
    weights : ndarray, shape (K,), float64
        Of the background model.
    means : ndarray, shape (K, D), float64
        m. After minimum divergence they are no longer quite the background model's.
    variances : ndarray, shape (K, D), float64
        Σ, the background model's.
    matrix : ndarray, shape (K, D, R), float64
        T.
    ubm_digest : str, optional
        Of the background model whose statistics it takes; see `gmm_digest`.
    front_end : str, optional
        How the frames were made, in JSON.
    history : tuple of float
        Log-likelihood of the training statistics, in nats a frame over that of the background model's means, before
        each update. It never falls.

    References
    ----------
    N. Dehak, P. Kenny, R. Dehak, P. Dumouchel, P. Ouellet, "Front-end factor analysis for speaker verification", IEEE
    Transactions on Audio, Speech, and Language Processing 19 (4), 2011.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> ubm = gs.DiagonalGMM.from_parameters([1.0], [[0.0, 0.0]], [[1.0, 1.0]])
    >>> extractor = IVectorExtractor(ubm.weights_, ubm.means_, ubm.covariances_, np.ones((1, 2, 1)))
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

    def __post_init__(self) -> None:
        shape = self.means.shape
        shapes = (self.weights.shape, shape, self.variances.shape, self.matrix.shape)
        if len(shape) != 2 or shapes != (shape[:1], shape, shape, (*shape, *self.matrix.shape[2:3])):
            raise ModelError(
                f"i-vector extractor: found weights, means, variances, matrix of shapes {', '.join(map(str, shapes))}, "
                "expected (K,), (K, D), (K, D), (K, D, R)"
            )
        finite = all_finite(self.weights, self.means, self.variances, self.matrix)
        if not finite or not (self.variances > 0).all():
            raise ModelError("i-vector extractor: found a parameter that is not finite, or a variance not above 0")

    @property
    def rank(self) -> int:
        """R, the dimension of the i-vectors."""
        return int(self.matrix.shape[2])

    @cached_property
    def digest(self) -> str:
        """Name of the extractor, of its parameters: i-vectors of another one are not comparable."""
        return digest(self.means, self.variances, self.matrix)

    def extract(self, stats: Statistics, *, fast: bool = False, n_jobs: int = 1) -> NDArray[np.float64]:
        r"""i-vectors of utterances: the means of their posteriors,
        :math:`(I + \sum_k n_k T_k^T \Sigma_k^{-1} T_k)^{-1} \sum_k T_k^T \Sigma_k^{-1} (f_k - n_k m_k)`.

        U utterances cost U (K R² + 2 K D R + R³) operations, and 8 K R (D + R / 2) bytes beside their statistics; the
        products that all utterances share are made at the first call and cost K D R² operations.

        Parameters
        ----------
        stats : sequence of GMMStats, or StatisticsStore
            Under the background model that the extractor was trained with.
        fast : bool
            Approximate: take every :math:`T_k^T \Sigma_k^{-1} T_k` to be diagonal in the basis in which their mean,
            weighted by the components' weights, is (Glembek et al. 2011, section 3.2). U utterances then cost
            2 U K R (D + 1) operations and no R³.
        n_jobs : int
            Threads. The bits don't depend on it.

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
        deviations = np.sqrt(self.variances)
        found = [np.empty((0, self.rank))]
        with single_threaded_blas():  # the last bits would depend on its threads
            for batch in stats_batches(stats, self.means.shape, BATCH):
                f = batch.centered(self.means, deviations)
                if fast:
                    found.append(self._extract_fast(batch.n, f, n_jobs))
                else:
                    found.append(self._subspace.posteriors(batch.n, f, n_jobs=n_jobs).mean)
        return np.concatenate(found)

    @cached_property
    def _subspace(self) -> Subspace:
        return Subspace(self.matrix / np.sqrt(self.variances)[:, :, None])

    @cached_property
    def _diagonal(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Basis Q (R, R), loading in it (K D, R), and diagonals of its products (K, R)."""
        loading = self.matrix / np.sqrt(self.variances)[:, :, None]
        heavy = (np.sqrt(self.weights)[:, None, None] * loading).reshape(-1, self.rank)
        basis = np.linalg.eigh(heavy.T @ heavy)[1]
        rotated = loading @ basis
        return basis, rotated.reshape(-1, self.rank), np.square(rotated).sum(axis=1)

    def _extract_fast(self, n: NDArray[np.float64], f: NDArray[np.float64], n_jobs: int) -> NDArray[np.float64]:
        basis, loading, diagonals = self._diagonal

        def extract(part: slice) -> NDArray[np.float64]:
            linear = f[part].reshape(-1, len(loading)) @ loading
            return linear / (1 + n[part] @ diagonals) @ basis.T

        parts = [slice(start, start + 64) for start in range(0, len(n), 64)]
        return np.concatenate(list(ordered_map(extract, parts, n_jobs=n_jobs)))

    def describe(self) -> list[str]:
        """Tell what it is, in a few lines."""
        num_components, dim = self.means.shape
        size = f"rank {self.rank}, {num_components} components, {dim} dimensions"
        return [f"i-vector extractor: {size}", f"front end: {describe_front_end(self.front_end)}"]


@dataclass(frozen=True, eq=False)
class IVectors(Saved, format="gmmspeech i-vectors", hint="i-vectors (made by extract-ivectors)"):
    """Named i-vectors.

    Parameters
    ----------
    names : sequence of str
        Utterances.
    vectors : array_like, shape (U, R), float64
    extractor_digest : str, optional
        Which extractor made them; see `IVectorExtractor.digest`.

    Raises
    ------
    DataError
        Names of another number than the vectors, or one twice.
    FeatureError
        Vectors that are not finite or not two-dimensional.

    Examples
    --------
    >>> IVectors(["u1", "u2"], [[0.5], [1.5]]).by_name()
    {'u1': array([0.5]), 'u2': array([1.5])}
    """

    names: tuple[str, ...] = field(metadata={"saved_as": "utterances"})
    vectors: NDArray[np.float64]
    extractor_digest: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "vectors", as_vectors(self.vectors))
        names, count = len(set(self.names)), len(self.vectors)
        if len(self.names) != count or names != count:
            raise DataError(f"i-vectors: found {count} vectors and {names} different names, expected as many")

    def by_name(self) -> dict[str, NDArray[np.float64]]:
        """Utterance to vector (R,), as `average_sessions` takes them."""
        return dict(zip(self.names, self.vectors, strict=True))

    def describe(self) -> list[str]:
        """Tell what it is, in a few lines."""
        return [
            f"i-vectors: {len(self.names)} utterances, {self.vectors.shape[1]} dimensions",
            f"extractor: {(self.extractor_digest or 'unknown')[:12]}",
        ]
