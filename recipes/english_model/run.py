"""The phone model of English that comes with the package."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import rungs
from gmmspeech.commands.transcripts import open_pronunciations, said_pronunciations, said_words
from gmmspeech.metrics import boundary_agreement
from gmmspeech.phones.decoding.calibration import calibrated
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.phones.hmm.mapping import without_contexts
from gmmspeech.phones.hmm.spoken_noise import add_spoken_noise
from gmmspeech.phones.hmm.training_state import keeping_last
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml("phones")
SUPPLEMENT = Path(__file__).parents[1] / "phones_librispeech" / "supplement.dict"
TRAINING = {"total_gaussians": 1000, "max_iter": 20, "times": "start"}  # as the corpus' aligner tells times
TRIPHONES = {"num_leaves": 300, "total_gaussians": 1000, "max_iter": 20, "realign": ()}  # frames stay in their phones
DEV_EVERY = 5  # of the background's speakers, sorted, this one and its fellows are kept for development
CARD = """English, read aloud: triphones of 39 phones of ARPAbet without stress, SIL, and SPN for unknown words; 16 kHz.
Trained by recipes/english_model on {minutes} minutes of {speakers} speakers of LibriSpeech train-clean-100, with phone
times that pocketsphinx made.
LibriSpeech (Panayotov, Chen, Povey, Khudanpur, ICASSP 2015) is under CC BY 4.0; so is this model, credit to its authors
and the readers of LibriVox.
{within} of the starts of phones of {tested} other speakers lie within 20 ms of pocketsphinx's (test-other)."""


@pipeline.other_parts("with text and phones.ctm: aligned by the model of `background`, whose speakers it must not have")
@pipeline.recipe(fetch="librispeech-mini")
def main(run: pipeline.Run, corpus: Path, tests: Sequence[str]) -> None:
    """Train on the labels of `background`; align `test-other`, and a fifth of `background` after the rest."""
    names = ("background", "test-other", *tests)
    background, test, *others = (gs.read_data_dir(corpus / "data" / name) for name in names)
    pipeline.check_other_speakers(background, others)
    for part in (background, test, *others):
        if run.todo(f"features-{part.path.name}", makes=[features_of(run, part)], of=[part], settings=FRONT_END):
            gs.extract_features([part], features_of(run, part), FRONT_END, n_jobs=run.jobs)
    dictionary = open_pronunciations(["cmudict", str(SUPPLEMENT)])
    held_out = sorted(set(background.utt2spk.values()))[::DEV_EVERY]
    dev = background.only(u for u in background.utterances if background.utt2spk[u] in held_out)
    rest = background.only(u for u in background.utterances if background.utt2spk[u] not in held_out)
    models, settings = {name: run.out / f"hmm-{name}.h5" for name in ("dev", "test-other")}, [TRAINING, TRIPHONES]
    for train, (name, model) in zip((rest, background), models.items(), strict=True):
        if run.todo(f"train-{name}", makes=[model], of=[train.path / "phones.ctm"], settings=settings):
            short(trained(features_of(run, train), train, dictionary, run.jobs)).save(model)
    heard = run.out / "deviations.h5"
    if run.todo("deviations", makes=[heard], of=[models["dev"], dev.path / "phones.ctm"]):
        with_deviations(gs.load(models["dev"]), features_of(run, dev), dev, dictionary, run.jobs).save(heard)
    scale = gs.load(heard).deviation_scale
    final: gs.phones.PhoneHMM = dataclasses.replace(gs.load(models["test-other"]), deviation_scale=scale)
    tests_of = [("dev", gs.load(heard), dev), *((part.path.name, final, part) for part in (test, *others))]
    both = [aligned_rows(run, name, model, tested, dictionary) for name, model, tested in tests_of]
    found = [row for rows_of_part, _ in both for row in rows_of_part]
    run.results(found, "alignment")
    run.results([row for _, row in both], "confidence")
    card = CARD.format(
        minutes=round(rungs.seconds_of(features_of(run, background), background.utterances) / 60),
        speakers=len(set(background.utt2spk.values())),
        tested=len(set(test.utt2spk.values())),
        within=next(row["within 20 ms"] for row in found if row["task"] == "test-other, adapted"),
    )
    dataclasses.replace(final, card=card, language="en").save(run.out / "english.h5")


