"""Verification of speakers by a single digit: on the part `verify`, on late takes, and on other parts; see `run.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import evaluation, verification
from gmmspeech.files.checkpoints import checkpoint_of
from gmmspeech.formats.datadir import DataDir, write_map
from gmmspeech.formats.trials import write_trials
from gmmspeech.metrics.summary import Summary
from gmmspeech.report import rows

MFCC = gs.FrontEnd.from_toml(Path(__file__).with_name("front_end.toml"))
_LFCC = {"type": "lfcc", "num_ceps": 24, "num_mel_bins": 30, "use_energy": False}
LFCC = gs.FrontEnd(**{**json.loads(MFCC.to_json()), "features": _LFCC})
EARLY, LATE = ("05", "06"), ("45", "46", "47", "48")  # takes: enrolled on the first, tested on the others


@dataclass(frozen=True)
class System:
    """Background, its size, frames and scores; one of strangers lets each of its speakers count alike."""

    background: str
    components: int | None
    verifier: Mapping[str, Any]
    front_end: gs.FrontEnd = MFCC


# Few components: a background model that knows the very speakers it is compared with knows each apart, if large.
ONE_WAY = {"relevance_factor": 4.0, "scoring": "frames"}
SYMMETRIC = {"relevance_factor": 4.0, "update": "mvw", "scoring": "symmetric"}
SYSTEMS = {
    "alone": System("alone", 16, ONE_WAY),
    "earlier": System("earlier", 16, ONE_WAY),
    "open": System("open", None, SYMMETRIC),
    "pooled": System("pooled", 32, ONE_WAY),
    "strangers": System("strangers", 128, SYMMETRIC),
    "strangers, LFCC": System("strangers", 128, SYMMETRIC, LFCC),
}
OWN = "alone"  # background of other takes of the speakers themselves
FUSIONS = {"alone and open": (OWN, "open"), "fused": (OWN, "strangers", "strangers, LFCC")}
WITHOUT_LATE = "earlier"  # stands for `OWN` where the late takes are tested
KNOWING = (OWN, "pooled")  # backgrounds that have the late takes


def verify_speakers(
    run: pipeline.Run,
    train: DataDir,
    parts: Mapping[str, DataDir],
    everything: DataDir,
    pool: Path | None,
    seeds: int,
) -> None:
    """Verify speakers of some parts, the first of which calibrates, and of late takes where there are any."""
    first = next(iter(parts))
    enrolled = {u for utterances in gs.read_list_map(parts[first].path / "enroll_spk2utt").values() for u in utterances}
    others = train.only(u for u in train.utterances if u not in enrolled)
    backgrounds: dict[str, list[DataDir]] = {"open": [], OWN: [others]}
    if pool is not None:
        backgrounds["pooled"] = [others, gs.read_data_dir(pool / "data" / "ubm")]
        backgrounds["strangers"] = [gs.read_data_dir(pool / "data" / "background")]
    lists, sets = {name: part.path for name, part in parts.items()}, dict(parts)
    if any(u[-2:] in LATE for u in everything.utterances):
        lists["late"] = write_late(run, everything)
        sets["late"] = everything.only(u for u in everything.utterances if u[-2:] in EARLY + LATE)
        backgrounds[WITHOUT_LATE] = [others.only(u for u in others.utterances if u[-2:] not in LATE)]
    systems = {name: system for name, system in SYSTEMS.items() if system.background in backgrounds}
    used = {part: [name for name in systems if may_test(part, name, first)] for part in sets}
    verified, calibrated = [], []
    for name, system in systems.items():
        ubms = train_background(run, name, system, backgrounds[system.background], seeds)
        for part, data in sets.items():
            if name in used[part]:
                summaries = score(run, name, system, part, data, lists[part], ubms)
                if part == first:
                    verified.append(rows.verification_row(f"{first}, UBM {name}", summaries))
    fusions = {name: members for name, members in FUSIONS.items() if set(members) <= set(systems)}
    for part, names in used.items():
        own = WITHOUT_LATE if part == "late" else OWN
        for name in (*names, *fusions):
            members = [own if each == OWN else each for each in fusions.get(name, (name,))]
            llrs = run.out / f"llrs-{part}-{name}"
            if run.todo(f"calibrate-{part}-{name}", makes=[llrs], settings=members):
                write_mean_ratios(run, members, (first, lists[first]), (part, lists[part]), llrs)
            found = evaluation.evaluate_file(llrs, lists[part] / "trials")
            label = f"{part}, {name if name in fusions else 'UBM ' + name}"
            calibrated.append(rows.calibrated_row(label, "itself" if part == first else first, found))
    run.results(verified, "verification")
    run.results(calibrated, "calibrated")


def may_test(part: str, system: str, first: str) -> bool:
    """Whether a system knows no take that a part tests; that of late takes is for these, and calibrated on `first`."""
    return system not in KNOWING if part == "late" else system != WITHOUT_LATE or part == first


def write_late(run: pipeline.Run, everything: DataDir) -> Path:
    """Write who is enrolled on early takes, and the trials of late ones."""
    folder, speakers = run.out / "late", everything.utt2spk
    if run.todo("late", makes=[folder / "trials"], of=[everything], settings=[EARLY, LATE]):
        said = {speaker: [u for u in everything.utterances if speakers[u] == speaker and u[-2:] in EARLY] for speaker in
                sorted(set(speakers.values()))}  # fmt: skip
        tests = {u: speakers[u] for u in everything.utterances if u[-2:] in LATE}
        write_map(folder / "enroll_spk2utt", said)
        write_trials(folder / "trials", gs.scoring.make_trials({s: s for s in said}, tests))
    return folder


def extract(run: pipeline.Run, name: str, parts: Sequence[DataDir], front_end: gs.FrontEnd) -> Path:
    """Extract the features of some parts."""
    path = run.out / f"feats-{name}.h5"
    if run.todo(f"features-{name}", makes=[path], of=parts, settings=front_end):
        gs.extract_features(list(parts), path, front_end, n_jobs=run.jobs)
    return path


def train_background(
    run: pipeline.Run, name: str, system: System, background: Sequence[DataDir], seeds: int
) -> list[Path]:
    """Train a background model of each seed, or take the one that comes along."""
    if not background:
        return [pipeline.take_open_background(run, MFCC.sample_frequency)]
    frames = extract(run, f"ubm-{name}", background, system.front_end)
    ubms = [run.out / f"ubm-{name}-seed{seed}.h5" for seed in range(seeds)]
    if run.todo(f"ubm-{name}", makes=ubms, settings=[system, seeds]):
        speakers = {u: part.utt2spk[u] for part in background for u in part.utterances}
        for seed, path in enumerate(ubms):
            if system.background != "strangers":
                verification.train_ubm_file(frames, path, system.components, random_state=seed, n_jobs=run.jobs)
                continue
            with gs.FeatureStore(frames) as store, checkpoint_of(path) as checkpoint:
                drawn, weight = gs.speaker.balanced_frames(store, speakers)
                options: dict[str, Any] = {"random_state": seed, "n_jobs": run.jobs, "checkpoint": checkpoint}
                model = gs.train_ubm(drawn, system.components, sample_weight=weight, **options)
                model.front_end_ = store.front_end
                model.save(path)
    return ubms


def score(
    run: pipeline.Run, name: str, system: System, part: str, data: DataDir, lists: Path, ubms: Sequence[Path]
) -> list[Summary]:
    """Score the trials of a part by every background model, and by the mean of their scores; evaluate each."""
    features = extract(run, f"{part}-{system.front_end.features.type}", [data], system.front_end)
    sessions, trials = (lists / file for file in ("enroll_spk2utt", "trials"))
    mean, report = run.out / f"scores-{part}-{name}", run.out / f"report-{part}-{name}"
    paths = [Path(f"{mean}-seed{seed}") for seed in range(len(ubms))]
    makes = [mean, *paths, report / "index.html"]
    if run.todo(f"verify-{part}-{name}", makes=makes, of=[sessions, trials], settings=[system, len(ubms)]):
        listed, values = gs.read_trials(trials), []
        for ubm, path in zip(ubms, paths, strict=True):
            verifier = gs.SpeakerVerifier(gs.load(ubm), n_jobs=run.jobs, **system.verifier)
            with gs.FeatureStore(features) as store:
                verifier.enroll_all(gs.read_list_map(sessions), store)
                values.append(verifier.score_trials(listed, store).values)
            gs.write_scores(path, gs.Scores(listed.models, listed.tests, values[-1]))
            verifier.save(f"{path}.models.h5")
        gs.write_scores(mean, gs.Scores(listed.models, listed.tests, np.mean(values, axis=0)))
        evaluation.evaluate_file(paths[0], trials, report=report, models=Path(f"{paths[0]}.models.h5"))
    return [evaluation.evaluate_file(path, trials) for path in paths]


def write_mean_ratios(
    run: pipeline.Run, systems: Sequence[str], learned: tuple[str, Path], part: tuple[str, Path], out: Path
) -> None:
    """Calibrate each system on the part to learn from, and write the mean of its ratios over systems.

    Weights of a fusion are not learned: six speakers in one session teach none.
    """
    listed, found = gs.read_trials(part[1] / "trials"), []
    for name in systems:
        targets, nontargets = evaluation.split_scores(run.out / f"scores-{learned[0]}-{name}", learned[1] / "trials")
        calibration = gs.scoring.fit_calibration(targets, nontargets)
        found.append(calibration.apply(gs.read_scores(run.out / f"scores-{part[0]}-{name}").align(listed)))
    gs.write_scores(out, gs.Scores(listed.models, listed.tests, np.mean(found, axis=0)))
