"""The steps of speaker verification, from files to files, beside the functions that they call."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands.speaker import (
    all_trials_file,
    apply_calibration_file,
    calibrate_file,
    cross_calibrate_files,
    extract_ivectors_file,
    fuse_files,
    identify_file,
    normalize_scores_file,
    score_ivectors_file,
    statistics_file,
    supervectors_file,
    train_ivector_file,
    train_plda_file,
)
from gmmspeech.formats.datadir import write_map
from gmmspeech.formats.loading import load
from gmmspeech.formats.trials import read_scores, read_speakers, read_trials, write_scores, write_trials
from gmmspeech.scoring.trials import Scores, TrialList
from gmmspeech.speaker.backend_training import BackEnd
from gmmspeech.speaker.ivector import IVectors

SPEAKERS = [f"s{i:02d}" for i in range(12)]
IVECTOR_FILES = ("backend", "ivectors", "enroll", "trials")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five utterances of each speaker (two enroll, two are tests) and all that was made of them."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    frames = {}
    for speaker in SPEAKERS:
        voice = rng.normal(0, 1, 4)
        for i in range(5):
            sounds = rng.normal(0, 3, (40, 1)).round() + voice + rng.normal(0, 0.4, 4)
            frames[f"{speaker}-{i}"] = (sounds + rng.normal(0, 1, (40, 4))).astype(np.float32)
    gs.write_store(folder / "feats", frames.items())
    write_map(folder / "utt2spk", {name: name[:3] for name in frames})
    write_map(folder / "train", {name: name[:3] for name in frames if name[:3] in SPEAKERS[:8]})
    write_map(folder / "enroll", {s: [f"{s}-0", f"{s}-1"] for s in SPEAKERS})
    models, tests = zip(*((m, f"{t}-{i}") for m in SPEAKERS for t in SPEAKERS for i in (2, 3)), strict=True)
    is_target = np.array([t.startswith(m) for m, t in zip(models, tests, strict=True)])
    write_trials(folder / "trials", TrialList(models, tests, is_target))
    with gs.FeatureStore(folder / "feats") as store:
        gs.train_ubm(store, 4, max_iter=3).save(folder / "ubm")
    assert statistics_file(folder / "ubm", folder / "feats", folder / "stats", jobs=2) == 60
    train_ivector_file(folder / "ubm", folder / "stats", folder / "extractor", 3, max_iter=3, n_jobs=2)
    extract_ivectors_file(folder / "extractor", folder / "stats", folder / "ivectors", jobs=2)
    train_plda_file(folder / "ivectors", folder / "train", folder / "backend")
    score_ivectors_file(*(folder / name for name in IVECTOR_FILES), folder / "scores")
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """A copy of the folder, for a test to work in."""
    return Path(shutil.copytree(made, tmp_path / "world"))


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


def cohort_trials(world: Path) -> None:
    """Cohort scores of the trials, the cohort being the second halves of the training speakers' utterances."""
    cohort = [f"{s}-4" for s in SPEAKERS[:8]]
    write_map(world / "cohort", {name: [name] for name in cohort})
    write_map(world / "tests", {t: [t] for t in dict.fromkeys(read_trials(world / "trials").tests)})
    write_map(world / "everybody", {**{s: [f"{s}-0", f"{s}-1"] for s in SPEAKERS}, **{c: [c] for c in cohort}})
    for name, models, tests in (("mc", "enroll", "cohort"), ("tc", "cohort", "tests"), ("cc", "cohort", "cohort")):
        all_trials_file(world / models, world / tests, world / f"{name}.trials")
        paths = world / "backend", world / "ivectors", world / "everybody", world / f"{name}.trials", world / name
        score_ivectors_file(*paths)


