"""Stages of the recipe: models adapted from background models on two front ends, i-vectors with PLDA, all fused."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.evaluation import aligned_scores, evaluate_file
from gmmspeech.commands.perturbation import perturb_data
from gmmspeech.commands.scores import apply_calibration_file, cross_calibrate_files, fuse_files
from gmmspeech.formats.datadir import DataDir
from gmmspeech.report.rows import calibrated_row
from gmmspeech.scoring.trials import of_matrix


def features_of(run: pipeline.Run, kind: str, part: str) -> Path:
    """Path of the features of a part."""
    return run.out / f"feats-{kind}-{part}.h5"


def of_seeds(run: pipeline.Run, name: str, seeds: int) -> list[Path]:
    """Paths of the models of each seed."""
    return [run.out / f"{name}-seed{seed}.h5" for seed in range(seeds)]


def extract(run: pipeline.Run, kind: str, front: gs.FrontEnd, parts: Mapping[str, DataDir]) -> None:
    """Compute the features of all parts."""
    for name, data in parts.items():
        features = features_of(run, kind, name)
        if run.todo(f"features-{kind}-{name}", makes=[features], of=[data], settings=front):
            gs.extract_features([data], features, front, n_jobs=run.jobs)


def train_ubms(run: pipeline.Run, kind: str, components: int, seeds: int) -> None:
    """Train a background model of each seed."""
    ubms = of_seeds(run, f"ubm-{kind}", seeds)
    if run.todo(f"ubm-{kind}", makes=ubms, settings=[components, seeds]):
        for seed, ubm in enumerate(ubms):
            checkpoint = gs.Checkpoint(f"{ubm}.checkpoint")
            with gs.FeatureStore(features_of(run, kind, "ubm")) as store:
                options = {"random_state": seed, "n_jobs": run.jobs, "checkpoint": checkpoint}
                gs.train_ubm(store, components, **options).save(ubm)
            checkpoint.remove()


def train_plda(
    run: pipeline.Run,
    background: DataDir,
    front: gs.FrontEnd,
    speeds: Sequence[float],
    pieces: int,
    rank: int,
    seeds: int,
) -> None:
    """Train i-vectors and PLDA on pieces of the background, as it is and at other speeds, with each seed's model."""
    copies, features = [run.out / "data" / f"speed-{speed:g}" for speed in speeds], features_of(run, "MFCC", "copies")
    makes = [features, *(folder / "wav.scp" for folder in copies)]
    if run.todo("copies", makes=makes, of=[background], settings=[speeds, front]):
        for speed, folder in zip(speeds, copies, strict=True):
            perturb_data(background.path, folder, speed=speed)
        gs.extract_features(list(map(gs.read_data_dir, copies)), features, front, n_jobs=run.jobs)
    made = [of_seeds(run, kind, seeds) for kind in ("extractor", "plda")]
    if run.todo("plda", makes=[*made[0], *made[1]], settings=[rank, pieces, speeds]):
        utt2spk = {u: s for data in (background, *map(gs.read_data_dir, copies)) for u, s in data.utt2spk.items()}
        for ubm, extractor, plda in zip(of_seeds(run, "ubm-MFCC", seeds), *made, strict=True):
            model = gs.load(ubm)
            stats, speakers = count_pieces(run, model, utt2spk, pieces)
            most = min(rank, len(stats) // pieces)
            trained = gs.speaker.train_ivector_extractor(model, stats, most, random_state=0, n_jobs=run.jobs)
            vectors = trained.extract(stats, n_jobs=run.jobs)
            trained.save(extractor)
            gs.speaker.train_backend(vectors, np.array(speakers), steps=("whiten", "length")).save(plda)


def count_pieces(
    run: pipeline.Run, ubm: gs.DiagonalGMM, utt2spk: Mapping[str, str], pieces: int
) -> tuple[list[gs.GMMStats], list[str]]:
    """Statistics of pieces of the background and of its copies, and the speaker of each."""
    stats, speakers = [], []
    for part in ("ubm", "copies"):
        with gs.FeatureStore(features_of(run, "MFCC", part)) as store:
            for utterance in store:
                stats += [ubm.accumulate(piece) for piece in np.array_split(store[utterance], pieces)]
                speakers += [utt2spk[utterance]] * pieces
    return stats, speakers


def score_adapted(
    run: pipeline.Run, kind: str, name: str, data: DataDir, verifier: Mapping[str, Any], seeds: int
) -> list[Path]:
    """Score the trials of a part by models that are adapted from each background model."""
    sessions, trials = (data.path / file for file in ("enroll_spk2utt", "trials"))
    scores = [run.out / f"scores-{kind}-{name}-seed{seed}" for seed in range(seeds)]
    if run.todo(f"verify-{kind}-{name}", makes=scores, of=[sessions, trials], settings=[verifier, seeds]):
        listed = gs.read_trials(trials)
        for ubm, path in zip(of_seeds(run, f"ubm-{kind}", seeds), scores, strict=True):
            adapting = gs.SpeakerVerifier(gs.load(ubm), n_jobs=run.jobs, **verifier)
            with gs.FeatureStore(features_of(run, kind, name)) as store:
                adapting.enroll_all(gs.read_list_map(sessions), store)
                gs.write_scores(path, adapting.score_trials(listed, store))
    return scores


def score_ivectors(run: pipeline.Run, name: str, data: DataDir, trained: Sequence[int], seeds: int) -> list[Path]:
    """Score the trials of a part by PLDA of each seed, whose settings were `trained`."""
    enrolled, trials = (data.path / file for file in ("enroll_spk2utt", "trials"))
    scores = [run.out / f"scores-PLDA-{name}-seed{seed}" for seed in range(seeds)]
    if run.todo(f"verify-PLDA-{name}", makes=scores, of=[enrolled, trials], settings=trained):
        listed, sessions = gs.read_trials(trials), gs.read_list_map(enrolled)
        tests = {test: [test] for test in dict.fromkeys(listed.tests)}
        models = zip(*(of_seeds(run, kind, seeds) for kind in ("ubm-MFCC", "extractor", "plda")), strict=True)
        for paths, out in zip(models, scores, strict=True):
            ubm, extractor, backend = map(gs.load, paths)
            with gs.FeatureStore(features_of(run, "MFCC", name)) as store:
                vectors = [
                    backend.transform(extractor.extract([sum(ubm.accumulate(store[u]) for u in us) for us in each]))
                    for each in (sessions.values(), tests.values())
                ]
            values = of_matrix(backend.score(*vectors), list(sessions), list(tests), listed)
            gs.write_scores(out, gs.Scores(listed.models, listed.tests, values))
    return scores


def write_means(run: pipeline.Run, name: str, scores: Mapping[str, Sequence[Path]], trials: Path) -> dict[str, Path]:
    """Write the mean scores of each system's seeds."""
    means = {kind: run.out / f"scores-{kind}-{name}" for kind in scores}
    if run.todo(f"mean-{name}", makes=means.values()):
        listed = gs.read_trials(trials)
        for kind, paths in scores.items():
            values = aligned_scores(paths, listed).mean(axis=1)
            gs.write_scores(means[kind], gs.Scores(listed.models, listed.tests, values))
    return means


def calibrate(
    run: pipeline.Run, name: str, means: Mapping[str, Path], data: DataDir, learned_on: str
) -> list[dict[str, str]]:
    """Calibrate MFCC alone, and all systems fused: by other speakers of the part, or as another part has learned."""
    rows, trials, own = [], data.path / "trials", name == learned_on
    for label, systems in (("MFCC", [means["MFCC"]]), ("fused", list(means.values()))):
        model, llrs, report = (run.out / f"{n}-{label}" for n in ("weights", f"llrs-{name}", f"report-{name}"))
        if run.todo(f"calibrate-{name}-{label}", makes=[model, llrs, report / "index.html"]):
            if own:
                fuse_files(systems, trials, model)
                cross_calibrate_files(systems, trials, llrs, [data.path / "utt2spk"])
            else:
                apply_calibration_file(model, systems, llrs)
            evaluate_file(llrs, trials, report=report)
        learned = f"others of {name}" if own else learned_on
        rows.append(calibrated_row(f"{name}, {label}", learned, evaluate_file(llrs, trials)))
    return rows
