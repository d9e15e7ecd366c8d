"""Perceptual linear prediction as in Kaldi and HTK."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.features.options import PlpOptions, validated, with_options_of
from gmmspeech.features.static import static_features


@with_options_of(PlpOptions)
def plp(signal: ArrayLike, rate: float, *, random_state: int = 0, **options: Any) -> NDArray[np.float32]:
    """Perceptual linear prediction: cepstra of an all-pole model of the loudness of mel bands.

    The outputs of the mel filters are weighted for equal loudness and compressed. The inverse Fourier transform of this
    spectrum, with its first and last band doubled, is an autocorrelation; its linear predictor (Levinson-Durbin) gives
    the cepstrum. An option that is None takes the default of the convention, given below as kaldi / htk where they
    differ. In Kaldi's convention `mel_floor` makes digital silence finite, where Kaldi's result is not a number.

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
    H. Hermansky, "Perceptual linear predictive (PLP) analysis of speech", JASA 87(4), 1990.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.plp(np.sin(np.arange(1600.0)), 16000).shape
    (8, 13)
    """
    return static_features(signal, rate, validated(PlpOptions, options), random_state=random_state)[0]
