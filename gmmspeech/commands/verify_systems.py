"""Systems by which `verify` scores the speakers of a folder, each trained and scored once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map
from gmmspeech.commands.conversion import converting
from gmmspeech.commands.evaluation import trial_speakers
from gmmspeech.commands.extraction import extract_features
from gmmspeech.commands.measures import pitches_of
from gmmspeech.commands.systems import (
    ENOUGH_FOR_PLDA,
    MOST_RANK,
    WORDS_SAME_CHANNEL,
    num_components,
    spread,
    train_ivectors,
)
from gmmspeech.commands.verify_protocol import Protocol
from gmmspeech.errors import DataError, counted
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.checkpoints import checkpoint_of, digest
from gmmspeech.formats.datadir import DataDir, utterances_of
from gmmspeech.formats.loading import load
from gmmspeech.formats.trials import read_scores, write_scores
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.pipeline import Run
from gmmspeech.scoring.folds import speaker_folds
from gmmspeech.scoring.pitch import with_pitch
from gmmspeech.scoring.trials import Scores, TrialList, of_matrix
from gmmspeech.speaker.shipped import NOISE_RATE, open_background
from gmmspeech.speaker.transforms import average_sessions
from gmmspeech.speaker.ubm import balanced_frames, train_ubm
from gmmspeech.speaker.verifier import SpeakerVerifier
from gmmspeech.stores.features import FeatureStore

COMPONENTS_A_SPEAKER = 4
FOLDER_RELEVANCE = 50.0  # frames, of the background of single words adapted to a folder
FOLDS = 6  # of the speakers, by which it is adapted to others than those of a trial
SESSION = 300  # frames, about three seconds of speech: what PLDA learns of is cut into such pieces
MOST_SESSIONS = 4000
WITH_PITCH = "-pitch"  # after the name of a system
SAME_CHANNEL = "same-channel"
PLDA = "ivector-plda"
ADAPTED_NOTE = (
    "The means of gmm-ubm's open background are adapted to the folder: for each trial to the enrollment of all "
    "speakers but its two, and in ubm.h5 to that of all."
)
PITCH_NOTE = "The tests are short, so the pitch of the voices helps: systems whose names end in -pitch use it."
CHANNEL_NOTE = (
    "same-channel scores frames that keep the effect of the microphone and its noise. This helps if each speaker has a "
    "microphone of their own. If speakers change microphones, use gmm-ubm."
)
WITHOUT_PITCH_NOTE = " {} of {} have no pitch, as in whispers: scores of trials with them stay unchanged."
NO_PITCH_NOTE = "No recording has a pitch, as in whispers, so it is not scored."

Folds = Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]


def score_systems(
    run: Run,
    chosen: Protocol,
    features: Path,
    strangers: DiagonalGMM | None,
    verifying: Mapping[str, Any],
    *,
    folds: Folds = (),
) -> dict[str, Path]:
    """Train what scores, and score; give the files of scores by system. With folds, strangers are adapted by them."""
    ubm, models, trials = run.out / "ubm.h5", run.out / "models.h5", run.out / "protocol" / "trials"
    systems = {"gmm-ubm": run.out / "scores" / "gmm-ubm"}
    speakers = len(set(chosen.background.values()))
    of = num_components(speakers, COMPONENTS_A_SPEAKER) if strangers is None else digest(*strangers.parameters())
    if run.todo("background-model", makes=[ubm], settings=[of, FOLDER_RELEVANCE if folds else None]):
        model = strangers or _train_background(ubm, chosen, features, run.jobs)
        if folds:
            with FeatureStore(features) as store:
                model = _adapted(model, _enrolled_statistics(model, store, chosen, run.jobs).values())
        model.save(ubm)
    if run.todo("score", makes=[models, systems["gmm-ubm"]], settings=[verifying, len(folds)]):
        verifier = SpeakerVerifier(load(ubm, DiagonalGMM), n_jobs=run.jobs, **verifying)
        with FeatureStore(features) as store:
            verifier.enroll_all(chosen.enrollment, store)
            if folds and strangers is not None:
                scores = _score_by_others(strangers, store, chosen, folds, run.jobs, verifying)
            else:
                scores = verifier.score_trials(chosen.trials, store)
            write_scores(systems["gmm-ubm"], scores)
        verifier.save(models)
    if speakers >= ENOUGH_FOR_PLDA:
        systems[PLDA] = run.out / "scores" / PLDA
        if run.todo("i-vectors", makes=[systems[PLDA]], of=[trials], settings=[SESSION, MOST_RANK]):
            with FeatureStore(features) as store:
                write_scores(systems[PLDA], _score_ivectors(load(ubm, DiagonalGMM), store, chosen, run.jobs))
    return systems


def folds_to_adapt_by(run: Run, chosen: Protocol) -> Folds:
    """Trials of others, and those scored by a background adapted to them; none where speakers are too few for it."""
    if len(chosen.enrollment) < FOLDS:
        return []
    who = trial_speakers(chosen.trials, chosen.owners, run.out / "protocol" / "trials")
    try:
        return list(speaker_folds(np.asarray(chosen.trials.is_target), *who, n_folds=FOLDS))
    except DataError:
        return []


def score_same_channel(run: Run, parts: DataDir, chosen: Protocol, systems: dict[str, Path]) -> str:
    """Add a system of the open background of 16 kHz whose frames keep what a microphone does to them; give a note."""
    features, scores = run.out / "features_same_channel.h5", run.out / "scores" / SAME_CHANNEL
    ubm = open_background(NOISE_RATE, same_channel=True)
    front = converting(FrontEnd.from_json(str(ubm.front_end_)))
    if run.todo("features-same-channel", makes=[features], settings=front):
        extract_features([parts.only(chosen.utterances())], features, front, n_jobs=run.jobs, channel="mix")
    if run.todo("score-same-channel", makes=[scores], settings=[WORDS_SAME_CHANNEL, digest(*ubm.parameters())]):
        verifier = SpeakerVerifier(ubm, n_jobs=run.jobs, **WORDS_SAME_CHANNEL)
        with FeatureStore(features) as store:
            verifier.enroll_all(chosen.enrollment, store)
            write_scores(scores, verifier.score_trials(chosen.trials, store))
    systems[SAME_CHANNEL] = scores
    return CHANNEL_NOTE


def score_with_pitch(run: Run, parts: DataDir, chosen: Protocol, systems: dict[str, Path]) -> str:
    """Add systems whose scores know how far apart the voices are in pitch, in which words differ little; give a note.

    None is added where no recording has a pitch.
    """
    plain = {name: path for name, path in systems.items() if name != PLDA}
    knowing = {name + WITH_PITCH: path.with_name(path.name + WITH_PITCH) for name, path in plain.items()}

    def measured() -> dict[str, float | None]:
        in_trials = {u for utterances in chosen.enrollment.values() for u in utterances} | set(chosen.trials.tests)
        spoken = parts.only(u for u in parts.utterances if u in in_trials)
        return pitches_of(spoken, channel="mix", n_jobs=run.jobs)

    pitches = kept(run, "pitches", run.out / "pitches.json", measured)
    without = sum(pitch is None for pitch in pitches.values())
    if without == len(pitches):
        return NO_PITCH_NOTE
    if run.todo("score-with-pitch", makes=knowing.values(), of=plain.values()):
        for scores, path in zip(knowing.values(), plain.values(), strict=True):
            write_scores(scores, with_pitch(read_scores(path), chosen.enrollment, pitches))
    systems |= knowing
    return PITCH_NOTE + (WITHOUT_PITCH_NOTE.format(without, counted(len(pitches), "recording")) if without else "")


def kept(run: Run, stage: str, path: Path, find: Callable[[], Any], **inputs: Any) -> Any:
    """Give what a stage finds, or has found before: JSON in a file. Inputs are those of `Run.todo`."""
    if run.todo(stage, makes=[path], **inputs):
        write_lines(path, [json.dumps(find())])
    return json.loads(path.read_text(encoding="utf-8"))


def _score_by_others(
    strangers: DiagonalGMM,
    store: FeatureStore,
    chosen: Protocol,
    folds: Folds,
    n_jobs: int | None,
    verifying: Mapping[str, Any],
) -> Scores:
    """Score each trial by a background of strangers adapted to others of the folder than the trial's two speakers.

    One adapted to all would know the speakers of nontarget trials, whom it then rejects more easily than strangers.
    """
    trials = chosen.trials
    stats = _enrolled_statistics(strangers, store, chosen, n_jobs)
    models, tests = np.asarray(trials.models), np.asarray(trials.tests)
    values = np.empty(len(models))
    for train, held_out in folds:
        ubm = _adapted(strangers, [stats[model] for model in dict.fromkeys(models[train].tolist())])
        verifier = SpeakerVerifier(ubm, n_jobs=n_jobs, **verifying)
        listed = TrialList(models[held_out].tolist(), tests[held_out].tolist())
        verifier.enroll_all({model: chosen.enrollment[model] for model in dict.fromkeys(listed.models)}, store)
        values[held_out] = verifier.score_trials(listed, store).values
    return Scores(trials.models, trials.tests, values)


def _enrolled_statistics(
    ubm: DiagonalGMM, store: FeatureStore, chosen: Protocol, n_jobs: int | None
) -> dict[str, GMMStats]:
    """Statistics of what each model is enrolled on."""
    enrolled = [(store[u] for u in utterances) for utterances in chosen.enrollment.values()]
    stats = ordered_map(lambda frames: ubm.accumulate(np.concatenate(list(frames))), enrolled, n_jobs=n_jobs)
    return dict(zip(chosen.enrollment, stats, strict=True))


def _adapted(ubm: DiagonalGMM, stats: Iterable[GMMStats]) -> DiagonalGMM:
    """Adapt the means of a background model; frames stay those of its front end."""
    model = map_adapt(ubm, reduce(add, stats), relevance_factor=FOLDER_RELEVANCE, update="m")
    model.front_end_ = ubm.front_end_
    return model


def _train_background(ubm: Path, chosen: Protocol, features: Path, n_jobs: int | None) -> DiagonalGMM:
    """Train a background model in which every speaker counts alike; it goes on where a killed one was."""
    size = num_components(len(set(chosen.background.values())), COMPONENTS_A_SPEAKER)
    with FeatureStore(features) as store, checkpoint_of(ubm) as checkpoint:
        frames, weight = balanced_frames(store, chosen.background)
        model = train_ubm(
            frames, min(size, len(weight) // 20 or 1), n_jobs=n_jobs, checkpoint=checkpoint, sample_weight=weight
        )
        model.front_end_ = store.front_end
    return model


def _score_ivectors(ubm: DiagonalGMM, store: FeatureStore, chosen: Protocol, n_jobs: int | None) -> Scores:
    """Train an extractor and PLDA on pieces of the background, and score the trials."""
    vectors, backend = train_ivectors(ubm, *_sessions(store, chosen.background), n_jobs=n_jobs)
    names = sorted({u for utterances in chosen.enrollment.values() for u in utterances})
    enrolled = dict(zip(names, vectors(store[name] for name in names), strict=True))
    means, _ = average_sessions(enrolled, chosen.enrollment)
    trials, tests = chosen.trials, list(dict.fromkeys(chosen.trials.tests))
    matrix = backend.score(means, vectors(store[name] for name in tests))
    return Scores(trials.models, trials.tests, of_matrix(matrix, list(chosen.enrollment), tests, trials))


def _sessions(store: FeatureStore, utt2spk: Mapping[str, str]) -> tuple[list[NDArray[np.float32]], list[str]]:
    """Pieces of about three seconds of the recordings of each speaker, short ones joined and alone, and whose they are.

    Of words, the joined ones tell what a voice is and those alone how far a word is from it.
    """
    recordings = utterances_of(utt2spk)
    most = max(2, MOST_SESSIONS // len(recordings))
    pieces: list[NDArray[np.float32]] = []
    speakers: list[str] = []
    for speaker, utterances in recordings.items():
        said = [store[u] for u in utterances]
        short = [frames for frames in said if len(frames) < SESSION]
        found = spread([*_pieces(said), *(short if len(short) > 1 else [])], most)
        pieces += found
        speakers += [speaker] * len(found)
    return pieces, speakers


def _pieces(recordings: Sequence[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    waiting: list[NDArray[np.float32]] = []
    for frames in recordings:
        waiting.append(frames)
        if sum(map(len, waiting)) >= SESSION:
            together = np.concatenate(waiting)
            yield from np.array_split(together, len(together) // SESSION)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)
