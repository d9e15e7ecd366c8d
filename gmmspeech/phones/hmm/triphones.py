"""Tied triphones: phone HMMs whose states depend on the neighboring phones, trained from an alignment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_at_least
from gmmspeech.errors import DataError, ModelError, counted, shown
from gmmspeech.features.compatibility import front_end_of
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.phones.hmm.context_statistics import (
    Aligned,
    ContextStats,
    context_statistics,
    phone_contexts,
    with_words,
)
from gmmspeech.phones.hmm.corpus import Corpus, Span, words_span
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.graph import Pronunciations, pronunciations
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.passes import Options
from gmmspeech.phones.hmm.spoken_noise import SPOKEN_NOISE
from gmmspeech.phones.hmm.training_state import TrainingState, showing_updates
from gmmspeech.phones.hmm.tree import Contexts, ContextTree
from gmmspeech.phones.hmm.tree_growing import LEAST_VARIANCE, grow_tree, phone_questions
from gmmspeech.phones.hmm.updates import run_updates
from gmmspeech.phones.hmm.workers import Workers

if TYPE_CHECKING:
    from distributed import Client

FRAMES_A_LEAF = 550  # where the number of leaves is not given
FRAMES_A_GAUSSIAN = 110
REALIGN = (10, 20, 30)  # of 35 updates, as Kaldi's train_deltas.sh has them
LEAF_OCCUPANCY = 100.0  # frames


@checked
def train_triphone_hmm(
    frames: Mapping[str, NDArray],
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    alignment: TrainingState,
    *,
    num_leaves: int | None = None,
    total_gaussians: int | None = None,
    max_iter: int = 20,
    realign: Sequence[int] | None = None,
    contexts: Contexts = "cross-word",
    questions: Sequence[Sequence[str]] | None = None,
    tree: ContextTree | None = None,
    min_occupancy: float = 10.0,
    silence_probability: float = 0.5,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
    power: float = 0.25,
    variance_floor: float = 0.01,
    skip_bad: bool = False,
    n_jobs: int | None = 1,
    client: Client | None = None,
    callback: Callable[[TrainingState], None] | None = None,
    checkpoint: Checkpoint | None = None,
    progress: bool = True,
) -> PhoneHMM:
    """Train tied triphones, whose states depend on the previous and the next phone.

    An alignment gives the statistics of every position of every phone in every context. A decision tree for each
    position asks whether the previous or the next phone belongs to a set, and its leaves are the states (Young, Odell
    and Woodland 1994). The splits that increase the likelihood most are made first, over all trees. Silence and spoken
    noise do not depend on context. Then parameters and alignments are estimated in turn, as in `train_phone_hmm`.

    Parameters
    ----------
    frames : mapping of str to ndarray, shape (T, D)
        May be other features than those that were aligned, at the same times.
    transcripts : mapping of str to sequence of str
    dictionary : mapping
    alignment : TrainingState
        State of a training by `train_phone_hmm` or by this function, from its `callback`: states of the frames, and
        their model, whose phones are trained.
    num_leaves : int, optional
        Number of tied states of all phones. By default one per 550 frames.
    total_gaussians : int, optional
        By default one per 110 frames. Every state has at least one.
    max_iter : int
        Number of updates.
    realign : sequence of int, optional
        Updates before which the frames are realigned; by default three, as in Kaldi's recipe.
    contexts : {"cross-word", "word-internal"}
        Whether contexts cross word boundaries, or words are treated as surrounded by silence. The words of the aligned
        frames are found from their states.
    questions : sequence of sequences of str, optional
        Sets of phones for the questions of the trees. By default single phones, and clusters of similar phones computed
        from the data.
    tree : ContextTree, optional
        Existing tree of the same phones and contexts to use instead of growing one.
    silence_probability, acoustic_scale, beam, power, variance_floor, min_occupancy, skip_bad, n_jobs, client, \
