"""Phones of read English: HMMs trained without any times, alignment of transcripts, phone recognition."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gmmspeech.cli.group import FILE, skip_bad_option
from gmmspeech.cli.recipe import recipe_command
from gmmspeech.commands.phones import read_pronunciations, transcripts
from gmmspeech.errors import DataError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.formats.datadir import DataDir, load_utterance, read_data_dir
from gmmspeech.formats.labels import read_ctm
from gmmspeech.metrics.error_rate import error_rate
from gmmspeech.phones.gmm.classification import FullSystem
from gmmspeech.phones.hmm.graph import pronunciations
from gmmspeech.phones.labels.dictionary import Dictionary
from gmmspeech.phones.labels.phone_sets import ARPABET
from gmmspeech.plot.spectrogram import plot_labels
from gmmspeech.recipe.phone_classification import classified_rows, confusion_stage, full_system_stage
from gmmspeech.recipe.phone_stages import (
    Speech,
    align_stage,
    aligned_path,
    boundary_row,
    error_row,
    flat_start_stage,
    names_of,
    recognize_adapted_stage,
    recognize_phones_stage,
    recognized_path,
    speed_rows,
    system_stage,
)
from gmmspeech.recipe.stages import Stage, run_stages
from gmmspeech.recipe.verification import features_path, features_stage, tell_results

FRONT_END = "phones"
SUPPLEMENT = Path(__file__).with_name("supplement.dict")
PHONES = ("SIL", *ARPABET)
TRAINING = {"max_iter": 40}
SYSTEM = {"context": 9, "dim": 45}
CLASSIFIER = FullSystem()
DEV_EVERY = 5  # of the background's speakers, sorted, this one and its fellows are kept for development
PICTURE = (0.5, 3.0)  # s, of the first utterance


@dataclass(frozen=True)
class Experiment:
    """Who is learned from and who is recognized; `labels` are the corpus' own, None if it was fetched without any."""

    name: str
    train: Speech
    test: Speech
    utt2spk: Mapping[str, str]
    labels: Path | None


@click.option(
    "--gaussians",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Of the phone HMMs; the full system has twice as many.",
)
@click.option(
    "--dictionary",
    "dictionaries",
    multiple=True,
    type=FILE,
    help="More pronunciations, for words that CMUdict and the supplement lack.",
)
@skip_bad_option
@recipe_command(fetch="librispeech-mini", quick="librispeech-dev-clean")
def main(
    corpus: Path,
    out: Path,
    jobs: int,
    stage: int | None,
    gaussians: int,
    dictionaries: Sequence[Path],
    skip_bad: bool,
    quick: bool,
) -> None:
    """Train phones on `background`, align and recognize `test-other`; and a fifth of `background` after the rest."""
    front, tested = FrontEnd.from_toml(FRONT_END), "dev-clean" if quick else "test-other"
    parts = {name: read_data_dir(corpus / "data" / name) for name in ("background", tested)}
    labeled = all(map(labels_of, parts.values()))
    dictionary = read_pronunciations(["cmudict", str(SUPPLEMENT), *map(str, dictionaries)])
    for part in parts.values():
        check_words(part, dictionary, skip_bad)
    stages = [features_stage(name, [part], out, front, jobs=jobs) for name, part in parts.items()]
    found = experiments(parts, out)
    for experiment in found:
        stages += experiment_stages(experiment, dictionary, out, gaussians, jobs=jobs, skip_bad=skip_bad)
    pictures = [picture_stage(parts[tested], found[-1], out)]
    if labeled:
        stages.append(classification_stage(parts["background"], parts[tested], front, out, jobs))
        pictures.append(confusion_stage(tested, out))
    if importlib.util.find_spec("matplotlib"):
        stages += pictures
    run_stages(stages, out, first=stage)
    if labeled:
        tell_results([alignment_row(each, each.labels, out) for each in found if each.labels], out, "alignment")
    tell_results([row for experiment in found for row in recognition_rows(experiment, out)], out, "recognition")
    if labeled:
        tell_results(classified_rows(tested, out), out, "classification")
    tell_results(speed_rows(out, stages), out, "speed")


def experiments(parts: Mapping[str, DataDir], out: Path) -> list[Experiment]:
    """Test speakers after the whole background, and a fifth of the background after the rest."""
    background, test = (Speech(features_path(out, name), transcripts(part)) for name, part in parts.items())
    utt2spk = {name: speaker for part in parts.values() for name, speaker in part.utt2spk.items()}
    train_labels, test_labels = map(labels_of, parts.values())
    held_out = development_speakers(parts["background"])
    dev = [name for name in background.words if utt2spk[name] in held_out]
    rest = [name for name in background.words if utt2spk[name] not in held_out]
    return [
        Experiment("dev", background.only(rest), background.only(dev), utt2spk, train_labels),
        Experiment(list(parts)[-1], background, test, utt2spk, test_labels),
    ]


