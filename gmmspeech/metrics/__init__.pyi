from .bootstrap import bootstrap_ci as bootstrap_ci, paired_test as paired_test
from .boundaries import boundary_agreement as boundary_agreement, detect_boundaries as detect_boundaries
from .cllr import cllr as cllr, min_cllr as min_cllr
from .cross_entropy import empirical_cross_entropy as empirical_cross_entropy
from .dcf import actual_dcf as actual_dcf, bayes_threshold as bayes_threshold, min_dcf as min_dcf
from .det import det_curve as det_curve
from .devpav import devpav as devpav
from .eer import eer as eer
from .elub import elub_bounds as elub_bounds
from .error_rate import error_rate as error_rate
from .tdcf import AsvErrorRates as AsvErrorRates, asv_error_rates as asv_error_rates, min_tdcf as min_tdcf
