"""EM from given posteriors: the update that they make, against scikit-learn's from the same start, live."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

import gmmspeech as gs
from gmmspeech.errors import FeatureError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3)) + np.repeat([[0, 0, 100], [4, -4, 100], [0, 8, 90]], 100, axis=0)
R = RNG.dirichlet([0.3, 0.3, 0.3], 300)


def start():
    n = R.sum(axis=0)
    means = R.T @ X / n[:, None]
    return n / 300, means, np.array([r @ (X - m) ** 2 / r.sum() for r, m in zip(R.T, means, strict=True)])


@pytest.mark.filterwarnings("ignore")
def test_the_start_is_their_update():
    weights, means, variances = start()
    options = {"max_iter": 4, "tol": 0}
    found = gs.DiagonalGMM(3, variance_floor=0, **options).fit(X, responsibilities=R)
    peer = GaussianMixture(3, covariance_type="diag", reg_covar=0, **options)
    peer.set_params(weights_init=weights, means_init=means, precisions_init=1 / variances)
    np.testing.assert_allclose(found.means_, peer.fit(X).means_, rtol=1e-5)
    np.testing.assert_allclose(found.covariances_, peer.covariances_, rtol=1e-4)
    assert len(found.history_) == 4
    twice = gs.DiagonalGMM(3, variance_floor=0, **options).fit(
        [X, X], responsibilities=np.concatenate([R, R]), sample_weight=np.full(600, 3)
    )
    np.testing.assert_allclose(twice.means_, found.means_, rtol=1e-5)


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.filterwarnings("ignore")
def test_the_unit_of_weights_says_nothing(kind, unit):
    """The start is exact, however few the frames and small their weights."""
    x, r = X[::20], R[::20]
    options = {"variance_floor": 1e-9, "max_iter": 1, "tol": 0}
    peer = GaussianMixture(3, covariance_type=kind, reg_covar=0)
    peer._initialize(x, r)
    begin = gs.GMM.from_sklearn(peer)
    found = gs.GMM(3, covariance_type=kind, **options).fit(x, responsibilities=r, sample_weight=np.full(len(x), unit))
    expected = gs.GMM(3, covariance_type=kind, init=begin, **options).fit(x)
    np.testing.assert_allclose(found.weights_, expected.weights_, rtol=1e-9)
    np.testing.assert_allclose(found.means_, expected.means_, rtol=1e-9)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_labels_name_the_components(kind):
    order = np.array([2, 0, 1])
    labels = np.eye(3, dtype=bool)[np.repeat(order, 100)]
    for gmm in (gs.GMM(3, covariance_type=kind), gs.DiagonalGMM(3)):
        found = gmm.fit(X, responsibilities=labels).means_[order]
        np.testing.assert_allclose(found, [[0, 0, 100], [4, -4, 100], [0, 8, 90]], atol=0.5)


@pytest.mark.parametrize("kind", ["full", "tied"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_the_start_has_correlations(kind, weighted):
    """scikit-learn's M-step of the same posteriors is the start; frames that count twice are there twice."""
    count = RNG.integers(1, 3, 300) if weighted else np.ones(300, int)
    repeated, posteriors = np.repeat(X, count, axis=0), np.repeat(R, count, axis=0)
    peer = GaussianMixture(3, covariance_type=kind, reg_covar=0, max_iter=3, tol=0)
    peer._initialize(repeated, posteriors)
    peer.set_params(weights_init=peer.weights_, means_init=peer.means_)
    peer.set_params(precisions_init=peer.precisions_cholesky_ @ np.swapaxes(peer.precisions_cholesky_, -1, -2))
    peer.fit(repeated)
    found = gs.GMM(3, covariance_type=kind, variance_floor=1e-6, max_iter=3, tol=0)
    found.fit(X, responsibilities=R, sample_weight=count)
    np.testing.assert_allclose(found.means_, peer.means_, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.covariances_, peer.covariances_, rtol=1e-4, atol=1e-4)


def test_crossing_components_are_told_apart():
    """Two that are mirrored, and so have the same diagonals: without correlations EM could not leave the start."""
    one = RNG.normal(size=(200, 2)) * [3, 0.3] @ np.array([[1, 1], [1, -1]])
    cross = np.repeat(one - one.mean(axis=0), 2, axis=0)
    cross[::2, 1] *= -1
    labels = np.eye(2)[np.arange(400) % 2]
    found = gs.GMM(2).fit(cross, responsibilities=labels)
    assert np.mean(found.predict(cross) == np.arange(400) % 2) > 0.9
    few = np.eye(3)[np.where(np.arange(400) < 2, 2, np.arange(400) % 2)]  # two frames span no plane
    assert np.isfinite(gs.GMM(3).fit(cross, responsibilities=few).score(cross))


def test_components_without_frames_and_frames_without_values():
    labels = np.eye(4)[np.repeat([0, 1, 2], 100)]
    labels[0] = [0, 0, 0, 1]  # one frame alone
    assert np.isfinite(gs.DiagonalGMM(4, random_state=0).fit(X, responsibilities=labels).score(X))
    assert np.isfinite(gs.DiagonalGMM(4, random_state=0).fit(X, responsibilities=np.eye(4)[[0] * 300]).score(X))
    gaps = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
    found = gs.DiagonalGMM(3, allow_nan=True).fit(gaps, responsibilities=np.eye(3)[np.repeat([0, 1, 2], 100)])
    np.testing.assert_allclose(found.means_, [[0, 0, 100], [4, -4, 100], [0, 8, 90]], atol=0.6)


def test_a_checkpoint_belongs_to_its_responsibilities(tmp_path):
    gmm = gs.DiagonalGMM(3, random_state=0, max_iter=2)
    expected = gmm.fit(X, responsibilities=R).means_
    found = gmm.fit(X, responsibilities=R, checkpoint=gs.Checkpoint(tmp_path / "c")).means_
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(gs.GmmSpeechError, match="another training: init"):
        gmm.fit(X, responsibilities=R[::-1], checkpoint=gs.Checkpoint(tmp_path / "c"))


def test_bad_input(tmp_path):
    for bad, message in (
        (R[:5], r"responsibilities: found shape \(5, 3\), expected \(300, 3\): frames, components"),
        (R[:, :2], r"found shape \(300, 2\)"),
        (R * 2, "responsibilities: found row 0 to sum to 2, expected 1"),
        (np.where(np.arange(900).reshape(300, 3) == 7, np.nan, R), "responsibilities: found nan in row 2"),
        (R - 1, "responsibilities: found -.* in row 0, expected probabilities"),
        ("R", "responsibilities: found something that is no number"),
    ):
        for gmm in (gs.DiagonalGMM(3), gs.GMM(3)):
            with pytest.raises(FeatureError, match=message):
                gmm.fit(X, responsibilities=bad)
    gs.write_store(tmp_path / "f.h5", [("u", X)])
    with gs.FeatureStore(tmp_path / "f.h5") as store, pytest.raises(FeatureError, match="go with frames in arrays"):
        gs.DiagonalGMM(3).fit(store, responsibilities=R)
