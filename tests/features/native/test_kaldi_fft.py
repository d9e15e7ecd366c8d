"""The FFT with Kaldi's roundings against a float64 FFT, Parseval's theorem and Kaldi's log mel energies."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from gmmspeech.features.mel import mel_filters
from gmmspeech.features.native.kaldi_fft import kaldi_power_spectra
from gmmspeech.features.window import window_function


def noise(rows: int, points: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, points)).astype(np.float32)


@pytest.mark.parametrize("points", [2, 4, 6, 8, 16, 30, 32, 64, 200, 256, 480, 512, 2048])
def test_is_a_power_spectrum(points):
    frames = noise(5, points)
    found = kaldi_power_spectra(frames)
    expected = np.fft.rfft(frames.astype(np.float64), axis=1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.sqrt(found), np.abs(expected), rtol=0, atol=2e-6 * np.abs(expected).max())


@settings(max_examples=30, deadline=None)
@given(log_points=st.integers(1, 10), rows=st.integers(1, 5), seed=st.integers(0, 1000))
def test_parseval(log_points, rows, seed):
    frames = noise(rows, 2**log_points, seed)
    power = kaldi_power_spectra(frames).astype(np.float64)
    both_sides = power[:, 0] + power[:, -1] + 2 * power[:, 1:-1].sum(axis=1)
    np.testing.assert_allclose(both_sides, 2**log_points * np.square(frames, dtype=np.float64).sum(axis=1), rtol=1e-5)


def test_a_frame_does_not_depend_on_its_neighbors():
    frames = noise(7, 512)
    np.testing.assert_array_equal(kaldi_power_spectra(frames)[3:4], kaldi_power_spectra(frames[3:4]))


def test_the_scale_changes_no_bit():
    frames = noise(3, 256)
    np.testing.assert_array_equal(kaldi_power_spectra(32 * frames), 1024 * kaldi_power_spectra(frames))


def test_no_frames():
    assert kaldi_power_spectra(np.zeros((0, 512), dtype=np.float32)).shape == (0, 257)


def test_log_mel_equals_kaldi_in_every_frame(kaldi_feats, kaldi_wav):
    for utterance, expected in kaldi_feats("fbank40_16").items():
        signal, rate = kaldi_wav(utterance)
        samples = np.lib.stride_tricks.sliding_window_view(32768 * signal, 400)[::160]
        samples = samples - samples.mean(axis=1, dtype=np.float64).astype(np.float32)[:, None]
        before = np.concatenate([samples[:, :1], samples[:, :-1]], axis=1)
        emphasized = samples - np.float64(np.float32(0.97)) * before  # fused: rounded to float32 once, below
        frames = np.zeros((len(samples), 512), dtype=np.float32)
        frames[:, :400] = emphasized.astype(np.float32) * window_function("povey", 400)
        mel = kaldi_power_spectra(frames).astype(np.float64) @ mel_filters("kaldi", 40, 512, rate, 20.0, 8000.0)
        np.testing.assert_allclose(np.log(np.maximum(mel, 1.19e-7)), expected, rtol=0, atol=3e-4)
