"""`DiagonalGMM`: the diagonal-covariance mixture as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check, check_options, instance
from gmmspeech.blocks import Frames, frame_blocks, is_distributed
from gmmspeech.checks import finite
from gmmspeech.errors import ModelError, counted
from gmmspeech.features.compatibility import check_same_front_end
from gmmspeech.files.checkpoints import Checkpoint, digest, seed_of
from gmmspeech.gmm import acceleration, em, floors, missing
from gmmspeech.gmm.density import DiagonalMixture
from gmmspeech.gmm.elsewhere import translated
from gmmspeech.gmm.frames import (
    ROWS,
    as_frames,
    check_names,
    check_weights,
    draw_frames,
    is_wide,
    near_one,
)
from gmmspeech.gmm.init import INIT_FRAMES_PER_COMPONENT, MIN_INIT_FRAMES, Parameters, draw_start
from gmmspeech.gmm.kernels import WholePass, get_backend, pack
from gmmspeech.gmm.options import OF_MIXTURES, deciding
from gmmspeech.gmm.parameters import check_parameters
from gmmspeech.gmm.responsibilities import mixture_of
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.stepwise import blend

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture
    from sklearn.utils import Tags


class DiagonalGMM(DiagonalMixture, kind="DiagonalGMM", hint="a mixture with diagonal covariances (made by train-ubm)"):
    """Gaussian mixture with diagonal covariances, trained by EM.

    The precision follows the data: float32 frames are evaluated in float32 with statistics summed in float64, and
    float64 frames in float64. Results have the same bits for any `n_jobs`.

    Parameters
    ----------
    n_components : int
        Number of components, K.
    init : {"kmeans", "random"} or DiagonalGMM
        Start of EM: ten k-means iterations, randomly drawn frames, or a given mixture. Means alone are refused: build
        a mixture with weights and variances by `from_parameters`.
    accelerate : bool
        Add momentum to the EM steps (`gmmspeech.gmm.acceleration`). It reaches an optimum in a third of the passes, but
        on another path than plain EM.
    max_iter : int
        Maximum number of EM updates; with `accelerate`, of passes over the data, not counting those over a few frames
        at the start.
    tol : float
        EM stops when the mean log-likelihood per frame, in nats, gains less than this and no component has just been
        re-seeded.
    variance_floor : float
        Smallest variance of a component, relative to a robust variance within clusters (`gmmspeech.gmm.floors`).
    allow_nan : bool
        Treat NaN in frames as a missing value, in training and wherever the mixture is evaluated
        (`gmmspeech.gmm.missing`); otherwise NaN is refused.
    learning_decay : float
        How fast `partial_fit` forgets: κ of `gmmspeech.gmm.stepwise`, above 0.5 (fast) and at most 1 (never).
    random_state : int, numpy RandomState or None
        Seed of the start and of `sample`.
    backend : {"auto", "native", "numpy", "torch"}
        Kernel that evaluates the densities: compiled C, NumPy or torch (for GPUs). "auto" is compiled C if available,
        else NumPy, unless the environment variable ``GMMSPEECH_BACKEND`` names another.
    device : str, optional
        Device for torch: "cpu", "cuda", "cuda:1". By default the first GPU if there is one, else the CPU.
    n_jobs : int or None
        Number of threads, as in joblib: -1 for one per processor, None for one (or the `joblib.parallel_config`).

    Attributes
    ----------
    weights_ : ndarray, shape (K,), float64
    means_ : ndarray, shape (K, D), float64
    covariances_ : ndarray, shape (K, D), float64
        The diagonals (variances), under scikit-learn's name.
    history_ : list of float
        Mean log-likelihood per frame, in nats, before each update. It never falls, except with `partial_fit`, where
        each value is of another batch.
    converged_ : bool
    n_iter_ : int
        Number of updates done.
    num_floored_ : int
        Number of variances on the floor after the last update; above 0, `fit` warns at its end.
    num_frames_ : float or None
        Number of training frames (their summed weights); None if not known.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (D,)
        Column names, if `X` was a table with names; later input must have the same names.
    front_end_ : str or None
        Configuration of the front end that made the training frames, as JSON text.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> x = np.concatenate([rng.normal(-4, 1, (500, 2)), rng.normal(4, 1, (500, 2))])
    >>> gmm = gs.DiagonalGMM(n_components=2, random_state=0).fit(x)
    >>> np.sort(gmm.means_[:, 0]).round()
    array([-4.,  4.])
    """

    _parameter_constraints: ClassVar = OF_MIXTURES
    _is_a = "density_estimator"

    @translated
    def __init__(
        self,
        n_components: int = 1,
        *,
        init: str | DiagonalGMM = "kmeans",
        accelerate: bool = False,
        max_iter: int = 20,
        tol: float = 1e-3,
        variance_floor: float = 0.01,
        allow_nan: bool = False,
        learning_decay: float = 0.7,
        random_state: Any = None,
        backend: str = "auto",
        device: str | None = None,
        n_jobs: int | None = 1,
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.accelerate = accelerate
        self.max_iter = max_iter
        self.tol = tol
        self.variance_floor = variance_floor
        self.allow_nan = allow_nan
        self.learning_decay = learning_decay
        self.random_state = random_state
        self.backend = backend
        self.device = device
        self.n_jobs = n_jobs

    def _train(
        self,
        frames: Frames,
        weight: NDArray[np.float64] | None,
        callback: Callable[[em.EMMonitor], None] | None = None,
        checkpoint: Checkpoint | None = None,
        responsibilities: NDArray[np.float64] | None = None,
    ) -> Self:
        """Do as `fit` with checked frames, those of a class for example; what ended on the floor isn't warned of."""
        seed = seed_of(self.random_state, checkpoint)
        moments = self._moments(frames, weight)
        front_end = getattr(frames, "front_end", None)
        kept: em.EMState | acceleration.AcceleratedState | None = None
        if checkpoint is not None:
            shape = self.n_components, moments.sum_x.shape[1]
            settings = deciding(self, moments, front_end, seed)
            settings |= {} if responsibilities is None else {"init": digest(responsibilities)}
            kept = acceleration.resume(checkpoint, settings, shape)
        start: Parameters | em.EMState | acceleration.AcceleratedState
        start, floor = (kept, kept.floor) if kept else self._start(frames, weight, moments, seed, responsibilities)
        if self.accelerate and isinstance(start, tuple) and isinstance(self.init, str) and responsibilities is None:
            start = self._approach(frames, weight, int(moments.num_frames), start, floor, seed)
        parameters, monitor = (acceleration if self.accelerate else em).fit(
            self._e_step(frames, weight),
            start,
            variance_floor=floor,
            max_iter=self.max_iter,
            tol=self.tol,
            callback=callback,
            save=None if checkpoint is None else checkpoint.save,
        )
        self._take_over(check_parameters(*parameters), monitor, moments, floor, front_end)
        self.kernel_parameters()  # so that scoring does not change the estimator
        return self

    def partial_fit(self, X: Frames | ArrayLike, y: None = None, *, sample_weight: ArrayLike | None = None) -> Self:
        """Update the mixture with one more batch of frames, by a step of stepwise EM (`gmmspeech.gmm.stepwise`).

        Training continues from the trained mixture, or from one given as `init`. That mixture counts as much as the
        frames it was trained on or, if their number is not known, as this batch. Otherwise `init` starts on the first
        batch, which is the weakest way: one pass then gives about as much as two iterations of `fit` on all the data.
        `fit` on a large part and `partial_fit` on the rest come close to `fit` on everything.

        Parameters
        ----------
        X : array_like, shape (N, D), or list of those, or FeatureStore
            The batch: a few thousand frames, from as many speakers as possible.
        y : None
            Ignored.
        sample_weight : array_like, shape (N,), optional
            As in `fit`.

        Raises
        ------
        ConfigError, FeatureError, ModelError
            As for `fit`, or frames of another front end or dimension than before.

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
        check_options(self)
        check_names(self, X, reset=not hasattr(self, "weights_"))
        frames = as_frames(X)
        weight = None if sample_weight is None else check_weights(sample_weight, frames)
        front_end = getattr(frames, "front_end", None)
        given = self if hasattr(self, "weights_") else self.init
        if isinstance(given, DiagonalGMM):
            mixture, before, floor = (
                given._check_batch(frames, front_end),
                given.num_frames_,
                given.absolute_variance_floor(),
            )
        else:
            moments = self._moments(frames, weight)
            mixture, floor = self._start(frames, weight, moments, seed_of(self.random_state, None))
            before = 0.0
        batch = self._accumulate(frames, weight, mixture)
        if not batch.num_frames > 0:
            raise ModelError("found 0 frames, expected a batch of one or more")
        before = batch.num_frames if before is None else before
        average = blend(mixture, before, batch, self.learning_decay)
        history = [*getattr(self, "history_", []), em.mean_log_likelihood(batch)]
        updated, floored = em.update(average, floor, previous=mixture)
        self._set(check_parameters(*updated), front_end or getattr(given, "front_end_", None), floor)
        warned, self.num_floored_ = getattr(self, "num_floored_", 0), floored
        if not warned:  # once in a stream
            floors.warn("EM", [self])
        if not before:
            floors.warn_if_coarse("EM", frames, [self])
        self.history_, self.converged_, self.n_iter_ = history, False, len(history)
        self.num_frames_ = float(before + batch.num_frames)
        return self

    def estimate(self, stats: GMMStats) -> Self:
        """Return the mixture after one EM update, from statistics of the data under this one.

        Parameters
        ----------
        stats : GMMStats
            From `accumulate`, on this or another machine; statistics of parts of the data add up.

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
        check(instance(GMMStats), stats=stats)
        mixture = self.parameters()
        if stats.sum_x.shape != mixture[1].shape:
            raise ModelError(
                f"statistics: found shape {stats.sum_x.shape} (components, dimension), expected {mixture[1].shape}"
            )
        parameters, floored = em.update(stats, self.absolute_variance_floor(), previous=mixture)
        updated = self.with_parameters(*parameters)
        updated.floor_ = self.floor_
        updated.num_floored_ = floored
        updated.history_ = [*self.history_, em.mean_log_likelihood(stats)]
        updated.num_frames_ = float(stats.num_frames)
        return updated

    def to_sklearn(self) -> GaussianMixture:
        """Convert to a scikit-learn ``GaussianMixture`` that is ready to use; see `gmm.scikit_learn`."""
        from gmmspeech.gmm.scikit_learn import to_sklearn

        options = {name: getattr(self, name) for name in ("max_iter", "tol", "random_state")}
        mixture = to_sklearn(
            self.parameters(), history=self.history_, num_updates=getattr(self, "n_iter_", 0), **options
        )
        mixture.converged_ = getattr(self, "converged_", True)
        return mixture

    @classmethod
    def from_sklearn(cls, mixture: GaussianMixture) -> Self:
        """Convert a fitted scikit-learn ``GaussianMixture``; see `gmm.scikit_learn`."""
        from gmmspeech.gmm.scikit_learn import from_sklearn

        parameters, options = from_sklearn(mixture)
        return cls.from_parameters(*parameters, **options)

    def absolute_variance_floor(self) -> NDArray[np.float64]:
        """Smallest variance allowed, shape (D,): see `gmmspeech.gmm.floors`."""
        weights, _, variances = self.parameters()
        return floors.of_mixture(self.variance_floor, weights, variances) if self.floor_ is None else self.floor_

    def _num_directions(self) -> tuple[int, int]:
        columns = np.count_nonzero(self.absolute_variance_floor() == floors.CONSTANT_COLUMN_VARIANCE)
        return self.covariances_.size, int(columns * np.count_nonzero(self.weights_))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.allow_nan
        return tags

    def __sklearn_clone__(self) -> Self:
        clone = super().__sklearn_clone__()
        clone.init = self.init  # a mixture given as the start of EM is a value: its clone would not be fitted
        return clone

    def _check_batch(self, frames: Frames, front_end: str | None) -> Parameters:
        check_same_front_end(self.front_end_, front_end, model="the mixture", frames="the batch")
        self._check_frames(frames)
        return self.parameters()

    def _approach(
        self,
        frames: Frames,
        weight: NDArray[np.float64] | None,
        num_frames: int,
        start: Parameters,
        floor: NDArray[np.float64],
        seed: int,
    ) -> Parameters | acceleration.AcceleratedState:
        """Go on from a start by passes over the frames that k-means had, should there be many more."""
        size = max(INIT_FRAMES_PER_COMPONENT * int(self.n_components), MIN_INIT_FRAMES)
        if (num_frames if weight is None else np.count_nonzero(weight)) < acceleration.MANY * size:
            return start
        rng = np.random.default_rng(seed)
        sample = missing.filled(draw_frames(frames, weight, size, num_frames, rng), rng)
        stages = [(self._e_step(sample[::step], None), passes) for step, passes in acceleration.STAGES]
        return acceleration.approach(stages, start, variance_floor=floor, tol=self.tol)

    def _e_step(self, frames: Frames, weight: NDArray[np.float64] | None) -> Callable[[Parameters], GMMStats]:
        """Give a function from a mixture to the statistics of the frames, to be called once an iteration."""
        kernel = get_backend(self.backend, self.device)
        if isinstance(kernel, WholePass) and not is_distributed(frames) and not self.allow_nan:
            # torch's: frames may stay on a GPU from one iteration to the next
            unit, near = near_one(weight)
            statistics = kernel.e_step(frames, near)
            return lambda p: statistics(pack(*p)) * unit
        return lambda p: self._accumulate(frames, weight, p)

    def _moments(self, frames: Frames, weight: NDArray[np.float64] | None) -> GMMStats:
        """Statistics of all frames as one component, about the first frames' mean, which keeps digits."""
        first = next(frame_blocks(frames), np.empty((0, 1)))
        if not len(first):
            raise ModelError(f"found 0 frames, expected at least as many as components ({self.n_components})")
        if self.allow_nan and missing.has_gaps(first):
            mean, variance = missing.mean_and_variance(missing.no_infinity(first))
        else:
            finite(first, of_nan=missing.ALLOW)
            mean, variance = first.mean(axis=0, dtype=np.float64), first.var(axis=0, dtype=np.float64)
        variance[variance == 0] = 1.0
        moments = self._accumulate(frames, weight, (np.ones(1), mean[None], variance[None]))
        if moments.num_frames < self.n_components and weight is None:
            found = f"found {counted(int(moments.num_frames), 'frame')}"
            advice = f"; {ROWS}" if is_wide(frames) else ""
            raise ModelError(f"{found}, expected at least as many as components ({self.n_components}){advice}")
        return moments

    def _start(
        self,
        frames: Frames,
        weight: NDArray[np.float64] | None,
        moments: GMMStats,
        seed: int,
        responsibilities: NDArray[np.float64] | None = None,
    ) -> tuple[Parameters, NDArray[np.float64]]:
        """Give where EM starts, and the floor of variances."""
        init = self.init.parameters() if isinstance(self.init, DiagonalGMM) else self.init
        if responsibilities is not None:
            init = mixture_of(frames, responsibilities, weight)
        shape, rng = (int(self.n_components), moments.sum_x.shape[1]), np.random.default_rng(seed)
        count, share = int(moments.num_frames), self.variance_floor
        (weights, means, variances), floor = draw_start(
            frames, weight, init, rng, share=share, num_frames=count, shape=shape, n_jobs=self.n_jobs
        )
        if responsibilities is not None:
            variances = floors.apply(floor, weights, means, variances).variances
        return (weights, means, variances), floor
