"""Phones of read English: HMMs trained without any times, alignment of transcripts, phone recognition."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from words import check_words, draw, names_of

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import phone_gmms, phone_training, phones
from gmmspeech.commands.transcripts import open_pronunciations
from gmmspeech.phones.labels.phone_sets import ARPABET
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml("phones")
STATIC = gs.FrontEnd(**{**FRONT_END.model_dump(), "deltas": None})  # frames are spliced instead
SUPPLEMENT = Path(__file__).with_name("supplement.dict")
PHONES = ("SIL", *ARPABET)
REFINE = False  # the corpus' own boundaries lie between whole frames
TRAINING = {"max_iter": 20, "num_passes": 2}
RUNGS = {"tri1": "tri1-{}.h5", "tri2": "tri3-{}.h5", "tri3": "tri3-{}.h5"}  # tri3's model that knows no speaker is tri2
LOOP_SCALE, LADDER_SCALE = 0.2, 0.2  # of log-likelihoods beside a phone bigram
CLASSIFIER = phone_gmms.AdaptedClassifierConfig()
DEV_EVERY = 5  # of the background's speakers, sorted, this one and its fellows are kept for development
PICTURE = (0.5, 3.0)  # s, of the first utterance


@dataclass(frozen=True)
class Experiment:
    """Who is learned from and who is recognized; `labels` are the corpus' own, None if it was fetched without any."""

    name: str
    train: gs.formats.DataDir
    test: gs.formats.DataDir
    labels: Path | None


@click.option("--gaussians", type=click.IntRange(1), default=1000, show_default=True, help="Of the phone HMMs.")
@click.option("--dictionary", "more", multiple=True, help="More pronunciations, beside CMUdict and the supplement.")
@click.option("--skip-bad", is_flag=True, help="Leave out utterances with words that no dictionary has.")
@pipeline.recipe(fetch="librispeech-mini", quick="librispeech-dev-clean")
def main(run: pipeline.Run, corpus: Path, gaussians: int, more: Sequence[str], skip_bad: bool, quick: bool) -> None:
    """Train phones on `background`, align and recognize `test-other`; and a fifth of `background` after the rest."""
    names = ("background", "dev-clean" if quick else "test-other")
    background, test = (gs.read_data_dir(corpus / "data" / name) for name in names)
    known = open_pronunciations(["cmudict", str(SUPPLEMENT), *more])
    dictionary = {**check_words(background, known, skip_bad), **check_words(test, known, skip_bad)}
    for part in (background, test):
        if run.todo(f"features-{part.path.name}", makes=[features_of(run, part)], of=[part], settings=FRONT_END):
            gs.extract_features([part], features_of(run, part), FRONT_END, n_jobs=run.jobs)

    found = experiments(background, test)
    speed = [row for each in found for row in recognize(run, each, dictionary, gaussians, skip_bad)]
    folder, labeled = run.out / f"classified-{test.path.name}", [each for each in found if each.labels]
    if labeled:
        (train, dev), labels = split(background), [part.path / "phones.ctm" for part in (background, test)]
        makes, parts = [folder / "classifier.h5", folder / "results.json"], {"train": train, "dev": dev, "test": test}
        if run.todo("classify", makes=makes, of=[*parts.values(), *labels], settings=[STATIC, CLASSIFIER]):
            phone_gmms.train_and_classify(folder, parts, STATIC, CLASSIFIER, n_jobs=run.jobs)
    picture = run.out / "alignment.png"
    if importlib.util.find_spec("matplotlib") and run.todo("picture", makes=[picture], settings=PICTURE):
        aligned = run.out / f"aligned-{test.path.name}" / "phones.ctm"
        draw(test, aligned, found[-1].labels, PICTURE, picture)

    if labeled:
        read = gs.formats.read_labels
        aligned = [(e, rung, f"aligned-{e.name}{'-' * bool(rung)}{rung}") for e in labeled for rung in ("", *RUNGS)]
        pairs = [(f"{e.name}, {rung or 'monophone'}", e.labels, run.out / at / "phones.ctm") for e, rung, at in aligned]
        run.results([rows.boundary_row(name, read(own), read(found)) for name, own, found in pairs], "alignment")
    run.results([row for each in found for row in recognition_rows(each, run.out)], "recognition")
    if labeled:
        run.results(phone_gmms.classification_rows([folder]), "classification")
    run.results(speed, "speed")


def experiments(background: gs.formats.DataDir, test: gs.formats.DataDir) -> list[Experiment]:
    """A fifth of the background after the rest, and test speakers after the whole background."""
    labels = [part.path / "phones.ctm" for part in (background, test)]
    own = labels if all(path.exists() for path in labels) else [None, None]
    return [Experiment("dev", *split(background), own[0]), Experiment(test.path.name, background, test, own[1])]


def split(background: gs.formats.DataDir) -> tuple[gs.formats.DataDir, gs.formats.DataDir]:
    """Every fifth speaker is kept for development."""
    held_out = sorted(set(background.utt2spk.values()))[::DEV_EVERY]
    kept = [background.utt2spk[utterance] in held_out for utterance in background.utterances]
    sides = ((u for u, k in zip(background.utterances, kept, strict=True) if k == side) for side in (False, True))
    return background.only(next(sides)), background.only(next(sides))


