"""Statistics among selected components, against a frame-by-frame evaluation and the kernel of all components."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import gmmspeech as gs
from gmmspeech.errors import ConfigError
from gmmspeech.gmm.kernels import full_kernel, selected_kernel

K, D, T = 7, 3, 60
RNG = np.random.default_rng(0)
WEIGHTS = RNG.dirichlet(np.full(K, 3.0))
MEANS = RNG.normal(5, 2, (K, D))
FACTORS = RNG.normal(size=(K, D, D))
COVARIANCES = 0.3 * np.eye(D) + FACTORS @ FACTORS.transpose(0, 2, 1)
FRAMES = MEANS[RNG.integers(K, size=T)] + RNG.normal(size=(T, D))
FRAME_WEIGHTS = RNG.uniform(0.5, 2, T)


def naive(frames, count, weight):
    """Counts, sums, sums of products and log-likelihood, as the definition has them."""
    n, first, products, total = np.zeros(K), np.zeros((K, D)), np.zeros((K, D, D)), 0.0
    for x, w in zip(frames, weight, strict=True):
        diagonal = [
            np.log(WEIGHTS[k]) + multivariate_normal.logpdf(x, MEANS[k], np.diag(np.diag(COVARIANCES[k])))
            for k in range(K)
        ]
        best = np.argsort(diagonal)[-count:]
        joint = np.array([WEIGHTS[k] * multivariate_normal.pdf(x, MEANS[k], COVARIANCES[k]) for k in best])
        total += w * np.log(joint.sum())
        for k, share in zip(best, joint / joint.sum(), strict=True):
            n[k] += w * share
            first[k] += w * share * x
            products[k] += w * share * np.outer(x, x)
    return n, first, products, total


@pytest.mark.parametrize("count", [1, 3, K])
@pytest.mark.parametrize("weighted", [False, True])
def test_as_the_definition_has_it(count, weighted):
    packed = selected_kernel.pack_selected(WEIGHTS, MEANS, COVARIANCES, count)
    weight = FRAME_WEIGHTS if weighted else np.ones(T)
    found = selected_kernel.accumulate(FRAMES, packed, weight if weighted else None)
    n, first, products, total = naive(FRAMES, count, weight)
    np.testing.assert_allclose(found.n, n, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.sum_x, first, rtol=1e-9, atol=1e-9)
    apart = products - np.einsum("ki,j->kij", first, found.center) - np.einsum("i,kj->kij", found.center, first)
    apart += n[:, None, None] * np.outer(found.center, found.center)
    np.testing.assert_allclose(found.scatter, apart, rtol=1e-8, atol=1e-8)
    assert found.log_likelihood == pytest.approx(total, rel=1e-12)
    single = selected_kernel.accumulate(FRAMES.astype(np.float32), packed, weight if weighted else None)
    np.testing.assert_allclose(single.n, n, rtol=1e-4, atol=1e-4)
    assert single.log_likelihood == pytest.approx(total, rel=1e-5)


def test_all_components_are_those_of_the_whole_kernel():
    found = selected_kernel.accumulate(FRAMES, selected_kernel.pack_selected(WEIGHTS, MEANS, COVARIANCES, K))
    whole = full_kernel.accumulate(FRAMES, full_kernel.pack_full(WEIGHTS, MEANS, COVARIANCES))
    for name in ("n", "sum_x", "sum_xx", "scatter"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), rtol=1e-8, atol=1e-8)


def test_training_begins_at_a_mixture_with_diagonal_covariances():
    frames = np.concatenate([FRAMES + RNG.normal(size=FRAMES.shape) for _ in range(20)])
    diagonal = gs.DiagonalGMM(K, random_state=0).fit(frames)
    exact, near = (gs.GMM(K, init=diagonal, num_gselect=g, max_iter=8).fit(frames) for g in (None, 5))
    assert near.score(frames) == pytest.approx(exact.score(frames), abs=0.01)
    assert near.score(frames) > diagonal.score(frames)
    same = gs.GMM(K, init=diagonal, num_gselect=5, max_iter=8, n_jobs=2).fit(frames)
    np.testing.assert_array_equal(same.covariances_, near.covariances_)
    for kind in ("diag", "tied"):
        with pytest.raises(ConfigError, match="num_gselect: found 5 with covariances"):
            gs.GMM(K, covariance_type=kind, num_gselect=5).fit(frames)
