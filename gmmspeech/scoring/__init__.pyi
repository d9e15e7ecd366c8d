from .calibration import (
    Calibration as Calibration,
    PavCalibration as PavCalibration,
    fit_bounded as fit_bounded,
    fit_calibration as fit_calibration,
    fit_pav as fit_pav,
)
from .folds import cross_calibrate as cross_calibrate
from .fusion import CrossFusion as CrossFusion, cross_fuse as cross_fuse
from .intervals import llr_interval as llr_interval
from .linear import linear_score as linear_score
from .llr import log_likelihood_ratio as log_likelihood_ratio, log_likelihood_ratios as log_likelihood_ratios
from .normalization import s_norm as s_norm, t_norm as t_norm, z_norm as z_norm, zt_norm as zt_norm
from .pitch import pitch_llr as pitch_llr, with_pitch as with_pitch
from .score_normalizer import ScoreNormalizer as ScoreNormalizer
from .side_information import distance_information as distance_information, side_information as side_information
from .statistics import statistics_llr as statistics_llr
from .trials import Scores as Scores, TrialList as TrialList, make_trials as make_trials
from .two_classes import class_llrs as class_llrs
