"""The steps of phone modeling, from data directories to files: the command line and the recipes call the same ones."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gmmspeech.audio.reading import Channel
from gmmspeech.commands.conversion import audio_formats, converting, known_seconds, warn_of_conversions
from gmmspeech.commands.extraction import Extraction, extract_features
from gmmspeech.commands.quiet_edges import without_quiet_edges
from gmmspeech.commands.stored_features import Stored, open_features
from gmmspeech.commands.transcripts import (
    PRONOUNCED_WORDS,
    UNKNOWN_WORDS,
    Dictionaries,
    Spoken,
    is_data_dir,
    pronunciations_of,
    read_speech,
    spoken_words,
    write_pronounced,
    write_unknown_words,
)
from gmmspeech.errors import DataError, FeatureError, GmmSpeechWarning, all_of, counted, shown
from gmmspeech.features.compatibility import describe_front_end, first_difference, timed_front_end
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.stored import StoredFrontEnd, joined_options, split_front_end, split_options
from gmmspeech.files.atomic import temporary_folder
from gmmspeech.files.names import parse_output
from gmmspeech.files.text import split_fields
from gmmspeech.formats.alignments import (
    Format,
    aligned_files,
    check_results,
    places_of,
    write_alignments,
)
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.kaldi_folder import kaldi_steps, stored_steps
from gmmspeech.formats.labels import read_ctm, write_ctm
from gmmspeech.formats.loading import is_kaldi_model, load
from gmmspeech.phones.decoding.adapting import base_of, for_any_speaker, for_these_speakers
from gmmspeech.phones.decoding.alignment import AlignedCorpus, Alignment, align, search_note
from gmmspeech.phones.decoding.confidence import LEAST_FIT, LONGEST_PHONE, least_fit, swapped_transcripts
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.graph import (
    Pronunciations,
    StateGraph,
    phone_loop_graph,
    pronunciations,
    train_bigram,
)
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import UNKNOWN_FRAMES, FrameClock
from gmmspeech.phones.labels.phone_sets import is_speech
from gmmspeech.phones.labels.word_positions import with_positions
from gmmspeech.phones.labels.words import words_of
from gmmspeech.phones.shipped import english_model
from gmmspeech.stores.features import FeatureStore

_NO_FRONT_END = (
    "found a model without a front end, expected one of `train-phones`, or of Kaldi with mfcc.conf beside it"
)

_OF_THIS_SHIFT = "features of this frame shift, or HTK's or those of `gmmspeech features`, which tell theirs"


def transcripts(data: DataDir, dictionary: Pronunciations | None = None) -> dict[str, list[str]]:
    """Words of the utterances of a data directory that has ``text``, between blanks or as a dictionary has them."""
    if data.text is None:
        raise DataError(f"{data.path}: found no file text, expected one, with the words of each utterance")
    lines = {utterance: data.text[utterance] for utterance in data.utterances if utterance in data.text}
    if dictionary is None:
        return {utterance: split_fields(line) for utterance, line in lines.items()}
    return {utterance: words_of(line, dictionary=dictionary) for utterance, line in lines.items()}


def said_pronunciations(words: Mapping[str, Sequence[str]], dictionary: Pronunciations) -> Pronunciations:
    """Give what a dictionary has of the words of utterances, sorted; nothing for a word it lacks."""
    said = sorted({word for sentence in words.values() for word in sentence})
    return {word: pronunciations(dictionary, word, optional=True) for word in said}


@contextlib.contextmanager
def features_of(
    data: DataDir,
    front: FrontEnd | str | None,
    *,
    stored: Stored | None = None,
    n_jobs: int | None = 1,
    skip_bad: bool = False,
    channel: Channel = "mix",
) -> Iterator[tuple[FeatureStore, Extraction]]:
    """Compute the features of a data directory, to be read while the context lasts, or take those that are stored.

    Recordings of other rates than the front end's are resampled, those of several channels mixed unless one is chosen,
    with a warning that counts them. Of a model of stored features, `front` is the text that it keeps.
    """
    if stored is not None:
        with _stored_features(data, front, stored, skip_bad=skip_bad) as found:
            yield found
        return
    of_waveforms = front if isinstance(front, FrontEnd) else front_end_of_waveforms(front)
    warn_of_conversions(audio_formats(data), of_waveforms.sample_frequency, channel)
    with temporary_folder() as folder:
        path = folder / "features.h5"
        how: dict[str, Any] = {"n_jobs": n_jobs, "skip_bad": skip_bad, "channel": channel}
        done = extract_features([data], path, converting(of_waveforms), **how)
        with FeatureStore(path) as store:
            yield store, done


@contextlib.contextmanager
def _stored_features(
    data: DataDir, front: FrontEnd | str | None, stored: Stored, *, skip_bad: bool
) -> Iterator[tuple[FeatureStore, Extraction]]:
    """Open the stored features of a data directory's utterances."""
    text, kept = front.to_json() if isinstance(front, FrontEnd) else front, stored.beside.subset
    wanted = frozenset(data.utterances) if kept is None else kept & frozenset(data.utterances)
    skipped: dict[str, str] | None = {} if skip_bad else None
    shift, misfits = _shift_and_misfits(data.only(sorted(wanted)), text, stored.features)
    if misfits and not (skip_bad and len(misfits) < len(wanted)):
        raise DataError(next(iter(misfits.values())))
    beside = replace(stored.beside, subset=wanted - misfits.keys(), skipped=skipped)
    with open_features(stored.features, beside, front_end=text) as store:
        known, steps = split_options(store.front_end)
        if not known:  # frames come as often as the model says, or as their headers do
            of_model = split_options(text)[0] if steps is not None else {}
            told = steps or StoredFrontEnd(columns=store.dim)
            store.front_end = joined_options(of_model, told if of_model else _every(shift, told))
        FrameClock.of(store.front_end)  # which refuses frames without times
        lacking = {name: f"found no features of it in {store.path}" for name in wanted if name not in store}
        lacking |= misfits | (skipped or {})
        if lacking and not skip_bad:
            name = min(lacking)
            expected = f"those of {counted(len(wanted), 'utterance')}"
            raise DataError(
                f"{store.path}: found no features of {shown(name)} ({len(lacking)} such), expected {expected}"
            )
        yield store, Extraction(len(store), store.total_frames, dict(sorted(lacking.items())))


