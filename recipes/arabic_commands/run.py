"""Text-independent speaker verification on single Arabic words, and on five words together."""

from pathlib import Path

import click

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands.evaluation import evaluate_file
from gmmspeech.report.rows import verification_row

FRONT_END = gs.FrontEnd.from_toml(Path(__file__).with_name("front_end.toml"))
COMPONENTS = {"own": 64, "pooled": 128}  # of the background models
VERIFIER = {"relevance_factor": 10.0, "scoring": "statistics"}


@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="UBMs to average over.")
@click.option("--pool", type=pipeline.FOLDER, help="Corpus whose part `ubm` is added to a second background model.")
@pipeline.recipe(fetch="arabic-speech-commands-mini")
def main(run: pipeline.Run, corpus: Path, pool: Path | None, seeds: int) -> None:
    """Verify speakers of the Arabic speech commands: UBM on `ubm`, trials of `eval`, one word and five words each."""
    test, own = (gs.read_data_dir(corpus / "data" / name) for name in ("eval", "ubm"))
    backgrounds = {"own": [own]}
    if pool is not None:
        backgrounds["pooled"] = [own, gs.read_data_dir(pool / "data" / "ubm")]
    sessions, words = test.path / "enroll_spk2utt", run.out / "feats-eval.h5"
    tasks = {  # trials, and the words that are scored as one
        "one-word": [test.path / "trials"],
        "five-words": [test.path / "trials_group5", test.path / "group2utt"],
    }
    if run.todo("features-eval", makes=[words], of=[test], settings=FRONT_END):
        gs.extract_features([test], words, FRONT_END, n_jobs=run.jobs)

    found = {}
    for name, background in backgrounds.items():
        features, ubms = run.out / f"feats-ubm-{name}.h5", [run.out / f"ubm-{name}-seed{s}.h5" for s in range(seeds)]
        if run.todo(f"features-ubm-{name}", makes=[features], of=background, settings=FRONT_END):
            gs.extract_features(background, features, FRONT_END, n_jobs=run.jobs)

        if run.todo(f"ubm-{name}", makes=ubms, settings=[COMPONENTS[name], seeds]):
            for seed, ubm in enumerate(ubms):
                checkpoint = gs.Checkpoint(f"{ubm}.checkpoint")
                with gs.FeatureStore(features) as store:
                    options = {"random_state": seed, "n_jobs": run.jobs, "checkpoint": checkpoint}
                    gs.train_ubm(store, COMPONENTS[name], **options).save(ubm)
                checkpoint.remove()

        for task, (trials, *groups) in tasks.items():
            scores = [run.out / f"scores-{name}-{task}-seed{seed}" for seed in range(seeds)]
            report = run.out / f"report-{name}-{task}"
            outputs, lists = [*scores, report / "index.html"], [sessions, trials, *groups]
            if run.todo(f"verify-{name}-{task}", makes=outputs, of=lists, settings=[VERIFIER, seeds]):
                joined = gs.read_list_map(groups[0]) if groups else None
                for ubm, path in zip(ubms, scores, strict=True):
                    verifier = gs.SpeakerVerifier(gs.load(ubm), n_jobs=run.jobs, **VERIFIER)
                    with gs.FeatureStore(words) as store:
                        verifier.enroll_all(gs.read_list_map(sessions), store)
                        gs.write_scores(path, verifier.score_trials(gs.read_trials(trials), store, groups=joined))
                    verifier.save(f"{path}.models.h5")
                evaluate_file(scores[0], trials, report=report, models=Path(f"{scores[0]}.models.h5"))
            found[task, name] = [evaluate_file(path, trials) for path in scores]
    run.results([verification_row(f"{t}, {n} UBM", found[t, n]) for t in tasks for n in backgrounds])


if __name__ == "__main__":
    main()
