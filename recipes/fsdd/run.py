"""Spoken digits: which digit, who says it, and is it who he claims to be; which digit again, by its phones."""

import json
from pathlib import Path

import click
from digit_phones import recognize_by_phones

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import evaluation, verification
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml(Path(__file__).with_name("front_end.toml"))
CLASS_COMPONENTS = 32
# Few components: the background model knows the very speakers it is compared with, and a large one knows each apart.
COMPONENTS = {"alone": 16, "pooled": 32}
VERIFIER = {"relevance_factor": 4.0, "scoring": "frames"}


@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Models to average over.")
@click.option("--pool", type=pipeline.FOLDER, help="Corpus whose part `ubm` is added to a second background model.")
@click.option("--phones", "by_phones", is_flag=True, help="Recognize digits by phone HMMs, and classify phones, too.")
@pipeline.recipe(fetch="fsdd")
def main(run: pipeline.Run, corpus: Path, pool: Path | None, seeds: int, by_phones: bool) -> None:
    """Classify digits and speakers of `test` after `train`, verify speakers of `verify`."""
    parts = {name: gs.read_data_dir(corpus / "data" / name) for name in ("train", "test", "verify", "all")}
    train, test, verify, everything = parts.values()
    features = {name: extract(run, name, [parts[name]]) for name in ("train", "test", "verify")}
    found = []
    for task, file, labels in (("digits", "text", test.text), ("speakers", "utt2spk", test.utt2spk)):
        models = [run.out / f"{task}-seed{seed}.h5" for seed in range(seeds)]
        classes, of = [path.with_suffix(".json") for path in models], [part.path / file for part in (train, test)]
        if run.todo(task, makes=classes, of=of, settings=[CLASS_COMPONENTS, seeds]):
            for seed, path in enumerate(models):
                options = {"random_state": seed, "n_jobs": run.jobs}
                verification.train_classifier_file(features["train"], of[0], path, CLASS_COMPONENTS, **options)
                classified = verification.classify_file(path, features["test"], list(labels))
                path.with_suffix(".json").write_text(json.dumps(classified))
        found.append(rows.classification_row(task, [json.loads(path.read_text()) for path in classes], labels))

    sessions, trials = (verify.path / name for name in ("enroll_spk2utt", "trials"))
    enrolled = {utterance for utterances in gs.read_list_map(sessions).values() for utterance in utterances}
    backgrounds = {"alone": [train.only(u for u in train.utterances if u not in enrolled)]}
    if pool is not None:
        backgrounds["pooled"] = [*backgrounds["alone"], gs.read_data_dir(pool / "data" / "ubm")]
    verified = []
    for name, background in backgrounds.items():
        frames = extract(run, f"ubm-{name}", background)
        ubms = [run.out / f"ubm-{name}-seed{seed}.h5" for seed in range(seeds)]
        scores = [run.out / f"scores-{name}-seed{seed}" for seed in range(seeds)]
        if run.todo(f"ubm-{name}", makes=ubms, settings=[COMPONENTS[name], seeds]):
            for seed, path in enumerate(ubms):
                verification.train_ubm_file(frames, path, COMPONENTS[name], random_state=seed, n_jobs=run.jobs)
        report = run.out / f"report-{name}"
        makes = [*scores, report / "index.html"]
        if run.todo(f"verify-{name}", makes=makes, of=[sessions, trials], settings=[VERIFIER, seeds]):
            for ubm, path in zip(ubms, scores, strict=True):
                verifier = gs.SpeakerVerifier(gs.load(ubm), n_jobs=run.jobs, **VERIFIER)
                with gs.FeatureStore(features["verify"]) as store:
                    verifier.enroll_all(gs.read_list_map(sessions), store)
                    gs.write_scores(path, verifier.score_trials(gs.read_trials(trials), store))
                verifier.save(f"{path}.models.h5")
            evaluation.evaluate_file(scores[0], trials, report=report, models=Path(f"{scores[0]}.models.h5"))
        summaries = [evaluation.evaluate_file(path, trials) for path in scores]
        verified.append(rows.verification_row(f"verify, UBM {name}", summaries))
    run.results(found, "classification")
    run.results(verified, "verification")
    if by_phones:
        recognize_by_phones(run, train, test, everything)


def extract(run: pipeline.Run, name: str, parts: list[gs.formats.DataDir]) -> Path:
    """Extract the features of some parts."""
    path = run.out / f"feats-{name}.h5"
    if run.todo(f"features-{name}", makes=[path], of=parts, settings=FRONT_END):
        gs.extract_features(parts, path, FRONT_END, n_jobs=run.jobs)
    return path


if __name__ == "__main__":
    main()
