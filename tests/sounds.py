"""Sounds that are known at every sample: of what decoders give, and where voices are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16000


def sweep(seconds: float = 0.4, rate: int = RATE) -> NDArray[np.int16]:
    """A tone from 300 to 3000 Hz, shape (n,)."""
    t = np.arange(round(seconds * rate)) / rate
    return (12000 * np.sin(2 * np.pi * (300 * t + 1350 * t**2 / seconds))).astype(np.int16)


def with_pause(pause: float = 2.0, rate: int = RATE) -> NDArray[np.int16]:
    """Two sweeps with a pause between them, which frames of a variable bit rate make small, shape (n,)."""
    tone = sweep(rate=rate)
    return np.concatenate([tone, np.zeros(round(pause * rate), np.int16), tone])


def bursts(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A signal of half-seconds of faint and loud noise, and which of its frames lie within the loud ones."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(np.tile([False, True], 4), 8000)
    signal = rng.standard_normal(len(loud)) * np.where(loud, 0.1, 1e-3)
    starts = np.arange(0, len(loud) - 399, 160)
    return signal.astype(np.float32), np.array([loud[s : s + 400].mean() > 0.5 for s in starts])
