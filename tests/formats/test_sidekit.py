"""Mixtures of SIDEKIT's, in files laid out as its sources write them."""

import h5py
import numpy as np
import pytest
import said
from editing import put

from gmmspeech.formats.loading import load

WEIGHTS = np.array([0.25, 0.75])
MEANS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
VARIANCES = np.array([[1.0, 0.5, 2.0], [4.0, 0.25, 8.0]])


def sidekit(file):
    file["w"], file["mu"], file["invcov"] = WEIGHTS, MEANS, 1 / VARIANCES
    file["invchol"], file["cov_var_ctl"] = np.array([]), VARIANCES
    file["cst"], file["det"], file["a"] = np.ones(2), VARIANCES.prod(axis=1), np.zeros(2)


@pytest.fixture
def edited(tmp_path):
    """A function: edit to the path of a file."""

    def make(edit=lambda file: None):
        path = tmp_path / "model.hdf5"
        with h5py.File(path, "w") as file:
            sidekit(file)
            edit(file)
        return path

    return make


def fails(match, path):
    said.fails(f"model.hdf5: .*{match}", load, path)


def test_a_mixture(edited):
    gmm = load(edited())
    for found, expected in zip(gmm.parameters(), (WEIGHTS, MEANS, VARIANCES), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("invcov", np.zeros((2, 3)), "invcov: component 0: found 0.0"),
        ("invcov", np.ones((2, 3, 3)), "invcov: found full covariances"),
        ("w", [0.5, 0.1], "found weights that sum to 0.6"),
        ("mu", [[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]], "component 0: found mean nan"),
        ("mu", None, "'mu' doesn't exist"),
    ],
)
def test_bad_mixtures(edited, name, value, match):
    fails(match, edited(put(name, value)))


def test_files_cut_short_and_of_other_kinds(edited, tmp_path):
    path = edited()
    path.write_bytes(path.read_bytes()[:-1000])
    fails("no readable HDF5", path)
    with h5py.File(path, "w") as file:
        file["array"] = MEANS
    fails("found HDF5 of another kind", path)
