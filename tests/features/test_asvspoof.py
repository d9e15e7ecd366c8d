"""LFCC of the ASVspoof baselines against plain float64 evaluations of what they publish."""

import numpy as np
import pytest
import scipy.fftpack

from gmmspeech.errors import ConfigError, FeatureError, GmmSpeechWarning
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.mfcc import lfcc
from gmmspeech.features.stream import FrontEndStream


def signal_of(num_samples: int) -> np.ndarray:
    """Speech-like: a tone over noise that fades to digital silence, with bands 100 dB apart."""
    rng = np.random.default_rng(num_samples)
    t = np.arange(num_samples)
    noise = np.convolve(rng.standard_normal(num_samples), [1, 1.8, 0.95], mode="same")
    envelope = np.clip(1.2 - t / num_samples * 1.4, 0, 1)
    return (envelope * (0.3 * np.sin(0.21 * t) + 0.02 * noise)).astype(np.float32)


def naive_2019(x: np.ndarray, rate: int, window_ms: int, num_fft: int, num_filters: int) -> np.ndarray:
    """The MATLAB baseline of 2019: extract_lfcc(x, fs, 20, 512, 20) and deltas(x, 3) of rastamat."""
    x = x.astype(np.float64)
    y = x.copy()
    y[1:] -= 0.97 * x[:-1]
    length = rate * window_ms // 1000
    hop = length // 2
    frames = []
    for start in range(0, len(y) - hop, hop):  # buffer(y, length, length / 2, "nodelay")
        frame = y[start : start + length]
        frames.append(np.pad(frame, (0, length - len(frame))))
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
    f = rate / 2 * np.linspace(0, 1, num_fft // 2 + 1)
    edges = np.linspace(f.min(), f.max(), num_filters + 2)
    filters = np.array([np.interp(f, edges[i : i + 3], [0, 1, 0], 0, 0) for i in range(num_filters)])
    power = np.abs(np.fft.fft(np.array(frames) * hamming, num_fft)[:, : num_fft // 2 + 1]) ** 2
    log = np.log10(power @ filters.T + np.finfo(float).eps)
    return scipy.fftpack.dct(log, type=2, norm="ortho", axis=1)


def naive_2021(x: np.ndarray, rate: int, high_freq: float) -> np.ndarray:
    """The Python baseline of 2021: lfcc of 30 and 15 ms, 1024 points, 70 filters between bins of the FFT."""
    length, hop, num_fft = int(0.030 * rate), int(0.015 * rate), 1024
    frames = [x[i : i + length].astype(np.float64) for i in range(0, len(x) - length + 1, hop)]
    power = np.abs(np.fft.rfft(np.array(frames) * np.hamming(length), num_fft)) ** 2
    bins = np.floor((num_fft + 1) * np.linspace(0, high_freq, 72) / rate).astype(int)
    filters = np.zeros((70, num_fft // 2 + 1))
    for j in range(70):
        low, middle, high = bins[j : j + 3]
        for k in range(low, middle):
            filters[j, k] = (k - low) / (middle - low)
        for k in range(middle, high):
            filters[j, k] = (high - k) / (high - middle)
    return scipy.fftpack.dct(np.log10(power @ filters.T + 2.2204e-16), type=2, norm="ortho", axis=1)[:, :20]


def with_deltas(static: np.ndarray) -> np.ndarray:
    """x[t + 1] - x[t - 1], the ends repeated, twice."""
    blocks = [static]
    for _ in range(2):
        padded = np.concatenate([blocks[-1][:1], blocks[-1], blocks[-1][-1:]])
        blocks.append(padded[2:] - padded[:-2])
    return np.concatenate(blocks, axis=1)


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize("num_samples", [161, 320, 321, 480, 481, 20000])
@pytest.mark.parametrize("order", [1, -1], ids=["fades", "is cut off"])
def test_equals_the_baseline_of_2019(num_samples, order):
    signal = signal_of(num_samples)[::order]
    found = FrontEnd.from_toml("lfcc_asvspoof2019")(signal, 16000)
    np.testing.assert_allclose(found, with_deltas(naive_2019(signal, 16000, 20, 512, 20)), rtol=0, atol=1e-4)


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize(("rate", "high_freq"), [(16000, 4000.0), (16000, 8000.0), (8000, 4000.0)])
def test_equals_the_baseline_of_2021(rate, high_freq):
    signal = signal_of(20011)
    signal[:4000].reshape(-1, 500)[::2] = 0  # digital silence between sounds, of which only the floor is left
    front = FrontEnd.from_toml("lfcc_asvspoof2021").model_dump()
    front["features"]["high_freq"] = high_freq
    found = FrontEnd(**front | {"sample_frequency": rate})(signal, rate)
    np.testing.assert_allclose(found, with_deltas(naive_2021(signal, rate, high_freq)), rtol=0, atol=1e-4)


def test_integers_are_taken_as_16_bit_samples():
    integers = (32767 * signal_of(8000)).astype(np.int16)
    found, expected = (lfcc(x, 16000, convention="asvspoof2019") for x in (integers, integers / 32768))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_options_that_the_baselines_leave_alone():
    signal = signal_of(4000)
    samples = signal[:320].astype(np.float64)
    energy = lfcc(signal, 16000, convention="asvspoof2019", use_energy=True)[0, 0]
    assert energy == pytest.approx(np.log(np.sum(samples**2)), abs=1e-5)
    centered = {"convention": "asvspoof2019", "remove_dc_offset": True}
    offset = lfcc(signal + np.float32(0.1), 16000, **centered)
    np.testing.assert_allclose(offset[1:], lfcc(signal, 16000, **centered)[1:], atol=5e-3)
    noisy = [lfcc(signal, 16000, convention="asvspoof2019", dither=1e-3, random_state=s) for s in (0, 0, 1)]
    assert np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2])


def test_points_of_the_fft_of_other_conventions():
    signal = signal_of(4000)
    longer = lfcc(signal, 16000, n_fft=1024, num_mel_bins=40, use_energy=False)
    assert longer.shape == lfcc(signal, 16000).shape
    assert np.array_equal(lfcc(signal, 16000, n_fft=512), lfcc(signal, 16000))
    assert '"n_fft"' not in FrontEnd(features={"type": "lfcc"}).to_json()  # the text of older models stays theirs


def test_what_makes_no_sense():
    with pytest.raises(ConfigError, match="n_fft: found 256, expected at least a frame of 320 samples at 16000 Hz"):
        lfcc(signal_of(4000), 16000, convention="asvspoof2019", n_fft=256)
    with pytest.raises(ConfigError, match="high_freq: found 4000 Hz, expected at most 3000 Hz"):
        lfcc(signal_of(4000), 6000, convention="asvspoof2021")
    with pytest.raises(ConfigError, match="no bin of a 512-point FFT at 16000 Hz falls into filter"):
        lfcc(signal_of(4000), 16000, convention="asvspoof2019", num_mel_bins=600)
    with pytest.raises(ConfigError, match="convention: found 'asvspoof2019', whose pre-emphasis"):
        FrontEndStream(FrontEnd.from_toml("lfcc_asvspoof2019"), 16000)
    with pytest.raises(FeatureError, match="found 160 samples at 16000 Hz, expected at least 161, one frame"):
        FrontEnd.from_toml("lfcc_asvspoof2019")(signal_of(160), 16000)
    with pytest.warns(GmmSpeechWarning, match="0 samples has no frame"):
        assert lfcc([], 16000, convention="asvspoof2019").shape == (0, 20)
