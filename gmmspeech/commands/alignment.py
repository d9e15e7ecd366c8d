"""Forced alignment of one recording with its transcript, and of a folder of recordings with theirs."""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check, checked, told
from gmmspeech.audio import AudioFormat, audio_format, read_audio, sample_at
from gmmspeech.audio.samples import Channel, one_channel
from gmmspeech.blocks import ordered_map
from gmmspeech.checks import real_array
from gmmspeech.commands.aligned_parts import align_in_parts, kept_beside
from gmmspeech.commands.conversion import converting, warn_of_conversions
from gmmspeech.commands.phone_features import features_for, front_end_of_waveforms
from gmmspeech.commands.quiet_edges import has_room_for_quiet, loud_part, without_quiet_edges
from gmmspeech.commands.stored_features import Stored
from gmmspeech.commands.transcripts import (
    PRONOUNCED_WORDS,
    UNKNOWN_WORDS,
    Dictionaries,
    Spoken,
    is_data_dir,
    pronunciations_of,
    read_speech,
    spoken_words,
    unknown_lines,
    write_pronounced,
    write_unknown_words,
)
from gmmspeech.errors import AudioError, DataError, GmmSpeechWarning, all_of, counted, shown
from gmmspeech.files.table_places import parse_output
from gmmspeech.files.text import read_text
from gmmspeech.formats.datadir import DataDir, load_utterance
from gmmspeech.formats.labels.aligned_files import aligned_files, places_of
from gmmspeech.formats.labels.alignments import Format, check_results, write_alignments
from gmmspeech.formats.labels.labels import FORMATS
from gmmspeech.formats.loading import load
from gmmspeech.formats.recordings import as_called, called
from gmmspeech.phones.decoding.adapting import base_of
from gmmspeech.phones.decoding.alignment import AlignedCorpus, Alignment, align, search_note
from gmmspeech.phones.decoding.confidence import LEAST_FIT, LONGEST_PHONE, least_fit, swapped_transcripts
from gmmspeech.phones.decoding.sounding_edges import manners_of, with_sounding_edges
from gmmspeech.phones.hmm.adaptation import MappedFrames
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes, Label
from gmmspeech.phones.labels.phone_sets import is_arpabet, is_speech
from gmmspeech.phones.labels.word_positions import with_positions, without_positions
from gmmspeech.phones.shipped import english_model
from gmmspeech.stores.features import FeatureStore

Audio = str | os.PathLike[str] | tuple[NDArray, float]

_NAME = "audio"  # of the one utterance
_TRANSCRIPTS = (".txt", ".lab")
_LABELS = {*FORMATS.values()} - {*_TRANSCRIPTS}
_BEGINNING = 3000  # frames of a recording that are aligned with words of another: those of hours tell no more
_NAMED = 4000  # letters: a hundred transcripts or two that are to be checked


