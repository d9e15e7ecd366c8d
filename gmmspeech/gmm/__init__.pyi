from .adapt import map_adapt as map_adapt
from .classifier import GMMClassifier as GMMClassifier
from .errors import NotFittedError as NotFittedError
from .full import GMM as GMM
from .mixture import DiagonalGMM as DiagonalGMM
from .robust import fit_robust as fit_robust
from .selection import select_components as select_components
from .stats import GMMStats as GMMStats
