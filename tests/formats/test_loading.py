"""Models come back to the bit; files that are damaged, newer or of another kind are named."""

import dataclasses
import os
import pickle

import h5py
import numpy as np
import pytest
from editing import check_every_part, edited
from said import fails

from gmmspeech.errors import DataError, ModelError
from gmmspeech.formats.loading import load
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import SummedStats
from gmmspeech.speaker.verifier import SCORINGS, SpeakerVerifier
from gmmspeech.stores.features import write_store

FRONT_END = '{"features": {"num_ceps": 3}}'


def frames(t=400, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(t, 3)) + rng.choice([-2, 0, 2], (t, 1))).astype(np.float32)


def mixture():
    gmm = DiagonalGMM(5, random_state=0, variance_floor=0.03, tol=1e-5, max_iter=7).fit(frames())
    gmm.front_end_ = FRONT_END
    return gmm


def classifier(labels=("ah", "ee", "ü")):
    y = np.asarray(labels)[np.arange(400) % 3]
    made = GMMClassifier(2, random_state=0, priors=[0.5, 0.2, 0.3]).fit(frames() + (np.arange(400) % 3)[:, None], y)
    made.front_end_ = FRONT_END
    return made


def verifier(**options):
    made = SpeakerVerifier(mixture(), **{"relevance_factor": 7.5, "update": "mvw", **options})
    for i, name in enumerate(("zoe", "ann", "Žofie", "bob")):
        made.enroll(name, frames(50 + i, seed=i))
    return made


def statistics():
    return SummedStats(mixture().accumulate(frames(50)), "ab" * 32, "cd" * 32, 2, 3, FRONT_END)


MAKERS = {"mixture": mixture, "classifier": classifier, "verifier": verifier, "statistics": statistics}
KINDS = {
    "mixture": DiagonalGMM,
    "classifier": GMMClassifier,
    "verifier": SpeakerVerifier,
    "statistics": SummedStats,
}


def same_mixture(a, b):
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype == np.float64
    assert a.front_end_ == b.front_end_
    assert a.history_ == b.history_
    assert a.num_frames_ == b.num_frames_
    assert (a.n_components, a.variance_floor, a.tol, a.max_iter) == (
        b.n_components,
        b.variance_floor,
        b.tol,
        b.max_iter,
    )


@pytest.fixture(params=MAKERS)
def saved(request, tmp_path):
    """The kind of a model, and a file that holds one."""
    path = tmp_path / "model.h5"
    MAKERS[request.param]().save(path)
    return request.param, path


# --- there and back


def test_a_mixture_comes_back(tmp_path):
    gmm = mixture()
    gmm.save(tmp_path / "gmm.h5")
    again = load(tmp_path / "gmm.h5")
    same_mixture(again, gmm)
    np.testing.assert_array_equal(again.score_samples(frames()), gmm.score_samples(frames()))
    np.testing.assert_array_equal(again.absolute_variance_floor(), gmm.absolute_variance_floor())
    again.save(str(tmp_path / "again.h5"))
    same_mixture(load(str(tmp_path / "again.h5"), DiagonalGMM), gmm)


def test_any_weights_come_back_to_the_bit(tmp_path):
    for seed in range(20):
        weights = np.random.default_rng(seed).dirichlet(np.ones(64))
        gmm = DiagonalGMM.from_parameters(weights, np.zeros((64, 1)), np.ones((64, 1)))
        gmm.save(tmp_path / "gmm.h5")
        same_mixture(load(tmp_path / "gmm.h5", DiagonalGMM), gmm)


@pytest.mark.parametrize(
    "labels", [("ah", "ee", "ü"), (-3, 7, 10**12), (-1.0, 0.0, 2.0)], ids=["words", "ints", "floats"]
)
def test_a_classifier_comes_back(tmp_path, labels):
    made = classifier(labels)
    made.save(tmp_path / "classifier.h5")
    again = load(tmp_path / "classifier.h5", GMMClassifier)
    np.testing.assert_array_equal(again.classes_, made.classes_)
    assert again.classes_.dtype == made.classes_.dtype
    np.testing.assert_array_equal(again.priors_, made.priors_)
    assert (again.front_end_, again.n_features_in_, again.n_components) == (FRONT_END, 3, 2)
    for a, b in zip(again.models_, made.models_, strict=True):
        same_mixture(a, b)
    np.testing.assert_array_equal(again.predict_log_proba(frames()), made.predict_log_proba(frames()))
    np.testing.assert_array_equal(
        again.predict_segments([frames(9), frames(30)]), made.predict_segments([frames(9), frames(30)])
    )


@pytest.mark.parametrize("scoring", SCORINGS)
def test_enrolled_speakers_come_back(tmp_path, scoring):
    update = "m" if scoring == "linear" else "mvw"
    made = verifier(scoring=scoring, update=update)
    made.save(tmp_path / "models.h5")
    again = load(tmp_path / "models.h5", SpeakerVerifier)
    same_mixture(again.ubm, made.ubm)
    assert list(again.models_) == ["zoe", "ann", "Žofie", "bob"]
    for name in made.models_:
        same_mixture(again.models_[name], made.models_[name])
        for field in ("n", "sum_x", "sum_xx", "log_likelihood", "num_frames"):
            np.testing.assert_array_equal(
                getattr(again.statistics_[name], field), getattr(made.statistics_[name], field)
            )
        assert again.score(name, frames(30, seed=9)) == made.score(name, frames(30, seed=9))
    assert (again.relevance_factor, again.update, again.scoring, again.top_c) == (7.5, update, scoring, None)


