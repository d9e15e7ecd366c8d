"""How high voices are: of pulses and of harmonics at known frequencies, with noise, at any rate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.pitch import median_pitch


@pytest.mark.parametrize("rate", [8000, 16000, 22050])
@pytest.mark.parametrize("frequency", [80.0, 125.0, 210.0, 310.0])
def test_harmonics_in_noise(frequency: float, rate: int) -> None:
    t, rng = np.arange(rate) / rate, np.random.default_rng(0)
    partials = [np.cos(2 * np.pi * k * frequency * t + rng.uniform(0, 6)) / k for k in range(1, 12)]
    voice = 0.05 * sum(partials) + rng.normal(0, 0.01, rate)
    silence = rng.normal(0, 0.0005, rate)
    found = median_pitch(np.concatenate([silence, voice, silence]), rate)
    assert found is not None
    assert abs(found / frequency - 1) < 0.03
    assert found == median_pitch(np.concatenate([silence, voice, silence]) / 50, rate)  # and no louder than that


def test_nothing_voiced() -> None:
    assert median_pitch(np.random.default_rng(0).normal(0, 0.1, 16000), 16000) is None
    assert median_pitch(np.zeros(16000), 16000) is None
    assert median_pitch(np.zeros(10), 16000) is None


def test_a_whisper_has_none() -> None:
    """Noise through resonances repeats for moments, each time after another while, whereas pulses have a pitch."""
    rng = np.random.default_rng(0)
    poles = [0.97 * np.exp(2j * np.pi * f / 16000) for f in (400, 1200, 2600)]
    filtered = [0.01], np.poly([*poles, *np.conj(poles)]).real
    whispers = [lfilter(*filtered, rng.normal(0, 0.01, 16000)) for _ in range(20)]
    assert sum(median_pitch(whisper, 16000) is not None for whisper in whispers) <= 1
    pulses = np.zeros(16000)
    pulses[::128] = 1.0
    for whisper in whispers:  # as loud as the voice
        voice = lfilter(*filtered, pulses)
        found = median_pitch(voice + whisper * np.std(voice) / np.std(whisper) / 1.4, 16000)
        assert found is not None
        assert abs(found / 125 - 1) < 0.03


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected 50 to 2000 Hz, the first below the second"):
        median_pitch(np.zeros(8000), 8000, lowest=20)
    with pytest.raises(ConfigError, match="expected 50 to 2000 Hz"):
        median_pitch(np.zeros(8000), 8000, lowest=200, highest=100)
    with pytest.raises(FeatureError, match="nan"):
        median_pitch([np.nan] * 8000, 8000)
