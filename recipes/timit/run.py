"""Phones of TIMIT, for those who have the corpus: models of 48 phones trained on its labels, scored as 39."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from gmmspeech.cli.recipe import recipe_command
from gmmspeech.corpora.layouts import find_recordings
from gmmspeech.errors import DataError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.labels import read_ctm, read_timit, write_ctm
from gmmspeech.metrics.error_rate import error_rate
from gmmspeech.phones.gmm.classification import FullSystem
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.phone_sets import TIMIT_48, TIMIT_48_TO_39, TIMIT_61_TO_48, map_labels
from gmmspeech.recipe.phone_classification import classified_rows, full_system_stage
from gmmspeech.recipe.phone_stages import (
    Speech,
    align_stage,
    aligned_path,
    boundary_row,
    error_row,
    labels_stage,
    names_of,
    recognize_adapted_stage,
    recognize_phones_stage,
    recognized_path,
    speed_rows,
    system_stage,
)
from gmmspeech.recipe.phone_systems import SILENCE as SCORED_SILENCE
from gmmspeech.recipe.stages import Stage, run_stages
from gmmspeech.recipe.verification import features_path, features_stage, tell_results

FRONT_END = "phones"
SILENCE = "sil"
PHONES = (SILENCE, *(phone for phone in TIMIT_48 if phone != SILENCE))
TRAINING = {"max_iter": 40}
SYSTEM = {"context": 9, "dim": 45}
CLASSIFIER = FullSystem()
DEV_EVERY = 5  # of the training speakers, sorted, this one and its fellows fit the weights of the classifier

# The core test set of the corpus' documentation: two men and a woman of each of the eight dialect regions.
_CORE_TEST = (
    "MDAB0 MWBT0 FELC0 MTAS1 MWEW0 FPAS0 MJMP0 MLNT0 FPKT0 MLLL0 MTLS0 FJLM0 "
    "MBPM0 MKLT0 FNLP0 MCMJ0 MJDH0 FMGD0 MGRT0 MNJM0 FDHC0 MJLN0 MPAM0 FMLD0"
)
CORE_TEST = tuple(_CORE_TEST.split())


@click.option(
    "--gaussians",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Of the phone HMMs; the full system has twice as many.",
)
@recipe_command()
def main(corpus: Path, out: Path, jobs: int, stage: int | None, gaussians: int) -> None:
    """Train phones on TIMIT's training part, recognize those of the 24 speakers of the core test set."""
    parts = {"train": sentences(corpus, "TRAIN"), "test": sentences(corpus, "TEST", CORE_TEST)}
    front = FrontEnd.from_toml(FRONT_END)
    stages = [features_stage(name, [part], out, front, jobs=jobs) for name, part in parts.items()]
    stages += [write_labels_stage(name, part, out) for name, part in parts.items()]
    # each utterance is a "word" of its own, pronounced as its label file says
    said = {name: Speech(features_path(out, name), {u: [u] for u in part.utterances}) for name, part in parts.items()}
    dictionary = {u: [pronunciation(part, u)] for part in parts.values() for u in part.utterances}
    training = labels_path(out, "train")
    train, test = said["train"], said["test"]
    stages += [
        labels_stage(
            *("labels", train, training, out),
            phones=PHONES,
            silence=SILENCE,
            total_gaussians=gaussians,
            jobs=jobs,
            **TRAINING,
        ),
        # silence has its labels, as any phone
        align_stage("test", "labels", test, dictionary, out, jobs=jobs, silence_probability=0.0),
        recognize_phones_stage("test", "labels", test, training, out, jobs=jobs),
        system_stage(
            "labels", train, parts["train"].utt2spk, dictionary, out, total_gaussians=2 * gaussians, jobs=jobs, **SYSTEM
        ),
        recognize_adapted_stage("test-adapted", "labels", test, parts["test"].utt2spk, training, out, jobs=jobs),
        classification_stage(parts, front, out, jobs),
    ]
    run_stages(stages, out, first=stage)

    reference = read_ctm(labels_path(out, "test"))
    aligned = read_ctm(aligned_path(out, "test") / "phones.ctm")
    tell_results([boundary_row("core test, 48 phones", reference, aligned, ignore=[SILENCE])], out, "alignment")
    tell_results(
        [
            row
            for system, name in (("monophone", "test"), ("full system", "test-adapted"))
            for row in recognition_rows(system, reference, read_ctm(recognized_path(out, name)))
        ],
        out,
        "recognition",
    )
    tell_results(classified_rows("test", out), out, "classification")
    tell_results(speed_rows(out, stages), out, "speed")


