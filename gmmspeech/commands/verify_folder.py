"""Speaker verification on a folder of speakers, from recordings to error rates, with defaults for most folders."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gmmspeech.arguments import checked
from gmmspeech.audio import audio_format, read_audio
from gmmspeech.blocks import ordered_map
from gmmspeech.commands.conversion import converting, readable_utterances
from gmmspeech.commands.copies import leave_copies_out
from gmmspeech.commands.evaluation import Evaluation, evaluate_scores, report_file, trial_speakers
from gmmspeech.commands.extraction import extract_features
from gmmspeech.commands.groups import lacking, rows_of_groups, speaker_pitch_groups
from gmmspeech.commands.measures import of_utterances
from gmmspeech.commands.scores import fuse_files
from gmmspeech.commands.systems import ENOUGH_FOR_PLDA, VERIFIER, WORDS
from gmmspeech.commands.verify_protocol import (
    EVALUATED,
    Protocol,
    choose_protocol,
    cut_recordings,
    read_protocol,
    write_protocol,
)
from gmmspeech.commands.verify_systems import (
    ADAPTED_NOTE,
    PLDA,
    SAME_CHANNEL,
    WITH_PITCH,
    folds_to_adapt_by,
    kept,
    score_same_channel,
    score_systems,
    score_with_pitch,
)
from gmmspeech.corpora.speaker_folders import read_speaker_folders
from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechWarning, counted, shown, verbosity
from gmmspeech.features.compatibility import check_same_front_end, told_shift
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.pitch import median_pitch
from gmmspeech.features.quality import speech_quality
from gmmspeech.files.atomic import one_run_at_a_time, remove_leftovers, write_lines
from gmmspeech.formats.datadir import DataDir, read_map, utterances_of
from gmmspeech.formats.loading import load
from gmmspeech.formats.recordings import called
from gmmspeech.formats.trials import read_labeled_trials, read_scores, write_scores
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.pipeline import Run
from gmmspeech.scoring.calibration import fit_calibration
from gmmspeech.scoring.folds import fold_ratios
from gmmspeech.scoring.fusion import cross_fuse
from gmmspeech.scoring.trials import Scores, TrialList
from gmmspeech.speaker.plda import FEW_SPEAKERS
from gmmspeech.speaker.shipped import NOISE_FILE, NOISE_RATE, open_background, without_noise
from gmmspeech.stores.features import FeatureStore, write_store

WELL_MEASURED = 30  # speakers in trials: with fewer, a figure says little
SHORT_TEST = 3.0  # seconds of speech
RESAMPLES = 1000
VOICE_RECORDINGS, VOICE_SECONDS = 10, 8.0  # of each speaker, to tell low voices from high
OPEN = "open"  # in place of a file: the background model that comes along
STRANGERS = "The background model is {}, trained on other speakers, so all speakers of the folder are in trials."
OWN_NOTE = (
    "Without --background, {} of the folder would train the background, which is enough for i-vectors and PLDA. These "
    "then know the microphones of the folder: with single words, there are probably fewer errors."
)
NOISE_NOTE = (
    "In noisy recordings, up to half of the effect of steady noise on the frames is subtracted for gmm-ubm "
    "(gmmspeech.speaker.without_noise). models.h5 holds models of such frames."
)


@dataclass(frozen=True)
class Verification:
    """Result of `verify_folder`.

    Attributes
    ----------
    evaluation : Evaluation
        Metrics of the calibrated (or fused) scores, listed first, and of the single systems.
    notes : tuple of str
        Remarks on the reliability of the results and on how they were obtained.
    left_out : dict of str to str
        Files that were not used: path below the folder, and the reason.
    report : Path
        The report page.
    """

    evaluation: Evaluation
    notes: tuple[str, ...]
    left_out: Mapping[str, str]
    report: Path


@checked
def verify_folder(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    protocol: str | os.PathLike[str] | None = None,
    front_end: FrontEnd | None = None,
    background: str | os.PathLike[str] | None = None,
    random_state: int = 0,
    n_jobs: int | None = 1,
    progress: bool = True,
) -> Verification:
    """Run speaker verification on a folder of speakers and measure its error rates.

    Speakers are split into a background set, on which the models are trained, and trial speakers, whose recordings are
    split into enrollment and test. A background model is trained, every trial speaker is enrolled by MAP adaptation and
    scored against all tests; with 30 background speakers or more, i-vectors with PLDA are also scored. If tests have
    less than three seconds of speech, the scores include the pitch of the voices (`gmmspeech.scoring.with_pitch`) and,
    with the open background at 16 kHz, reduce the effect of noise (`gmmspeech.speaker.without_noise`) and include
    scores of frames that keep the effect of the microphone; the means of that background are adapted to the enrollment
    of the other speakers, in each trial without the two of the trial. Scores are calibrated, or fused, by
    cross-validation over speakers.

    An interrupted call can be repeated and resumes; a call with nothing new to do reads the results.

    Parameters
    ----------
    folder : path-like
        One subfolder for each speaker, with their recordings or with one folder of recordings for each session, such as
        a day. All formats of `read_audio` are allowed. If sampling rates differ, the lowest decides: 16 or 8 kHz.
    out : path-like
        Folder for all results: ``protocol``, ``report``, models, scores.
    protocol : path-like, optional
        Folder with ``background``, ``spk2utt`` and ``trials``, in the form that a call without it writes to
        ``out/protocol``.
    front_end : FrontEnd, optional
        By default that of `background`, or ``clean_speech``.
    background : path-like or "open", optional
        Background model to adapt from, or "open" for the included one of other speakers
        (`gmmspeech.speaker.open_background`). All speakers are then in trials. With few speakers, this gives far fewer
        errors.
    random_state : int
        Seed of the split.
    n_jobs : int
        Number of threads.
    progress : bool
        Show progress bars in a terminal or notebook for work that takes longer than two seconds.

    Returns
    -------
    Verification

    Raises
    ------
    DataError
        The folder does not exist, or has too few speakers or recordings.
    ConfigError
        `out` is the folder itself, or `background` is a model without a front end.
    FeatureError
        `front_end` is not that of `background`.

    Warns
    -----
    GmmSpeechWarning
        The background has fewer than 10 speakers.

    Examples
    --------
    >>> import pathlib, tempfile, warnings, numpy as np, soundfile, gmmspeech as gs
    >>> folder, rng = pathlib.Path(tempfile.mkdtemp()), np.random.default_rng(0)
    >>> for speaker in "abcdef":
    ...     (folder / "in" / speaker).mkdir(parents=True)
    ...     for take in range(3):  # noise of a band that is the speaker's
    ...         sound = np.convolve(rng.normal(0, 0.1, 8000), np.cos(np.arange(40) * (ord(speaker) - 96) / 3))
    ...         soundfile.write(folder / "in" / speaker / f"{take}.wav", sound / 20, 8000)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # three speakers are too few to learn from
    ...     found = gs.verify_folder(folder / "in", folder / "out")
    >>> found.report.name, len(found.evaluation.trials)
    ('index.html', 18)
    """
    source, place = Path(folder), Path(out)
    data, left_out = read_speaker_folders(source)
    if place.exists() and os.path.samefile(place, source):
        raise ConfigError(f"out: found {shown(place, 400)}, the folder of the recordings, expected another")
    seconds, rates = readable_utterances(data, left_out)
    leave_copies_out(data, seconds, left_out)
    data = data.only(seconds)
    rate = 16000 if rates[0] >= 16000 else 8000
    strangers = None if background is None else _background(background, rate)
    if strangers is not None and front_end is not None:
        _check_front_end(front_end, strangers)
    front = front_end or _front_end(rate, strangers)
    with one_run_at_a_time(place / "results"), verbosity(bars=progress):
        run, lists = Run(place, jobs=n_jobs or 1), place / "protocol"
        everyone = strangers is not None
        if protocol is not None:
            chosen = read_protocol(Path(protocol), data, left_out, everyone=everyone)
        else:
            chosen = choose_protocol(data, seconds, left_out, everyone=everyone, random_state=random_state)
        notes = [*chosen.notes, *([] if background is None else [STRANGERS.format(shown(background, 400))])]
        features, bad = place / "features.h5", place / "bad_recordings.json"
        parts = cut_recordings(data, chosen.utterances(), seconds)
        if run.todo("features", makes=[features, bad], of=[data], settings=[front, parts.utterances]):
            done = extract_features([parts], features, front, n_jobs=run.jobs, channel="mix", skip_bad=True)
            write_lines(bad, [json.dumps(done.skipped, ensure_ascii=True)])
        skipped = json.loads(bad.read_text(encoding="utf-8"))
        chosen = chosen.without(skipped)
        made = [lists / name for name in (*(() if everyone else ("background",)), "spk2utt", "owners", "trials")]
        if run.todo("protocol", makes=made, settings=[random_state, notes, chosen.digest()]):
            write_protocol(lists, chosen)
        speech = _speech(chosen, features)
        short = speech < SHORT_TEST
        words = short and background == OPEN and rate == NOISE_RATE
        scored = _without_noise(run, parts, features) if words else features
        folds = folds_to_adapt_by(run, chosen) if words else []
        systems = score_systems(run, chosen, scored, strangers, WORDS if words else VERIFIER, folds=folds)
        if words:
            notes += [*([ADAPTED_NOTE] if folds else []), NOISE_NOTE, score_same_channel(run, parts, chosen, systems)]
        if short:
            notes.append(score_with_pitch(run, parts, chosen, systems))
        notes += _told_of_rates(rates, front.sample_frequency)
        evaluation, told = _evaluate(run, data, chosen, systems, speech, notes)
        run.close()
    return Verification(evaluation, tuple(told), {**left_out, **skipped}, place / "report" / "index.html")


def _told_of_rates(rates: Sequence[int], rate: int) -> list[str]:
    """Notes on the rates that recordings have, rising, beside that of the front end."""
    notes = []
    if len(rates) > 1:
        notes.append(f"Recordings have {rates[0]} to {rates[-1]} Hz; all are worked on at {rate} Hz.")
    if rates[0] < rate:
        lacking = f"have no sound above {rates[0] / 2:g} Hz, unlike others and a background model of that rate"
        notes.append(
            f"Recordings of {rates[0]} Hz are worked on at {rate} Hz but {lacking}: that may cause many errors. A "
            "front end or background model of the lowest rate avoids it."
        )
    return notes


def _background(name: str | os.PathLike[str], rate: int) -> DiagonalGMM:
    """Give the background model that comes along, or that of a file."""
    if name == OPEN:
        return open_background(rate)
    model: DiagonalGMM = load(Path(name), DiagonalGMM)
    if model.front_end_ is None:
        raise ConfigError(f"{name}: found no front end in it, expected a background model of train-ubm")
    return model


def _check_front_end(front_end: FrontEnd, strangers: DiagonalGMM) -> None:
    """Check that a background model is of the frames of a front end that was given beside it."""
    try:
        check_same_front_end(strangers.front_end_, front_end.to_json(), model="the background", frames="front_end")
    except FeatureError as error:
        raise FeatureError(f"{error}; without any, the background's own is taken") from None


def _front_end(rate: int, strangers: DiagonalGMM | None) -> FrontEnd:
    """Give that of a background model, or that of clean speech at a rate."""
    if strangers is not None and strangers.front_end_ is not None:
        return converting(FrontEnd.from_json(strangers.front_end_))
    return converting(FrontEnd.from_toml("clean_speech"), rate)


def _without_noise(run: Run, parts: DataDir, features: Path) -> Path:
    """Write the frames that single words are scored by."""
    out = run.out / "features_without_noise.h5"
    if run.todo("noise", makes=[out], of=[NOISE_FILE]):
        with FeatureStore(features) as store:
            quality = of_utterances(speech_quality, parts.only(store), "noise", channel="mix", n_jobs=run.jobs)
            freed = ((u, without_noise(frames, quality[u].snr)) for u, frames in store.items())
            write_store(out, freed, front_end=store.front_end)
    return out


def _evaluate(
    run: Run, data: DataDir, chosen: Protocol, systems: Mapping[str, Path], speech: float, notes: Sequence[str]
) -> tuple[Evaluation, list[str]]:
    """Calibrate, and give the figures and all notes, with a report on them."""
    place = run.out
    trials, llrs, noted = place / "protocol" / "trials", place / "scores" / "calibrated", place / "notes.json"
    voices = kept(run, "voices", place / "voices.json", lambda: _voices(data, chosen, run.jobs))

    def calibrated() -> list[str]:
        llrs.unlink(missing_ok=True)
        remove_leftovers(llrs, place / "calibration.h5")
        known = [voices[speaker] for speaker in set(chosen.background.values())]
        tried = [voices[chosen.owners[test]] for test in set(chosen.trials.tests)]
        # Scores with pitch have those without it in them, but beside PLDA how much it counts is learned.
        within = {name for name in systems if name + WITH_PITCH in systems and PLDA not in systems}
        used = [path for name, path in systems.items() if name not in within]
        found = _calibrate(place, llrs, used, choosing=SAME_CHANNEL not in systems)
        return [*_worth(chosen, speech), *(lacking(known, tried) if known else ()), *found, *notes]

    told: list[str] = kept(run, "calibrate", noted, calibrated, of=[trials, *systems.values()], settings=notes)
    background = len(set(chosen.background.values()))
    if 0 < background < FEW_SPEAKERS:
        few = f"found {counted(background, 'speaker')} in the background, expected {FEW_SPEAKERS} or more"
        warnings.warn(f"verification: {few}: models of so few know these, not what tells speakers apart",
                      GmmSpeechWarning, stacklevel=3)  # fmt: skip
    scored = [*([llrs] if llrs.exists() else []), *systems.values()]
    evaluation = evaluate_scores(scored, trials, bootstrap=RESAMPLES, speakers=[place / "protocol" / "owners"])
    if run.todo("report", makes=[place / "report" / "index.html"], of=[noted]):
        _write_report(place, data, chosen, evaluation, told, voices)
    return evaluation, told


def _write_report(
    place: Path,
    data: DataDir,
    chosen: Protocol,
    evaluation: Evaluation,
    notes: Sequence[str],
    voices: Mapping[str, str],
) -> None:
    """Write the page on the figures, with what was in the trials and errors of low and high voices."""
    background, protocol = len(set(chosen.background.values())), place / "protocol"
    counts = {
        "in trials": len(chosen.enrollment),
        **({"in the background": background} if background else {}),
        "recordings for enrollment": sum(map(len, chosen.enrollment.values())),
        "recordings as tests": len(set(chosen.trials.tests)),
    }
    groups = {name: voices[speaker] for name, speaker in chosen.owners.items()}
    by_group = rows_of_groups(evaluation.systems[0].scores, evaluation.trials, groups, protocol / "owners")
    report_file(
        replace(evaluation, trials=_as_named(data, evaluation.trials)),
        protocol / "trials",
        place / "report",
        models=place / "models.h5",
        notes=notes,
        tables={"Speakers": counts},
        by_group=by_group,
    )


def _as_named(data: DataDir, trials: TrialList) -> TrialList:
    """Trials under the names that folders and recordings have, whose ids are escaped."""
    names = {id: called(data, id) for id in {*trials.models, *trials.tests}}
    return replace(trials, models=[names[id] for id in trials.models], tests=[names[id] for id in trials.tests])


def _voices(data: DataDir, chosen: Protocol, n_jobs: int | None) -> dict[str, str]:
    """Tell low from high voices, by some seconds of some recordings of each speaker."""
    whole = sorted({utterance.split("#")[0] for utterance in chosen.utterances()})
    heard = utterances_of({utterance: data.utt2spk[utterance] for utterance in whole})
    names = [utterance for speaker in sorted(heard) for utterance in heard[speaker][:VOICE_RECORDINGS]]

    def measure(utterance: str) -> float | None:
        path = data.recordings[utterance]
        signal, rate = read_audio(path, channel="mix", end=min(VOICE_SECONDS, audio_format(path).duration))
        return median_pitch(signal, rate)

    pitches = dict(zip(names, ordered_map(measure, names, n_jobs=n_jobs), strict=True))
    return speaker_pitch_groups(pitches, data.utt2spk)


def _worth(chosen: Protocol, speech: float) -> Iterator[str]:
    """Yield what figures of so many speakers and so short tests are worth."""
    speakers, background = len(chosen.enrollment), len(set(chosen.background.values()))
    others = 100 * (1 - 0.05 ** (1 / speakers))
    little = " These figures mean little." if speakers < WELL_MEASURED else ""
    yield (
        f"{counted(speakers, 'speaker')} are in trials.{little} A single speaker who is often confused changes an "
        f"error rate by {100 / speakers:.1f} points. Even if no speaker were ever confused, up to {others:.0f} % of "
        "other speakers might be (95 % confidence). The intervals below come from resampling the speakers, and are too "
        "short if these are few."
    )
    if 0 < background < FEW_SPEAKERS:
        yield (
            f"The background has {counted(background, 'speaker')}, expected {FEW_SPEAKERS} or more: models of so few "
            "know these speakers, not what distinguishes speakers. A larger background gives fewer errors, such as the "
            "open one that ships with the package (--background open)."
        )
    if not background and speech < SHORT_TEST and speakers * (1 - EVALUATED) >= ENOUGH_FOR_PLDA:
        yield OWN_NOTE.format(counted(round(speakers * (1 - EVALUATED)), "speaker"))
    if speech < SHORT_TEST:
        yield f"The median test has {speech:.1f} s of speech. With whole sentences, there would be far fewer errors."


def _speech(chosen: Protocol, features: Path) -> float:
    """Give the seconds of speech of the tests, in the median; infinite where nothing tells how long a frame is."""
    with FeatureStore(features) as store:
        shift = told_shift(store.front_end)
        frames = np.median([store.num_frames(test) for test in set(chosen.trials.tests)])
    return float("inf") if shift is None else float(frames * shift / 1000)


def _calibrate(place: Path, out: Path, paths: Sequence[Path], *, choosing: bool) -> Iterator[str]:
    """Write scores on the scale of likelihood ratios, by maps that know neither speaker; yield notes on them.

    Where a system may be chosen, systems are fused only if that gains for certain.
    """
    trials = read_labeled_trials(place / "protocol" / "trials")
    columns = np.column_stack([read_scores(path).align(trials) for path in paths])
    is_target = np.asarray(trials.is_target)
    who = is_target, *trial_speakers(trials, read_map(place / "protocol" / "owners"), place / "protocol" / "trials")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GmmSpeechWarning)  # the notes tell of few speakers
            fusion = cross_fuse(columns, *who) if choosing and len(paths) > 1 else None
        used = columns if fusion is None or fusion.kept is None else columns[:, [fusion.kept]]
        values = fold_ratios(used, *who, fit=fit_calibration)[1]
        fuse_files(paths, place / "protocol" / "trials", place / "calibration.h5")
        if fusion is not None and fusion.kept is not None:
            yield f"Fusing the systems gains too little to be certain: {paths[fusion.kept].name} is calibrated alone."
    except DataError as error:
        yield f"Scores are not calibrated: too few speakers are in trials for cross-validation ({error})."
        return
    write_scores(out, Scores(trials.models, trials.tests, values))
