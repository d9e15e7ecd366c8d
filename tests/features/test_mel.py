"""Mel filters and cepstral matrices."""

import librosa
import numpy as np
import pytest
import scipy.fft

from gmmspeech.errors import ConfigError
from gmmspeech.features.mel import cepstral_matrix, hz_to_mel, mel_filters


def test_mel_scale():
    frequencies = np.array([0, 20, 700, 8000])
    np.testing.assert_allclose(hz_to_mel(frequencies), 1127 * np.log1p(frequencies / 700), atol=1e-3)


def test_filters_overlap_by_half():
    filters = mel_filters("kaldi", 23, 512, 16000, 20.0, 8000.0)
    inside = filters[10:200]
    np.testing.assert_allclose(inside.sum(axis=1), 1, atol=1e-4)
    assert (filters[-1] == 0).all()  # the Nyquist frequency
    assert (filters[0] == 0).all()


def test_an_odd_fft_has_no_nyquist_bin():
    filters = mel_filters("kaldi", 23, 401, 16000, 20.0, 8000.0)
    assert filters.shape == (201, 23)
    assert filters[-1].any()


def test_htk_drops_the_first_bin_above_the_low_frequency():
    kaldi, htk = (mel_filters(c, 23, 512, 16000, 20.0, 8000.0) for c in ("kaldi", "htk"))
    assert kaldi[1, 0] > 0
    assert htk[1, 0] == 0
    np.testing.assert_array_equal(kaldi[2:], htk[2:])


def test_librosa_filters():
    expected = librosa.filters.mel(sr=8000, n_fft=256, n_mels=20, fmin=50, fmax=3500)
    np.testing.assert_array_equal(mel_filters("librosa", 20, 256, 8000, 50.0, 3500.0), expected.T)


def test_a_filter_between_bins_is_an_error():
    with pytest.raises(ConfigError, match="found 100, expected fewer: no bin of a 256-point FFT at 8000 Hz"):
        mel_filters("kaldi", 100, 256, 8000, 20.0, 4000.0)


def test_cepstra_are_a_cosine_transform():
    x = np.random.default_rng(0).standard_normal((4, 23))
    expected = scipy.fft.dct(x, norm="ortho", axis=1)[:, :13]
    np.testing.assert_allclose(x @ cepstral_matrix(23, 13, lifter=0.0), expected, atol=1e-12)
    lifter = 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    np.testing.assert_allclose(x @ cepstral_matrix(23, 13, lifter=22.0), expected * lifter, atol=1e-12)
