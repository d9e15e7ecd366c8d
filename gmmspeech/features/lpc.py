"""Perceptual linear prediction: from the outputs of mel filters to the cepstra of an all-pole model."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gmmspeech.features.mel import center_frequencies
from gmmspeech.features.options import PlpOptions
from gmmspeech.features.spectra import lane_product

Float64 = NDArray[np.float64]

LEAST_GAIN = 1e-5  # of one step of the recursion: what both Kaldi and HTK leave of a frame that is predicted whole


def plp_cepstra(mel: NDArray[np.float32], band: tuple[float, float], options: PlpOptions) -> NDArray[np.float32]:
    """Equal loudness, compression, autocorrelation, linear prediction, cepstrum.

    Shapes: `mel` (T, M); gives (T, num_ceps).
    """
    loudness = mel * equal_loudness(center_frequencies(options.num_mel_bins, *band))
    np.power(loudness, options.compress_factor, out=loudness)
    extended = np.pad(loudness, ((0, 0), (1, 1)), mode="edge")  # what lies at 0 Hz and at the Nyquist frequency
    autocorrelation = lane_product(extended, _inverse_transform(extended.shape[1], options.lpc_order + 1))
    predictor, error = levinson_durbin(autocorrelation)
    cepstra = np.empty((len(mel), options.num_ceps))
    np.log(error, out=cepstra[:, 0])
    if options.convention == "kaldi":
        np.maximum(cepstra[:, 0], 0, out=cepstra[:, 0])  # Kaldi's floor for an energy, put on its logarithm
    cepstra[:, 1:] = predictor_cepstrum(predictor)[:, : options.num_ceps - 1]
    if options.cepstral_lifter:
        lifter = options.cepstral_lifter
        cepstra *= 1 + lifter / 2 * np.sin(np.pi * np.arange(options.num_ceps) / lifter)
    return (options.cepstral_scale * cepstra).astype(np.float32)


def equal_loudness(frequency: Float64) -> Float64:
    """Weight for equal loudness at 40 dB, f in Hz: (f^2 / (f^2 + 1.6e5))^2 (f^2 + 1.44e6) / (f^2 + 9.61e6)."""
    square = frequency**2
    return (square / (square + 1.6e5)) ** 2 * (square + 1.44e6) / (square + 9.61e6)


@lru_cache(maxsize=16)
def _inverse_transform(num_bands: int, num_lags: int) -> Float64:
    """Autocorrelation out of a power spectrum at equal steps from 0 to the Nyquist frequency, (bands, lags)."""
    last = num_bands - 1
    transform = np.cos(np.pi / last * np.outer(np.arange(num_bands), np.arange(num_lags))) / last
    transform[[0, -1]] /= 2
    transform.flags.writeable = False
    return transform


def levinson_durbin(autocorrelation: Float64) -> tuple[Float64, Float64]:
    """Linear predictors of some order by the Levinson-Durbin recursion.

    Shapes: `autocorrelation` (T, order + 1); gives `predictor` (T, order), `error` (T,).
    """
    order = autocorrelation.shape[1] - 1
    r = np.ascontiguousarray(autocorrelation.T)  # lags lead
    predictor, error = np.zeros((order, r.shape[1])), r[0].copy()
    for i in range(order):
        reflection = r[i + 1].copy()
        for j in range(i):
            reflection -= predictor[j] * r[i - j]
        reflection /= error
        error *= np.maximum(1 - reflection**2, LEAST_GAIN)
        predictor[:i] -= reflection * predictor[:i][::-1].copy()
        predictor[i] = reflection
    return predictor.T, error


def predictor_cepstrum(predictor: Float64) -> Float64:
    """Cepstrum of the all-pole model 1 / (1 - sum a_i z^-i): c_n = a_n + sum_{k<n} (k / n) c_k a_{n-k}.

    Shapes: `predictor` (T, order); gives (T, order).
    """
    a = np.ascontiguousarray(predictor.T)
    cepstrum = a.copy()
    for n in range(1, len(a)):
        for k in range(n):
            cepstrum[n] += (k + 1) / (n + 1) * cepstrum[k] * a[n - k - 1]
    return cepstrum.T
