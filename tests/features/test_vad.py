"""Energy VAD against Kaldi; relative VAD by its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.mfcc import mfcc
from gmmspeech.features.vad import energy_vad, relative_energy_vad


@pytest.mark.parametrize("name", ["vad_default", "vad_sre", "vad_context"])
def test_equals_kaldi(name, kaldi_conf, kaldi_feats, kaldi_wav):
    expected = kaldi_feats(name)
    for utterance, static in kaldi_feats("mfcc_sre16").items():
        np.testing.assert_array_equal(energy_vad(static, **kaldi_conf(name)), expected[utterance].astype(bool))
        ours = mfcc(*kaldi_wav(utterance), **kaldi_conf("mfcc_sre16"))
        np.testing.assert_array_equal(energy_vad(ours, **kaldi_conf(name)), expected[utterance].astype(bool))


@given(
    energy=arrays(np.float32, st.integers(1, 30), elements=st.floats(-10, 30, width=32)),
    context=st.integers(0, 4),
    range_db=st.floats(0, 100),
)
def test_relative_is_a_majority(energy, context, range_db):
    loud = energy >= energy.max() - range_db * np.log(10) / 10
    expected = []
    for t in range(len(energy)):
        around = loud[max(0, t - context) : t + context + 1]
        expected.append(around.sum() > len(around) / 2)
    np.testing.assert_array_equal(relative_energy_vad(energy, range_db=range_db, context=context), expected)


def test_relative_in_decibels():
    energy = np.log(10 ** (np.array([60.0, 11.0, 9.0]) / 10))
    assert relative_energy_vad(energy, range_db=50, context=0).tolist() == [True, True, False]


def test_gain_changes_nothing_for_relative():
    signal = np.random.default_rng(0).standard_normal(16000) * np.linspace(0, 0.5, 16000) ** 4
    voiced = [relative_energy_vad(mfcc(gain * signal, 16000)[:, 0]) for gain in (1.0, 0.25)]
    np.testing.assert_array_equal(*voiced)
    assert voiced[0].any()
    assert not voiced[0].all()


@pytest.mark.parametrize("log_energy", [np.log(np.finfo(np.float32).eps), -np.inf])
def test_digital_silence_is_never_voiced(log_energy):
    assert not relative_energy_vad(np.full(9, log_energy)).any()


def test_silence_in_the_mfcc_is_silence_in_the_vad():
    assert not relative_energy_vad(mfcc(np.zeros(4000), 16000)[:, 0]).any()


def test_empty_and_unreasonable():
    assert energy_vad(np.zeros((0, 5))).shape == (0,)
    assert relative_energy_vad([]).shape == (0,)
    with pytest.raises(FeatureError, match="column 0"):
        energy_vad(np.zeros((4, 0)))
    with pytest.raises(FeatureError, match="expected"):
        energy_vad(np.zeros(4))
    with pytest.raises(FeatureError, match="expected"):
        relative_energy_vad(np.zeros((4, 2)))
    with pytest.raises(ConfigError, match="context"):
        energy_vad(np.zeros((4, 1)), vad_frames_context=-1)
    with pytest.raises(ConfigError, match="range_db"):
        relative_energy_vad(np.zeros(4), range_db=-1)
