"""Speaker verification on VoxCeleb1, for those who have the corpus: i-vectors and PLDA, the official trials."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import numpy as np

from gmmspeech.blocks import ordered_map
from gmmspeech.cli.recipe import recipe_command
from gmmspeech.commands.evaluation import aligned_scores, evaluate_file, trial_speakers
from gmmspeech.commands.extraction import extract_features
from gmmspeech.commands.scores import cross_calibrate_files
from gmmspeech.commands.speaker import score_ivectors_file, statistics_file, train_ivector_file, train_plda_file
from gmmspeech.commands.verification import train_ubm_file
from gmmspeech.corpora.layouts import find_recordings, select, write_listing
from gmmspeech.errors import DataError
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.formats.datadir import read_data_dir, read_fields, read_map, write_map
from gmmspeech.formats.loading import load
from gmmspeech.formats.trials import read_trials, write_trials
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.progress import progress_bar
from gmmspeech.recipe.speaker_comparison import figures_of
from gmmspeech.recipe.stages import Stage, run_stages
from gmmspeech.recipe.verification import features_path, tell_results
from gmmspeech.scoring.trials import TrialList
from gmmspeech.speaker.ivector import IVectorExtractor, IVectors
from gmmspeech.speaker.subspace import BATCH
from gmmspeech.stores.features import FeatureStore

FRONT_END = "mfcc_sre"
PARTS = ("ubm", "train", "test")
BACK_END = ("center", "lda", "length")  # and PLDA: Kaldi's
LABELS = {"1": True, "0": False}

FILE = click.Path(path_type=Path, dir_okay=False)
COUNT = click.IntRange(1)


@click.option("--trials", type=FILE, required=True, help="Official list: 1 or 0, and two files, on each line.")
@click.option("--components", type=COUNT, default=2048, show_default=True, help="Of the background model.")
@click.option("--rank", type=COUNT, default=400, show_default=True, help="Of the i-vectors.")
@click.option("--lda-dim", type=COUNT, default=200, show_default=True, help="Of the i-vectors after LDA.")
@click.option("--ubm-utterances", type=COUNT, default=16000, show_default=True, help="To train the UBM on.")
@click.option("--longest", type=COUNT, default=20000, show_default=True, help="Utterances to train the i-vectors on.")
@click.option("--iterations", type=COUNT, default=5, show_default=True, help="Of the training of the i-vectors.")
@click.option("--seed", type=int, default=0, show_default=True)
@recipe_command()
def main(
    corpus: Path,
    out: Path,
    jobs: int,
    stage: int | None,
    trials: Path,
    components: int,
    rank: int,
    lda_dim: int,
    ubm_utterances: int,
    longest: int,
    iterations: int,
    seed: int,
) -> None:
    """Train on all VoxCeleb1 speakers who are in no trial; score the trials of a list."""
    data, front = out / "data", FrontEnd.from_toml(FRONT_END)
    features = {part: features_path(out, part) for part in PARTS}
    ubm, statistics, extractor, backend = (out / f"{name}.h5" for name in ("ubm", "stats", "extractor", "backend"))
    vectors = {part: out / f"ivectors-{part}.h5" for part in PARTS[1:]}
    scores, llrs, report = out / "scores", out / "llrs", out / "report"

    def extract(part: str) -> None:
        extract_features([read_data_dir(data / part)], features[part], front, n_jobs=jobs)

    def train_ubm() -> None:
        train_ubm_file(features["ubm"], ubm, components, random_state=seed, n_jobs=jobs)

    def train_extractor() -> None:
        write_longest(features["train"], longest, data / "train" / "longest")
        statistics_file(ubm, features["train"], statistics, groups=data / "train" / "longest", jobs=jobs)
        train_ivector_file(ubm, statistics, extractor, rank, max_iter=iterations, random_state=seed, n_jobs=jobs)

    def extract_vectors() -> None:
        for part in vectors:
            extract_ivectors(features[part], ubm, extractor, vectors[part], jobs=jobs)

    def score() -> None:
        speakers = data / "train" / "utt2spk"
        train_plda_file(vectors["train"], speakers, backend, steps=BACK_END, lda_dim=lda_dim)
        test = data / "test"
        score_ivectors_file(backend, vectors["test"], test / "enroll_spk2utt", test / "trials", scores)

    def evaluate() -> None:
        test = data / "test"
        cross_calibrate_files([scores], test / "trials", llrs, [test / "utt2spk"])
        evaluate_file(llrs, test / "trials", report=report)

    run_stages(
        [
            Stage(
                "data",
                lambda: write_data(corpus, trials, data, ubm_utterances),
                [data / part / "wav.scp" for part in PARTS],
                inputs=[trials],
                configuration=[str(corpus), ubm_utterances],
            ),
            *(
                Stage(
                    f"features-{part}", lambda part=part: extract(part), [features[part]], configuration=front.to_json()
                )
                for part in PARTS
            ),
            Stage("ubm", train_ubm, [ubm], configuration=[components, seed]),
            Stage("extractor", train_extractor, [extractor], configuration=[rank, longest, iterations]),
            Stage("ivectors", extract_vectors, list(vectors.values())),
            Stage("score", score, [backend, scores], configuration=lda_dim),
            Stage("evaluate", evaluate, [llrs, report / "index.html"]),
        ],
        out,
        first=stage,
    )
    tell_results([result_row(trials.stem, scores, llrs, data / "test")], out)


def write_data(corpus: Path, trials: Path, out: Path, ubm_utterances: int) -> None:
    """Write data directories: `test` of the trials' files, `train` of all other speakers, `ubm` of a part of that.

    VoxCeleb1 may lie in one or several folders (it comes in ``dev`` and ``test``).
    """
    listing = find_recordings("voxceleb", corpus)
    claims, names = read_official_trials(trials)
    missing = [name for name in names if utterance_of(name) not in listing.recordings]
    if missing:
        expected = "SPEAKER/VIDEO/NUMBER.wav in it for every file of the trials"
        raise DataError(f"{corpus}: no {missing[0]} ({len(missing)} such of {len(names)}), expected {expected}")
    tested = {name.split("/")[0] for name in names}
    others = [utterance for utterance, speaker in listing.utt2spk.items() if speaker not in tested]
    if not others:
        raise DataError(f"{corpus}: found no speaker who is in no trial, expected some to train on")
    step = max(len(others) // ubm_utterances, 1)
    write_listing(out / "test", select(listing, map(utterance_of, names)))
    write_listing(out / "train", select(listing, others))
    write_listing(out / "ubm", select(listing, others[::step][:ubm_utterances]))
    write_map(out / "test" / "enroll_spk2utt", {model: [model] for model in claims.models})
    write_trials(out / "test" / "trials", claims)


def read_official_trials(path: Path) -> tuple[TrialList, list[str]]:
    """Trials, and all files in them; a model is named as the utterance that enrolls it."""
    labels, models, tests = [], [], []
    for number, fields in read_fields(path):
        if len(fields) != 3 or fields[0] not in LABELS or any(name.count("/") != 2 for name in fields[1:]):
            found, expected = " ".join(fields), "1 or 0 and two files (SPEAKER/VIDEO/NUMBER.wav)"
            raise DataError(f"{path}:{number}: found {found!r}, expected {expected}")
        labels.append(LABELS[fields[0]])
        models.append(fields[1])
        tests.append(fields[2])
    trials = TrialList(list(map(utterance_of, models)), list(map(utterance_of, tests)), np.array(labels))
    return trials, list(dict.fromkeys([*models, *tests]))


def utterance_of(name: str) -> str:
    """Id of an utterance: its file, which begins with the speaker."""
    return name.removesuffix(".wav").replace("/", "-")


def write_longest(features: Path, count: int, out: Path) -> None:
    """Write the list of the longest utterances of a store, each as a group of itself."""
    with FeatureStore(features) as store:
        chosen = heapq.nlargest(count, store, key=store.num_frames)
    write_map(out, {utterance: [utterance] for utterance in chosen})


def extract_ivectors(features: Path, ubm: Path, extractor: Path, out: Path, *, jobs: int) -> None:
    """Extract i-vectors of all utterances of a feature store; of their statistics, one batch is kept at a time."""
    background, model = load(ubm, DiagonalGMM), load(extractor, IVectorExtractor)
    with FeatureStore(features) as store:
        names = list(store)
        vectors = []
        for part in progress_bar("i-vectors", "batch")(batches(names, BATCH)):
            stats = list(ordered_map(lambda name: background.accumulate(store[name]), part, n_jobs=jobs))
            vectors.append(model.extract(stats, n_jobs=jobs))
    IVectors(names, np.concatenate(vectors), model.digest).save(out)


def batches(names: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    """Cut a list into parts."""
    return [names[start : start + size] for start in range(0, len(names), size)]


def result_row(task: str, scores: Path, llrs: Path, test: Path) -> dict[str, str]:
    """Figures with intervals that resample speakers."""
    trials = read_trials(test / "trials")
    is_target = np.asarray(trials.is_target)
    raw, calibrated = aligned_scores([scores, llrs], trials).T
    speakers = trial_speakers(trials, read_map(test / "utt2spk"), test / "trials")
    counts = {"task": task, "trials (targets)": f"{len(trials)} ({np.count_nonzero(is_target)})"}
    return {**counts, **figures_of(raw, calibrated, is_target, *speakers)}


if __name__ == "__main__":
    main()