def recognize(
    run: pipeline.Run, task: Experiment, dictionary: Mapping, gaussians: int, skip_bad: bool
) -> list[rows.Row]:
    """Flat start, alignment of both sides, triphones, alignment and phone recognition on each rung of the ladder."""
    name, train, test = task.name, phones.transcripts(task.train), phones.transcripts(task.test)
    learned_from, tested_on = features_of(run, task.train), features_of(run, task.test)
    model, state = (run.out / f"{kind}-{name}.h5" for kind in ("hmm", "hmm-state"))
    utt2spk = {**task.train.utt2spk, **task.test.utt2spk}
    times = {**phones.frame_times(FRONT_END.to_json()), "times": "start"}
    settings = [train, dictionary, PHONES, gaussians, TRAINING, skip_bad]
    if run.todo(f"train-{name}", makes=[model, state], settings=settings):
        options = {"phones": PHONES, "total_gaussians": gaussians, "skip_bad": skip_bad, "n_jobs": run.jobs, **TRAINING}
        phone_training.train_phones_file(learned_from, train, dictionary, model, alignment=state, **options)
    for side, words, features in ((f"{name}-train", train, learned_from), (name, test, tested_on)):
        aligned = run.out / f"aligned-{side}"
        if run.todo(f"align-{side}", makes=[aligned / "phones.ctm"], settings=[words, skip_bad, REFINE]):
            options = {"refine": REFINE, "skip_bad": skip_bad, "n_jobs": run.jobs, **times}
            with gs.FeatureStore(features) as store:
                gs.formats.write_alignments(
                    aligned, gs.align(gs.load(model), store, words, dictionary, **options).alignments, format="ctm"
                )
    learned, found = run.out / f"aligned-{name}-train" / "phones.ctm", run.out / f"recognized-{name}.ctm"
    if run.todo(f"recognize-{name}", makes=[found], settings=[list(test), LOOP_SCALE]):
        options = {"acoustic_scale": LOOP_SCALE, "n_jobs": run.jobs}
        phones.recognize_phones_file(model, tested_on, test, learned, found, **options)
    for rung in ("tri1", "tri3"):
        made = run.out / f"{rung}-{name}.h5"
        if run.todo(f"{rung}-{name}", makes=[made], settings=[train, utt2spk, gaussians]):
            phone_training.train_ladder_file(
                learned_from, train, dictionary, utt2spk, state, made, rung=rung, n_jobs=run.jobs
            )
    for rung in RUNGS:
        made, speakers = run.out / RUNGS[rung].format(name), None if rung == "tri2" else utt2spk
        aligned, found = run.out / f"aligned-{name}-{rung}", run.out / f"recognized-{name}-{rung}.ctm"
        if run.todo(f"align-{name}-{rung}", makes=[aligned / "phones.ctm"], settings=[test, skip_bad, REFINE]):
            options = {"utt2spk": speakers, "refine": REFINE, "skip_bad": skip_bad, "n_jobs": run.jobs, **times}
            with gs.FeatureStore(features_of(run, task.test)) as store:
                gs.formats.write_alignments(
                    aligned, gs.align(gs.load(made), store, test, dictionary, **options).alignments, format="ctm"
                )
        if run.todo(f"recognize-{name}-{rung}", makes=[found], settings=[list(test), LADDER_SCALE]):
            options = {"utt2spk": speakers, "acoustic_scale": LADDER_SCALE, "n_jobs": run.jobs}
            phones.recognize_phones_file(made, tested_on, test, learned, found, **options)
    taught, tested = phones.seconds_of(learned_from, train), phones.seconds_of(tested_on, test)
    steps = {f"train-{name}": taught, f"align-{name}-train": taught, f"align-{name}": tested}
    steps |= {f"recognize-{name}": tested, f"tri1-{name}": taught, f"tri3-{name}": taught}
    steps |= {f"recognize-{name}-{rung}": tested for rung in RUNGS}
    return [rows.speed_row(step.replace("-", " ", 1), s, run.cpu_seconds(step)) for step, s in steps.items()]


def features_of(run: pipeline.Run, part: gs.formats.DataDir) -> Path:
    """Where the features of a part are."""
    return run.out / f"feats-{part.path.name}.h5"


def recognition_rows(task: Experiment, out: Path) -> list[rows.Row]:
    """Phone errors on each rung of the ladder, beside the corpus' phones or those of the alignment."""
    names = names_of(task.labels or out / f"aligned-{task.name}" / "phones.ctm")
    # what could not be aligned has no phones to compare with, where those of the alignment are used
    said = {u: names[u] for u in phones.transcripts(task.test) if task.labels or u in names}
    found = []
    for rung in ("", *RUNGS):
        recognized = names_of(out / f"recognized-{task.name}{'-' * bool(rung)}{rung}.ctm")
        errors = gs.metrics.error_rate(said, {utterance: recognized[utterance] for utterance in said})
        found.append(rows.error_row(f"{task.name}, {rung or 'monophone'}", errors))
    return found


if __name__ == "__main__":
    main()
