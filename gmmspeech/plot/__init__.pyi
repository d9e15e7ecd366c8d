from .alignments import alignment as alignment
from .boundaries import boundary_errors as boundary_errors
from .confusions import confusion as confusion
from .mixtures import mixture as mixture
from .score_plots import (
    bayes_error as bayes_error,
)
from .score_plots import (
    ece as ece,
)
from .score_plots import (
    scores as scores,
)
from .score_plots import (
    tippett as tippett,
)
from .spectrograms import (
    features as features,
)
from .spectrograms import (
    spectrogram as spectrogram,
)
from .tradeoffs import det as det
from .training import (
    bic as bic,
)
from .training import (
    history as history,
)
from .trees import tree as tree
