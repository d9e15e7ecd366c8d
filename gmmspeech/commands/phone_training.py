"""Training of phone models, from data directories and feature stores to files."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gmmspeech.audio.samples import Channel
from gmmspeech.cluster import on_cluster
from gmmspeech.commands.extraction import Extraction, check_not_recording
from gmmspeech.commands.phone_features import features_of, frame_times
from gmmspeech.commands.quiet_edges import without_quiet_edges
from gmmspeech.commands.stored_features import Stored
from gmmspeech.commands.transcripts import (
    PRONOUNCED_WORDS,
    UNKNOWN_WORDS,
    Spoken,
    is_data_dir,
    pronounced_lines,
    read_speech,
    spoken_words,
    unknown_lines,
    write_pronounced,
    write_unknown_words,
)
from gmmspeech.errors import ConfigError, DataError, GmmSpeechError, GmmSpeechWarning, counted, shown
from gmmspeech.features.compatibility import check_same_front_end
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.checkpoints import Checkpoint, checkpoint_of
from gmmspeech.files.text import look_alike
from gmmspeech.formats.datadir import DataDir, Segment, read_data_dir, read_map
from gmmspeech.formats.labels.alignments import read_alignments
from gmmspeech.formats.labels.recordings import read_labeled_recordings
from gmmspeech.formats.loading import load
from gmmspeech.formats.recordings import as_called, called, id_of_path, read_recordings
from gmmspeech.phones.decoding.calibration import calibrated
from gmmspeech.phones.decoding.partly_labeled import foreign_phones, train_phone_hmm_on_some_labels
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.phones.hmm.ladder import Rung, train_ladder
from gmmspeech.phones.hmm.mapping import phone_sources, told_pairs
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.passes import MAX_ITER
from gmmspeech.phones.hmm.spoken_noise import add_spoken_noise
from gmmspeech.phones.hmm.training import TrainingState, train_phone_hmm, train_phone_hmm_on_labels
from gmmspeech.phones.hmm.training_state import keeping_last
from gmmspeech.phones.hmm.tree import Contexts
from gmmspeech.phones.labels.dictionary import are_words
from gmmspeech.phones.labels.labels import FrameClock, Label
from gmmspeech.phones.labels.silence import filled_with_silence, named_silence
from gmmspeech.phones.shipped import english_model
from gmmspeech.progress import telling
from gmmspeech.stores.features import FeatureStore


def read_start(init: str, phone_map: Path | None = None) -> dict[str, Any]:
    """Read the model that training begins with, and how its phones are taken, as options of `train_phone_hmm`.

    "flat" is none, "english" the one that comes along, without contexts.
    """
    if init == "flat":
        return {}
    model = english_model() if init == "english" and not Path(init).exists() else load(init, PhoneHMM)
    pair = "a phone, and the phone of --init that it begins as"
    return {"init_model": model, "phone_map": None if phone_map is None else read_map(phone_map, line=pair)}


def told_start(model: PhoneHMM | AdaptedSystem, init_model: PhoneHMM, phone_map: Mapping[str, str] | None) -> str:
    """Tell what the phones of a trained model began as."""
    sources = phone_sources(init_model, model.phones, phone_map, silence=model.silence)
    others = {phone: old for phone, old in sources.items() if phone != old}
    same = f"{counted(len(sources) - len(others), 'phone')} as they are"
    return f"{same}, {len(others)} as their nearest ({told_pairs(others)})" if others else same


def front_end_for(config: str | None, init: PhoneHMM | None, stored: Stored | None = None) -> FrontEnd | str | None:
    """Read the front end of training: the one that is named, or that of the model that it begins with.

    Of `stored` features it is what that model keeps.
    """
    of_init = None if init is None else init.front_end
    if stored is not None:
        if config is not None:
            raise ConfigError(f"config: found {shown(config)} for features that are stored, expected one of both")
        return of_init
    front = FrontEnd.from_json(of_init) if of_init and config is None else FrontEnd.from_file(config or "phones")
    FrameClock.of(front.to_json())  # which refuses frames without times
    check_same_front_end(of_init, front.to_json(), model="the model of --init", frames=f"--config {config}")
    return front


def train_phones_dir(
    folder: Path,
    out: Path,
    front: FrontEnd | str | None,
    dictionary: Pronunciations | None,
    *,
    language: str | None = None,
    unknown_words: str | None = None,
    labels: Path | None = None,
    tiers: Sequence[str] = (),
    n_jobs: int | None = 1,
    skip_bad: bool | None = None,
    allow_pipes: bool = False,
    channel: Channel = "mix",
    stored: Stored | None = None,
    **options: Any,
) -> tuple[PhoneHMM | AdaptedSystem, TrainingState, Extraction]:
    """Train phone HMMs on a data directory, or on recordings with transcripts beside them, and write them.

    Options are those of `train_phone_hmm`; a `rung` and its `contexts`, as `train_ladder` has them; and the `scheduler`
    of a Dask cluster, whose workers read features from the folder for temporary files.

    Features may be `stored` ones; `front` is then that of the model to begin with, or None.

    The language is that of the model to begin with unless it is given, else English. The model keeps it, but where only
    a dictionary tells which one it is.

    With `labels`, those are trained on, and no transcripts are needed. Recordings that have transcripts alone follow
    them, as `train_phone_hmm_on_some_labels` has it; those that have neither are left out. `tiers` are transcripts in
    TextGrids, or the one of the labels.

    Until they are written, a checkpoint lies beside their place, from which a killed run goes on. Words that the
    dictionary lacks are told and listed beside the model, in ``NAME.unknown_words.txt``, and those that eSpeak NG
    pronounced in ``NAME.pronounced_words.dict``.
    """
    known: Mapping[str, Sequence[Label]] | None = None
    if labels is None:
        data, left_out, skip = read_speech(folder, allow_pipes=allow_pipes, skip_bad=skip_bad, tiers=tiers)
    else:
        if len(tiers) > 1:
            raise ConfigError(f"tiers: found {len(tiers)} beside labels, expected one, that of the labels")
        tier = tiers[0] if tiers else None
        data, known, left_out, skip = read_labels_of(folder, labels, tier, allow_pipes=allow_pipes, skip_bad=skip_bad)
    check_not_recording(data, out)
    said, kept = _languages(language, options.get("init_model"), dictionary)
    labeled = known or {}
    others = [utterance for utterance in data.utterances if utterance not in labeled]
    if others:
        spoken, others = _followers(
            data, dictionary, labeled, others, language=said, unknown_words=unknown_words, skip_bad=skip
        )
    else:
        spoken = _words_beside(data, dictionary, said)
        foreign, are_many = foreign_phones(spoken.words, spoken.entries, labeled)
        if foreign and not are_many and labeled.keys() <= spoken.words.keys():
            _warn_of_foreign(foreign, labeled, data, "trained as they are")
    if others:
        left_out |= as_called(data, {u: spoken.skipped[u] for u in others if u in spoken.skipped})
        others = [utterance for utterance in others if utterance in spoken.words]
        data = data if stored is not None else without_quiet_edges(data, channel, others)
        _tell_words(spoken, out)
    data = data.only([*labeled, *others])
    with features_of(data, front, stored=stored, n_jobs=n_jobs, skip_bad=skip, channel=channel) as (store, done):
        front_end = front.to_json() if isinstance(front, FrontEnd) else store.front_end
        options |= {"skip_bad": skip, "n_jobs": n_jobs, "utt2spk": data.utt2spk}
        options |= {"front_end": front_end, "language": kept if others else language, "noise": True}
        if known is not None:
            known = _with_silence(known, store)
        model, state = _train_and_save(store, spoken.words, spoken.entries, out, known, **options)
    done.skipped = {**left_out, **as_called(data, done.skipped)}
    return model, state, done


def _languages(given: str | None, start: PhoneHMM | None, dictionary: Pronunciations | None) -> tuple[str, str | None]:
    """Give the language of transcripts, and what a model keeps of it: nothing where a dictionary may be of another."""
    of_start = start.language if start is not None else None
    language = given or of_start or "en"
    if given is None and dictionary is None and language != "en":
        warnings.warn(f"language: found none, took {language}, that of the model to begin with", GmmSpeechWarning)
    return language, given if dictionary is not None else language


def _followers(
    data: DataDir,
    dictionary: Pronunciations | None,
    labeled: Mapping[str, Sequence[Label]],
    others: Sequence[str],
    *,
    skip_bad: bool,
    **how: Any,
) -> tuple[Spoken, list[str]]:
    """Words, and the utterances without labels to be trained on: all, or none if they can't follow those with some."""
    left_out = f"left out {counted(len(others), 'utterance')} with words alone"
    try:
        spoken = spoken_words(data, dictionary, skip_bad=skip_bad, **how)
    except DataError as error:
        if not labeled or not skip_bad:
            raise
        warnings.warn(f"{error}; {left_out}", GmmSpeechWarning)
        return Spoken({}, {}), []
    foreign, are_many = foreign_phones(spoken.words, spoken.entries, labeled)
    if foreign:
        _warn_of_foreign(foreign, labeled, data, left_out if are_many else "trained as they are")
    if are_many:
        return spoken, []
    if labeled:
        found = f"found those of {counted(len(labeled), 'utterance')}"
        warnings.warn(f"labels: {found}; {len(others)} with words alone follow them", GmmSpeechWarning)
    return spoken, list(others)