def _every(shift: float | None, steps: StoredFrontEnd) -> StoredFrontEnd:
    """Steps over features that come every so many milliseconds."""
    return steps if shift is None else steps.model_copy(update={"frame_shift": shift})


def _told_shift(front_end: str | None) -> float | None:
    """Milliseconds from frame to frame, where a front end tells it."""
    known, stored = split_options(front_end)
    return FrameClock.of(front_end).frame_shift if known or (stored and stored.frame_shift) else None


def _shift_and_misfits(data: DataDir, front_end: str | None, features: str) -> tuple[float | None, dict[str, str]]:
    """Milliseconds from stored frame to frame, if they are known, and utterances that last otherwise, with reasons.

    What is off by more than a tenth and the edges has another frame shift, or leaves frames out.
    """
    seconds, found = known_seconds(data), {}
    with FeatureStore(features) as store:
        own, wanted = store.frame_shift or _told_shift(store.front_end), _told_shift(front_end)
        if own and wanted and not math.isclose(own, wanted, rel_tol=1e-3):  # HTK rounds to 100 ns
            raise FeatureError(f"{store.path}: found frames every {own:g} ms, expected {wanted:g} as the model's are")
        clock = FrameClock.of(timed_front_end(front_end, store), own or wanted)
        edges = (clock.frame_length + 3 * clock.frame_shift) / 1000
        for name in data.utterances:
            if name in seconds and name in store:
                with contextlib.suppress(DataError, FeatureError):  # which is told where they are taken
                    count = store.num_frames(name)
                    lasting = count * clock.frame_shift / 1000
                    if abs(lasting - seconds[name]) > seconds[name] / 10 + edges:
                        frames = f"{counted(count, 'frame')} every {clock.frame_shift:g} ms, {lasting:.2f} s"
                        expected = f"{seconds[name]:.2f} s as it lasts ({_OF_THIS_SHIFT})"
                        found[name] = f"{store.path}: utterance {shown(name)}: found {frames}, expected {expected}"
    return own or wanted, found


