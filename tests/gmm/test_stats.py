"""Statistics add, however the frames are cut, ordered and numbered."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.errors import ConfigError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats, check_statistics

FIELDS = [field.name for field in dataclasses.fields(GMMStats) if field.name != "scatter"]  # of full covariances


def case(seed, single, t=60, k=4, d=3):
    rng = np.random.default_rng(seed)
    gmm = DiagonalGMM.from_parameters(rng.dirichlet(np.ones(k)), rng.normal(0, 2, (k, d)), rng.uniform(0.5, 2, (k, d)))
    return gmm, rng.normal(0, 2, (t, d)).astype(np.float32 if single else np.float64), rng


def assert_same(a, b, single):
    tolerance = 1e-5 if single else 1e-11
    for name in FIELDS:
        x, y = getattr(a, name), getattr(b, name)
        if y is None:
            assert name == "frame"
            continue
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * np.abs(y).max(), err_msg=name)


cases = given(seed=st.integers(0, 10**6), single=st.booleans(), cut=st.integers(0, 60))
few = settings(max_examples=30, deadline=None)


@cases
@few
def test_a_cut_anywhere_changes_nothing(seed, single, cut):
    gmm, frames, _ = case(seed, single)
    whole = gmm.accumulate(frames)
    assert_same(gmm.accumulate(frames[:cut]) + gmm.accumulate(frames[cut:]), whole, single)
    assert_same(sum(gmm.accumulate(frames[i : i + 1]) for i in range(len(frames))), whole, single)
    assert whole.num_frames == len(frames)
    assert whole.n.sum() == pytest.approx(len(frames), rel=1e-5)


@cases
@few
def test_the_order_of_frames_changes_nothing(seed, single, cut):
    gmm, frames, rng = case(seed, single)
    assert_same(gmm.accumulate(rng.permutation(frames)), gmm.accumulate(frames), single)


@cases
@few
def test_permuted_components_have_permuted_statistics(seed, single, cut):
    gmm, frames, rng = case(seed, single)
    order = rng.permutation(4)
    permuted = gmm.with_parameters(gmm.weights_[order], gmm.means_[order], gmm.covariances_[order])
    stats, other = gmm.accumulate(frames), permuted.accumulate(frames)
    arrays = {name: getattr(stats, name)[order] for name in ("n", "sum_x", "sum_xx", "squares")}
    expected = dataclasses.replace(stats, **arrays)
    assert_same(other, expected, single)


@cases
@few
def test_a_weight_counts_a_frame_that_often(seed, single, cut):
    gmm, frames, rng = case(seed, single)
    times = rng.integers(0, 4, len(frames))
    times[0] = 2
    weighted = gmm.accumulate(frames, sample_weight=times)
    assert_same(weighted, gmm.accumulate(np.repeat(frames, times, axis=0)), single)


def test_no_frames_have_statistics_of_zero():
    gmm, frames, _ = case(0, True)
    none, some = gmm.accumulate(frames[:0]), gmm.accumulate(frames)
    assert none.num_frames == none.n.sum() == none.log_likelihood == 0
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(none + some, name), getattr(some, name))


def test_what_does_not_add():
    a = GMMStats(np.ones(2), np.ones((2, 3)), np.ones((2, 3)), -1.0, 2)
    with pytest.raises(ModelError, match=r"\(2, 3\) and \(1, 3\) \(K, D\) do not add"):
        a + GMMStats(np.ones(1), np.ones((1, 3)), np.ones((1, 3)), -1.0, 2)
    with pytest.raises(TypeError):
        a + 1
    assert sum([a, a]).num_frames == 4


def test_rounding_below_zero_is_no_damage():
    """A square of a component with hardly a frame may come out as a little less than 0; one as large as others not."""
    rng = np.random.default_rng(0)
    stats = DiagonalGMM.from_parameters([0.5, 0.5], rng.normal(size=(2, 3)), np.ones((2, 3))).accumulate(
        rng.normal(5, 1, (50, 3))
    )
    for value, right in ((-1e-12, True), (-1.0, False)):
        stats.sum_xx[1, 2] = value * stats.sum_xx.max()
        if right:
            check_statistics("model ann", stats, (2, 3))
        else:
            with pytest.raises(ModelError, match=r"^model ann: found a negative count or square"):
                check_statistics("model ann", stats, (2, 3))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (([1.0], np.ones((1, 2)), np.ones((1, 2)), 0.0, 1.0), r"^GMMStats: n: found \[1.0\], expected an array"),
        ((np.array(["1"]), np.ones((1, 2)), np.ones((1, 2)), 0.0, 1.0), r"^GMMStats: n: found .*, expected an array"),
        ((np.ones(1), np.ones((1, 2)), np.ones((1, 2)), "x", 1.0), r"^GMMStats: log_likelihood: found 'x', expected"),
        ((np.ones(2), np.ones((1, 2)), np.ones((1, 2)), 0.0, 1.0), r"^GMMStats: found n, sum_x, sum_xx of shapes"),
        ((np.ones(1), np.ones(2), np.ones(2), 0.0, 1.0), r"^GMMStats: found n, sum_x, sum_xx of shapes \(1,\), \(2,\)"),
    ],
)
def test_fields_of_another_kind_are_refused_by_name(fields, message):
    with pytest.raises((ConfigError, ModelError), match=message):
        GMMStats(*fields)
