"""add_deltas against Kaldi and the regression formula."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.deltas import add_deltas, shifted_deltas


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize("window", [2, 3])
def test_equals_kaldi(window, kaldi_feats):
    expected = kaldi_feats(f"deltas_w{window}")
    for utterance, static in kaldi_feats("mfcc_sre16").items():
        found = add_deltas(static, order=2, window=window)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[utterance], atol=1e-4)


@pytest.mark.usefixtures("either_kernel")
@pytest.mark.parametrize("dim", [3, 8, 13])
def test_equals_the_formula(dim):
    x = np.random.default_rng(0).standard_normal((20, dim))
    found = add_deltas(x, order=1, window=2)
    for t in range(20):
        at = lambda j, t=t: x[min(max(t + j, 0), 19)]  # noqa: E731
        expected = sum(j * at(j) for j in range(-2, 3)) / 10
        np.testing.assert_allclose(found[t, dim:], expected, atol=1e-6)


@given(
    length=st.integers(0, 12),
    dim=st.integers(1, 4),
    order=st.integers(0, 3),
    window=st.integers(1, 4),
    value=st.floats(-9, 9),
)
def test_deltas_of_a_constant_are_zero(length, dim, order, window, value):
    found = add_deltas(np.full((length, dim), value), order=order, window=window)
    assert found.shape == (length, dim * (order + 1))
    np.testing.assert_allclose(found[:, :dim], np.float32(value))
    np.testing.assert_allclose(found[:, dim:], 0, atol=1e-5)


def test_unreasonable_arguments():
    with pytest.raises(ConfigError, match="order=-1"):
        add_deltas(np.zeros((3, 2)), order=-1)
    with pytest.raises(ConfigError, match="window=0"):
        add_deltas(np.zeros((3, 2)), window=0)
    with pytest.raises(FeatureError, match=r"\(3,\)"):
        add_deltas(np.zeros(3))


def test_shifted_deltas_equal_kaldi(kaldi_feats):
    expected = kaldi_feats("sdc_default")
    for utterance, static in kaldi_feats("mfcc_sre16").items():
        np.testing.assert_allclose(shifted_deltas(static), expected[utterance], atol=1e-4)


@given(length=st.integers(1, 20), window=st.integers(1, 4), num_blocks=st.integers(1, 4), block_shift=st.integers(1, 9))
def test_shifted_deltas_equal_a_loop(length, window, num_blocks, block_shift):
    x = np.random.default_rng(length).standard_normal((length, 2)).astype(np.float32)
    expected = [x]
    for i in range(num_blocks):
        block = np.zeros(x.shape)
        for t in range(length):
            for j in range(-window, window + 1):
                block[t] += j * x[np.clip(t + j + i * block_shift, 0, length - 1)]
        expected.append(block / sum(j * j for j in range(-window, window + 1)))
    found = shifted_deltas(x, window=window, num_blocks=num_blocks, block_shift=block_shift)
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), atol=1e-5)


def test_shifted_deltas_of_nothing_and_unreasonable():
    assert shifted_deltas(np.zeros((0, 3))).shape == (0, 24)
    with pytest.raises(ConfigError, match="num_blocks=0"):
        shifted_deltas(np.zeros((5, 3)), num_blocks=0)


@pytest.mark.usefixtures("either_kernel")
def test_htk_repeats_the_ends_of_each_order(htk_feats):
    for name in ("test.wav.fea_htk.1", "test.wav.plp_htk.1"):
        expected = htk_feats(name)
        found = add_deltas(expected[:, :13], convention="htk")
        np.testing.assert_allclose(found, expected, atol=1e-4)
        np.testing.assert_allclose(add_deltas(expected[:, :13])[4:-4], found[4:-4], atol=1e-4)
    with pytest.raises(ConfigError, match="convention: found 'sphinx'"):
        add_deltas(np.zeros((3, 1)), convention="sphinx")
