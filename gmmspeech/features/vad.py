"""Voice activity detection by energy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.deltas import checked_frames
from gmmspeech.features.options import FLT_EPSILON


def energy_vad(
    frames: ArrayLike,
    *,
    vad_energy_threshold: float = 5.0,
    vad_energy_mean_scale: float = 0.5,
    vad_frames_context: int = 0,
    vad_proportion_threshold: float = 0.6,
) -> NDArray[np.bool_]:
    """Voiced frames by Kaldi's compute-vad, from the log energies in column 0.

    A frame is loud when its log energy is above `vad_energy_threshold` + `vad_energy_mean_scale` times the
    utterance's mean, and voiced when at least `vad_proportion_threshold` of the frames around it are loud.

    Parameters
    ----------
    frames : array_like, shape (T, D)
        Column 0 is the natural logarithm of the energy at the scale of 16-bit samples.
    vad_energy_threshold, vad_energy_mean_scale : float
    vad_frames_context : int
        Frames looked at on either side.
    vad_proportion_threshold : float

    Returns
    -------
    ndarray, shape (T,), bool

    Raises
    ------
    FeatureError
        `frames` isn't a matrix with a column 0.
    ConfigError
        `vad_frames_context` is below 0.

    Examples
    --------
    >>> energy_vad([[2.0], [9.0], [18.0], [17.0]])
    array([False, False,  True,  True])
    """
    x = checked_frames(frames)
    if not x.shape[1]:
        raise FeatureError(f"frames: found shape {x.shape}, expected a column 0 with log energies")
    if not len(x):
        return np.zeros(0, dtype=np.bool_)
    log_energy = x[:, 0]
    loud = log_energy > vad_energy_threshold + vad_energy_mean_scale * log_energy.mean(dtype=np.float64)
    hits, around = count_around(loud, vad_frames_context)
    return hits >= around.astype(np.float32) * np.float32(vad_proportion_threshold)


def relative_energy_vad(log_energy: ArrayLike, *, range_db: float = 50.0, context: int = 2) -> NDArray[np.bool_]:
    """Voiced frames by their distance from the loudest frame of the utterance.

    A frame is loud when its energy is at most `range_db` below the maximum, and voiced when more than half of the
    frames around it are loud. Digital silence (log energy at the floor of `mfcc`) is never loud.

    Parameters
    ----------
    log_energy : array_like, shape (T,)
        Natural logarithms.
    range_db : float
        Decibels.
    context : int
        Frames looked at on either side.

    Returns
    -------
    ndarray, shape (T,), bool

    Raises
    ------
    FeatureError
        `log_energy` isn't a vector.
    ConfigError
        `range_db` or `context` is below 0.

    Examples
    --------
    >>> relative_energy_vad([2.0, 18.0, 17.0, 16.0], context=0)
    array([False,  True,  True,  True])
    """
    energy = np.asarray(log_energy, dtype=np.float32)
    if energy.ndim != 1:
        raise FeatureError(f"log_energy: found shape {energy.shape}, expected (T,)")
    if range_db < 0:
        raise ConfigError(f"range_db: found {range_db}, expected 0 or more")
    if not len(energy):
        return np.zeros(0, dtype=np.bool_)
    loud = (energy >= energy.max() - range_db * np.log(10) / 10) & (energy > np.log(np.float32(FLT_EPSILON)))
    hits, around = count_around(loud, context)
    return 2 * hits > around


VoiceDetector = Callable[..., NDArray[np.bool_]]
_fitted: dict[str, VoiceDetector] = {}


def register_fitted_vad(method: str, detector: VoiceDetector) -> None:
    """Give front ends a voice activity detection that fits a model, and so lives where models do.

    Parameters
    ----------
    method : str
        Its name in a configuration's [vad].
    detector : callable
        Log energies, shape (T,), and the options of that section to bool, shape (T,).
    """
    _fitted[method] = detector


def fitted_vad(method: str) -> VoiceDetector:
    """What was registered under a name."""
    return _fitted[method]


def count_around(loud: NDArray[np.bool_], context: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How many frames within `context` are loud, and how many there are."""
    if context < 0:
        raise ConfigError(f"frames of context: found {context}, expected 0 or more")
    frames_around = np.ones(2 * context + 1, dtype=np.intp)
    inside = slice(context, context + len(loud))
    return np.convolve(loud, frames_around)[inside], np.convolve(np.ones_like(loud), frames_around)[inside]
