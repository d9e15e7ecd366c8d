from .adaptation import adapt_backend as adapt_backend
from .adaptation import adapt_plda as adapt_plda
from .backend import (
    BackEnd as BackEnd,
)
from .backend import (
    train_backend as train_backend,
)
from .identification import identify as identify
from .isv import (
    ISV as ISV,
)
from .isv import (
    train_isv as train_isv,
)
from .ivector import IVectorExtractor as IVectorExtractor
from .ivector import train_ivector_extractor as train_ivector_extractor
from .ivectors import IVectors as IVectors
from .jfa import (
    JFA as JFA,
)
from .jfa import (
    train_jfa as train_jfa,
)
from .plda import (
    PLDA as PLDA,
)
from .plda import (
    train_plda as train_plda,
)
from .shipped import open_background as open_background
from .shipped import without_noise as without_noise
from .supervectors import (
    adapted_means as adapted_means,
)
from .supervectors import (
    fisher_vectors as fisher_vectors,
)
from .supervectors import (
    supervectors as supervectors,
)
from .transforms import (
    average_sessions as average_sessions,
)
from .transforms import (
    cosine_scores as cosine_scores,
)
from .transforms import (
    length_normalize as length_normalize,
)
from .ubm import balanced_frames as balanced_frames
from .ubm import train_ubm as train_ubm
from .vad import gmm_vad as gmm_vad
from .verifier import SpeakerVerifier as SpeakerVerifier