def warn_of_skipped(done: Extraction) -> None:
    """Warn of the utterances that have no features: how many, which, and what is wrong with the first."""
    if done.skipped:
        names, reason = ", ".join(map(shown, done.skipped)), next(iter(done.skipped.values()))
        warnings.warn(
            f"skipped {counted(len(done.skipped), 'utterance')} ({shown(names, 300)}); the first: {reason}",
            GmmSpeechWarning,
        )


def frame_times(front_end: str | None) -> dict[str, Any]:
    """Length and shift in ms of the frames of a front end given as JSON text, as `FrameClock` takes them."""
    if not front_end:
        raise DataError(_NO_FRONT_END)
    clock = FrameClock.of(front_end)
    return {"frame_length": clock.frame_length, "frame_shift": clock.frame_shift}


def open_model(model: PhoneHMM | AdaptedSystem | str | os.PathLike[str] | None) -> PhoneHMM | AdaptedSystem:
    """Give a model of phones as it is, or that of a file, or the one of English."""
    if isinstance(model, (PhoneHMM, AdaptedSystem)):
        return model
    return english_model() if model is None else load(model, (PhoneHMM, AdaptedSystem))


def for_stored(
    model: PhoneHMM | AdaptedSystem | Path | None, opened: PhoneHMM | AdaptedSystem, stored: Stored | None
) -> PhoneHMM | AdaptedSystem:
    """Give a model with the steps to its frames from stored features, as Kaldi's scripts take them.

    Features that have as many columns as the model are taken as they are: as ``feats.ark`` behind ``add-deltas``; so
    are those that know that they were made as the model's.
    """
    if stored is None:
        return opened
    of_kaldi = isinstance(model, Path) and is_kaldi_model(model)
    steps = stored_steps(model, opened) if isinstance(model, Path) and of_kaldi else kaldi_steps(opened)
    with FeatureStore(stored.features) as store:
        made_alike = bool(store.front_end) and first_difference(opened.front_end, store.front_end) is None
        if not of_kaldi and (steps is None or made_alike):
            return opened
        if steps is not None and store.dim == steps.columns:
            static = {k: v for k, v in split_options(opened.front_end)[0].items() if k not in ("cmvn", "deltas")}
            return opened.with_front_end(joined_options(static, steps))
        if store.dim != opened.dim:
            before = "" if steps is None else f", or {steps.columns} that become these ({steps.describe()})"
            expected = f"{opened.dim} as {model} has{before}"
            raise FeatureError(f"{store.path}: found features of {counted(store.dim, 'column')}, expected {expected}")
        if of_kaldi or store.front_end:
            return opened
        shift = _told_shift(opened.front_end)
        every = None if shift == UNKNOWN_FRAMES[0] else _every(shift, StoredFrontEnd(columns=store.dim))
        return opened.with_front_end(joined_options({}, every))


def front_end_of_model(model: PhoneHMM | AdaptedSystem) -> FrontEnd:
    """Front end of a model that frames are to be computed for."""
    return front_end_of_waveforms(model.front_end)


def front_end_of_waveforms(text: str | None) -> FrontEnd:
    """Front end of waveforms that a model keeps, or a DataError."""
    if not text:
        raise DataError(_NO_FRONT_END)
    of_waveforms, stored = split_front_end(text)
    if stored is not None or of_waveforms is None:
        expected = f"features, as the model was trained on: {describe_front_end(text)}"
        raise DataError(f"feats: found recordings alone, expected {expected}")
    return of_waveforms


