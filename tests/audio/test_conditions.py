"""Simulated conditions do to a signal what their names say."""

import numpy as np
import pytest
from scipy.signal import welch

from gmmspeech.audio import simulate_conditions
from gmmspeech.audio.conditions import is_narrow, parse_conditions
from gmmspeech.errors import AudioError, ConfigError

SIGNAL = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)


def share(signal, low, high, rate=16000):
    """Part of the power between two frequencies."""
    frequencies, power = welch(signal, rate, nperseg=1024)
    return power[(low <= frequencies) & (frequencies < high)].sum() / power.sum()


@pytest.mark.parametrize("condition", ["telephone", "gsm"])
def test_telephones_pass_a_band(condition):
    heard = simulate_conditions(SIGNAL, 16000, condition)
    assert share(heard, 250, 3600) > 0.97
    assert heard.shape == SIGNAL.shape
    assert heard.dtype == np.float32


@pytest.mark.parametrize("condition", ["telephone", "mp3", "opus"])
def test_codecs_keep_time_and_shape(condition):
    """A slow tone comes back where it was."""
    tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000) * np.hanning(16000)).astype(np.float32)
    heard = simulate_conditions(tone, 16000, condition)
    assert np.corrcoef(tone[800:-800], heard[800:-800])[0, 1] > 0.97


@pytest.mark.parametrize("decibels", [20.0, 0.0])
def test_noise_has_its_level_and_spectrum(decibels):
    colored = np.convolve(SIGNAL, np.ones(8) / 8)[:16000].astype(np.float32)
    noise = simulate_conditions(colored, 16000, f"noise:{decibels:g}") - colored
    assert 10 * np.log10(np.mean(colored**2) / np.mean(noise**2)) == pytest.approx(decibels, abs=0.01)
    assert share(noise, 0, 1000) == pytest.approx(share(colored, 0, 1000), abs=0.05)
    assert abs(np.corrcoef(colored, noise)[0, 1]) < 0.05
    again = simulate_conditions(colored, 16000, ["noise:20"], random_state=1)
    assert not np.array_equal(again, simulate_conditions(colored, 16000, ["noise:20"], random_state=2))


def test_nothing_and_silence_stay():
    np.testing.assert_array_equal(simulate_conditions(SIGNAL, 16000, ""), SIGNAL)
    assert not simulate_conditions(np.zeros(8000), 8000, "noise:10").any()
    assert simulate_conditions(SIGNAL[:1], 16000, "gsm,noise:5").shape == (1,)


def test_names():
    assert parse_conditions(" gsm , noise:-5") == ("gsm", "noise:-5")
    assert parse_conditions("") == ()
    assert is_narrow(["noise:10", "gsm"])
    assert not is_narrow(["mp3"])
    for wrong in ("telefon", "gsm,,mp3", "noise", "noise:x", "noise:1e3", "noise:200", ","):
        with pytest.raises(ConfigError, match=r"^conditions: found .*, expected telephone, gsm, mp3, opus or noise:DB"):
            parse_conditions(wrong)
    with pytest.raises(AudioError, match="found NaN or infinity"):
        simulate_conditions([np.nan], 8000, "gsm")
    with pytest.raises(AudioError, match="one channel"):
        simulate_conditions(np.zeros((2, 2)), 8000, "gsm")
