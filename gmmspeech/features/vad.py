"""Voice activity detection by energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_at_least, real_array
from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.deltas import checked_frames
from gmmspeech.features.options import FLT_EPSILON

LEAST_DEVIATION = 1e-4  # of log energies: below it nothing tells speech from silence
KMEANS_SEED = 209652396  # any would do; this one gives what `DiagonalGMM(2, random_state=0)` finds
_DECIBEL = np.log(10) / 10  # in nats of energy
_NOISE = 0.1  # share of the frames, the quietest, that the noise is measured in
_SPEECH_DB = 20.0  # below the maximum: what is not farther is speech, whatever the noise
ENERGY_FLOOR = 0.0  # of log energies, that of a frame with one sample of 1


@checked
def energy_vad(
    frames: ArrayLike,
    *,
    vad_energy_threshold: float = 5.0,
    vad_energy_mean_scale: float = 0.5,
    vad_frames_context: int = 0,
    vad_proportion_threshold: float = 0.6,
) -> NDArray[np.bool_]:
    """Detect voiced frames like Kaldi's compute-vad, from the log energies in column 0.

    A frame is loud when its log energy is above `vad_energy_threshold` + `vad_energy_mean_scale` times the
    utterance's mean, and voiced when at least `vad_proportion_threshold` of the frames around it are loud.

    Parameters
    ----------
    frames : array_like, shape (T, D)
        Column 0 is the natural logarithm of the energy at the scale of 16-bit samples.
    vad_energy_threshold, vad_energy_mean_scale : float
    vad_frames_context : int
        Context frames on either side.
    vad_proportion_threshold : float

    Returns
    -------
    ndarray, shape (T,), bool

    Raises
    ------
    FeatureError
        `frames` is not a matrix with a column 0.
    ConfigError
        `vad_frames_context` is below 0.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.energy_vad([[2.0], [9.0], [18.0], [17.0]])
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


@checked
def relative_energy_vad(
    log_energy: ArrayLike, *, range_db: float = 50.0, context: int = 2, above_noise_db: float | None = None
) -> NDArray[np.bool_]:
    """Detect voiced frames by their level relative to the loudest frame of the utterance.

    A frame is loud when its energy is at most `range_db` below the maximum, and voiced when more than half of the
    frames around it are loud. Digital silence (log energy at the floor of `mfcc`) is never loud.

    Parameters
    ----------
    log_energy : array_like, shape (T,)
        Natural logarithms of the energies.
    range_db : float
        Range below the maximum, in decibels.
    context : int
        Context frames on either side.
    above_noise_db : float, optional
        Minimum level of a loud frame above the noise, in decibels; the noise level is the mean of the quietest tenth of
        the frames. This keeps pauses of noisy utterances from counting as speech. Frames at most 20 dB below the
        maximum are always loud, because an utterance without pauses has no noise to measure.

    Returns
    -------
    ndarray, shape (T,), bool

    Raises
    ------
    FeatureError
        `log_energy` is not a vector.
    ConfigError
        `range_db`, `above_noise_db` or `context` is below 0.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.features.relative_energy_vad([9.0, 9.1, 18.0, 17.0, 9.0], context=0, above_noise_db=6)
    array([False, False,  True,  True, False])
    >>> gs.features.relative_energy_vad([2.0, 18.0, 17.0, 16.0], context=0)
    array([False,  True,  True,  True])
    """
    energy = _energies(log_energy).astype(np.float32, copy=False)
    for name, value in (("range_db", range_db), ("above_noise_db", above_noise_db or 0.0)):
        if not value >= 0:
            raise ConfigError(f"{name}: found {value}, expected 0 or more")
    if not len(energy):
        return np.zeros(0, dtype=np.bool_)
    loudest, sounding = energy.max(), energy > np.log(np.float32(FLT_EPSILON))
    loud = (energy >= loudest - range_db * _DECIBEL) & sounding
    if above_noise_db is not None and sounding.any():
        quietest = np.sort(energy[sounding])[: max(round(_NOISE * sounding.sum()), 1)]
        loud &= energy >= min(quietest.mean() + above_noise_db * _DECIBEL, loudest - _SPEECH_DB * _DECIBEL)
    hits, around = count_around(loud, context)
    return 2 * hits > around


