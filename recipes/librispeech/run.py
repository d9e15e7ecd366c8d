"""Speaker verification on read English: a background model of 121 speakers, 87 others to tell apart."""

from pathlib import Path

import click

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.evaluation import evaluate_file
from gmmspeech.report.rows import verification_row

# Enrollment and test are of one session: the channel tells the speaker too.
FRONT_END = gs.FrontEnd.from_toml("clean_speech")
TESTS, QUICK_TESTS = ("sv80", "test-other"), ("dev-clean",)
VERIFIER = {"relevance_factor": 10.0, "update": "mvw", "scoring": "symmetric"}


@click.option("--components", type=click.IntRange(1), default=128, show_default=True, help="Of the background model.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="UBMs to average over.")
@pipeline.recipe(fetch="librispeech-mini", quick="librispeech-dev-clean")
def main(run: pipeline.Run, corpus: Path, components: int, seeds: int, quick: bool) -> None:
    """Verify speakers of LibriSpeech: UBM on `ubm`, trials of `sv80` and of `test-other`."""
    tests = QUICK_TESTS if quick else TESTS
    parts = {name: gs.read_data_dir(corpus / "data" / name) for name in ("ubm", *tests)}
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

    rows = []
    for name in tests:
        sessions, trials = (parts[name].path / file for file in ("enroll_spk2utt", "trials"))
        scores, report = [run.out / f"scores-{name}-seed{seed}" for seed in range(seeds)], run.out / f"report-{name}"
        outputs = [*scores, report / "index.html"]
        if run.todo(f"verify-{name}", makes=outputs, of=[sessions, trials], settings=[VERIFIER, seeds]):
            for ubm, path in zip(ubms, scores, strict=True):
                verifier = gs.SpeakerVerifier(gs.load(ubm), n_jobs=run.jobs, **VERIFIER)
                with gs.FeatureStore(features[name]) as store:
                    verifier.enroll_all(gs.read_list_map(sessions), store)
                    gs.write_scores(path, verifier.score_trials(gs.read_trials(trials), store))
                verifier.save(f"{path}.models.h5")
            evaluate_file(scores[0], trials, report=report, models=Path(f"{scores[0]}.models.h5"))
        rows.append(verification_row(name, [evaluate_file(path, trials) for path in scores]))
    run.results(rows)


if __name__ == "__main__":
    main()
