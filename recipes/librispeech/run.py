"""Speaker verification on read English: three systems that know 121 speakers, 87 others to tell apart."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.evaluation import aligned_scores, evaluate_file
from gmmspeech.commands.perturbation import perturb_data
from gmmspeech.commands.scores import apply_calibration_file, cross_calibrate_files, fuse_files
from gmmspeech.formats.datadir import DataDir
from gmmspeech.report.rows import calibrated_row, verification_row
from gmmspeech.scoring.trials import of_matrix

# Enrollment and test are of one session: the channel tells the speaker too.
MFCC = gs.FrontEnd.from_toml("clean_speech")
_LFCC = {"type": "lfcc", "num_ceps": 24, "num_mel_bins": 30, "use_energy": False, "mel_floor": 1.0}
FRONT_ENDS = {"MFCC": MFCC, "LFCC": gs.FrontEnd(**{**json.loads(MFCC.to_json()), "features": _LFCC})}
TESTS, QUICK_TESTS = ("sv80", "test-other"), ("dev-clean",)
VERIFIER = {"relevance_factor": 10.0, "update": "mvw", "scoring": "symmetric"}
RANK = 100  # of the i-vectors
PIECES = 4  # of each recording of the background: sessions of a speaker, for PLDA
SPEEDS = (0.9, 1.1)  # at which the background is played to it too: each speaker is two others then


@click.option("--components", type=click.IntRange(1), default=128, show_default=True, help="Of the background models.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="UBMs to average over.")
@pipeline.test_option
@pipeline.recipe(fetch="librispeech-mini", quick="librispeech-dev-clean")
def main(run: pipeline.Run, corpus: Path, components: int, seeds: int, tests: Sequence[str], quick: bool) -> None:
    """Verify speakers of LibriSpeech: UBMs and PLDA on `ubm`, trials of `sv80` and of `test-other`."""
    public = QUICK_TESTS if quick else TESTS
    parts = {name: gs.read_data_dir(corpus / "data" / name) for name in ("ubm", *public, *tests)}
    for kind, front in FRONT_ENDS.items():
        for name, data in parts.items():
            features = features_of(run, kind, name)
            if run.todo(f"features-{kind}-{name}", makes=[features], of=[data], settings=front):
                gs.extract_features([data], features, front, n_jobs=run.jobs)
        ubms = of_seeds(run, f"ubm-{kind}", seeds)
        if run.todo(f"ubm-{kind}", makes=ubms, settings=[components, seeds]):
            for seed, ubm in enumerate(ubms):
                checkpoint = gs.Checkpoint(f"{ubm}.checkpoint")
                with gs.FeatureStore(features_of(run, kind, "ubm")) as store:
                    options = {"random_state": seed, "n_jobs": run.jobs, "checkpoint": checkpoint}
                    gs.train_ubm(store, components, **options).save(ubm)
                checkpoint.remove()
    copies = [run.out / "data" / f"speed-{speed:g}" for speed in SPEEDS]
    makes = [features_of(run, "MFCC", "copies"), *(folder / "wav.scp" for folder in copies)]
    if run.todo("copies", makes=makes, of=[parts["ubm"]], settings=[SPEEDS, MFCC]):
        for speed, folder in zip(SPEEDS, copies, strict=True):
            perturb_data(parts["ubm"].path, folder, speed=speed)
        gs.extract_features(list(map(gs.read_data_dir, copies)), makes[0], MFCC, n_jobs=run.jobs)
    made = [of_seeds(run, kind, seeds) for kind in ("extractor", "plda")]
    if run.todo("plda", makes=[*made[0], *made[1]], settings=[RANK, PIECES, SPEEDS]):
        speakers = {u: s for data in (parts["ubm"], *map(gs.read_data_dir, copies)) for u, s in data.utt2spk.items()}
        for ubm, *models in zip(of_seeds(run, "ubm-MFCC", seeds), *made, strict=True):
            train_plda(run, ubm, speakers, *models)

    rows, calibrated = [], []
    for name in (*public, *tests):
        trials = parts[name].path / "trials"
        scores = {kind: verify(run, kind, name, parts[name], seeds) for kind in FRONT_ENDS}
        scores["PLDA"] = score_ivectors(run, name, parts[name], seeds)
        for kind, paths in scores.items():
            rows.append(verification_row(f"{name}, {kind}", [evaluate_file(path, trials) for path in paths]))
        means = {kind: run.out / f"scores-{kind}-{name}" for kind in scores}
        if run.todo(f"mean-{name}", makes=means.values()):
            for kind, paths in scores.items():
                write_mean(paths, trials, means[kind])
        if quick:  # whose speakers are too few to calibrate
            continue
        first = name == public[0]
        for label, systems in (("MFCC", [means["MFCC"]]), ("fused", list(means.values()))):
            model, llrs, report = (run.out / f"{n}-{label}" for n in ("weights", f"llrs-{name}", f"report-{name}"))
            if run.todo(f"calibrate-{name}-{label}", makes=[model, llrs, report / "index.html"]):
                if first:
                    fuse_files(systems, trials, model)
                    cross_calibrate_files(systems, trials, llrs, [parts[name].path / "utt2spk"])
                else:
                    apply_calibration_file(model, systems, llrs)
                evaluate_file(llrs, trials, report=report)
            learned = f"others of {name}" if first else public[0]
            calibrated.append(calibrated_row(f"{name}, {label}", learned, evaluate_file(llrs, trials)))
    run.results(rows)
    if calibrated:
        run.results(calibrated, "calibrated")


def features_of(run: pipeline.Run, kind: str, part: str) -> Path:
    """Path of the features of a part."""
    return run.out / f"feats-{kind}-{part}.h5"


def of_seeds(run: pipeline.Run, name: str, seeds: int) -> list[Path]:
    """Paths of the models of each seed."""
    return [run.out / f"{name}-seed{seed}.h5" for seed in range(seeds)]


def verify(run: pipeline.Run, kind: str, name: str, data: DataDir, seeds: int) -> list[Path]:
    """Score the trials of a part by models that are adapted from each background model."""
    sessions, trials = (data.path / file for file in ("enroll_spk2utt", "trials"))
    scores = [run.out / f"scores-{kind}-{name}-seed{seed}" for seed in range(seeds)]
    if run.todo(f"verify-{kind}-{name}", makes=scores, of=[sessions, trials], settings=[VERIFIER, seeds]):
        listed = gs.read_trials(trials)
        for ubm, path in zip(of_seeds(run, f"ubm-{kind}", seeds), scores, strict=True):
            verifier = gs.SpeakerVerifier(gs.load(ubm), n_jobs=run.jobs, **VERIFIER)
            with gs.FeatureStore(features_of(run, kind, name)) as store:
                verifier.enroll_all(gs.read_list_map(sessions), store)
                gs.write_scores(path, verifier.score_trials(listed, store))
    return scores


def train_plda(run: pipeline.Run, ubm: Path, utt2spk: Mapping[str, str], extractor: Path, plda: Path) -> None:
    """Train i-vectors on pieces of the background's recordings and of their copies, and PLDA on those i-vectors."""
    model, stats, speakers = gs.load(ubm), [], []
    for part in ("ubm", "copies"):
        with gs.FeatureStore(features_of(run, "MFCC", part)) as store:
            for utterance in store:
                stats += [model.accumulate(piece) for piece in np.array_split(store[utterance], PIECES)]
                speakers += [utt2spk[utterance]] * PIECES
    rank = min(RANK, len(stats) // PIECES)
    trained = gs.speaker.train_ivector_extractor(model, stats, rank, random_state=0, n_jobs=run.jobs)
    vectors = trained.extract(stats, n_jobs=run.jobs)
    trained.save(extractor)
    gs.speaker.train_backend(vectors, np.array(speakers), steps=("whiten", "length")).save(plda)


def score_ivectors(run: pipeline.Run, name: str, data: DataDir, seeds: int) -> list[Path]:
    """Score the trials of a part by PLDA of each seed."""
    enrolled, trials = (data.path / file for file in ("enroll_spk2utt", "trials"))
    scores = [run.out / f"scores-PLDA-{name}-seed{seed}" for seed in range(seeds)]
    if run.todo(f"verify-PLDA-{name}", makes=scores, of=[enrolled, trials], settings=[RANK, PIECES]):
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


def write_mean(paths: Sequence[Path], trials: Path, out: Path) -> None:
    """Write the mean of scores of the same trials."""
    listed = gs.read_trials(trials)
    gs.write_scores(out, gs.Scores(listed.models, listed.tests, aligned_scores(paths, listed).mean(axis=1)))


if __name__ == "__main__":
    main()
