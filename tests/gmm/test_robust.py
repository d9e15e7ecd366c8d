"""Mixtures fitted in spite of outliers."""

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.gmm.robust import RobustFit


def contaminated(share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two unequal clusters and outliers around them; frames, and which are outliers."""
    rng = np.random.default_rng(seed)
    good = np.concatenate([rng.normal([0, 0], [1, 0.3], (600, 2)), rng.normal([5, 2], [0.5, 1], (200, 2))])
    bad = rng.uniform(-30, 30, (int(share / (1 - share) * len(good)), 2))
    return np.concatenate([good, bad]), np.arange(len(good) + len(bad)) >= len(good)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_clusters_and_share_are_found_among_outliers(share, dtype):
    X, is_outlier = contaminated(share)
    fit = gs.gmm.fit_robust(gs.DiagonalGMM(2, max_iter=100, tol=1e-6, random_state=0), X.astype(dtype))
    assert isinstance(fit, RobustFit)
    order = np.argsort(fit.gmm.means_[:, 0])
    np.testing.assert_allclose(fit.gmm.means_[order], [[0, 0], [5, 2]], atol=0.15)
    np.testing.assert_allclose(np.sqrt(fit.gmm.covariances_[order]), [[1, 0.3], [0.5, 1]], rtol=0.15)
    assert fit.outlier_share == pytest.approx(share, abs=0.02)
    assert ((fit.outlier_probability > 0.5) == is_outlier).mean() > 0.98


def test_update_is_that_of_a_mixture_with_a_uniform_component():
    X, _ = contaminated(0.2, seed=1)
    fit = gs.gmm.fit_robust(gs.DiagonalGMM(2, max_iter=500, tol=0, variance_floor=0, random_state=0), X)
    w, m, v, share = fit.gmm.weights_, fit.gmm.means_, fit.gmm.covariances_, fit.outlier_share
    densities = (1 - share) * w * np.exp(-0.5 * ((X[:, None] - m) ** 2 / v + np.log(2 * np.pi * v)).sum(axis=2))
    background = share / np.prod(np.ptp(X, axis=0))
    total = densities.sum(axis=1) + background
    posterior = densities / total[:, None]
    assert fit.log_likelihood == pytest.approx(np.log(total).mean(), abs=1e-9)
    np.testing.assert_allclose(fit.outlier_probability, background / total, atol=1e-9)
    # at the optimum an update changes nothing
    np.testing.assert_allclose(posterior.sum(axis=0) / posterior.sum(), w, atol=1e-6)
    np.testing.assert_allclose(posterior.T @ X / posterior.sum(axis=0)[:, None], m, atol=1e-5)
    assert (background / total).mean() == pytest.approx(share, abs=1e-6)


def test_likelihood_never_falls_with_more_iterations():
    X, _ = contaminated(0.1)
    fits = [
        gs.gmm.fit_robust(gs.DiagonalGMM(3, max_iter=n, tol=0, random_state=0), X, n_init=1) for n in (1, 2, 5, 20, 60)
    ]
    assert np.all(np.diff([fit.log_likelihood for fit in fits]) >= -1e-12)


def test_constant_and_discrete_columns_do_not_stop_it():
    X, _ = contaminated(0.1)
    X = np.column_stack([X, np.full(len(X), 3.0), np.arange(len(X)) % 9 == 0])
    fit = gs.gmm.fit_robust(gs.DiagonalGMM(2, random_state=0), X)
    assert np.isfinite(fit.gmm.covariances_).all()
    assert np.isfinite(fit.log_likelihood)


def test_errors_name_what_was_found():
    gmm = gs.DiagonalGMM(3)
    with pytest.raises(gs.GmmSpeechError, match="n_init: found 0"):
        gs.gmm.fit_robust(gmm, np.zeros((9, 2)), n_init=0)
    with pytest.raises(gs.GmmSpeechError, match=r"shape \(3, 2\), expected .* above 3"):
        gs.gmm.fit_robust(gmm, np.zeros((3, 2)))
    with pytest.raises(gs.GmmSpeechError, match="frame 4, column 1: found nan"):
        gs.gmm.fit_robust(gmm, np.where(np.arange(18).reshape(9, 2) == 9, np.nan, 1.0))
