"""MFCC and log mel energies as Kaldi, HTK and librosa compute them, and LFCC."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.features.options import (
    Convention,
    FbankOptions,
    KaldiOrHtk,
    LfccOptions,
    MfccOptions,
    WindowType,
    validated,
)
from gmmspeech.features.static import static_features


def mfcc(
    signal: ArrayLike,
    rate: float,
    *,
    convention: Convention = "kaldi",
    num_ceps: int | None = None,
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
    htk_compat: bool | None = None,
    random_state: int = 0,
) -> NDArray[np.float32]:
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
    convention : {"kaldi", "htk", "librosa"}
        Whose numbers to give. "htk": columns c1 ... cN, then energy or c0 as HTK scales it. "librosa": decibels
        instead of natural logarithms, at most 80 dB below the utterance's maximum.
    num_ceps : int
        Columns, counting energy or c0: 13 / 13 / 20. HTK's NUMCEPS = 12 with _E or _0 is 13.
    num_mel_bins : int
        Filters: 23 / 23 / 128.
    low_freq, high_freq : float
        Edges of the filters in Hz: 20 / 0 / 0 and 0; a `high_freq` of 0 or less counts from the Nyquist frequency.
    frame_length, frame_shift : float
        Milliseconds: 25 and 10; librosa 2048 and 512 samples at any rate.
    snip_edges : bool
        Only frames that lie within the signal: True / True / False. False gives a frame for every shift, with
        samples mirrored at the ends; for librosa centerd frames with zeros beyond the ends.
    dither : float
        Deviation of the noise added to the samples, at their scale: 0.
    window_type : {"povey", "hamming", "hanning", "blackman", "rectangular", "sine"}
        povey / hamming / hanning.
    blackman_coeff : float
        Of the Blackman window: 0.42.
    preemphasis_coefficient : float
        0.97 / 0.97 / 0.
    remove_dc_offset : bool
        Subtract the mean of each frame: True / False / False.
    round_to_power_of_two : bool
        Lengthen the FFT to a power of two: True.
    use_power : bool
        Filter the power, not the magnitude: True. HTK's own default, USEPOWER = F, is False.
    mel_floor : float
        Smallest filter output before the logarithm: 1.19e-7 / 1 / 1e-10.
    use_energy : bool
        Log energy in c0's place: True / True / False.
    raw_energy : bool
        Take the energy before pre-emphasis and window: True.
    energy_floor : float
        Smallest energy before the logarithm: 0 (which leaves 1.19e-7).
    cepstral_lifter : float
        22 / 22 / 0; 0 for none.
    htk_compat : bool
        Put energy or c0 last, and multiply c0 by sqrt(2): False / True / False.
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
    given = {name: value for name, value in locals().items() if name not in ("signal", "rate", "random_state")}
    return static_features(signal, rate, validated(MfccOptions, given), random_state=random_state)[0]


def fbank(
    signal: ArrayLike,
    rate: float,
    *,
    convention: Convention = "kaldi",
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
    use_log_fbank: bool | None = None,
    use_energy: bool | None = None,
    raw_energy: bool | None = None,
    energy_floor: float | None = None,
    htk_compat: bool | None = None,
    random_state: int = 0,
) -> NDArray[np.float32]:
    """Log energies of mel filters.

    Parameters
    ----------
    signal : array_like, shape (n,)
    rate : float
        Hz.
    convention : {"kaldi", "htk", "librosa"}
        In librosa's the logarithm is decibels, as power_to_db gives them.
    use_log_fbank : bool
        Logarithms, not the filters' outputs themselves: True.
    use_energy : bool
        Log energy as one more column, first, or last with `htk_compat`: False.
    num_mel_bins, low_freq, high_freq, frame_length, frame_shift, snip_edges, dither, window_type, blackman_coeff, \
preemphasis_coefficient, remove_dc_offset, round_to_power_of_two, use_power, mel_floor, raw_energy, energy_floor, \
htk_compat, random_state
        As in `mfcc`.

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
    given = {name: value for name, value in locals().items() if name not in ("signal", "rate", "random_state")}
    return static_features(signal, rate, validated(FbankOptions, given), random_state=random_state)[0]


def lfcc(
    signal: ArrayLike,
    rate: float,
    *,
    convention: KaldiOrHtk = "kaldi",
    num_ceps: int | None = None,
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
    htk_compat: bool | None = None,
    random_state: int = 0,
) -> NDArray[np.float32]:
    """Linear-frequency cepstral coefficients: `mfcc` with filters at equal distances in Hz.

    Parameters
    ----------
    signal : array_like, shape (n,)
    rate : float
        Hz.
    convention : {"kaldi", "htk"}
        Whose defaults and order of columns to take; neither has LFCC of its own.
    num_mel_bins : int
        Linear filters: 23. They are triangles of height 1 on the frequency axis.
    num_ceps, low_freq, high_freq, frame_length, frame_shift, snip_edges, dither, window_type, blackman_coeff, \
preemphasis_coefficient, remove_dc_offset, round_to_power_of_two, use_power, mel_floor, use_energy, raw_energy, \
energy_floor, cepstral_lifter, htk_compat, random_state
        As in `mfcc`.

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
    given = {name: value for name, value in locals().items() if name not in ("signal", "rate", "random_state")}
    return static_features(signal, rate, validated(LfccOptions, given), random_state=random_state)[0]
