from .adaptation import adapt_backend as adapt_backend, adapt_plda as adapt_plda
from .backend import BackEnd as BackEnd, train_backend as train_backend
from .identification import identify as identify
from .isv import ISV as ISV, train_isv as train_isv
from .ivector import IVectorExtractor as IVectorExtractor, train_ivector_extractor as train_ivector_extractor
from .ivectors import IVectors as IVectors
from .jfa import JFA as JFA, train_jfa as train_jfa
from .plda import PLDA as PLDA, train_plda as train_plda
from .shipped import open_background as open_background, without_noise as without_noise
from .supervectors import adapted_means as adapted_means, fisher_vectors as fisher_vectors, supervectors as supervectors
from .transforms import (
    average_sessions as average_sessions,
    cosine_scores as cosine_scores,
    length_normalize as length_normalize,
)
from .ubm import balanced_frames as balanced_frames, train_ubm as train_ubm
from .vad import gmm_vad as gmm_vad
from .verifier import SpeakerVerifier as SpeakerVerifier
