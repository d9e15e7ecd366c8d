"""Spoken digits: which digit, who says it, and is it who he claims to be; which digit again, by its phones."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
from digit_phones import recognize_by_phones
from digit_speakers import MFCC, extract, verify_speakers

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import verification
from gmmspeech.report import rows

CLASS_COMPONENTS = 32


@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Models to average over.")
@click.option("--pool", type=pipeline.FOLDER, help="Corpus of other speakers, such as librispeech-mini.")
@click.option("--phones", "by_phones", is_flag=True, help="Recognize digits by phone HMMs, and classify phones, too.")
@pipeline.test_option
@pipeline.recipe(fetch="fsdd")
def main(run: pipeline.Run, corpus: Path, pool: Path | None, tests: Sequence[str], seeds: int, by_phones: bool) -> None:
    """Classify digits and speakers of `test` after `train`, verify speakers of `verify`."""
    pipeline.check_other_names(tests, ["late"])
    named = {name: gs.read_data_dir(corpus / "data" / name) for name in ("verify", *tests)}
    parts = {name: gs.read_data_dir(corpus / "data" / name) for name in ("train", "test", "all")}
    train, test, everything = parts.values()
    features = {name: extract(run, name, [parts[name]], MFCC) for name in ("train", "test")}
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

    run.results(found, "classification")
    verify_speakers(run, train, named, everything, pool, seeds)
    if by_phones:
        recognize_by_phones(run, train, test, everything)


if __name__ == "__main__":
    main()