@checked
def align_file(
    audio: Audio,
    transcript: str | os.PathLike[str],
    *,
    model: PhoneHMM | AdaptedSystem | str | os.PathLike[str] | None = None,
    dictionary: Dictionaries | None = None,
    language: str | None = None,
    channel: Channel = "mix",
    unknown_words: str | None = None,
    adapt: bool = True,
    goodness: bool = False,
) -> Alignment:
    """Align one recording with its transcript: times of its words and phones.

    For many recordings, pass the model as an object, so that it is read only once. If labels told the model no times,
    sonorants and fricatives end before silence where their level in the recording says, and the first phone begins so.

    Parameters
    ----------
    audio : path-like, or tuple of ndarray and float
        A recording in any format of `read_audio`, or samples in [-1, 1], of shape (n,) or (n, channels), and their
        rate in Hz. It is resampled to the model's rate.
    transcript : str or path-like
        The transcript in ordinary spelling, or a ``.txt`` or ``.lab`` file that contains it.
    model : PhoneHMM, AdaptedSystem or path-like, optional
        By default the English model that is included.
    dictionary : mapping, path-like, or list of names, optional
        Pronunciations of each word, or dictionary files; "cmudict" is included. By default CMU's for English, and
        eSpeak NG's pronunciations for other languages.
    language : str, optional
        Code such as "de" or "pt-br", or "ipa" for a transcript in IPA; by default that of the model, or English.
    channel : int or "mix"
        Which channel of several, counted from 0, or "mix" for their mean.
    unknown_words : {"spn", "skip", "g2p", "error"} or a phone, optional
        How to treat words that the dictionary lacks: use the phone of spoken noise, leave them out, take eSpeak NG's
        pronunciation, raise an error, or use the given phone. By default spoken noise if the model has it, else an
        error.
    adapt : bool
        First adapt the recording's frames to the model (fMLLR).
    goodness : bool
        Also compute the goodness of pronunciation of each phone, and the fit of the whole recording.

    Returns
    -------
    Alignment

    Raises
    ------
    AudioError, DataError, ModelError, FeatureError, ConfigError
        The input can't be found, read or aligned; the message says why.

    Warns
    -----
    GmmSpeechWarning
        Words that the dictionary lacks, or audio that is converted.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> front = gs.FrontEnd.from_toml("phones").to_json()
    >>> model = gs.phones.PhoneHMM.from_phones(["SIL", "AA"], mean=np.zeros(48), variance=np.ones(48), front_end=front)
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> found = gs.align_file((noise, 16000), "Ah!", model=model, dictionary={"AH": [["AA"]]})
    >>> [label.name for label in found.words], found.phones[-1].end <= 1.0
    (['Ah'], True)
    """
    hmm = open_model(model)
    front = front_end_of_waveforms(hmm.front_end)
    text = _text(transcript)
    said = DataDir(Path(), {_NAME: Path()}, None, (_NAME,), {_NAME: _NAME}, {_NAME: text})
    known = None if dictionary is None else pronunciations_of(dictionary, phones=hmm.phones)
    how: dict[str, Any] = {"language": language_of_text(language, hmm), "unknown_words": unknown_words}
    spoken = spoken_words(said, known, phones=hmm.phones, **how)
    _warn_of_other_language(language, hmm, known)
    for line in unknown_lines(spoken.unknown, None):
        warnings.warn(line, GmmSpeechWarning)
    samples, rate = samples_of(audio, channel, front.sample_frequency)
    start, end = loud_part(samples, rate) if has_room_for_quiet(len(samples) / rate, text) else (0.0, None)
    samples = samples[sample_at(start, rate) : None if end is None else sample_at(end, rate)]
    frames = converting(front)(samples, rate)
    speakers = said.utt2spk if adapt else None
    found = align(hmm, {_NAME: frames}, spoken.words, spoken.entries, utt2spk=speakers, goodness=goodness)
    alignment = found.alignments[_NAME]
    if _knows_no_times(hmm):
        alignment = with_sounding_edges(alignment, manners_of(hmm, [alignment]), samples, rate)
    if not start:
        return alignment
    return replace(alignment, words=_moved(alignment.words, start), phones=_moved(alignment.phones, start))


def _moved(labels: Sequence[Label], seconds: float) -> list[Label]:
    """Labels so much later."""
    return [Label(round(begin + seconds, 9), round(end + seconds, 9), name) for begin, end, name in labels]


def _text(transcript: str | os.PathLike[str]) -> str:
    """Text itself, or that of a file; neither a file of labels nor the name of another one."""
    line = os.fspath(transcript)
    suffix = "" if "\n" in line else Path(line).suffix.lower()
    is_file = isinstance(transcript, os.PathLike) or suffix in _TRANSCRIPTS
    if suffix and (suffix in _LABELS or (not is_file and os.path.isfile(line))):
        raise DataError(f"transcript: found the file {shown(line)}, expected text, or a .txt or .lab file with it")
    text = read_text(transcript, expected="a transcript", any_line_ends=True) if is_file else os.fspath(transcript)
    if not text.strip():
        raise DataError(f"transcript: found {told(text)}, expected what is said")
    return " ".join(text.split("\n"))


