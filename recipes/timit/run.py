"""Phones of TIMIT, for those who have the corpus: models of 48 phones trained on its labels, scored as 39."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import phone_gmms, phone_training, phones
from gmmspeech.corpora import timit
from gmmspeech.phones.labels.phone_sets import TIMIT_48, TIMIT_48_TO_39, map_labels
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml("phones")
STATIC = gs.FrontEnd(**{**FRONT_END.model_dump(), "deltas": None})  # frames are spliced instead
SILENCE = "sil"
PHONES = (SILENCE, *(phone for phone in TIMIT_48 if phone != SILENCE))
SCORED = {phone: "SIL" if new == SILENCE else new for phone, new in TIMIT_48_TO_39.items()}  # by the classifier
TRAINING = {"max_iter": 20, "num_passes": 2}
SYSTEM = {"context": 9, "dim": 45}
LOOP_SCALE, ADAPTED_LOOP_SCALE = 0.2, 0.3  # of log-likelihoods beside a phone bigram
CLASSIFIER = phone_gmms.AdaptedClassifierConfig()
SYSTEMS = {"monophone": "test", "full system": "test-adapted"}
DEV_EVERY = 5  # of the training speakers, sorted, this one and its fellows fit the weights of the classifier

Labels = Mapping[str, Sequence[gs.phones.Label]]


@click.option("--gaussians", type=click.IntRange(1), default=2000, show_default=True, help="Of the phone HMMs.")
@pipeline.recipe()
def main(run: pipeline.Run, corpus: Path, gaussians: int) -> None:
    """Train phones on TIMIT's training part, recognize those of the 24 speakers of the core test set."""
    train = timit.find_sentences(corpus, "TRAIN")
    test = timit.find_sentences(corpus, "TEST", timit.CORE_TEST)
    parts, features, labels = {"train": train, "test": test}, {}, {}
    for name, part in parts.items():
        features[name] = run.out / f"feats-{name}.h5"
        if run.todo(f"features-{name}", makes=[features[name]], of=[part], settings=FRONT_END):
            gs.extract_features([part], features[name], FRONT_END, n_jobs=run.jobs)
    for name, part in parts.items():
        labels[name], labels[f"{name}-39"] = (run.out / f"labels-{end}.ctm" for end in (name, f"{name}-39"))
        makes = [labels[name], labels[f"{name}-39"]]
        if run.todo(f"labels-{name}", makes=makes, settings=part.utterances):
            found = {utterance: timit.read_phones(part, utterance) for utterance in part.utterances}
            gs.formats.write_labels(makes[0], found)
            gs.formats.write_labels(makes[1], folded(found, SCORED, "SIL"))

    # each utterance is a "word" of its own, pronounced as its label file says
    reference = {name: gs.formats.read_labels(labels[name]) for name in parts}
    said = {name: {utterance: [utterance] for utterance in part.utterances} for name, part in parts.items()}
    dictionary = {u: [names] for found in reference.values() for u, names in names_of(found).items()}
    models = [run.out / name for name in ("hmm-labels.h5", "hmm-labels-state.h5", "system-labels.h5")]
    model, state, system = models
    if run.todo("train-labels", makes=[model, state], settings=[PHONES, gaussians, TRAINING]):
        options = {"phones": PHONES, "silence": SILENCE, "total_gaussians": gaussians, "times": "start", **TRAINING}
        options |= {"labels": reference["train"], "alignment": state, "n_jobs": run.jobs}
        phone_training.train_phones_file(features["train"], {}, {}, model, **options)

    aligned = run.out / "aligned-test"
    if run.todo("align-test", makes=[aligned / "phones.ctm"]):
        # silence has its labels, as any phone
        options = {"silence_probability": 0.0, "times": "start", **phones.frame_times(FRONT_END.to_json())}
        with gs.FeatureStore(features["test"]) as store:
            found = gs.align(gs.load(model), store, said["test"], dictionary, n_jobs=run.jobs, **options)
        gs.formats.write_alignments(aligned, found.alignments, format="ctm")

    recognized = {system: run.out / f"recognized-{end}.ctm" for system, end in SYSTEMS.items()}
    options = {"utt2spk": test.utt2spk, "n_jobs": run.jobs}
    what = features["test"], test.utterances, labels["train"]
    if run.todo("recognize-test", makes=[recognized["monophone"]], settings=LOOP_SCALE):
        phones.recognize_phones_file(model, *what, recognized["monophone"], acoustic_scale=LOOP_SCALE, **options)
    if run.todo("system-labels", makes=[system], settings=[gaussians, SYSTEM]):
        speech = features["train"], said["train"], dictionary, train.utt2spk, state
        phone_training.train_adapted_file(*speech, system, total_gaussians=2 * gaussians, n_jobs=run.jobs, **SYSTEM)
    if run.todo("recognize-test-adapted", makes=[recognized["full system"]], settings=ADAPTED_LOOP_SCALE):
        options["acoustic_scale"] = ADAPTED_LOOP_SCALE
        phones.recognize_phones_file(system, *what, recognized["full system"], **options)

    folder = run.out / "classified-test"
    makes = [folder / "classifier.h5", folder / "results.json"]
    dev = sorted(set(train.utt2spk.values()))[::DEV_EVERY]
    sides = {
        "train": train.only(u for u in train.utterances if train.utt2spk[u] not in dev),
        "dev": train.only(u for u in train.utterances if train.utt2spk[u] in dev),
        "test": test,
    }
    if run.todo("classify-test", makes=makes, of=sides.values(), settings=[STATIC, CLASSIFIER]):
        scored = {"train": labels["train-39"], "dev": labels["train-39"], "test": labels["test-39"]}
        phone_gmms.train_and_classify(folder, sides, STATIC, CLASSIFIER, labels=scored, n_jobs=run.jobs)

    found = gs.formats.read_labels(aligned / "phones.ctm")
    run.results([rows.boundary_row("core test, 48 phones", reference["test"], found, ignore=[SILENCE])], "alignment")
    compared = ((system, gs.formats.read_labels(path)) for system, path in recognized.items())
    run.results([row for pair in compared for row in recognition_rows(*pair, reference["test"])], "recognition")
    run.results(phone_gmms.classification_rows([folder]), "classification")
    seconds = {name: phones.seconds_of(features[name], part.utterances) for name, part in parts.items()}
    steps = dict.fromkeys(("train-labels", "system-labels"), seconds["train"])
    steps |= dict.fromkeys(("align-test", "recognize-test", "recognize-test-adapted"), seconds["test"])
    speed = [rows.speed_row(step.replace("-", " ", 1), s, run.cpu_seconds(step)) for step, s in steps.items()]
    run.results(speed, "speed")


def recognition_rows(system: str, found: Labels, reference: Labels) -> list[rows.Row]:
    """Errors among 39 phones, silence counted as one of them (as Lee and Hon did) and not counted."""
    said, recognized = (names_of(folded(each, TIMIT_48_TO_39, SILENCE)) for each in (reference, found))
    kinds = {"": [], ", without silence": [SILENCE]}
    return [
        rows.error_row(f"core test, 39 phones, {system}{end}", gs.metrics.error_rate(said, recognized, ignore=ignore))
        for end, ignore in kinds.items()
    ]


def folded(labels: Labels, phones: Mapping[str, str], silence: str) -> dict[str, list[gs.phones.Label]]:
    """Labels of fewer phones."""
    return {u: map_labels(each, phones, silence=silence, owner=u) for u, each in labels.items()}


def names_of(labels: Labels) -> dict[str, list[str]]:
    """Phones of labels without their times."""
    return {utterance: [label.name for label in each] for utterance, each in labels.items()}


if __name__ == "__main__":
    main()
