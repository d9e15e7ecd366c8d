from . import (
    audio as audio,
    errors as errors,
    features as features,
    formats as formats,
    gmm as gmm,
    metrics as metrics,
    phones as phones,
    plot as plot,
    scoring as scoring,
    speaker as speaker,
    stores as stores,
)
from .audio import read_audio as read_audio
from .commands.alignment import align_file as align_file
from .commands.extraction import extract_features as extract_features
from .commands.recognition import recognize as recognize
from .commands.verify_folder import verify_folder as verify_folder
from .errors import GmmSpeechError as GmmSpeechError, GmmSpeechWarning as GmmSpeechWarning
from .features.cqcc import cqcc as cqcc
from .features.deltas import add_deltas as add_deltas, shifted_deltas as shifted_deltas
from .features.frontend import FrontEnd as FrontEnd
from .features.mfcc import fbank as fbank, lfcc as lfcc, mfcc as mfcc
from .features.normalization import cmvn as cmvn, rasta as rasta, sliding_cmvn as sliding_cmvn
from .features.plp import plp as plp
from .features.vad import energy_vad as energy_vad
from .features.warping import feature_warp as feature_warp
from .files.checkpoints import Checkpoint as Checkpoint
from .formats.datadir import read_data_dir as read_data_dir, read_list_map as read_list_map
from .formats.loading import load as load
from .formats.trials import read_scores as read_scores, read_trials as read_trials, write_scores as write_scores
from .gmm.adapt import map_adapt as map_adapt
from .gmm.classifier import GMMClassifier as GMMClassifier
from .gmm.full import GMM as GMM
from .gmm.mixture import DiagonalGMM as DiagonalGMM
from .gmm.stats import GMMStats as GMMStats
from .metrics.bootstrap import bootstrap_ci as bootstrap_ci
from .metrics.cllr import cllr as cllr, min_cllr as min_cllr
from .metrics.dcf import min_dcf as min_dcf
from .metrics.det import det_curve as det_curve
from .metrics.eer import eer as eer
from .metrics.tdcf import min_tdcf as min_tdcf
from .phones.decoding.alignment import align as align
from .phones.gmm.phone_gmm import PhoneGMM as PhoneGMM
from .phones.hmm.training import train_phone_hmm as train_phone_hmm
from .scoring.linear import linear_score as linear_score
from .scoring.llr import log_likelihood_ratio as log_likelihood_ratio
from .scoring.trials import Scores as Scores, TrialList as TrialList
from .speaker.ubm import train_ubm as train_ubm
from .speaker.verifier import SpeakerVerifier as SpeakerVerifier
from .stores.features import FeatureStore as FeatureStore, write_store as write_store

__version__: str
