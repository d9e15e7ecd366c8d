"""Forensic comparison of recordings: the likelihood ratio of a case, and the validation of such ratios."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gmmspeech.audio import read_audio
from gmmspeech.audio.conditions import is_narrow, parse_conditions
from gmmspeech.commands.conversion import converting
from gmmspeech.commands.copies import file_digest
from gmmspeech.commands.evidence_scores import SYSTEMS, Scored, Sides, background_model, score_systems
from gmmspeech.commands.population import (
    Population,
    Recorded,
    Signal,
    read_population,
    record,
    record_all,
)
from gmmspeech.commands.verify_protocol import SHORTEST_CUT, Protocol, choose_protocol, told_left_out
from gmmspeech.errors import DataError, GmmSpeechWarning, counted, naming
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.files.atomic import check_output_folder, remove_leftovers
from gmmspeech.formats.recordings import called
from gmmspeech.formats.trials import write_scores, write_trials
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.metrics.bootstrap import bootstrap_ci
from gmmspeech.report.evidence import WELL_MEASURED, Evidence, write_evidence
from gmmspeech.scoring.calibration import Calibration, fit_bounded, fit_calibration
from gmmspeech.scoring.folds import fold_ratios
from gmmspeech.scoring.intervals import llr_interval
from gmmspeech.scoring.trials import Scores

FRONT_END = "voice_comparison"
LOWEST_RATE = 8000
FEWEST_SPEAKERS = 9  # so that four are in trials
FEWEST_IN_TRIALS = 4  # two to learn a calibration from that knows neither speaker of a trial
RESAMPLES = 1000  # a fifth of that for the case, whose calibration is learned anew of each
SIDES = "tests, as the questioned recording", "models, as the known ones"


def compare_recordings(
    questioned: Path,
    known: Sequence[Path],
    population: Path,
    out: Path,
    *,
    conditions: str = "",
    known_conditions: str = "",
    config: str = FRONT_END,
    n_components: int | None = None,
    random_state: int = 0,
    n_jobs: int | None = 1,
) -> Evidence:
    """Compare a questioned recording with those of a known speaker, and write a report on the validation.

    The speakers of the population are split: some train the background model, the others are in trials, where one side
    goes through `conditions` (those of the questioned recording) and is no longer than it, the other through
    `known_conditions`. Of the scores of these trials a calibration with bounds is learned, for validation by folds that
    know neither speaker of a trial, for the case of all of them.

    Parameters
    ----------
    questioned : Path
    known : sequence of Path
        Together they make the model.
    population : Path
        A data directory, or a folder for each speaker.
    out : Path
        Folder: ``index.html``, ``trials``, ``scores``, ``llrs``, ``ubm.h5``, ``calibration.h5``, and what that was
        learned of: for each system its scores of the trials, ``NAME.scores``, and of the case, ``NAME.case``.
    conditions, known_conditions : str
        See `simulate_conditions`.
    config : str
        Front end.
    n_components : int, optional
        Of the background model; else by the number of its speakers.
    random_state : int
        Of the split, the background model and noise.
    n_jobs : int
        Threads.
    """
    ways = parse_conditions(conditions), parse_conditions(known_conditions)
    check_output_folder(out)
    files = [questioned, *known]
    signals, digests = [read_audio(path, channel="mix") for path in files], [file_digest(str(path)) for path in files]
    _check_case(files, signals)
    found = read_population(population, digests)
    if found.rate < LOWEST_RATE:
        raise DataError(f"{population}: found recordings of {found.rate} Hz, expected {LOWEST_RATE} or more")
    front = _front_end(config, min([found.rate, *(rate for _, rate in signals)]), ways)
    case, *models = [record(signal, front, str(path)) for signal, path in zip(signals, files, strict=True)]
    model = Recorded(np.concatenate([each.frames for each in models]), _together(models))
    if len(found.speakers) < FEWEST_SPEAKERS:
        speakers = f"{counted(len(found.speakers), 'speaker')}{told_left_out(found.left_out)}"
        raise DataError(f"{population}: found {speakers}, expected {FEWEST_SPEAKERS} or more")
    chosen = choose_protocol(found.data, found.seconds, found.left_out, random_state=random_state)
    _check_trials(population, chosen, found.left_out)
    bad: dict[str, str] = {}
    options: dict[str, Any] = {"front": front, "bad": bad, "n_jobs": n_jobs}
    tests = record_all(
        found, list(dict.fromkeys(chosen.trials.tests)), conditions=ways[0], limit=len(case.frames), **options
    )
    names = sorted({name for each in chosen.enrollment.values() for name in each})
    enrolled = record_all(found, names, conditions=ways[1], limit=len(model.frames), **options)
    learned = [record_all(found, list(chosen.background), conditions=way, **options) for way in dict.fromkeys(ways)]
    with naming(population, DataError):
        chosen = chosen.without(bad)
    _check_trials(population, chosen, {**bad, **found.left_out})
    sides = Sides(chosen, learned, enrolled, tests, model, case)
    ubm = background_model(sides, front, n_components, random_state=random_state, n_jobs=n_jobs)
    scored = score_systems(ubm, sides, n_jobs=n_jobs)
    settings: dict[str, Mapping[str, object]] = {
        "Case": _digests(files, digests),
        "Population": _described(found, population, chosen),
        "Conditions": {f"{side}:": ", ".join(way) or "as recorded" for side, way in zip(SIDES, ways, strict=True)},
        "System": _system(ubm, front, list(scored), random_state),
    }
    evidence = Evidence(
        **_calibrated(scored, chosen),
        questioned=case.quality,
        known=model.quality,
        tests=[each.quality for each in tests.values()],
        enrolled=[_together([enrolled[name] for name in names]) for names in chosen.enrollment.values()],
        settings=settings,
        notes=_notes(chosen),
        left_out={**found.left_out, **bad},
        called={name: called(found.data, name) for name in {*chosen.trials.models, *chosen.trials.tests}},
    )
    _write(out, evidence, ubm, scored)
    return evidence


def _check_case(files: Sequence[Path], signals: Sequence[Signal]) -> None:
    """Check that the recordings are different ones, whatever format they are in, at a rate that the models have."""
    for i, (path, (samples, rate)) in enumerate(zip(files, signals, strict=True)):
        if rate < LOWEST_RATE:
            raise DataError(f"{path}: found {rate} Hz, expected {LOWEST_RATE} or more")
        same = [j for j in range(i) if np.array_equal(signals[j][0], samples)]
        if same:
            where = (
                "the questioned recording among the known ones" if same[0] == 0 else f"the samples of {files[same[0]]}"
            )
            raise DataError(f"{path}: found {where}, expected others")


def _check_trials(population: Path, chosen: Protocol, left_out: Mapping[str, str]) -> None:
    """Check that enough speakers are in trials."""
    if len(chosen.enrollment) < FEWEST_IN_TRIALS:
        few = f"{counted(len(chosen.enrollment), 'speaker')} for trials{told_left_out(left_out)}"
        expected = f"{FEWEST_IN_TRIALS} with several recordings of speech, or one of {SHORTEST_CUT:g} s or more"
        raise DataError(f"{population}: found {few}, expected {expected}")


def _front_end(config: str, rate: int, ways: Sequence[Sequence[str]]) -> FrontEnd:
    """Front end at the highest of 8 and 16 kHz that all recordings have."""
    rate = 16000 if rate >= 16000 and not any(map(is_narrow, ways)) else LOWEST_RATE
    return converting(FrontEnd.from_file(config), rate)


def _together(parts: Sequence[Recorded]) -> Any:
    """Quality of recordings taken as one: all their speech, and the mean ratio."""
    qualities = [each.quality for each in parts]
    return qualities[0]._replace(
        seconds=sum(each.seconds for each in qualities), snr=float(np.mean([each.snr for each in qualities]))
    )


def _calibrated(scored: Scored, chosen: Protocol) -> dict[str, Any]:
    """Calibrate (and fuse) validation and case."""
    trials, owners = chosen.trials, chosen.owners
    is_target = np.asarray(trials.is_target)
    who = is_target, [owners[name] for name in trials.models], [owners[name] for name in trials.tests]
    columns = np.column_stack([of_trials for of_trials, _ in scored.values()])
    case = np.array([of_case for _, of_case in scored.values()])
    fit = partial(fit_bounded, fit=fit_calibration)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GmmSpeechWarning)  # the report tells of few speakers, and of ratios upside down
        llrs, _ = fold_ratios(columns, *who, fit=fit)
        _, scores = fold_ratios(columns, *who, fit=fit_calibration)
        intervals = bootstrap_ci(llrs, *who, metrics=["cllr", "min_cllr"], n_resamples=RESAMPLES)
        intervals |= bootstrap_ci(scores, *who, metrics=["eer"], n_resamples=RESAMPLES)
        calibration = fit(columns[is_target], columns[~is_target])
        if isinstance(calibration, Calibration) and len(scored) > 1:
            calibration = replace(calibration, systems=tuple(scored))
        return {
            "llr": llr_interval(case, columns, *who, fit=fit, n_resamples=RESAMPLES // 5),
            "score": float(fit_calibration(columns[is_target], columns[~is_target]).apply(case[None])[0]),
            "trials": trials,
            "scores": scores,
            "llrs": llrs,
            "calibration": calibration,
            "intervals": intervals,
        }


def _notes(chosen: Protocol) -> tuple[str, ...]:
    found = len(chosen.enrollment)
    few = f"{counted(found, 'speaker')} are in the validation: intervals are too short, and the bounds narrow."
    return (*chosen.notes, *([few] if found < WELL_MEASURED else []))


def _digests(files: Sequence[Path], digests: Sequence[str]) -> dict[str, object]:
    kinds = ["questioned", *(f"known {number}" for number in range(1, len(files)))]
    return {f"{kind}: {path.name}": f"SHA-256 {digest}" for kind, path, digest in
            zip(kinds, files, digests, strict=True)}  # fmt: skip


def _described(found: Population, folder: Path, chosen: Protocol) -> dict[str, object]:
    return {
        "folder": folder.name,
        "recordings": f"{len(found.seconds)} of {counted(len(found.speakers), 'speaker')}",
        "speakers in the background": len(set(chosen.background.values())),
        "speakers in the validation": len(chosen.enrollment),
        "digest of all recordings": f"SHA-256 {found.digest}",
    }


def _system(ubm: DiagonalGMM, front: FrontEnd, systems: Sequence[str], random_state: int) -> dict[str, object]:
    from importlib.metadata import version
    from platform import python_version

    packages = ", ".join(f"{name} {version(name)}" for name in ("gmmspeech", "numpy", "scipy", "soundfile", "soxr"))
    return {
        "front end": f"{front.describe()} at {front.sample_frequency} Hz",
        "background model": counted(len(ubm.weights_), "component"),
        "systems": "; ".join(SYSTEMS[name] for name in systems),
        "calibration": "logistic regression of the scores of all systems, with empirical bounds (ELUB)",
        "seed": random_state,
        "versions": f"{packages}, Python {python_version()}",
    }


def _write(out: Path, evidence: Evidence, ubm: DiagonalGMM, scored: Scored) -> None:
    """Write the report and what it was made of, by which ratio and figures can be recomputed."""
    out.mkdir(parents=True, exist_ok=True)
    trials = evidence.trials
    values = {"scores": evidence.scores, "llrs": evidence.llrs}
    values |= {f"{name}.scores": of_trials for name, (of_trials, _) in scored.items()}
    cases = {f"{name}.case": np.array([of_case]) for name, (_, of_case) in scored.items()}
    remove_leftovers(*(out / name for name in ("trials", *values, *cases, "ubm.h5", "calibration.h5")))
    for old in (out / f"{name}.{kind}" for name in SYSTEMS.keys() - scored.keys() for kind in ("scores", "case")):
        old.unlink(missing_ok=True)
    write_trials(out / "trials", trials)
    for name, of_trials in values.items():
        write_scores(out / name, Scores(trials.models, trials.tests, of_trials))
    for name, of_case in cases.items():
        write_scores(out / name, Scores(["known"], ["questioned"], of_case))
    ubm.save(out / "ubm.h5")
    evidence.calibration.save(out / "calibration.h5")
    write_evidence(out, evidence)
