"""Words of read English: phone HMMs trained without any times, words recognized as an n-gram has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.commands import ngrams, phone_training, recognition, rungs, transcripts
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.phones.decoding.word_graph import word_graph
from gmmspeech.phones.decoding.word_search import SearchOptions
from gmmspeech.report import rows

FRONT_END = gs.FrontEnd.from_toml("phones")
SUPPLEMENT = Path(__file__).parent.parent / "phones_librispeech" / "supplement.dict"
TRAINING = {"max_iter": 20, "num_passes": 2}
ORDER = 3
SEARCH = {"acoustic_scale": 0.1, "beam": 13.0, "max_active": 7000}
PASSES = {"any speaker": False, "adapted to speakers": True}


@click.option("--train", default="background", show_default=True, help="Part of the corpus to train on.")
@click.option("--test", default="test-other", show_default=True, help="Part of the corpus to recognize.")
@click.option("--lm", type=click.Path(path_type=Path), help="N-gram in ARPA's form.  [default: of both transcripts]")
@click.option("--dictionary", "more", multiple=True, help="More pronunciations, beside CMUdict and the supplement.")
@click.option("--gaussians", type=click.IntRange(1), default=1000, show_default=True, help="Of the phone HMMs.")
@click.option("--skip-bad", is_flag=True, help="Leave out words and utterances that no dictionary has.")
@pipeline.recipe(fetch="librispeech-mini")
def main(
    run: pipeline.Run,
    corpus: Path,
    train: str,
    test: str,
    lm: Path | None,
    more: Sequence[str],
    gaussians: int,
    skip_bad: bool,
) -> None:
    """Train phones on a part of the corpus, and recognize the words of another."""
    parts = {name: gs.read_data_dir(corpus / "data" / name) for name in (train, test)}
    features = {name: run.out / f"feats-{name}.h5" for name in parts}
    dictionary = transcripts.open_pronunciations(["cmudict", str(SUPPLEMENT), *more])
    for name, part in parts.items():
        if run.todo(f"features-{name}", makes=[features[name]], of=[part], settings=FRONT_END):
            gs.extract_features([part], features[name], FRONT_END, n_jobs=run.jobs)
    model, arpa = run.out / "hmm.h5", lm or run.out / "closed.arpa"
    said = {name: transcripts.said_words(part) for name, part in parts.items()}
    known = transcripts.said_pronunciations(said[train], dictionary)
    if run.todo("train", makes=[model], settings=[said[train], known, gaussians, TRAINING, skip_bad]):
        options = {"total_gaussians": gaussians, "skip_bad": skip_bad, "n_jobs": run.jobs, **TRAINING}
        phone_training.train_phones_file(features[train], said[train], known, model, **options)
    if lm is None and run.todo("ngram", makes=[arpa], settings=[said, ORDER]):
        ngrams.make_ngram([part.path for part in parts.values()], arpa, order=ORDER)
    found = {task: run.out / f"words-{number}.ctm" for number, task in enumerate(PASSES)}
    for task, adapt in PASSES.items():
        step = task.replace(" ", "-")
        if run.todo(step, makes=[found[task]], of=[parts[test]], settings=[str(arpa), known, SEARCH, skip_bad]):
            speakers = parts[test].utt2spk if adapt else None
            recognize(model, features[test], arpa, dictionary, speakers, found[task], skip_bad)
    run.results([error_row(task, said[test], path) for task, path in found.items()], "recognition")
    speech = rungs.seconds_of(features[test], said[test])
    run.results([rows.speed_row(t, speech, run.cpu_seconds(t.replace(" ", "-"))) for t in PASSES], "speed")


def recognize(
    model: Path,
    features: Path,
    arpa: Path,
    dictionary: Mapping,
    utt2spk: Mapping[str, str] | None,
    out: Path,
    skip_bad: bool,
) -> None:
    """Recognize the words of a feature store, of speakers in two passes if these are told, and write their times."""
    hmm = gs.load(model)
    words = recognition.open_vocabulary(arpa, dictionary, hmm, unknown_words="skip" if skip_bad else "error")
    graph = word_graph(hmm, words.ngram, words.entries)
    with gs.FeatureStore(features) as store:
        found = recognition.recognize_words_of(
            hmm, store, graph, words.entries, utt2spk, SearchOptions(**SEARCH), skip_bad=skip_bad
        )
    gs.formats.write_labels(out, {name: recognized.words for name, recognized in found.items()})


def error_row(task: str, said: Mapping[str, Sequence[str]], found: Path) -> rows.Row:
    """Word errors, beside the transcripts; where nothing was found all words are missing."""
    words = {name: [label.name for label in labels] for name, labels in read_ctm(found).items()}
    return rows.error_row(task, gs.metrics.error_rate(said, {name: words.get(name, []) for name in said}))


if __name__ == "__main__":
    main()
