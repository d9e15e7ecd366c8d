"""Scores from statistics against the sum over frames that they stand for, by scipy's densities."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from naive import naive_log_densities
from scipy.special import softmax

from gmmspeech.errors import FeatureError, ModelError
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.scoring.llr import log_likelihood_ratio
from gmmspeech.scoring.statistics import statistics_llr

K, D = 5, 3
few = settings(max_examples=40, deadline=None)


def mixture(rng, k=K, d=D):
    return DiagonalGMM.from_parameters(rng.dirichlet(np.ones(k)), rng.normal(0, 2, (k, d)), rng.uniform(0.3, 2, (k, d)))


@given(seed=st.integers(0, 10**6))
@few
def test_equal_to_the_gain_of_ems_auxiliary_function(seed):
    rng = np.random.default_rng(seed)
    ubm = mixture(rng)
    tests = [rng.normal(1, 2, (t, D)) for t in (1, 20, 50)]
    enrollment = rng.normal(1, 2, (30, D))
    models = [map_adapt(ubm, enrollment), map_adapt(ubm, enrollment, update="mvw"), mixture(rng)]
    scores = statistics_llr(models, ubm, [ubm.accumulate(x) for x in tests])
    assert scores.shape == (3, 3)
    for i, model in enumerate(models):
        for j, frames in enumerate(tests):
            gamma = softmax(naive_log_densities(frames, ubm), axis=1)
            expected = (gamma * (naive_log_densities(frames, model) - naive_log_densities(frames, ubm))).sum() / len(
                frames
            )
            assert scores[i, j] == pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert scores[i, j] <= log_likelihood_ratio(model, ubm, frames) + 1e-9


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_of_frames_far_from_zero(offset):
    rng = np.random.default_rng(0)
    ubm, model, frames = mixture(rng), mixture(rng), rng.normal(1, 2, (30, D))
    expected = statistics_llr([model], ubm, [ubm.accumulate(frames)])
    far = [gmm.with_parameters(gmm.weights_, gmm.means_ + offset, gmm.covariances_) for gmm in (ubm, model)]
    found = statistics_llr(far[1:], far[0], [far[0].accumulate(frames + offset)])
    np.testing.assert_allclose(found, expected, rtol=1e-14 * offset, atol=1e-14 * offset)


@given(seed=st.integers(0, 10**6))
@few
def test_linear_in_the_statistics(seed):
    rng = np.random.default_rng(seed)
    ubm, model = mixture(rng), mixture(rng)
    a, b = (ubm.accumulate(rng.normal(size=(t, D))) for t in (10, 40))
    first, second, both = statistics_llr([model], ubm, [a, b, a + b])[0]
    assert both == pytest.approx((10 * first + 40 * second) / 50, rel=1e-9)
    np.testing.assert_array_equal(statistics_llr([ubm], ubm, [a, b]), 0)
    assert statistics_llr([], ubm, [a, b]).shape == (0, 2)
    assert statistics_llr([model], ubm, []).shape == (1, 0)


def test_one_component_is_the_exact_ratio():
    rng = np.random.default_rng(0)
    ubm, model, frames = mixture(rng, k=1), mixture(rng, k=1), rng.normal(size=(30, D))
    score = statistics_llr([model], ubm, [ubm.accumulate(frames)])[0, 0]
    assert score == pytest.approx(log_likelihood_ratio(model, ubm, frames), rel=1e-9)


def test_components_of_weight_zero():
    """Finite and of no effect where both mixtures lack them."""
    rng = np.random.default_rng(0)
    ubm = mixture(rng)
    model = map_adapt(ubm, rng.normal(size=(30, D)))
    frames = rng.normal(size=(40, D))
    expected = statistics_llr([model], ubm, [ubm.accumulate(frames)])
    with_one_more = [
        DiagonalGMM.from_parameters(
            np.append(m.weights_, 0), np.vstack([m.means_, np.zeros(D)]), np.vstack([m.covariances_, np.ones(D)])
        )
        for m in (model, ubm)
    ]
    got = statistics_llr([with_one_more[0]], with_one_more[1], [with_one_more[1].accumulate(frames)])
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_what_is_refused():
    rng = np.random.default_rng(0)
    ubm = mixture(rng)
    stats = ubm.accumulate(rng.normal(size=(4, D)))
    for other in (mixture(rng, k=2), mixture(rng, d=2)):
        with pytest.raises(ModelError, match=r"model 0: found shape .* expected the background model's \(5, 3\)"):
            statistics_llr([other], ubm, [stats])
        with pytest.raises(ModelError, match=r"statistics 0: found shape .* expected the background model's \(5, 3\)"):
            statistics_llr([ubm], ubm, [other.accumulate(np.zeros((4, other.n_features_in_)))])
    with pytest.raises(FeatureError, match="statistics 0: found 0 frames"):
        statistics_llr([ubm], ubm, [GMMStats(np.zeros(K), np.zeros((K, D)), np.zeros((K, D)), 0.0, 0)])
