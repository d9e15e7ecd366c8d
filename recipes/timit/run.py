"""Phones of TIMIT, for those who have the corpus: the ladder that Kaldi's s5 climbs, 48 phones scored as 39."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import phone_gmms, phone_training, rungs
from gmmspeech.corpora import timit
from gmmspeech.phones.labels.phone_sets import TIMIT_48, TIMIT_48_TO_39, map_labels
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml("phones")
STATIC = gs.FrontEnd(**{**FRONT_END.model_dump(), "deltas": None})  # frames are spliced instead
SILENCE = "sil"
PHONES = (SILENCE, *(phone for phone in TIMIT_48 if phone != SILENCE))
SCORED = {phone: "SIL" if new == SILENCE else new for phone, new in TIMIT_48_TO_39.items()}  # by the classifier
TRAINING = {"max_iter": 20, "num_passes": 2}
LADDER = {"num_leaves": 2500, "total_gaussians": 15000}  # of each rung of triphones in Kaldi's s5
LOOP_SCALE = 0.2  # of log-likelihoods beside a phone bigram
CLASSIFIER = phone_gmms.AdaptedClassifierConfig()
SPEAKERS = {"train": None, "dev": timit.DEV, "test": timit.CORE_TEST}
TESTED = {"dev": "dev", "test": "core test"}

Labels = Mapping[str, Sequence[gs.phones.Label]]


@click.option("--gaussians", type=click.IntRange(1), default=1000, show_default=True, help="Of the monophones.")
@pipeline.recipe()
def main(run: pipeline.Run, corpus: Path, gaussians: int) -> None:
    """Climb the ladder on TIMIT's training part, recognize phones of Kaldi's 50 dev speakers and the core test set."""
    parts = {
        name: timit.find_sentences(corpus, "TEST" if speakers else "TRAIN", speakers)
        for name, speakers in SPEAKERS.items()
    }
    features = {name: run.out / f"feats-{name}.h5" for name in parts}
    labels = {end: run.out / f"labels-{end}.ctm" for name in parts for end in (name, f"{name}-39")}
    for name, part in parts.items():
        if run.todo(f"features-{name}", makes=[features[name]], of=[part], settings=FRONT_END):
            gs.extract_features([part], features[name], FRONT_END, n_jobs=run.jobs)
    for name, part in parts.items():
        makes = [labels[name], labels[f"{name}-39"]]
        if run.todo(f"labels-{name}", makes=makes, settings=part.utterances):
            found = {utterance: timit.read_phones(part, utterance) for utterance in part.utterances}
            gs.formats.write_labels(makes[0], found)
            gs.formats.write_labels(makes[1], folded(found, SCORED, "SIL"))

    # each utterance is a "word" of its own, pronounced as its label file says
    reference = {name: gs.formats.read_labels(labels[name]) for name in parts}
    said = {name: {utterance: [utterance] for utterance in part.utterances} for name, part in parts.items()}
    speech = {name: rungs.Speech(features[name], said[name], part.utt2spk) for name, part in parts.items()}
    dictionary = {u: [names] for found in reference.values() for u, names in names_of(found).items()}
    by_labels = rungs.model_of(run, "labels", rungs.MONOPHONE)
    settings = {"phones": PHONES, "silence": SILENCE, "total_gaussians": gaussians}
    if run.todo("train-labels", makes=[by_labels], settings=settings):
        options = {**settings, "labels": reference["train"], "times": "start", "n_jobs": run.jobs}
        phone_training.train_phones_file(features["train"], {}, {}, by_labels, **options)
    # silence has its labels, as any phone
    what = run, "labels", rungs.MONOPHONE, "test-labels", speech["test"], dictionary
    aligned = {"trained on labels": rungs.align_on(*what, silence_probability=0.0)}

    # from here on without any times; the silence at both ends is that which may stand beside any word
    dictionary = {utterance: [without_ends(names)] for utterance, [names] in dictionary.items()}
    rungs.train_monophones(run, "train", speech["train"], dictionary, **settings, **TRAINING)
    rungs.train_rungs(run, "train", speech["train"], dictionary, settings=gaussians, **LADDER)
    recognized = {}
    for rung in rungs.RUNGS:
        aligned[rung] = rungs.align_on(run, "train", rung, "test", speech["test"], dictionary)
        for name in TESTED:
            what = run, "train", rung, name, speech[name], labels["train"]
            recognized[name, rung] = rungs.recognize_on(*what, scale=LOOP_SCALE)

    folder = run.out / "classified-test"
    makes = [folder / "classifier.h5", folder / "results.json"]
    if run.todo("classify-test", makes=makes, of=parts.values(), settings=[STATIC, CLASSIFIER]):
        scored = {name: labels[f"{name}-39"] for name in parts}
        phone_gmms.train_and_classify(folder, parts, STATIC, CLASSIFIER, labels=scored, n_jobs=run.jobs)

    read = gs.formats.read_labels
    found_rows = [
        rows.boundary_row(f"core test, 48 phones, {how}", reference["test"], read(path), ignore=[SILENCE])
        for how, path in aligned.items()
    ]
    run.results(found_rows, "alignment")
    pairs = [(f"{TESTED[name]}, {rung}", read(path), reference[name]) for (name, rung), path in recognized.items()]
    run.results([row for pair in pairs for row in recognition_rows(*pair)], "recognition")
    run.results(phone_gmms.classification_rows([folder]), "classification")
    steps = dict.fromkeys(("train-labels", "train-train", *(f"{rung}-train" for rung in rungs.TRAINED)), "train")
    steps |= {rungs.step_of("recognize", name, rung): name for name, rung in recognized}
    speed = [rows.speed_row(s.replace("-", " ", 1), speech[n].seconds, run.cpu_seconds(s)) for s, n in steps.items()]
    run.results(speed, "speed")


def recognition_rows(task: str, found: Labels, reference: Labels) -> list[rows.Row]:
    """Errors among 39 phones, silence counted as one of them (as Lee and Hon did) and not counted."""
    said, recognized = (names_of(folded(each, TIMIT_48_TO_39, SILENCE)) for each in (reference, found))
    kinds = {"": [], ", without silence": [SILENCE]}
    return [
        rows.error_row(f"{task}{end}", gs.metrics.error_rate(said, recognized, ignore=ignore))
        for end, ignore in kinds.items()
    ]


def folded(labels: Labels, phones: Mapping[str, str], silence: str) -> dict[str, list[gs.phones.Label]]:
    """Labels of fewer phones."""
    return {u: map_labels(each, phones, silence=silence, owner=u) for u, each in labels.items()}


def names_of(labels: Labels) -> dict[str, list[str]]:
    """Phones of labels without their times."""
    return {utterance: [label.name for label in each] for utterance, each in labels.items()}


def without_ends(names: Sequence[str]) -> list[str]:
    """Phones without the silence before the first and after the last."""
    spoken = [i for i, name in enumerate(names) if name != SILENCE]
    return list(names[spoken[0] : spoken[-1] + 1]) if spoken else list(names)


if __name__ == "__main__":
    main()
