"""`DiagonalGMM`: the mixture as an estimator in scikit-learn's form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state

from gmmspeech.blocks import (
    Block,
    DistributedFrames,
    Frames,
    frame_blocks,
    frame_dim,
    map_blocks,
    single_threaded_blas,
    sum_blocks,
)
from gmmspeech.checks import check_at_least, finite
from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.features.compatibility import check_same_front_end, describe_front_end
from gmmspeech.files.checkpoints import Checkpoint, digest, seed_of
from gmmspeech.files.saving import Saved, State
from gmmspeech.gmm import acceleration, em
from gmmspeech.gmm.errors import NotFittedError
from gmmspeech.gmm.frames import as_frames, check_weights, draw_frames
from gmmspeech.gmm.init import Parameters, kmeans, random_frames
from gmmspeech.gmm.kernels import KernelParameters, WholePass, get_backend, numpy_kernel, pack
from gmmspeech.gmm.parameters import check_parameters, global_variance
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.stepwise import blend

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

INIT_FRAMES_PER_COMPONENT = 200  # for k-means, whose time then does not grow with the corpus
MIN_INIT_FRAMES = 20_000
SMALLEST_FLOOR = 1e-10  # of the global variance, so that a component on equal frames keeps a density
CONSTANT_DIMENSION_VARIANCE = 1e-6  # for a dimension in which all frames are equal
_SAVED_OPTIONS = ("max_iter", "tol", "variance_floor")
_DECIDING_OPTIONS = ("n_components", "accelerate", "max_iter", "tol", "variance_floor")


class DiagonalGMM(Saved, DensityMixin, BaseEstimator, kind="DiagonalGMM", hint="a mixture (made by train-ubm)"):
    """Gaussian mixture with diagonal covariances, trained by EM.

    Arithmetic follows the data: float32 frames are evaluated in float32 with statistics summed in float64, float64
    frames in float64. Results have the same bits for any `n_jobs`.

    Parameters
    ----------
    n_components : int
        Number of components, K.
    init : {"kmeans", "random"} or DiagonalGMM
        Start of EM: ten k-means iterations, frames drawn at random, or a given mixture.
    accelerate : bool
        Extrapolate the steps of EM (`gmmspeech.gmm.acceleration`): the optimum is reached in a third of the passes, by
        another way than that of plain EM.
    max_iter : int
        EM updates at most; passes over the data with `accelerate`.
    tol : float
        EM stops when the mean log-likelihood a frame gains less than this, in nats.
    variance_floor : float
        Smallest variance of a component, relative to the variance of all frames in that dimension.
    learning_decay : float
        How fast `partial_fit` forgets: κ of `gmmspeech.gmm.stepwise`, above 0.5 (fast) and at most 1 (never).
    random_state : int, numpy RandomState or None
        Seed of the start and of `sample`.
    backend : {"auto", "native", "numpy", "torch"}
        Kernel that evaluates the densities: compiled C, NumPy, torch (for GPUs), or ("auto") the first of these where
        it was compiled, unless the environment variable ``GMMSPEECH_BACKEND`` names one.
    device : str, optional
        Of torch: "cpu", "cuda", "cuda:1". By default the first GPU where there is one, else the CPU.
    n_jobs : int
        Threads.

    Attributes
    ----------
    weights_ : ndarray, shape (K,), float64
    means_ : ndarray, shape (K, D), float64
    covariances_ : ndarray, shape (K, D), float64
        The diagonals, as scikit-learn names them.
    history_ : list of float
        Mean log-likelihood a frame, in nats, before each update. It never falls, but for that of `partial_fit`, where
        it is each time that of another batch.
    converged_ : bool
    n_iter_ : int
        Updates done.
    num_frames_ : float or None
        Frames trained on (their summed weights); None where that isn't known.
    front_end_ : str or None
        Configuration of the front end whose frames the mixture was trained on, as JSON text.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> x = np.concatenate([rng.normal(-4, 1, (500, 2)), rng.normal(4, 1, (500, 2))])
    >>> gmm = gs.DiagonalGMM(n_components=2, random_state=0).fit(x)
    >>> np.sort(gmm.means_[:, 0]).round()
    array([-4.,  4.])
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        init: str | DiagonalGMM = "kmeans",
        accelerate: bool = False,
        max_iter: int = 20,
        tol: float = 1e-3,
        variance_floor: float = 0.01,
        learning_decay: float = 0.7,
        random_state: Any = None,
        backend: str = "auto",
        device: str | None = None,
        n_jobs: int = 1,
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.accelerate = accelerate
        self.max_iter = max_iter
        self.tol = tol
        self.variance_floor = variance_floor
        self.learning_decay = learning_decay
        self.random_state = random_state
        self.backend = backend
        self.device = device
        self.n_jobs = n_jobs

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *,
        front_end: str | None = None,
        **options: Any,
    ) -> Self:
        """Mixture with given parameters, ready to use.

        Parameters
        ----------
        weights : array_like, shape (K,)
        means, covariances : array_like, shape (K, D)
        front_end : str, optional
            See `front_end_`.
        **options
            Parameters of the estimator.

        Raises
        ------
        ModelError
            Shapes that don't agree, weights that don't sum to one, or a component with a parameter that is not
            finite or a variance that is not positive.
        """
        parameters = check_parameters(weights, means, covariances)
        gmm = cls(**{"n_components": len(parameters[0]), **options})
        gmm._set(parameters, front_end)
        return gmm

    def with_parameters(
        self, weights: NDArray[np.float64], means: NDArray[np.float64], covariances: NDArray[np.float64]
    ) -> Self:
        """Mixture with other parameters, its options and front end those of this one."""
        options = {**self.get_params(deep=False), "n_components": len(weights)}
        return type(self).from_parameters(weights, means, covariances, front_end=self.front_end_, **options)

    def fit(
        self,
        X: Frames | ArrayLike,
        y: None = None,
        *,
        sample_weight: ArrayLike | None = None,
        callback: Callable[[em.EMMonitor], None] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Self:
        """Train by EM.

        Parameters
        ----------
        X : array_like, shape (N, D), or list of those, or FeatureStore
            Frames; the last is read block by block, never as a whole.
        y : None
            Not used; there for scikit-learn's pipelines.
        sample_weight : array_like, shape (N,), optional
            A frame of weight 2 counts as two frames. For frames in arrays; of a list of them, all one after the other.
        callback : callable, optional
            Called with the `EMMonitor` after every pass over the data.
        checkpoint : Checkpoint, optional
            Where to keep the state before every pass, and to go on from.

        Raises
        ------
        ModelError
            Fewer frames than components.
        ConfigError
            An option that makes no sense; a checkpoint without a seed in `random_state`.
        DataError
            A checkpoint that can't be written, or is of other options or frames.
        FeatureError
            NaN or infinity in a frame; frames that are not two-dimensional.
        """
        self._check_options()
        frames = as_frames(X)
        weight = None if sample_weight is None else check_weights(sample_weight, frames)
        seed = seed_of(self.random_state, checkpoint)
        moments = self._moments(frames, weight)
        variance = global_variance(moments)
        floor = self._floor(variance)
        front_end = getattr(frames, "front_end", None)
        start = None if checkpoint is None else checkpoint.resume(self._settings(moments, front_end, seed))
        if start is None:
            start = self._start(frames, weight, variance, int(moments.num_frames), np.random.default_rng(seed))
        parameters, monitor = (acceleration if self.accelerate else em).fit(
            self._e_step(frames, weight),
            start,
            variance_floor=floor,
            max_iter=self.max_iter,
            tol=self.tol,
            callback=callback,
            save=None if checkpoint is None else checkpoint.save,
        )
        self._set(check_parameters(*parameters), front_end)
        self.history_: list[float] = monitor.history
        self.converged_, self.n_iter_ = monitor.converged, len(monitor.history)
        self.num_frames_: float | None = float(moments.num_frames)
        self.kernel_parameters()  # so that scoring does not change the estimator
        return self

    def partial_fit(self, X: Frames | ArrayLike, y: None = None, *, sample_weight: ArrayLike | None = None) -> Self:
        """Go on training with one more batch of frames, by a step of stepwise EM (`gmmspeech.gmm.stepwise`).

        A mixture that is trained, or given as `init`, is where it goes on from, and counts as the frames it was trained
        on; where their number isn't known, as many as in this batch. Otherwise the first batch is where `init` starts,
        which is the worst way: one pass then gives about what two iterations of `fit` on all the data would. `fit` on
        what can be had at once and `partial_fit` with the rest come close to `fit` on everything.

        Parameters
        ----------
        X : array_like, shape (N, D), or list of those, or FeatureStore
            The batch: some thousand frames, from as many speakers as can be.
        y : None
            Not used.
        sample_weight : array_like, shape (N,), optional
            As in `fit`.

        Raises
        ------
        ConfigError, FeatureError, ModelError
            As `fit`, or frames of another front end or dimension than before.

        Examples
        --------
        >>> import numpy as np, gmmspeech as gs
        >>> rng = np.random.default_rng(0)
        >>> gmm = gs.DiagonalGMM(2, random_state=0)
        >>> for _ in range(20):
        ...     gmm = gmm.partial_fit(rng.normal([[-4.0], [4.0]], 1, (2, 250)).reshape(-1, 1))
        >>> np.sort(gmm.means_[:, 0]).round(1), gmm.num_frames_
        (array([-4.,  4.]), 10000.0)
        """
        self._check_options()
        frames = as_frames(X)
        weight = None if sample_weight is None else check_weights(sample_weight, frames)
        front_end = getattr(frames, "front_end", None)
        given = self if hasattr(self, "weights_") else self.init
        if isinstance(given, DiagonalGMM):
            mixture, before = given._check_batch(frames, front_end), given.num_frames_
        else:
            mixture, before = self._begin(frames, weight), 0.0
        batch = self._accumulate(frames, weight, mixture)
        if not batch.num_frames > 0:
            raise ModelError("found 0 frames, expected a batch of one or more")
        before = batch.num_frames if before is None else before
        average = blend(mixture, before, batch, self.learning_decay)
        history = [*getattr(self, "history_", []), em.mean_log_likelihood(batch)]
        self._set(check_parameters(*self._maximize(average, mixture)), front_end or getattr(given, "front_end_", None))
        self.history_, self.converged_, self.n_iter_ = history, False, len(history)
        self.num_frames_ = float(before + batch.num_frames)
        return self

    def estimate(self, stats: GMMStats) -> Self:
        """Mixture that one update of EM makes of this one, from statistics of the data under it.

        Parameters
        ----------
        stats : GMMStats
            Made by `accumulate`, here or elsewhere; those of parts of the data add.

        Raises
        ------
        ModelError
            Statistics of another shape or of no frames.

        Examples
        --------
        >>> import numpy as np, gmmspeech as gs
        >>> gmm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
        >>> gmm.estimate(gmm.accumulate(np.array([[1.0]])) + gmm.accumulate(np.array([[3.0]]))).means_
        array([[2.]])
        """
        mixture = self.parameters()
        if stats.sum_x.shape != mixture[1].shape:
            raise ModelError(
                f"statistics: found shape {stats.sum_x.shape} (components, dimension), expected {mixture[1].shape}"
            )
        updated = self.with_parameters(*self._maximize(stats, mixture))
        updated.history_ = [*self.history_, em.mean_log_likelihood(stats)]
        updated.num_frames_ = float(stats.num_frames)
        return updated

    def accumulate(self, X: Frames | ArrayLike, *, sample_weight: ArrayLike | None = None) -> GMMStats:
        """Sufficient statistics of frames under the mixture.

        Parameters
        ----------
        X : array_like, shape (N, D), or list of those, or FeatureStore
        sample_weight : array_like, shape (N,), optional

        Returns
        -------
        GMMStats
        """
        frames = self._check_frames(X)
        weight = None if sample_weight is None else check_weights(sample_weight, frames)
        return self._accumulate(frames, weight, self.parameters())

    def score_samples(self, X: Frames | ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood of every frame, shape (N,), in nats.

        Examples
        --------
        >>> import gmmspeech as gs
        >>> gmm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
        >>> gmm.score_samples([[0.0]]).round(4)
        array([-0.9189])
        """
        kernel, parameters = get_backend(self.backend, self.device), self.kernel_parameters()
        return self._map(lambda block: kernel.log_likelihood(block, parameters), X)

    def score(self, X: Frames | ArrayLike, y: None = None, *, sample_weight: ArrayLike | None = None) -> float:
        """Mean log-likelihood a frame, in nats; the mean of weights where they are given, as in `fit`."""
        if sample_weight is not None:
            return float(np.average(self.score_samples(X), weights=check_weights(sample_weight, as_frames(X))))
        total, count = self._total(X)
        return float(np.divide(total, count))

    def predict_proba(self, X: Frames | ArrayLike) -> NDArray[np.float64]:
        """Posterior probability of every component given each frame, shape (N, K)."""
        parameters = self.kernel_parameters()
        return self._map(lambda block: numpy_kernel.posteriors(block, parameters), X)

    def predict(self, X: Frames | ArrayLike) -> NDArray[np.intp]:
        """Most probable component of each frame, shape (N,)."""
        parameters = self.kernel_parameters()
        return self._map(lambda block: numpy_kernel.posteriors(block, parameters).argmax(axis=1), X)

    def sample(self, n_samples: int = 1) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Draw frames from the mixture.

        Returns
        -------
        X : ndarray, shape (n_samples, D)
        components : ndarray of int, shape (n_samples,)
            The component each was drawn from.
        """
        check_at_least(1, n_samples=n_samples)
        weights, means, variances = self.parameters()
        rng = check_random_state(self.random_state)
        components = rng.choice(len(weights), n_samples, p=weights / weights.sum())
        noise = rng.standard_normal((n_samples, means.shape[1]))
        return means[components] + noise * np.sqrt(variances[components]), components

    def bic(self, X: Frames | ArrayLike) -> float:
        """Bayesian information criterion on `X`; the lower, the better."""
        total, count = self._total(X)
        return float(-2 * total + self._num_free_parameters() * np.log(count))

    def aic(self, X: Frames | ArrayLike) -> float:
        """Akaike's information criterion on `X`; the lower, the better."""
        return float(-2 * self._total(X)[0] + 2 * self._num_free_parameters())

    def to_state(self) -> State:
        """Give parameters, options and history, for a file."""
        weights, means, variances = self.parameters()
        options = {name: getattr(self, name) for name in _SAVED_OPTIONS}
        return {
            "weights": weights,
            "means": means,
            "variances": variances,
            "history": np.array(self.history_, dtype=np.float64),
            "options": json.dumps(options, sort_keys=True),
            "front_end": self.front_end_ or "",
            "num_frames": self.num_frames_,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make a mixture of what `to_state` gave."""
        gmm = cls.from_parameters(
            state["weights"],
            state["means"],
            state["variances"],
            front_end=state["front_end"] or None,
            **json.loads(state["options"]),
        )
        gmm.weights_ = state["weights"]  # to the bit, where another system's sum to 1 in float32 only
        gmm.history_ = state["history"].tolist()
        gmm.num_frames_ = float(state["num_frames"]) if "num_frames" in state else None
        return gmm

    def to_sklearn(self) -> GaussianMixture:
        """Give scikit-learn's ``GaussianMixture`` of the same parameters, ready to use; see `gmm.scikit_learn`."""
        from gmmspeech.gmm.scikit_learn import to_sklearn

        return to_sklearn(self)

    @classmethod
    def from_sklearn(cls, mixture: GaussianMixture) -> DiagonalGMM:
        """Make a mixture of a fitted ``GaussianMixture`` of scikit-learn's; see `gmm.scikit_learn`."""
        from gmmspeech.gmm.scikit_learn import from_sklearn

        return from_sklearn(mixture)

    def kernel_parameters(self) -> KernelParameters:
        """Pack the mixture for the kernels, once for each set of parameters."""
        current = self.parameters()
        cached = self.__dict__.get("_packed")
        if cached is None or not all(map(np.array_equal, cached[0], current)):  # attributes may be written to
            cached = (tuple(np.array(p) for p in current), pack(*current))
            self._packed = cached
        return cached[1]

    def absolute_variance_floor(self) -> NDArray[np.float64]:
        """Smallest variance allowed, shape (D,): `variance_floor` times the variance of the whole mixture."""
        weights, means, variances = self.parameters()
        return self._floor(weights @ (variances + (means - weights @ means) ** 2))

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_packed", None)  # made again where it is needed
        return state

    def __sklearn_clone__(self) -> Self:
        clone = super().__sklearn_clone__()
        clone.init = self.init  # a mixture given as the start of EM is a value: its clone would not be fitted
        return clone

    def parameters(self) -> Parameters:
        """Give weights (K,), means (K, D) and variances (K, D), or a `ModelError` before the mixture is fitted."""
        if not hasattr(self, "weights_"):
            raise NotFittedError("this DiagonalGMM is not fitted yet: call fit, or make one by from_parameters")
        return self.weights_, self.means_, self.covariances_

    def _maximize(self, stats: GMMStats, previous: Parameters) -> Parameters:
        """Update from statistics of all the frames, whose variance is then known."""
        n, sum_x, sum_xx = (a.sum(axis=0, keepdims=True) for a in (stats.n, stats.sum_x, stats.sum_xx))
        together = GMMStats(n, sum_x, sum_xx, stats.log_likelihood, stats.num_frames)
        return em.maximize(stats, self._floor(global_variance(together)), previous=previous)

    def _begin(self, frames: Frames, weight: NDArray[np.float64] | None) -> Parameters:
        """Where EM starts, were these all the frames."""
        moments = self._moments(frames, weight)
        variance = global_variance(moments)
        rng = np.random.default_rng(seed_of(self.random_state, None))
        weights, means, variances = self._start(frames, weight, variance, int(moments.num_frames), rng)
        return weights, means, np.maximum(variances, self._floor(variance))

    def _check_batch(self, frames: Frames, front_end: str | None) -> Parameters:
        check_same_front_end(self.front_end_, front_end, model="the mixture", frames="the batch")
        self._check_frames(frames)
        return self.parameters()

    def _set(self, parameters: Parameters, front_end: str | None) -> None:
        self.weights_, self.means_, self.covariances_ = parameters
        self.n_features_in_ = self.means_.shape[1]
        self.front_end_ = front_end
        self.history_ = []
        self.num_frames_ = None

    def _check_options(self) -> None:
        expectations = {
            "n_components": (self.n_components >= 1, "1 or more"),
            "max_iter": (self.max_iter >= 1, "1 or more"),
            "tol": (self.tol >= 0, "0 or more"),
            "learning_decay": (0.5 < self.learning_decay <= 1, "above 0.5 and at most 1"),
            "variance_floor": (0 <= self.variance_floor < 1, "at least 0 and below 1"),
            "init": (isinstance(self.init, DiagonalGMM) or self.init in ("kmeans", "random"), "kmeans or random"),
        }
        for name, (holds, expected) in expectations.items():
            if not holds:
                raise ConfigError(f"{name}: found {getattr(self, name)!r}, expected {expected}")

    def _check_frames(self, X: Frames | ArrayLike) -> Frames:
        dim = self.parameters()[1].shape[1]
        frames = as_frames(X)
        found = frame_dim(frames)
        if found != dim:
            theirs = f"X has {found} features, but DiagonalGMM is expecting {dim} features as input"  # as scikit-learn
            raise FeatureError(f"found frames of {found} columns, expected {dim}, as the mixture has ({theirs})")
        return frames

    def _map(self, function: Callable[[NDArray], NDArray], X: Frames | ArrayLike) -> NDArray:
        return np.concatenate(list(self._results(function, X)))

    def _results(self, function: Callable[[NDArray], NDArray], X: Frames | ArrayLike) -> Iterator[NDArray]:
        frames = self._check_frames(X)
        return map_blocks(lambda block: function(finite(block[1], block[0])), frames, n_jobs=self.n_jobs)

    def _total(self, X: Frames | ArrayLike) -> tuple[float, int]:
        """Log-likelihood of all frames, and their number; the frames' own are not kept."""
        kernel, parameters = get_backend(self.backend, self.device), self.kernel_parameters()
        total, count = 0.0, 0
        for scores in self._results(lambda frames: kernel.log_likelihood(frames, parameters), X):
            total, count = total + float(scores.sum()), count + len(scores)
        return total, count

    def _e_step(self, frames: Frames, weight: NDArray[np.float64] | None) -> Callable[[Parameters], GMMStats]:
        """Give a function from a mixture to the statistics of the frames, to be called once an iteration."""
        kernel = get_backend(self.backend, self.device)
        if isinstance(kernel, WholePass) and not isinstance(frames, DistributedFrames):
            # torch's: frames may stay on a GPU from one iteration to the next
            statistics = kernel.e_step(frames, weight)
            return lambda p: statistics(pack(*p))
        return lambda p: self._accumulate(frames, weight, p)

    def _accumulate(self, frames: Frames, weight: NDArray[np.float64] | None, parameters: Parameters) -> GMMStats:
        with single_threaded_blas():  # the last bits would depend on its threads
            packed = pack(*parameters)
        backend = get_backend(self.backend, self.device).name.split()[0]
        return sum_blocks(_Statistics(backend, self.device, packed), frames, weight, n_jobs=self.n_jobs)

    def _moments(self, frames: Frames, weight: NDArray[np.float64] | None) -> GMMStats:
        """Statistics of all frames as one component, about the first frames' mean, which keeps digits."""
        first = finite(next(frame_blocks(frames), np.empty((0, 1))))
        if not len(first):
            raise ModelError(f"found 0 frames, expected at least as many as components ({self.n_components})")
        mean = first.mean(axis=0, dtype=np.float64)
        variance = first.var(axis=0, dtype=np.float64)
        variance[variance == 0] = 1.0
        moments = self._accumulate(frames, weight, (np.ones(1), mean[None], variance[None]))
        if moments.num_frames < self.n_components and weight is None:
            raise ModelError(
                f"found {int(moments.num_frames)} frames, expected at least as many as components ({self.n_components})"
            )
        return moments

    def _settings(self, moments: GMMStats, front_end: str | None, seed: int) -> dict[str, Any]:
        """All that decides what training gives, for a checkpoint; frames are told by their moments."""
        options = {name: getattr(self, name) for name in _DECIDING_OPTIONS}
        return {
            "training": "mixture",
            **options,
            "init": digest(*self.init.parameters()) if isinstance(self.init, DiagonalGMM) else self.init,
            "seed": seed,
            "backend": get_backend(self.backend, self.device).name,
            "front_end": front_end,
            "frames": moments.num_frames,
            "columns": moments.sum_x.shape[1],
            "sums of the frames": digest(moments.sum_x, moments.sum_xx),
        }

    def _floor(self, variance: NDArray[np.float64]) -> NDArray[np.float64]:
        floor = max(self.variance_floor, SMALLEST_FLOOR) * variance
        return np.where(variance > 0, floor, CONSTANT_DIMENSION_VARIANCE)

    def _start(
        self,
        frames: Frames,
        weight: NDArray[np.float64] | None,
        variance: NDArray[np.float64],
        num_frames: int,
        rng: np.random.Generator,
    ) -> Parameters:
        if isinstance(self.init, DiagonalGMM):
            start = self.init.parameters()
            if start[1].shape != (self.n_components, len(variance)):
                raise ModelError(
                    f"init: found a mixture of shape {start[1].shape} (components, dimension), "
                    f"expected {(self.n_components, len(variance))}"
                )
            return start
        sample = draw_frames(
            frames, weight, max(INIT_FRAMES_PER_COMPONENT * self.n_components, MIN_INIT_FRAMES), num_frames, rng
        )
        if len(sample) < self.n_components:
            raise ModelError(f"found {len(sample)} frames of positive weight, expected {self.n_components} or more")
        everything = weight is not None and len(sample) == np.count_nonzero(weight)  # not drawn by weight then
        times = weight[weight > 0] if weight is not None and everything else None
        if self.init == "random":
            return random_frames(sample, self.n_components, rng, weight=times)
        return kmeans(sample, self.n_components, rng, weight=times, n_jobs=self.n_jobs)

    def _num_free_parameters(self) -> int:
        return len(self.weights_) - 1 + 2 * self.means_.size

    def describe(self) -> list[str]:
        """Tell what it is, in a few lines."""
        num_components, dim = self.means_.shape
        lines = [
            f"mixture: {num_components} components, {dim} dimensions",
            f"weights: {self.weights_.min():.2g} to {self.weights_.max():.2g}, "
            f"perplexity {np.exp(-np.sum(self.weights_ * np.log(np.maximum(self.weights_, 1e-300)))):.1f}",
            f"front end: {describe_front_end(self.front_end_)}",
        ]
        if self.history_:
            passes = f"{len(self.history_)} passes"
            lines.append(f"EM: {passes}, {self.history_[0]:.4f} to {self.history_[-1]:.4f} nats a frame")
        return lines


@dataclass(frozen=True, eq=False)
class _Statistics:
    """What EM asks of every block of the frames, here or on another machine."""

    backend: str  # the one that was chosen here, whatever another machine would choose
    device: str | None
    parameters: KernelParameters

    def __call__(self, block: Block) -> GMMStats:
        start, frames, weight = block
        return get_backend(self.backend, self.device).accumulate(finite(frames, start), self.parameters, weight)
