"""MFCC and log mel energies as in Kaldi, HTK and librosa, and LFCC."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.features.options import FbankOptions, LfccOptions, MfccOptions, validated, with_options_of
from gmmspeech.features.static import static_features


@with_options_of(MfccOptions)
def mfcc(signal: ArrayLike, rate: float, *, random_state: int = 0, **options: Any) -> NDArray[np.float32]:
    """Mel-frequency cepstral coefficients.

    The steps for each frame are dither, removal of its mean, pre-emphasis, window, power spectrum, triangular mel
    filters, logarithm, cosine transform and lifter. An option that is None takes the default of the convention, given
    below as kaldi / htk / librosa where they differ.

    Parameters
    ----------
    signal : array_like, shape (n,)
        Samples of one channel: floating point in [-1, 1], or 16-bit integers. Kaldi and HTK work at the scale of
        integers, librosa at [-1, 1].
    rate : float
        Sampling rate in Hz.
    **options
    random_state : int
        Seed of the dither.

    Returns
    -------
    ndarray, shape (T, num_ceps), float32
        T is 0, with a GmmSpeechWarning, if the signal is shorter than a frame.

    Raises
    ------
    FeatureError
        The signal is not a single channel of finite numbers.
    ConfigError
        Invalid options, alone, in combination, or at this sampling rate.

    Notes
    -----
    Values agree to 2e-3 with a Kaldi compiled with fused multiply-add. Its float32 FFT leaves about 1e-6 of the largest
    amplitude in every bin, which shows where a filter lies more than 13 nats below the loudest one, such as in the
    silent low bands of a strong fricative. Therefore frames go through an FFT with the same roundings: all frames if a
    C compiler was available at installation and the FFT length is a power of two, otherwise only such frames; none with
    dither or an odd FFT length.

    References
    ----------
    S. B. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word
    recognition in continuously spoken sentences", IEEE Trans. ASSP 28(4), 1980.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> gs.mfcc(tone, 16000, num_ceps=20).shape
    (98, 20)
    >>> gs.mfcc(tone, 16000, convention="librosa").shape
    (32, 20)
    """
    return static_features(signal, rate, validated(MfccOptions, options), random_state=random_state)[0]


@with_options_of(FbankOptions)
def fbank(signal: ArrayLike, rate: float, *, random_state: int = 0, **options: Any) -> NDArray[np.float32]:
    """Log energies of mel filters.

    Parameters
    ----------
    signal : array_like, shape (n,)
        As in `mfcc`. Options have the defaults of `mfcc` unless stated otherwise.
    rate : float
        Sampling rate in Hz.
    **options
    random_state : int
        Seed of the dither.

    Returns
    -------
    ndarray, shape (T, num_mel_bins), float32
        One more column with `use_energy`. T is 0, with a GmmSpeechWarning, if the signal is shorter than a frame.

    Raises
    ------
    FeatureError
        The signal is not a single channel of finite numbers.
    ConfigError
        Invalid options, alone, in combination, or at this sampling rate.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.fbank(np.zeros(1600), 16000, num_mel_bins=40).shape
    (8, 40)
    """
    return static_features(signal, rate, validated(FbankOptions, options), random_state=random_state)[0]


@with_options_of(LfccOptions)
def lfcc(signal: ArrayLike, rate: float, *, random_state: int = 0, **options: Any) -> NDArray[np.float32]:
    """Linear-frequency cepstral coefficients: `mfcc` with filters equally spaced in Hz.

    The filters are triangles of height 1 on the frequency axis. The conventions "asvspoof2019" and "asvspoof2021"
    agree with the baselines of these evaluations to 1e-4; with the baselines' deltas they are the included front ends
    "lfcc_asvspoof2019" and "lfcc_asvspoof2021".

    Parameters
    ----------
    signal, rate, random_state
        As in `mfcc`. Options have the defaults of `mfcc` unless stated otherwise.
    **options

    Returns
    -------
    ndarray, shape (T, num_ceps), float32
        T is 0, with a warning, if the signal is shorter than a frame.

    Raises
    ------
    FeatureError, ConfigError
        As for `mfcc`.

    References
    ----------
    X. Zhou et al., "Linear versus mel frequency cepstral coefficients for speaker recognition", ASRU 2011.
    M. Sahidullah, T. Kinnunen and C. Hanilçi, "A comparison of features for synthetic speech detection",
    Interspeech 2015.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.lfcc(np.sin(np.arange(1600.0)), 16000, num_ceps=20).shape
    (8, 20)
    >>> gs.lfcc(np.sin(np.arange(1600.0)), 16000, convention="asvspoof2021").shape
    (5, 20)
    """
    return static_features(signal, rate, validated(LfccOptions, options), random_state=random_state)[0]
