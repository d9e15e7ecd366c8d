"""Windows against scipy, frame layout against a count by hand."""

import warnings

import numpy as np
import pytest
import scipy.signal

from gmmspeech.errors import GmmSpeechWarning
from gmmspeech.features.options import MfccOptions, validated
from gmmspeech.features.window import checked_signal, frame_layout, least_samples, window_function


@pytest.mark.parametrize(("ours", "theirs"), [("hanning", "hann"), ("hamming", "hamming"), ("blackman", "blackman")])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("length", [2, 5, 400])
def test_windows_equal_scipy(ours, theirs, periodic, length):
    expected = scipy.signal.get_window(theirs, length, fftbins=periodic)
    np.testing.assert_allclose(window_function(ours, length, periodic=periodic), expected, atol=1e-6)


def test_other_windows():
    hanning = window_function("hanning", 9).astype(np.float64)
    np.testing.assert_allclose(window_function("povey", 9), hanning**0.85, atol=1e-6)
    np.testing.assert_allclose(window_function("sine", 9), np.sin(np.pi * np.arange(9) / 8), atol=1e-6)
    np.testing.assert_array_equal(window_function("rectangular", 9), 1)
    assert window_function("blackman", 9, blackman_coeff=0.4)[4] == pytest.approx(1.0)


def test_windows_are_shared_and_read_only():
    window = window_function("povey", 400)
    assert window is window_function("povey", 400)
    with pytest.raises(ValueError):
        window[0] = 1


@pytest.mark.parametrize("convention", ["kaldi", "htk", "librosa"])
@pytest.mark.parametrize("snip_edges", [True, False])
@pytest.mark.parametrize("frame_length", [20.0, 25.0])
def test_least_samples_is_where_frames_begin(convention, snip_edges, frame_length):
    given = {"convention": convention, "snip_edges": snip_edges, "frame_length": frame_length, "frame_shift": 10.0}
    options = validated(MfccOptions, given)
    least = least_samples(16000, options)
    assert frame_layout(least, 16000, options)[0] == 1
    assert frame_layout(least - 1, 16000, options)[0] == 0


def test_centered_frames():
    options = validated(MfccOptions, {"snip_edges": False})
    assert frame_layout(1000, 16000, options) == (6, 80 - 200)


def test_integers_keep_their_scale():
    samples, full_scale = checked_signal(np.array([-32768, 1], dtype=np.int32))
    assert samples.tolist() == [-32768, 1]
    assert full_scale == 32768


def test_a_sum_that_overflows_is_not_an_error():
    loud = np.full(10, 3e38, dtype=np.float32)
    assert checked_signal(loud)[1] == 1


@pytest.mark.parametrize(
    ("signal", "match"),
    [
        (np.array([21000.0, -3.0]), r"found floating-point samples beyond 16, expected samples in \[-1, 1\]"),
        (np.array([1e-6, -1e-5], np.float32), "found floating-point samples all within 3.05176e-05"),
        (np.array([1, 0, -1], np.int16), "found integer samples all within 8, expected samples of 16 bits"),
        (np.array([2**30, 0], np.int32), "found integer samples beyond 32768"),
        (np.array([128, 255], np.uint8), "found integer samples without a sign"),
    ],
)
def test_samples_of_another_scale(signal, match):
    with pytest.warns(GmmSpeechWarning, match=match):
        checked_signal(signal)


def test_samples_of_the_scale_they_are_taken_at():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for signal in ([0.0, 0.0], [1.5, -2.0], [1e-3]):
            checked_signal(np.array(signal))
        for signal in ([0, 0], [-32768, 32767], [10, -5]):
            checked_signal(np.array(signal, np.int16))
        checked_signal(np.array([1e-9]), whole=False)
        checked_signal(np.zeros(0))


def test_the_scale_is_told_once():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for peak in range(20000, 20010):
            checked_signal(np.array([float(peak), 0.5]))
    assert len(said) == 1


def test_the_scale_is_told_of_each_utterance():
    with pytest.warns(GmmSpeechWarning, match="^utterance u1: signal: found floating-point samples beyond 16"):
        checked_signal(np.array([20000.0, 0.5]), owner="utterance u1: ")
