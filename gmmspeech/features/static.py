"""Static features and log energies in one pass: from samples or frames of samples to columns."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.blocks import single_threaded_blas
from gmmspeech.errors import FeatureError, GmmSpeechWarning, counted
from gmmspeech.features.asvspoof import asvspoof_log_filters
from gmmspeech.features.lpc import plp_cepstra
from gmmspeech.features.mel import cepstral_matrix, mel_filters
from gmmspeech.features.options import ASVSPOOF, FbankOptions, LfccOptions, MfccOptions, PlpOptions, StaticOptions
from gmmspeech.features.spectra import lane_product, mel_energies
from gmmspeech.features.window import INT16_SCALE, checked_signal, frame_layout, framed, least_samples

TOP_DB = 80.0  # librosa's power_to_db: nothing is further below the utterance's maximum


def static_features(
    signal: ArrayLike, rate: float, options: StaticOptions, *, random_state: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features and log energies of the frames, in one pass.

    Shapes: `signal` (n,); gives `features` (T, options.dim), `log_energy` (T,).
    """
    return features_of_samples(*checked_signal(signal), rate, options, random_state=random_state)


def features_of_samples(
    samples: NDArray[np.float32], full_scale: float, rate: float, options: StaticOptions, *, random_state: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Do as `static_features` with what `checked_signal` gave."""
    options.check_rate(rate)
    scale = sample_scale(options, full_scale)
    frames = framed(samples, rate, options)
    if not len(frames):
        warnings.warn(
            f"signal of {counted(len(samples), 'sample')} has no frame, expected at least "
            f"{counted(least_samples(rate, options), 'sample')}",
            GmmSpeechWarning,
            stacklevel=4,
        )
    noise = np.random.default_rng(random_state) if options.dither else None
    if options.convention in ASVSPOOF and len(frames):
        assert isinstance(options, LfccOptions)
        return _of_log_filters(*asvspoof_log_filters(samples, rate, options, scale=scale, noise=noise), options)
    return frame_features(frames, rate, options, scale=scale, noise=noise)


def framed_features(
    samples: NDArray[np.float32], full_scale: float, rate: float, options: StaticOptions, *, random_state: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Do as `features_of_samples`; a FeatureError where there is no frame."""
    if frame_layout(len(samples), rate, options)[0] == 0:
        found = f"found {counted(len(samples), 'sample')} at {rate:g} Hz"
        raise FeatureError(f"{found}, expected at least {least_samples(rate, options)}, one frame")
    return features_of_samples(samples, full_scale, rate, options, random_state=random_state)


def sample_scale(options: StaticOptions, full_scale: float) -> float:
    """What to multiply samples with, given their full scale: Kaldi and HTK work at that of 16-bit integers."""
    return (1.0 if options.full_scale_is_one else INT16_SCALE) / full_scale


def frame_features(
    frames: NDArray[np.float32],
    rate: float,
    options: StaticOptions,
    *,
    scale: float,
    noise: np.random.Generator | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features and log energies of frames of samples.

    Shapes: `frames` (T, L); gives `features` (T, options.dim), `log_energy` (T,).
    """
    if not len(frames):
        return np.zeros((0, options.dim), dtype=np.float32), np.zeros(0, dtype=np.float32)
    points = options.frame_sizes(rate)[2]
    band = options.band(rate)
    filters = mel_filters(
        options.convention, options.num_mel_bins, points, rate, *band, scale=options.scale, warp=options.warp(rate)
    )
    with single_threaded_blas():  # small products; and their bits don't depend on the number of threads
        mel, log_energy = mel_energies(frames, rate, options, filters, scale=scale, noise=noise)
        if isinstance(options, FbankOptions):
            return _filter_bank(
                _log_mel(mel, options) if options.use_log_fbank else mel, log_energy, options
            ), log_energy
        if isinstance(options, PlpOptions):
            cepstra = plp_cepstra(np.maximum(mel, np.float32(options.mel_floor)), band, options)
        else:
            assert isinstance(options, MfccOptions)
            return _of_log_filters(_log_mel(mel, options), log_energy, options)
    return _in_order(cepstra, log_energy, options)


def _of_log_filters(
    log_mel: NDArray, log_energy: NDArray[np.float32], options: MfccOptions
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cepstra and log energies, given the logarithms of the filters' outputs."""
    return _in_order(_cepstra(log_mel, options), log_energy, options)


def _in_order(
    cepstra: NDArray[np.float32], log_energy: NDArray[np.float32], options: StaticOptions
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cepstra with the energy among them, in the order that the options ask for."""
    if options.use_energy:
        cepstra[:, 0] = log_energy
    return np.roll(cepstra, -1, axis=1) if options.htk_compat else cepstra, log_energy


def _log_mel(mel: NDArray[np.float32], options: StaticOptions) -> NDArray[np.float32]:
    np.maximum(mel, np.float32(options.mel_floor), out=mel)
    np.log(mel, out=mel)
    if options.convention == "librosa":
        mel *= np.float32(10 / np.log(10))
        np.maximum(mel, mel.max() - np.float32(TOP_DB), out=mel)
    return mel


def _cepstra(log_mel: NDArray, options: MfccOptions) -> NDArray[np.float32]:
    transform = cepstral_matrix(
        options.num_mel_bins,
        options.num_ceps,
        lifter=options.cepstral_lifter,
        lifter_start=1 if options.convention == "librosa" else 0,
    )
    # Summed in float64: c0 of decibels runs into the hundreds.
    cepstra = lane_product(log_mel, transform).astype(np.float32)
    if options.htk_compat:
        cepstra[:, 0] *= np.float32(np.sqrt(2))
    return cepstra


def _filter_bank(
    mel: NDArray[np.float32], log_energy: NDArray[np.float32], options: FbankOptions
) -> NDArray[np.float32]:
    if not options.use_energy:
        return mel
    energy = log_energy[:, None]
    return np.concatenate([mel, energy] if options.htk_compat else [energy, mel], axis=1)