def _warn_of_foreign(phones: Collection[str], labels: Mapping[str, Sequence[Label]], data: DataDir, then: str) -> None:
    """Warn of phones of labels that no word has: misspelled, or of another set than the pronunciations."""
    first = next(name for name, own in labels.items() if any(label.name in phones for label in own))
    found = f"found phones that no word has, {shown(' '.join(phones), 100)}, the first in {called(data, first)}"
    warnings.warn(f"labels: {found}; expected those of pronunciations; {then}", GmmSpeechWarning)


def _words_beside(data: DataDir, dictionary: Pronunciations | None, language: str) -> Spoken:
    """Words of labeled utterances and their pronunciations, as alignment takes them, as far as they are known."""
    if data.text is not None:
        with contextlib.suppress(GmmSpeechError):  # labels are enough
            return spoken_words(data, dictionary, language=language, unknown_words="error", skip_bad=True)
    return Spoken({}, {})


def pronounced_words_of(model: Path) -> Path:
    """Where the words are that eSpeak NG pronounced for a model's training, as a dictionary."""
    return model.with_name(f"{model.stem}.{PRONOUNCED_WORDS}")


def _tell_words(spoken: Spoken, model: Path) -> None:
    """List unknown words and those that eSpeak NG pronounced, and warn of them."""
    unknown, pronounced = model.with_name(f"{model.stem}.{UNKNOWN_WORDS}"), pronounced_words_of(model)
    write_unknown_words(unknown, spoken.unknown)
    write_pronounced(pronounced, spoken.guessed)
    for line in (*unknown_lines(spoken.unknown, unknown), *pronounced_lines(spoken.guessed, pronounced)):
        warnings.warn(line, GmmSpeechWarning)


