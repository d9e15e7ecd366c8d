"""Voice activity detection by mixtures: two Gaussians over an utterance's energy, and models of speech and the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.checks import check_at_least
from gmmspeech.errors import FeatureError
from gmmspeech.features.deltas import checked_frames
from gmmspeech.features.vad import count_around, register_fitted_vad
from gmmspeech.gmm.mixture import DiagonalGMM

LEAST_DEVIATION = 1e-4  # of log energies: below it nothing tells speech from silence
ENERGY_FLOOR = 0.0  # of log energies, that of a frame with one sample of 1


def two_gaussian_vad(
    log_energy: ArrayLike,
    *,
    smoothing_window: int = 10,
    max_iter: int = 10,
    tol: float = 5e-4,
    variance_floor: float = 5e-4,
) -> NDArray[np.bool_]:
    """Voiced frames by a mixture of two Gaussians over the utterance's log energies, as bob.bio.spear has it.

    The mixture is fitted by EM from k-means, and a frame is voiced when the component with the greater mean has the
    greater part in it. Then single frames that differ from both neighbors turn, and so do runs shorter than
    `smoothing_window` between longer ones. An utterance whose energy hardly changes has no voiced frame.

    Parameters
    ----------
    log_energy : array_like, shape (T,)
        Natural logarithms at the scale of 16-bit samples; those below 0, as of digital silence, count as 0.
    smoothing_window : int
        Frames; 1 for no smoothing of runs.
    max_iter : int
        Passes of EM.
    tol : float
        Gain in nats a frame at which EM stops.
    variance_floor : float
        Relative to the variance of all frames.

    Returns
    -------
    ndarray, shape (T,), bool

    Raises
    ------
    FeatureError
        `log_energy` isn't a vector.
    ConfigError
        `smoothing_window` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> log_energy = np.repeat([5.0, 18.0, 5.0], 20) + np.random.default_rng(0).standard_normal(60)
    >>> np.flatnonzero(np.diff(two_gaussian_vad(log_energy)))
    array([19, 39])
    """
    check_at_least(1, smoothing_window=smoothing_window)
    energy = np.asarray(log_energy, dtype=np.float64)
    if energy.ndim != 1:
        raise FeatureError(f"log_energy: found shape {energy.shape}, expected (T,)")
    energy = np.maximum(energy, ENERGY_FLOOR)
    if len(energy) < 2 or energy.std() < LEAST_DEVIATION:
        return np.zeros(len(energy), dtype=np.bool_)
    gmm = DiagonalGMM(2, max_iter=max_iter, tol=tol, variance_floor=variance_floor, random_state=0)
    x = energy[:, None]
    voiced = gmm.fit(x).predict(x) == np.argmax(gmm.means_[:, 0])
    return _smoothed(voiced, smoothing_window)


def gmm_vad(
    frames: ArrayLike, speech: DiagonalGMM, nonspeech: DiagonalGMM, *, threshold: float = 0.0, context: int = 5
) -> NDArray[np.bool_]:
    """Voiced frames by the log-likelihood ratio of a model of speech and one of everything else.

    A frame sounds like speech when log p(x | speech) - log p(x | nonspeech) is above the threshold, and is voiced when
    more than half of the frames around it do.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    speech, nonspeech : DiagonalGMM
        Trained on labeled frames of the same front end; `GMMClassifier` trains both at once.
    threshold : float
        Nats; the logarithm of how much likelier silence is beforehand and how much worse it is to lose speech.
    context : int
        Frames on either side.

    Returns
    -------
    ndarray, shape (T,), bool
        What a front end takes as ``voiced``.

    Raises
    ------
    FeatureError
        `frames` isn't a matrix.
    ModelError
        Frames and models have different numbers of columns.
    ConfigError
        `context` is below 0.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> frames, is_speech = rng.standard_normal((400, 3)), np.repeat([False, True], 200)
    >>> frames[is_speech] += 2
    >>> nonspeech, speech = gs.GMMClassifier(n_components=2, random_state=0).fit(frames, is_speech).models_
    >>> bool((gmm_vad(frames, speech, nonspeech) == is_speech).mean() > 0.98)
    True
    """
    x = checked_frames(frames)
    if not len(x):
        return np.zeros(0, dtype=np.bool_)
    like_speech = speech.score_samples(x) - nonspeech.score_samples(x) > threshold
    hits, around = count_around(like_speech, context)
    return 2 * hits > around


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


register_fitted_vad("two_gaussians", two_gaussian_vad)
