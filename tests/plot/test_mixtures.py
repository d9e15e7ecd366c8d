"""Pictures of mixtures have its components where they are."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from scipy.stats import multivariate_normal

import gmmspeech as gs
from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.plot.mixtures import COLORS, MASSES, _levels

WEIGHTS = [0.3, 0.7]
MEANS = np.array([[0.0, 1.0, 2.0], [4.0, -1.0, 0.0]])
FULL = np.array([np.diag([1.0, 2.0, 3.0]), [[2.0, 0.8, 0.1], [0.8, 1.0, 0.2], [0.1, 0.2, 0.5]]])
GMM = gs.GMM.from_parameters(WEIGHTS, MEANS, FULL)
DIAGONAL = gs.DiagonalGMM.from_parameters(WEIGHTS, MEANS, [[1.0, 2.0, 3.0], [2.0, 1.0, 0.5]])


def test_ellipses_are_at_one_and_two_deviations():
    """Their points have a Mahalanobis distance of 1 and of 2, in the columns drawn."""
    axes = gs.plot.mixture(GMM, dims=[1, 0])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("dimension 1", "dimension 0")
    for i, patch in enumerate(axes.patches):
        points = patch.get_path().vertices @ patch.get_patch_transform().get_matrix()[:2, :2].T
        covariance = FULL[i // 2][np.ix_([1, 0], [1, 0])]
        distance = np.sqrt(np.sum(points @ np.linalg.inv(covariance) * points, axis=1))
        on_curve = np.abs(np.linalg.norm(patch.get_path().vertices, axis=1) - 1) < 1e-3
        np.testing.assert_allclose(distance[on_curve], i % 2 + 1, rtol=2e-3)
        np.testing.assert_allclose(patch.center, MEANS[i // 2][[1, 0]])
    assert [text.get_text() for text in axes.texts] == ["0", "1"]


def test_points_have_the_colors_of_their_posteriors():
    x = np.array([[0.0, 1.0, 2.0], [4.0, -1.0, 0.0], [2.0, 0.0, 1.0]])
    axes = gs.plot.mixture(GMM, x)
    expected = GMM.predict_proba(x) @ [to_rgb(color) for color in COLORS[:2]]
    np.testing.assert_allclose(axes.collections[0].get_facecolors()[:, :3], expected, atol=1e-6)
    np.testing.assert_allclose(axes.collections[0].get_offsets(), x[:, :2])


def test_contours_hold_their_shares():
    """As drawn samples say."""
    rng = np.random.default_rng(0)
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    places = np.stack(np.meshgrid(*[np.linspace(-9, 9, 200)] * 2), -1).reshape(-1, 2)
    density = multivariate_normal([0, 0], covariance)
    at_samples = density.pdf(rng.multivariate_normal([0, 0], covariance, 20_000))
    held = [np.mean(at_samples >= level) for level in _levels(density.pdf(places))]
    np.testing.assert_allclose(held, MASSES[::-1], atol=0.02)


def test_one_dimension_has_the_marginal_density():
    axes = gs.plot.mixture(GMM, GMM.sample(300)[0], dims=[2])
    lines = {line.get_label(): line.get_data() for line in axes.lines}
    x, y = lines["mixture"]
    parts = [w * multivariate_normal(m[2], c[2, 2]).pdf(x) for w, m, c in zip(WEIGHTS, MEANS, FULL, strict=True)]
    np.testing.assert_allclose(y, sum(parts), rtol=1e-9)
    np.testing.assert_allclose(lines["component 1"][1], parts[1], rtol=1e-9)
    assert sum(patch.get_height() * patch.get_width() for patch in axes.patches) == pytest.approx(1)


def test_many_components_and_missing_values():
    """No numbers on more than a dozen; NaN is left out where the mixture takes it; a weight of 0 is no trouble."""
    rng = np.random.default_rng(0)
    weights = np.append(np.full(39, 1 / 39), 0.0)
    many = gs.DiagonalGMM.from_parameters(weights, rng.normal(size=(40, 2)), np.ones((40, 2)), allow_nan=True)
    x = rng.normal(size=(20_000, 2))
    x[::7, 1] = np.nan
    axes = gs.plot.mixture(many, [x[:9000], x[9000:]])
    assert (len(axes.texts), len(axes.patches)) == (0, 80)
    assert 2000 < len(axes.collections[0].get_offsets()) <= 5000
    axes.figure.canvas.draw()
    gs.plot.mixture(many, x, dims=[1]).figure.canvas.draw()


def test_what_is_refused():
    for dims in ([3], [0, 0], [], [0, 1, 2], [-1]):
        with pytest.raises(ConfigError, match=r"dims: found .*, expected one or two of the 3 columns, from 0"):
            gs.plot.mixture(DIAGONAL, dims=dims)
    with pytest.raises(ModelError, match="this DiagonalGMM is not fitted yet"):
        gs.plot.mixture(gs.DiagonalGMM(2))
    with pytest.raises(FeatureError, match="found frames of 2 columns, expected 3"):
        gs.plot.mixture(DIAGONAL, np.zeros((4, 2)))
