"""LDA against scikit-learn and its own definition."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg
from hypothesis import example, given, settings, strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from threadpoolctl import threadpool_limits

from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError
from gmmspeech.linear.lda import LDAStats, accumulate_lda, joint_eigh, lda

few = settings(max_examples=30, deadline=None)


def classes(seed, t=300, c=5, d=6, offset=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, c, t)
    labels[:c] = np.arange(c)
    return rng.normal(0, 2, (c, d))[labels] + rng.normal(size=(t, d)) @ rng.normal(size=(d, d)) + offset, labels


def scatters(frames, labels):
    """Covariance within and between classes, by the definition."""
    mean, d = frames.mean(axis=0), frames.shape[1]
    within, between = np.zeros((d, d)), np.zeros((d, d))
    for c in np.unique(labels):
        x = frames[labels == c]
        within += (x - x.mean(axis=0)).T @ (x - x.mean(axis=0)) / len(frames)
        between += len(x) / len(frames) * np.outer(x.mean(axis=0) - mean, x.mean(axis=0) - mean)
    return within, between


@given(seed=st.integers(0, 10**6), offset=st.sampled_from([0.0, 1e3, -1e6]), cut=st.integers(0, 300))
@example(seed=4573, offset=1e3, cut=0)
@few
def test_equals_scikit_learn(seed, offset, cut):
    frames, labels = classes(seed, offset=offset)
    rows = lda(accumulate_lda(frames[:cut], labels[:cut], 5) + accumulate_lda(frames[cut:], labels[cut:], 5), 4)
    theirs = LinearDiscriminantAnalysis(solver="eigen").fit(frames, labels).scalings_[:, :4].T
    signs = np.sign((rows * theirs).sum(axis=1))
    np.testing.assert_allclose(rows, signs[:, None] * theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


@given(seed=st.integers(0, 10**6), offset=st.sampled_from([1e3, 1e5, -1e7]), size=st.integers(1, 300))
@few
def test_an_offset_of_all_frames_changes_nothing(seed, offset, size):
    frames, labels = classes(seed)
    frames = np.round(frames * 2**20) / 2**20  # so that the offset rounds none of them
    parts = [slice(start, start + size) for start in range(0, 300, size)]
    rows = [lda(sum(accumulate_lda(x[part], labels[part], 5) for part in parts), 4) for x in (frames, frames + offset)]
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-5, atol=1e-5 * np.abs(rows[0]).max())


@pytest.mark.parametrize("value", [0.1, -1e8 / 3])
def test_a_constant_stays_one_however_many_frames_it_is_seen_in(value):
    rng = np.random.default_rng(0)
    frames, labels = np.hstack([rng.normal(size=(10**5, 2)), np.full((10**5, 1), value)]), rng.integers(0, 3, 10**5)
    for parts in (1, 1000):
        stats = [accumulate_lda(x, y, 3) for x, y in zip(np.split(frames, parts), np.split(labels, parts), strict=True)]
        with pytest.raises(ModelError, match="LDA: the statistics of 100000 frames in 3 dimensions are singular"):
            lda(sum(stats), 1)


@given(seed=st.integers(0, 10**6), dim=st.integers(1, 4))
@few
def test_whitens_within_and_orders_between(seed, dim):
    frames, labels = classes(seed)
    within, between = scatters(frames, labels)
    rows = lda(accumulate_lda(frames, labels, 5), dim)
    assert rows.shape == (dim, 6)
    np.testing.assert_allclose(rows @ within @ rows.T, np.eye(dim), atol=1e-9)
    spread = rows @ between @ rows.T
    np.testing.assert_allclose(spread, np.diag(np.diag(spread)), atol=1e-9 * spread.max())
    assert (np.diff(np.diag(spread)) <= 0).all()
    assert (rows[np.arange(dim), np.abs(rows).argmax(axis=1)] > 0).all()


@given(seed=st.integers(0, 10**6), cut=st.integers(0, 300))
@few
def test_statistics_add(seed, cut):
    frames, labels = classes(seed)
    whole = accumulate_lda(frames, labels, 5)
    parts = sum([accumulate_lda(frames[:cut], labels[:cut], 5), accumulate_lda(frames[cut:], labels[cut:], 5)])
    for field in dataclasses.fields(LDAStats):
        np.testing.assert_allclose(getattr(parts, field.name), getattr(whole, field.name), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole.sum_x, [frames[labels == c].sum(axis=0) for c in range(5)], atol=1e-9)


def test_classes_without_frames_change_nothing():
    frames, labels = classes(0)
    without = lda(accumulate_lda(frames, labels, 5), 4)
    np.testing.assert_allclose(lda(accumulate_lda(frames, 2 * labels, 12), 4), without, atol=1e-12)


def test_what_is_refused():
    frames, labels = classes(0)
    stats = accumulate_lda(frames, labels, 5)
    for dim in (0, 5):
        with pytest.raises(ConfigError, match=f"dim: found {dim}, expected 1 to 4, with frames of 6 .* in 5 classes"):
            lda(stats, dim)
    with pytest.raises(DataError, match=r"labels: found shape \(299,\), expected \(300,\)"):
        accumulate_lda(frames, labels[1:], 5)
    for wrong in (labels - 1, labels + 1):
        with pytest.raises(DataError, match=r"labels: found -?\d to \d, expected 0 to 4"):
            accumulate_lda(frames, wrong, 5)
    with pytest.raises(FeatureError, match="NaN or infinity in frame 7"):
        accumulate_lda(np.where(np.arange(300)[:, None] == 7, np.nan, frames), labels, 5)
    for column in (0 * frames[:, :1], frames[:, :1] + frames[:, 1:2]):
        with pytest.raises(ModelError, match="LDA: the statistics of 300 frames in 7 dimensions are singular"):
            lda(accumulate_lda(np.hstack([frames, column]), labels, 5), 2)
    with pytest.raises(ModelError, match="do not add"):
        stats + accumulate_lda(frames, labels, 6)
    with pytest.raises(TypeError):
        stats + 1


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_what_rounding_leaves_of_repeated_frames_is_no_spread(unit, offset):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 30)
    frames = (rng.normal(size=(8, 4))[labels] + offset) * unit
    with pytest.raises(ModelError, match="LDA: the statistics of 240 frames in 4 dimensions are singular"):
        lda(accumulate_lda(frames, labels, 8), 2)
    spread = frames + 0.1 * unit * rng.normal(size=frames.shape)
    assert np.isfinite(lda(accumulate_lda(spread, labels, 8), 2)).all()


@pytest.mark.parametrize("condition", [1.0, 1e8])
def test_joint_eigenvectors_are_those_of_scipy(condition):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(8, 8))
    scale = np.geomspace(1.0, np.sqrt(condition), 8)
    a, b = root @ root.T, scale[:, None] * (np.eye(8) + np.ones((8, 8))) * scale
    values, vectors = joint_eigh(a, b)
    expected, columns = scipy.linalg.eigh(a, b)
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-12 * expected.max())
    np.testing.assert_allclose(vectors.T @ b @ vectors, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(np.abs(vectors), np.abs(columns), rtol=1e-6, atol=1e-9)


def test_joint_eigenvectors_need_a_root():
    with pytest.raises(np.linalg.LinAlgError):
        joint_eigh(np.eye(2), np.diag([1.0, -1.0]))


def test_the_same_bits_for_any_threads_of_blas():
    frames, labels = classes(1, t=2000, c=60, d=240)
    found = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads, user_api="blas"):
            found.append(lda(accumulate_lda(frames, labels, 60), 45))
    assert all(np.array_equal(found[0], each) for each in found[1:])