@pytest.mark.parametrize(("method", "top_n"), [("z", None), ("t", None), ("zt", None), ("s", None), ("as", 5)])
def test_normalization_is_that_of_matrices(world: Path, method: str, top_n: int | None) -> None:
    cohort_trials(world)
    uses = {"z": ["mc"], "t": ["tc"], "zt": ["mc", "tc", "cc"]}.get(method, ["mc", "tc"])
    options = {"mc": "model_cohort", "tc": "test_cohort", "cc": "cohort_cohort"}
    files = {options[name]: world / name for name in uses}
    done = normalize_scores_file(
        world / "scores", world / "out", method, **files, top_n=top_n, speakers=[world / "utt2spk"]
    )
    assert done == 288
    matrices = [read_scores(world / name).values.reshape(shape) for name, shape in
                (("scores", (12, 24)), ("mc", (12, 8)), ("tc", (8, 24)), ("cc", (8, 8)))]  # fmt: skip
    scores, mc, tc, cc = matrices
    who = {"model_speakers": SPEAKERS}
    z, t = {"model_cohort_speakers": SPEAKERS[:8]}, {"test_cohort_speakers": SPEAKERS[:8]}
    expected = {
        "z": lambda: gs.scoring.z_norm(scores, mc, **who, **z),
        "t": lambda: gs.scoring.t_norm(scores, tc.T, **who, **t),
        "zt": lambda: gs.scoring.zt_norm(scores, mc, tc.T, cc, **who, **z, **t),
    }.get(method, lambda: gs.scoring.s_norm(scores, mc, tc.T, top_n=top_n, **who, **z, **t))()
    np.testing.assert_allclose(read_scores(world / "out").values, expected.ravel(), rtol=1e-7)


def test_calibration_and_fusion(world: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 5, 288)
    first = read_scores(world / "scores")
    write_scores(world / "noisy", Scores(first.models[::-1], first.tests[::-1], first.values[::-1] + noise))
    columns = np.column_stack([first.values, first.values + noise[::-1]])
    is_target = read_trials(world / "trials").is_target

    done = calibrate_file(world / "scores", world / "trials", world / "c", p_target=0.1)
    expected = gs.scoring.fit_calibration(columns[is_target, 0], columns[~is_target, 0], p_target=0.1)
    np.testing.assert_allclose([*done.weights, done.offset], [*expected.weights, expected.offset], rtol=1e-5)
    assert apply_calibration_file(world / "c", [world / "scores"], world / "llrs") == 288
    np.testing.assert_allclose(read_scores(world / "llrs").values, expected.apply(first.values), rtol=1e-5, atol=1e-6)

    fuse_files([world / "scores", world / "noisy"], world / "trials", world / "f")
    apply_calibration_file(world / "f", [world / "scores", world / "noisy"], world / "fused")
    expected = gs.scoring.fit_calibration(columns[is_target], columns[~is_target])
    np.testing.assert_allclose(read_scores(world / "fused").values, expected.apply(columns), rtol=1e-4, atol=1e-5)
    calibrate_file(world / "scores", world / "trials", world / "p", method="pav")
    apply_calibration_file(world / "p", [world / "scores"], world / "llrs")
    assert gs.cllr(*split(world / "llrs", world / "trials")) < 0.6

    speakers = [world / "utt2spk"]
    found = cross_calibrate_files([world / "scores", world / "noisy"], world / "trials", world / "x", speakers)
    who = read_speakers(speakers)
    sides = [[who[name] for name in names] for names in (first.models, first.tests)]
    expected = gs.scoring.cross_calibrate(columns, is_target, *sides)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(read_scores(world / "x").values, found.values, rtol=1e-8)


def test_identification(tmp_path: Path) -> None:
    models, tests, values = zip(("ann", "u1", 2.0), ("ann", "u2", 0.3), ("bob", "u1", 1.0), ("bob", "u2", 0.5),
                                ("ann", "u3", -1.0), strict=True)  # fmt: skip
    write_scores(tmp_path / "scores", Scores(models, tests, np.array(values)))
    write_map(tmp_path / "who", {"u1": "ann", "u2": "ann", "u3": "cid"})

    def found(**options):
        return [(one.found, one.expected) for one in identify_file(tmp_path / "scores", **options)]

    assert found() == [("ann", None), ("bob", None), ("ann", None)]
    who = tmp_path / "who"
    assert found(threshold=0.5, reference=who) == [("ann", "ann"), ("bob", "ann"), (None, None)]
