"""Digits by phone HMMs that are trained without any times, and the classification of phones; `run.py --phones`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import phone_gmms, phone_training
from gmmspeech.commands.phone_features import frame_times
from gmmspeech.commands.transcripts import open_pronunciations, said_pronunciations, said_words
from gmmspeech.phones.decoding.adapting import Frames, for_these_speakers
from gmmspeech.phones.hmm.graph import StateGraph, word_sequence_graph
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml("phones_8khz")
DICTIONARY = Path(__file__).with_name("digits.dict")
TRAINING = {"max_iter": 20}  # and a Gaussian for 175 frames, as by default
ADAPTATIONS = 3  # to each speaker, on what was recognized before
CEPSTRA = {"type": "mfcc", "num_ceps": 16, "num_mel_bins": 26, "use_energy": False, "snip_edges": False}
# the test speakers are those of the training, each with his microphone: nothing is normalized
STATIC = gs.FrontEnd(sample_frequency=8000, features=CEPSTRA)
CLASSIFIER = phone_gmms.PhoneClassifierConfig(32, dim=40, max_iter=20, duration=False, scale=1.0, smoothing=1.0)


def recognize_by_phones(
    run: pipeline.Run, train: gs.formats.DataDir, test: gs.formats.DataDir, everything: gs.formats.DataDir
) -> None:
    """Classify phones; recognize digits by models of all speakers' other takes, and each speaker by the others'."""
    times = {**frame_times(FRONT_END.to_json()), "times": "start"}
    labeled, folder = (train.path / "phones.ctm").exists(), run.out / "classified-phones"  # fetched, it has none
    if labeled:
        labels = [part.path / "phones.ctm" for part in (train, test)]
        makes = [folder / "classifier.h5", folder / "results.json"]
        if run.todo("classify-phones", makes=makes, of=[train, test, *labels], settings=[STATIC, CLASSIFIER]):
            phone_gmms.train_and_classify(folder, {"train": train, "test": test}, STATIC, CLASSIFIER, n_jobs=run.jobs)

    features = {}
    for name, part in (("train", train), ("test", test), ("all", everything)):
        features[name] = run.out / f"feats-phones-{name}.h5"
        if run.todo(f"features-phones-{name}", makes=[features[name]], of=[part], settings=FRONT_END):
            gs.extract_features([part], features[name], FRONT_END, n_jobs=run.jobs)
    said = said_words(everything)
    dictionary = said_pronunciations(said, open_pronunciations([str(DICTIONARY)]))

    utt2spk = everything.utt2spk
    tasks = [("digits", "train → test", "train", said_words(train), "test", said_words(test))]
    for speaker in sorted(set(utt2spk.values())):
        others, own = ({u: said[u] for u in said if (utt2spk[u] == speaker) == own} for own in (False, True))
        tasks.append((speaker, f"others → {speaker}", "all", others, "all", own))
    found, total = [], [gs.metrics.error_rate({}, {})] * 2
    for name, task, learned, taught, tested, spoken in tasks:
        model, recognized = run.out / f"hmm-{name}.h5", run.out / f"recognized-{name}.json"
        if run.todo(f"train-{name}", makes=[model], settings=[taught, dictionary, TRAINING]):
            phone_training.train_phones_file(features[learned], taught, dictionary, model, n_jobs=run.jobs, **TRAINING)
        if name == "digits":
            aligned = run.out / "aligned-digits"
            if run.todo("align-digits", makes=[aligned / "phones.ctm"], settings=[spoken, dictionary]):
                with gs.FeatureStore(features[tested]) as store:
                    alignment = gs.align(gs.load(model), store, spoken, dictionary, n_jobs=run.jobs, **times)
                gs.formats.write_alignments(aligned, alignment.alignments, format="ctm")
        if run.todo(f"recognize-{name}", makes=[recognized], settings=[spoken, dictionary, ADAPTATIONS]):
            hmm = gs.load(model)
            with gs.FeatureStore(features[tested]) as store:
                digits, speakers = (
                    word_sequence_graph(hmm, [list(dictionary)], dictionary),
                    {u: utt2spk[u] for u in spoken},
                )
                both = recognize(hmm, store, digits, speakers, n_jobs=run.jobs, **times)
            recognized.write_text(json.dumps(both))
        errors = [gs.metrics.error_rate(spoken, words) for words in json.loads(recognized.read_text())]
        found.append([rows.error_row(task, each) for each in errors])
        total = total if name == "digits" else [a + b for a, b in zip(total, errors, strict=True)]

    found.append([rows.error_row("others → one, all six", each) for each in total])
    for table, each in zip(("recognition", "adapted"), zip(*found, strict=True), strict=True):
        run.results(each, table)
    if labeled:
        reference, aligned = (gs.formats.read_labels(path) for path in (labels[1], aligned / "phones.ctm"))
        run.results([rows.boundary_row("train → test", reference, aligned)], "alignment")
        run.results(phone_gmms.classification_rows([folder]), "phones")


def recognize(
    hmm: gs.phones.PhoneHMM, frames: Frames, digits: StateGraph, utt2spk: Mapping[str, str], n_jobs: int, **times: Any
) -> list[dict[str, list[str]]]:
    """Words of utterances by the model as it is, and after the frames of each speaker were adapted to it."""
    found, graphs = [], dict.fromkeys(utt2spk, digits)
    for adaptations in (0, ADAPTATIONS):
        for _ in range(adaptations):
            hmm, frames = for_these_speakers(hmm, frames, graphs, utt2spk, n_jobs=n_jobs)
        decoded = gs.phones.decode(hmm, {u: frames[u] for u in utt2spk}, digits, n_jobs=n_jobs, **times)
        found.append({u: [word.name for word in alignment.words] for u, alignment in decoded.items()})
    return found
