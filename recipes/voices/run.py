"""The main job on synthetic voices: who speaks, is it who he claims to be; and phones. No corpus is needed."""

import json
from pathlib import Path

import click

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import evaluation, phone_gmms, phones, verification
from gmmspeech.commands.transcripts import open_pronunciations
from gmmspeech.corpora.voices import write_voices
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml("voices")
CLASS_COMPONENTS, UBM_COMPONENTS = 16, 64
VERIFIER = {"relevance_factor": 10.0, "update": "mvw", "scoring": "symmetric"}

PHONE_FRONT_END = gs.FrontEnd.from_toml(Path(__file__).with_name("phones.toml"))
STATIC = gs.FrontEnd(**{**PHONE_FRONT_END.model_dump(), "deltas": None})  # frames are spliced instead
DICTIONARY = Path(__file__).with_name("words.dict")
FOLDS = 3  # each time a third of the voices is aligned, after training on the others
TRAINING = {"total_gaussians": 400, "max_iter": 20}
PASSES = 2  # of the flat start: once more from single Gaussians, as data are few
CLASSIFIER = phone_gmms.PhoneClassifierConfig(smoothing=0.0)  # exact times need none
ALIGNED_BY = {"flat": "flat start", "exact": "trained on the exact times"}


@click.option("--phones", "with_phones", is_flag=True, help="Align and classify phones too, after all else.")
@pipeline.recipe(corpus=False)
def main(run: pipeline.Run, with_phones: bool) -> None:
    """Identify and verify synthetic voices: features, models, scores, a report, in under a minute."""
    corpus = write_voices(run.out / "corpus")
    parts = {name: gs.read_data_dir(corpus / "data" / name) for name in ("train", "test", "ubm", "eval")}
    features = {name: run.out / f"feats-{name}.h5" for name in parts}
    for name, data in parts.items():
        if run.todo(f"features-{name}", makes=[features[name]], of=[data], settings=FRONT_END):
            gs.extract_features([data], features[name], FRONT_END, n_jobs=run.jobs)

    classifier, found = run.out / "speakers.h5", run.out / "speakers.json"
    speakers = [parts[name].path / "utt2spk" for name in ("train", "test")]
    if run.todo("speakers", makes=[classifier, found], of=speakers, settings=CLASS_COMPONENTS):
        options = {"random_state": 0, "n_jobs": run.jobs}
        verification.train_classifier_file(features["train"], speakers[0], classifier, CLASS_COMPONENTS, **options)
        found.write_text(json.dumps(verification.classify_file(classifier, features["test"])))

    ubm, scores, report = (run.out / name for name in ("ubm.h5", "scores-eval", "report-eval"))
    if run.todo("ubm", makes=[ubm], settings=UBM_COMPONENTS):
        verification.train_ubm_file(features["ubm"], ubm, UBM_COMPONENTS, random_state=0, n_jobs=run.jobs)

    sessions, trials = (parts["eval"].path / name for name in ("enroll_spk2utt", "trials"))
    if run.todo("verify", makes=[scores, report / "index.html"], of=[sessions, trials], settings=VERIFIER):
        verifier = gs.SpeakerVerifier(gs.load(ubm), n_jobs=run.jobs, **VERIFIER)
        with gs.FeatureStore(features["eval"]) as store:
            verifier.enroll_all(gs.read_list_map(sessions), store)
            gs.write_scores(scores, verifier.score_trials(gs.read_trials(trials), store))
        verifier.save(f"{scores}.models.h5")
        evaluation.evaluate_file(scores, trials, report=report, models=Path(f"{scores}.models.h5"))

    classified, labels = json.loads(found.read_text()), parts["test"].utt2spk
    run.results([rows.classification_row("speakers", [classified], labels)], "classification")
    summary = evaluation.evaluate_file(scores, trials)
    run.results([rows.verification_row("verify 12 voices", [summary])], "verification")
    if with_phones:
        align_and_classify(run, gs.read_data_dir(corpus / "data" / "all"))


def align_and_classify(run: pipeline.Run, data: gs.formats.DataDir) -> None:
    """Learn the phones of two thirds of the voices, align and classify those of the other third, three times.

    Phone HMMs are trained without and with the exact times, mixtures of phones with them.
    """
    features, labels = run.out / "feats-phones.h5", data.path / "phones.ctm"
    if run.todo("features-phones", makes=[features], of=[data], settings=PHONE_FRONT_END):
        gs.extract_features([data], features, PHONE_FRONT_END, n_jobs=run.jobs)
    exact, words = gs.formats.read_labels(labels), phones.transcripts(data)
    dictionary = phones.said_pronunciations(words, open_pronunciations([str(DICTIONARY)]))
    times = phones.frame_times(PHONE_FRONT_END.to_json())
    speakers = sorted({data.utt2spk[utterance] for utterance in data.utterances})
    aligned: dict[str, dict[str, list[gs.phones.Label]]] = {kind: {} for kind in ALIGNED_BY}
    for fold in range(FOLDS):
        tested = speakers[fold::FOLDS]
        test = data.only(u for u in data.utterances if data.utt2spk[u] in tested)
        train = data.only(u for u in data.utterances if data.utt2spk[u] not in tested)
        learned, said = ({u: words[u] for u in part.utterances} for part in (train, test))
        kinds = {
            "flat": {"num_passes": PASSES},
            "exact": {"labels": {u: exact[u] for u in learned}},
        }
        for kind, options in kinds.items():
            model, out = run.out / f"hmm-{kind}-{fold}.h5", run.out / f"aligned-{kind}-{fold}"
            settings = [learned, dictionary, TRAINING, PASSES]
            if run.todo(f"train-{kind}-{fold}", makes=[model], of=[labels], settings=settings):
                options = {**options, **TRAINING, "n_jobs": run.jobs}
                phones.train_phones_file(features, learned, dictionary, model, **options)
            if run.todo(f"align-{kind}-{fold}", makes=[out / "phones.ctm"], settings=[said, dictionary]):
                with gs.FeatureStore(features) as store:
                    found = gs.align(gs.load(model), store, said, dictionary, n_jobs=run.jobs, **times)
                gs.formats.write_alignments(out, found.alignments, format="ctm")
            aligned[kind] |= gs.formats.read_labels(out / "phones.ctm")

        folder = run.out / f"classified-phones-{fold}"
        makes = [folder / "classifier.h5", folder / "results.json"]
        if run.todo(f"classify-{fold}", makes=makes, of=[train, test, labels], settings=[STATIC, CLASSIFIER]):
            phone_gmms.train_and_classify(folder, {"train": train, "test": test}, STATIC, CLASSIFIER, n_jobs=run.jobs)
    boundaries = [rows.boundary_row(task, exact, aligned[kind]) for kind, task in ALIGNED_BY.items()]
    run.results(boundaries, "alignment")
    folders = [run.out / f"classified-phones-{fold}" for fold in range(FOLDS)]
    run.results(phone_gmms.classification_rows(folders), "phones")


if __name__ == "__main__":
    main()
