"""Linear scoring against bob's numbers (from Matlab), a naive loop, and the ratio that it linearizes."""

import numpy as np
import pytest

from gmmspeech.errors import FeatureError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.utterance_stats import StatsBatch
from gmmspeech.scoring.linear import linear_score
from gmmspeech.scoring.statistics import statistics_llr


def mixture(means, variances):
    return DiagonalGMM.from_parameters([0.5, 0.5], means, variances)


def stats(n, sum_x):
    return GMMStats(np.array(n, float), np.array(sum_x, float), np.zeros((2, 2)), 0.0, float(np.sum(n)))


@pytest.mark.parametrize(
    ("with_offset", "normalized", "expected"),
    [
        (False, False, [[2372.9, 5207.7, 5275.7], [2215.7, 4868.1, 4932.1]]),
        (False, True, [[790.96666667, 743.95714286, 753.67142857], [738.56666667, 695.44285714, 704.58571429]]),
        (True, False, [[2615.5, 5434.1, 5392.5], [2381.5, 4999.3, 5022.5]]),
        (True, True, [[871.83333333, 776.3, 770.35714286], [793.83333333, 714.18571429, 717.5]]),
    ],
)
def test_bobs_numbers(with_offset, normalized, expected):
    """Reference scores of bob.learn.em's tests, computed in Matlab at Idiap."""
    ubm = mixture([[3, 70], [4, 72]], [[1, 10], [2, 5]])
    models = [mixture([[1, 2], [3, 4]], [[9, 10], [11, 12]]), mixture([[5, 6], [7, 8]], [[13, 14], [15, 16]])]
    tests = [stats([1, 2], [[1, 2], [3, 4]]), stats([3, 4], [[5, 6], [7, 8]]), stats([3, 4], [[5, 6], [7, 3]])]
    offset = np.array([[9, 8, 7, 6], [5, 4, 3, 2], [1, 0, 1, 2]], float).reshape(3, 2, 2) if with_offset else None
    for given in (models, np.array([m.means_ for m in models])):
        found = linear_score(given, ubm, tests, frame_length_normalization=normalized, channel_offset=offset)
        np.testing.assert_allclose(found, expected, rtol=1e-10 if not normalized else 1e-9)


@pytest.fixture
def random_case():
    rng = np.random.default_rng(0)
    k, d = 5, 3
    ubm = DiagonalGMM.from_parameters(rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), rng.uniform(0.5, 2, (k, d)))
    models = ubm.means_ + 0.3 * rng.normal(size=(4, k, d))
    tests = [ubm.accumulate(rng.normal(size=(t, d))) for t in (3, 20, 50)]
    return ubm, models, tests


def test_naive_loop(random_case):
    ubm, models, tests = random_case
    offsets = np.random.default_rng(1).normal(size=(3, 5, 3))
    found = linear_score(models, ubm, tests, channel_offset=offsets)
    for i, model in enumerate(models):
        for j, test in enumerate(tests):
            score = 0.0
            for k in range(5):
                for d in range(3):
                    residue = test.sum_x[k, d] - test.n[k] * (ubm.means_[k, d] + offsets[j, k, d])
                    score += (model[k, d] - ubm.means_[k, d]) / ubm.covariances_[k, d] * residue
            assert found[i, j] == pytest.approx(score / test.num_frames, rel=1e-10)


def test_it_is_the_derivative_of_the_ratio(random_case):
    """Against `statistics_llr`, whose alignments are the background model's too."""
    ubm, models, tests = random_case
    step = 1e-5

    def ratios(shifts):
        moved = [ubm.with_parameters(ubm.weights_, ubm.means_ + shift, ubm.covariances_) for shift in shifts]
        return statistics_llr(moved, ubm, tests)

    shifts = step * (models - ubm.means_)
    slopes = (ratios(shifts) - ratios(-shifts)) / (2 * step)
    np.testing.assert_allclose(linear_score(models, ubm, tests), slopes, atol=1e-8)


def test_the_background_model_scores_zero(random_case):
    ubm, _, tests = random_case
    np.testing.assert_array_equal(linear_score([ubm], ubm, tests), np.zeros((1, 3)))
    assert linear_score([], ubm, tests).shape == (0, 3)
    assert linear_score([ubm], ubm, []).shape == (1, 0)


def test_many_tests_are_scored_in_batches(random_case, monkeypatch):
    ubm, models, tests = random_case
    expected = linear_score(models, ubm, tests)
    monkeypatch.setattr("gmmspeech.scoring.linear.BATCH", 2)
    np.testing.assert_allclose(linear_score(models, ubm, tests), expected, rtol=1e-13)


def test_sizes_that_do_not_fit(random_case):
    ubm, models, tests = random_case
    small = DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]])
    with pytest.raises(ModelError, match=r"model 1: found shape \(1, 1\) \(components, dimension\), expected"):
        linear_score([ubm, small], ubm, tests)
    with pytest.raises(ModelError, match=r"models: found means of shape \(4, 5, 2\)"):
        linear_score(models[:, :, :2], ubm, tests)
    with pytest.raises(ModelError, match="statistics 1: found shape"):
        linear_score(models, ubm, [tests[0], small.accumulate(np.ones((2, 1)))])
    with pytest.raises(ModelError, match=r"channel_offset: found shape \(2, 5, 3\), expected \(3, 5, 3\)"):
        linear_score(models, ubm, tests, channel_offset=np.zeros((2, 5, 3)))
    with pytest.raises(FeatureError, match="statistics 0: found 0 frames"):
        linear_score(models, ubm, [ubm.accumulate(np.empty((0, 3)))])
    other = StatsBatch(*(np.array([getattr(t, f) for t in tests]) for f in ("n", "sum_x", "num_frames")), "a" * 64)
    with pytest.raises(ModelError, match="found statistics under background model aaaaaaaaaaaa"):
        linear_score(models, ubm, other)
