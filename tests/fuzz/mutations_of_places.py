"""Something else where a file should be: folders, pipes, devices, links that lead nowhere or in a circle."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np


def folder(path: Path, rng: np.random.Generator) -> None:
    """Put a folder there."""
    path.unlink()
    path.mkdir()


def pipe(path: Path, rng: np.random.Generator) -> None:
    """Put a pipe there that nobody writes to."""
    path.unlink()
    os.mkfifo(path)


def device(path: Path, rng: np.random.Generator) -> None:
    """Lead to a device: of zeros without end, of nothing, or one that is always full."""
    path.unlink()
    path.symlink_to(str(rng.choice(["/dev/zero", "/dev/null", "/dev/full", "/dev/urandom"])))


def dangling(path: Path, rng: np.random.Generator) -> None:
    """Lead nowhere."""
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


def circle(path: Path, rng: np.random.Generator) -> None:
    """Lead to itself."""
    path.unlink()
    path.symlink_to(path)


def sparse(path: Path, rng: np.random.Generator) -> None:
    """Let zeros follow, more of them than there is memory, that take no room on the disk."""
    with open(path, "r+b") as file:
        file.truncate(5 << 29)


PLACES = {f.__name__: f for f in (folder, pipe, device, dangling, circle, sparse)}
