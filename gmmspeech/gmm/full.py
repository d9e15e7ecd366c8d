"""`GMM`: a mixture with full, tied, diagonal or spherical covariances, as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import NOTHING, any_of, check, instance, one_of, whole
from gmmspeech.blocks import Block, Frames
from gmmspeech.checks import finite, in_range
from gmmspeech.errors import ConfigError, ModelError
from gmmspeech.files.checkpoints import Checkpoint, digest, seed_of
from gmmspeech.files.saving import State
from gmmspeech.files.text import parse_object
from gmmspeech.gmm import acceleration, covariance_types, em
from gmmspeech.gmm.base import Mixture
from gmmspeech.gmm.elsewhere import translated
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.kernels import KernelParameters, full_kernel, get_backend, numpy_kernel, pack, selected_kernel
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.options import deciding, of_mixtures
from gmmspeech.gmm.responsibilities import with_correlations
from gmmspeech.gmm.stats import GMMStats

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

Packed = KernelParameters | full_kernel.FullParameters | full_kernel.TiedParameters
Trained = Packed | selected_kernel.SelectedParameters  # for statistics alone

_OPTIONS = ("n_components", "max_iter", "tol", "variance_floor", "random_state", "n_jobs")
_SAVED_OPTIONS = ("covariance_type", "max_iter", "tol", "variance_floor")


class GMM(Mixture, kind="GMM", hint="a mixture with full, tied or spherical covariances (made by train-ubm)"):
    """Gaussian mixture whose covariances are full, tied, diagonal or spherical, trained by EM.

    Start, floor and EM loop are those of `DiagonalGMM`. For diagonal covariances prefer that class: it also supports
    streams, missing values, momentum and GPUs.

    Parameters
    ----------
    n_components : int
        Number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"}
        One covariance matrix per component; one shared by all components; one variance per component and column; one
        variance per component.
    init : {"kmeans", "random"}, DiagonalGMM or GMM
        Start of EM. "kmeans" and "random" start without correlations; a mixture of another type is converted. Kaldi's
        recipes start full covariances from a trained mixture with diagonal ones.
    num_gselect : int, optional
        For full covariances: train only on this number of components per frame, the best by the diagonals of their
        covariances, as Kaldi's train_full_ubm.sh does; all by default. This is approximate, and faster with many
        components. A trained mixture is always evaluated with all.
    max_iter, tol, variance_floor, random_state, n_jobs
        See `DiagonalGMM`. The floor holds in every direction (`gmmspeech.gmm.covariance_types`).

    Attributes
    ----------
    weights_ : ndarray, shape (K,), float64
    means_ : ndarray, shape (K, D), float64
    covariances_ : ndarray, shape (K, D, D), (D, D), (K, D) or (K,), float64
        Shape by type, as in scikit-learn.
    history_, converged_, n_iter_, num_frames_, n_features_in_, feature_names_in_, front_end_
        See `DiagonalGMM`.
    num_floored_ : int
        Number of directions, over all components, with the variance on the floor after the last update.

    Notes
    -----
    A pass over N frames takes 2 N K (D² + 3 D + 2) operations with full covariances, 2 D N (D + 4 K) with a tied one,
    and 4 N (G D² + K D) with G components selected per frame.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> x = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 2000)
    >>> gs.GMM(covariance_type="full").fit(x).covariances_.round(1)
    array([[[1. , 0.9],
            [0.9, 1. ]]])
    """

    allow_nan = False
    _is_a = "density_estimator"
    _parameter_constraints: ClassVar = {
        **of_mixtures(*_OPTIONS),
        "covariance_type": one_of(*covariance_types.KINDS),
        "init": any_of(one_of("kmeans", "random"), instance(Mixture, words="a DiagonalGMM or GMM, not means alone")),
        "num_gselect": any_of(whole(1), NOTHING),
    }

    @translated
    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        init: str | DiagonalGMM | GMM = "kmeans",
        num_gselect: int | None = None,
        max_iter: int = 20,
        tol: float = 1e-3,
        variance_floor: float = 0.01,
        random_state: Any = None,
        n_jobs: int | None = 1,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.init = init
        self.num_gselect = num_gselect
        self.max_iter = max_iter
        self.tol = tol
        self.variance_floor = variance_floor
        self.random_state = random_state
        self.n_jobs = n_jobs

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *,
        covariance_type: str = "full",
        front_end: str | None = None,
        **options: Any,
    ) -> Self:
        """Build a mixture from given parameters, ready to use.

        Parameters
        ----------
        weights : array_like, shape (K,)
        means : array_like, shape (K, D)
        covariances : array_like, shape (K, D, D), (D, D), (K, D) or (K,)
            Shape by type; see `covariances_`.
        covariance_type : {"full", "tied", "diag", "spherical"}
        front_end : str, optional
            See `front_end_`.
        **options
            Parameters of the estimator.

        Raises
        ------
        ModelError
            Shapes that don't match, weights that don't sum to one, a parameter that is not finite, or a covariance that
            is not symmetric and positive definite.
        """
        check(cls._parameter_constraints["covariance_type"], covariance_type=covariance_type)
        parameters = covariance_types.check(covariance_type, weights, means, covariances)
        gmm = cls(**{"n_components": len(parameters[0]), "covariance_type": covariance_type, **options})
        gmm._set(parameters, front_end)
        return gmm

    def _train(
        self,
        frames: Frames,
        weight: NDArray[np.float64] | None,
        callback: Callable[[em.EMMonitor], None] | None = None,
        checkpoint: Checkpoint | None = None,
        responsibilities: NDArray[np.float64] | None = None,
    ) -> Self:
        """Do as `fit` with checked frames."""
        seed, kind = seed_of(self.random_state, checkpoint), self.covariance_type
        if self.num_gselect is not None and kind != "full":
            expected = "full ones: with others, all components are evaluated faster than some are selected"
            raise ConfigError(f"num_gselect: found {self.num_gselect} with covariances {kind!r}, expected {expected}")
        begin = self._beginning()
        moments, front_end = begin._moments(frames, weight), getattr(frames, "front_end", None)
        kept = None if checkpoint is None else self._resume(checkpoint, moments, front_end, seed, responsibilities)
        start: Parameters | em.EMState
        if kept is not None:
            start, floor = kept, kept.floor
        else:
            start, floor = begin._start(frames, weight, moments, seed, responsibilities)
            if isinstance(self.init, Mixture) and responsibilities is None:
                start = self.init._internal()
            start = covariance_types.as_kind(kind, start)
            if responsibilities is not None and kind in covariance_types.MATRICES:
                start = with_correlations(frames, responsibilities, weight, start, floor, kind)
        parameters, monitor = em.fit(
            lambda parameters: self._accumulate(frames, weight, parameters),
            start,
            variance_floor=floor,
            max_iter=self.max_iter,
            tol=self.tol,
            callback=callback,
            save=None if checkpoint is None else checkpoint.save,
            m_step=covariance_types.m_step(kind),
        )
        self._take_over(self._contracted(parameters), monitor, moments, floor, front_end)
        self._kernel_parameters()  # so that scoring does not change the estimator
        return self

    def _num_directions(self) -> tuple[int, int]:
        return covariance_types.num_directions(self.covariance_type, self.means_.shape), 0

    def variances(self) -> NDArray[np.float64]:
        """Variance of every column in every component, shape (K, D)."""
        found = self._internal()[2]
        return np.einsum("kii->ki", found).copy() if found.ndim == 3 else found

    def to_sklearn(self) -> GaussianMixture:
        """Convert to a scikit-learn ``GaussianMixture`` that is ready to use."""
        from gmmspeech.gmm.scikit_learn import to_sklearn

        options = {name: getattr(self, name) for name in ("covariance_type", "max_iter", "tol", "random_state")}
        return to_sklearn(self.parameters(), history=self.history_, num_updates=getattr(self, "n_iter_", 0), **options)

    @classmethod
    def from_sklearn(cls, mixture: GaussianMixture) -> Self:
        """Convert a fitted scikit-learn ``GaussianMixture``."""
        from gmmspeech.gmm.scikit_learn import any_from_sklearn

        parameters, options = any_from_sklearn(mixture)
        return cls.from_parameters(*parameters, **options)

    def to_state(self) -> State:
        """Return parameters, options and history for saving."""
        return self._to_state("covariances", {name: getattr(self, name) for name in _SAVED_OPTIONS})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild a mixture from the result of `to_state`."""
        parameters = (state[name] for name in ("weights", "means", "covariances"))
        gmm = cls.from_parameters(*parameters, front_end=state["front_end"] or None, **parse_object(state["options"]))
        gmm._restore(state)
        return gmm

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        first, *others = super().describe()
        return [f"{first}, {self.covariance_type} covariances", *others]

    def _beginning(self) -> DiagonalGMM:
        """Give the mixture with diagonal covariances whose start and floor this one has."""
        init: str | DiagonalGMM = self.init if isinstance(self.init, str) else "kmeans"
        if isinstance(self.init, Mixture):
            weights, means, _ = self.init.parameters()
            init = DiagonalGMM.from_parameters(weights, means, self.init.variances())
        options = {name: getattr(self, name) for name in _OPTIONS}
        return DiagonalGMM(**options, init=init)

    def _resume(
        self,
        checkpoint: Checkpoint,
        moments: GMMStats,
        front_end: str | None,
        seed: int,
        responsibilities: NDArray[np.float64] | None,
    ) -> em.EMState | None:
        settings = deciding(self._beginning(), moments, front_end, seed) | {"covariance_type": self.covariance_type}
        if self.num_gselect is not None:
            settings["num_gselect"] = self.num_gselect
        if responsibilities is not None:
            settings["init"] = digest(responsibilities)
        elif isinstance(self.init, Mixture):
            settings["init"] = digest(*self.init.parameters())
        kept = acceleration.resume(checkpoint, settings, (self.n_components, moments.sum_x.shape[1]))
        if kept is not None and (not isinstance(kept, em.EMState) or kept.best[2].ndim != self._ndim):
            raise ModelError(f"{checkpoint.path}: damaged checkpoint (found covariances of another type)")
        return kept

    @property
    def _ndim(self) -> int:
        return 3 if self.covariance_type in covariance_types.MATRICES else 2

    def _internal(self) -> Parameters:
        """Give weights, means and covariances as EM knows them: (K, D, D) or (K, D)."""
        weights, means, found = self.parameters()
        return weights, means, covariance_types.expanded(self.covariance_type, found, means.shape)

    def _contracted(self, parameters: Parameters) -> Parameters:
        weights, means, found = parameters
        return covariance_types.check(
            self.covariance_type, weights, means, covariance_types.contracted(self.covariance_type, found)
        )

    def _pack(self, weights: NDArray[np.float64], means: NDArray[np.float64], found: NDArray[np.float64]) -> Packed:
        """Pack a mixture, its covariances as EM knows them, for the kernel of its type."""
        if self.covariance_type == "tied":
            return full_kernel.pack_tied(weights, means, found[0])
        return full_kernel.pack_full(weights, means, found) if found.ndim == 3 else pack(weights, means, found)

    def _kernel_parameters(self) -> Packed:
        return self._packed_by(lambda *_: self._pack(*self._internal()))

    def _log_likelihood(self) -> Callable[[NDArray], NDArray[np.float64]]:
        packed = self._kernel_parameters()
        return lambda frames: _kernel(packed).log_likelihood(frames, packed)

    def _posteriors(self) -> Callable[[NDArray], NDArray[np.float64]]:
        packed = self._kernel_parameters()
        kernel: Any = numpy_kernel if isinstance(packed, KernelParameters) else full_kernel
        return lambda frames: kernel.posteriors(frames, packed)

    def _block_statistics(self, parameters: Parameters) -> Callable[[Block], GMMStats]:
        if self.num_gselect is None or self.num_gselect >= len(parameters[0]):
            return _Statistics(self._pack(*parameters))
        return _Statistics(selected_kernel.pack_selected(*parameters, self.num_gselect))

    def _num_free_parameters(self) -> int:
        shape = self.means_.shape
        return shape[0] - 1 + self.means_.size + covariance_types.num_free(self.covariance_type, shape)


@dataclass(frozen=True, eq=False)
class _Statistics:
    """Statistics that EM needs of every block of the frames, here or on another machine."""

    packed: Trained

    def __call__(self, block: Block) -> GMMStats:
        start, frames, weight = block
        stats: GMMStats = _kernel(self.packed).accumulate(finite(frames, start), self.packed, weight)
        in_range(np.full(1, stats.log_likelihood), start)
        return stats


def _kernel(packed: Trained) -> Any:
    if isinstance(packed, selected_kernel.SelectedParameters):
        return selected_kernel
    return get_backend() if isinstance(packed, KernelParameters) else full_kernel