def train_phones_file(
    features: Path,
    words: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    out: Path,
    *,
    labels: Mapping[str, Sequence[Label]] | None = None,
    alignment: Path | None = None,
    n_jobs: int | None = 1,
    **options: Any,
) -> PhoneHMM | AdaptedSystem:
    """Train phone HMMs on a feature store and write them; a killed run goes on from a checkpoint beside their place."""
    with FeatureStore(features) as store:
        model, state = _train_and_save(store, words, dictionary, out, labels, n_jobs=n_jobs, **options)
    if alignment is not None:
        state.save(alignment)
    return model


def _train_and_save(
    store: FeatureStore,
    words: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    out: Path,
    labels: Mapping[str, Sequence[Label]] | None,
    *,
    front_end: str | None = None,
    language: str | None = None,
    noise: bool = False,
    rung: Rung | None = None,
    contexts: Contexts = "cross-word",
    utt2spk: Mapping[str, str] | None = None,
    scheduler: str | None = None,
    **options: Any,
) -> tuple[PhoneHMM | AdaptedSystem, TrainingState]:
    """Train phone HMMs on words, or on labels, and write them, by default with the store's front end; the state too.

    The state is that of monophones, on which a `rung` of the ladder stands.
    """
    model: PhoneHMM | AdaptedSystem
    with checkpoint_of(out) as checkpoint, on_cluster(scheduler) as client:
        options |= {"client": client}
        length = options.get("max_iter", MAX_ITER)  # each pass begins anew, and gains nothing upon the one before
        tell = telling("training", "update", lambda state: ((state.iteration - 1) % length + 1, state.log_likelihood))
        keep, last = keeping_last(tell)
        options = {"callback": keep, "checkpoint": checkpoint, **options}
        followed = labels is not None and any(utterance not in labels for utterance in store if utterance in words)
        with step_checkpoints(out) as step:
            if labels is None:
                model = train_phone_hmm(store, words, dictionary, **options)
            elif followed:
                steps = {"transcripts": checkpoint, "labels": step("labels")}
                options |= {"checkpoint": steps.get, "utt2spk": utt2spk, **frame_times(store.front_end)}
                model = train_phone_hmm_on_some_labels(store, words, dictionary, labels, **options)
            else:
                model = train_phone_hmm_on_labels(store, labels, **frame_times(store.front_end), **options)
            if rung is not None:
                climbing = {"n_jobs": options["n_jobs"], "client": client, "contexts": contexts}
                model = _climbed(store, words, dictionary, utt2spk or {}, last[0], step, rung=rung, **climbing)
            model = model.with_front_end(front_end or store.front_end).with_language(language)
            if labels is not None and not followed and words and isinstance(model, PhoneHMM):
                said: dict[str, Any] = {"transcripts": words, "dictionary": dictionary, "n_jobs": options["n_jobs"]}
                model = calibrated(model, store, labels, **frame_times(store.front_end), **said)
            if noise:
                model = model.with_noise() if isinstance(model, AdaptedSystem) else add_spoken_noise(model)
            model.save(out)
    return model, last[0]


