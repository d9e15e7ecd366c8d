"""Posteriors of a subspace against the dense Gaussian of all frames, and the update against naive sums."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import multivariate_normal

from gmmspeech.errors import ModelError
from gmmspeech.speaker.subspace import Accumulator, Subspace, pack, random_loading, unpack


@given(rank=st.integers(1, 6), count=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_packing(rank, count, seed):
    x = np.random.default_rng(seed).normal(size=(count, rank, rank))
    symmetric = x + x.transpose(0, 2, 1)
    packed = pack(symmetric)
    assert packed.shape == (count, rank * (rank + 1) // 2)
    np.testing.assert_array_equal(packed, [s[np.triu_indices(rank)] for s in symmetric])
    np.testing.assert_array_equal(unpack(packed, rank), symmetric)


@pytest.mark.parametrize("seed", range(5))
def test_posteriors_are_those_of_the_dense_gaussian(seed, background, draw):
    """All frames x = m + T w + e are one Gaussian vector; its conditional given them, and its density, are textbook."""
    rng = np.random.default_rng(seed)
    ubm, rank = background(rng), 2 + seed % 2
    loading = rng.normal(size=(4, 3, rank))
    deviations = np.sqrt(ubm.covariances_)
    utterances = [
        draw(rng, ubm, ubm.means_ + deviations * (loading @ rng.normal(size=rank)), 5 + 7 * i) for i in range(4)
    ]
    n = np.array([u.stats.n for u in utterances])
    f = np.array([(u.stats.sum_x - u.stats.n[:, None] * ubm.means_) / deviations for u in utterances])
    found = Subspace(loading).posteriors(n, f)
    seconds = unpack(found.second, rank)
    for i, u in enumerate(utterances):
        design = (deviations[:, :, None] * loading)[u.components].reshape(-1, rank)
        noise = np.diag(ubm.covariances_[u.components].ravel())
        residue = (u.frames - ubm.means_[u.components]).ravel()
        gain = design.T @ np.linalg.inv(design @ design.T + noise)
        mean, covariance = gain @ residue, np.eye(rank) - gain @ design
        np.testing.assert_allclose(found.mean[i], mean, atol=1e-8)
        np.testing.assert_allclose(seconds[i], covariance + np.outer(mean, mean), atol=1e-8)
        with_shift = multivariate_normal(cov=design @ design.T + noise).logpdf(residue)
        assert found.gain[i] == pytest.approx(with_shift - multivariate_normal(cov=noise).logpdf(residue), abs=1e-8)


def test_update_is_the_ratio_of_sums():
    rng = np.random.default_rng(0)
    rank, count = 2, 40
    n = rng.uniform(0, 5, (count, 4))
    n[:, 3] = 0  # nobody speaks in it
    f = rng.normal(size=(count, 4, 3)) * (n > 0)[:, :, None]
    subspace = Subspace(rng.normal(size=(4, 3, rank)))
    found = subspace.posteriors(n, f)
    sums = Accumulator((4, 3), rank)
    for part in (slice(0, 25), slice(25, None)):
        sums.add(n[part], f[part], subspace.posteriors(n[part], f[part]))
    updated = sums.loading(subspace.loading)
    seconds = unpack(found.second, rank)
    for k in range(3):
        first = sum(np.outer(f[u, k], found.mean[u]) for u in range(count))
        second = sum(n[u, k] * seconds[u] for u in range(count))
        np.testing.assert_allclose(updated[k], first @ np.linalg.inv(second), rtol=1e-10)
    np.testing.assert_array_equal(updated[3], subspace.loading[3])


def test_same_bits_for_any_number_of_jobs():
    rng = np.random.default_rng(0)
    n, f = rng.uniform(0, 5, (50, 70)), rng.normal(size=(50, 70, 3))
    results = []
    for n_jobs in (1, 2, 5):
        subspace = Subspace(random_loading((70, 3), 5, np.random.default_rng(1)), n_jobs=n_jobs)
        found = subspace.posteriors(n, f, n_jobs=n_jobs)
        sums = Accumulator((70, 3), 5)
        sums.add(n, f, found, n_jobs=n_jobs)
        updated = sums.loading(subspace.loading, n_jobs=n_jobs)
        results.append((subspace.gram, found.mean, found.second, found.gain, updated))
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_start_is_relevance_maps_prior():
    loading = random_loading((200, 20), 30, np.random.default_rng(0))
    assert np.square(loading).sum(axis=2).mean() == pytest.approx(1 / 16, rel=0.01)


def test_a_loading_out_of_scale_is_an_error():
    with pytest.raises(ModelError, match="out of scale"), np.errstate(over="ignore"):
        Subspace(np.full((1, 1, 2), 1e150)).posteriors(np.full((1, 1), 1e20), np.ones((1, 1, 1)))