callback, checkpoint, progress
        As for `train_phone_hmm`.

    Returns
    -------
    PhoneHMM
        With a `tree`.

    Raises
    ------
    DataError
        A question with a phone that the model lacks; an utterance that can't be used; a checkpoint of other options or
        data.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> from gmmspeech.phones.hmm.training import train_phone_hmm_on_labels
    >>> from gmmspeech.phones.labels.labels import Label
    >>> rng = np.random.default_rng(0)
    >>> sounds = {"SIL": -8.0, "A": 0.0, "S": 6.0, "T": 9.0}
    >>> def say(*phones):  # A is lower before S
    ...     mean = [sounds[p] + (p == "A") * (-1.0 if q == "S" else 1.0) for p, q in zip(phones, (*phones[1:], "SIL"))]
    ...     return rng.normal(np.repeat(mean, 9)[:, None], 0.5)
    >>> frames = {f"{i}{last}": say("SIL", "A", last, "SIL") for i in range(120) for last in "ST"}
    >>> said = {name: ["SIL", "A", name[-1], "SIL"] for name in frames}
    >>> labels = {name: [Label(0.09 * i, 0.09 * (i + 1), p) for i, p in enumerate(said[name])] for name in frames}
    >>> states = []
    >>> clock = {"frame_length": 10.0, "frame_shift": 10.0, "times": "start"}
    >>> _ = train_phone_hmm_on_labels(frames, labels, **clock, total_gaussians=12, callback=states.append)
    >>> words, dictionary = {name: [f"A{name[-1]}"] for name in frames}, {"AS": [["A", "S"]], "AT": [["A", "T"]]}
    >>> model = gs.phones.train_triphone_hmm(frames, words, dictionary, states[-1], num_leaves=15, total_gaussians=15)
    >>> [round(model.mixture(model.states_of(["A", last])[0][1]).means_.mean()) for last in "ST"]
    [-1, 1]
    """
    check_at_least(1, num_leaves=num_leaves or 1)
    aligned = alignment.model
    names = [name for name in transcripts if name in frames and name in alignment.posteriors]
    corpus = Corpus(frames, names, skip_bad, Workers(n_jobs, client))
    corpus.set_spans(_spans(aligned, transcripts, dictionary, silence_probability))
    posteriors = {name: alignment.posteriors[name] for name in corpus.spans}
    apart = contexts == "word-internal"
    told = with_words(corpus, aligned, posteriors, apart=apart)
    stats = context_statistics(corpus, aligned, told)
    total = round(stats.n.sum())
    whole = [i for i, phone in enumerate(aligned.phones) if phone in (aligned.silence, SPOKEN_NOISE)]
    if tree is None:
        given = None if questions is None else _asked(aligned, questions)
        asked = phone_questions(stats, aligned.position_offsets, whole) if given is None else given
        size = num_leaves or total // FRAMES_A_LEAF
        tree = grow_tree(
            *(stats, asked, aligned.position_offsets),
            num_leaves=size,
            whole=whole,
            min_occupancy=LEAF_OCCUPANCY,
            word_internal=apart,
        )
    elif not np.array_equal(tree.root_offsets, aligned.position_offsets):
        expected = f"{len(aligned.phones)} and {aligned.position_offsets[-1]}, as the aligned model has"
        found = f"those of {tree.num_phones} phones and {counted(len(tree.roots), 'position')}"
        raise ModelError(f"tree: found {found}, expected {expected}")
    elif tree.word_internal != apart:
        raise ModelError(f"tree: found one of {tree.contexts} contexts, expected {contexts} ones")
    tied = tied_model(aligned, tree, stats, corpus.mean).with_front_end(front_end_of(frames))
    corpus.set_spans(_spans(tied, transcripts, dictionary, silence_probability))
    options = Options(
        total_gaussians=total_gaussians or max(total // FRAMES_A_GAUSSIAN, 1),
        max_iter=max_iter,
        num_passes=1,
        realign=sorted({round(i * max_iter / 35) for i in REALIGN} - {0}) if realign is None else realign,
        method="viterbi",
        acoustic_scale=acoustic_scale,
        beam=beam,
        power=power,
        variance_floor=variance_floor,
        min_occupancy=min_occupancy,
    )
    start = {name: in_states_of(tied, aligned, each) for name, each in told.items()}

    def said() -> list[Any]:
        return [
            silence_probability,
            {name: [pronunciations(dictionary, word) for word in transcripts[name]] for name in corpus.spans},
            *([contexts] if apart else []),
        ]

    with showing_updates(callback, max_iter, shown=progress) as show:
        return run_updates(corpus, tied, options, start, show, None, checkpoint, said).model


def _spans(
    model: PhoneHMM, transcripts: Mapping[str, Sequence[str]], dictionary: Pronunciations, silence_probability: float
) -> Callable[[str, int], list[Span]]:
    return lambda name, length: [words_span(model, transcripts[name], dictionary, length, silence_probability)]


def _asked(model: PhoneHMM, questions: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Sets of phones as rows."""
    rows = np.zeros((len(questions), len(model.phones)), dtype=np.bool_)
    for row, phones in zip(rows, questions, strict=True):
        lacking = [phone for phone in phones if phone not in model.phone_index]
        if lacking:
            known = f"one of {shown(' '.join(model.phones), 300)}"
            raise DataError(f"questions: found phone {shown(lacking[0])}, expected {known}")
        row[[model.phone_index[phone] for phone in phones]] = True
    return rows


