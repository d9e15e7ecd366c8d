"""Streaming gives the bits of extraction at once, wherever the signal is cut."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.stream import FrontEndStream

RATE = 8000
SIGNAL = (0.1 * np.random.default_rng(0).standard_normal(12000)).astype(np.float32)
SIGNAL[5000:7000] *= 1e-4
SIGNAL[8000:10000] = 0.3 * np.sin(np.arange(2000) / 5)  # frames with bands far below the loudest, which go another way

FRONTS = {
    "mfcc": {},
    "mirrored, dither": {"features": {"type": "mfcc", "snip_edges": False, "dither": 1.0}},
    "fbank": {"features": {"type": "fbank", "num_mel_bins": 30, "use_energy": True, "convention": "htk"}},
    "plp": {"features": {"type": "plp", "snip_edges": False, "use_energy": False}, "deltas": {"window": 3}},
    "lfcc": {"features": {"type": "lfcc", "round_to_power_of_two": False}, "sdc": {}},
    "librosa, linear": {
        "features": {
            **{"type": "fbank", "convention": "librosa", "use_log_fbank": False, "num_mel_bins": 20},
            **{"frame_length": 25.0, "frame_shift": 10.0},
        }
    },
    "librosa, snipped": {
        "features": {
            **{"type": "fbank", "convention": "librosa", "use_log_fbank": False, "num_mel_bins": 20},
            **{"frame_length": 25.0, "frame_shift": 10.0, "snip_edges": True},
        }
    },
    "deltas alone": {"deltas": {"window": 1, "convention": "rastamat", "static": False}},
    "rasta": {"rasta": {}, "deltas": {"order": 3, "convention": "htk"}},
    "centered": {"cmvn": {"method": "sliding", "cmn_window": 50, "center": True, "norm_vars": True}, "deltas": {}},
    "causal": {"cmvn": {"method": "sliding", "cmn_window": 40, "min_cmn_window": 15, "norm_vars": True}},
    "warp": {"warp": {"window": 31}, "cmvn": {"method": "sliding"}},
    "vad": {
        "vad": {
            "method": "energy",
            "vad_energy_threshold": 14.0,
            "vad_energy_mean_scale": 0.0,
            "vad_frames_context": 7,
        },
        "deltas": {"order": 1},
        "warp": {"window": 8},
    },
}


def streamed(front: FrontEnd, signal: np.ndarray, cuts: list[int]) -> np.ndarray:
    stream = FrontEndStream(front, RATE, "ann-1")
    blocks = [stream.push(block) for block in np.split(signal, sorted(cuts))]
    return np.concatenate([*blocks, stream.flush()])


@pytest.mark.parametrize("name", FRONTS)
@settings(max_examples=12, deadline=None)
@given(length=st.integers(500, 12000), cuts=st.lists(st.integers(0, 12000), max_size=12), integers=st.booleans())
def test_any_cuts_give_the_same_bits(name, length, cuts, integers):
    front = FrontEnd(sample_frequency=RATE, **FRONTS[name])
    signal = SIGNAL[:length]
    if integers:
        signal = np.round(32768 * signal).astype(np.int16)
    found = streamed(front, signal, [min(cut, length) for cut in cuts])
    np.testing.assert_array_equal(found, front(signal, RATE, "ann-1"))
    assert found.dtype == np.float32


@pytest.mark.parametrize("name", FRONTS)
@pytest.mark.parametrize("size", [37, 80, 801])
def test_equal_pieces_give_the_same_bits(name, size):
    front = FrontEnd(sample_frequency=RATE, **FRONTS[name])
    signal = SIGNAL[2000:9000]
    np.testing.assert_array_equal(streamed(front, signal, list(range(size, 7000, size))), front(signal, RATE, "ann-1"))


@settings(max_examples=30, deadline=None)
@given(length=st.integers(40, 420), cut=st.integers(0, 420))
def test_short_signals_that_are_mirrored_more_than_once(length, cut):
    front = FrontEnd(sample_frequency=RATE, features={"type": "mfcc", "snip_edges": False})
    found = streamed(front, SIGNAL[:length], [min(cut, length)])
    np.testing.assert_array_equal(found, front(SIGNAL[:length], RATE))


def test_frames_come_as_soon_as_they_are_settled():
    stream = FrontEndStream(FrontEnd(sample_frequency=RATE), RATE)
    assert [len(stream.push(SIGNAL[:n])) for n in (199, 1, 79, 1, 80)] == [0, 1, 0, 1, 1]
    delayed = FrontEndStream(FrontEnd(sample_frequency=RATE, deltas={"order": 2, "window": 2}), RATE)
    assert len(delayed.push(SIGNAL[: 200 + 9 * 80])) == 10 - 4
    causal = FrontEndStream(FrontEnd(sample_frequency=RATE, cmvn={"method": "sliding", "min_cmn_window": 5}), RATE)
    assert [len(causal.push(SIGNAL[:n])) for n in (200 + 3 * 80, 80, 80)] == [0, 5, 1]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"cmvn": {"method": "utterance"}}, r"\[cmvn\] method: found 'utterance', which needs the whole utterance"),
        ({"cmvn": {"method": "speaker"}}, r"\[cmvn\] method: found 'speaker'"),
        ({"cmvn": {"method": "static"}}, r"\[cmvn\] method: found 'static'"),
        ({"vad": {"method": "relative"}}, r"\[vad\] method: found 'relative', which needs the whole utterance"),
        ({"vad": {"method": "two_gaussians"}}, r"\[vad\] method: found 'two_gaussians'"),
        ({"vad": {"method": "energy"}}, r"\[vad\] vad_energy_mean_scale: found 0\.5, which needs the mean"),
        ({"features": {"type": "mfcc", "convention": "librosa"}}, r"\[features\] convention: found 'librosa'"),
    ],
)
def test_what_needs_the_whole_utterance_is_refused(sections, message):
    with pytest.raises(ConfigError, match=message):
        FrontEndStream(FrontEnd(**sections), 16000)


def test_other_rates_are_refused():
    with pytest.raises(FeatureError, match="utterance ann-1: found 8000 Hz, expected 16000 Hz"):
        FrontEndStream(FrontEnd(), 8000, "ann-1")
    with pytest.raises(ConfigError, match="resample"):
        FrontEndStream(FrontEnd(resample=True), 8000)


def test_what_goes_wrong_with_signals():
    stream = FrontEndStream(FrontEnd(sample_frequency=RATE), RATE, "ann-1")
    stream.push(np.zeros(100))
    with pytest.raises(FeatureError, match="utterance ann-1: found integers beside floating point"):
        stream.push(np.zeros(10, dtype=np.int16))
    with pytest.raises(FeatureError, match="utterance ann-1: signal: found nan"):
        stream.push(np.full(3, np.nan))
    with pytest.raises(FeatureError, match="utterance ann-1: found 100 samples at 8000 Hz, expected at least 200"):
        stream.flush()
    with pytest.raises(FeatureError, match="after the end"):
        stream.push(np.zeros(10))


def test_silence_is_refused_at_the_end():
    vad = {"method": "energy", "vad_energy_mean_scale": 0.0}
    stream = FrontEndStream(FrontEnd(sample_frequency=RATE, vad=vad), RATE, "ann-1")
    assert stream.push(np.zeros(1000)).shape == (0, 13)
    with pytest.raises(FeatureError, match="utterance ann-1: found no voiced frame among 11"):
        stream.flush()
