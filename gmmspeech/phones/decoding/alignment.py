"""Forced alignment: times of the words and phones of a transcript, and goodness of pronunciation.

A boundary lies at the start of a phone's first frame. With ``times="center"``, it is midway between the centers of the
windows of that frame and the one before. With ``times="start"``, frame t starts at ``t * frame_shift``, the convention
of most aligners: ``(frame_length - frame_shift) / 2`` earlier, 7.5 ms for windows of 25 ms every 10 ms.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check, checked, real
from gmmspeech.checks import check_positive
from gmmspeech.described import Described
from gmmspeech.errors import (
    DataError,
    GmmSpeechError,
    counted,
    shown,
)
from gmmspeech.features.compatibility import timed_front_end
from gmmspeech.files.text import look_alike
from gmmspeech.phones.decoding.adapting import base_of, for_any_speaker, for_these_speakers, with_phones
from gmmspeech.phones.decoding.batches import batch_emissions, check_front_end, found_in_batches
from gmmspeech.phones.decoding.boundaries import LATER, Boundaries, Chain, first_start_moved, place_boundaries
from gmmspeech.phones.decoding.confidence import goodness_of_pronunciation, transcript_fits
from gmmspeech.phones.decoding.paths import UtterancePath, utterance_paths
from gmmspeech.phones.decoding.spans import PhoneSpan, phone_spans
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.graph import Pronunciations, StateGraph, pronunciations, too_few_frames, utterance_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.silence_edges import StaticModel
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import BestPath, path_log_likelihood
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes, Label
from gmmspeech.phones.labels.word_positions import has_positions, with_positions
from gmmspeech.progress import progress_bar


@dataclass(frozen=True, eq=False, repr=False)
class Alignment(Described):
    """Words and phones of an utterance with their times.

    Attributes
    ----------
    words : list of Label
        In seconds; silence between words has no label.
    phones : list of Label
        Including silence, without gaps.
    log_likelihoods : ndarray, shape (number of phones,), float64
        Mean log-likelihood per frame of each phone's frames in their states, in nats.
    goodness : ndarray, shape (number of phones,), float64, or None
        Goodness of pronunciation of each phone; see `goodness_of_pronunciation`.
    log_likelihood : float
        Log-likelihood of the whole utterance along its best path, including transitions and pronunciations, in nats per
        frame.
    deviations : ndarray, shape (number of phones,), float64, or None
        Standard deviation of the start of each phone, in seconds; the first starts with the audio. About 95 % of the
        boundaries are within 1.96 standard deviations. None if boundaries lie between whole frames.
    fit : float or None
        Log-likelihood of the speech frames minus that of the best path through any phones, in nats per frame: how much
        worse the transcript explains them. About -0.7 if everything was said as written; the lower, the more of the
        transcript is wrong or missing. None if there is only silence.
    beam : float or None
        None if the path is the best of all. Otherwise the path is the best within this beam, and there may be a better
        one.
    confidences : ndarray, shape (number of words,), float64, or None
        Posterior probability of each word, if words were recognized with a lattice.
    chain : Chain or None
        States on the best path, and the first frame of each, before edges of silence are placed.
    """

    words: list[Label]
    phones: list[Label]
    log_likelihoods: NDArray[np.float64]
    goodness: NDArray[np.float64] | None
    log_likelihood: float
    beam: float | None = None
    deviations: NDArray[np.float64] | None = None
    fit: float | None = None
    confidences: NDArray[np.float64] | None = None
    chain: Chain | None = None

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        seconds = self.phones[-1].end if self.phones else 0.0
        return [
            f"alignment: {counted(len(self.words), 'word')}, {counted(len(self.phones), 'phone')}, {seconds:.2f} s",
            f"words: {' '.join(word.name for word in self.words)}",
            f"log-likelihood: {self.log_likelihood:.2f} nats a frame",
            *([] if self.fit is None else [f"fit: {self.fit:.2f} nats a frame"]),
        ]


@dataclass(frozen=True, repr=False)
class AlignedCorpus(Described):
    """Result of `align`.

    Attributes
    ----------
    alignments : dict of str to Alignment
    skipped : dict of str to str
        Utterances that could not be aligned, and why.
    unknown_words : Counter
        Words that the dictionary lacks, and how often they occurred.
    """

    alignments: dict[str, Alignment]
    skipped: dict[str, str]
    unknown_words: Counter[str]

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        lines = [f"alignments: {counted(len(self.alignments), 'utterance', ',')}, {len(self.skipped):,} skipped"]
        if self.unknown_words:
            lines.append(f"unknown words: {', '.join(sorted(self.unknown_words))}")
        return lines


@checked
def align(
    model: PhoneHMM | AdaptedSystem,
    frames: Mapping[str, NDArray],
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    *,
    frame_shift: float | None = None,
    frame_length: float | None = None,
    times: FrameTimes = "center",
    unknown_words: str = "error",
    goodness: bool = False,
    utt2spk: Mapping[str, str] | None = None,
    refine: bool = True,
    silence_probability: float = 0.5,
    acoustic_scale: float = 1.0,
    self_loop_scale: float = 1.0,
    beam: float | None = None,
    skip_bad: bool = False,
    n_jobs: int | None = 1,
    progress: bool = True,
) -> AlignedCorpus:
    """Align the words and phones of transcripts with the frames of their utterances.

    Parameters
    ----------
    model : PhoneHMM or AdaptedSystem
        An `AdaptedSystem` uses its speaker-adapted model if speakers are given, else its speaker-independent one.
    frames : mapping of str to ndarray, shape (T, D)
        Frames of each utterance, from the model's front end: a dict, or a `FeatureStore`.
    transcripts : mapping of str to sequence of str
        Words of each utterance; utterances that are in `frames` are aligned.
    dictionary : mapping
        Pronunciations of each word.
    frame_shift, frame_length : float, optional
        Of the features, in milliseconds. By default those of the front end of the model (or of the store); 10 and 25
        if neither is known.
    times : {"center", "start"}
        Convention for the times of frames; see the description of this module.
    unknown_words : str
        How to treat words that the dictionary lacks: "error" makes their utterance a bad one, "skip" leaves them out,
        and any other text is the phone of the model to use for them, such as "SIL".
    goodness : bool
        Also compute each phone's goodness of pronunciation, which about doubles the time.
    utt2spk : mapping of str to str, optional
        Speaker of each utterance: first adapt the frames of each speaker to the model by fMLLR (Gales 1998). This helps
        if speakers or recordings differ from the training data.
    refine : bool
        Place boundaries more finely than frames, at the means of their posteriors, with standard deviations; see
        `gmmspeech.phones.decoding.boundaries`. Boundaries of silence lie between two frames, placed by static features
        (`gmmspeech.phones.hmm.silence_edges`); with a model that learned nothing from labels, speech after an
        utterance's first silence begins 7 ms later. Offsets that the model learned from labels move both kinds. If
        False, all boundaries lie between two frames.
    silence_probability : float
        Probability of silence before, between and after words.
    acoustic_scale : float
        Factor of the log-likelihoods.
    self_loop_scale : float
        Factor of the log probabilities of staying in a state and of leaving it. Kaldi aligns with 0.1, and an acoustic
        scale of 0.1.
    beam : float, optional
        Nats by which a path may fall behind the best one in a frame; paths below that are pruned, as long as 20 states
        are left, as in Kaldi, which aligns with 10. Pruning loses the best path if words are missing or wrong. By
        default the search is exact, also for one transcript of an hour (`gmmspeech.phones.hmm.long_search`).
    skip_bad : bool
        Leave out utterances that can't be aligned, with a warning that counts them, instead of raising an error.
    n_jobs : int
        Number of threads.
    progress : bool
        Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

    Returns
    -------
    AlignedCorpus

    Raises
    ------
    DataError
        An utterance with an unknown word or too few frames for its phones; the message names it.
    FeatureError
        Frames that don't fit the model, with the utterance; a feature store of another front end.
    ConfigError
        A front end that drops frames, so that times are not known; an invalid option.

    Examples
    --------
    >>> import dataclasses, numpy as np, gmmspeech as gs
    >>> from gmmspeech.phones.hmm.model import PhoneHMM
    >>> model = PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0], num_states=1)
    >>> model = dataclasses.replace(model, means=[[0.0], [5.0]])
    >>> frames = {"u": np.array([0.0, 0, 5, 5, 5, 0]).reshape(6, 1)}
    >>> aligned = gs.align(model, frames, {"u": ["AH"]}, {"AH": [["AA"]]})
    >>> aligned.alignments["u"].words
    [Label(start=0.0275, end=0.0575, name='AH')]
    >>> [label.name for label in aligned.alignments["u"].phones]
    ['SIL', 'AA', 'SIL']
    """
    clock = FrameClock.of(timed_front_end(model.front_end, frames), frame_shift, frame_length, times)
    check(real(least=0), self_loop_scale=self_loop_scale)
    if beam is not None:
        check_positive(beam=beam)
    check_front_end(model, frames)
    if has_positions(model.phones):
        dictionary = with_positions(_own(dictionary, transcripts), model.phones)
    known = with_phones(model, _phones_of(transcripts, dictionary))
    told = {name: words for name, words in transcripts.items() if name in frames}
    graphs, unknown, skipped = _graphs(base_of(known), told, dictionary, unknown_words, silence_probability, skip_bad)
    if utt2spk is None:
        model, frames = for_any_speaker(known, frames)
    else:
        searching: dict[str, Any] = {"acoustic_scale": acoustic_scale, "beam": beam, "n_jobs": n_jobs}
        model, frames = for_these_speakers(known, frames, graphs, utt2spk, **searching)
    align_batch = partial(
        _align_batch,
        model=model,
        graphs=graphs,
        transitions=Transitions.of(model.self_loop).scaled(self_loop_scale),
        static=StaticModel.of(model) if isinstance(known, PhoneHMM) else None,
        clock=clock,
        goodness=goodness,
        refine=refine,
        acoustic_scale=acoustic_scale,
        beam=beam,
        skip_bad=skip_bad,
    )
    bar = progress_bar("aligning", "batch", shown=progress)
    alignments, skipped = found_in_batches(align_batch, frames, graphs, n_jobs, skipped, bar)
    return AlignedCorpus(alignments, skipped, unknown)


def _own(dictionary: Pronunciations, transcripts: Mapping[str, Sequence[str]]) -> Pronunciations:
    """Entries of a dictionary for the words of transcripts; none where it lacks one."""
    words = dict.fromkeys(itertools.chain.from_iterable(transcripts.values()))
    return {word: pronunciations(dictionary, word, optional=True) for word in words}


def _phones_of(transcripts: Mapping[str, Sequence[str]], dictionary: Pronunciations) -> list[str]:
    """Phones of the words of transcripts, in order of their coming."""
    variants = itertools.chain.from_iterable(_own(dictionary, transcripts).values())
    return list(dict.fromkeys(itertools.chain.from_iterable(variants)))


def _graphs(
    model: PhoneHMM,
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    unknown_words: str,
    silence_probability: float,
    skip_bad: bool,
) -> tuple[dict[str, StateGraph], Counter[str], dict[str, str]]:
    """Graphs of transcripts, the words that the dictionary lacks, and why others have no graph."""
    graphs: dict[str, StateGraph] = {}
    unknown: Counter[str] = Counter()
    skipped: dict[str, str] = {}
    for name, said in transcripts.items():
        lacking = [word for word in said if not pronunciations(dictionary, word, optional=True)]
        unknown.update(lacking)
        try:
            words, entries = _known(said, lacking, dictionary, unknown_words)
            graphs[name] = utterance_graph(model, words, entries, silence_probability=silence_probability)
        except GmmSpeechError as error:
            if not skip_bad:
                raise type(error)(f"utterance {name}: {error}") from None
            skipped[name] = str(error)
    return graphs, unknown, skipped


def _align_batch(
    batch: Mapping[str, NDArray],
    *,
    model: PhoneHMM,
    graphs: Mapping[str, StateGraph],
    transitions: Transitions,
    static: StaticModel | None,
    clock: FrameClock,
    goodness: bool,
    refine: bool,
    acoustic_scale: float,
    beam: float | None,
    skip_bad: bool,
) -> dict[str, Alignment | str]:
    """Alignments of some utterances, or why there is none."""
    emissions, bad = batch_emissions(model, batch, skip_bad)
    paths = utterance_paths(graphs, emissions, batch, transitions, static, acoustic_scale=acoustic_scale, beam=beam)
    short = {name: too_few_frames(graphs[name], len(x)) for name, x in emissions.items() if name not in paths}
    if short and not skip_bad:
        name, reason = next(iter(short.items()))
        raise DataError(f"utterance {name}: {reason}")
    found, theirs = list(paths.values()), [emissions[name] for name in paths]
    fits = transcript_fits(model, [path.best.nodes for path in found], [path.state for path in found], theirs)
    placed: Sequence[Boundaries | None] = [None] * len(found)
    if refine:
        later = LATER / clock.frame_shift if static is not None and model.deviation_scale is None else 0.0
        placed = _placed(model, found, theirs, transitions, later)
    alignments: dict[str, Alignment | str] = {}
    for (name, path), x, edges, fit in zip(paths.items(), theirs, placed, fits, strict=True):
        described = describe_path(
            *(model, graphs[name], path.best, x, clock), spans=path.spans, goodness=goodness, placed=edges, fit=fit
        )
        alignments[name] = replace(described, chain=path.found)
    return {**bad, **short, **alignments}


def search_note(alignments: Iterable[Alignment]) -> str:
    """Tell whether the search was exact, or within which beam."""
    beams = sorted({a.beam for a in alignments if a.beam is not None})
    return f"beam {', '.join(f'{beam:g}' for beam in beams)}" if beams else "exact search"


def _placed(
    model: PhoneHMM,
    paths: Sequence[UtterancePath],
    emissions: Sequence[NDArray[np.float32]],
    transitions: Transitions,
    later: float,
) -> list[Boundaries]:
    """Boundaries of utterances, finer than a frame."""
    silence = model.phone_index[model.silence]
    spans, chains = [path.spans for path in paths], [path.chain for path in paths]
    placed = place_boundaries(spans, chains, emissions, transitions, silence, model.deviation_scale)
    if not later:
        return placed
    return [first_start_moved(each, phones, silence, later) for each, phones in zip(placed, spans, strict=True)]


def describe_path(
    model: PhoneHMM,
    graph: StateGraph,
    best: BestPath,
    emissions: NDArray[np.float32],
    clock: FrameClock,
    *,
    spans: Sequence[PhoneSpan] | None = None,
    goodness: bool = False,
    placed: Boundaries | None = None,
    fit: float | None = None,
) -> Alignment:
    """Words and phones along a path, whose phones may be given as `spans`."""
    path = best.nodes
    spans = phone_spans(graph, path) if spans is None else spans
    of_frames = emissions[np.arange(len(path)), graph.state[path]].astype(np.float64)
    starts = np.array([span.start for span in spans])
    lengths = np.array([span.stop - span.start for span in spans])
    edges = np.append(starts, len(path)) if placed is None else placed.edges
    times = clock.times_of(edges, digits=9 if placed is None else 6)
    log_likelihood = path_log_likelihood(graph, path, emissions, Transitions.of(model.self_loop)) / len(path)
    return Alignment(
        words=_word_labels(graph, spans, times),
        phones=[Label(a, b, model.phones[s.phone]) for s, a, b in zip(spans, times, times[1:], strict=False)],
        log_likelihoods=np.add.reduceat(of_frames, starts) / lengths,
        goodness=goodness_of_pronunciation(model, spans, emissions) if goodness else None,
        log_likelihood=log_likelihood,
        beam=best.beam,
        deviations=None if placed is None else placed.deviations * clock.frame_shift / 1000,
        fit=fit,
    )


def _word_labels(graph: StateGraph, spans: Sequence[PhoneSpan], times: Sequence[float]) -> list[Label]:
    starts: list[tuple[float, str]] = []
    ends: list[float] = []
    for span, start, stop in zip(spans, times, times[1:], strict=False):
        if span.starts_word:
            starts.append((start, graph.words[span.word]))
            ends.append(stop)
        elif span.word >= 0:
            ends[-1] = stop
    return [Label(start, end, name) for (start, name), end in zip(starts, ends, strict=True)]


def _known(
    words: Sequence[str], lacking: Sequence[str], dictionary: Pronunciations, unknown_words: str
) -> tuple[Sequence[str], Pronunciations]:
    """Words, and a dictionary that has them all."""
    if not lacking:
        return words, dictionary
    if unknown_words == "skip":
        return [word for word in words if word not in lacking], dictionary
    if unknown_words == "error":
        found = shown(", ".join(dict.fromkeys(lacking)), 300)
        expected = f"it in the dictionary{look_alike(lacking[0].upper(), dictionary)}"
        raise DataError(f"found no pronunciation of {found}, expected {expected}")
    own = {word: pronunciations(dictionary, word) for word in words if word not in lacking}
    return words, own | {word: [[unknown_words]] for word in lacking}
