"""The steps of the main job, from files to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands.evaluation import evaluate_file, split_scores
from gmmspeech.commands.extraction import extract_features
from gmmspeech.commands.verification import (
    classify_file,
    enroll_file,
    score_file,
    train_classifier_file,
    train_ubm_file,
)
from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError
from gmmspeech.formats.datadir import read_data_dir, read_map, write_map
from gmmspeech.formats.trials import read_scores, read_trials, write_scores, write_trials
from gmmspeech.scoring.trials import Scores, TrialList

FRONT = gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": 8}, vad={"method": "relative"})


@pytest.fixture
def digits(corpus) -> Path:
    return corpus("fsdd-tiny") / "data"


@pytest.fixture
def features(digits: Path, tmp_path: Path) -> Path:
    extract_features([read_data_dir(digits / "all")], tmp_path / "f.h5", FRONT)
    return tmp_path / "f.h5"


def test_the_background_model_is_that_of_train_ubm(features: Path, tmp_path: Path) -> None:
    made = train_ubm_file(features, tmp_path / "u.h5", 4, max_iter=5, random_state=3)
    with gs.FeatureStore(features) as store:
        expected = gs.train_ubm(store, 4, max_iter=5, random_state=3)
    read = gs.load(tmp_path / "u.h5")
    for gmm in (made, read):
        np.testing.assert_array_equal(gmm.means_, expected.means_)
        assert gmm.front_end_ == FRONT.to_json()


def test_speakers_count_alike_in_a_background_model(features: Path, digits: Path, tmp_path: Path) -> None:
    speakers = read_map(digits / "train" / "utt2spk")
    groups = {speaker: "a" if speaker < "l" else "b" for speaker in speakers.values()}
    write_map(tmp_path / "groups", groups)
    lists = {"utt2spk": digits / "train" / "utt2spk", "spk2group": tmp_path / "groups"}
    train_ubm_file(features, tmp_path / "u.h5", 4, max_iter=2, **lists)
    with gs.FeatureStore(features) as store:
        frames, weight = gs.speaker.balanced_frames(store, speakers, spk2group=groups)
        expected = gs.train_ubm(frames, 4, max_iter=2, sample_weight=weight)
    read = gs.load(tmp_path / "u.h5")
    np.testing.assert_array_equal(read.means_, expected.means_)
    assert read.front_end_ == FRONT.to_json()
    for given in ({"spk2group": tmp_path / "groups"}, {**lists, "scheduler": "tcp://127.0.0.1:1"}):
        with pytest.raises(ConfigError, match=r"expected utt2spk (too|on one machine)"):
            train_ubm_file(features, tmp_path / "v.h5", 4, **given)


def test_enrollment_and_scores_are_those_of_the_verifier(digits: Path, features: Path, tmp_path: Path) -> None:
    sessions, trials = digits / "all" / "enroll_spk2utt", digits / "all" / "trials"
    train_ubm_file(features, tmp_path / "u.h5", 8)
    enroll_file(tmp_path / "u.h5", features, sessions, tmp_path / "m.h5", relevance_factor=4.0)
    done = score_file(tmp_path / "m.h5", features, trials, tmp_path / "scores", n_jobs=2)

    verifier = gs.SpeakerVerifier(gs.load(tmp_path / "u.h5"), relevance_factor=4.0)
    with gs.FeatureStore(features) as store:
        for line in sessions.read_text().splitlines():
            speaker, *utterances = line.split()
            verifier.enroll(speaker, [store[u] for u in utterances])
        wanted = read_trials(trials)
        expected = [verifier.score(m, store[t]) for m, t in zip(wanted.models[::37], wanted.tests[::37], strict=True)]
    np.testing.assert_allclose(done.values[::37], expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(read_scores(tmp_path / "scores").values, done.values, rtol=1e-8)
    assert (done.models, done.tests) == (wanted.models, wanted.tests)

    targets, nontargets = split_scores(tmp_path / "scores", trials)
    assert (len(targets), len(nontargets)) == (120, 600)
    summary = evaluate_file(tmp_path / "scores", trials, report=tmp_path / "report", models=tmp_path / "m.h5")
    assert summary.eer_rocch == pytest.approx(gs.eer(targets, nontargets))
    assert summary.eer_rocch < 0.15
    assert (tmp_path / "report" / "index.html").is_file()


def test_top_c_of_all_components_is_no_approximation(digits: Path, features: Path, tmp_path: Path) -> None:
    train_ubm_file(features, tmp_path / "u.h5", 8)
    enroll_file(tmp_path / "u.h5", features, digits / "all" / "enroll_spk2utt", tmp_path / "m.h5")
    trials = digits / "all" / "trials"
    values = {
        c: score_file(tmp_path / "m.h5", features, trials, tmp_path / f"s{c}", top_c=c).values for c in (None, 8, 2)
    }
    tolerance = 2e-5  # a few roundings of a frame's log-likelihood, some -50 nats, to float32
    np.testing.assert_allclose(values[8], values[None], rtol=0, atol=tolerance)
    assert not np.allclose(values[2], values[None], rtol=0, atol=tolerance)


def test_evaluate_by_hand(tmp_path: Path) -> None:
    models, tests = ["a", "a", "b", "b"], ["t1", "t2", "t1", "t2"]
    write_trials(tmp_path / "trials", TrialList(models, tests, np.array([True, False, False, True])))
    write_scores(tmp_path / "scores", Scores(models[::-1], tests[::-1], np.array([4.0, 1.0, 2.0, 3.0])))
    targets, nontargets = split_scores(tmp_path / "scores", tmp_path / "trials")
    assert (targets.tolist(), nontargets.tolist()) == ([3.0, 4.0], [2.0, 1.0])
    assert evaluate_file(tmp_path / "scores", tmp_path / "trials").eer_rocch == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scores", "trials"]


def test_classification(digits: Path, features: Path, tmp_path: Path) -> None:
    train_classifier_file(features, digits / "train" / "utt2spk", tmp_path / "c.h5", 8, random_state=0)
    with gs.FeatureStore(features) as store:
        assert list(classify_file(tmp_path / "c.h5", features)) == list(store)
        truth = dict(line.split() for line in (digits / "test" / "utt2spk").read_text().splitlines())
        found = classify_file(tmp_path / "c.h5", features, list(truth))
        assert classify_file(tmp_path / "c.h5", features, list(truth), n_jobs=2) == found
        assert found.keys() == truth.keys()
        assert np.mean([found[u] == truth[u] for u in truth]) > 0.8
        classifier = gs.load(tmp_path / "c.h5")
        for utterance in list(truth)[::30]:
            assert found[utterance] == classifier.predict_segments([store[utterance]])[0]


def test_frames_that_do_not_fit(digits: Path, features: Path, tmp_path: Path) -> None:
    sessions, trials = digits / "all" / "enroll_spk2utt", digits / "all" / "trials"
    u, m, c, other, plain = (tmp_path / name for name in ("u.h5", "m.h5", "c.h5", "other.h5", "plain.h5"))
    train_ubm_file(features, u, 4)
    enroll_file(u, features, sessions, m)
    train_classifier_file(features, digits / "train" / "utt2spk", c, 2)
    with gs.FeatureStore(features) as store:
        gs.write_store(other, store.items(), front_end=FRONT.to_json().replace('"range_db": 50.0', '"range_db": 40.0'))
        gs.write_store(plain, [(name, frames[:, 1:]) for name, frames in store.items()])
    for path, message in (
        (other, r"other.h5: found frames with vad.range_db = 40.0, expected vad.range_db = 50.0 as .*{}.h5 was"),
        (plain, r"plain.h5: found frames of 7 columns, expected 8 as .*{}.h5 was trained on"),
    ):
        with pytest.raises(FeatureError, match=message.format("u")):
            enroll_file(u, path, sessions, tmp_path / "new.h5")
        with pytest.raises(FeatureError, match=message.format("m")):
            score_file(m, path, trials, tmp_path / "new")
        with pytest.raises(FeatureError, match=message.format("c")):
            classify_file(c, path)
    assert not list(tmp_path.glob("new*"))


def test_errors_leave_nothing_behind(digits: Path, features: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ModelError, match="99999"):
        train_ubm_file(features, tmp_path / "u.h5", 99999)
    write_map(tmp_path / "labels", {"no-such": "zero"})
    with pytest.raises(DataError, match="no utterance no-such"):
        train_classifier_file(features, tmp_path / "labels", tmp_path / "c.h5", 2)
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "labels"])


def test_a_full_mixture_of_selected_components_begins_at_a_diagonal_one(made, tmp_path, run_command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = (made / "feats", "-k", 4, "--max-iter", 3)
    assert run_command("train-ubm", few[0], "d.h5", *few[1:]).exit_code == 0
    full = ("--covariance-type", "full", "--init", "d.h5")
    assert run_command("train-ubm", few[0], "f.h5", *few[1:], *full, "--num-gselect", 2).exit_code == 0
    found = gs.load("f.h5")
    with gs.FeatureStore(made / "feats") as store:
        expected = gs.GMM(4, init=gs.load("d.h5"), num_gselect=2, max_iter=3, random_state=0).fit(store)
    np.testing.assert_array_equal(found.covariances_, expected.covariances_)
    done = run_command("train-ubm", few[0], "all.h5", *few[1:], "--num-gselect", 2)
    assert "diagonal covariances: found 2 components a frame to select, took all" in done.stderr
    np.testing.assert_array_equal(gs.load("all.h5").means_, gs.load("d.h5").means_)
    for words, error in (
        (("--covariance-type", "tied", "--num-gselect", 2), "--num-gselect: found 2 with covariances 'tied', expected"),
        (("--init", "f.h5"), "f.h5: found a GMM, expected a mixture with diagonal covariances"),
        ((*full[:2], "--init", "none.h5"), "--init: found none.h5, expected kmeans, random, or the file"),
        ((*full, "-k", 3), "found a mixture of shape (4, 4)"),
    ):
        done = run_command("train-ubm", few[0], "x.h5", *few[1:], *words)
        assert (done.exit_code > 0, (tmp_path / "x.h5").exists()) == (True, False)
        assert error in done.stderr