def samples_of(audio: Audio, channel: Channel, rate: int) -> tuple[NDArray[np.float32], int]:
    """Samples of one channel and their rate; warn of those that will be converted."""
    if isinstance(audio, (str, os.PathLike)):
        warn_of_conversions({_NAME: audio_format(audio)}, rate, channel)
        return read_audio(audio, channel=channel)
    samples, own = audio
    check(lambda value: "" if _is_rate(value) else "a whole number of Hz", rate=own)
    given = real_array(samples, "audio", AudioError)
    found = one_channel(given, channel)
    if len(found):
        channels = given.shape[1] if given.ndim > 1 else 1
        warn_of_conversions({_NAME: AudioFormat(int(own), channels, len(found))}, rate, channel)
    return found, int(own)


def _is_rate(value: object) -> bool:
    """Say whether a value is a number of Hz."""
    known = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return known and float(value) > 0 and float(value).is_integer()  # type: ignore[arg-type]


@dataclass(frozen=True)
class AlignedFolder(AlignedCorpus):
    """Result of `align_dir`.

    Parameters
    ----------
    data : DataDir
        The recordings and the utterances in them.
    spoken : Spoken
        What is said, and which words the dictionary lacks.
    least_fit : float
        Fit below which a transcript is doubtful.
    """

    data: DataDir
    spoken: Spoken
    least_fit: float


def align_dir(
    folder: Path,
    model: Path | None,
    dictionary: Dictionaries | None,
    *,
    language: str | None = None,
    unknown_words: str | None = None,
    n_jobs: int | None = 1,
    skip_bad: bool | None = None,
    allow_pipes: bool = False,
    channel: Channel = "mix",
    out: Path | None = None,
    format: Format | None = None,
    confidence: bool = False,
    adapt: bool = True,
    ali: str | None = None,
    stored: Stored | None = None,
    tiers: Sequence[str] = (),
    **options: Any,
) -> AlignedFolder:
    """Align transcripts with the audio of a data directory, or of recordings that they lie beside.

    Frames are adapted to the model by speaker, unless not to `adapt` is asked for. Of TextGrids these `tiers` are
    transcripts, if any are given. The language is the model's unless it is given.

    What `write_alignments` writes goes into `out`, by default CTM of a data directory and TextGrids of a folder of
    recordings, ``unknown_words.txt``, and what eSpeak NG pronounced as a dictionary, ``pronounced_words.dict``.
    Transitions of the frames go to `ali`, an archive of Kaldi's. Features may be `stored` ones.
    """
    data, left_out, skip = read_speech(folder, allow_pipes=allow_pipes, skip_bad=skip_bad, out=out, tiers=tiers)
    format = format_for(folder, format)
    if out is not None:
        check_results(out, places_of(data).values(), format)
    hmm = open_model(model)
    if stored is None:
        front_end_of_waveforms(hmm.front_end)  # or it is told at once
    how: dict[str, Any] = {"language": language_of_text(language, hmm), "unknown_words": unknown_words}
    known = None
    if dictionary is not None:
        known = pronunciations_of(dictionary, skip_bad=skip_bad is not False, phones=hmm.phones)
    spoken = spoken_words(data, known, phones=hmm.phones, skip_bad=skip, **how)
    _warn_of_other_language(language, hmm, known)
    data = without_quiet_edges(data, channel) if stored is None else data
    said = data.only(spoken.words)
    options["utt2spk"] = data.utt2spk if adapt else None
    reading: dict[str, Any] = {"stored": stored, "n_jobs": n_jobs, "skip_bad": skip, "channel": channel}
    with kept_beside(out if stored is None else None, said) as kept:
        place = None if kept is None else kept.place
        with features_for(hmm, model, said, place=place, **reading) as (hmm, store, done):
            with warnings.catch_warnings():  # each is named by whoever calls this
                warnings.filterwarnings("ignore", "skipped ", GmmSpeechWarning)
                how = {"n_jobs": n_jobs, "skip_bad": skip, **options}
                found = align_in_parts(kept, hmm, store, spoken.words, spoken.entries, **how)
            least = _least_fit(hmm, store, spoken, found, n_jobs=n_jobs, **options)
        if stored is None and _knows_no_times(hmm):
            found = _with_sounding_edges(found, hmm, said, channel, options.get("times", "center"), n_jobs)
        if ali is not None and found.alignments:
            _write_ali(ali, hmm, found.alignments, spoken.entries)
        if not found.alignments:
            name, reason = next(iter(found.skipped.items()))
            first = f"utterance {called(data, name)}: {reason}"
            raise DataError(f"{all_of(len(found.skipped), 'utterance')} bad; the first: {first}")
        if out is not None:
            write_alignments(out, found.alignments, data=data, format=format, confidence=confidence)
            write_unknown_words(out / UNKNOWN_WORDS, spoken.unknown)
            write_pronounced(out / PRONOUNCED_WORDS, spoken.guessed)
    skipped = {**left_out, **as_called(data, {**spoken.skipped, **done.skipped, **found.skipped})}
    unknown = Counter({word: seen.total() for word, seen in spoken.unknown.items()})
    return AlignedFolder(found.alignments, skipped, unknown, data, spoken, least)


