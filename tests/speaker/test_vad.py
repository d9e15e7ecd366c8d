"""Voice activity by models of speech and the rest, alone and in the chain."""

import numpy as np
import pytest
from sounds import bursts

from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.speaker.vad import gmm_vad

RATE = 16000


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
    with pytest.raises(FeatureError, match=r"utterance ann-1: voiced: found bool of shape \(3,\), expected bool of"):
        FrontEnd()(np.zeros(8000), RATE, "ann-1", voiced=np.ones(3, dtype=bool))
    with pytest.raises(FeatureError, match="found int64 of shape"):
        FrontEnd()(np.zeros(8000), RATE, voiced=np.ones(48, dtype=np.int64))
    with pytest.raises(FeatureError, match="no voiced frame"):
        FrontEnd()(np.zeros(8000), RATE, voiced=np.zeros(48, dtype=bool))
