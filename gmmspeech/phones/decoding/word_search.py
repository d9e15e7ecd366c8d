"""Word search through a graph, by the decoders of kaldi-decoder (extra ``decode``).

`FasterDecoder` finds the best path within a beam, with a maximum number of states per frame. With a lattice,
`LatticeSimpleDecoder` keeps all paths near the best one, for alternatives and word confidences; it has no such maximum,
and takes three to eight times as long.
"""

from __future__ import annotations

import pickle
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check, checked, real, whole
from gmmspeech.blocks import num_threads, single_threaded_blas
from gmmspeech.errors import ConfigError, DataError, counted
from gmmspeech.features.compatibility import timed_front_end
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.decoding.batches import batch_emissions, check_front_end, found_in_batches, gathered
from gmmspeech.phones.decoding.lattices import best_sequences, word_confidences, word_lattice
from gmmspeech.phones.decoding.transducers import kaldifst
from gmmspeech.phones.decoding.word_graph import WordGraph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes, Label

WIDER = 3  # times the beam, where no path within it ends as sentences do
_NEVER = 1e10  # nats that stand for minus infinity


@dataclass(frozen=True)
class Alternative:
    """One of several sequences of words.

    Attributes
    ----------
    words : list of str
    probability : float
        Its posterior probability among all of the lattice.
    """

    words: list[str]
    probability: float


@dataclass(frozen=True, eq=False)
class Recognition(Alignment):
    """Recognized words and phones with their times, as an `Alignment`.

    Attributes
    ----------
    alternatives : list of Alternative
        Word sequences, the best first; empty without a lattice.
    """

    alternatives: list[Alternative] = field(default_factory=list)


@dataclass(frozen=True)
class SearchOptions:
    """Options of the word search; the names and the first three defaults are those of Kaldi.

    Parameters
    ----------
    acoustic_scale : float
        Factor of the log-likelihoods.
    beam : float
        Nats, of scaled log-likelihoods, by which a path may fall behind the best one.
    max_active : int
        Maximum number of states per frame, in the search without a lattice.
    lattice_beam : float
        Nats by which a path of a lattice may be worse than the best one.
    n_best : int
        Number of alternatives; above 0, or with `confidence`, a lattice is built.
    confidence : bool
        Also compute the posterior probability of each word.
    """

    acoustic_scale: float = 0.1
    beam: float = 13.0
    max_active: int = 7000
    lattice_beam: float = 6.0
    n_best: int = 0
    confidence: bool = False

    def __post_init__(self) -> None:
        check(real(above=0, below=np.inf), acoustic_scale=self.acoustic_scale)
        check(real(above=0, below=np.inf), beam=self.beam, lattice_beam=self.lattice_beam)
        check(whole(1), max_active=self.max_active)
        check(whole(0), n_best=self.n_best)

    def without_lattice(self) -> SearchOptions:
        """Give the options of a search for the best path alone."""
        return replace(self, n_best=0, confidence=False)

    @property
    def lattice(self) -> bool:
        """Whether a lattice is made."""
        return self.confidence or self.n_best > 0


def _decoder() -> ModuleType:
    """Give the library of decoders, or say how it is installed."""
    try:
        import kaldi_decoder
    except ImportError:
        found = "found no kaldi_decoder, which searches for words"
        raise ConfigError(f'lm: {found}, expected it: pip install "gmmspeech[decode]"') from None
    return kaldi_decoder


