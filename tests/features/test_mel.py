"""Mel filters and cepstral matrices."""

import numpy as np
import pytest
import scipy.fft

from gmmspeech.errors import ConfigError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.mel import cepstral_matrix, hz_to_mel, mel_filters
from gmmspeech.features.mfcc import fbank, lfcc, mfcc
from gmmspeech.features.plp import plp


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


def test_librosa_filters(librosa):
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


@pytest.mark.parametrize("factor", [0.85, 1.12])
def test_filters_are_warped_as_kaldis(factor):
    low, high, first, last = 20.0, 8000.0, 100.0 * max(1, factor), 7500.0 * min(1, factor)

    def bent(f):  # in float64, piece by piece
        if f < first:
            return low + (first / factor - low) / (first - low) * (f - low)
        return f / factor if f < last else high + (high - last / factor) / (high - last) * (f - high)

    mels = np.linspace(*(1127 * np.log(1 + np.array([low, high]) / 700)), 28)
    edges = [1127 * np.log(1 + bent(700 * np.expm1(m / 1127)) / 700) for m in mels]
    at = 1127 * np.log(1 + 16000 / 512 * np.arange(257) / 700)
    expected = [np.interp(at, edges[i : i + 3], [0, 1, 0]) for i in range(26)]
    found = mel_filters("kaldi", 26, 512, 16000, low, high, warp=(factor, 100.0, 7500.0))
    np.testing.assert_allclose(found[:-1].T, np.array(expected)[:, :-1], atol=2e-4)


def test_a_warp_is_of_a_voice():
    """A voice whose spectrum is stretched by a factor has, warped by it, about the cepstra of the other."""
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    frequency = np.fft.rfftfreq(16000, 1 / 16000)

    def voice(length):
        peaks = sum(np.exp(-(((frequency / length - f) / 200) ** 2)) for f in (500, 1500, 2500, 3500))
        return np.fft.irfft(np.fft.rfft(noise) * peaks)

    short, own = (mfcc(voice(length), 16000, use_energy=False).mean(0)[1:] for length in (1.1, 1.0))
    apart = [
        np.abs(mfcc(voice(1.1), 16000, use_energy=False, vtln_warp=w).mean(0)[1:] - own).sum() for w in (1 / 1.1, 1.1)
    ]
    assert apart[0] < 0.5 * np.abs(short - own).sum() < apart[1]


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (mfcc, {"vtln_warp": 0.2}, "vtln_warp: found 0.2"),
        (mfcc, {"vtln_warp": 1.1, "convention": "htk"}, "vtln_warp: found 1.1, expected 1 with these features"),
        (lfcc, {"vtln_warp": 1.1}, "vtln_warp: found 1.1, expected 1 with these features"),
        (plp, {"vtln_warp": 1.1}, "vtln_warp: found 1.1, expected 1 with these features"),
        (mfcc, {"vtln_warp": 1.1, "vtln_high": 9000.0}, "vtln_low: found 100 and vtln_high 9000 Hz, expected both"),
        (fbank, {"vtln_warp": 0.9, "vtln_low": 10.0}, "vtln_low: found 10 and"),
    ],
)
def test_warps_that_make_no_sense(function, options, message):
    with pytest.raises(ConfigError, match=message):
        function(np.ones(4000), 16000, **options)
    assert FrontEnd().to_json() == FrontEnd(features={"type": "mfcc", "vtln_warp": 1.0}).to_json()
