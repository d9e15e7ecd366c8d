"""The steps of speaker verification, from files to files, beside the functions that they call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from said import works

import gmmspeech as gs
from gmmspeech.commands.speaker import (
    score_ivectors_file,
    statistics_file,
    supervectors_file,
)
from gmmspeech.formats.datadir import write_map
from gmmspeech.formats.loading import load
from gmmspeech.formats.trials import read_scores, read_trials
from gmmspeech.speaker.backend import BackEnd
from gmmspeech.speaker.ivectors import IVectors

SPEAKERS = [f"s{i:02d}" for i in range(12)]
IVECTOR_FILES = ("backend", "ivectors", "enroll", "trials")


def split(scores: Path, trials: Path) -> tuple[np.ndarray, np.ndarray]:
    return read_scores(scores).split(read_trials(trials))


def test_ivectors_are_those_of_the_functions(made: Path) -> None:
    ubm = gs.load(made / "ubm")
    with gs.FeatureStore(made / "feats") as store:
        stats = [ubm.accumulate(frames) for frames in store.values()]
    extractor = gs.speaker.train_ivector_extractor(ubm, stats, 3, max_iter=3)
    found = load(made / "ivectors", IVectors)
    np.testing.assert_allclose(found.vectors, extractor.extract(stats), rtol=1e-6, atol=1e-9)
    assert found.names == tuple(f"{s}-{i}" for s in SPEAKERS for i in range(5))
    assert found.extractor_digest == gs.load(made / "extractor").digest


def test_groups_of_utterances_are_one(world: Path) -> None:
    write_map(world / "groups", {"both": ["s00-0", "s05-1"], "one": ["s03-2"]})
    assert statistics_file(world / "ubm", world / "feats", world / "g", groups=world / "groups") == 2
    with gs.stores.StatisticsStore(world / "g") as grouped, gs.stores.StatisticsStore(world / "stats") as single:
        np.testing.assert_allclose(grouped["both"].n, single["s00-0"].n + single["s05-1"].n, rtol=1e-5)
        np.testing.assert_array_equal(grouped["one"].sum_x, single["s03-2"].sum_x)


@pytest.mark.parametrize("count_sessions", [False, True])
def test_trials_are_scored_by_the_mean_of_the_sessions(world: Path, monkeypatch, count_sessions: bool) -> None:
    """Whatever the number of models scored together, and from one file or two."""
    monkeypatch.setattr("gmmspeech.commands.speaker.MODELS_AT_ONCE", 5)
    paths = [world / name for name in IVECTOR_FILES]
    found = score_ivectors_file(*paths, world / "new", count_sessions=count_sessions)
    backend, vectors = load(world / "backend", BackEnd), load(world / "ivectors", IVectors).by_name()

    def score(model: str, test: str) -> float:
        sessions = backend.transform([vectors[f"{model}-0"], vectors[f"{model}-1"]])
        n = 2 if count_sessions else 1
        return backend.score(sessions.mean(axis=0)[None], backend.transform(vectors[test][None]), sessions=n)[0, 0]

    expected = [score(*pair) for pair in zip(found.models, found.tests, strict=True)]
    np.testing.assert_allclose(found.values, expected, rtol=1e-9)
    np.testing.assert_allclose(read_scores(world / "new").values, found.values, rtol=1e-8)
    assert gs.eer(*split(world / "new", world / "trials")) < 0.2

    every = load(world / "ivectors", IVectors)
    for name, sessions in (("e", "01"), ("t", "23")):
        kept = [i for i, utterance in enumerate(every.names) if utterance[-1] in sessions]
        digest = every.extractor_digest
        IVectors([every.names[i] for i in kept], every.vectors[kept], digest).save(world / name)
    paths[1] = world / "t"
    again = score_ivectors_file(*paths, world / "new", enrollment=world / "e", count_sessions=count_sessions)
    np.testing.assert_allclose(again.values, found.values, rtol=1e-12)


def test_supervectors(world: Path) -> None:
    found = supervectors_file(world / "ubm", world / "stats", world / "sv", relevance_factor=8.0)
    ubm = gs.load(world / "ubm")
    with gs.FeatureStore(world / "feats") as store:
        model = gs.map_adapt(ubm, store["s03-2"], relevance_factor=8.0)
    expected = (np.sqrt(ubm.weights_)[:, None] * model.means_ / np.sqrt(ubm.covariances_)).ravel()
    np.testing.assert_allclose(load(world / "sv", IVectors).by_name()["s03-2"], expected, rtol=1e-9)
    assert found.vectors.shape == (60, 16)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_ivectors_of_a_mixture_with_matrices_as_covariances(made, tmp_path, run_command, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    full = ("-k", 2, "--max-iter", 2, "--covariance-type", kind)
    for words in (
        ("train-ubm", made / "feats", "full.h5", *full),
        ("statistics", "full.h5", made / "feats", "s.h5"),
        ("train-ivector", "full.h5", "s.h5", "e.h5", "--rank", 2, "--max-iter", 2),
        ("extract-ivectors", "e.h5", "s.h5", "i.h5"),
        ("copy-model", "e.h5", "final.ie"),
        ("extract-ivectors", "final.ie", "s.h5", "k.h5"),
    ):
        works(run_command(*words))
    ours, theirs = (load(Path(name), IVectors).vectors for name in ("i.h5", "k.h5"))
    # Kaldi's extractor has its own axes: what i-vectors say of each other is the same
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, rtol=1e-4, atol=1e-4)
