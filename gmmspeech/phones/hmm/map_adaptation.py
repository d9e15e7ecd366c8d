"""MAP adaptation of phone HMMs to new speech: phones with little speech change little.

Training from scratch needs about a hundred frames for every state. Half a minute of a new language, whose phones start
from similar ones of another language (`gmmspeech.phones.hmm.mapping`), gives a tenth of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gmmspeech.phones.hmm.corpus import Corpus
from gmmspeech.phones.hmm.estimation import TRANSITION_FLOOR, HMMStats
from gmmspeech.phones.hmm.flat_start import manner_alignments, manners_tell
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.passes import Options, accumulate_corpus, align_corpus
from gmmspeech.phones.hmm.training_state import TrainingState

ROUNDS = 8
RELEVANCE = 20.0  # frames, of means, weights and transitions
# Silence is another in every room, and there is much of it: little is kept of that of others, variances included.
SILENCE_RELEVANCE, SILENCE_VARIANCE_RELEVANCE = 1.0, 10.0
LEAST_VARIANCE = 0.1  # of what it was
FEW_FRAMES = 1000  # a state
MANNER_ROUNDS = 2  # the first, whose alignments are by manners of phones too
KNOWN_SCALE = 0.1  # of the model's log-likelihoods there


def map_update(model: PhoneHMM, stats: HMMStats, *, relevance_factor: float) -> PhoneHMM:
    """MAP estimate of a model's means, weights and transitions, and of the variances of silence, from statistics.

    With n frames, mean m and variance v of a Gaussian, relevance factor r and a = n / (n + r), the mean becomes
    ``a m + (1 - a) mean`` (Reynolds, Quatieri and Dunn 2000).
    """
    n = stats.gaussians.n
    state, starts = model.state_of_gaussian, model.mixture_offsets[:-1]
    silent = np.isin(state, model.states(model.silence))
    factor = np.where(silent, SILENCE_RELEVANCE, relevance_factor)
    found_means, found_variances = stats.gaussians.moments(np.maximum(n, np.finfo(np.float64).tiny))
    found_means = np.where((n > 0)[:, None], found_means, model.means)
    share = (n / (n + factor))[:, None]
    means = share * found_means + (1 - share) * model.means
    trust = np.where(silent, n / (n + SILENCE_VARIANCE_RELEVANCE), 0.0)[:, None]
    spread = np.where((n > 0)[:, None], found_variances + (found_means - means) ** 2, model.variances)
    variances = np.maximum(trust * spread + (1 - trust) * model.variances, LEAST_VARIANCE * model.variances)
    occupancy = np.add.reduceat(n, starts)
    weights = n + factor * model.weights
    weights /= np.add.reduceat(weights, starts)[state]
    stay = (stats.stays + relevance_factor * model.self_loop) / (occupancy + relevance_factor)
    stay = stay.clip(TRANSITION_FLOOR, 1 - TRANSITION_FLOOR)
    return replace(model, means=means, variances=variances, weights=weights, self_loop=stay)


def few_frames(corpus: Corpus, model: PhoneHMM) -> bool:
    """Say whether there are too few frames to train a model's states anew."""
    return sum(corpus.lengths[name] for name in corpus.spans) < FEW_FRAMES * model.num_states


def adapt(
    corpus: Corpus, model: PhoneHMM, options: Options, callback: Callable[[TrainingState], None] | None
) -> PhoneHMM:
    """Adapt a model to a corpus: align, and move the model that it began as, in turn.

    In the first rounds what the model knows, of other phones, speakers and rooms, is weighed with the manners of
    phones: where it is wrong, the other rounds leave boundaries where it has put them.
    """
    adapted = model
    for number in range(ROUNDS):
        if number < MANNER_ROUNDS and manners_tell(corpus, model):
            posteriors = manner_alignments(corpus, adapted, known_scale=KNOWN_SCALE)
        else:
            posteriors = align_corpus(corpus, adapted, options, tails=True)
        stats = accumulate_corpus(corpus, adapted, posteriors)
        adapted = map_update(model, stats, relevance_factor=RELEVANCE)
        if callback is not None:
            mean = stats.gaussians.log_likelihood / stats.gaussians.num_frames
            callback(TrainingState(number + 1, adapted, posteriors, mean))
    return adapted
