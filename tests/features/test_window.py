"""Windows against scipy, frame layout against a count by hand."""

import numpy as np
import pytest
import scipy.signal

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