@checked
def two_gaussian_vad(
    log_energy: ArrayLike,
    *,
    smoothing_window: int = 10,
    max_iter: int = 10,
    tol: float = 5e-4,
    variance_floor: float = 5e-4,
) -> NDArray[np.bool_]:
    """Detect voiced frames by a mixture of two Gaussians on the utterance's log energies, as in bob.bio.spear.

    The mixture is trained by EM from k-means. A frame is voiced if the component with the higher mean has the higher
    posterior. Then single frames that differ from both neighbors are flipped, and so are runs shorter than
    `smoothing_window` between longer ones. An utterance with nearly constant energy has no voiced frame.

    Parameters
    ----------
    log_energy : array_like, shape (T,)
        Natural logarithms of the energies at the scale of 16-bit samples; values below 0, such as digital silence,
        count as 0.
    smoothing_window : int
        Window in frames; 1 for no smoothing of runs.
    max_iter : int
        Maximum number of EM iterations.
    tol : float
        EM stops when the log-likelihood per frame, in nats, gains less than this.
    variance_floor : float
        Variance floor relative to the variance of all frames.

    Returns
    -------
    ndarray, shape (T,), bool

    Raises
    ------
    FeatureError
        `log_energy` is not a vector.
    ConfigError
        `smoothing_window` or `max_iter` is below 1, or another option below 0.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> log_energy = np.repeat([5.0, 18.0, 5.0], 20) + np.random.default_rng(0).standard_normal(60)
    >>> np.flatnonzero(np.diff(gs.features.two_gaussian_vad(log_energy)))
    array([19, 39])
    """
    check_at_least(1, smoothing_window=smoothing_window, max_iter=max_iter)
    check_at_least(0, tol=tol, variance_floor=variance_floor)
    energy = _energies(log_energy).astype(np.float64, copy=False)
    energy = np.maximum(energy, ENERGY_FLOOR)
    if len(energy) < 2 or energy.std() < LEAST_DEVIATION:
        return np.zeros(len(energy), dtype=np.bool_)
    voiced = _in_the_louder_gaussian(energy, max_iter=max_iter, tol=tol, variance_floor=variance_floor)
    return _smoothed(voiced, smoothing_window)


def _energies(log_energy: ArrayLike) -> NDArray:
    energy = real_array(log_energy, "log_energy")
    if energy.ndim != 1:
        raise FeatureError(f"log_energy: found shape {energy.shape}, expected (T,)")
    bad = np.isnan(energy) | (energy == np.inf)  # that of digital silence may be minus infinity
    if bad.any():
        raise FeatureError(f"log_energy: found {energy[bad][0]} in frame {int(bad.argmax())}, expected numbers")
    return energy


def count_around(loud: NDArray[np.bool_], context: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How many frames within `context` are loud, and how many there are."""
    if context < 0:
        raise ConfigError(f"frames of context: found {context}, expected 0 or more")
    frames_around = np.ones(2 * context + 1, dtype=np.intp)
    inside = slice(context, context + len(loud))
    return np.convolve(loud, frames_around)[inside], np.convolve(np.ones_like(loud), frames_around)[inside]


def _in_the_louder_gaussian(
    energy: NDArray[np.float64], *, max_iter: int, tol: float, variance_floor: float
) -> NDArray[np.bool_]:
    """Which energies belong to the Gaussian with the greater mean, of two fitted by EM from k-means."""
    overall = energy.var()
    member = _two_means(energy)
    likelihood, converged = -np.inf, False
    for _ in range(max_iter + 1):
        n = np.maximum(member.sum(axis=1), np.finfo(np.float32).tiny)
        mean = member @ energy / n
        variance = (member * (energy - mean[:, None]) ** 2).sum(axis=1) / n
        variance = np.maximum(np.where(n > 1, variance, overall), variance_floor * overall)
        joint = np.log(n / n.sum()) - 0.5 * np.log(2 * np.pi * variance)
        joint = joint[:, None] - 0.5 * (energy - mean[:, None]) ** 2 / variance[:, None]
        total = np.logaddexp(*joint)
        member = np.exp(joint - total)
        if converged:
            break
        converged, likelihood = total.mean() - likelihood < tol, total.mean()
    return member[np.argmax(mean)] > 0.5


def _two_means(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two clusters of energies by ten iterations of k-means from k-means++ seeds: 0 or 1, shape (2, T)."""
    rng = np.random.default_rng(KMEANS_SEED)
    sample = energy[np.sort(rng.choice(len(energy), min(len(energy), 2000), replace=False))]
    seed = sample[rng.integers(len(sample))]
    chances = np.cumsum((sample - seed) ** 2)
    other = sample[min(np.searchsorted(chances, rng.random() * chances[-1], side="right"), len(sample) - 1)]
    edge = (seed + other) / 2
    for _ in range(10):
        loud = energy > edge
        edge = (energy[~loud].mean() + energy[loud].mean()) / 2
    return np.stack([energy <= edge, energy > edge]).astype(np.float64)


def _smoothed(voiced: NDArray[np.bool_], window: int) -> NDArray[np.bool_]:
    """Without single frames and without runs shorter than `window` between longer ones, as bob.bio.spear does it."""
    if voiced.sum() < window:
        return voiced
    labels = voiced.copy()
    for value in (False, True):  # gaps first, then peaks
        for t in range(1, len(labels) - 1):
            if labels[t] == value and labels[t - 1] != value and labels[t + 1] != value:
                labels[t] = not value
    edges = np.flatnonzero(np.diff(labels)) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(labels)]])
    lengths = ends - starts
    for i in range(len(lengths)):
        around = [lengths[j] for j in (i - 1, i + 1) if 0 <= j < len(lengths)]
        if around and lengths[i] < window < min(around):
            labels[starts[i] : ends[i]] = not labels[starts[i]]
    return labels