def test_summed_statistics_come_back(tmp_path):
    made = statistics()
    made.save(tmp_path / "s.h5")
    for found in (load(tmp_path / "s.h5"), load(str(tmp_path / "s.h5"), SummedStats)):
        for name in ("n", "sum_x", "sum_xx", "log_likelihood", "num_frames"):
            np.testing.assert_array_equal(getattr(found.stats, name), getattr(made.stats, name))
        assert dataclasses.replace(found, stats=made.stats) == made


def test_a_verifier_without_speakers_and_one_with_top_c(tmp_path):
    for options in ({}, {"top_c": 2}, {"scoring": "symmetric"}):
        SpeakerVerifier(mixture(), **options).save(tmp_path / "models.h5")
        again = load(tmp_path / "models.h5", SpeakerVerifier)
        assert again.models_ == {}
        assert again.top_c == options.get("top_c")


def test_speakers_enrolled_without_frames_stay_without(tmp_path):
    made = verifier()
    made.set_scoring("symmetric")
    made.enroll("ann", frames(60, seed=8))
    made.save(tmp_path / "models.h5")
    again = load(tmp_path / "models.h5", SpeakerVerifier)
    assert again.score("ann", frames(20)) == made.score("ann", frames(20))
    with pytest.raises(DataError, match="model zoe: found no enrollment frames"):
        again.score("zoe", frames(20))


def test_a_front_end_that_is_not_known_stays_so(tmp_path):
    DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]]).save(tmp_path / "gmm.h5")
    again = load(tmp_path / "gmm.h5")
    assert again.front_end_ is None
    assert again.history_ == []


# --- files that are not what they should be


def test_another_kind_than_expected(saved):
    kind, path = saved
    for other, wanted in KINDS.items():
        if other == kind:
            load(path, wanted)
        else:
            fails(
                r"model\.h5: found a (DiagonalGMM|GMMClassifier|SpeakerVerifier|SummedStats), expected a? ?\w+",
                load,
                path,
                wanted,
            )


def test_missing_text_and_other_files(tmp_path):
    fails(r"none\.h5: no such file", load, tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("weights 1 2 3\n" * 100)
    fails(r"text\.h5: no readable HDF5", load, tmp_path / "text.h5")
    (tmp_path / "empty.h5").touch()
    fails(r"empty\.h5: no readable HDF5", load, tmp_path / "empty.h5")
    (tmp_path / "model.pickle").write_bytes(pickle.dumps({"weights": [1.0]}))
    fails(r"model\.pickle: no readable HDF5", load, tmp_path / "model.pickle")
    write_store(tmp_path / "feats.h5", [("u", np.ones((2, 2)))])
    fails(r"feats\.h5: found gmmspeech features, expected gmmspeech model", load, tmp_path / "feats.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["weights"] = [1.0]
    fails(r"foreign\.h5: found HDF5 of another kind, expected gmmspeech model", load, tmp_path / "foreign.h5")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_truncated(saved, share):
    _, path = saved
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    fails(r"model\.h5: ", load, path)


def test_a_newer_version_and_an_unknown_kind(saved):
    _, path = saved
    with edited(path) as file:
        file.attrs["format_version"] = 99
    fails(r"model\.h5: gmmspeech model: found version 99, this gmmspeech reads up to 1", load, path)
    with edited(path) as file:
        file.attrs["format_version"] = 1
        file.attrs["kind"] = "HMM"
    fails(r"model\.h5: found a model of kind 'HMM', expected one of DiagonalGMM", load, path)


def test_a_part_missing_or_replaced_is_a_damaged_file(saved):
    kind, path = saved
    check_every_part(path, KINDS[kind], may_lack=".*floor|num_frames|speakers/squares")  # of no mixture of version 0.1


def test_parameters_that_are_no_mixture(tmp_path):
    mixture().save(tmp_path / "gmm.h5")
    with edited(tmp_path / "gmm.h5") as file:
        file["variances"][2, 1] = -1
    fails(r"gmm\.h5: damaged model \(component 2: found variance -1\.0", load, tmp_path / "gmm.h5")


# --- writing that fails


@pytest.mark.parametrize("kind", MAKERS)
def test_what_was_there_stays_if_writing_fails(tmp_path, monkeypatch, kind):
    path = tmp_path / "model.h5"
    path.write_text("what was there")
    made = MAKERS[kind]()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    fails(r"model\.h5: can't be written \(Permission denied\)", made.save, path)
    assert path.read_text() == "what was there"
    assert [p.name for p in tmp_path.iterdir()] == ["model.h5"]


@pytest.mark.parametrize("kind", ["mixture", "classifier", "verifier"])
def test_nothing_is_left_if_the_model_is_none(tmp_path, kind):
    unfit = {"mixture": DiagonalGMM(), "classifier": GMMClassifier(), "verifier": SpeakerVerifier(DiagonalGMM())}[kind]
    with pytest.raises(ModelError, match="not fitted"):
        unfit.save(tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())
