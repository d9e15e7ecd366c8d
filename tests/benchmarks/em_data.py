"""Frames and starts for the benchmarks of EM."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

import gmmspeech as gs
from gmmspeech.formats.datadir import load_utterance, read_data_dir
from gmmspeech.stores.features import FeatureWriter

NUM_SOUNDS = 300
MEAN_DURATION = 8  # frames
MEMORY = 0.7  # of one frame's deviation from its sound in the next
START_FRAMES_PER_COMPONENT = 100
START_UPDATES = 3
UTTERANCE = 1000  # frames
HELD_OUT = 20_000
NOISE = 0.1  # deviations


def speech_like(num_frames: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """Draw frames from sounds that last some frames, with correlated columns of unlike scales, smooth in time."""
    rng = np.random.default_rng(seed)
    # so that posteriors spread over as many powers of ten as those of real MFCC do: exp slows down near its underflow
    centers = 0.6 * rng.standard_normal((NUM_SOUNDS, dim))
    factors = 0.8 * rng.standard_normal((NUM_SOUNDS, dim, dim)) / np.sqrt(dim) + 0.3 * np.eye(dim)
    durations = rng.geometric(1 / MEAN_DURATION, num_frames)
    sounds = np.repeat(rng.integers(NUM_SOUNDS, size=num_frames), durations)[:num_frames]
    noise = lfilter([np.sqrt(1 - MEMORY**2)], [1, -MEMORY], rng.standard_normal((num_frames, dim)), axis=0)
    frames = centers[sounds]
    for sound in range(NUM_SOUNDS):
        here = sounds == sound
        frames[here] += noise[here] @ factors[sound]
    return (frames * np.geomspace(20, 0.5, dim) + np.linspace(-5, 5, dim)).astype(np.float32)


@cache
def _librispeech(data: str, front_end: str) -> NDArray[np.float32]:
    """Frames of a data directory of librispeech-mini, which lies where ``GMMSPEECH_CORPORA`` says."""
    utterances = read_data_dir(Path(os.environ["GMMSPEECH_CORPORA"]) / "librispeech-mini" / "data" / data)
    front = gs.FrontEnd.from_toml(front_end)
    return np.concatenate([front(*load_utterance(utterances, name)) for name in utterances.utterances])


def real_frames(num_frames: int) -> NDArray[np.float32] | None:
    """Frames of read speech, over again where there are too few; None where ``GMMSPEECH_CORPORA`` is not set."""
    if not os.environ.get("GMMSPEECH_CORPORA"):
        return None
    frames = _librispeech("ubm", "clean_speech")
    return frames[np.arange(num_frames) % len(frames)]


def quality_frames(num_frames: int) -> tuple[NDArray[np.float32], str]:
    """Real frames where ``GMMSPEECH_CORPORA`` says where they are, else drawn ones; and what they are, in words."""
    if not os.environ.get("GMMSPEECH_CORPORA"):
        return speech_like(num_frames, 60), f"{num_frames:,} drawn frames of 60 columns"
    frames = _librispeech("background", "mfcc_sre")
    num_frames = min(num_frames, len(frames))
    chosen = np.sort(np.random.default_rng(0).choice(len(frames), num_frames, replace=False))
    return frames[chosen], f"{num_frames:,} frames of {frames.shape[1]} columns (mfcc_sre) of librispeech-mini"


@cache
def held_out_frames() -> NDArray[np.float32]:
    """Frames of other speakers and recordings than `quality_frames` has; of the drawn ones, others."""
    if not os.environ.get("GMMSPEECH_CORPORA"):
        return speech_like(2 * HELD_OUT, 60)[HELD_OUT:]
    frames = _librispeech("test-other", "mfcc_sre")
    return frames[:: len(frames) // HELD_OUT]


def write_tiled_store(path: str | Path, num_frames: int) -> str:
    """Write frames, again and again with new noise, as utterances of ten seconds; say in words what they are."""
    frames, description = quality_frames(num_frames)
    deviation = frames.std(axis=0)
    rng = np.random.default_rng(0)
    with FeatureWriter(path) as writer:
        for number, start in enumerate(range(0, num_frames, UTTERANCE)):
            rows = np.arange(start, min(start + UTTERANCE, num_frames)) % len(frames)
            noise = rng.standard_normal((len(rows), frames.shape[1]), np.float32)
            writer.write(f"u{number}", frames[rows] + NOISE * deviation * noise)
    return f"{num_frames:,} frames of {frames.shape[1]} columns ({description}, tiled with noise)"


def save_workload(folder: Path, frames: NDArray[np.float32], components: int) -> None:
    """Write what the sides load: the frames, and a mixture some updates of EM away from k-means."""
    some = frames[:: max(1, len(frames) // (START_FRAMES_PER_COMPONENT * components))]
    start = gs.DiagonalGMM(components, max_iter=START_UPDATES, tol=0, random_state=0).fit(some)
    np.save(folder / "frames.npy", frames)
    np.savez(folder / "start.npz", *start.parameters())
