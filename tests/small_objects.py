"""Small objects of most kinds, rightly made, for tests that spoil them or give something else in their place."""

import dataclasses

import numpy as np

import gmmspeech as gs
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.training_state import TrainingState
from gmmspeech.phones.hmm.tree import ContextTree

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)) + np.repeat([[0.0], [4.0]], 30, axis=0)
LABELS = ["a"] * 30 + ["b"] * 30
RANGES = np.arange(0, 60, 6)[:, None] + [0, 6]
PHONES = ["AA"] * 5 + ["S"] * 5
SIGNAL = RNG.normal(0, 0.1, 4000)
UBM = gs.DiagonalGMM(2, random_state=0).fit(X)
FULL = gs.GMM.from_parameters(UBM.weights_, UBM.means_, [np.diag(variances) for variances in UBM.covariances_])
MODEL = gs.map_adapt(UBM, X[:20])
SPEAKERS = np.repeat(np.arange(8), 4)
SESSIONS = [RNG.normal(s / 4, 1, (20, 3)) for s in SPEAKERS]
STATS = [UBM.accumulate(x) for x in SESSIONS]
VECTORS = RNG.normal(size=(8, 3))[SPEAKERS] * 2 + RNG.normal(size=(32, 3))
PLDA = gs.speaker.PLDA(np.zeros(3), np.eye(3), np.eye(3))
IVECTORS = gs.speaker.IVectorExtractor(np.ones(1), np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2, 1)))
TARGETS, NONTARGETS = [1.0, 2.0, 3.0, 1.5], [-1.0, 0.0, 1.2, -2.0]
TRIAL_MODELS, TRIAL_TESTS = (axis.ravel() for axis in np.indices((12, 12)))
TRIAL_SCORES = RNG.normal(3.0 * (TRIAL_MODELS == TRIAL_TESTS))
HMM = gs.phones.PhoneHMM.from_phones(["SIL", "AA"], mean=np.zeros(3), variance=np.ones(3), num_states=1)
ALIGNER = gs.phones.PhoneHMM.from_phones(
    ["SIL", "AA"], mean=np.zeros(48), variance=np.ones(48), front_end=gs.FrontEnd.from_toml("phones").to_json()
)
UTTERANCES = {"u1": X[:30], "u2": X[30:]}
STATES = StatePosteriors(np.arange(30), np.repeat([0, 1, 0], 10), np.ones(30), np.array([18.0, 9.0]), 0.0)
TAUGHT = TrainingState(2, HMM, dict.fromkeys(UTTERANCES, STATES), -4.0)
TIED = dataclasses.replace(HMM, tree=ContextTree.untied([1, 1]))
SEGMENTS = {"u1": [gs.phones.Label(0.0, 0.3, "AA")], "u2": [gs.phones.Label(0.0, 0.3, "SIL")]}
AGREEMENT = gs.metrics.boundary_agreement(SEGMENTS, SEGMENTS)
NGRAM = gs.phones.train_ngram([["a", "b"], ["b"]], order=2)
NGRAM_OF_AH = gs.phones.train_ngram([["ah"]], order=2)
ALIGNMENT = Alignment([], [gs.phones.Label(0.0, 0.3, "AA")], np.array([-5.0]), None, -5.0)
SCORES = gs.Scores(["m", "n"], ["t", "t"], np.array([1.0, 2.0]))
CLASSIFIER = gs.GMMClassifier(2, random_state=0).fit(X, LABELS)
SPOOF_TRIALS = [gs.formats.SpoofTrial("a", "u1", "bonafide", True), gs.formats.SpoofTrial("a", "u2", "A01", False)]
trials = {"is_target": TRIAL_MODELS == TRIAL_TESTS, "model_speakers": TRIAL_MODELS, "test_speakers": TRIAL_TESTS}
sides = {"target_scores": TARGETS, "nontarget_scores": NONTARGETS}
ratios = {"target_llrs": TARGETS, "nontarget_llrs": NONTARGETS}
costs = {"p_target": 0.1, "c_miss": 1.0, "c_fa": 1.0}
signal = {"signal": SIGNAL, "rate": 16000}
words = {"transcripts": {"u1": ["a"], "u2": ["a"]}, "dictionary": {"a": [("AA",)]}}
