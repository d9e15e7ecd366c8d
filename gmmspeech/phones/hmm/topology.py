"""Topologies in which states do not simply follow each other: Kaldi's silence goes back and skips states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import set_fields, told
from gmmspeech.checks import real_array
from gmmspeech.errors import ModelError

_ROUNDING = 1e-3  # by how much float32 probabilities, divided by that of leaving, may miss a sum of 1

Way = tuple[int, int, float]
"""From the place of a state in a phone to another place, the one behind the last being out, and a log probability."""


@dataclass(frozen=True, eq=False)
class Topology:
    """Arcs from states that do not lead only to the next state; arcs from a state to itself are implicit.

    Parameters
    ----------
    state : ndarray of int, shape (A,)
        State of a model that each arc leaves; arcs of the same state are consecutive.
    position : ndarray of int, shape (A,)
        Position in its phone of the state that the arc leads to; the number of positions means out of the phone. No arc
        leads to the first.
    probability : ndarray, shape (A,), float64
        Probability given that the state is left; they sum to one for each state.

    Raises
    ------
    ModelError
        Arrays that don't match, an invalid probability.

    Examples
    --------
    >>> skips = Topology([0, 0], [1, 2], [0.75, 0.25])
    >>> [(a, b, round(float(np.exp(p)), 2)) for a, b, p in skips.ways([0, 1])]
    [(0, 1, 0.75), (0, 2, 0.25), (1, 2, 1.0)]
    """

    state: NDArray[np.intp]
    position: NDArray[np.intp]
    probability: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("state", "position"):
            numbers = real_array(getattr(self, name), f"Topology: {name}", ModelError)
            if numbers.ndim != 1 or not (numbers == np.trunc(numbers)).all() or (numbers < 0).any():
                raise ModelError(f"Topology: {name}: found {told(numbers)}, expected a row of whole numbers")
            set_fields(self, **{name: numbers.astype(np.intp)})
        probability = real_array(self.probability, "Topology: probability", ModelError).astype(np.float64)
        set_fields(self, probability=probability)
        if not self.state.shape == self.position.shape == self.probability.shape or not len(self.state):
            shapes = f"{self.state.shape}, {self.position.shape}, {self.probability.shape}"
            raise ModelError(f"Topology: found state, position, probability of shapes {shapes}, expected (A,) of each")
        if not ((self.probability > 0) & (self.probability <= 1 + _ROUNDING)).all() or (self.position < 1).any():
            raise ModelError("Topology: expected probabilities above 0, and no arc that leads to the first place")
        starts = np.flatnonzero(np.append(True, self.state[1:] != self.state[:-1]))
        sums = np.add.reduceat(self.probability, starts)
        if (np.diff(self.state) < 0).any() or (np.abs(sums - 1) > _ROUNDING).any():
            raise ModelError(f"Topology: found sums of {told(sums)}, expected 1 for each state, and states in order")

    def ways(self, states: Sequence[int] | NDArray[np.intp]) -> list[Way]:
        """Ways between the states that a phone goes through, and out of them."""
        return [(i, j, p) for i, state in enumerate(states) for j, p in self.onward(int(state), i)]

    def onward(self, state: int, place: int) -> list[tuple[int, float]]:
        """Places that a state at a place of its phone leads to, and log probabilities."""
        return self._listed.get(state, [(place + 1, 0.0)])

    def is_chain(self, states: Sequence[int] | NDArray[np.intp]) -> bool:
        """Say whether each of some states leads to the next alone."""
        return all([j for j, _ in self.onward(int(state), i)] == [i + 1] for i, state in enumerate(states))

    def of_copies(self, sources: Sequence[int]) -> Topology | None:
        """Give the topology of states that are copies of others, by their number, -1 of none; None of chains."""
        rows = [(i, *way) for i, s in enumerate(sources) for way in zip(*self._rows(s), strict=True)]
        if not rows:
            return None
        state, position, probability = (np.array(column) for column in zip(*rows, strict=True))
        return Topology(state, position, probability)

    def _rows(self, state: int) -> tuple[list[int], list[float]]:
        here = self.state == state
        return self.position[here].tolist(), self.probability[here].tolist()

    @cached_property
    def _listed(self) -> dict[int, list[tuple[int, float]]]:
        found = defaultdict(list)
        arcs = zip(self.state.tolist(), self.position.tolist(), np.log(self.probability).tolist(), strict=True)
        for state, position, p in arcs:
            found[state].append((position, p))
        return dict(found)
