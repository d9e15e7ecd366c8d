"""Calibrations come back from files as they were."""

import numpy as np
import pytest
from editing import edited

from gmmspeech.errors import DataError
from gmmspeech.formats.loading import load
from gmmspeech.scoring.calibration import Calibration, PavCalibration, fit_calibration, fit_pav

KINDS = (Calibration, PavCalibration)


def test_calibrations_come_back_bit_for_bit(tmp_path):
    rng = np.random.default_rng(0)
    targets, nontargets = rng.normal(1, 1, (50, 2)), rng.normal(0, 1, (300, 2))
    linear, pav = fit_calibration(targets, nontargets), fit_pav(targets[:, 0], nontargets[:, 0])
    linear.save(tmp_path / "linear.h5")
    pav.save(tmp_path / "pav.h5")
    np.testing.assert_array_equal(load(tmp_path / "linear.h5", KINDS).apply(targets), linear.apply(targets))
    np.testing.assert_array_equal(load(tmp_path / "pav.h5", KINDS).apply(targets[:, 0]), pav.apply(targets[:, 0]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda file: file.attrs.update(kind="Spline"),
            "found a calibration of kind 'Spline', expected Calibration or",
        ),
        (lambda file: file.__delitem__("weights"), "damaged calibration"),
        (lambda file: file.attrs.update(offset="high"), "damaged calibration"),
        (lambda file: file.attrs.update(offset=np.nan), r"damaged calibration \(its arrays don't fit together\)"),
        (lambda file: file.attrs.update(format_version=9), "found version 9, this gmmspeech reads up to 1"),
        (
            lambda file: file.attrs.update(format="gmmspeech model"),
            "found gmmspeech model, expected gmmspeech calibration",
        ),
    ],
)
def test_damaged_files_are_refused(tmp_path, damage, message):
    path = tmp_path / "calibration.h5"
    fit_calibration([1.0, 2.0], [0.0, 1.5]).save(path)
    with edited(path) as file:
        damage(file)
    with pytest.raises(DataError, match=message) as caught:
        load(path, KINDS)
    assert str(caught.value).startswith(str(path))


def test_damaged_pav_is_refused(tmp_path):
    path = tmp_path / "calibration.h5"
    fit_pav([1.0, 2.0], [0.0, 1.5]).save(path)
    with edited(path) as file:
        file["scores"][0] = np.inf
    with pytest.raises(DataError, match="damaged calibration"):
        load(path, KINDS)
    with pytest.raises(DataError, match="no such file, expected gmmspeech calibration"):
        load(tmp_path / "missing.h5", KINDS)
