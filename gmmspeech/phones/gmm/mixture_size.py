"""Number of components of phone mixtures: fixed, by the number of frames, or by BIC."""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import NDArray

from gmmspeech.gmm.mixture import DiagonalGMM

SIZES = ("fixed", "frames", "bic")
FEWEST_FRAMES = 5  # a component: with fewer, a mixture gets fewer components than were asked for


def fit_sized(
    frames: NDArray,
    size: str,
    fit: Callable[[int], DiagonalGMM],
    *,
    n_components: int,
    frames_per_component: int,
) -> DiagonalGMM:
    """Train a mixture of as many components as its frames allow, by one of the `SIZES`."""
    most = min(n_components, max(1, len(frames) // FEWEST_FRAMES))
    if size == "bic":
        trials = [fit(2**power) for power in range(most.bit_length())]
        return min(trials, key=lambda mixture: mixture.bic(frames))
    return fit(min(most, max(1, len(frames) // frames_per_component)) if size == "frames" else most)
