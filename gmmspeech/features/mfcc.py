"""MFCC, log mel energies and PLP as Kaldi and HTK compute them, MFCC and log mel energies as librosa does, and LFCC."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.features.options import FbankOptions, LfccOptions, MfccOptions, PlpOptions, validated, with_options_of
from gmmspeech.features.static import static_features


@with_options_of(MfccOptions)
def mfcc(signal: ArrayLike, rate: float, *, random_state: int = 0, **options: Any) -> NDArray[np.float32]:
    """Mel-frequency cepstral coefficients.

    A frame goes through dither, removal of its mean, pre-emphasis, window, power spectrum, triangular mel filters,
    logarithm, cosine transform and lifter. Every option left at None takes the default of the convention,
    given below as kaldi / htk / librosa where they differ.

    Parameters
    ----------
    signal : array_like, shape (n,)
        Samples of one channel. Floating point is taken as [-1, 1], integers as 16-bit samples. Kaldi and HTK
        work at the scale of integers, librosa at [-1, 1].
    rate : float
        Sampling rate in Hz.
    **options
    random_state : int
        Of the dither.

    Returns
    -------
    ndarray, shape (T, num_ceps), float32
        T is 0, with a GmmSpeechWarning, if the signal is shorter than a frame.

    Raises
    ------
    FeatureError
        The signal isn't one channel of finite numbers.
    ConfigError
        Options make no sense, alone, together or at this rate.

    Notes
    -----
    Kaldi's numbers are met to 2e-3. Its float32 FFT leaves some 1e-6 of the loudest amplitude in every bin, which
    is heard where a filter lies more than 13 nats below the loudest one, such as in a strong fricative over silence
    in the low bands. Frames go through an FFT with the same roundings: all of them where the install had a C compiler
    and the FFT has a power of two points, else such frames; none with dither or with an odd number of points.

    References
    ----------
    S. B. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word
    recognition in continuously spoken sentences", IEEE Trans. ASSP 28(4), 1980.

    Examples
    --------
    >>> import numpy as np
    >>> tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> mfcc(tone, 16000, num_ceps=20).shape
    (98, 20)
    >>> mfcc(tone, 16000, convention="librosa").shape
    (32, 20)
    """
    return static_features(signal, rate, validated(MfccOptions, options), random_state=random_state)[0]


@with_options_of(FbankOptions)
def fbank(signal: ArrayLike, rate: float, *, random_state: int = 0, **options: Any) -> NDArray[np.float32]:
    """Log energies of mel filters.

    Parameters
    ----------
    signal : array_like, shape (n,)
        As in `mfcc`, whose defaults stand here too unless another is given.
    rate : float
        Hz.
    **options
    random_state : int
        Of the dither.

    Returns
    -------
    ndarray, shape (T, num_mel_bins), float32
        One column more with `use_energy`. T is 0, with a GmmSpeechWarning, if the signal is shorter than a frame.

    Raises
    ------
    FeatureError
        The signal isn't one channel of finite numbers.
    ConfigError
        Options make no sense, alone, together or at this rate.

    Examples
    --------
    >>> import numpy as np
    >>> fbank(np.zeros(1600), 16000, num_mel_bins=40).shape
    (8, 40)
    """
    return static_features(signal, rate, validated(FbankOptions, options), random_state=random_state)[0]


@with_options_of(LfccOptions)
def lfcc(signal: ArrayLike, rate: float, *, random_state: int = 0, **options: Any) -> NDArray[np.float32]:
    """Linear-frequency cepstral coefficients: `mfcc` with filters at equal distances in Hz.

    The filters are triangles of height 1 on the frequency axis.

    Parameters
    ----------
    signal : array_like, shape (n,)
        As in `mfcc`, whose defaults stand here too unless another is given.
    rate : float
        Hz.
    **options
    random_state : int
        Of the dither.

    Returns
    -------
    ndarray, shape (T, num_ceps), float32
        T is 0, with a GmmSpeechWarning, if the signal is shorter than a frame.

    Raises
    ------
    FeatureError
        The signal isn't one channel of finite numbers.
    ConfigError
        Options make no sense, alone, together or at this rate.

    References
    ----------
    X. Zhou et al., "Linear versus mel frequency cepstral coefficients for speaker recognition", ASRU 2011.

    Examples
    --------
    >>> import numpy as np
    >>> lfcc(np.sin(np.arange(1600.0)), 16000, num_ceps=20).shape
    (8, 20)
    """
    return static_features(signal, rate, validated(LfccOptions, options), random_state=random_state)[0]


@with_options_of(PlpOptions)
def plp(signal: ArrayLike, rate: float, *, random_state: int = 0, **options: Any) -> NDArray[np.float32]:
    """Perceptual linear prediction: cepstra of an all-pole model of the loudness of mel bands.

    The outputs of the mel filters are weighted for equal loudness and compressed; the inverse Fourier transform of
    that spectrum, its first and last band doubled, is an autocorrelation, whose linear predictor (Levinson-Durbin)
    gives the cepstrum. Every option left at None takes the default of the convention, given below as kaldi / htk
    where they differ. In Kaldi's convention `mel_floor` makes digital silence finite, where Kaldi has no number.

    Parameters
    ----------
    signal : array_like, shape (n,)
        As in `mfcc`, whose defaults stand here too unless another is given.
    rate : float
        Hz.
    **options
    random_state : int
        Of the dither.

    Returns
    -------
    ndarray, shape (T, num_ceps), float32
        T is 0, with a GmmSpeechWarning, if the signal is shorter than a frame.

    Raises
    ------
    FeatureError
        The signal isn't one channel of finite numbers.
    ConfigError
        Options make no sense, alone, together or at this rate.

    References
    ----------
    H. Hermansky, "Perceptual linear predictive (PLP) analysis of speech", JASA 87(4), 1990.

    Examples
    --------
    >>> import numpy as np
    >>> plp(np.sin(np.arange(1600.0)), 16000).shape
    (8, 13)
    """
    return static_features(signal, rate, validated(PlpOptions, options), random_state=random_state)[0]
