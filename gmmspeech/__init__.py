"""Gaussian-mixture acoustic modeling: features, diagonal GMMs, MAP adaptation, likelihood-ratio scoring.

>>> import numpy as np, gmmspeech as gs
>>> frames = gs.mfcc(np.random.default_rng(0).standard_normal(16000).astype("float32") / 10, 16000)
>>> frames.shape
(98, 13)
"""

from gmmspeech.audio import RawAudio, read_audio
from gmmspeech.errors import GmmSpeechError, GmmSpeechWarning
from gmmspeech.features.deltas import add_deltas, shifted_deltas
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.mfcc import fbank, lfcc, mfcc
from gmmspeech.features.normalization import cmvn, rasta, sliding_cmvn
from gmmspeech.features.plp import plp
from gmmspeech.features.transformer import MfccTransformer
from gmmspeech.features.vad import energy_vad, relative_energy_vad
from gmmspeech.features.warping import feature_warp
from gmmspeech.files.calibration import load_calibration
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.files.models import load
from gmmspeech.formats.datadir import load_utterance, read_data_dir
from gmmspeech.formats.dictionary import cmudict_dictionary, read_dictionary
from gmmspeech.formats.htk import read_htk, write_htk
from gmmspeech.formats.kaldi_ark import write_kaldi_ark
from gmmspeech.formats.kaldi_models import read_gselect, read_kaldi_gmm, write_gselect, write_kaldi_gmm
from gmmspeech.formats.labels import read_labels, write_labels
from gmmspeech.formats.lhotse import read_lhotse
from gmmspeech.formats.mmf import read_mmf, write_mmf
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.robust import fit_robust
from gmmspeech.gmm.selection import select_components
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.metrics.bootstrap import bootstrap_ci, paired_test
from gmmspeech.metrics.cllr import cllr, min_cllr
from gmmspeech.metrics.dcf import actual_dcf, bayes_threshold, min_dcf
from gmmspeech.metrics.det import det_curve
from gmmspeech.metrics.eer import eer
from gmmspeech.metrics.error_rate import error_rate
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import train_phone_hmm, train_phone_hmm_on_labels
from gmmspeech.phones.labels.labels import Label, frame_labels
from gmmspeech.scoring.calibration import fit_calibration, fit_pav
from gmmspeech.scoring.folds import cross_calibrate
from gmmspeech.scoring.linear import linear_score
from gmmspeech.scoring.llr import log_likelihood_ratio, log_likelihood_ratios
from gmmspeech.scoring.normalization import s_norm, t_norm, z_norm, zt_norm
from gmmspeech.scoring.score_normalizer import ScoreNormalizer
from gmmspeech.scoring.statistics import statistics_llr
from gmmspeech.scoring.trials import Scores, TrialList
from gmmspeech.speaker.backend import average_sessions, cosine_scores, length_normalize
from gmmspeech.speaker.backend_training import BackEnd, train_backend
from gmmspeech.speaker.identification import identify
from gmmspeech.speaker.isv import ISV, train_isv
from gmmspeech.speaker.ivector import IVectorExtractor
from gmmspeech.speaker.ivector_training import train_ivector_extractor
from gmmspeech.speaker.jfa import JFA, train_jfa
from gmmspeech.speaker.plda import PLDA, train_plda
from gmmspeech.speaker.supervectors import adapted_means, supervectors
from gmmspeech.speaker.ubm import train_ubm
from gmmspeech.speaker.vad import gmm_vad, two_gaussian_vad
from gmmspeech.speaker.verifier import SpeakerVerifier
from gmmspeech.stores.features import FeatureStore, write_index, write_store
from gmmspeech.stores.statistics import StatisticsStore, write_statistics

__all__ = [
    "ISV",
    "JFA",
    "PLDA",
    "BackEnd",
    "Checkpoint",
    "DiagonalGMM",
    "FeatureStore",
    "FrontEnd",
    "GMMClassifier",
    "GMMStats",
    "GmmSpeechError",
    "GmmSpeechWarning",
    "IVectorExtractor",
    "Label",
    "MfccTransformer",
    "PhoneGMM",
    "PhoneHMM",
    "RawAudio",
    "ScoreNormalizer",
    "Scores",
    "SpeakerVerifier",
    "StatisticsStore",
    "TrialList",
    "actual_dcf",
    "adapted_means",
    "add_deltas",
    "align",
    "average_sessions",
    "bayes_threshold",
    "bootstrap_ci",
    "cllr",
    "cmudict_dictionary",
    "cmvn",
    "cosine_scores",
    "cross_calibrate",
    "decode",
    "det_curve",
    "eer",
    "energy_vad",
    "error_rate",
    "fbank",
    "feature_warp",
    "fit_calibration",
    "fit_pav",
    "fit_robust",
    "frame_labels",
    "gmm_vad",
    "identify",
    "length_normalize",
    "lfcc",
    "linear_score",
    "load",
    "load_calibration",
    "load_utterance",
    "log_likelihood_ratio",
    "log_likelihood_ratios",
    "map_adapt",
    "mfcc",
    "min_cllr",
    "min_dcf",
    "paired_test",
    "plp",
    "rasta",
    "read_audio",
    "read_data_dir",
    "read_dictionary",
    "read_gselect",
    "read_htk",
    "read_kaldi_gmm",
    "read_labels",
    "read_lhotse",
    "read_mmf",
    "relative_energy_vad",
    "s_norm",
    "select_components",
    "shifted_deltas",
    "sliding_cmvn",
    "statistics_llr",
    "supervectors",
    "t_norm",
    "train_backend",
    "train_isv",
    "train_ivector_extractor",
    "train_jfa",
    "train_phone_hmm",
    "train_phone_hmm_on_labels",
    "train_plda",
    "train_ubm",
    "two_gaussian_vad",
    "write_gselect",
    "write_htk",
    "write_index",
    "write_kaldi_ark",
    "write_kaldi_gmm",
    "write_labels",
    "write_mmf",
    "write_statistics",
    "write_store",
    "z_norm",
    "zt_norm",
]
