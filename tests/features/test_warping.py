"""Feature warping by its definition."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.warping import feature_warp


@given(length=st.integers(1, 40), window=st.integers(1, 50), levels=st.sampled_from([3, 1000]))
def test_equals_the_definition(length, window, levels):
    x = np.random.default_rng(length).integers(0, levels, (length, 2)).astype(np.float32)
    size = min(window, length)
    expected = np.zeros(x.shape)
    for t in range(length):
        start = min(max(t - window // 2, 0), length - size)
        ranks = scipy.stats.rankdata(x[start : start + size], axis=0)[t - start]
        expected[t] = scipy.stats.norm.ppf((ranks - 0.5) / size)
    np.testing.assert_allclose(feature_warp(x, window=window), expected, atol=1e-6)


def test_the_result_is_normal_whatever_came_in():
    x = np.random.default_rng(0).exponential(size=(3000, 2)) ** 3
    found = feature_warp(x)
    assert scipy.stats.kstest(found[:, 0], "norm").statistic < 0.03
    np.testing.assert_array_equal(feature_warp(np.log(x)), found)


def test_constant_columns_become_zero():
    np.testing.assert_array_equal(feature_warp(np.ones((400, 2))), 0)


def test_nothing_and_unreasonable():
    assert feature_warp(np.zeros((0, 5))).shape == (0, 5)
    with pytest.raises(ConfigError, match="window=0"):
        feature_warp(np.zeros((3, 2)), window=0)
    with pytest.raises(FeatureError, match="expected"):
        feature_warp(np.zeros(3))
