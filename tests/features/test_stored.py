"""The front end over stored features: its text beside that of waveforms, the order of steps, and what differs."""

import json

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.features.compatibility import check_same_front_end, describe_front_end
from gmmspeech.features.sections import DeltaOptions
from gmmspeech.features.stored import (
    SLIDING,
    StoredCmvn,
    StoredFrontEnd,
    joined_options,
    normalized,
    split_front_end,
    split_options,
    static_columns,
)
from gmmspeech.phones.labels.labels import FrameClock

FRAMES = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
STEPS = StoredFrontEnd(
    columns=3, cmvn=StoredCmvn(owner="speaker", norm_vars=True), deltas=DeltaOptions(order=1), sliding=SLIDING, vad=True
)
WAVEFORMS = json.loads(gs.FrontEnd(features={"type": "mfcc", "num_ceps": 3, "num_mel_bins": 8}).to_json())


@pytest.mark.parametrize("waveforms", [{}, WAVEFORMS])
def test_its_text_is_read_again(waveforms):
    text = joined_options(waveforms, STEPS)
    assert split_options(text) == (waveforms, STEPS)
    front, stored = split_front_end(text)
    assert (front is None) == (not waveforms)
    assert stored == STEPS
    assert static_columns(text) == 3
    told = "stored features of 3 columns, CMVN by speaker, deltas of order 1 (2 to a side), sliding CMN 300, voiced"
    assert told in describe_front_end(text)
    with pytest.raises(ConfigError, match="voice activity detection"):
        FrameClock.of(text)
    with pytest.raises(ConfigError, match="found one over stored features, expected one of waveforms"):
        gs.FrontEnd.from_json(text)


def test_nothing_is_known():
    assert joined_options({}, None) is None
    assert split_front_end(None) == (None, None)
    assert static_columns(None) is None
    assert FrameClock.of(joined_options({}, StoredFrontEnd(columns=3))).frame_shift == 10


@pytest.mark.parametrize(
    "text", ['{"stored": {"columns": 0}}', '{"stored": {"columns": 1, "x": 2}}', '{"stored": 1}', "["]
)
def test_a_bad_text_is_refused(text):
    with pytest.raises(ConfigError, match=r"^front end"):
        split_options(text)


def test_steps_as_numpy_does_them():
    stats = np.vstack([np.append(FRAMES.sum(axis=0), 20), np.append((FRAMES**2).sum(axis=0), 0)]).astype(np.float64)
    voiced = np.arange(20) % 2 == 0
    found = STEPS(FRAMES, cmvn=stats, voiced=voiced)
    expected = gs.sliding_cmvn(gs.add_deltas(gs.cmvn(FRAMES, norm_vars=True), order=1), cmn_window=300, center=True)
    np.testing.assert_allclose(found, expected[voiced], atol=1e-5)
    assert found.shape[1] == STEPS.dim
    pasted = StoredFrontEnd(columns=3, paste=2)
    np.testing.assert_array_equal(pasted(FRAMES, pasted=FRAMES[:, :2])[:, 3:], FRAMES[:, :2])
    assert pasted.dim == 5


@pytest.mark.parametrize(
    ("beside", "error", "match"),
    [
        ({"cmvn": np.ones((2, 3))}, DataError, r"found statistics of CMVN of shape \(2, 3\)"),
        ({"voiced": np.ones(19, dtype=bool)}, FeatureError, "found voice activity of 19 frames, expected 20"),
        ({"voiced": np.zeros(20, dtype=bool)}, FeatureError, "found no voiced frame"),
        ({"pasted": FRAMES[:1]}, FeatureError, "found 1 frame to paste, expected 20"),
    ],
)
def test_what_lies_beside_and_does_not_fit(beside, error, match):
    with pytest.raises(error, match=match):
        STEPS(FRAMES, **beside)


def test_statistics_of_no_frames_are_refused():
    with pytest.raises(DataError, match="and 0 frames"):
        normalized(FRAMES, np.zeros((2, 4)))


def test_steps_go_behind_others_in_their_order():
    deltas = StoredFrontEnd(columns=3, deltas=DeltaOptions(order=1))
    both = StoredFrontEnd(columns=6, vad=True).behind(deltas)
    assert (both.columns, both.steps) == (3, ["deltas", "vad"])
    with pytest.raises(ConfigError, match="deltas: found it on features behind voice activity"):
        StoredFrontEnd(columns=6, deltas=DeltaOptions(order=1)).behind(both)


@pytest.mark.parametrize(
    ("expected", "found", "match"),
    [
        ((WAVEFORMS, STEPS), ({}, STEPS), None),  # of Kaldi's archives, how they were made is not known
        (({}, STEPS), (WAVEFORMS, None), None),
        ((WAVEFORMS, STEPS), (WAVEFORMS, None), "stored.cmvn"),
        (({}, STEPS), ({}, StoredFrontEnd(columns=3)), "found frames without stored.cmvn.norm_vars, expected"),
        ((WAVEFORMS, STEPS), ({**WAVEFORMS, "sample_frequency": 8000}, STEPS), "sample_frequency = 8000"),
    ],
)
def test_what_differs_is_named(expected, found, match):
    texts = joined_options(*expected), joined_options(*found)
    if match is None:
        check_same_front_end(*texts, model="m", frames="f")
        return
    with pytest.raises(FeatureError, match=match):
        check_same_front_end(*texts, model="m", frames="f")