@checked
def recognize_words(
    model: PhoneHMM,
    frames: Mapping[str, NDArray],
    graph: WordGraph,
    options: SearchOptions | None = None,
    *,
    frame_shift: float | None = None,
    frame_length: float | None = None,
    times: FrameTimes = "center",
    skip_bad: bool = False,
    n_jobs: int | None = 1,
) -> dict[str, Recognition]:
    """Recognize the words of utterances.

    Parameters
    ----------
    model : PhoneHMM
        The one that the graph was made for.
    frames : mapping of str to ndarray, shape (T, D)
        Frames of each utterance, from the model's front end: a dict, or a `FeatureStore`.
    graph : WordGraph
        What may be said.
    options : SearchOptions, optional
    frame_shift, frame_length, times
        As for `gmmspeech.align`.
    skip_bad : bool
        Leave out utterances that can't be recognized instead of raising, with a warning that counts them.
    n_jobs : int
        Processes; any number gives the same. Each has the graph in memory.

    Returns
    -------
    dict of str to Recognition

    Raises
    ------
    DataError
        An utterance that no path within the beam, nor within three times as much, leads to the end of.
    FeatureError
        Frames that don't fit the model, by utterance; a feature store of another front end.

    Examples
    --------
    >>> import dataclasses, numpy as np
    >>> from gmmspeech.phones.decoding.word_graph import word_graph
    >>> from gmmspeech.phones.labels.ngram import train_ngram
    >>> model = PhoneHMM.from_phones(["SIL", "AA", "IY"], mean=[0.0], variance=[1.0], num_states=1)
    >>> model = dataclasses.replace(model, means=[[0.0], [5.0], [9.0]])
    >>> bigram = train_ngram([["AH"], ["EE"]], order=2)
    >>> graph = word_graph(model, bigram, {"AH": [["AA"]], "EE": [["IY"]]})
    >>> found = recognize_words(model, {"u": np.array([[0.0], [9.0], [9.0], [0.0]])}, graph, SearchOptions(n_best=2))
    >>> found["u"].words
    [Label(start=0.0175, end=0.0375, name='EE')]
    >>> [each.words for each in found["u"].alternatives]
    [['EE'], ['AH']]
    """
    options = options or SearchOptions()
    clock = FrameClock.of(timed_front_end(model.front_end, frames), frame_shift, frame_length, times)
    check_front_end(model, frames)
    _decoder()
    search = _Search(model, graph, options, clock, skip_bad)
    if num_threads(n_jobs) == 1 or len(frames) < 2:
        return found_in_batches(search, frames, frames, 1)[0]
    with closing(_in_processes(search, frames, n_jobs)) as results:
        return gathered(results, list(frames))[0]


@dataclass(frozen=True)
class _Search:
    """What the words of utterances are searched for with."""

    model: PhoneHMM
    graph: WordGraph
    options: SearchOptions
    clock: FrameClock
    skip_bad: bool

    def __call__(self, batch: Mapping[str, NDArray]) -> dict[str, Recognition | str]:
        emissions, bad = batch_emissions(self.model, batch, self.skip_bad)
        found: dict[str, Recognition | str] = {**bad}
        for name, emission in emissions.items():
            try:
                found[name] = _recognize(self.model, self.graph, emission, self.options, self.clock)
            except DataError as error:
                if not self.skip_bad:
                    raise DataError(f"utterance {name}: {error}") from None
                found[name] = str(error)
        return found


def _in_processes(
    search: _Search, frames: Mapping[str, NDArray], n_jobs: int | None
) -> Generator[dict[str, Recognition | str]]:
    """Search utterance after utterance in processes, which read model and graph from files: once each."""
    from joblib import Parallel, delayed  # which takes a while

    with TemporaryDirectory() as folder:
        graph, rest = Path(folder) / "graph.fst", Path(folder) / "search"
        if not search.graph.fst.write(str(graph)):
            raise OSError(f"{graph}: can't be written, expected a folder for temporary files with more space")
        rest.write_bytes(pickle.dumps(replace(search, graph=replace(search.graph, fst=None))))
        tasks = (delayed(_search_alone)(str(folder), {name: frames[name]}) for name in frames)
        yield from Parallel(n_jobs=n_jobs, return_as="generator")(tasks)


def _search_alone(folder: str, batch: Mapping[str, NDArray]) -> dict[str, Recognition | str]:
    """Search utterances in a process of its own, whose BLAS has one thread, as everywhere."""
    with single_threaded_blas():
        return _opened(folder)(batch)


