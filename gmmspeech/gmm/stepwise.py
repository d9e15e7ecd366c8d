r"""EM on a stream of batches: stepwise, or online, EM.

A mixture with diagonal covariances and its average statistics per frame determine each other: :math:`\bar n = w`,
:math:`\bar s = w \mu`, :math:`\bar q = w (\mu^2 + \sigma^2)`. A batch moves them towards its own average,

.. math:: \bar s \leftarrow (1 - \eta) \bar s + \eta \hat s, \qquad \eta = \left( \frac{B}{N + B} \right)^{\kappa},

with B frames in the batch and N before it. With batches of equal size this is Cappé and Moulines'
:math:`\eta_t = t^{-\kappa}`; it converges to a local optimum of the likelihood for 0.5 < κ <= 1. With κ = 1 all frames
count equally, and the statistics from early, bad mixtures are never forgotten; smaller values forget them (Liang and
Klein).

O. Cappé and E. Moulines, "On-line expectation-maximization algorithm for latent data models", Journal of the
Royal Statistical Society B 71(3), 2009.

P. Liang and D. Klein, "Online EM for unsupervised models", NAACL 2009.
"""

from __future__ import annotations

from gmmspeech.gmm.init import Parameters
from gmmspeech.gmm.stats import GMMStats


def blend(mixture: Parameters, num_frames: float, batch: GMMStats, decay: float) -> GMMStats:
    """Average statistics of a frame after a batch."""
    weights, means, variances = mixture
    step = (batch.num_frames / (num_frames + batch.num_frames)) ** decay
    keep, share = 1 - step, step / batch.num_frames
    before = weights[:, None]
    center = weights @ means if batch.center is None else batch.center
    return GMMStats(
        keep * weights + share * batch.n,
        keep * before * means + share * batch.sum_x,
        keep * before * (variances + means**2) + share * batch.sum_xx,
        share * batch.log_likelihood,
        1.0,
        center,
        keep * before * (variances + (means - center) ** 2) + share * batch.squares_about(center),
    )