def labels_of(data: DataDir) -> Path | None:
    """File of the corpus' own phones, if there is one."""
    path = data.path / "phones.ctm"
    return path if path.exists() else None


def development_speakers(background: DataDir) -> set[str]:
    """Every fifth speaker."""
    return set(sorted(set(background.utt2spk.values()))[::DEV_EVERY])


def classification_stage(train: DataDir, test: DataDir, front: FrontEnd, out: Path, jobs: int) -> Stage:
    """Stage that classifies the phones of test speakers, with weights fitted on a fifth of the background."""
    static = FrontEnd(**{**front.model_dump(), "deltas": None})  # frames are spliced instead
    dev = sorted(development_speakers(train))
    return full_system_stage(test.path.name, train, dev, test, out, static, CLASSIFIER, jobs=jobs)


def experiment_stages(
    experiment: Experiment, dictionary: Dictionary, out: Path, gaussians: int, *, jobs: int, skip_bad: bool
) -> list[Stage]:
    """Flat start, alignment of both sides, phone recognition with these models and with the full system."""
    name, train, test, utt2spk = experiment.name, experiment.train, experiment.test, experiment.utt2spk
    learned = aligned_path(out, f"{name}-train") / "phones.ctm"
    common: dict[str, Any] = {"jobs": jobs, "skip_bad": skip_bad}
    return [
        flat_start_stage(name, train, dictionary, out, phones=PHONES, total_gaussians=gaussians, **TRAINING, **common),
        align_stage(f"{name}-train", name, train, dictionary, out, **common),
        align_stage(name, name, test, dictionary, out, **common),
        recognize_phones_stage(name, name, test, learned, out, jobs=jobs),
        system_stage(name, train, utt2spk, dictionary, out, total_gaussians=2 * gaussians, jobs=jobs, **SYSTEM),
        recognize_adapted_stage(f"{name}-adapted", name, test, utt2spk, learned, out, jobs=jobs),
    ]


def alignment_row(experiment: Experiment, labels: Path, out: Path) -> dict[str, str]:
    """Boundaries of the alignment beside those of the corpus."""
    found = read_ctm(aligned_path(out, experiment.name) / "phones.ctm")
    return boundary_row(experiment.name, read_ctm(labels), found)


def recognition_rows(experiment: Experiment, out: Path) -> list[dict[str, str]]:
    """Phone errors without and with adaptation to the speakers, beside the corpus' phones or those of the alignment."""
    names = names_of(read_ctm(experiment.labels or aligned_path(out, experiment.name) / "phones.ctm"))
    # what could not be aligned has no phones to compare with, where those of the alignment are used
    compared = [utterance for utterance in experiment.test.words if experiment.labels or utterance in names]
    said = {utterance: names[utterance] for utterance in compared}
    rows = []
    for system, name in (("monophone", experiment.name), ("full system", f"{experiment.name}-adapted")):
        found = names_of(read_ctm(recognized_path(out, name)))
        errors = error_rate(said, {utterance: found[utterance] for utterance in compared})
        rows.append(error_row(f"{experiment.name}, {system}", errors))
    return rows


def check_words(data: DataDir, dictionary: Dictionary, skip_bad: bool) -> None:
    """Name the words that no dictionary has."""
    words = Counter(word for said in transcripts(data).values() for word in said)
    lacking = [word for word in words if not pronunciations(dictionary, word, optional=True)]
    if lacking and not skip_bad:
        expected = "them in CMUdict, the supplement or a --dictionary (or --skip-bad)"
        raise DataError(f"{data.path}/text: found no pronunciation of {', '.join(lacking)}, expected {expected}")
    for word in lacking:
        click.echo(f"{data.path.name}: not in the dictionary: {word} ({words[word]} times)", err=True)


def picture_stage(data: DataDir, experiment: Experiment, out: Path) -> Stage:
    """Stage that draws the beginning of the first utterance and both sides' phones."""
    target = out / "alignment.png"

    def draw() -> None:
        found = read_ctm(aligned_path(out, experiment.name) / "phones.ctm")
        utterance = next(iter(found))
        tiers = {"this alignment": found[utterance]}
        if experiment.labels:
            tiers["the corpus"] = read_ctm(experiment.labels)[utterance]
        signal, rate = load_utterance(data, utterance)
        plot_labels(signal, rate, tiers, *PICTURE, title=utterance).savefig(target, dpi=72)

    return Stage("picture", draw, [target], [experiment.labels] if experiment.labels else [], PICTURE)


if __name__ == "__main__":
    main()
