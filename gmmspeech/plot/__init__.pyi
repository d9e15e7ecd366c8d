from .alignments import alignment as alignment
from .boundaries import boundary_errors as boundary_errors
from .confusions import confusion as confusion
from .mixtures import mixture as mixture
from .score_plots import bayes_error as bayes_error, ece as ece, scores as scores, tippett as tippett
from .spectrograms import features as features, spectrogram as spectrogram
from .tradeoffs import det as det
from .training import bic as bic, history as history
from .trees import tree as tree
