"""A sound that is known at every sample, for tests of what decoders give."""

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
