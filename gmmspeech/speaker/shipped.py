"""Background models included in the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError
from gmmspeech.files.saving import load
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.speaker.isv import ISV

RATES = (16000, 8000)
NOISE_RATE = 16000  # whose model subtracts half of the mean, and has another beside it that does not
QUIET, LOUD = 30.0, 15.0  # dB of speech above noise
MOST_SUBTRACTED = 0.5  # part of what noise does to frames

_DATA = Path(__file__).parent.parent / "data"
NOISE_FILE = _DATA / "noise_16000.h5"


@checked
def open_background(rate: int, *, same_channel: bool = False) -> DiagonalGMM:
    """Return a background model of about two hundred speakers of open corpora, as many women as men, to adapt from.

    A model trained on few speakers overfits them, or lacks the voices of one sex; a model of other speakers is then
    better. All speakers count equally, and a third of their speech is in noise, because a model of quiet rooms takes
    noise for a property of the speaker. ``recipes/background`` trains it and names the corpora; the front end is in
    `front_end_`.

    Parameters
    ----------
    rate : {16000, 8000}
        Sampling rate of the recordings in Hz.
    same_channel : bool
        Model of frames that keep the mean of a recording (front end ``clean_speech``): if all recordings of a speaker
        are from one microphone, it also identifies the speaker. If False, half of the mean is subtracted. At 8 kHz it
        is always kept.

    Returns
    -------
    DiagonalGMM
        128 components of 24 cepstra, deltas and their deltas.

    Raises
    ------
    ConfigError
        Another rate.

    See Also
    --------
    without_noise : improves frames of single words.
    gmmspeech.scoring.with_pitch : improves scores of single words by their pitch, most of all in noise.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> ubm = gs.speaker.open_background(16000)
    >>> ubm.means_.shape
    (128, 72)
    >>> front_end = gs.FrontEnd.from_json(ubm.front_end_)
    >>> verifier = gs.SpeakerVerifier(ubm, relevance_factor=10.0, scoring="symmetric")
    """
    return _read(background_file(rate, same_channel=same_channel))


@checked
def without_noise(X: NDArray, snr: float) -> NDArray[np.float32]:
    """Subtract up to half of the effect of stationary noise from the frames of a word.

    The frames are from the front end of ``open_background(16000)``. The effect of noise on the means of its components
    was learned from recordings and their noisy copies (`ISV.compensate`, rank 3). Noise hides the speaker if it differs
    between enrollment and test, but helps if each speaker has their own microphone. Therefore half of it is subtracted
    at 15 dB and below, less above, and nothing from 30 dB on.

    Parameters
    ----------
    X : ndarray, shape (T, 72)
        Frames of one recording, with the same noise throughout.
    snr : float
        Its signal-to-noise ratio in dB, from `gmmspeech.features.speech_quality`.

    Returns
    -------
    ndarray, shape (T, 72), float32

    Raises
    ------
    FeatureError
        No frames, or frames of another dimension.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> front_end = gs.FrontEnd.from_json(gs.speaker.open_background(16000).front_end_)
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> frames = front_end(noise, 16000)
    >>> gs.speaker.without_noise(frames, gs.features.speech_quality(noise, 16000).snr).shape == frames.shape
    True
    """
    return _read_noise().compensate(X, scale=noise_scale(snr))


def noise_scale(snr: float) -> float:
    """Part of the offsets of noise that `without_noise` subtracts, by the ratio in dB."""
    return MOST_SUBTRACTED * float(np.clip((QUIET - snr) / (QUIET - LOUD), 0, 1))


def background_file(rate: int, *, same_channel: bool = False) -> Path:
    """Where the file of `open_background` is."""
    if rate not in RATES:
        raise ConfigError(f"rate: found {rate}, expected {RATES[0]} or {RATES[1]}")
    kind = "same_channel_" if same_channel and rate == NOISE_RATE else ""
    return _DATA / f"background_{kind}{rate}.h5"


@cache
def _read(path: Path) -> DiagonalGMM:
    model: DiagonalGMM = load(path, DiagonalGMM)
    return model


@cache
def _read_noise() -> ISV:
    model: ISV = load(NOISE_FILE, ISV)
    return model
