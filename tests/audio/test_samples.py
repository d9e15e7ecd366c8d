"""Waveforms at other rates."""

import numpy as np
import pytest

from gmmspeech.audio import resample
from gmmspeech.errors import AudioError, ConfigError

RATE = 16000


@pytest.mark.parametrize("target", [8000, 11025, 44100])
def test_resampled_sine_is_the_sine_at_the_new_rate(target):
    def sine(rate):
        return 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)

    found = resample(sine(RATE).astype(np.float32), RATE, target)
    assert found.dtype == np.float32
    assert len(found) == target
    middle = slice(target // 10, -target // 10)
    np.testing.assert_allclose(found[middle], sine(target)[middle], atol=1e-4)


def test_resample_keeps_the_type_and_checks_its_input():
    assert resample(np.zeros(160, np.int16), 16000, 8000).dtype == np.int16
    same = np.zeros(160, np.float32)
    assert resample(same, 8000, 8000) is same
    with pytest.raises(AudioError, match=r"found float32 of shape \(2, 3\)"):
        resample(np.zeros((2, 3), np.float32), 16000, 8000)
    with pytest.raises(ConfigError, match="target_rate: found 0"):
        resample(same, 16000, 0)
