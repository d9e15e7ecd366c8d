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
from gmmspeech.io.models import load
from gmmspeech.io.store import FeatureStore, write_store
from gmmspeech.metrics.dcf import min_dcf
from gmmspeech.metrics.det import det_curve
from gmmspeech.metrics.eer import eer
from gmmspeech.scoring.llr import log_likelihood_ratio, log_likelihood_ratios
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
    "Scores",
    "SpeakerVerifier",
    "TrialList",
    "add_deltas",
    "cmvn",
    "det_curve",
    "eer",
    "energy_vad",
    "fbank",
    "load",
    "log_likelihood_ratio",
    "log_likelihood_ratios",
    "map_adapt",
    "mfcc",
    "min_dcf",
    "read_audio",
    "relative_energy_vad",
    "sliding_cmvn",
    "statistics_llr",
    "train_ubm",
    "write_store",
]
