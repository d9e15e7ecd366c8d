from .alignments import alignment as alignment
from .boundaries import plot_boundary_errors as plot_boundary_errors
from .plots import (
    plot_confusion as plot_confusion,
)
from .plots import (
    plot_det as plot_det,
)
from .plots import (
    plot_em_history as plot_em_history,
)
from .plots import (
    plot_scores as plot_scores,
)
from .score_plots import (
    plot_bayes_error_rates as plot_bayes_error_rates,
)
from .score_plots import (
    plot_cross_entropy as plot_cross_entropy,
)
from .score_plots import (
    plot_tippett as plot_tippett,
)
from .selection import plot_selection as plot_selection
from .spectrogram import plot_labels as plot_labels
from .trees import plot_tree as plot_tree