def recognize_phones_file(
    model: Path,
    features: Path,
    utterances: Iterable[str],
    learned: Path,
    out: Path,
    *,
    utt2spk: Mapping[str, str] | None = None,
    beside: Path | None = None,
    n_jobs: int | None = 1,
    **options: Any,
) -> None:
    """Recognize the phones of utterances in a feature store, and write them as CTM.

    Of an `AdaptedSystem`, the model that knows no speaker does so where `utt2spk` tells none. A model without contexts
    may be `beside` it, as `decode` has it: one adapts to speakers by what it recognizes without the other.
    """
    names = list(utterances)
    sequences = [[label.name for label in labels] for labels in read_ctm(learned).values()]
    with FeatureStore(features) as store:

        def ready(place: Path) -> tuple[PhoneHMM, dict[str, NDArray], StateGraph]:
            found = open_model(place)
            base = base_of(found)
            graph = phone_loop_graph(base, train_bigram(sequences, base.phones))
            if isinstance(found, AdaptedSystem) and utt2spk is not None:
                speakers, scale = {name: utt2spk[name] for name in names}, options.get("acoustic_scale", 1.0)
                how = {"acoustic_scale": scale, "n_jobs": n_jobs}
                hmm, frames = for_these_speakers(found, store, dict.fromkeys(names, graph), speakers, **how)
            else:
                hmm, frames = for_any_speaker(found, store)
            return hmm, {name: frames[name] for name in names}, graph

        hmm, frames, graph = ready(model)
        clock = {**frame_times(store.front_end), "times": "start"}
        options |= {"beside": None if beside is None else ready(beside)[:2]}
        recognized = decode(hmm, frames, graph, n_jobs=n_jobs, **clock, **options)
    write_ctm(out, {utterance: alignment.phones for utterance, alignment in recognized.items()})


def seconds_of(features: Path, utterances: Iterable[str]) -> float:
    """Give how long utterances of a feature store are together."""
    with FeatureStore(features) as store:
        shift = frame_times(store.front_end)["frame_shift"]
        return sum(store.num_frames(utterance) for utterance in utterances) * shift / 1000


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
    language: str = "en",
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
    **options: Any,
) -> AlignedFolder:
    """Align transcripts with the audio of a data directory, or of recordings that they lie beside.

    Frames are adapted to the model by speaker, unless not to `adapt` is asked for.

    What `write_alignments` writes goes into `out`, by default CTM of a data directory and TextGrids of a folder of
    recordings, ``unknown_words.txt``, and what eSpeak NG pronounced as a dictionary, ``pronounced_words.dict``.
    Transitions of the frames go to `ali`, an archive of Kaldi's. Features may be `stored` ones.
    """
    data, left_out, skip = read_speech(folder, allow_pipes=allow_pipes, skip_bad=skip_bad, out=out)
    format = format or ("ctm" if is_data_dir(folder) else "textgrid")
    if out is not None:
        check_results(out, places_of(data).values(), format)
    hmm = open_model(model)
    if stored is None:
        front_end_of_model(hmm)  # or it is told at once
    how: dict[str, Any] = {"language": language, "unknown_words": unknown_words, "skip_bad": skip}
    known = None
    if dictionary is not None:
        known = pronunciations_of(dictionary, skip_bad=skip_bad is not False, phones=hmm.phones)
    spoken = spoken_words(data, known, phones=hmm.phones, **how)
    if model is None:
        warn_of_other_language(language)
    data = without_quiet_edges(data, channel) if stored is None else data
    said = data.only(spoken.words)
    options["utt2spk"] = data.utt2spk if adapt else None
    reading: dict[str, Any] = {"stored": stored, "n_jobs": n_jobs, "skip_bad": skip, "channel": channel}
    hmm = for_stored(model, hmm, stored)
    with features_of(said, hmm.front_end, **reading) as (store, done):
        found = align(hmm, store, spoken.words, spoken.entries, n_jobs=n_jobs, skip_bad=skip, **options)
        least = _least_fit(hmm, store, spoken, found, n_jobs=n_jobs, **options)
    if ali is not None and found.alignments:
        _write_ali(ali, hmm, found.alignments, spoken.entries)
    if not found.alignments:
        name, reason = next(iter(found.skipped.items()))
        raise DataError(f"{all_of(len(found.skipped), 'utterance')} bad; the first: utterance {name}: {reason}")
    if out is not None:
        write_alignments(out, found.alignments, data=data, format=format, confidence=confidence)
        write_unknown_words(out / UNKNOWN_WORDS, spoken.unknown)
        write_pronounced(out / PRONOUNCED_WORDS, spoken.guessed)
    skipped = {**left_out, **spoken.skipped, **done.skipped, **found.skipped}
    unknown = Counter({word: seen.total() for word, seen in spoken.unknown.items()})
    return AlignedFolder(found.alignments, skipped, unknown, data, spoken, least)


