"""Mixtures of bob's, in files laid out as its sources write them."""

import h5py
import numpy as np
import pytest
import said
from editing import put

from gmmspeech.formats.loading import load

WEIGHTS = np.array([0.25, 0.75])
MEANS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
VARIANCES = np.array([[1.0, 0.5, 2.0], [4.0, 0.25, 8.0]])


def old_bob(file):
    file["m_n_gaussians"], file["m_n_inputs"], file["m_weights"] = np.int64(2), np.int64(3), WEIGHTS
    for k in range(2):
        group = file.create_group(f"m_gaussians{k}")
        group["m_mean"], group["m_variance"] = MEANS[k], VARIANCES[k]
        group["m_variance_thresholds"], group["g_norm"], group["m_n_inputs"] = np.full(3, 1e-16), 7.0, np.int64(3)


def bob(file):
    file.attrs["file_version"], file.attrs["writer_class"] = "1.0", "<class 'bob.learn.em.gmm.GMMMachine'>"
    file["n_gaussians"], file["trainer"], file["weights"] = 2, "ml", WEIGHTS
    file["gaussians/means"], file["gaussians/variances"] = MEANS, VARIANCES
    file["gaussians/variance_thresholds"] = 1e-16


LAYOUTS = {"old_bob": old_bob, "bob": bob}


@pytest.fixture
def edited(tmp_path):
    """A function: layout, edit, to the path of a file."""

    def make(layout, edit=lambda file: None):
        path = tmp_path / "model.hdf5"
        with h5py.File(path, "w") as file:
            LAYOUTS[layout](file)
            edit(file)
        return path

    return make


def fails(match, path):
    said.fails(f"model.hdf5: .*{match}", load, path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mixture(edited, layout):
    gmm = load(edited(layout))
    for found, expected in zip(gmm.parameters(), (WEIGHTS, MEANS, VARIANCES), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_bobs_own_figures(edited, bob):
    """Parameters that bob trained, in its layout."""
    names = {"weights": "weightsAfterML", "means": "meansAfterML", "variances": "variancesAfterML"}
    arrays = {field: bob(name) for field, name in names.items()}

    def edit(file):
        del file["weights"], file["gaussians"]
        file["weights"] = arrays["weights"]
        file["gaussians/means"], file["gaussians/variances"] = arrays["means"], arrays["variances"]

    gmm = load(edited("bob", edit))
    np.testing.assert_array_equal(gmm.means_, arrays["means"])
    assert gmm.score(bob("dataNormalized")) > -70


@pytest.mark.parametrize(
    ("layout", "name", "value", "match"),
    [
        ("old_bob", "m_gaussians1/m_variance", [1.0, 0.0, 1.0], "component 1: found variance 0.0"),
        ("old_bob", "m_weights", [0.5, 0.75], "found weights that sum to 1.25"),
        ("old_bob", "m_gaussians1", None, "m_gaussians1"),
        ("old_bob", "m_gaussians0/m_mean", [1.0], "same shape"),
        ("bob", "gaussians/variances", -VARIANCES, "component 0: found variance -1.0"),
        ("bob", "gaussians/means", None, "means"),
        ("bob", "weights", [1.0], "found weights, means, variances of shapes"),
    ],
)
def test_bad_mixtures(edited, layout, name, value, match):
    fails(match, edited(layout, put(name, value)))
