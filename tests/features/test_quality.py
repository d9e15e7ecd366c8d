"""Duration and signal-to-noise ratio of made signals are what they were made with."""

import numpy as np
import pytest

from gmmspeech.errors import FeatureError
from gmmspeech.features.quality import speech_quality


def bursts(rng, seconds=4, rate=16000):
    """Noise of full power half of the time."""
    return rng.normal(0, 0.1, seconds * rate) * (np.arange(seconds * rate) // (rate // 2) % 2)


@pytest.mark.parametrize("snr", [30, 20, 10, 3])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_ratio_and_duration(snr, rate):
    """Half of the signal is speech, so far above the noise."""
    rng = np.random.default_rng(0)
    signal = bursts(rng, rate=rate) + rng.normal(0, 0.1 * 10 ** (-snr / 20), 4 * rate)
    found = speech_quality(signal, rate)
    assert found.snr == pytest.approx(snr, abs=1)
    assert found.seconds == pytest.approx(2, abs=0.15)


def test_units_and_ends():
    """Integers are at their own scale; silence, noise alone and digital silence have ends."""
    rng = np.random.default_rng(1)
    signal = (bursts(rng) * 32767).astype(np.int16)
    assert speech_quality(signal, 16000) == pytest.approx(speech_quality(signal / 32768, 16000), rel=1e-5)
    assert speech_quality(signal, 16000).snr > 60
    assert speech_quality(np.zeros(16000), 16000) == (0.01, -20.0)
    assert speech_quality(rng.normal(0, 0.1, 16000), 16000).snr < 0
    with pytest.raises(FeatureError, match=r"^signal: found 10 samples, expected 400 or more, a frame"):
        speech_quality(np.ones(10) / 10, 16000)
