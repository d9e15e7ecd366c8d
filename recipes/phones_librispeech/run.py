"""Phones of read English: HMMs trained without any times, alignment of transcripts, phone recognition."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import vocal_tract
from experiments import Experiment, alignment_rows, experiments, features_of, normalized, recognition_rows, split
from network import ALL, recognize_by_all, train_network
from noisy import copies_apart, copy_in_noise, copy_in_rooms, states_with_copies, with_copies
from words import check_words, draw

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import phone_gmms, rungs
from gmmspeech.commands.transcripts import open_pronunciations, said_words
from gmmspeech.phones.labels.phone_sets import ARPABET
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml("phones")
STATIC = gs.FrontEnd(**{**FRONT_END.model_dump(), "deltas": None})  # frames are spliced instead
SUPPLEMENT = Path(__file__).with_name("supplement.dict")
PHONES = ("SIL", *ARPABET)
REFINE = False  # the corpus' own boundaries lie between whole frames
TRAINING = {"max_iter": 20, "num_passes": 2}
TOP = "tri3"  # of the ladder, which is climbed with normalized vocal tracts too
LOOP_SCALE = 0.2  # of log-likelihoods beside a phone bigram
BESIDE = {"context": 9, "dim": 45, "total_gaussians": 2000, "adapted_gaussians": 10000}  # without contexts, beside TOP
NETWORK = {"context": 4, "hidden": 640, "rates": [1e-3, 1e-3, 4e-4, 1.6e-4, 6.4e-5]}  # on frames of that model
WEIGHTS = {"top": 0.25, "beside": 0.25, "network": 1.5}  # of log-likelihoods where all are together
CLASSIFIER = phone_gmms.AdaptedClassifierConfig(unadapted=phone_gmms.PhoneClassifierConfig(dim=50))
DEV_EVERY = 5  # of the background's speakers, sorted, this one and its fellows are kept for development
PICTURE = (0.5, 3.0)  # s, of the first utterance


@click.option("--gaussians", type=click.IntRange(1), default=1000, show_default=True, help="Of the phone HMMs.")
@click.option("--dictionary", "more", multiple=True, help="More pronunciations, beside CMUdict and the supplement.")
@click.option("--skip-bad", is_flag=True, help="Leave out utterances with words that no dictionary has.")
@click.option("--test", "tested", metavar="PART", help="Part of the corpus to recognize.  [default: test-other]")
@pipeline.recipe(fetch="librispeech-mini", quick="librispeech-dev-clean")
def main(
    run: pipeline.Run,
    corpus: Path,
    gaussians: int,
    more: Sequence[str],
    skip_bad: bool,
    tested: str | None,
    quick: bool,
) -> None:
    """Train phones on `background`, align and recognize `test-other`; and a fifth of `background` after the rest."""
    names = ("background", tested or ("dev-clean" if quick else "test-other"))
    background, test = (gs.read_data_dir(corpus / "data" / name) for name in names)
    known = open_pronunciations(["cmudict", str(SUPPLEMENT), *more])
    dictionary = {**check_words(background, known, skip_bad), **check_words(test, known, skip_bad)}
    for part in (background, test):
        if run.todo(f"features-{part.path.name}", makes=[features_of(run, part)], of=[part], settings=FRONT_END):
            gs.extract_features([part], features_of(run, part), FRONT_END, n_jobs=run.jobs)
    warped = {part.path.name: vocal_tract.extract_warped(run, part, FRONT_END) for part in (background, test)}

    found = experiments(background, test, DEV_EVERY)
    speed = [row for each in found for row in recognize(run, each, warped, dictionary, gaussians, skip_bad)]
    folder, labeled = run.out / f"classified-{test.path.name}", [each for each in found if each.labels]
    if labeled:
        (train, dev), labels = split(background, DEV_EVERY), [part.path / "phones.ctm" for part in (background, test)]
        makes, parts = [folder / "classifier.h5", folder / "results.json"], {"train": train, "dev": dev, "test": test}
        if run.todo("classify", makes=makes, of=[*parts.values(), *labels], settings=[STATIC, CLASSIFIER]):
            phone_gmms.train_and_classify(folder, parts, STATIC, CLASSIFIER, n_jobs=run.jobs)
    copies = copy_in_noise(run, background)
    speed += [row for each in found for row in recognize_beside(run, each, copies, dictionary)]
    rooms = copy_in_rooms(run, copies)
    speed += [row for each in found for row in recognize_with_network(run, each, rooms, dictionary)]
    picture = run.out / "alignment.png"
    if importlib.util.find_spec("matplotlib") and run.todo("picture", makes=[picture], settings=PICTURE):
        aligned = rungs.aligned_at(run.out, test.path.name, rungs.MONOPHONE)
        draw(test, aligned, found[-1].labels, PICTURE, picture)

    if labeled:
        run.results([row for each in labeled for row in alignment_rows(each, run.out, TOP)], "alignment")
    run.results([row for each in found for row in recognition_rows(each, run.out, TOP)], "recognition")
    if labeled:
        run.results(phone_gmms.classification_rows([folder]), "classification")
    run.results(speed, "speed")


def recognize(
    run: pipeline.Run,
    task: Experiment,
    warped: Mapping[str, Mapping[float, Path]],
    dictionary: Mapping,
    gaussians: int,
    skip_bad: bool,
) -> list[rows.Row]:
    """Climb from a flat start, align and recognize on each rung; on the last with normalized vocal tracts too."""
    name, sides = task.name, (task.train, task.test)
    train, test = (rungs.Speech(features_of(run, x), said_words(x), x.utt2spk) for x in sides)
    bad, alignment = {"skip_bad": skip_bad}, {"refine": REFINE, "skip_bad": skip_bad}
    options = {"phones": PHONES, "total_gaussians": gaussians, **bad, **TRAINING}
    rungs.train_monophones(run, name, train, dictionary, **options)
    learned = rungs.align_on(run, name, rungs.MONOPHONE, f"{name}-train", train, dictionary, **alignment)
    rungs.train_rungs(run, name, train, dictionary, settings=gaussians)
    for rung in rungs.RUNGS:
        rungs.align_on(run, name, rung, name, test, dictionary, **alignment)
        rungs.recognize_on(run, name, rung, name, test, learned, scale=LOOP_SCALE)
    both = ((speech, warped[part.path.name]) for speech, part in zip((train, test), sides, strict=True))
    train_at, test_at = vocal_tract.normalize_speakers(run, name, FRONT_END, *both, dictionary, learned)
    more = {"rungs": [TOP], "monophones": name, "settings": gaussians}
    rungs.train_rungs(run, f"{name}-vtln", train_at, dictionary, **more)
    rungs.align_on(run, f"{name}-vtln", TOP, f"{name}-vtln", test_at, dictionary, **alignment)
    rungs.recognize_on(run, f"{name}-vtln", TOP, f"{name}-vtln", test_at, learned, scale=LOOP_SCALE)
    steps = {f"train-{name}": train, f"align-{name}-train": train, f"align-{name}": test, f"recognize-{name}": test}
    steps |= {f"{rung}-{name}": train for rung in rungs.TRAINED}
    steps |= {f"recognize-{name}-{rung}": test for rung in rungs.RUNGS[1:]}
    steps |= {f"warps-{name}": train, f"{TOP}-{name}-vtln": train, f"recognize-{name}-vtln-{TOP}": test}
    return [rows.speed_row(step.replace("-", " ", 1), s.seconds, run.cpu_seconds(step)) for step, s in steps.items()]


def recognize_beside(
    run: pipeline.Run, task: Experiment, copies: gs.formats.DataDir, dictionary: Mapping
) -> list[rows.Row]:
    """Recognize by the last rung beside phones without contexts, which have learned from copies in noise too."""
    name, top = task.name, f"{task.name}-vtln"
    train, test = normalized(run, task)
    learned = rungs.aligned_at(run.out, f"{name}-train", rungs.MONOPHONE)
    both = with_copies(run, name, train, copies, FRONT_END)
    beside = rungs.train_beside(run, top, both, dictionary, states_with_copies(run, name), **BESIDE)
    rungs.recognize_on(run, top, TOP, f"{top}-beside", test, learned, scale=LOOP_SCALE, beside=beside)
    steps = {f"beside-{top}": both, f"recognize-{top}-beside-{TOP}": test}
    return [rows.speed_row(step.replace("-", " ", 1), s.seconds, run.cpu_seconds(step)) for step, s in steps.items()]


def recognize_with_network(
    run: pipeline.Run, task: Experiment, rooms: gs.formats.DataDir, dictionary: Mapping
) -> list[rows.Row]:
    """Recognize by these two models and a network, which has learned from copies in noise and echo too."""
    name, top = task.name, f"{task.name}-vtln"
    train, test = normalized(run, task)
    learned, beside = rungs.aligned_at(run.out, f"{name}-train", rungs.MONOPHONE), rungs.beside_at(run, top)
    copies = copies_apart(run, name, train, rooms, FRONT_END)
    network = train_network(run, top, beside, train, copies, dictionary, **NETWORK)
    systems = [(rungs.model_of(run, top, TOP), WEIGHTS["top"]), (beside, WEIGHTS["beside"])]
    recognize_by_all(run, top, systems, (network, WEIGHTS["network"]), test, learned, scale=LOOP_SCALE)
    steps = {f"network-{top}": (1 + len(copies)) * train.seconds, f"recognize-{top}-{ALL}": test.seconds}
    return [rows.speed_row(step.replace("-", " ", 1), s, run.cpu_seconds(step)) for step, s in steps.items()]


if __name__ == "__main__":
    main()
