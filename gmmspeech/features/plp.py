"""Perceptual linear prediction as Kaldi and HTK compute it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.features.options import KaldiOrHtk, PlpOptions, WindowType, validated
from gmmspeech.features.static import static_features


def plp(
    signal: ArrayLike,
    rate: float,
    *,
    convention: KaldiOrHtk = "kaldi",
    num_ceps: int | None = None,
    lpc_order: int | None = None,
    compress_factor: float | None = None,
    num_mel_bins: int | None = None,
    low_freq: float | None = None,
    high_freq: float | None = None,
    frame_length: float | None = None,
    frame_shift: float | None = None,
    snip_edges: bool | None = None,
    dither: float | None = None,
    window_type: WindowType | None = None,
    blackman_coeff: float | None = None,
    preemphasis_coefficient: float | None = None,
    remove_dc_offset: bool | None = None,
    round_to_power_of_two: bool | None = None,
    use_power: bool | None = None,
    mel_floor: float | None = None,
    use_energy: bool | None = None,
    raw_energy: bool | None = None,
    energy_floor: float | None = None,
    cepstral_lifter: float | None = None,
    cepstral_scale: float | None = None,
    htk_compat: bool | None = None,
    random_state: int = 0,
) -> NDArray[np.float32]:
    """Perceptual linear prediction: cepstra of an all-pole model of the loudness of mel bands.

    The outputs of the mel filters are weighted for equal loudness and compressed; the inverse Fourier transform of
    that spectrum, its first and last band doubled, is an autocorrelation, whose linear predictor (Levinson-Durbin)
    gives the cepstrum. Every option left at None takes the default of the convention, given below as kaldi / htk
    where they differ.

    Parameters
    ----------
    signal : array_like, shape (n,)
        Samples of one channel. Floating point is taken as [-1, 1], integers as 16-bit samples.
    rate : float
        Sampling rate in Hz.
    convention : {"kaldi", "htk"}
        Whose numbers to give. "htk": columns c1 ... cN, then energy or c0.
    num_ceps : int
        Columns, counting energy or c0: 13; at most `lpc_order` + 1. HTK's NUMCEPS = 12 with _E or _0 is 13.
    lpc_order : int
        Order of the linear predictor: 12.
    compress_factor : float
        Power that turns intensity into loudness: 0.33333 / 0.33.
    cepstral_lifter : float
        22; 0 for none.
    cepstral_scale : float
        What to multiply the cepstra with, not the energy: 1.
    use_energy : bool
        Log energy in c0's place: True. Otherwise it is the logarithm of the prediction error, which Kaldi floors at 0.
    htk_compat : bool
        Put energy or c0 last: False / True.
    num_mel_bins, low_freq, high_freq, frame_length, frame_shift, snip_edges, dither, window_type, blackman_coeff, \
preemphasis_coefficient, remove_dc_offset, round_to_power_of_two, use_power, mel_floor, raw_energy, energy_floor, \
random_state
        As in `mfcc`. The `mel_floor` makes digital silence finite in Kaldi's convention, where Kaldi has no number.

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
    given = {name: value for name, value in locals().items() if name not in ("signal", "rate", "random_state")}
    return static_features(signal, rate, validated(PlpOptions, given), random_state=random_state)[0]
