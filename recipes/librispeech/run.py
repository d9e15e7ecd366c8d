"""Speaker verification on read English: a background model of 121 speakers, 87 others to tell apart."""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.evaluation import evaluate_file
from gmmspeech.commands.scores import apply_calibration_file, calibrate_file, cross_calibrate_files
from gmmspeech.report.rows import calibrated_row, verification_row

# Enrollment and test are of one session: the channel tells the speaker too.
FRONT_END = gs.FrontEnd.from_toml("clean_speech")
TESTS, QUICK_TESTS = ("sv80", "test-other"), ("dev-clean",)
VERIFIER = {"relevance_factor": 10.0, "update": "mvw", "scoring": "symmetric"}


@click.option("--components", type=click.IntRange(1), default=128, show_default=True, help="Of the background model.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="UBMs to average over.")
@pipeline.test_option
@pipeline.recipe(fetch="librispeech-mini", quick="librispeech-dev-clean")
def main(run: pipeline.Run, corpus: Path, components: int, seeds: int, tests: Sequence[str], quick: bool) -> None:
    """Verify speakers of LibriSpeech: UBM on `ubm`, trials of `sv80` and of `test-other`."""
    public = QUICK_TESTS if quick else TESTS
    parts = {name: gs.read_data_dir(corpus / "data" / name) for name in ("ubm", *public, *tests)}
    features = {name: run.out / f"feats-{name}.h5" for name in parts}
    ubms = [run.out / f"ubm-seed{seed}.h5" for seed in range(seeds)]

    for name, data in parts.items():
        if run.todo(f"features-{name}", makes=[features[name]], of=[data], settings=FRONT_END):
            gs.extract_features([data], features[name], FRONT_END, n_jobs=run.jobs)

    if run.todo("ubm", makes=ubms, settings=[components, seeds]):
        for seed, ubm in enumerate(ubms):
            checkpoint = gs.Checkpoint(f"{ubm}.checkpoint")
            with gs.FeatureStore(features["ubm"]) as store:
                options = {"random_state": seed, "n_jobs": run.jobs, "checkpoint": checkpoint}
                gs.train_ubm(store, components, **options).save(ubm)
            checkpoint.remove()

    rows, calibrated = [], []
    for name in (*public, *tests):
        sessions, trials = (parts[name].path / file for file in ("enroll_spk2utt", "trials"))
        scores, report = [run.out / f"scores-{name}-seed{seed}" for seed in range(seeds)], run.out / f"report-{name}"
        mean, llrs = run.out / f"scores-{name}", run.out / f"llrs-{name}"
        outputs = [*scores, mean, report / "index.html"]
        if run.todo(f"verify-{name}", makes=outputs, of=[sessions, trials], settings=[VERIFIER, seeds]):
            listed, values = gs.read_trials(trials), []
            for ubm, path in zip(ubms, scores, strict=True):
                verifier = gs.SpeakerVerifier(gs.load(ubm), n_jobs=run.jobs, **VERIFIER)
                with gs.FeatureStore(features[name]) as store:
                    verifier.enroll_all(gs.read_list_map(sessions), store)
                    values.append(verifier.score_trials(listed, store).values)
                gs.write_scores(path, gs.Scores(listed.models, listed.tests, values[-1]))
                verifier.save(f"{path}.models.h5")
            gs.write_scores(mean, gs.Scores(listed.models, listed.tests, np.mean(values, axis=0)))
            evaluate_file(scores[0], trials, report=report, models=Path(f"{scores[0]}.models.h5"))
        rows.append(verification_row(name, [evaluate_file(path, trials) for path in scores]))
        if quick:  # whose speakers are too few to calibrate
            continue
        first, calibration = name == public[0], run.out / "calibration.h5"
        if run.todo(f"calibrate-{name}", makes=[llrs, calibration]):
            if first:
                calibrate_file(mean, trials, calibration)
                cross_calibrate_files([mean], trials, llrs, [parts[name].path / "utt2spk"])
            else:
                apply_calibration_file(calibration, [mean], llrs)
        learnt = f"others of {name}" if first else public[0]
        calibrated.append(calibrated_row(name, learnt, evaluate_file(llrs, trials)))
    run.results(rows)
    if calibrated:
        run.results(calibrated, "calibrated")


if __name__ == "__main__":
    main()