def _climbed(
    store: FeatureStore,
    words: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    utt2spk: Mapping[str, str],
    alignment: TrainingState,
    checkpoint: Callable[[str], Checkpoint],
    *,
    rung: Rung,
    **options: Any,
) -> PhoneHMM | AdaptedSystem:
    """Go on to a rung of the ladder."""
    numbers = itertools.count(1)
    tell = telling(rung, "update", lambda state: (next(numbers), state.log_likelihood))
    options |= {"checkpoint": checkpoint, "callback": tell}
    return train_ladder(store, words, dictionary, utt2spk, alignment, rung=rung, **options)


@contextlib.contextmanager
def step_checkpoints(out: Path) -> Iterator[Callable[[str], Checkpoint]]:
    """Give what makes a checkpoint for a step of a model's training; they are removed when the block has ended well."""
    steps: list[Checkpoint] = []

    def checkpoint(step: str) -> Checkpoint:
        steps.append(Checkpoint(f"{out}.{step}.checkpoint"))
        return steps[-1]

    yield checkpoint
    for step in steps:
        step.remove()


def train_ladder_file(
    features: Path,
    words: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    utt2spk: Mapping[str, str],
    alignment: Path,
    out: Path,
    *,
    rung: Rung,
    n_jobs: int | None = 1,
    scheduler: str | None = None,
    **options: Any,
) -> PhoneHMM | AdaptedSystem:
    """Go on from the training of monophones to a rung of the ladder, as `train_ladder` has it; write its model."""
    with FeatureStore(features) as store, on_cluster(scheduler) as client, step_checkpoints(out) as step:
        state = load(alignment, TrainingState)
        options |= {"rung": rung, "n_jobs": n_jobs, "client": client}
        model = _climbed(store, words, dictionary, utt2spk, state, step, **options)
        model.with_front_end(store.front_end).save(out)
    return model


