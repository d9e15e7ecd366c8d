from .calibration import Calibration as Calibration
from .calibration import PavCalibration as PavCalibration
from .calibration import (
    fit_bounded as fit_bounded,
)
from .calibration import (
    fit_calibration as fit_calibration,
)
from .calibration import (
    fit_pav as fit_pav,
)
from .folds import cross_calibrate as cross_calibrate
from .fusion import CrossFusion as CrossFusion
from .fusion import cross_fuse as cross_fuse
from .intervals import llr_interval as llr_interval
from .linear import linear_score as linear_score
from .llr import (
    log_likelihood_ratio as log_likelihood_ratio,
)
from .llr import (
    log_likelihood_ratios as log_likelihood_ratios,
)
from .normalization import (
    s_norm as s_norm,
)
from .normalization import (
    t_norm as t_norm,
)
from .normalization import (
    z_norm as z_norm,
)
from .normalization import (
    zt_norm as zt_norm,
)
from .pitch import pitch_llr as pitch_llr
from .pitch import with_pitch as with_pitch
from .score_normalizer import ScoreNormalizer as ScoreNormalizer
from .side_information import distance_information as distance_information
from .side_information import side_information as side_information
from .statistics import statistics_llr as statistics_llr
from .trials import (
    Scores as Scores,
)
from .trials import (
    TrialList as TrialList,
)
from .trials import (
    make_trials as make_trials,
)
from .two_classes import class_llrs as class_llrs
