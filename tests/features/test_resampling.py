"""Kaldi's resampling, against its formula evaluated term by term in float64, and what front ends make of it."""

import math

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import FeatureError
from gmmspeech.features.resampling import linear_resample

RNG = np.random.default_rng(0)


def term_by_term(samples, rate, new_rate):
    """LinearResample as it is defined: each sample by itself, each term by itself."""
    cutoff = 0.99 * 0.5 * min(rate, new_rate)
    half = 6 / (2 * cutoff)
    tick = math.lcm(rate, new_rate)
    length, per_output = len(samples) * (tick // rate), tick // new_rate
    last = length // per_output
    count = last if last * per_output == length else last + 1
    out = []
    for i in range(count):
        time, total = i / new_rate, 0.0
        for j in range(math.ceil((time - half) * rate), math.floor((time + half) * rate) + 1):
            apart = j / rate - time
            if 0 <= j < len(samples) and abs(apart) < half:
                window = 0.5 * (1 + math.cos(2 * math.pi * cutoff / 6 * apart))
                sinc = 2 * cutoff if apart == 0 else math.sin(2 * math.pi * cutoff * apart) / (math.pi * apart)
                total += float(samples[j]) * sinc * window / rate
        out.append(total)
    return np.array(out)


@pytest.mark.parametrize(
    ("rate", "new_rate"),
    [(16000, 8000), (8000, 16000), (44100, 16000), (11025, 8000), (16000, 44100), (48000, 16000), (7919, 8000)],
)
@pytest.mark.parametrize("length", [0, 1, 7, 333, 400])
def test_as_the_formula_term_by_term(rate, new_rate, length):
    samples = (RNG.normal(size=length) * 3000).astype(np.float32)
    found, expected = linear_resample(samples, rate, new_rate), term_by_term(samples, rate, new_rate)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=3e-3)  # of 3000 and more: float32


def test_a_tone_stays_and_what_is_above_the_new_band_goes():
    time = np.arange(16000) / 16000
    low, high = (np.sin(2 * np.pi * f * time).astype(np.float32) for f in (440, 6000))
    found = linear_resample(low + high, 16000, 8000)
    np.testing.assert_allclose(found[50:-50], low[::2][50:-50], atol=0.02)


def test_a_configuration_that_allows_it_has_kaldis_numbers(tmp_path):
    (tmp_path / "mfcc.conf").write_text("--sample-frequency=8000\n--allow-downsample=true\n--dither=0\n")
    front = gs.FrontEnd.from_kaldi_conf(tmp_path / "mfcc.conf")
    assert (front.resample, front.resampler) == ("down", "kaldi")
    assert gs.FrontEnd.from_json(front.to_json()) == front
    signal = (RNG.normal(size=16000) * 3000).astype(np.int16)
    expected = front(linear_resample(signal.astype(np.float32), 16000, 8000) / np.float32(32768), 8000)
    np.testing.assert_allclose(front(signal, 16000), expected, atol=1e-3)
    np.testing.assert_allclose(front(signal / np.float32(32768), 16000), expected, atol=1e-3)
    other = front.model_copy(update={"resampler": "soxr"})(signal, 16000)
    assert np.abs(other - expected).max() > 1e-2
    assert "resampler" not in gs.FrontEnd(resample=True).to_json()


@pytest.mark.parametrize(("rate", "match"), [(100.0, "expected at least 160 Hz"), (8000.5, "expected a whole number")])
def test_rates_that_can_not_be_converted(rate, match):
    with pytest.raises(FeatureError, match=f"^utterance u: found {rate:g} Hz, {match}"):
        gs.FrontEnd(sample_frequency=8000, resample=True, resampler="kaldi")(np.zeros(9), rate, "u")