def _least_fit(
    model: PhoneHMM | AdaptedSystem, store: FeatureStore, spoken: Spoken, found: AlignedCorpus, **options: Any
) -> float:
    """Fit below which transcripts are doubtful; where some fit badly, wrong ones are aligned to compare with."""
    fits = [alignment.fit for alignment in found.alignments.values() if alignment.fit is not None]
    if min(fits, default=0.0) >= LEAST_FIT:
        return LEAST_FIT
    wrong = swapped_transcripts({name: spoken.words[name] for name in found.alignments})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GmmSpeechWarning)
        options |= {"refine": False, "goodness": False, "skip_bad": True}
        others = align(model, store, wrong, spoken.entries, **options).alignments.values()
    return least_fit(fits, [alignment.fit for alignment in others if alignment.fit is not None])


def _write_ali(
    place: str, model: PhoneHMM | AdaptedSystem, alignments: Mapping[str, Alignment], entries: Pronunciations
) -> None:
    """Write paths as an archive of Kaldi's transitions."""
    from gmmspeech.formats.kaldi_alignments import kaldi_alignment, write_kaldi_alignments

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
        unknown={word: list(seen.elements()) for word, seen in done.spoken.unknown.items()},
        skipped=done.skipped,
        configuration={"align": settings or {}},
    )


def warn_of_other_language(language: str) -> None:
    """Warn that the phone model that comes along is not of a language."""
    if not _is_english(language):
        found = f"no model of language {shown(language)}, took that of English with the nearest phones"
        expected = "one that train-phones makes of these recordings for better boundaries"
        warnings.warn(f"model: found {found}, expected {expected}", GmmSpeechWarning)


def _is_english(language: str) -> bool:
    """Say whether a language's code is one of English."""
    return language.lower().startswith("en")


def doubtful_lines(alignments: Mapping[str, Alignment], least: float = LEAST_FIT) -> Iterator[str]:
    """Tell which transcripts fit badly, and which have phones that are too long to be said."""
    fits = [f"{name} ({a.fit:.1f})" for name, a in alignments.items() if a.fit is not None and a.fit < least]
    spoken = {name: [phone for phone in a.phones if is_speech(phone.name)] for name, a in alignments.items()}
    longest = {name: max(own, key=lambda phone: phone.end - phone.start) for name, own in spoken.items() if own}
    lasting = {name: (phone.name, phone.end - phone.start) for name, phone in longest.items()}
    long = [f"{name} ({phone} {time:.1f} s)" for name, (phone, time) in lasting.items() if time > LONGEST_PHONE]
    for found, why in (
        (fits, "they fit badly (nats a frame), wrong or with words missing"),
        (long, f"a phone lasts over {LONGEST_PHONE} s, as where noise, music or other speech lies beside the words"),
    ):
        if found:
            count = f"{len(found)} of {counted(len(alignments), 'transcript')}"
            yield f"to be looked at: {count}, for {why}: {shown(', '.join(found), 300)}"


def score_lines(alignments: Mapping[str, Alignment]) -> Iterator[str]:
    """One line a phone: utterance, start, end, phone, log-likelihood a frame, and goodness if known."""
    yield f"# utterance start end phone log_likelihood goodness (nats a frame; {search_note(alignments.values())})"
    for name, alignment in alignments.items():
        for i, phone in enumerate(alignment.phones):
            goodness = "-" if alignment.goodness is None else f"{alignment.goodness[i]:.4f}"
            fit = f"{alignment.log_likelihoods[i]:.4f} {goodness}"
            yield f"{name} {phone.start:.3f} {phone.end:.3f} {phone.name} {fit}"
