"""Learning from a stream: against a naive stepwise EM, batch EM, repeated frames; what is kept between batches."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import gmmspeech as gs
from gmmspeech.errors import ConfigError, FeatureError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.stepwise import blend

few = settings(max_examples=25, deadline=None)


def clusters(rng, n=3000, d=2):
    return rng.normal(size=(n, d)) + np.array([[-4.0] * d, [0.0] * d, [4.0] * d])[rng.integers(3, size=n)]


def a_mixture(frames, k=3, **options):
    return DiagonalGMM.from_parameters(np.full(k, 1 / k), frames[:k], np.full((k, frames.shape[1]), 4.0), **options)


def naive_stepwise(gmm, batches, decay, num_frames):
    """Cappé and Moulines' recursion on the statistics of a frame, in Python's own loops."""
    w, m, v = (p.copy() for p in gmm.parameters())
    n, s, q = w.copy(), w[:, None] * m, w[:, None] * (m**2 + v)
    for batch in batches:
        step = (len(batch) / (num_frames + len(batch))) ** decay
        hat = [np.zeros_like(a) for a in (n, s, q)]
        for x in batch:
            densities = w * np.exp(-0.5 * ((x - m) ** 2 / v).sum(axis=1)) / np.sqrt(v.prod(axis=1))
            for k, posterior in enumerate(densities / densities.sum()):
                hat[0][k] += posterior / len(batch)
                hat[1][k] += posterior * x / len(batch)
                hat[2][k] += posterior * x**2 / len(batch)
        n, s, q = ((1 - step) * old + step * new for old, new in zip((n, s, q), hat, strict=True))
        w, m = n, s / n[:, None]
        floor = gmm.variance_floor * (q.sum(axis=0) - s.sum(axis=0) ** 2)
        v = np.maximum(q / n[:, None] - m**2, floor)
        num_frames += len(batch)
    return w, m, v


@pytest.mark.parametrize("decay", [0.51, 0.7, 1.0])
def test_it_is_stepwise_em(decay):
    rng = np.random.default_rng(0)
    frames = clusters(rng, 120)
    batches = [frames[:50], frames[50:60], frames[60:]]
    gmm = a_mixture(frames, learning_decay=decay)
    expected = naive_stepwise(gmm, batches, decay, num_frames=50)  # it counts as many as the first batch
    for batch in batches:
        gmm.partial_fit(batch)
    for found, value in zip(gmm.parameters(), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)
    assert (gmm.num_frames_, gmm.n_iter_, len(gmm.history_)) == (170, 3, 3)


def test_without_a_mixture_the_first_batch_is_one_iteration_of_em():
    frames = clusters(np.random.default_rng(0))
    for init in ("kmeans", "random"):
        once = DiagonalGMM(3, init=init, random_state=1, max_iter=1).fit(frames)
        stream = DiagonalGMM(3, init=init, random_state=1).partial_fit(frames)
        for a, b in zip(once.parameters(), stream.parameters(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        assert stream.num_frames_ == once.num_frames_ == len(frames)


@given(seed=st.integers(0, 10**6), single=st.booleans())
@few
def test_whole_weights_are_repeated_frames(seed, single):
    rng = np.random.default_rng(seed)
    frames = clusters(rng, 200).astype(np.float32 if single else np.float64)
    times = rng.integers(0, 4, 200)
    times[:3] = times[100:103] = 1
    weighted, repeated = a_mixture(frames), a_mixture(frames)
    for part in (slice(0, 100), slice(100, 200)):
        weighted.partial_fit(frames[part], sample_weight=times[part])
        repeated.partial_fit(np.repeat(frames[part], times[part], axis=0))
    assert weighted.num_frames_ == repeated.num_frames_ == times.sum() + times[:100].sum()
    tolerance = 1e-3 if single else 1e-9
    for a, b in zip(weighted.parameters(), repeated.parameters(), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    score = weighted.score(frames, sample_weight=times)
    assert score == pytest.approx(weighted.score(np.repeat(frames, times, axis=0)), rel=1e-5 if single else 1e-12)


def test_a_long_stream_comes_to_what_batch_em_finds():
    rng = np.random.default_rng(0)
    stream = DiagonalGMM(3, random_state=0)
    for _ in range(40):
        stream.partial_fit(clusters(rng, 500))
    test = clusters(rng, 20_000)
    batch = DiagonalGMM(3, random_state=0).fit(clusters(rng, 20_000))
    assert stream.score(test) == pytest.approx(batch.score(test), abs=0.01)


def test_a_mixture_of_many_frames_moves_little():
    """As it does after it was written and read."""
    rng = np.random.default_rng(0)
    fitted = DiagonalGMM(3, random_state=0).fit(clusters(rng, 20_000))
    before = fitted.means_.copy()
    moved = DiagonalGMM(3, init=fitted).partial_fit(clusters(rng, 100) + 3)
    step = (100 / 20_100) ** 0.7
    assert 0 < np.abs(moved.means_ - before).max() < 8 * step
    assert (moved.num_frames_, fitted.num_frames_) == (20_100, 20_000)
    np.testing.assert_array_equal(fitted.means_, before)


def test_a_stream_goes_on_from_a_file(tmp_path):
    rng = np.random.default_rng(0)
    batches = [clusters(rng, 300) for _ in range(4)]
    through = DiagonalGMM(3, random_state=0)
    saved = DiagonalGMM(3, random_state=0)
    for batch in batches:
        through.partial_fit(batch)
        saved.partial_fit(batch).save(tmp_path / "gmm.h5")
        saved = gs.load(tmp_path / "gmm.h5")
    for a, b in zip(through.parameters(), saved.parameters(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (saved.num_frames_, saved.history_) == (1200, through.history_)


def test_containers_and_threads_do_not_matter(tmp_path):
    frames = clusters(np.random.default_rng(0), 40_000).astype(np.float32)
    gs.write_store(tmp_path / "f.h5", [("a", frames[:100]), ("b", frames[100:])])
    expected = a_mixture(frames).partial_fit(frames)
    with gs.FeatureStore(tmp_path / "f.h5") as store:
        for X, jobs in (([frames[:7], frames[7:]], 1), (store, 2)):
            found = a_mixture(frames, n_jobs=jobs).partial_fit(X)
            np.testing.assert_array_equal(found.means_, expected.means_)


def test_what_is_refused(tmp_path):
    frames = clusters(np.random.default_rng(0), 50)
    with pytest.raises(ModelError, match="found 2 frames, expected at least as many as components"):
        DiagonalGMM(3).partial_fit(frames[:2])
    gmm = a_mixture(frames)
    with pytest.raises(ModelError, match="found 0 frames"):
        gmm.partial_fit(np.empty((0, 2)))
    with pytest.raises(FeatureError, match="found frames of 1 column, expected 2"):
        gmm.partial_fit(frames[:, :1])
    with pytest.raises(FeatureError, match=r"frame 1, column 0: found nan"):
        gmm.partial_fit([[0.0, 0.0], [np.nan, 0.0]])
    for decay in (0.5, 1.1):
        with pytest.raises(ConfigError, match=f"learning_decay: found {decay}, expected above 0.5 and at most 1"):
            gmm.set_params(learning_decay=decay).partial_fit(frames)
    np.testing.assert_array_equal(gmm.means_, frames[:3])
    front, other = (gs.FrontEnd.from_toml(name).to_json() for name in ("mfcc_kaldi", "mfcc_sre"))
    known = a_mixture(frames, front_end=front)
    gs.write_store(tmp_path / "f.h5", [("a", frames)], front_end=other)
    with gs.FeatureStore(tmp_path / "f.h5") as store, pytest.raises(FeatureError):
        known.partial_fit(store)
    assert known.partial_fit(frames).front_end_ == front


def test_blending_keeps_what_a_mixture_is_where_the_batch_agrees():
    """Statistics that are the mixture's own change nothing, whatever the step."""
    rng = np.random.default_rng(0)
    w, m, v = rng.dirichlet(np.ones(4)), rng.normal(size=(4, 3)), rng.uniform(1, 2, (4, 3))
    own = GMMStats(70 * w, 70 * w[:, None] * m, 70 * w[:, None] * (m**2 + v), -7.0, 70.0)
    for before in (0.0, 5.0, 1e6):
        found = blend((w, m, v), before, own, 0.7)
        np.testing.assert_allclose(found.n, w)
        np.testing.assert_allclose(found.sum_x, w[:, None] * m)
        np.testing.assert_allclose(found.sum_xx, w[:, None] * (m**2 + v))


def test_statistics_of_parts_give_one_iteration_of_em():
    rng = np.random.default_rng(0)
    frames = clusters(rng, 50_000)
    start = a_mixture(frames)
    once = DiagonalGMM(3, init=start, max_iter=1).fit(frames)
    found = start.estimate(sum(start.accumulate(part) for part in np.array_split(frames, 5)))
    for a, b in zip(found.parameters(), once.parameters(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert found.history_ == pytest.approx(once.history_, rel=1e-12)
    assert found.num_frames_ == 50_000
    with pytest.raises(ModelError, match=r"statistics: found shape \(1, 2\).*expected \(3, 2\)"):
        start.estimate(a_mixture(frames, 1).accumulate(frames))
