"""What `show` says of each kind of file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands.show import describe
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.features.conf_files import SHIPPED

FRONT = gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": 3})
FRONT_LINE = f"3 MFCC, 25/10 ms, no VAD, no CMVN, 8000 Hz ({FRONT.fingerprint})"


@pytest.fixture
def store(tmp_path: Path) -> gs.FeatureStore:
    rng = np.random.default_rng(0)
    frames = [(f"u{i}", rng.normal(i, 1, (50, 3))) for i in range(4)]
    gs.write_store(tmp_path / "f.h5", frames, front_end=FRONT.to_json())
    return gs.FeatureStore(tmp_path / "f.h5")


def test_a_store(store: gs.FeatureStore) -> None:
    assert describe(store.path) == [
        "feature store: 4 utterances, 200 frames of 3 columns",
        f"front end: {FRONT_LINE}",
    ]


def test_a_mixture(store: gs.FeatureStore, tmp_path: Path) -> None:
    ubm = gs.train_ubm(store, 2, max_iter=3, tol=0)
    ubm.save(tmp_path / "u.h5")
    kind, weights, front_end, training = describe(str(tmp_path / "u.h5"))
    assert kind == "mixture: 2 components, 3 dimensions"
    low, high = sorted(ubm.weights_)
    assert weights.startswith(f"weights: {low:.2g} to {high:.2g}, perplexity ")
    assert float(weights.split()[-1]) == pytest.approx(np.exp(-np.sum(ubm.weights_ * np.log(ubm.weights_))), abs=0.06)
    assert front_end == f"front end: {FRONT_LINE}"
    assert training == f"EM: {len(ubm.history_)} passes, {ubm.history_[0]:.4f} to {ubm.history_[-1]:.4f} nats a frame"


def test_a_checkpoint(store: gs.FeatureStore, tmp_path: Path) -> None:
    gs.train_ubm(store, 2, checkpoint=gs.Checkpoint(tmp_path / "u.checkpoint"))
    lines = describe(str(tmp_path / "u.checkpoint"))
    assert lines[:2] == ["checkpoint of training: mixture", f"front end: {FRONT_LINE}"]
    assert {"n_components: 2", "max_iter: 20", "init: kmeans", "frames: 200", "columns: 3"} <= set(lines)


def test_a_mixture_that_was_not_trained(tmp_path: Path) -> None:
    gs.DiagonalGMM.from_parameters([1.0, 0.0], np.zeros((2, 1)), np.ones((2, 1))).save(tmp_path / "g.h5")
    assert describe(str(tmp_path / "g.h5")) == [
        "mixture: 2 components, 1 dimension",
        "weights: 0 to 1, perplexity 1.0",
        "front end: unknown",
    ]


@pytest.mark.parametrize(
    ("options", "adaptation", "scoring"),
    [
        ({}, "MAP of means, relevance factor 16", "frames"),
        (
            {"update": "wmv", "relevance_factor": 2.5},
            "MAP of means, variances, weights, relevance factor 2.5",
            "frames",
        ),
        ({"top_c": 5}, "MAP of means, relevance factor 16", "frames, top 5"),
        ({"scoring": "symmetric"}, "MAP of means, relevance factor 16", "symmetric"),
    ],
)
def test_enrolled_speakers(store, tmp_path: Path, options: dict, adaptation: str, scoring: str) -> None:
    verifier = gs.SpeakerVerifier(gs.train_ubm(store, 2, max_iter=3), **options)
    verifier.enroll_all({"ann": ["u0", "u1"], "bob": ["u2"]}, store)
    verifier.save(tmp_path / "m.h5")
    assert describe(str(tmp_path / "m.h5")) == [
        "enrolled speakers",
        f"front end: {FRONT_LINE}",
        "background model: 2 components, 3 dimensions",
        f"adaptation: {adaptation}",
        f"scoring: {scoring}",
        "models: 2",
    ]
    tables = verifier.configuration()
    assert list(tables) == ["System", "Front end"]
    assert tables["Front end"]["sample_frequency"] == 8000


def test_a_classifier(store: gs.FeatureStore, tmp_path: Path) -> None:
    frames = np.concatenate(list(store.values()))
    gs.GMMClassifier(2, random_state=0).fit(frames, np.repeat(["no", "yes"], 100)).save(tmp_path / "c.h5")
    assert describe(str(tmp_path / "c.h5")) == [
        "classifier: 2 classes, 2 components each",
        "classes: no yes",
        "front end: unknown",
    ]


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_a_front_end_is_shown_as_a_file_that_gives_the_same(name: str, tmp_path: Path) -> None:
    front = gs.FrontEnd.from_toml(name)
    lines = describe(name)
    assert lines[0] == f"# front end: {describe_front_end(front.to_json())}"
    assert gs.FrontEnd(**tomllib.loads("\n".join(lines))) == front
    assert describe(str(SHIPPED / f"{name}.toml")) == lines


def test_options_that_a_convention_leaves_open_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "l.toml").write_text('[features]\ntype = "fbank"\nconvention = "librosa"\n')
    lines = describe(str(tmp_path / "l.toml"))
    assert not [line for line in lines if line.startswith("frame_length")]
    assert gs.FrontEnd(**tomllib.loads("\n".join(lines))) == gs.FrontEnd.from_toml(tmp_path / "l.toml")


def test_a_front_end_that_is_not_known() -> None:
    assert describe_front_end(None) == "unknown"
    assert describe_front_end("") == "unknown"


def test_files_of_other_kinds(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(DataError, match="text: found no HDF5, expected a feature store or a model"):
        describe(str(tmp_path / "text"))
    with pytest.raises(DataError, match="expected a feature store or a model"):
        describe(str(tmp_path))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match=r"other\.h5: found HDF5 of another kind"):
        describe(str(tmp_path / "other.h5"))
    with pytest.raises(ConfigError, match=r"not-there\.h5: no such file"):
        describe(str(tmp_path / "not-there.h5"))


def test_a_front_end_of_a_later_version(tmp_path: Path) -> None:
    gs.write_store(tmp_path / "f.h5", [("u", np.ones((1, 1)))], front_end='{"warping": 1.1}')
    with pytest.raises(DataError, match=r"f\.h5: damaged front end \(unknown key 'warping'"):
        describe(str(tmp_path / "f.h5"))