def _knows_no_times(model: PhoneHMM | AdaptedSystem) -> TypeGuard[PhoneHMM]:
    """Say whether nobody's labels have told a model of phones without contexts where these begin and end."""
    return isinstance(model, PhoneHMM) and model.deviation_scale is None


def _with_sounding_edges(
    found: AlignedCorpus, model: PhoneHMM, data: DataDir, channel: Channel, times: FrameTimes, n_jobs: int | None
) -> AlignedCorpus:
    """Place edges of silence by the recordings themselves."""
    sound, told = (FrameClock.of(model.front_end, times=each).edge_of_first / 1000 for each in ("center", times))
    manner = manners_of(model, found.alignments.values())

    def placed(name: str) -> Alignment:
        signal, rate = load_utterance(data, name, channel=channel)
        return with_sounding_edges(found.alignments[name], manner, signal, rate, later=sound - told)

    alignments = zip(found.alignments, ordered_map(placed, found.alignments, n_jobs=n_jobs), strict=True)
    return replace(found, alignments=dict(alignments))


def _least_fit(
    model: PhoneHMM | AdaptedSystem, store: FeatureStore, spoken: Spoken, found: AlignedCorpus, **options: Any
) -> float:
    """Fit below which transcripts are doubtful; where some fit badly, wrong ones are aligned to compare with."""
    fits = [alignment.fit for alignment in found.alignments.values() if alignment.fit is not None]
    if min(fits, default=0.0) >= LEAST_FIT:
        return LEAST_FIT
    wrong = dict(swapped_transcripts({name: spoken.words[name] for name in found.alignments}))
    for name, words in wrong.items():
        wrong[name] = words[: math.ceil(len(words) * _BEGINNING / max(store.num_frames(name), _BEGINNING))]
    beginnings = MappedFrames(store, lambda _, frames: frames[:_BEGINNING])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GmmSpeechWarning)
        options |= {"refine": False, "goodness": False, "skip_bad": True}
        others = align(model, beginnings, wrong, spoken.entries, **options).alignments.values()
    return least_fit(fits, [alignment.fit for alignment in others if alignment.fit is not None])


def _write_ali(
    place: str, model: PhoneHMM | AdaptedSystem, alignments: Mapping[str, Alignment], entries: Pronunciations
) -> None:
    """Write paths as an archive of Kaldi's transitions."""
    from gmmspeech.formats.kaldi.alignments import kaldi_alignment, write_kaldi_alignments

    base = base_of(model)
    named = with_positions(entries, base.phones)
    lacking = {p for variants in named.values() for phones in variants for p in phones} - set(base.phones)
    if lacking:
        found = f"phones {shown(' '.join(sorted(lacking)))} of the dictionary, which the model lacks"
        raise DataError(f"{place}: found {found}, expected its own, whose transitions are numbered")
    output = parse_output(place, archives=True)
    paths = {name: kaldi_alignment(base, a.chain) for name, a in alignments.items() if a.chain is not None}
    write_kaldi_alignments(output.path, paths, scp=output.script, text=output.text)


