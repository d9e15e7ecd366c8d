"""Voice activity by mixtures: on energies of known mixtures, on speech with silence around it, and in the chain."""

import numpy as np
import pytest
import scipy.stats

from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.mfcc import mfcc
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.speaker.vad import gmm_vad, two_gaussian_vad

RATE = 16000


def bursts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A signal of half-seconds of faint and loud noise, and which of its frames lie within the loud ones."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(np.tile([False, True], 4), 8000)
    signal = rng.standard_normal(len(loud)) * np.where(loud, 0.1, 1e-3)
    starts = np.arange(0, len(loud) - 399, 160)
    return signal.astype(np.float32), np.array([loud[s : s + 400].mean() > 0.5 for s in starts])


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


def test_a_trained_detector_in_the_chain():
    front = FrontEnd(features={"type": "mfcc", "use_energy": False})
    train, loud = bursts()
    nonspeech, speech = GMMClassifier(n_components=2, random_state=0).fit(front(train, RATE), loud).models_
    signal, loud = bursts(seed=1)
    voiced = gmm_vad(front(signal, RATE), speech, nonspeech)
    assert (voiced == loud).mean() > 0.95
    sre = FrontEnd(deltas={}, cmvn={"method": "utterance"})
    found = sre(signal, RATE, voiced=voiced)
    plain = FrontEnd(deltas={})(signal, RATE)[voiced]
    np.testing.assert_allclose(found, plain - plain.mean(axis=0), atol=1e-3)


def test_context_is_a_majority():
    one, other = (DiagonalGMM.from_parameters([1.0], [[m]], [[1.0]]) for m in (1.0, -1.0))
    x = np.random.default_rng(0).standard_normal((40, 1))
    for context in (0, 3):
        expected = [np.mean(2 * x[max(0, t - context) : t + context + 1] > 0.5) > 0.5 for t in range(40)]
        found = gmm_vad(x, one, other, threshold=0.5, context=context)
        np.testing.assert_array_equal(found, expected)


def test_what_goes_wrong():
    gmm = DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    assert gmm_vad(np.zeros((0, 1)), gmm, gmm).shape == (0,)
    with pytest.raises(ConfigError, match="context: found -1"):
        gmm_vad(np.zeros((3, 1)), gmm, gmm, context=-1)
    with pytest.raises((ModelError, FeatureError), match="expected"):
        gmm_vad(np.zeros((3, 2)), gmm, gmm)
    with pytest.raises(FeatureError, match="log_energy"):
        two_gaussian_vad(np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="smoothing_window: found 0"):
        two_gaussian_vad(np.zeros(3), smoothing_window=0)
    with pytest.raises(FeatureError, match=r"utterance ann-1: voiced: found bool of shape \(3,\), expected bool of"):
        FrontEnd()(np.zeros(8000), RATE, "ann-1", voiced=np.ones(3, dtype=bool))
    with pytest.raises(FeatureError, match="found int64 of shape"):
        FrontEnd()(np.zeros(8000), RATE, voiced=np.ones(48, dtype=np.int64))
    with pytest.raises(FeatureError, match="no voiced frame"):
        FrontEnd()(np.zeros(8000), RATE, voiced=np.zeros(48, dtype=bool))