def classification_stage(parts: Mapping[str, DataDir], front: FrontEnd, out: Path, jobs: int) -> Stage:
    """Stage that classifies frames and segments as one of 39 phones."""
    static = FrontEnd(**{**front.model_dump(), "deltas": None})  # frames are spliced instead
    dev = sorted(set(parts["train"].utt2spk.values()))[::DEV_EVERY]
    labels = (labels_path(out, "train-39"), labels_path(out, "test-39"))
    return full_system_stage(
        "test", parts["train"], dev, parts["test"], out, static, CLASSIFIER, labels=labels, jobs=jobs
    )


def recognition_rows(
    system: str, reference: Mapping[str, Sequence[Label]], found: Mapping[str, Sequence[Label]]
) -> list[dict[str, str]]:
    """Errors among 39 phones, silence counted as one of them (as Lee and Hon did) and not counted."""
    said, recognized = (
        names_of({u: map_labels(labels, TIMIT_48_TO_39, silence=SILENCE, owner=u) for u, labels in side.items()})
        for side in (reference, found)
    )
    return [
        error_row(f"core test, 39 phones, {system}", error_rate(said, recognized, ignore=[])),
        error_row(f"core test, 39 phones, {system}, without silence", error_rate(said, recognized, ignore=[SILENCE])),
    ]


def sentences(corpus: Path, part: str, speakers: Sequence[str] | None = None) -> DataDir:
    """Find the sentences of a part (or of some speakers), those that all speakers read (SA) left out."""
    listing = find_recordings("timit", corpus)
    chosen = {
        utterance: path
        for utterance, path in listing.recordings.items()
        if path.parts[-4].upper() == part
        and (speakers is None or listing.utt2spk[utterance] in speakers)
        and not path.name.upper().startswith("SA")
    }
    utt2spk = {utterance: listing.utt2spk[utterance] for utterance in chosen}
    missing = set(speakers or ()) - set(utt2spk.values())
    if not chosen or missing:
        found = f"no sentence of {min(missing)}" if missing else "no sentence"
        expected = f"{part}/REGION/SPEAKER/SENTENCE.WAV, as in TIMIT"
        raise DataError(f"{corpus}: found {found}, expected {expected}")
    return DataDir(corpus, chosen, None, tuple(sorted(chosen)), utt2spk, None)


def labels_of(data: DataDir, utterance: str) -> list[Label]:
    """Read an utterance's phones, folded to 48."""
    audio = data.recordings[utterance]
    path = audio.with_suffix(".PHN" if audio.suffix.isupper() else ".phn")
    return map_labels(read_timit(path), TIMIT_61_TO_48, silence=SILENCE, owner=str(path))


def pronunciation(data: DataDir, utterance: str) -> list[str]:
    """Phones of an utterance."""
    return [label.name for label in labels_of(data, utterance)]


def labels_path(out: Path, name: str) -> Path:
    """Where `write_labels_stage` writes."""
    return out / f"labels-{name}.ctm"


def write_labels_stage(name: str, data: DataDir, out: Path) -> Stage:
    """Stage that writes the phones of a part, folded to 48 and to 39."""
    targets = [labels_path(out, name), labels_path(out, f"{name}-39")]
    to_39 = {phone: SCORED_SILENCE if new == SILENCE else new for phone, new in TIMIT_48_TO_39.items()}

    def write() -> None:
        labels = {utterance: labels_of(data, utterance) for utterance in data.utterances}
        folded = {
            utterance: map_labels(theirs, to_39, silence=SCORED_SILENCE, owner=utterance)
            for utterance, theirs in labels.items()
        }
        for target, found in zip(targets, (labels, folded), strict=True):
            write_ctm(target, found)

    return Stage(f"labels-{name}", write, targets, configuration=data.utterances)


if __name__ == "__main__":
    main()
