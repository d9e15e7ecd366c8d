"""Energy VAD against Kaldi; relative VAD by its definition; two Gaussians against a plain EM and a DiagonalGMM."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from sounds import bursts

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.mfcc import mfcc
from gmmspeech.features.vad import energy_vad, relative_energy_vad, two_gaussian_vad
from gmmspeech.gmm.mixture import DiagonalGMM

RATE = 16000


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


def test_two_gaussians_find_the_loud_parts():
    signal, loud = bursts()
    found = two_gaussian_vad(mfcc(signal, RATE)[:, 0])
    assert (found == loud).mean() > 0.97
    assert not (found & ~loud)[:45].any()


def test_two_gaussians_equal_a_plain_em():
    rng = np.random.default_rng(1)
    energy = np.concatenate([rng.normal(6, 1.0, 300), rng.normal(12, 2.0, 200)])
    mean, deviation, weight = np.array([5.0, 13.0]), np.ones(2), np.full(2, 0.5)
    for _ in range(200):
        joint = weight * scipy.stats.norm.pdf(energy[:, None], mean, deviation)
        post = joint / joint.sum(axis=1, keepdims=True)
        weight = post.mean(axis=0)
        mean = (post * energy[:, None]).sum(axis=0) / post.sum(axis=0)
        deviation = np.sqrt((post * (energy[:, None] - mean) ** 2).sum(axis=0) / post.sum(axis=0))
    found = two_gaussian_vad(energy, smoothing_window=1, max_iter=200, tol=1e-9)
    raw = post.argmax(axis=1) == 1
    alone = np.zeros(len(raw), dtype=bool)  # frames that smoothing turns differ from both neighbors
    alone[1:-1] = (raw[1:-1] != raw[:-2]) | (raw[1:-1] != raw[2:])
    np.testing.assert_array_equal(found[~alone], raw[~alone])


def test_short_runs_between_long_ones_are_turned():
    energy = np.full(100, 5.0)
    energy[20:80] = 18.0
    energy[50:54] = 5.0
    energy[90:93] = 18.0
    expected = np.zeros(100, dtype=bool)
    expected[20:80] = True
    energy += np.linspace(0, 0.1, 100)
    np.testing.assert_array_equal(two_gaussian_vad(energy)[:85], expected[:85])
    assert two_gaussian_vad(energy)[90:93].all()  # for the run after it is short itself
    assert not two_gaussian_vad(energy, smoothing_window=2)[50:54].any()


@pytest.mark.parametrize("energy", [[], [3.0], np.full(50, 12.0), np.full(50, -15.9)])
def test_an_even_energy_has_no_speech(energy):
    assert not two_gaussian_vad(energy).any()


def test_two_gaussians_in_a_front_end():
    signal, _ = bursts()
    front = FrontEnd(vad={"method": "two_gaussians", "smoothing_window": 5}, deltas={})
    voiced = two_gaussian_vad(front.log_energies(signal, RATE), smoothing_window=5)
    np.testing.assert_array_equal(front.voiced(signal, RATE), voiced)
    np.testing.assert_array_equal(front(signal, RATE), FrontEnd(deltas={})(signal, RATE)[voiced])
    assert "two-Gaussian VAD" in front.describe()
    assert FrontEnd.from_json(front.to_json()) == front
    with pytest.raises(FeatureError, match="no voiced frame"):
        front(np.zeros(16000), RATE)


def test_two_gaussians_equal_a_mixture():
    energy = mfcc(bursts()[0], RATE)[:, 0].astype(np.float64)
    gmm = DiagonalGMM(2, max_iter=10, tol=5e-4, variance_floor=5e-4, random_state=0).fit(energy[:, None])
    voiced = gmm.predict(energy[:, None]) == np.argmax(gmm.means_[:, 0])
    np.testing.assert_array_equal(two_gaussian_vad(energy, smoothing_window=1)[1:-1], voiced[1:-1])


def test_two_gaussians_refuse_what_makes_no_sense():
    with pytest.raises(FeatureError, match="log_energy"):
        two_gaussian_vad(np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="smoothing_window: found 0"):
        two_gaussian_vad(np.zeros(3), smoothing_window=0)


def test_pauses_of_noisy_utterances_are_no_speech():
    """The same frames of a word are voiced whatever the noise between; without the option pauses become speech."""
    rng, speech = np.random.default_rng(0), np.repeat([False, True, False], [40, 30, 30])
    for noise in (5.0, 9.0, 12.0):
        energy = np.where(speech, 17.0, noise) + rng.uniform(-0.3, 0.3, 100)
        found = relative_energy_vad(energy, range_db=50, above_noise_db=9)
        np.testing.assert_array_equal(found, speech)
    assert relative_energy_vad(energy, range_db=50).all()
    everything = rng.uniform(16, 18, 100)  # no pause: nothing is taken away
    assert relative_energy_vad(everything, above_noise_db=9).all()
    quiet = np.concatenate([np.full(50, -np.inf), energy])  # digital silence is no noise
    np.testing.assert_array_equal(relative_energy_vad(quiet, above_noise_db=9)[50:], speech)
    with pytest.raises(ConfigError, match="above_noise_db: found -1"):
        relative_energy_vad(energy, above_noise_db=-1)
