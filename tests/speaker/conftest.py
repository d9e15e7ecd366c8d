"""Statistics made by hard alignments, of which every Gaussian can be written down densely."""

from dataclasses import dataclass

import numpy as np
import pytest

from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats


@dataclass
class Aligned:
    """Frames, the component of each, and their statistics."""

    frames: np.ndarray
    components: np.ndarray
    stats: GMMStats


@pytest.fixture
def background():
    """A function: random generator, K, D to a mixture."""

    def make(rng, k=4, d=3):
        return DiagonalGMM.from_parameters(
            rng.dirichlet(np.full(k, 3.0)), rng.normal(0, 2, (k, d)), rng.uniform(0.5, 2, (k, d))
        )

    return make


@pytest.fixture
def draw():
    """A function: random generator, mixture, means, number of frames to an utterance of those means."""

    def make(rng, ubm, means, num_frames=30):
        k, d = ubm.means_.shape
        components = rng.integers(k, size=num_frames)
        frames = means[components] + np.sqrt(ubm.covariances_[components]) * rng.normal(size=(num_frames, d))
        one_hot = np.eye(k)[components]
        stats = GMMStats(one_hot.sum(axis=0), one_hot.T @ frames, one_hot.T @ frames**2, 0.0, float(num_frames))
        return Aligned(frames, components, stats)

    return make
