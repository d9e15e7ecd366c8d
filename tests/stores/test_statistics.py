"""Stored statistics are those that the mixture counts, come back to the bit, and serve training as a list does."""

import os
import pickle

import h5py
import numpy as np
import pytest
from editing import edited

from gmmspeech.errors import DataError, FeatureError, ModelError
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import gmm_digest
from gmmspeech.scoring.linear import linear_score
from gmmspeech.scoring.statistics import statistics_llr
from gmmspeech.speaker.isv import train_isv
from gmmspeech.speaker.ivector import train_ivector_extractor
from gmmspeech.speaker.supervectors import adapted_means
from gmmspeech.stores.features import FeatureStore, write_store
from gmmspeech.stores.statistics import StatisticsStore, write_statistics

FRONT_END = '{"num_ceps": 3}'
FIELDS = ("n", "sum_x", "sum_xx", "log_likelihood", "num_frames")


@pytest.fixture
def ubm():
    rng = np.random.default_rng(0)
    return DiagonalGMM.from_parameters(
        rng.dirichlet(np.ones(4)), rng.normal(size=(4, 3)), rng.uniform(0.5, 2, (4, 3)), front_end=FRONT_END
    )


@pytest.fixture
def utterances():
    rng = np.random.default_rng(1)
    return {f"ü{i}": rng.normal(rng.normal(), 1, (5 + i, 3)).astype(np.float32) for i in range(20)}


@pytest.fixture
def path(tmp_path, ubm, utterances):
    write_statistics(tmp_path / "stats.h5", ubm, utterances.items(), front_end=FRONT_END)
    return tmp_path / "stats.h5"


def same(a, b):
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


def test_they_are_the_mixtures(path, ubm, utterances):
    with StatisticsStore(path) as store:
        assert list(store) == list(utterances)
        assert (len(store), store.shape, "ü3" in store, "u3" in store) == (20, (4, 3), True, False)
        assert (store.ubm_digest, store.front_end) == (gmm_digest(ubm), FRONT_END)
        for name, frames in utterances.items():
            same(store[name], ubm.accumulate(frames))


def test_from_a_feature_store_with_any_number_of_jobs(path, ubm, utterances, tmp_path):
    write_store(tmp_path / "feats.h5", utterances.items(), front_end=FRONT_END)
    with FeatureStore(tmp_path / "feats.h5") as feats:
        write_statistics(tmp_path / "again.h5", ubm, feats.items(), front_end=feats.front_end, n_jobs=3)
    with StatisticsStore(path) as one, StatisticsStore(tmp_path / "again.h5") as other:
        for name in utterances:
            same(one[name], other[name])


@pytest.mark.parametrize("size", [1, 7, 100])
def test_batches_and_selections(path, utterances, size):
    with StatisticsStore(path) as store:
        some = ["ü7", "ü8", "ü3", "ü19", "ü0"]
        for source, names in ((store, list(utterances)), (store.select(some), some)):
            batches = list(source.batches(size))
            assert [len(b) for b in batches] == [len(names[i : i + size]) for i in range(0, len(names), size)]
            for field in ("n", "sum_x", "num_frames"):
                found = np.concatenate([getattr(b, field) for b in batches])
                np.testing.assert_array_equal(found, [getattr(store[name], field) for name in names])
            assert {(b.ubm_digest, b.front_end) for b in batches} == {(store.ubm_digest, FRONT_END)}
        assert list(store.select(some)) == some
        assert "ü1" not in store.select(some)


def test_training_and_scoring_take_a_store_as_a_list(path, ubm):
    with StatisticsStore(path) as store:
        stats = list(store.values())
        models = [map_adapt(ubm, one, update="mvw") for one in stats[:3]]
        assert statistics_llr(models, ubm, store).shape == (3, 20)
        for function in (
            lambda s: train_ivector_extractor(ubm, s, 2, max_iter=3).extract(s),
            lambda s: train_isv(ubm, s, np.arange(20) % 5, 2, max_iter=3).session,
            lambda s: adapted_means(ubm, s),
            lambda s: linear_score(adapted_means(ubm, stats), ubm, s),
            lambda s: statistics_llr(models, ubm, s),
        ):
            np.testing.assert_array_equal(function(store), function(stats))


def test_another_background_model_or_front_end_is_refused(path, ubm, tmp_path):
    other = DiagonalGMM.from_parameters(ubm.weights_, ubm.means_ + 1, ubm.covariances_)
    with StatisticsStore(path) as store:
        extractor = train_ivector_extractor(ubm, store, 2, max_iter=1)
        with pytest.raises(ModelError, match=r"stats\.h5: found .* under background model \w{12}, expected \w{12}"):
            train_ivector_extractor(other, store, 2)
        with pytest.raises(ModelError, match=r"stats\.h5: .* as the background model has"):
            linear_score([other], other, store)
        with pytest.raises(ModelError, match=r"stats\.h5: .* as the background model has"):
            statistics_llr([other], other, store)
        extractor.extract(store)
        ubm.front_end_ = '{"num_ceps": 4}'
        with pytest.raises(FeatureError, match=r"stats\.h5: found frames with num_ceps = 3, expected num_ceps = 4"):
            adapted_means(ubm, store)
        with pytest.raises(FeatureError, match=r"stats\.h5: found frames with num_ceps = 3, expected num_ceps = 4"):
            statistics_llr([ubm], ubm, store)
    write_statistics(tmp_path / "other.h5", other, [("u", np.ones((2, 3)))])
    refused = pytest.raises(ModelError, match="as the i-vector extractor has")
    with StatisticsStore(tmp_path / "other.h5") as store, refused:
        extractor.extract(store)
    with pytest.raises(FeatureError, match=r"x\.h5: found frames with num_ceps = 3, expected num_ceps = 4"):
        write_statistics(tmp_path / "x.h5", ubm, [], front_end=FRONT_END)


