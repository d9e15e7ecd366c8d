"""A diagonal mixture with given parameters: densities, posteriors, statistics, samples, and its file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check_options
from gmmspeech.blocks import (
    Block,
)
from gmmspeech.checks import finite, in_range
from gmmspeech.files.saving import State
from gmmspeech.files.text import parse_object
from gmmspeech.gmm import missing
from gmmspeech.gmm.base import Mixture
from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.kernels import KernelParameters, get_backend, numpy_kernel, pack
from gmmspeech.gmm.parameters import check_parameters
from gmmspeech.gmm.stats import GMMStats

_SAVED_OPTIONS = ("max_iter", "tol", "variance_floor")


class DiagonalMixture(Mixture):
    """A mixture with parameters; `DiagonalGMM` adds training.

    Its attributes are those of `DiagonalGMM`.
    """

    backend: str
    device: str | None

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
        """Build a mixture from given parameters, ready to use.

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
            Shapes that don't match, weights that don't sum to one, or a component with a parameter that is not
            finite or a variance that is not positive.
        """
        parameters = check_parameters(weights, means, covariances)
        gmm = cls(**{"n_components": len(parameters[0]), **options})
        gmm._set(parameters, front_end)
        return gmm

    def to_state(self) -> State:
        """Return parameters, options and history for saving."""
        options = {name: getattr(self, name) for name in _SAVED_OPTIONS}
        options |= {"allow_nan": True} if self.allow_nan else {}  # a file has it where it matters
        return self._to_state("variances", options)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild a mixture from the result of `to_state`."""
        gmm = cls.from_parameters(
            state["weights"],
            state["means"],
            state["variances"],
            front_end=state["front_end"] or None,
            **parse_object(state["options"]),
        )
        check_options(gmm)
        gmm.weights_ = state["weights"]  # to the bit, where another system's sum to 1 in float32 only
        gmm._restore(state)
        return gmm

    def kernel_parameters(self) -> KernelParameters:
        """Pack the mixture for the kernels, once for each set of parameters."""
        return self._packed_by(pack)

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

    def _block_statistics(self, parameters: Parameters) -> Callable[[Block], GMMStats]:
        backend = get_backend(self.backend, self.device).name.split()[0]
        return _Statistics(backend, self.device, pack(*parameters), self.allow_nan)

    def variances(self) -> NDArray[np.float64]:
        """Variance of every column in every component, shape (K, D)."""
        return self.parameters()[2]

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
            stats = get_backend(self.backend, self.device).accumulate(
                finite(frames, start, of_nan=missing.ALLOW), self.parameters, weight
            )
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