@lru_cache(maxsize=1)
def _opened(folder: str) -> _Search:
    """Read what another process searches with."""
    search: _Search = pickle.loads((Path(folder) / "search").read_bytes())
    fst = kaldifst().StdConstFst.read(str(Path(folder) / "graph.fst"))
    return replace(search, graph=replace(search.graph, fst=fst))


def _recognize(
    model: PhoneHMM, graph: WordGraph, emissions: NDArray[np.float32], options: SearchOptions, clock: FrameClock
) -> Recognition:
    """Search for the words of one utterance, once more in a wider beam if none ends within it."""
    scores = np.maximum(options.acoustic_scale * emissions[:, graph.state], np.float32(-_NEVER))
    for beam in (options.beam, WIDER * options.beam):
        best, raw = _search(graph, np.ascontiguousarray(scores, dtype=np.float32), options, beam)
        if best is not None:
            break
    else:
        found = f"found no words that end with its {counted(len(emissions), 'frame')} within a beam of {beam:g}"
        raise DataError(f"{found}, expected more frames, or a wider beam")
    _, labels, words, weight = kaldifst().get_linear_symbol_sequence(best)
    path = np.array(labels, dtype=np.intp) - 1
    cost = weight.value1 + weight.value2 / options.acoustic_scale
    confidences, alternatives = None, []
    if raw is not None:
        lattice = word_lattice(raw)
        confidences = word_confidences(lattice, words)
        for said, probability in best_sequences(lattice, options.n_best) if options.n_best else ():
            alternatives.append(Alternative([graph.words[word - 1] for word in said], probability))
    return _described(model, graph, path, words, emissions, clock, cost, confidences, alternatives)


def _search(
    graph: WordGraph, scores: NDArray[np.float32], options: SearchOptions, beam: float
) -> tuple[Any, Any] | tuple[None, None]:
    """Give the best path and the lattice, if one is asked for; nothing if no path ends where a sentence may."""
    library = _decoder()
    decodable = library.DecodableCtc(scores)
    if options.lattice:
        config = library.LatticeSimpleDecoderConfig(beam=beam, lattice_beam=options.lattice_beam)
        decoder = library.LatticeSimpleDecoder(graph.fst, config)
        if not decoder.decode(decodable) or not np.isfinite(decoder.final_relative_cost()):
            return None, None
        return decoder.get_best_path()[1], decoder.get_raw_lattice()[1]
    config = library.FasterDecoderOptions(beam=beam, max_active=options.max_active)
    decoder = library.FasterDecoder(graph.fst, config)
    decoder.decode(decodable)
    return (decoder.get_best_path()[1], None) if decoder.reached_final() else (None, None)


def _described(
    model: PhoneHMM,
    graph: WordGraph,
    path: NDArray[np.intp],
    words: Sequence[int],
    emissions: NDArray[np.float32],
    clock: FrameClock,
    cost: float,
    confidences: NDArray[np.float64] | None,
    alternatives: list[Alternative],
) -> Recognition:
    """Words and phones along a path of labels."""
    starts = np.flatnonzero(graph.enters_phone[path])
    times = clock.times_of(np.append(starts, len(path)))
    phones, said, names = list[Label](), list[Label](), iter(words)
    for label, start, stop in zip(path[starts].tolist(), times, times[1:], strict=False):
        phones.append(Label(start, stop, model.phones[graph.phone[label]]))
        if graph.enters_word[label]:
            said.append(Label(start, stop, graph.words[next(names) - 1]))
        elif not graph.is_pause[label]:
            said.append(said.pop()._replace(end=stop))
    of_frames = emissions[np.arange(len(path)), graph.state[path]].astype(np.float64)
    return Recognition(
        words=said,
        phones=phones,
        log_likelihoods=np.add.reduceat(of_frames, starts) / np.diff([*starts, len(path)]),
        goodness=None,
        log_likelihood=-cost / len(path),
        confidences=confidences,
        alternatives=alternatives,
    )
