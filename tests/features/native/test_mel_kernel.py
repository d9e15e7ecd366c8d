"""The compiled loops against their NumPy twins and plain float64 evaluations."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sanitizing import expect_nothing

from gmmspeech.features.native import mel_kernel
from gmmspeech.features.native.kaldi_fft import kaldi_power_spectra
from gmmspeech.features.options import MfccOptions, validated

pytestmark = pytest.mark.skipif(not mel_kernel.available(), reason="installed without a C compiler")

PLAIN = {"remove_dc_offset": False, "preemphasis_coefficient": 0.0}


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def triangles(bins: int, num_filters: int) -> NDArray[np.float32]:
    """Filters with tops at different bins, the first with one bin only."""
    tops = np.linspace(1, bins - 2, num_filters)
    distance = np.abs(np.arange(bins)[:, None] - tops) / np.linspace(0.6, bins / num_filters, num_filters)
    return np.maximum(0, 1 - distance).astype(np.float32)


def windowed(frames: NDArray, window: NDArray, options: MfccOptions) -> tuple[NDArray, NDArray]:
    """Windowed frames and energies in float64."""
    x = frames.astype(np.float64)
    if options.remove_dc_offset:
        x = x - x.mean(axis=1, keepdims=True)
    raw = (x**2).sum(axis=1)
    x = (x - options.preemphasis_coefficient * np.concatenate([x[:, :1], x[:, :-1]], axis=1)) * window
    return x, raw if options.raw_energy else (x**2).sum(axis=1)


@pytest.mark.skipif(not mel_kernel.has_fft(512), reason="no fused multiply-add in hardware")
@pytest.mark.parametrize("points", [4, 8, 16, 128, 512, 2048])
@pytest.mark.parametrize("num_frames", [1, 8, 21])
def test_the_fft_has_the_bits_of_its_twin(points, num_frames):
    loudness = 10.0 ** np.random.default_rng(points).uniform(-2, 4, (num_frames, 1))
    frames = (noise(num_frames, points, seed=num_frames) * loudness).astype(np.float32)
    every_bin, ones = np.eye(points // 2 + 1, dtype=np.float32), np.ones(points, dtype=np.float32)
    found, _ = mel_kernel.kaldi_mel_energies(frames, ones, every_bin, validated(MfccOptions, PLAIN))
    np.testing.assert_array_equal(found, kaldi_power_spectra(frames), strict=True)


@pytest.mark.skipif(not mel_kernel.has_fft(512), reason="no fused multiply-add in hardware")
@given(
    length=st.integers(33, 64),
    num_frames=st.integers(1, 20),
    shift=st.integers(1, 70),
    dc=st.booleans(),
    raw=st.booleans(),
    power=st.booleans(),
    coefficient=st.sampled_from([0.0, 0.97]),
)
def test_all_at_once(length, num_frames, shift, dc, raw, power, coefficient):
    given = {"remove_dc_offset": dc, "raw_energy": raw, "use_power": power, "preemphasis_coefficient": coefficient}
    options = validated(MfccOptions, given)
    signal = 100 * noise(length + (num_frames - 1) * shift) + 30
    frames = sliding_window_view(signal, length)[::shift]
    window, filters = 1 + np.hanning(length).astype(np.float32), triangles(33, 5)
    mel, energy = mel_kernel.kaldi_mel_energies(frames, window, filters, options)
    rows, expected_energy = windowed(frames, window, options)
    spectra = np.abs(np.fft.rfft(rows, 64)) ** (2 if power else 1)
    np.testing.assert_allclose(mel, spectra @ filters, rtol=1e-4, atol=1e-5 * spectra.max())
    np.testing.assert_allclose(energy, expected_energy, rtol=1e-5)
    alone, _ = mel_kernel.kaldi_mel_energies(frames[-1:].copy(), window, filters, options)
    np.testing.assert_array_equal(alone, mel[-1:])  # a frame does not depend on its neighbors


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(("length", "points"), [(7, 8), (200, 256), (250, 250), (33, 33)])
def test_windows_for_another_fft(length, points, raw):
    options = validated(MfccOptions, {"raw_energy": raw})
    frames, window = 50 * noise(9, length) - 20, np.hamming(length).astype(np.float32)
    rows, energy = np.full((9, points), np.nan, np.float32), np.empty(9, np.float32)
    mel_kernel.window_frames(frames, window, options, rows, energy)
    expected, expected_energy = windowed(frames, window, options)
    np.testing.assert_allclose(rows[:, :length], expected, rtol=1e-5, atol=1e-4)
    assert not rows[:, length:].any()
    np.testing.assert_allclose(energy, expected_energy, rtol=1e-5)


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("num_frames", [1, 8, 13])
def test_filters_of_another_fft(num_frames, power):
    spectra = (noise(num_frames, 65) + 1j * noise(num_frames, 65, seed=1)).astype(np.complex64)
    filters, mel = triangles(65, 9), np.empty((num_frames, 9), np.float32)
    filters[:, 4] = 0
    mel_kernel.filter_spectra(spectra, filters, validated(MfccOptions, {"use_power": power}), mel)
    expected = np.abs(spectra.astype(np.complex128)) ** (2 if power else 1) @ filters
    np.testing.assert_allclose(mel, expected, rtol=1e-5)


@given(rows=st.integers(0, 11), terms=st.integers(1, 40), columns=st.integers(1, 20))
def test_products(rows, terms, columns):
    rng = np.random.default_rng(rows)
    x, matrix = rng.standard_normal((rows, terms)), rng.standard_normal((terms, columns))
    found = mel_kernel.row_products(x, matrix)
    np.testing.assert_allclose(found, x @ matrix, rtol=1e-12, atol=1e-12)
    for row, expected in zip(x, found, strict=True):
        np.testing.assert_array_equal(mel_kernel.row_products(row[None], matrix)[0], expected)


def test_samples_that_do_not_stand_side_by_side():
    frames = noise(64, 10).T
    options, ones, filters = validated(MfccOptions, {}), np.ones(64, np.float32), triangles(33, 5)
    rows, energy = np.empty((2, 10, 64), np.float32), np.empty((2, 10), np.float32)
    for i, some in enumerate((frames, frames.copy())):
        mel_kernel.window_frames(some, ones, options, rows[i], energy[i])
    np.testing.assert_array_equal(rows[0], rows[1])
    if mel_kernel.has_fft(64):
        found, expected = (mel_kernel.kaldi_mel_energies(f, ones, filters, options)[0] for f in (frames, frames.copy()))
        np.testing.assert_array_equal(found, expected)


def test_sanitizers_find_nothing():
    expect_nothing(__file__)