def aligned_rows(
    run: pipeline.Run, name: str, tied: gs.phones.PhoneHMM, tested: gs.formats.DataDir, dictionary: Pronunciations
) -> tuple[list[rows.Row], rows.Row]:
    """Align a part in several ways, and hold starts of phones against its labels; and what deviations tell, adapted."""
    truth, said, found = gs.formats.read_labels(tested.path / "phones.ctm"), said_words(tested), []
    known = said_pronunciations(said, dictionary)
    for kind, hmm, speakers, times in (
        (", triphones adapted", tied, tested.utt2spk, "start"),
        ("", without_contexts(tied), None, "start"),
        (", adapted", without_contexts(tied), tested.utt2spk, "start"),
        (", by default", without_contexts(tied), tested.utt2spk, "center"),
    ):
        with gs.FeatureStore(features_of(run, tested)) as store:
            options = {"utt2spk": speakers, "times": times, "n_jobs": run.jobs}
            aligned = gs.align(hmm, store, said, known, **options).alignments
        hypothesis = {u: aligned[u].phones for u in aligned}
        reference = {u: truth[u] for u in hypothesis}
        found.append(rows.boundary_row(f"{name}{kind}", reference, hypothesis))
        if kind == ", adapted":
            told = rows.deviation_row(f"{name}{kind}", boundary_agreement(reference, hypothesis), aligned)
    return found, told


def with_deviations(
    tied: gs.phones.PhoneHMM, features: Path, data: gs.formats.DataDir, dictionary: Pronunciations, n_jobs: int
) -> gs.phones.PhoneHMM:
    """Give a model deviations that are worth something, learned on speakers that it has not heard."""
    labels, said = gs.formats.read_labels(data.path / "phones.ctm"), said_words(data)
    known = said_pronunciations(said, dictionary)
    options = {"transcripts": said, "dictionary": known, "times": TRAINING["times"], "by_phone": False}
    with gs.FeatureStore(features) as store:
        heard = calibrated(
            without_contexts(tied), store, {u: labels[u] for u in data.utterances}, **options, n_jobs=n_jobs
        )
    return dataclasses.replace(tied, deviation_scale=heard.deviation_scale)


def trained(features: Path, data: gs.formats.DataDir, dictionary: Pronunciations, n_jobs: int) -> gs.phones.PhoneHMM:
    """Phones on the labels, then triphones whose frames are still those of the labels; and SPN."""
    labels = gs.formats.read_labels(data.path / "phones.ctm")
    said = said_words(data)
    known = said_pronunciations(said, dictionary)
    with gs.FeatureStore(features) as store:
        keep, last = keeping_last(None)
        options = {**TRAINING, "callback": keep, "n_jobs": n_jobs}
        gs.phones.train_phone_hmm_on_labels(store, {u: labels[u] for u in data.utterances}, **options)
        tied = gs.phones.train_triphone_hmm(store, said, known, last[0], **TRIPHONES, n_jobs=n_jobs)
    return add_spoken_noise(tied.with_front_end(FRONT_END.to_json()))


def features_of(run: pipeline.Run, part: gs.formats.DataDir) -> Path:
    """Where the features of a part are."""
    return run.out / f"feats-{part.path.name}.h5"


def short(model: gs.phones.PhoneHMM) -> gs.phones.PhoneHMM:
    """Give a model whose Gaussians are numbers that float32 holds, and so take half of the space in a file."""
    means, variances = (x.astype(np.float32).astype(np.float64) for x in (model.means, model.variances))
    return dataclasses.replace(model, means=means, variances=variances)


if __name__ == "__main__":
    main()