def tied_model(model: PhoneHMM, tree: ContextTree, stats: ContextStats, center: NDArray[np.float64]) -> PhoneHMM:
    """One Gaussian a leaf of a tree, of the frames that lead to it; a leaf that has none is as all of its position."""
    leaf = _leaves(tree, stats.root, stats.left, stats.right)
    moments, count, dim = stats.moments, tree.num_states, stats.sum_x.shape[1]
    everything = moments.sum(axis=0)
    of_state, of_root = np.zeros((count, len(everything))), np.zeros((len(tree.roots), len(everything)))
    np.add.at(of_state, leaf, moments)
    np.add.at(of_root, stats.root, moments)
    sums = np.where(of_state[:, :1] > 0, of_state, of_root[tree.root_of_state])
    sums = np.where(sums[:, :1] > 0, sums, everything)
    means = sums[:, 1 : 1 + dim] / sums[:, :1]
    total = everything[1 + dim :] / everything[0] - (everything[1 : 1 + dim] / everything[0]) ** 2
    variances = np.maximum(sums[:, 1 + dim :] / sums[:, :1] - means**2, LEAST_VARIANCE * total)
    return PhoneHMM(
        phones=model.phones,
        state_offsets=np.searchsorted(tree.phone_of_state, np.arange(tree.num_phones + 1)),
        self_loop=model.self_loop_of_position[tree.root_of_state],
        mixture_offsets=np.arange(count + 1),
        weights=np.ones(count),
        means=means + center,
        variances=variances,
        silence=model.silence,
        front_end=model.front_end,
        tree=tree,
    )


def in_states_of(tied: PhoneHMM, model: PhoneHMM, told: Aligned) -> StatePosteriors:
    """Give an alignment by one model in the states that a tied one has in the same positions."""
    known = phone_contexts(model, *told)
    assert tied.tree is not None
    state = _leaves(tied.tree, known.root, known.left, known.right)
    return StatePosteriors(
        frame=known.frame,
        state=state,
        weight=np.ones(len(state)),
        stays=np.bincount(state[known.stays], minlength=tied.num_states).astype(np.float64),
        log_likelihood=told.posteriors.log_likelihood,
    )


def _leaves(
    tree: ContextTree, root: NDArray[np.intp], left: NDArray[np.intp], right: NDArray[np.intp]
) -> NDArray[np.intp]:
    phone = np.searchsorted(tree.root_offsets, root, side="right") - 1
    found = np.empty(len(root), dtype=np.intp)
    for p in np.unique(phone):
        here = phone == p
        found[here] = tree.table(p)[root[here] - tree.root_offsets[p], left[here], right[here]]
    return found
