"""What main_job.py times: a step, and the ways in which it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec


@dataclass
class Way:
    """Something that is timed; the whole work takes `times` as long."""

    function: Callable[[], object]
    times: float = 1.0


@dataclass
class Step:
    """A step of the main job: done by us, by peers (None where one is missing), and what it can't be faster than."""

    name: str
    ours: Way
    peers: dict[str, Way | None] = field(default_factory=dict)
    limit: tuple[str, Way] | None = None


def has(module: str) -> bool:
    """Say whether a package is there."""
    return find_spec(module.split(".")[0]) is not None
