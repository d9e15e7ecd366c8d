"""Phone mixtures come back from a file with the same bits, and damaged files are named."""

import numpy as np
import pytest
from editing import edited

from gmmspeech.errors import DataError
from gmmspeech.formats.loading import load
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM

RANGES = np.array([[0, 30], [30, 60], [60, 75]])


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(75, 2)) + np.repeat([0.0, 2.0, 4.0], [30, 30, 15])[:, None]
    model = PhoneGMM(
        4, parts=2, size="frames", frames_per_component=5, duration=True, scale=0.3, smoothing=2.0, random_state=0
    )
    model.fit(frames, RANGES, ["AA", "S", "ɹ"])
    model.front_end_ = '{"a": 1}'
    return model


def test_comes_back_with_the_same_bits(model, tmp_path):
    path = tmp_path / "phones.h5"
    model.save(path)
    again = load(path, PhoneGMM)
    x = np.random.default_rng(1).normal(size=(40, 2))
    ranges = [[0, 20], [20, 40]]
    np.testing.assert_array_equal(again.segment_log_posteriors(x, ranges), model.segment_log_posteriors(x, ranges))
    np.testing.assert_array_equal(again.frame_log_posteriors(x), model.frame_log_posteriors(x))
    assert again.phones_ == ("AA", "S", "ɹ")
    assert again.front_end_ == '{"a": 1}'
    assert again.get_params()["frames_per_component"] == 5
    again.save(tmp_path / "again.h5")
    assert (tmp_path / "again.h5").stat().st_size == path.stat().st_size


def test_models_adapted_from_a_ubm_are_kept_without_it(tmp_path):
    x = np.random.default_rng(0).normal(size=(75, 2))
    model = PhoneGMM(ubm=DiagonalGMM(2, random_state=0).fit(x)).fit(x, RANGES, ["AA", "S", "T"])
    model.save(tmp_path / "phones.h5")
    again = load(tmp_path / "phones.h5", PhoneGMM)
    np.testing.assert_array_equal(again.log_likelihoods(x), model.log_likelihoods(x))
    assert again.ubm is None


def test_damaged_files_and_others_are_named(model, tmp_path):
    path = tmp_path / "phones.h5"
    with pytest.raises(DataError, match=r"phones\.h5: no such file"):
        load(path, PhoneGMM)
    model.save(path)
    with edited(path) as file:
        file["means"][0, 0] = np.nan
    with pytest.raises(DataError, match=r"phones\.h5: damaged model \(component 0: found mean nan"):
        load(path, PhoneGMM)
    with edited(path) as file:
        del file["priors"]
    with pytest.raises(DataError, match=r"phones\.h5: damaged model"):
        load(path, PhoneGMM)
    model.models_[0].save(path)
    with pytest.raises(DataError, match="found a DiagonalGMM, expected phone mixtures"):
        load(path, PhoneGMM)
