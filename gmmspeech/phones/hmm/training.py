"""Training of phone HMMs: from transcripts alone (flat start), or from labels with times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.features.compatibility import front_end_of
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.phones.hmm.corpus import (
    Corpus,
    Span,
    phone_span,
    words_span,
)
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.graph import Pronunciations, pronunciations
from gmmspeech.phones.hmm.inventory import (
    first_models,
    phones_of,
    rare_labels,
    rare_phones,
    replaced_phones,
    silence_first,
    unsaid_phones,
)
from gmmspeech.phones.hmm.map_adaptation import adapt, few_frames
from gmmspeech.phones.hmm.mapping import mapped_model
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.passes import MAX_ITER, Method, Options, align_corpus
from gmmspeech.phones.hmm.training_state import TrainingState, showing_updates
from gmmspeech.phones.hmm.updates import run_updates
from gmmspeech.phones.hmm.workers import Workers
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes, Label, check_labels, label_frames

if TYPE_CHECKING:
    from distributed import Client


@checked
def train_phone_hmm(
    frames: Mapping[str, NDArray],
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    *,
    phones: Sequence[str] | None = None,
    silence: str = "SIL",
    num_states: int = 3,
    total_gaussians: int | None = None,
    max_iter: int = MAX_ITER,
    num_passes: int = 2,
    realign: Sequence[int] | None = None,
    method: Method = "viterbi",
    silence_probability: float = 0.5,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
    power: float = 0.25,
    variance_floor: float = 0.01,
    min_occupancy: float = 10.0,
    start: Mapping[str, StatePosteriors] | None = None,
    init_model: PhoneHMM | None = None,
    phone_map: Mapping[str, str] | None = None,
    skip_bad: bool = False,
    n_jobs: int | None = 1,
    client: Client | None = None,
    callback: Callable[[TrainingState], None] | None = None,
    resume: TrainingState | None = None,
    checkpoint: Checkpoint | None = None,
    progress: bool = True,
) -> PhoneHMM:
    r"""Train phone HMMs from transcripts without times (flat start).

    All phones start with the mean and variance of all frames. The first alignment uses their manners of articulation,
    from loudness and frequency bands (`gmmspeech.phones.hmm.flat_start`); if the front end is not known, the states of
    an utterance share its frames equally. Then parameters and alignments are estimated in turn while Gaussians are
    split, as in Kaldi's train_mono.sh.

    Parameters
    ----------
    frames : mapping of str to ndarray, shape (T, D)
        Frames of each utterance: a dict, or a `FeatureStore`, which is read again in every iteration. They should be
        normalized by speaker.
    transcripts : mapping of str to sequence of str
        Words of each utterance; utterances that are in `frames` are used.
    dictionary : mapping
        Pronunciations of each word.
    phones : sequence of str, optional
        By default those of the words in the transcripts, and silence. Phones too rare to be trained are trained as the
        phones with the most similar articulation, and end as copies of those.
    silence : str
        Name of the phone that may occur between words.
    num_states : int
        States per phone.
    total_gaussians : int, optional
        Final number of Gaussians over all states. By default one per 175 frames, and at most 4,000: more of them place
        boundaries worse if data are few.
    max_iter : int
        Updates per pass.
    num_passes : int
        Number of training passes. Each pass after the first starts again from one Gaussian per state and the final
        alignment of the pass before. Two passes with half of Kaldi's 40 updates place boundaries better than one with
        all.
    realign : sequence of int, optional
        Updates before which the frames are realigned. By default as in Kaldi's recipe, stretched to `max_iter`; with
        Baum-Welch, before every update.
    method : {"viterbi", "baum-welch"}
        Whether a frame belongs to its state on the best path, or to all states by their posteriors.
    silence_probability : float
        Probability of silence before, between and after words.
    acoustic_scale, beam
        As for `gmmspeech.phones.decoding.alignment.align`: without a beam, every alignment is over all paths.
    power : float
        A state's share of the Gaussians is proportional to its number of frames raised to this power.
    variance_floor : float
        Smallest variance allowed, relative to that of the narrowest Gaussians (`gmmspeech.gmm.floors`).
    min_occupancy : float
        Number of frames below which a Gaussian is removed, and a state keeps its parameters.
    start : mapping of str to StatePosteriors, optional
        States of the frames to start from instead of the flat start, from a model trained on other features of the same
        frames.
    init_model : PhoneHMM, optional
        Model to start from, with the same front end, possibly of another language. With fewer than 1,000 frames for
        each of its states it is adapted by MAP (`gmmspeech.phones.hmm.map_adaptation`), and `total_gaussians`,
        `max_iter` and `num_passes` have no effect; otherwise it aligns the frames instead of the flat start.
    phone_map : mapping of str to str, optional
        Phone of `init_model` that each phone starts as; by default, and for phones not given, the most similar one
        (``gmmspeech.phones.hmm.mapping.mapped_model``).
    skip_bad : bool
        Leave out utterances that can't be used, with a warning that names them, instead of raising an error.
    n_jobs : int
        Number of threads; the result has the same bits for any number.
    client : distributed.Client, optional
        Run the passes over utterances (alignments and statistics) on the workers of a Dask cluster, which read a store
        by its path, and keep arrays. The model has the same bits as on one machine of their kind. Graphs, trees and
        parameter updates are computed locally.
    callback : callable, optional
        Called with the `TrainingState` after every update, and with the state of a checkpoint when resuming.
    resume : TrainingState, optional
        State to resume from, with the same data and options.
    checkpoint : Checkpoint, optional
        File that keeps the state after an update, at most once a second. If it contains a state, training resumes from
        it and ends with the same bits as an uninterrupted run.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

    Returns
    -------
    PhoneHMM

    Raises
    ------
    DataError
        An utterance with a word that the dictionary lacks or with too few frames for its phones; the message names it.
        A checkpoint that can't be written, or is of other options or data.
    ConfigError
        An invalid option.

    Warns
    -----
    GmmSpeechWarning
        Phones too rare to be trained, which end as copies of the phones with the most similar articulation. A phone
        with too few aligned frames, which keeps its parent's parameters.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> sounds = {"SIL": -4.0, "AA": 0.0, "S": 4.0}
    >>> def say(*phones): return np.concatenate([rng.normal(sounds[p], 1, (12, 1)) for p in phones])
    >>> frames = {f"u{i}": say("SIL", "AA", "S", "SIL") for i in range(5)} | {"v": say("SIL", "S", "AA", "SIL")}
    >>> words = {name: ["ASS" if name[0] == "u" else "SAH"] for name in frames}
    >>> dictionary = {"ASS": [["AA", "S"]], "SAH": [["S", "AA"]]}
    >>> model = gs.train_phone_hmm(frames, words, dictionary, total_gaussians=9, max_iter=40, num_passes=1)
    >>> model.phones, model.means[model.states("S"), 0].round().tolist()
    (('SIL', 'AA', 'S'), [4.0, 4.0, 4.0])
    """
    names = [name for name in transcripts if name in frames]
    if phones is None:
        phones = phones_of(transcripts, names, dictionary, silence)
    corpus = Corpus(frames, names, skip_bad, Workers(n_jobs, client))
    said_words = {name: transcripts[name] for name in corpus.lengths}
    near: dict[str, str] = {}
    if init_model is None and start is None:  # whose states are those of all phones
        near = rare_phones(said_words, dictionary, phones, corpus, num_states, min_occupancy, silence)
    wanted, phones = tuple(phones), [phone for phone in phones if phone not in near]
    dictionary = replaced_phones(dictionary, said_words, near)
    model, started = first_models(corpus, phones, num_states, silence, init_model, phone_map)
    corpus.set_spans(
        lambda name, length: [words_span(model, transcripts[name], dictionary, length, silence_probability)]
    )
    options = Options(
        total_gaussians=total_gaussians,
        max_iter=max_iter,
        num_passes=num_passes,
        realign=realign,
        method=method,
        acoustic_scale=acoustic_scale,
        beam=beam,
        power=power,
        variance_floor=variance_floor,
        min_occupancy=min_occupancy,
    )

    if started is not None and few_frames(corpus, started):
        return adapt(corpus, started, options, callback)
    if started is not None:
        start = align_corpus(corpus, started, options)

    def said() -> list[Any]:
        return [
            silence_probability,
            {name: [pronunciations(dictionary, word) for word in transcripts[name]] for name in corpus.spans},
        ]

    with showing_updates(callback, options.num_passes * max_iter, shown=progress) as show:
        trained = run_updates(corpus, model, options, start, show, resume, checkpoint, said).model
    return mapped_model(trained, wanted, near | {p: p for p in phones}, silence=silence) if near else trained


@checked
def train_phone_hmm_on_labels(
    frames: Mapping[str, NDArray],
    labels: Mapping[str, Sequence[Label]],
    *,
    frame_length: float | None = None,
    frame_shift: float | None = None,
    times: FrameTimes = "center",
    phones: Sequence[str] | None = None,
    silence: str = "SIL",
    num_states: int = 3,
    total_gaussians: int | None = None,
    max_iter: int = MAX_ITER,
    realign: Sequence[int] | None = None,
    method: Method = "viterbi",
    acoustic_scale: float = 1.0,
    power: float = 0.25,
    variance_floor: float = 0.01,
    min_occupancy: float = 10.0,
    init_model: PhoneHMM | None = None,
    phone_map: Mapping[str, str] | None = None,
    skip_bad: bool = False,
    n_jobs: int | None = 1,
    client: Client | None = None,
    callback: Callable[[TrainingState], None] | None = None,
    resume: TrainingState | None = None,
    checkpoint: Checkpoint | None = None,
    progress: bool = True,
) -> PhoneHMM:
    """Train phone HMMs from labels with times, which stay fixed: only states are realigned within their phone.

    Parameters
    ----------
    frames : mapping of str to ndarray, shape (T, D)
    labels : mapping of str to sequence of Label
        Phones of each utterance. Frames outside the labels are not used.
    frame_length, frame_shift : float, optional
        Of the features, in milliseconds. By default those of the front end of a `FeatureStore`; 25 and 10 if it is not
        known.
    times : {"center", "start"}
        Convention for the times of frames; see `gmmspeech.phones.labels.labels`. Use the same for alignment with the
        model.
    phones : sequence of str, optional
        By default those of the labels, and of `init_model` if it uses the same notation.
    silence, num_states, total_gaussians, max_iter, realign, method, acoustic_scale, power, variance_floor, \
