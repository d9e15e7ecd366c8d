"""The main job on synthetic voices: who speaks, is it who he claims to be; and phones. No corpus is needed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import numpy as np

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import evaluation, phone_gmms, phone_training, verification
from gmmspeech.commands.conversion import converting
from gmmspeech.commands.phone_features import front_end_of_waveforms
from gmmspeech.commands.transcripts import open_pronunciations, said_pronunciations, said_words
from gmmspeech.corpora.voices import write_voices
from gmmspeech.metrics import boundary_agreement
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.phones.shipped import english_model
from gmmspeech.report import rows

Aligned = dict[str, Alignment]

FRONT_END = gs.FrontEnd.from_toml("voices")
CLASS_COMPONENTS, UBM_COMPONENTS = 16, 64
VERIFIER = {"relevance_factor": 10.0, "update": "mvw", "scoring": "symmetric"}

PHONE_FRONT_END = gs.FrontEnd.from_toml(Path(__file__).with_name("phones.toml"))
STATIC = gs.FrontEnd(**{**PHONE_FRONT_END.model_dump(), "deltas": None})  # frames are spliced instead
SENTENCES = Path(__file__).with_name("sentences.txt")
FOLDS = 3  # each time a third of the voices is aligned, saying a third of the sentences, after training on the others
TRAINING = {"max_iter": 20}
PASSES = 2  # of the flat start: once more from single Gaussians
CLASSIFIER = phone_gmms.PhoneClassifierConfig(dim=50, smoothing=0.0)  # exact times need none
EXACT, FLAT, ENGLISH = "trained on the exact times", "flat start", "English model"
FOLLOWING = {f"{FLAT}, {number} utterances labeled": number for number in (20, 40)}  # of those of the training


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
        many = write_voices(run.out / "sentences", SENTENCES.read_text(encoding="utf-8").splitlines())
        align_and_classify(run, gs.read_data_dir(many / "data" / "all"))
        align_same_sentences(run, gs.read_data_dir(corpus / "data" / "all"))


def align_and_classify(run: pipeline.Run, data: gs.formats.DataDir, *, hold_out: bool = True) -> None:
    """Learn the phones of two thirds of the voices saying two thirds of the sentences; align and classify the others.

    Phone HMMs are trained with and without the exact times, mixtures of phones with them. The model that comes along
    has heard people alone.
    """
    labels, folders = data.path / "phones.ctm", []
    for fold, (train, test) in enumerate(folds(data, hold_out)):
        folder = run.out / f"classified-phones-{fold}"
        makes = [folder / "classifier.h5", folder / "results.json"]
        if run.todo(f"classify-{fold}", makes=makes, of=[train, test, labels], settings=[STATIC, CLASSIFIER]):
            phone_gmms.train_and_classify(folder, {"train": train, "test": test}, STATIC, CLASSIFIER, n_jobs=run.jobs)
        folders.append(folder)
    trained = align_by_trained(run, data, "", hold_out)
    tell(run, labels, {**trained, ENGLISH: align_by_english(run, data, hold_out)}, "")
    run.results(phone_gmms.classification_rows(folders), "phones")


def align_same_sentences(run: pipeline.Run, data: gs.formats.DataDir) -> None:
    """Align voices that say just what the training voices say."""
    tell(run, data.path / "phones.ctm", align_by_trained(run, data, "-same", False), " of the same sentences")


def folds(data: gs.formats.DataDir, hold_out: bool) -> Iterator[tuple[gs.formats.DataDir, gs.formats.DataDir]]:
    """Training and test parts without a voice in both, and without a sentence in both if sentences are held out."""
    speakers = sorted({data.utt2spk[utterance] for utterance in data.utterances})
    voice = {utterance: speakers.index(data.utt2spk[utterance]) % FOLDS for utterance in data.utterances}
    sentence = {utterance: int(utterance.rpartition("-s")[2]) % FOLDS for utterance in data.utterances}
    for fold in range(FOLDS):
        taught = [u for u in voice if voice[u] != fold and not (hold_out and sentence[u] == fold)]
        tested = [u for u in voice if voice[u] == fold and not (hold_out and sentence[u] != fold)]
        yield data.only(taught), data.only(tested)


def align_by_trained(run: pipeline.Run, data: gs.formats.DataDir, kept: str, hold_out: bool) -> dict[str, Aligned]:
    """Align the test part of each fold by models of its training part, with and without exact times."""
    features, labels = run.out / f"feats-phones{kept}.h5", data.path / "phones.ctm"
    if run.todo(f"features-phones{kept}", makes=[features], of=[data], settings=PHONE_FRONT_END):
        gs.extract_features([data], features, PHONE_FRONT_END, n_jobs=run.jobs)
    exact, (words, dictionary) = gs.formats.read_labels(labels), pronounced(data)
    found: dict[str, Aligned] = {kind: {} for kind in (EXACT, FLAT, *(FOLLOWING if hold_out else ()))}
    for kind in found:
        for fold, (train, test) in enumerate(folds(data, hold_out)):
            name = f"{kind.split()[0]}{FOLLOWING.get(kind, '')}{kept}-{fold}"
            learned = {u: words[u] for u in train.utterances}
            labeled = list(learned) if kind == EXACT else drawn(learned, FOLLOWING.get(kind, 0))
            told = {u: exact[u] for u in labeled}
            model, settings = run.out / f"hmm-{name}.h5", [learned, labeled, dictionary, TRAINING, PASSES]
            if run.todo(f"train-{name}", makes=[model], of=[labels], settings=settings):
                how = {"labels": told or None, "utt2spk": data.utt2spk, **TRAINING, "n_jobs": run.jobs}
                how |= {"num_passes": PASSES} if kind == FLAT else {}
                phone_training.train_phones_file(features, learned, dictionary, model, **how)
            found[kind] |= align(run, gs.load(model), features, test)
    return found


def drawn(utterances: Mapping[str, Sequence[str]], number: int) -> list[str]:
    """Give some utterances, as if they were those that somebody labeled by hand."""
    chosen = np.random.default_rng(0).permutation(len(utterances))[:number]
    return [list(utterances)[i] for i in chosen]


def align_by_english(run: pipeline.Run, data: gs.formats.DataDir, hold_out: bool) -> Aligned:
    """Align the test parts of all folds by the model that comes along."""
    model, features = english_model(), run.out / "feats-english.h5"
    front, tests = converting(front_end_of_waveforms(model.front_end)), [test for _, test in folds(data, hold_out)]
    if run.todo("features-english", makes=[features], of=tests, settings=front):
        gs.extract_features(tests, features, front, n_jobs=run.jobs)
    return {name: found for test in tests for name, found in align(run, model, features, test).items()}


def align(run: pipeline.Run, model: gs.phones.PhoneHMM, features: Path, data: gs.formats.DataDir) -> Aligned:
    """Align utterances as the command does by default: each voice adapted."""
    words, dictionary = pronounced(data)
    with gs.FeatureStore(features) as store:
        return gs.align(model, store, words, dictionary, utt2spk=data.utt2spk, n_jobs=run.jobs).alignments


def pronounced(data: gs.formats.DataDir) -> tuple[dict[str, list[str]], Pronunciations]:
    """Words of utterances, and their pronunciations."""
    words = said_words(data)
    return words, said_pronunciations(words, open_pronunciations(["cmudict"]))


def tell(run: pipeline.Run, labels: Path, found: Mapping[str, Aligned], of: str) -> None:
    """Print how far starts of phones are from the exact ones, and what their deviations tell of that."""
    exact = gs.formats.read_labels(labels)
    agreements = {
        kind: boundary_agreement({u: exact[u] for u in aligned}, {u: aligned[u].phones for u in aligned})
        for kind, aligned in found.items()
    }
    run.results([rows.agreement_row(kind, agreement) for kind, agreement in agreements.items()], f"alignment{of}")
    told = [rows.deviation_row(kind, agreement, found[kind]) for kind, agreement in agreements.items()]
    run.results(told, f"confidence{of}")


if __name__ == "__main__":
    main()
