"""Calibration of a model's boundaries and their deviations, learned from time labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import set_fields
from gmmspeech.checks import real_array
from gmmspeech.errors import ModelError, counted

OFFSET = 0.3  # frames, added to deviations before their logarithm is taken


@dataclass(frozen=True, eq=False)
class DeviationScale:
    """Deviation of a boundary as a function of two posterior deviations and of the phones on both sides.

    Its logarithm, in frames, is the sum of a constant, of weights times the logarithms of both (and 0.3), and of terms
    for the phone before and the phone after.

    Parameters
    ----------
    weights : ndarray, shape (3,), float64
        The constant, and the weights of deviations at the scale of boundaries and at the smaller one.
    before, after : ndarray, shape (P,), float64
        Term of each phone of the model.
    offsets : ndarray, shape (P, P), float64, or None
        Boundaries in labels minus those by posteriors, in frames, by the phone before and the phone after.
    """

    weights: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    offsets: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "before", "after"):
            numbers = real_array(getattr(self, name), f"DeviationScale: {name}", ModelError)
            if numbers.ndim != 1 or not np.isfinite(numbers).all():
                raise ModelError(f"DeviationScale: {name}: expected a row of finite numbers")
            set_fields(self, **{name: numbers.astype(np.float64)})
        if len(self.weights) != 3 or len(self.before) != len(self.after):
            found = (
                f"{counted(len(self.weights), 'weight')}, {len(self.before)} and {counted(len(self.after), 'phone')}"
            )
            raise ModelError(f"DeviationScale: found {found}, expected 3 weights and as many phones before as after")
        if self.offsets is not None:
            offsets, number = real_array(self.offsets, "DeviationScale: offsets", ModelError), len(self.before)
            if offsets.shape != (number, number) or not np.isfinite(offsets).all():
                expected = f"finite numbers of shape {(number, number)}"
                raise ModelError(f"DeviationScale: found offsets of shape {offsets.shape}, expected {expected}")
            set_fields(self, offsets=offsets.astype(np.float64))

    def __call__(
        self, large: NDArray[np.float64], small: NDArray[np.float64], before: NDArray[np.intp], after: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Deviations in frames, of posterior ones and indices of the phones on both sides."""
        logs = np.log(np.stack([large, small]) + OFFSET)
        total = self.weights[0] + self.weights[1:] @ logs + self.before[before] + self.after[after]
        return np.exp(np.clip(total, -3.0, 4.0))

    def mapped(self, places: Sequence[int | None]) -> DeviationScale:
        """Give it for other phones, each as one of these; None changes nothing."""
        index = [len(self.before) if place is None else place for place in places]
        before, after = (np.append(values, 0.0)[index] for values in (self.before, self.after))
        offsets = None if self.offsets is None else np.pad(self.offsets, (0, 1))[np.ix_(index, index)]
        return DeviationScale(self.weights, before, after, offsets)
