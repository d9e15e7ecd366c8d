"""CQCC against a direct float64 evaluation of the transform's definition."""

import importlib

import numpy as np
import pytest
import scipy.fftpack
from scipy.interpolate import CubicSpline

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.cqcc import cqcc
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.stream import FrontEndStream
from gmmspeech.phones.labels.labels import FrameClock

RATE = 16000


def signal_of(num_samples: int) -> np.ndarray:
    rng, t = np.random.default_rng(num_samples), np.arange(num_samples)
    envelope = np.clip(1.2 - t / num_samples * 1.4, 0, 1)  # ends in digital silence
    return (envelope * (0.3 * np.sin(0.21 * t) + 0.02 * rng.standard_normal(num_samples))).astype(np.float32)


def naive_cqcc(x, rate, bins_per_octave, low, high, samples, num_ceps):
    """c_k(t): the Fourier sum over the bins of filter k, term by term; then spline, logarithm and transform."""
    x = x.astype(np.float64)
    n = len(x)
    spectrum = np.array([np.sum(x * np.exp(-2j * np.pi * k * np.arange(n) / n)) for k in range(n)])
    q = 2 ** (1 / bins_per_octave) - 2 ** (-1 / bins_per_octave)
    centers = []
    for k in range(int(np.floor(bins_per_octave * np.log2(high / low))) + 1):
        f = low * 2 ** (k / bins_per_octave)
        if f + (q * f + 228.7 * q) / 2 <= rate / 2:
            centers.append(f)
    widths = [max(4, int(np.floor((q * f + 228.7 * q) * n / rate + 0.5))) for f in centers]
    count = widths[-1]
    power = np.empty((len(centers), count))
    for k, (f, width) in enumerate(zip(centers, widths, strict=True)):
        place = int(np.floor(f * n / rate))
        offsets = [j for j in range(-width, width) if abs(j / width) < 0.5 or j / width == -0.5]
        for t in range(count):
            total = 0
            for j in offsets:
                hann = 0.5 + 0.5 * np.cos(2 * np.pi * j / width)
                total += hann * spectrum[(place + j) % n] * np.exp(2j * np.pi * j * t / count)
            power[k, t] = abs(2 / n * total) ** 2
    log = np.log(power + np.finfo(float).eps)
    grid = np.arange(centers[0], centers[-1] + 1e-6, low / samples)
    uniform = CubicSpline(centers, log)(grid)  # not-a-knot, as MATLAB's 'spline'
    return scipy.fftpack.dct(uniform, type=2, norm="ortho", axis=0)[:num_ceps].T


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"bins_per_octave": 12, "low_freq": 62.5, "high_freq": 4000.0, "num_ceps": 20}, (12, 62.5, 4000, 16, 20)),
        ({"bins_per_octave": 24, "uniform_samples": 8}, (24, 15.625, 8000, 8, 30)),
        ({}, (96, 15.625, 8000, 16, 30)),
    ],
    ids=["2021", "24 an octave", "2019"],
)
def test_equals_the_definition(options, given):
    signal = signal_of(1203)
    expected = naive_cqcc(signal, RATE, *given)
    found = cqcc(signal, RATE, **options)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_shipped_front_ends():
    signal = signal_of(RATE)
    first = FrontEnd.from_toml("cqcc_asvspoof2019")
    assert first.describe() == "30 CQCC + Δ + ΔΔ, 8.53 ms, no VAD, no CMVN"
    frames = first(signal, RATE)
    assert frames.shape == (117, 90)
    np.testing.assert_array_equal(frames[:, :30], cqcc(signal, RATE))
    assert FrontEnd.from_toml("cqcc_asvspoof2021")(signal, RATE).shape == (489, 60)
    assert FrontEnd.from_json(first.to_json()) == first


def test_a_tone_is_found_at_its_time():
    signal = 1e-3 * signal_of(2 * RATE)
    signal[RATE:] += 0.3 * np.sin(2 * np.pi * 3000 * np.arange(RATE) / RATE).astype(np.float32)
    loud = FrontEnd(features={"type": "cqcc"}).log_energies(signal, RATE)
    c0 = cqcc(signal, RATE)[:, 0]
    assert len(loud) == len(c0) == 234
    assert loud[130] - loud[100] > 4
    assert c0[130] - c0[100] > 50


def test_integers_and_voice_activity():
    signal = signal_of(8000)
    integers = (32767 * signal).astype(np.int16)
    np.testing.assert_allclose(cqcc(integers, RATE), cqcc(integers / 32768, RATE), atol=1e-4)
    front = FrontEnd(features={"type": "cqcc"}, vad={"method": "relative", "range_db": 20.0}, cmvn={"method": "static"})
    assert 0 < len(front(signal, RATE)) < len(cqcc(signal, RATE))


def test_a_recording_in_blocks_of_filters(monkeypatch):
    signal = np.tile(signal_of(RATE), 3)
    whole = cqcc(signal, RATE)
    monkeypatch.setattr(importlib.import_module("gmmspeech.features.cqcc"), "BLOCK", 1)
    np.testing.assert_allclose(cqcc(signal, RATE), whole, atol=1e-3)


def test_what_makes_no_sense():
    signal = signal_of(4000)
    with pytest.raises(FeatureError, match="found 400 samples at 16000 Hz, expected at least 478, 4 frames"):
        cqcc(signal[:400], RATE)
    assert len(cqcc(signal[:478], RATE)) == 4
    with pytest.raises(FeatureError, match="utterance u: found 400 samples"):
        FrontEnd.from_toml("cqcc_asvspoof2019")(signal[:400], RATE, "u")
    with pytest.raises(ConfigError, match="high_freq: found 9000 Hz, expected at most 8000 Hz"):
        cqcc(signal, RATE, high_freq=9000.0)
    with pytest.raises(ConfigError, match=r"low_freq: found 1 Hz, expected at least 1\.66 Hz"):
        cqcc(signal, RATE, low_freq=1.0)
    with pytest.raises(ConfigError, match="low_freq: found 7000 Hz, expected an octave or more below 8000 Hz"):
        cqcc(signal, RATE, low_freq=7000.0)
    with pytest.raises(ConfigError, match="bins_per_octave: found 10001 filters in all"):
        cqcc(signal, RATE, low_freq=8000 / 2**10, bins_per_octave=1000)
    with pytest.raises(ConfigError, match="num_ceps: found 2000, expected at most"):
        cqcc(signal, RATE, low_freq=2000.0, num_ceps=2000)
    with pytest.raises(ConfigError, match="type: found 'cqcc', whose spectrum is that of the whole utterance"):
        FrontEndStream(FrontEnd.from_toml("cqcc_asvspoof2019"), RATE)
    with pytest.raises(ConfigError, match="front end: found CQCC, whose shift differs"):
        FrameClock.of(FrontEnd.from_toml("cqcc_asvspoof2019").to_json())