min_occupancy, init_model, phone_map, skip_bad, n_jobs, client, callback, resume, checkpoint, progress
        As for `train_phone_hmm`.

    Returns
    -------
    PhoneHMM

    Raises
    ------
    DataError
        An utterance whose labels overlap, go backwards or run past its end, or have a phone that is not among
        `phones`; the message names it. A checkpoint that can't be written, or is of other options or data.
    ConfigError
        An invalid option.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> frames = {f"u{i}": np.repeat([[0.0], [4.0]], 20, axis=0) + rng.normal(0, 1, (40, 1)) for i in range(4)}
    >>> labels = {name: [gs.phones.Label(0.0, 0.2, "AA"), gs.phones.Label(0.2, 0.4, "S")] for name in frames}
    >>> model = gs.phones.train_phone_hmm_on_labels(frames, labels, total_gaussians=6, max_iter=2)
    >>> model.means[model.states("S"), 0].round().tolist()
    [4.0, 4.0, 4.0]
    """
    names = [name for name in labels if name in frames]
    if phones is None:
        said_phones = {label.name for name in names for label in labels[name]}
        phones = silence_first(said_phones | unsaid_phones(said_phones, init_model, silence), silence)
    corpus = Corpus(frames, names, skip_bad, Workers(n_jobs, client))
    clock = FrameClock.of(front_end_of(frames), frame_shift, frame_length, times)
    known = {name: labels[name] for name in corpus.lengths}
    near: dict[str, str] = {}
    if init_model is None:  # whose states are those of all phones
        near = rare_labels(known, phones, clock.frame_shift, min_occupancy * num_states, silence)
    wanted, phones = tuple(phones), [phone for phone in phones if phone not in near]
    model, started = first_models(corpus, phones, num_states, silence, init_model, phone_map)

    def spans(name: str, length: int) -> list[Span]:
        lasting = (length * clock.frame_shift + clock.frame_length) / 1000
        check_labels(labels[name], owner="labels", duration=lasting)
        ranges = label_frames(labels[name], length, **asdict(clock)).tolist()
        return [
            phone_span(model, near.get(label.name, label.name), start, stop)
            for label, (start, stop) in zip(labels[name], ranges, strict=True)
            if start < stop
        ]

    corpus.set_spans(spans)
    options = Options(
        total_gaussians=total_gaussians,
        max_iter=max_iter,
        num_passes=1,
        realign=realign,
        method=method,
        acoustic_scale=acoustic_scale,
        beam=None,
        power=power,
        variance_floor=variance_floor,
        min_occupancy=min_occupancy,
    )

    if started is not None and few_frames(corpus, started):
        return adapt(corpus, started, options, callback)
    start = None if started is None else align_corpus(corpus, started, options)

    def said() -> list[Any]:
        return [
            {name: [[p.start, p.stop, p.states.tolist()] for p in theirs] for name, theirs in corpus.spans.items()},
        ]

    with showing_updates(callback, options.num_passes * max_iter, shown=progress) as show:
        trained = run_updates(corpus, model, options, start, show, resume, checkpoint, said).model
    return mapped_model(trained, wanted, near | {p: p for p in phones}, silence=silence) if near else trained
