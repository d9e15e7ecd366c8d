"""CMVN against Kaldi and against a loop over windows."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features import normalization
from gmmspeech.features.normalization import cmvn, rasta, sliding_cmvn


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


# ---- RASTA ----


def naive_rasta(x, pole):
    before = np.concatenate([np.repeat(x[:1], 4, axis=0), x]).astype(np.float64)
    out = np.zeros(x.shape)
    for t in range(len(x)):
        now = before[t : t + 5]
        out[t] = 0.1 * (2 * now[4] + now[3] - now[1] - 2 * now[0]) + (pole * out[t - 1] if t else 0)
    return out


@given(length=st.integers(1, 60), pole=st.sampled_from([0.0, 0.94, 0.98]), offset=st.floats(-1e3, 1e3))
def test_rasta_equals_the_recursion(length, pole, offset):
    x = (np.random.default_rng(length).standard_normal((length, 3)) + offset).astype(np.float32)
    np.testing.assert_allclose(rasta(x, pole=pole), naive_rasta(x, pole), atol=1e-3)


def test_rasta_passes_what_changes_a_few_times_a_second():
    t = np.arange(2000) / 100  # frames of 10 ms
    gains = [np.abs(rasta(np.cos(2 * np.pi * f * t)[:, None])[1000:]).max() for f in (0.05, 4.0, 28.9)]
    assert gains[1] > 5 * gains[0]
    assert gains[2] < 0.01 * gains[1]  # the zero of Hermansky and Morgan's figure


def test_rasta_takes_out_a_channel():
    x = np.random.default_rng(0).standard_normal((100, 4))
    np.testing.assert_allclose(rasta(x + np.array([1.0, -2.0, 300.0, 0.0])), rasta(x), atol=1e-4)


def test_rasta_of_nothing_and_unreasonable():
    assert rasta(np.zeros((0, 5))).shape == (0, 5)
    with pytest.raises(ConfigError, match=r"pole=1\.0"):
        rasta(np.zeros((5, 1)), pole=1.0)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("block", [1, 7, 50])
def test_sliding_windows_are_the_same_bits_in_blocks(monkeypatch, center, block):
    rng = np.random.default_rng(block)
    for length, window, least in [(1, 300, 100), (49, 10, 3), (50, 1, 1), (51, 300, 100), (200, 31, 40)]:
        frames = rng.normal(5, 2, (length, 3)).astype(np.float32)
        options = {"cmn_window": window, "min_cmn_window": least, "center": center, "norm_vars": True}
        expected = sliding_cmvn(frames, **options)
        with monkeypatch.context() as patched:
            patched.setattr(normalization, "BLOCK", block)
            np.testing.assert_array_equal(sliding_cmvn(frames, **options), expected)
