"""`train_ubm` is `DiagonalGMM` over the frames of many, from wherever they come."""

import inspect

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, DataError, ModelError
from gmmspeech.gmm.full import GMM
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.speaker.ubm import balanced_frames, train_ubm
from gmmspeech.stores.features import FeatureStore, write_store


@pytest.fixture
def utterances():
    rng = np.random.default_rng(0)
    return [rng.normal(i % 4, 1, (200 + i, 3)).astype(np.float32) for i in range(12)]


def test_a_store_a_list_and_an_array_give_the_same_mixture(utterances, tmp_path):
    write_store(tmp_path / "feats.h5", ((f"u{i}", x) for i, x in enumerate(utterances)), front_end='{"num_ceps": 3}')
    store = FeatureStore(tmp_path / "feats.h5")
    expected = DiagonalGMM(4, random_state=0, max_iter=5).fit(np.concatenate(utterances))
    for frames in (utterances, store, np.concatenate(utterances)):
        for n_jobs in (1, 2):
            ubm = train_ubm(frames, 4, max_iter=5, n_jobs=n_jobs)
            for name in ("weights_", "means_", "covariances_"):
                np.testing.assert_array_equal(getattr(ubm, name), getattr(expected, name))
            assert ubm.front_end_ == ('{"num_ceps": 3}' if frames is store else None)


def test_options_reach_the_mixture(utterances):
    start = train_ubm(utterances, 4, max_iter=1)
    seen = []
    options = {"max_iter": 3, "tol": 1e-9, "variance_floor": 0.5, "init": start, "backend": "numpy", "random_state": 9}
    ubm = train_ubm(utterances, 4, callback=lambda monitor: seen.append(len(monitor.history)), **options)
    assert {name: ubm.get_params()[name] for name in options} == options
    assert seen == [1, 2, 3]
    expected = DiagonalGMM(4, **options).fit(utterances)
    np.testing.assert_array_equal(ubm.covariances_, expected.covariances_)


def test_its_defaults_are_the_mixtures():
    """But for the number of components, and the seed: a background model is made once and shall be the same again."""
    ours, theirs = (inspect.signature(f).parameters for f in (train_ubm, DiagonalGMM))
    different = {name for name in ours.keys() & theirs.keys() if ours[name].default != theirs[name].default}
    assert different == {"n_components", "random_state"}


def test_what_is_refused(utterances):
    with pytest.raises(ModelError, match=r"found 3 frames, expected at least as many as components \(512\)"):
        train_ubm([utterances[0][:3]])


def test_speakers_and_groups_count_alike():
    rng = np.random.default_rng(0)
    said = {"a1": rng.normal(0, 1, (400, 2)), "a2": rng.normal(0, 1, (200, 2)), "b1": rng.normal(9, 1, (50, 2)),
            "c1": rng.normal(-9, 1, (90, 2)), "d1": rng.normal(0, 1, (10, 2))}  # fmt: skip
    utt2spk = {"a1": "ann", "a2": "ann", "b1": "bob", "c1": "carl"}
    frames, weight = balanced_frames(said, utt2spk, max_frames=300)
    assert [len(each) for each in frames] == [100, 50, 90]
    parts = np.split(weight, np.cumsum([100, 50, 90])[:-1])
    np.testing.assert_allclose([part.sum() for part in parts], [80.0] * 3)
    assert all(np.ptp(part) < 1e-12 for part in parts)
    groups = {"ann": "f", "bob": "m", "carl": "m"}
    frames, weight = balanced_frames(said, utt2spk, spk2group=groups, max_frames=300)
    parts = np.split(weight, np.cumsum([100, 50, 90])[:-1])
    np.testing.assert_allclose([part.sum() for part in parts], [120.0, 60.0, 60.0])
    ubm = train_ubm(frames, 3, sample_weight=weight)
    np.testing.assert_allclose(ubm.weights_[np.argsort(ubm.means_[:, 0])], [0.25, 0.5, 0.25], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"utt2spk": {"u9": "a"}}, DataError, "utterance u9: found no frames of it"),
        ({"utt2spk": {}}, DataError, "utt2spk: found no utterance"),
        (
            {"spk2group": {"a": "f"}},
            DataError,
            "spk2group: found no group of speaker b, expected one for each",
        ),
        ({"max_frames": 1}, ConfigError, "max_frames: found 1, expected 2 or more"),
    ],
)
def test_balance_that_is_refused(options, error, message):
    given = {"utt2spk": {"u1": "a", "u2": "b"}, **options}
    with pytest.raises(error, match=message):
        balanced_frames({"u1": np.zeros((9, 2)), "u2": np.ones((9, 2))}, **given)


def test_covariances_of_other_types():
    """Kaldi's way: full covariances that start at a trained mixture with diagonal ones."""
    rng = np.random.default_rng(0)
    frames = [rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3)) + 4 * i for i in range(3)]
    diagonal = train_ubm(frames, 3, max_iter=5)
    full = train_ubm(frames, 3, covariance_type="full", init=diagonal, max_iter=5)
    assert isinstance(full, GMM)
    assert full.score(np.concatenate(frames)) > diagonal.score(np.concatenate(frames)) + 0.1
    expected = GMM(3, init=diagonal, max_iter=5).fit(frames)
    np.testing.assert_array_equal(full.covariances_, expected.covariances_)
    for options, message in (
        ({"accelerate": True}, "accelerate: found it with covariance_type = 'tied', expected it with 'diag' alone"),
        ({"backend": "numpy"}, "backend: found numpy with covariance_type = 'tied', expected it with 'diag' alone"),
        ({"device": "cpu"}, "device: found cpu with covariance_type = 'tied', expected it with 'diag' alone"),
    ):
        with pytest.raises(ConfigError, match=message):
            train_ubm(frames, 2, covariance_type="tied", **options)