def report_alignment(place: Path, done: AlignedFolder, *, settings: Mapping[str, object] | None = None) -> Path:
    """Write a report on an alignment: where to look first, unknown words, and what was left out."""
    from gmmspeech.report.alignments import write_alignment_report  # which draws

    return write_alignment_report(
        place,
        aligned_files(done.alignments, done.data),
        title=f"Alignment of {done.data.path.resolve().name}",
        subtitle=search_note(done.alignments.values()),
        unknown={word: [called(done.data, u) for u in seen.elements()] for word, seen in done.spoken.unknown.items()},
        skipped=done.skipped,
        configuration={"align": settings or {}},
    )


def doubtful_lines(alignments: Mapping[str, Alignment], least: float = LEAST_FIT) -> Iterator[str]:
    """Tell which transcripts fit badly, and which have phones that are too long to be said."""
    fits = [f"{name} ({a.fit:.1f})" for name, a in alignments.items() if a.fit is not None and a.fit < least]
    spoken = {name: [phone for phone in a.phones if is_speech(phone.name)] for name, a in alignments.items()}
    longest = {name: max(own, key=lambda phone: phone.end - phone.start) for name, own in spoken.items() if own}
    lasting = {name: (phone.name, phone.end - phone.start) for name, phone in longest.items()}
    long = [f"{name} ({phone} {time:.1f} s)" for name, (phone, time) in lasting.items() if time > LONGEST_PHONE]
    for found, why in (
        (fits, "which may be wrong or incomplete (fit in nats a frame)"),
        (long, f"for noise, music or other speech beside the words: a phone is over {LONGEST_PHONE} s long"),
    ):
        if found:
            count = f"{len(found)} of {counted(len(alignments), 'transcript')}"
            yield f"check {count}, {why}: {shown(', '.join(found), _NAMED)}"


def score_lines(alignments: Mapping[str, Alignment]) -> Iterator[str]:
    """One line a phone: utterance, start, end, phone, log-likelihood a frame, and goodness if known."""
    yield f"# utterance start end phone log_likelihood goodness (nats a frame; {search_note(alignments.values())})"
    for name, alignment in alignments.items():
        for i, phone in enumerate(alignment.phones):
            goodness = "-" if alignment.goodness is None else f"{alignment.goodness[i]:.4f}"
            fit = f"{alignment.log_likelihoods[i]:.4f} {goodness}"
            yield f"{name} {phone.start:.3f} {phone.end:.3f} {phone.name} {fit}"


def open_model(model: PhoneHMM | AdaptedSystem | str | os.PathLike[str] | None) -> PhoneHMM | AdaptedSystem:
    """Give a model of phones as it is, or that of a file, or the one of English."""
    if isinstance(model, (PhoneHMM, AdaptedSystem)):
        return model
    return english_model() if model is None else load(model, (PhoneHMM, AdaptedSystem))


def format_for(folder: Path, format: Format | None) -> Format:
    """Give the format of times: the one that is given, else CTM for a data directory, TextGrids for recordings."""
    return format or ("ctm" if is_data_dir(folder) else "textgrid")


def language_of_text(language: str | None, model: PhoneHMM | AdaptedSystem) -> str:
    """Give the language of transcripts: the one that is given, else that of a model, else English."""
    return language or model.language or "en"


def _warn_of_other_language(
    language: str | None, model: PhoneHMM | AdaptedSystem, dictionary: Pronunciations | None
) -> None:
    """Warn of a model that is not of a given language, and of transcripts that are taken for English without a word."""
    if language is not None and model.language is not None and not _is_same_language(language, model.language):
        found = f"one of language {shown(model.language)} for {shown(language)}, took the nearest phones"
        expected = "one that train-phones makes of these recordings for better boundaries"
        warnings.warn(f"model: found {found}; expected {expected}", GmmSpeechWarning)
    nothing_tells = language is None and model.language is None and dictionary is None
    if nothing_tells and not is_arpabet(without_positions(model.phones)):
        found = "found none, and a model that does not tell its own, took en"
        warnings.warn(f"language: {found}; expected that of the transcripts", GmmSpeechWarning)


def _is_same_language(one: str, other: str) -> bool:
    from gmmspeech.formats.espeak import is_same_language  # which loads a library

    return is_same_language(one, other)
