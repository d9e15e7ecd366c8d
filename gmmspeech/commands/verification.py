"""Steps of speaker verification, from files to files, for the command line and the recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gmmspeech.blocks import ordered_map
from gmmspeech.cluster import on_cluster
from gmmspeech.commands.stored_features import NOTHING, Beside, open_features
from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError, all_of, counted, naming
from gmmspeech.features.compatibility import check_same_front_end
from gmmspeech.files.checkpoints import checkpoint_of
from gmmspeech.formats.datadir import read_list_map, read_map
from gmmspeech.formats.loading import load
from gmmspeech.formats.trials import read_trials, write_scores
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.full import GMM
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.progress import progress_bar, telling
from gmmspeech.scoring.trials import Scores
from gmmspeech.speaker.ubm import balanced_frames, train_ubm
from gmmspeech.speaker.verifier import SpeakerVerifier
from gmmspeech.stores.features import FeatureStore


def train_ubm_file(
    features: str | Path,
    out: Path,
    n_components: int,
    *,
    init: str = "kmeans",
    scheduler: str | None = None,
    utt2spk: Path | None = None,
    spk2group: Path | None = None,
    beside: Beside = NOTHING,
    **options: Any,
) -> DiagonalGMM | GMM:
    """Train a background model on a feature store and write it.

    Until it is written, a checkpoint lies beside its place, from which a killed run goes on.

    Parameters
    ----------
    features : str or Path
        Feature store: an HDF5 file, or ``scp:PATH``.
    out : Path
    n_components : int
    init : str
        "kmeans", "random", or the path of a mixture to begin with.
    scheduler : str, optional
        Address of a Dask scheduler on whose cluster to train.
    utt2spk, spk2group : Path, optional
        Train on the utterances that the first names, so that each speaker counts alike, and each group of the second.
    beside : Beside
        What lies beside the features; the model keeps the steps.
    **options
        Of `train_ubm`.
    """
    if (spk2group if utt2spk is None else scheduler) is not None:
        found = "spk2group without utt2spk" if utt2spk is None else "utt2spk with scheduler"
        raise ConfigError(f"found {found}, expected utt2spk {'too' if utt2spk is None else 'on one machine'}")
    kinds = DiagonalGMM if options.get("covariance_type", "diag") == "diag" else (DiagonalGMM, GMM)
    start = init if init in ("kmeans", "random") else load(init, kinds)
    front_end = None if isinstance(start, str) else start.front_end_
    with (
        open_features(features, beside, front_end=front_end, model=init) as store,
        checkpoint_of(out) as checkpoint,
        on_cluster(scheduler) as client,
    ):
        frames: Any = store
        if utt2spk is not None:
            groups = None if spk2group is None else read_map(spk2group)
            listed = {name: who for name, who in read_map(utt2spk).items() if name not in (beside.skipped or {})}
            frames, options["sample_weight"] = balanced_frames(store, listed, spk2group=groups)
        if not isinstance(start, str):
            check_frames(store, start, Path(init))
        options |= {"init": start}
        options["callback"] = telling("EM", "pass", lambda monitor: (len(monitor.history), monitor.history[-1]))
        with naming(store.path, ModelError):
            ubm: DiagonalGMM | GMM = train_ubm(frames, n_components, client=client, checkpoint=checkpoint, **options)
        ubm.front_end_ = store.front_end
        ubm.save(out)
    return ubm


def enroll_file(
    ubm: Path, features: str | Path, sessions: Path, out: Path, *, beside: Beside = NOTHING, **options: Any
) -> SpeakerVerifier:
    """Adapt a model to each speaker of a ``spk2utt`` file and write them all."""
    verifier = SpeakerVerifier(load(ubm, (DiagonalGMM, GMM)), **options)
    with open_features(features, beside, front_end=verifier.ubm.front_end_, model=ubm) as store:
        check_frames(store, verifier.ubm, ubm)
        verifier.enroll_all(beside.only_taken(read_list_map(sessions)), store)
        if not verifier.models_:
            raise DataError(f"{sessions}: found no speaker with an utterance that can be used, expected one or more")
    verifier.save(out)
    return verifier


def score_file(
    models: Path,
    features: str | Path,
    trials: Path,
    out: Path,
    *,
    scoring: str | None = None,
    top_c: int | None = None,
    groups: Path | None = None,
    beside: Beside = NOTHING,
    n_jobs: int | None = 1,
    skipped: dict[str, str] | None = None,
) -> Scores:
    """Score the trials of a list and write ``model test score`` lines.

    A dict `skipped` takes the tests whose frames can't be had, with what is wrong, and their trials are left out.
    """
    verifier = load(models, SpeakerVerifier)
    if scoring is not None or top_c is not None:
        verifier.set_scoring(scoring or verifier.scoring, top_c)
    verifier.n_jobs = n_jobs
    taken = replace(beside, skipped=None if skipped is None else {})
    with open_features(features, taken, front_end=verifier.ubm.front_end_, model=models) as store:
        check_frames(store, verifier.ubm, models)
        scores = verifier.score_trials(
            read_trials(trials),
            store,
            groups=None if groups is None else taken.only_taken(read_list_map(groups)),
            skipped=skipped,
        )
    if skipped:  # by what stopped them first
        skipped |= {test: reason for test, reason in (taken.skipped or {}).items() if test in skipped}
    if skipped and not len(scores):
        raise DataError(f"{trials}: {all_of(len(skipped), 'test')} bad; the first: {next(iter(skipped.values()))}")
    write_scores(out, scores)
    return scores


def train_classifier_file(
    features: str | Path, utt2class: Path, out: Path, n_components: int, **options: Any
) -> GMMClassifier:
    """Train one mixture a class on the utterances that a file labels, and write them."""
    labels = read_map(utt2class)
    with FeatureStore(features) as store:
        segments = [store[utterance] for utterance in labels]
        classifier = GMMClassifier(n_components, **options)
        classifier.fit(np.concatenate(segments), np.repeat(list(labels.values()), [len(s) for s in segments]))
        classifier.front_end_ = store.front_end
    classifier.save(out)
    return classifier


def classify_file(
    classifier: Path, features: str | Path, utterances: Sequence[str] | None = None, *, n_jobs: int | None = 1
) -> dict[str, str]:
    """Most probable class of the utterances of a store (of all, or of those named)."""
    model = load(classifier, GMMClassifier)
    with FeatureStore(features) as store:
        check_frames(store, model, classifier)
        names = list(store if utterances is None else utterances)
        labels = ordered_map(lambda name: str(model.predict_segments([store[name]])[0]), names, n_jobs=n_jobs)
        return dict(zip(names, progress_bar("classifying", "utt", total=len(names))(labels), strict=True))


def check_frames(store: FeatureStore, model: DiagonalGMM | GMM | GMMClassifier, path: Path) -> None:
    """Check that frames fit a model; of Kaldi's archives only the number of columns is known."""
    check_same_front_end(model.front_end_, store.front_end, model=str(path), frames=store.path)
    if store.dim != model.n_features_in_:
        expected = f"{model.n_features_in_} as {path} was trained on"
        raise FeatureError(f"{store.path}: found frames of {counted(store.dim, 'column')}, expected {expected}")
