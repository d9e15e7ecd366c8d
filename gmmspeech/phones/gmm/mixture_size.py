"""Mixtures whose number of components follows from their data: fixed, by frames, or by BIC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from numpy.typing import NDArray

from gmmspeech.gmm.mixture import DiagonalGMM

FEWEST_FRAMES = 5  # a component: with fewer, a mixture gets fewer components than were asked for

Fit = Callable[[int], DiagonalGMM]


def fit_sized(frames: NDArray, size: str, fit: Fit, *, n_components: int, frames_per_component: int) -> DiagonalGMM:
    """Train a mixture of as many components as its frames allow."""
    most = min(n_components, max(1, len(frames) // FEWEST_FRAMES))
    return SIZES[size](frames, fit, most, frames_per_component)


def _fixed(frames: NDArray, fit: Fit, most: int, frames_per_component: int) -> DiagonalGMM:
    return fit(most)


def _by_frames(frames: NDArray, fit: Fit, most: int, frames_per_component: int) -> DiagonalGMM:
    return fit(min(most, max(1, len(frames) // frames_per_component)))


def _by_bic(frames: NDArray, fit: Fit, most: int, frames_per_component: int) -> DiagonalGMM:
    trials = [fit(2**power) for power in range(most.bit_length())]
    return min(trials, key=lambda mixture: mixture.bic(frames))


SIZES: Mapping[str, Callable[[NDArray, Fit, int, int], DiagonalGMM]] = MappingProxyType(
    {"fixed": _fixed, "frames": _by_frames, "bic": _by_bic}
)
