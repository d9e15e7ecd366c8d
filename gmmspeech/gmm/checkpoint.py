"""What training asks of a place that keeps its state, so that a killed run goes on and ends with the same bits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from gmmspeech.errors import ConfigError


class StateKeeper(Protocol):
    """A place for the state of one training, such as `gmmspeech.files.checkpoints.Checkpoint`."""

    def resume(self, origin: Mapping[str, Any]) -> Any:
        """Give the state that was saved last, or None; an error if it is of another origin.

        The origin says what decides the result: options and data, by name, in numbers and text.
        """

    def save(self, state: Any) -> None:
        """Keep a state of the training that `resume` was asked for; the one before is replaced."""


def digest(*arrays: NDArray) -> str:
    """SHA-256 of numbers in float64, 64 hexadecimal digits."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return found.hexdigest()


def seed_of(random_state: Any, checkpoint: StateKeeper | None) -> int:
    """Draw the seed of a start; without a given state of the generator, no checkpoint would fit the next run."""
    if random_state is None and checkpoint is not None:
        raise ConfigError("random_state: found None, expected a seed: a checkpoint belongs to one start")
    return int(check_random_state(random_state).randint(2**31))
