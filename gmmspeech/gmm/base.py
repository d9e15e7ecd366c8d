"""Methods that all mixtures share, whatever their covariances."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check, check_options, random_state_of, whole
from gmmspeech.blocks import Block, Frames, frame_dim, map_blocks, single_threaded_blas, sum_blocks
from gmmspeech.checks import as_history, finite, in_range, transposed
from gmmspeech.errors import FeatureError, ModelError, counted
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.files.saving import Saved, State
from gmmspeech.gmm import em, floors, missing
from gmmspeech.gmm.conditional import ConditionalMixture, conditional
from gmmspeech.gmm.estimator import Estimator, check_fitted
from gmmspeech.gmm.frames import (
    as_frames,
    check_given_names,
    check_names,
    check_weights,
    near_one,
    saved_names,
    set_names,
    warn_if_wide,
)
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.responsibilities import check_responsibilities
from gmmspeech.gmm.stats import GMMStats

Packed = TypeVar("Packed")


class Mixture(Saved, Estimator):
    """Densities, posteriors and statistics of frames under a mixture."""

    weights_: NDArray[np.float64]
    means_: NDArray[np.float64]
    covariances_: NDArray[np.float64]
    history_: list[float]
    num_frames_: float | None
    floor_: NDArray[np.float64] | None
    front_end_: str | None
    n_components: int
    max_iter: int
    random_state: Any
    n_jobs: int | None
    allow_nan: bool

    def fit(
        self,
        X: Frames | ArrayLike,
        y: None = None,
        *,
        sample_weight: ArrayLike | None = None,
        responsibilities: ArrayLike | None = None,
        callback: Callable[[em.EMMonitor], None] | None = None,
        checkpoint: Checkpoint | None = None,
        progress: bool = True,
    ) -> Self:
        """Train by EM.

        Parameters
        ----------
        X : array_like, shape (N, D), or list of those, or FeatureStore
            Frames; a store is read block by block, never as a whole.
        y : None
            Ignored; for scikit-learn pipelines.
        sample_weight : array_like, shape (N,), optional
            A frame of weight 2 counts as two frames. For frames in arrays; for a list, the concatenated weights.
        responsibilities : array_like, shape (N, K), optional
            Posteriors of the components, from another model or from labels (0 and 1); the EM update on these is the
            start instead of `init`, with correlations for full and tied covariances. For frames in arrays.
        callback : callable, optional
            Called with the `EMMonitor` after every pass over the data.
        checkpoint : Checkpoint, optional
            File that keeps the state before a pass, at most once a second; training resumes from it.
        progress : bool
            Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

        Raises
        ------
        ModelError
            Fewer frames than components.
        ConfigError
            An invalid option; a checkpoint without a seed in `random_state`.
        DataError
            A checkpoint that can't be written, or is of other options or frames.
        FeatureError
            NaN (without `allow_nan`) or infinity in a frame; frames that are not two-dimensional.
        """
        check_options(self)
        check_names(self, X, reset=True)
        frames = as_frames(X)
        warn_if_wide(frames)
        weight = None if sample_weight is None else check_weights(sample_weight, frames)
        given = (
            None if responsibilities is None else check_responsibilities(responsibilities, frames, self.n_components)
        )
        with em.showing_passes(callback, self.max_iter, shown=progress) as show:
            self._train(frames, weight, show, checkpoint, given)
        floors.warn("EM", [self])
        floors.warn_if_coarse("EM", frames, [self])
        return self

    def fit_predict(self, X: Frames | ArrayLike, y: None = None, **options: Any) -> NDArray[np.intp]:
        """Train by EM and return the most probable component of each frame, shape (N,); arguments as for `fit`."""
        return self.fit(X, **options).predict(X)

    def with_parameters(
        self, weights: NDArray[np.float64], means: NDArray[np.float64], covariances: NDArray[np.float64]
    ) -> Self:
        """Return a mixture with other parameters and the same options and front end.

        Parameters
        ----------
        weights : ndarray, shape (K,)
        means : ndarray, shape (K, D)
        covariances : ndarray, shape of `covariances_`

        Raises
        ------
        ModelError
            As for `from_parameters`.
        """
        options = {**self.get_params(deep=False), "n_components": len(weights)}
        mixture = self.from_parameters(weights, means, covariances, front_end=self.front_end_, **options)
        set_names(mixture, getattr(self, "feature_names_in_", None))
        return mixture

    def accumulate(self, X: Frames | ArrayLike, *, sample_weight: ArrayLike | None = None) -> GMMStats:
        """Compute the sufficient statistics of frames under the mixture.

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
        return self._accumulate(frames, weight, self._internal())

    def _accumulate(self, frames: Frames, weight: NDArray[np.float64] | None, parameters: Parameters) -> GMMStats:
        """Statistics of frames under a mixture of this kind."""
        with single_threaded_blas():  # the last bits would depend on its threads
            statistics = self._block_statistics(parameters)
        unit, near = near_one(weight)
        stats = sum_blocks(statistics, frames, near, n_jobs=self.n_jobs)
        return stats if near is None else stats * unit

    def score_samples(self, X: Frames | ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood of every frame, shape (N,), in nats.

        Examples
        --------
        >>> import gmmspeech as gs
        >>> gmm = gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
        >>> gmm.score_samples([[0.0]]).round(4)
        array([-0.9189])
        """
        return self._map(self._log_likelihood(), X)

    def score(self, X: Frames | ArrayLike, y: None = None, *, sample_weight: ArrayLike | None = None) -> float:
        """Mean log-likelihood per frame, in nats; with weights, as for `fit`, the weighted mean.

        Parameters
        ----------
        X : array_like, shape (N, D), or list of those, or FeatureStore
        y : None
            Ignored, as in scikit-learn.
        sample_weight : array_like, shape (N,), optional
        """
        if sample_weight is not None:
            return float(np.average(self.score_samples(X), weights=check_weights(sample_weight, as_frames(X))))
        total, count = self._total(X)
        return total / count

    def predict_proba(self, X: Frames | ArrayLike) -> NDArray[np.float64]:
        """Posterior probability of every component given each frame, shape (N, K)."""
        return self._map(self._posteriors(), X)

    def predict(self, X: Frames | ArrayLike) -> NDArray[np.intp]:
        """Most probable component of each frame, shape (N,)."""
        posteriors = self._posteriors()
        return self._map(lambda block: in_range(posteriors(block)).argmax(axis=1), X)

    def sample(self, n_samples: int = 1) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Draw frames from the mixture.

        Returns
        -------
        X : ndarray, shape (n_samples, D)
        components : ndarray of int, shape (n_samples,)
            Component that each frame was drawn from.
        """
        check(whole(1), n_samples=n_samples)
        check_options(self)
        weights, means, found = self._internal()
        rng = random_state_of(self.random_state)
        components = rng.choice(len(weights), n_samples, p=weights / weights.sum())
        noise = rng.standard_normal((n_samples, means.shape[1]))
        if found.ndim == 2:
            return means[components] + noise * np.sqrt(found[components]), components
        for k in np.unique(components):
            here = components == k
            noise[here] = noise[here] @ np.linalg.cholesky(found[k]).T
        return means[components] + noise, components

    def bic(self, X: Frames | ArrayLike) -> float:
        """Bayesian information criterion on `X`; lower is better."""
        total, count = self._total(X)
        return float(-2 * total + self._num_free_parameters() * np.log(count))

    def aic(self, X: Frames | ArrayLike) -> float:
        """Akaike information criterion on `X`; lower is better."""
        return float(-2 * self._total(X)[0] + 2 * self._num_free_parameters())

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        num_components, dim = self.means_.shape
        lines = [
            f"mixture: {counted(num_components, 'component')}, {counted(dim, 'dimension')}",
            f"weights: {self.weights_.min():.2g} to {self.weights_.max():.2g}, "
            f"perplexity {np.exp(-np.sum(self.weights_ * np.log(np.maximum(self.weights_, 1e-300)))):.1f}",
            f"front end: {describe_front_end(self.front_end_)}",
        ]
        if self.history_:
            passes = counted(len(self.history_), "pass")
            lines.append(f"EM: {passes}, {self.history_[0]:.4f} to {self.history_[-1]:.4f} nats a frame")
        return lines

    def parameters(self) -> Parameters:
        """Return weights (K,), means (K, D) and variances (K, D); a `ModelError` before the mixture is fitted."""
        check_fitted(self, "weights_", ", or make one by from_parameters")
        return self.weights_, self.means_, self.covariances_

    def _check_frames(self, X: Frames | ArrayLike) -> Frames:
        dim = self.parameters()[1].shape[1]
        check_names(self, X, reset=False)
        frames = as_frames(X)
        found = frame_dim(frames)
        if found != dim:
            expecting = f"{type(self).__name__} is expecting {dim} features as input"  # as scikit-learn
            theirs = f"X has {found} features, but {expecting}"
            hint = transposed(np.shape(frames), dim) if isinstance(frames, np.ndarray) else ""
            raise FeatureError(
                f"found frames of {counted(found, 'column')}, expected {dim}, as the mixture has ({theirs}){hint}"
            )
        return frames

    def _map(self, function: Callable[[NDArray], NDArray], X: Frames | ArrayLike) -> NDArray:
        return np.concatenate(list(self._results(function, X)))

    def _results(self, function: Callable[[NDArray], NDArray], X: Frames | ArrayLike) -> Iterator[NDArray]:
        frames, check = self._check_frames(X), missing.no_infinity if self.allow_nan else finite
        return map_blocks(
            lambda block: in_range(function(check(block[1], block[0])), block[0]), frames, n_jobs=self.n_jobs
        )

    def _total(self, X: Frames | ArrayLike) -> tuple[float, int]:
        """Log-likelihood of all frames, and their number; the frames' own are not kept."""
        total, count = 0.0, 0
        for scores in self._results(self._log_likelihood(), X):
            total, count = total + float(scores.sum()), count + len(scores)
        if not count:
            raise FeatureError("found 0 frames, expected one or more")
        return total, count

    def _set(self, parameters: Parameters, front_end: str | None, floor: NDArray[np.float64] | None = None) -> None:
        self.weights_, self.means_, self.covariances_ = parameters
        self.n_features_in_ = self.means_.shape[1]
        self.front_end_ = front_end
        self.history_ = []
        self.num_frames_, self.floor_ = None, floor

    def _take_over(
        self,
        parameters: Parameters,
        monitor: em.EMMonitor,
        moments: GMMStats,
        floor: NDArray[np.float64],
        front_end: str | None,
    ) -> None:
        """Be what training gave, and warn if the likelihood fell at its end."""
        self._set(parameters, front_end, floor)
        self.history_ = monitor.history
        self.converged_, self.n_iter_ = monitor.converged, len(monitor.history)
        self.num_frames_, self.num_floored_ = float(moments.num_frames), monitor.floored
        em.warn_of_fall(monitor)

    def _to_state(self, covariances: str, options: Mapping[str, Any]) -> State:
        """Give parameters, options and history, for a file, which calls covariances by a name."""
        weights, means, found = self.parameters()
        return {
            "weights": weights,
            "means": means,
            covariances: found,
            "history": np.array(self.history_, dtype=np.float64),
            "options": json.dumps(options, sort_keys=True),
            "front_end": self.front_end_ or "",
            "num_frames": self.num_frames_,
            "floor": self.floor_,
            "feature_names": saved_names(self),
        }

    def _restore(self, state: State) -> None:
        """Take over what a file tells of the training."""
        self.history_ = as_history(state["history"])
        self.num_frames_ = float(state["num_frames"]) if "num_frames" in state else None
        if self.num_frames_ is not None and not 0 <= self.num_frames_ < np.inf:
            raise ModelError(f"num_frames: found {self.num_frames_}, expected 0 or more")
        self.floor_ = state.get("floor")
        if self.floor_ is not None and not (self.floor_.shape == self.means_.shape[1:] and (self.floor_ >= 0).all()):
            raise ModelError(
                f"floor: found shape {self.floor_.shape}, expected {self.means_.shape[1:]} and none negative"
            )
        set_names(self, state.get("feature_names"))

    def _internal(self) -> Parameters:
        """Give weights, means and covariances as EM knows them: variances (K, D) or matrices (K, D, D)."""
        return self.parameters()

    def _packed_by(self, pack: Callable[..., Packed]) -> Packed:
        """Pack the mixture for a kernel, once for each set of parameters."""
        current = self.parameters()
        cached = self.__dict__.get("_packed")
        if cached is None or not all(map(np.array_equal, cached[0], current)):  # attributes may be written to
            cached = (tuple(np.array(p) for p in current), pack(*current))
            self._packed = cached
        found: Packed = cached[1]
        return found

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("_packed", None)  # made again where it is needed
        return state

    def conditional(self, X: ArrayLike, *, given: Sequence[int]) -> ConditionalMixture:
        """Return the mixture of some columns given the others; see `gmmspeech.gmm.conditional`.

        Parameters
        ----------
        X : array_like, shape (N, M)
            Values of the given columns, in the order of `given`.
        given : sequence of int
            Indices of these columns, counted from 0.

        Returns
        -------
        ConditionalMixture
            Of the other columns: their `mean` given X (Gaussian mixture regression), `covariance`, and the log density
            of values, `score_samples`. It takes 8 N K (D - M + 1) bytes.

        Raises
        ------
        ConfigError
            An invalid or repeated column, no column, or all columns.
        FeatureError
            Values of another shape, or not finite, or of columns with other names.

        Examples
        --------
        >>> import gmmspeech as gs
        >>> gmm = gs.GMM.from_parameters([1.0], [[0.0, 1.0]], [[[1.0, 0.8], [0.8, 1.0]]])
        >>> gmm.conditional([[2.0]], given=[0]).mean
        array([[2.6]])
        """
        found = conditional(self._internal(), X, given)
        check_given_names(self, X, given)
        return found

    @abstractmethod
    def variances(self) -> NDArray[np.float64]:
        """Variance of every column in every component, shape (K, D)."""

    @classmethod
    @abstractmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *,
        front_end: str | None = None,
        **options: Any,
    ) -> Self:
        """Build a mixture from its parameters."""

    @abstractmethod
    def _train(
        self,
        frames: Frames,
        weight: NDArray[np.float64] | None,
        callback: Callable[[em.EMMonitor], None] | None = None,
        checkpoint: Checkpoint | None = None,
        responsibilities: NDArray[np.float64] | None = None,
    ) -> Self:
        """Do as `fit` with checked frames; what ended on the floor isn't warned of."""

    @abstractmethod
    def _num_directions(self) -> tuple[int, int]:
        """How many variances may end on the floor, and how many of those are of columns of equal frames."""

    @abstractmethod
    def _log_likelihood(self) -> Callable[[NDArray], NDArray[np.float64]]:
        """Give a function from frames to their log-likelihoods."""

    @abstractmethod
    def _posteriors(self) -> Callable[[NDArray], NDArray[np.float64]]:
        """Give a function from frames to posteriors."""

    @abstractmethod
    def _block_statistics(self, parameters: Parameters) -> Callable[[Block], GMMStats]:
        """Give a function, that can be sent, from a block of frames to its statistics under a mixture of this kind."""

    @abstractmethod
    def _num_free_parameters(self) -> int: ...