def read_labels_of(
    folder: Path, labels: Path, tier: str | None, *, allow_pipes: bool = False, skip_bad: bool | None = None
) -> tuple[DataDir, dict[str, list[Label]], dict[str, str], bool]:
    """Read the labeled utterances of a data directory, or of a folder of recordings, and their labels.

    Give what is left out with the reasons too, and whether bad utterances are to be left out, as `read_speech` does.
    """
    skip = bool(skip_bad) if is_data_dir(folder) else skip_bad is not False
    if is_data_dir(folder):
        data = read_data_dir(folder, allow_pipes=allow_pipes)
        known = read_alignments(labels, data, tier=tier, skip_bad=skip)
        text = data.text or {}
        without = [f"{u}{look_alike(u, known)}" for u in data.utterances if u not in known and u not in text]
    else:
        beside = labels.exists() and labels.samefile(folder) and any(folder.rglob("*.TextGrid"))
        data, known, without = read_labeled_recordings(folder, None if beside else labels, tier=tier, skip_bad=skip)
        data, without = _with_words(data, without)
    reasons: dict[str, str] = {}
    for utterance, found in known.items():
        if are_words(label.name for label in found):
            told = shown(" | ".join(label.name for label in found), 60)
            reasons[utterance] = f"found labels {told}, expected phones (of which tier?)"
    usable = {u: known[u] for u in data.utterances if u in known and u not in reasons}
    missing = (
        f"{labels}: found no labels of {counted(len(without), 'recording')} of {folder} and no transcript"
        if without
        else ""
    )
    if without and (not skip or not known):
        raise DataError(f"{missing}, expected one of them for all; the first: {shown(without[0], 200)}")
    if reasons and (not skip or not usable):
        name, reason = next(iter(reasons.items()))
        found_words = f"found {counted(len(reasons), 'utterance')} without phones"
        raise DataError(f"{folder}: {found_words}; the first: {shown(name)}: {reason}")
    if without:
        warnings.warn(f"{missing}, left out: {shown(', '.join(without), 300)}", GmmSpeechWarning)
    with_words = (data.text or {}).keys() - reasons
    return data.only(u for u in data.utterances if u in usable or u in with_words), usable, reasons, skip


def _with_words(data: DataDir, without: Sequence[str]) -> tuple[DataDir, list[str]]:
    """Labeled recordings with the transcripts beside them, and the others that have some; and files without either."""
    found = DataDir(data.path, {}, None, (), {})  # none
    with warnings.catch_warnings(), contextlib.suppress(GmmSpeechError):  # labels are enough
        warnings.simplefilter("ignore", GmmSpeechWarning)
        found = read_recordings(data.path)[0]
    words = found.text or {}
    others = [u for u in found.utterances if found.segment_of(u).recording not in data.recordings]
    text = {utterance: words[utterance] for utterance in (*data.utterances, *others) if utterance in words}
    places = {u: part.segment_of(u) for part, own in ((data, data.utterances), (found, others)) for u in own}
    recordings = {id: found.recordings[id] for id in dict.fromkeys(places[u].recording for u in others)}
    whole = data.segments is None and all(place == Segment(u, 0.0, None) for u, place in places.items())
    both = replace(
        data,
        recordings=data.recordings | recordings,
        segments=None if whole else places,
        utterances=tuple(sorted(places)),
        utt2spk=data.utt2spk | {utterance: found.utt2spk[utterance] for utterance in others},
        text=text or None,
    )
    return both, [name for name in without if id_of_path(Path(name).with_suffix("")) not in recordings]


def _with_silence(labels: Mapping[str, Sequence[Label]], store: FeatureStore) -> Mapping[str, Sequence[Label]]:
    """Labels with silence under one name; where none is labeled, as other aligners leave it, what has no label is."""
    named, clock = named_silence(labels), FrameClock.of(store.front_end)
    if any(label.name == "SIL" for own in named.values() for label in own):
        return named
    lasting = {name: clock.edge(store.num_frames(name)) for name in named if name in store}
    filled, seconds = filled_with_silence(named, lasting)
    if seconds:
        found = f"found no silence among them, took {seconds:.1f} s without a label for it"
        warnings.warn(f"labels: {found}", GmmSpeechWarning)
    return filled
