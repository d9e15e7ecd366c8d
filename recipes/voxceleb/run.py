"""Speaker verification on VoxCeleb1, for those who have the corpus: i-vectors and PLDA, the official trials."""

import heapq
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

import gmmspeech as gs
from gmmspeech import blocks, pipeline, progress
from gmmspeech.commands import evaluation, scores, speaker, verification
from gmmspeech.corpora.voxceleb import write_voxceleb
from gmmspeech.report.rows import interval_row

FRONT_END = gs.FrontEnd.from_toml("mfcc_sre")
BACK_END = ("center", "lda", "length")  # and PLDA: Kaldi's
OUTPUTS = ("scores", "llrs", "report")  # of a list of trials
BATCH = 256  # utterances whose statistics are kept at a time

FILE = click.Path(path_type=Path, dir_okay=False)
COUNT = click.IntRange(1)


@click.option("--trials", type=FILE, required=True, help="Official list: 1 or 0, and two files, on each line.")
@click.option(
    "--test",
    "tests",
    type=FILE,
    metavar="LIST",
    multiple=True,
    help="Another list like --trials, of whose speakers none is trained on either: scored too, and calibrated on that "
    "of --trials. May be given again.",
)
@click.option("--components", type=COUNT, default=2048, show_default=True, help="Of the background model.")
@click.option("--rank", type=COUNT, default=400, show_default=True, help="Of the i-vectors.")
@click.option("--lda-dim", type=COUNT, default=200, show_default=True, help="Of the i-vectors after LDA.")
@click.option("--ubm-utterances", type=COUNT, default=16000, show_default=True, help="To train the UBM on.")
@click.option("--longest", type=COUNT, default=20000, show_default=True, help="Utterances to train the i-vectors on.")
@click.option("--iterations", type=COUNT, default=5, show_default=True, help="Of the training of the i-vectors.")
@click.option("--seed", type=int, default=0, show_default=True)
@pipeline.recipe()
def main(
    run: pipeline.Run,
    corpus: Path,
    trials: Path,
    tests: Sequence[Path],
    components: int,
    rank: int,
    lda_dim: int,
    ubm_utterances: int,
    longest: int,
    iterations: int,
    seed: int,
) -> None:
    """Train on all VoxCeleb1 speakers who are in no trial; score the trials of a list, and of others."""
    lists = {"test": trials, **{f"test-{path.stem}": path for path in tests}}
    if len(lists) <= len(tests):
        raise gs.errors.ConfigError("--test: found two lists of one name, expected each by another")
    data = {part: run.out / "data" / part for part in ("ubm", "train", *lists)}
    features = {part: run.out / f"feats-{part}.h5" for part in data}
    ubm, statistics, extractor, backend = (run.out / f"{n}.h5" for n in ("ubm", "stats", "extractor", "backend"))
    vectors = {part: run.out / f"ivectors-{part}.h5" for part in ("train", *lists)}
    scored, llrs, reports = ({part: run.out / part.replace("test", name) for part in lists} for name in OUTPUTS)

    makes = [folder / "wav.scp" for folder in data.values()]
    if run.todo("data", makes=makes, of=lists.values(), settings=[str(corpus), ubm_utterances]):
        write_voxceleb(corpus, lists, run.out / "data", ubm_utterances)

    for part, path in features.items():
        if run.todo(f"features-{part}", makes=[path], settings=FRONT_END):
            gs.extract_features([gs.read_data_dir(data[part])], path, FRONT_END, n_jobs=run.jobs)

    if run.todo("ubm", makes=[ubm], settings=[components, seed]):
        verification.train_ubm_file(features["ubm"], ubm, components, random_state=seed, n_jobs=run.jobs)

    if run.todo("extractor", makes=[extractor], settings=[rank, longest, iterations]):
        chosen = data["train"] / "longest"
        write_longest(features["train"], longest, chosen)
        speaker.statistics_file(ubm, features["train"], statistics, groups=chosen, n_jobs=run.jobs)
        options = {"max_iter": iterations, "random_state": seed, "n_jobs": run.jobs}
        speaker.train_ivector_file(ubm, statistics, extractor, rank, **options)

    if run.todo("ivectors", makes=vectors.values()):
        for part, path in vectors.items():
            extract_ivectors(features[part], ubm, extractor, path, n_jobs=run.jobs)

    if run.todo("score", makes=[backend, *scored.values()], settings=lda_dim):
        speakers = data["train"] / "utt2spk"
        speaker.train_plda_file(vectors["train"], speakers, backend, steps=BACK_END, lda_dim=lda_dim)
        for part, path in scored.items():
            claims = [data[part] / name for name in ("enroll_spk2utt", "trials")]
            speaker.score_ivectors_file(backend, vectors[part], *claims, path)

    pages = [report / "index.html" for report in reports.values()]
    if run.todo("evaluate", makes=[*llrs.values(), *pages]):
        first, calibration = data["test"], run.out / "calibration.h5"
        scores.cross_calibrate_files([scored["test"]], first / "trials", llrs["test"], [first / "utt2spk"])
        scores.calibrate_file(scored["test"], first / "trials", calibration)
        for part, report in reports.items():
            if part != "test":
                scores.apply_calibration_file(calibration, [scored[part]], llrs[part])
            evaluation.evaluate_file(llrs[part], data[part] / "trials", report=report)
    run.results([row_of(path.stem, data[part], scored[part], llrs[part]) for part, path in lists.items()])


def row_of(task: str, data: Path, scored: Path, llrs: Path) -> dict[str, str]:
    """Figures of a list of trials, with intervals."""
    listed = gs.read_trials(data / "trials")
    is_target = np.asarray(listed.is_target)
    raw, calibrated = evaluation.aligned_scores([scored, llrs], listed).T
    speakers = evaluation.trial_speakers(listed, gs.read_data_dir(data).utt2spk, data / "trials")
    shown = {"task": task, "trials (targets)": f"{len(listed)} ({np.count_nonzero(is_target)})"}
    return {**shown, **interval_row(raw, calibrated, is_target, *speakers)}


def write_longest(features: Path, count: int, out: Path) -> None:
    """Write the list of the longest utterances of a store, each as a group of itself."""
    with gs.FeatureStore(features) as store:
        chosen = heapq.nlargest(count, store, key=store.num_frames)
    out.write_text("".join(f"{utterance} {utterance}\n" for utterance in chosen), encoding="utf-8")


def extract_ivectors(features: Path, ubm: Path, extractor: Path, out: Path, *, n_jobs: int) -> None:
    """Extract i-vectors of all utterances of a feature store; of their statistics, one batch is kept at a time."""
    background, model = gs.load(ubm), gs.load(extractor)
    with gs.FeatureStore(features) as store:
        names = list(store)
        batches = [names[start : start + BATCH] for start in range(0, len(names), BATCH)]
        vectors = []
        for batch in progress.progress_bar("i-vectors", "batch")(batches):
            stats = list(blocks.ordered_map(lambda name: background.accumulate(store[name]), batch, n_jobs=n_jobs))
            vectors.append(model.extract(stats, n_jobs=n_jobs))
    gs.speaker.IVectors(names, np.concatenate(vectors), model.digest).save(out)


if __name__ == "__main__":
    main()
