"""Gaussian-mixture acoustic modelling: features, diagonal GMMs, MAP adaptation, likelihood-ratio scoring.

>>> import numpy as np, gmmspeech as gs
>>> frames = gs.mfcc(np.random.default_rng(0).standard_normal(16000).astype("float32") / 10, 16000)
>>> frames.shape
(98, 13)
"""

from gmmspeech.audio import read_audio
from gmmspeech.errors import GmmSpeechError, GmmSpeechWarning
from gmmspeech.features.deltas import add_deltas
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.mfcc import fbank, mfcc
from gmmspeech.features.normalization import cmvn, sliding_cmvn
from gmmspeech.features.vad import energy_vad, relative_energy_vad
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.io.calibration import load_calibration
from gmmspeech.io.dictionary import cmudict_dictionary, read_dictionary
from gmmspeech.io.labels import read_labels, write_labels
from gmmspeech.io.models import load
from gmmspeech.io.store import FeatureStore, write_store
from gmmspeech.metrics.bootstrap import bootstrap_ci, paired_test
from gmmspeech.metrics.cllr import cllr, min_cllr
from gmmspeech.metrics.dcf import actual_dcf, bayes_threshold, min_dcf
from gmmspeech.metrics.det import det_curve
from gmmspeech.metrics.eer import eer
from gmmspeech.metrics.error_rate import error_rate
from gmmspeech.phones.alignment import align
from gmmspeech.phones.decoding import decode
from gmmspeech.phones.hmm import PhoneHMM
from gmmspeech.phones.labels import Label, frame_labels
from gmmspeech.phones.phone_gmm import PhoneGMM
from gmmspeech.phones.training import train_phone_hmm, train_phone_hmm_on_labels
from gmmspeech.scoring.calibration import fit_calibration, fit_pav
from gmmspeech.scoring.folds import cross_calibrate
from gmmspeech.scoring.llr import log_likelihood_ratio, log_likelihood_ratios
from gmmspeech.scoring.normalization import s_norm, t_norm, z_norm, zt_norm
from gmmspeech.scoring.score_normalizer import ScoreNormalizer
from gmmspeech.scoring.statistics import statistics_llr
from gmmspeech.scoring.trials import Scores, TrialList
from gmmspeech.speaker.ubm import train_ubm
from gmmspeech.speaker.verifier import SpeakerVerifier

__all__ = [
    "DiagonalGMM",
    "FeatureStore",
    "FrontEnd",
    "GMMClassifier",
    "GMMStats",
    "GmmSpeechError",
    "GmmSpeechWarning",
    "Label",
    "PhoneGMM",
    "PhoneHMM",
    "ScoreNormalizer",
    "Scores",
    "SpeakerVerifier",
    "TrialList",
    "actual_dcf",
    "add_deltas",
    "align",
    "bayes_threshold",
    "bootstrap_ci",
    "cllr",
    "cmudict_dictionary",
    "cmvn",
    "cross_calibrate",
    "decode",
    "det_curve",
    "eer",
    "energy_vad",
    "error_rate",
    "fbank",
    "fit_calibration",
    "fit_pav",
    "frame_labels",
    "load",
    "load_calibration",
    "log_likelihood_ratio",
    "log_likelihood_ratios",
    "map_adapt",
    "mfcc",
    "min_cllr",
    "min_dcf",
    "paired_test",
    "read_audio",
    "read_dictionary",
    "read_labels",
    "relative_energy_vad",
    "s_norm",
    "sliding_cmvn",
    "statistics_llr",
    "t_norm",
    "train_phone_hmm",
    "train_phone_hmm_on_labels",
    "train_ubm",
    "write_labels",
    "write_store",
    "z_norm",
    "zt_norm",
]
