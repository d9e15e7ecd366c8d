"""A diagonal mixture of given parameters: densities, posteriors, statistics and samples, and its file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check, check_options, random_state_of, whole
from gmmspeech.blocks import (
    Block,
    Frames,
    frame_dim,
    map_blocks,
    single_threaded_blas,
    sum_blocks,
)
from gmmspeech.checks import as_history, finite, in_range, transposed
from gmmspeech.errors import FeatureError, ModelError, counted
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.saving import Saved, State
from gmmspeech.files.text import parse_object
from gmmspeech.gmm import missing
from gmmspeech.gmm.frames import as_frames, check_names, check_weights, near_one, saved_names, set_names
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.kernels import KernelParameters, get_backend, numpy_kernel, pack
from gmmspeech.gmm.parameters import check_parameters
from gmmspeech.gmm.stats import GMMStats

_SAVED_OPTIONS = ("max_iter", "tol", "variance_floor")


class DiagonalMixture(Saved):
    """What a mixture can do once it has parameters; `DiagonalGMM` adds how it gets them.

    Its attributes are those of `DiagonalGMM`.
    """

    weights_: NDArray[np.float64]
    means_: NDArray[np.float64]
    covariances_: NDArray[np.float64]
    history_: list[float]
    num_frames_: float | None
    floor_: NDArray[np.float64] | None
    front_end_: str | None
    random_state: Any
    backend: str
    device: str | None
    n_jobs: int | None
    allow_nan: bool

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
        return self._map(self._log_likelihood(), X)

    def score(self, X: Frames | ArrayLike, y: None = None, *, sample_weight: ArrayLike | None = None) -> float:
        """Mean log-likelihood a frame, in nats; the mean of weights where they are given, as in `fit`."""
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
            The component each was drawn from.
        """
        check(whole(1), n_samples=n_samples)
        check_options(self)
        weights, means, variances = self.parameters()
        rng = random_state_of(self.random_state)
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
        options |= {"allow_nan": True} if self.allow_nan else {}  # a file has it where it matters
        return {
            "weights": weights,
            "means": means,
            "variances": variances,
            "history": np.array(self.history_, dtype=np.float64),
            "options": json.dumps(options, sort_keys=True),
            "front_end": self.front_end_ or "",
            "num_frames": self.num_frames_,
            "floor": self.floor_,
            "feature_names": saved_names(self),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make a mixture of what `to_state` gave."""
        gmm = cls.from_parameters(
            state["weights"],
            state["means"],
            state["variances"],
            front_end=state["front_end"] or None,
            **parse_object(state["options"]),
        )
        check_options(gmm)
        gmm.weights_ = state["weights"]  # to the bit, where another system's sum to 1 in float32 only
        gmm.history_ = as_history(state["history"])
        gmm.num_frames_ = float(state["num_frames"]) if "num_frames" in state else None
        if gmm.num_frames_ is not None and not 0 <= gmm.num_frames_ < np.inf:
            raise ModelError(f"num_frames: found {gmm.num_frames_}, expected 0 or more")
        gmm.floor_ = state.get("floor")
        if gmm.floor_ is not None and not (gmm.floor_.shape == gmm.means_.shape[1:] and (gmm.floor_ >= 0).all()):
            raise ModelError(
                f"floor: found shape {gmm.floor_.shape}, expected {gmm.means_.shape[1:]} and none negative"
            )
        set_names(gmm, state.get("feature_names"))
        return gmm

    def describe(self) -> list[str]:
        """Tell what it is, in a few lines."""
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

    def kernel_parameters(self) -> KernelParameters:
        """Pack the mixture for the kernels, once for each set of parameters."""
        current = self.parameters()
        cached = self.__dict__.get("_packed")
        if cached is None or not all(map(np.array_equal, cached[0], current)):  # attributes may be written to
            cached = (tuple(np.array(p) for p in current), pack(*current))
            self._packed = cached
        return cached[1]

    def parameters(self) -> Parameters:
        """Give weights (K,), means (K, D) and variances (K, D), or a `ModelError` before the mixture is fitted."""
        if not hasattr(self, "weights_"):
            from gmmspeech.gmm.errors import NotFittedError  # and scikit-learn

            raise NotFittedError("this DiagonalGMM is not fitted yet: call fit, or make one by from_parameters")
        return self.weights_, self.means_, self.covariances_

    def _set(self, parameters: Parameters, front_end: str | None, floor: NDArray[np.float64] | None = None) -> None:
        self.weights_, self.means_, self.covariances_ = parameters
        self.n_features_in_ = self.means_.shape[1]
        self.front_end_ = front_end
        self.history_ = []
        self.num_frames_, self.floor_ = None, floor

    def _check_frames(self, X: Frames | ArrayLike) -> Frames:
        dim = self.parameters()[1].shape[1]
        check_names(self, X, reset=False)
        frames = as_frames(X)
        found = frame_dim(frames)
        if found != dim:
            theirs = f"X has {found} features, but DiagonalGMM is expecting {dim} features as input"  # as scikit-learn
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

    def _log_likelihood(self) -> Callable[[NDArray], NDArray[np.float64]]:
        """Give a function from frames to their log-likelihoods."""
        return self._evaluate(get_backend(self.backend, self.device).log_likelihood, missing.log_likelihood)

    def _posteriors(self) -> Callable[[NDArray], NDArray[np.float64]]:
        """Give a function from frames to posteriors."""
        return self._evaluate(numpy_kernel.posteriors, missing.posteriors)

    def _evaluate(self, whole: missing.Evaluate, with_gaps: missing.Evaluate) -> Callable[[NDArray], NDArray]:
        """Give a function of frames; `with_gaps` is for those with missing values, where they are allowed."""
        function, parameters = missing.either(whole, with_gaps) if self.allow_nan else whole, self.kernel_parameters()
        return lambda frames: function(frames, parameters)

    def _total(self, X: Frames | ArrayLike) -> tuple[float, int]:
        """Log-likelihood of all frames, and their number; the frames' own are not kept."""
        total, count = 0.0, 0
        for scores in self._results(self._log_likelihood(), X):
            total, count = total + float(scores.sum()), count + len(scores)
        if not count:
            raise FeatureError("found 0 frames, expected one or more")
        return total, count

    def _accumulate(self, frames: Frames, weight: NDArray[np.float64] | None, parameters: Parameters) -> GMMStats:
        with single_threaded_blas():  # the last bits would depend on its threads
            packed = pack(*parameters)
        backend = get_backend(self.backend, self.device).name.split()[0]
        unit, near = near_one(weight)
        function = _Statistics(backend, self.device, packed, self.allow_nan)
        stats = sum_blocks(function, frames, near, n_jobs=self.n_jobs)
        return stats if near is None else stats * unit

    def _num_free_parameters(self) -> int:
        return len(self.weights_) - 1 + 2 * self.means_.size


@dataclass(frozen=True, eq=False)
class _Statistics:
    """Statistics that EM needs of every block of the frames, here or on another machine."""

    backend: str  # the one that was chosen here, whatever another machine would choose
    device: str | None
    parameters: KernelParameters
    allow_nan: bool = False

    def __call__(self, block: Block) -> GMMStats:
        start, frames, weight = block
        if self.allow_nan and missing.has_gaps(frames):
            stats = missing.accumulate(missing.no_infinity(frames, start), self.parameters, weight)
        else:
            stats = get_backend(self.backend, self.device).accumulate(finite(frames, start), self.parameters, weight)
        in_range(np.full(1, stats.log_likelihood), start)
        return stats


def joined_parameters(mixtures: Sequence[DiagonalMixture]) -> State:
    """Put the parameters of mixtures side by side, with the offsets at which each begins, for a file."""
    weights, means, variances = map(np.concatenate, zip(*(m.parameters() for m in mixtures), strict=True))
    offsets = np.cumsum([0, *(len(mixture.weights_) for mixture in mixtures)])
    return {"mixture_offsets": offsets, "weights": weights, "means": means, "variances": variances}


def split_parameters(state: State) -> Iterator[Parameters]:
    """Yield the parameters of each mixture in what `joined_parameters` gave."""
    weights, means, variances = (state[name] for name in ("weights", "means", "variances"))
    for first, stop in itertools.pairwise(state["mixture_offsets"]):
        yield weights[first:stop], means[first:stop], variances[first:stop]
