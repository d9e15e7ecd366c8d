"""CMVN against Kaldi and against a loop over windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.normalization import cmvn, sliding_cmvn


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cmvn_sliding_300_center", {"center": True, "cmn_window": 300}),
        ("cmvn_sliding_200_causal_vars", {"norm_vars": True, "cmn_window": 200, "min_cmn_window": 50}),
    ],
)
def test_sliding_equals_kaldi(name, options, kaldi_feats):
    expected = kaldi_feats(name)
    for utterance, static in kaldi_feats("mfcc_sre16").items():
        np.testing.assert_allclose(sliding_cmvn(static, **options), expected[utterance], atol=1e-4)


def test_utterance_equals_kaldi(kaldi_feats):
    expected, stats = kaldi_feats("cmvn_utt_vars"), kaldi_feats("cmvn_stats")
    for utterance, static in kaldi_feats("mfcc_sre16").items():
        np.testing.assert_allclose(cmvn(static, norm_vars=True), expected[utterance], atol=1e-4)
        mean = stats[utterance][0, :-1] / stats[utterance][0, -1]
        np.testing.assert_allclose(cmvn(static), static - mean, atol=1e-4)


def naive_sliding(x, cmn_window, min_cmn_window, center, norm_vars):
    out = np.zeros_like(x)
    for t in range(len(x)):
        start, end = (t - cmn_window // 2, t - cmn_window // 2 + cmn_window) if center else (t - cmn_window, t + 1)
        if start < 0:
            start, end = 0, end - start
        if not center:
            end = max(t + 1, min_cmn_window)
        if end > len(x):
            start, end = max(0, start - (end - len(x))), len(x)
        window = x[start:end]
        out[t] = x[t] - window.mean(axis=0)
        if norm_vars:
            out[t] /= np.sqrt(np.maximum(window.var(axis=0), 1e-10))
    return out


@given(
    length=st.integers(1, 40),
    cmn_window=st.integers(1, 50),
    min_cmn_window=st.integers(1, 50),
    center=st.booleans(),
    norm_vars=st.booleans(),
)
def test_sliding_equals_a_loop(length, cmn_window, min_cmn_window, center, norm_vars):
    x = np.random.default_rng(length).standard_normal((length, 3)) + 100
    x = x.astype(np.float32).astype(np.float64)
    options = {"cmn_window": cmn_window, "min_cmn_window": min_cmn_window, "center": center, "norm_vars": norm_vars}
    np.testing.assert_allclose(sliding_cmvn(x, **options), naive_sliding(x, **options), atol=1e-3)


@given(length=st.integers(1, 50), offset=st.floats(-1e3, 1e3), norm_vars=st.booleans())
def test_mean_is_zero(length, offset, norm_vars):
    x = np.random.default_rng(length).standard_normal((length, 2)) + offset
    found = cmvn(x, norm_vars=norm_vars)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    if norm_vars and length > 2:
        np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-3)


def test_part_of_the_mean():
    x = np.array([[1.0], [3.0]])
    np.testing.assert_allclose(cmvn(x, mean_scale=0.5), [[0.0], [2.0]])


def test_constant_columns_stay_finite():
    x = np.full((10, 2), 0.1)
    assert np.abs(cmvn(x, norm_vars=True)).max() < 1e-3
    assert np.abs(sliding_cmvn(x, norm_vars=True)).max() < 1e-3


def test_empty_and_unreasonable():
    assert cmvn(np.zeros((0, 5)), norm_vars=True).shape == (0, 5)
    assert sliding_cmvn(np.zeros((0, 5)), norm_vars=True).shape == (0, 5)
    with pytest.raises(ConfigError, match="cmn_window=0"):
        sliding_cmvn(np.zeros((3, 2)), cmn_window=0)
    with pytest.raises(FeatureError, match="expected"):
        cmvn(np.zeros(3))