def test_without_the_second_order(tmp_path, ubm, utterances, path):
    write_statistics(tmp_path / "half.h5", ubm, utterances.items(), second_order=False)
    with StatisticsStore(tmp_path / "half.h5") as half, StatisticsStore(path) as store:
        assert half.front_end == FRONT_END
        for name in utterances:
            np.testing.assert_array_equal(half[name].sum_x, store[name].sum_x)
            assert np.isnan(half[name].sum_xx).all()
        np.testing.assert_array_equal(next(half.batches(9)).sum_x, next(store.batches(9)).sum_x)
        np.testing.assert_array_equal(next(store.batches(9, second_order=True)).sum_xx[0], store["ü0"].sum_xx)
        with pytest.raises(
            FeatureError, match=r"half\.h5: found no second-order sums, expected statistics written with"
        ):
            statistics_llr([ubm], ubm, half)
    assert (tmp_path / "half.h5").stat().st_size < path.stat().st_size


def test_another_process_gets_the_same(path):
    with StatisticsStore(path) as store:
        again = pickle.loads(pickle.dumps(store.select(["ü5", "ü2"])))
        assert list(again) == ["ü5", "ü2"]
        same(again["ü2"], store["ü2"])
        again.close()


def test_bad_utterances_are_named_and_leave_no_file(tmp_path, ubm):
    good = ("u1", np.ones((2, 3)))
    bad = {
        "utterance u2: found frames of 2 columns, expected 3": ("u2", np.ones((2, 2))),
        "utterance u2: frame 1, column 0: found nan": ("u2", np.array([[1.0, 1, 1], [np.nan, 1, 1]])),
        "utterance u2: found no frames": ("u2", np.empty((0, 3))),
        "utterance u2: found frames of shape": ("u2", np.ones(3)),
    }
    for match, item in bad.items():
        for n_jobs in (1, 2):
            with pytest.raises(FeatureError, match=match):
                write_statistics(tmp_path / "stats.h5", ubm, [good, item], n_jobs=n_jobs)
    with pytest.raises(DataError, match=r"stats\.h5: found utterance u1 again"):
        write_statistics(tmp_path / "stats.h5", ubm, [good, good])
    with pytest.raises(DataError, match=r"stats\.h5: found no utterance to write"):
        write_statistics(tmp_path / "stats.h5", ubm, [])
    assert not list(tmp_path.iterdir())


def test_reading_what_is_not_there(path):
    with StatisticsStore(path) as store:
        with pytest.raises(DataError, match=r"stats\.h5: no utterance nobody, expected one of 20"):
            store["nobody"]
        with pytest.raises(DataError, match="asked for utterance nobody which it does not have"):
            store.select(["ü1", "nobody"])
        with pytest.raises(DataError, match="asked for utterance ü1 twice"):
            store.select(["ü1", "ü1"])
        selection = store.select(["ü1"])
    for closed in (store, selection):
        with pytest.raises(DataError, match=r"stats\.h5: is closed"):
            closed["ü1"]


def test_damaged_files(path, tmp_path):
    content = path.read_bytes()
    with pytest.raises(DataError, match="no such file"):
        StatisticsStore(tmp_path / "none.h5")
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"stats\.h5: "):
        StatisticsStore(path)
    with h5py.File(tmp_path / "probe.h5", "w"):
        pass
    for name in (*FIELDS, "utterances"):
        for replacement in (None, np.array([3.0]), np.array("text", dtype=object), np.zeros((20, 4, 3), np.float32)):
            path.write_bytes(content)
            with edited(path) as file:
                del file[name]
                if replacement is not None:
                    file[name] = replacement
            if replacement is None and name == "sum_xx":
                continue
            with pytest.raises(DataError, match=r"stats\.h5: damaged") as caught:
                StatisticsStore(path)
            assert "\n" not in str(caught.value)
    for attribute in ("ubm_digest", "front_end"):
        path.write_bytes(content)
        with edited(path) as file:
            del file.attrs[attribute]
        with pytest.raises(DataError, match=r"stats\.h5: damaged"):
            StatisticsStore(path)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("n", -1.0, "counts"),
        ("num_frames", np.nan, "counts"),
        ("sum_x", np.inf, "finite"),
        ("sum_xx", np.nan, "finite"),
    ],
)
def test_numbers_that_make_no_sense_are_named_by_utterance(path, field, value, expected):
    with edited(path) as file:
        file[field][3] = value
    with StatisticsStore(path) as store:
        for read in (lambda: store["ü3"], lambda: list(store.batches(7, second_order=True))):
            with pytest.raises(
                DataError, match=rf"stats\.h5: utterance ü3: {field}: found {value}, expected {expected}"
            ):
                read()
        assert store["ü4"].num_frames == 9


@pytest.mark.parametrize(("name", "value"), [("ubm_digest", 7), ("front_end", "[]"), ("front_end", 1.5)])
def test_attributes_of_another_kind_are_damage(path, name, value):
    with edited(path) as file:
        file.attrs[name] = value
    with pytest.raises(DataError, match=r"stats\.h5: damaged statistics \("):
        StatisticsStore(path)


def test_what_was_there_stays_if_writing_fails(tmp_path, ubm, monkeypatch):
    path = tmp_path / "stats.h5"
    path.write_text("what was there")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(DataError, match="can't be written"):
        write_statistics(path, ubm, [("u", np.ones((2, 3)))])
    assert path.read_text() == "what was there"
    assert [p.name for p in tmp_path.iterdir()] == ["stats.h5"]
