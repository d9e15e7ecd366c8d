"""`DiagonalGMM` against Kaldi, scikit-learn and scipy's densities; hard frames; what it refuses."""

import logging

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from naive import assert_same, mixture, naive_log_densities, speechlike
from scipy.special import logsumexp
from scipy.stats import median_abs_deviation
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gmmspeech as gs
from gmmspeech.blocks import BLOCK
from gmmspeech.errors import ConfigError, FeatureError, GmmSpeechWarning, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.stores.features import FeatureStore, write_store

few = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-4)])
def test_training_equals_scikit_learns(dtype, tolerance):
    rng = np.random.default_rng(0)
    frames = speechlike(rng).astype(dtype)
    start = DiagonalGMM.from_parameters(np.full(6, 1 / 6), frames[:6], np.tile(frames.var(axis=0), (6, 1)))
    ours = DiagonalGMM(6, init=start, max_iter=10, tol=0, variance_floor=0).fit(frames)
    theirs = GaussianMixture(
        6, covariance_type="diag", reg_covar=0, tol=0, max_iter=10, weights_init=start.weights_,
        means_init=start.means_, precisions_init=1 / start.covariances_,
    )  # fmt: skip
    with pytest.warns(match="did not converge"):
        theirs.fit(frames.astype(np.float64))
    assert_same(ours, theirs, tolerance)
    assert ours.n_iter_ == theirs.n_iter_ == 10
    assert ours.history_[-1] == pytest.approx(theirs.lower_bound_, rel=tolerance)


@given(
    seed=st.integers(0, 10**6), k=st.integers(1, 10), single=st.booleans(), init=st.sampled_from(["kmeans", "random"])
)
@few
def test_training_gives_a_mixture_and_never_a_worse_one(seed, k, single, init):
    rng = np.random.default_rng(seed)
    frames = speechlike(rng, 120, 3).astype(np.float32 if single else np.float64)
    gmm = DiagonalGMM(k, init=init, random_state=seed, tol=1e-6).fit(frames)
    assert (np.diff(gmm.history_) >= 0).all()
    assert gmm.weights_.sum() == pytest.approx(1, abs=1e-12)
    assert (gmm.covariances_ > 0).all()
    assert gmm.score(frames) >= gmm.history_[-1] - 1e-5
    assert gmm.n_iter_ == len(gmm.history_) <= 20


@given(seed=st.integers(0, 10**6), single=st.booleans())
@example(seed=36652, single=True)  # a component of just below the mean weight
@example(seed=36652, single=False)
@few
def test_whole_weights_are_repeated_frames(seed, single):
    rng = np.random.default_rng(seed)
    frames = speechlike(rng, 100, 2).astype(np.float32 if single else np.float64)
    times = rng.integers(0, 4, 100)
    times[:3] = 1
    options = {
        "init": DiagonalGMM.from_parameters(np.full(3, 1 / 3), frames[:3], np.ones((3, 2))),
        "max_iter": 3,
        "tol": 0,
    }
    weighted = DiagonalGMM(3, **options).fit(frames, sample_weight=times)
    repeated = DiagonalGMM(3, **options).fit(np.repeat(frames, times, axis=0))
    assert_same(weighted, repeated, 1e-3 if single else 1e-7)  # rounding, which updates may magnify
    assert weighted.history_[-1] == pytest.approx(repeated.history_[-1], rel=1e-4 if single else 1e-10)


@given(seed=st.integers(0, 10**6), single=st.booleans())
@few
def test_whole_weights_are_repeated_frames_from_the_start_on(seed, single):
    """From k-means too, where equal numbers are drawn; in one array or in several."""
    rng = np.random.default_rng(seed)
    frames = speechlike(rng, 150, 2).astype(np.float32 if single else np.float64)
    times = rng.integers(0, 4, 150)
    times[:3] = 1
    repeated = np.repeat(frames, times, axis=0)
    options = {"random_state": seed, "max_iter": 3, "tol": 0}
    expected = DiagonalGMM(3, **options).fit(repeated, sample_weight=np.ones(len(repeated)))
    for X in (frames, [frames[:40], frames[40:]]):
        weighted = DiagonalGMM(3, **options).fit(X, sample_weight=times)
        assert_same(weighted, expected, 1e-2 if single else 1e-3)  # k-means works in float32
        assert weighted.history_[-1] == pytest.approx(expected.history_[-1], rel=1e-3)
    whole = weighted.accumulate([frames[:40], frames[40:]], sample_weight=times)
    np.testing.assert_allclose(whole.n, weighted.accumulate(repeated).n, rtol=1e-4 if single else 1e-10)


def test_weights_of_a_store_are_refused(tmp_path):
    gs.write_store(tmp_path / "f.h5", [("u", np.zeros((5, 2)))])
    with gs.FeatureStore(tmp_path / "f.h5") as store, pytest.raises(FeatureError, match="not with a store"):
        DiagonalGMM(1).fit(store, sample_weight=np.ones(5))


@given(seed=st.integers(0, 10**6))
@few
def test_units_of_the_frames_do_not_matter(seed):
    """Start, variance floor and updates follow a shift and a scale of the frames."""
    rng = np.random.default_rng(seed)
    frames = speechlike(rng, 200, 3)
    scale, shift = rng.uniform(0.01, 100, 3), rng.normal(0, 50, 3)
    options = {"init": "random", "random_state": seed, "max_iter": 3, "tol": 0, "variance_floor": 0.1}
    plain = DiagonalGMM(3, **options).fit(frames)
    moved = DiagonalGMM(3, **options).fit(frames * scale + shift)
    np.testing.assert_allclose(moved.weights_, plain.weights_, rtol=1e-5)
    np.testing.assert_allclose((moved.means_ - shift) / scale, plain.means_, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(moved.covariances_ / scale**2, plain.covariances_, rtol=1e-4)
    order = rng.permutation(200)
    options["init"] = plain
    assert_same(DiagonalGMM(3, **options).fit(frames[order]), DiagonalGMM(3, **options).fit(frames), 1e-6)


def test_the_same_bits_for_any_number_of_threads_and_any_container(tmp_path):
    rng = np.random.default_rng(0)
    lengths = [5, BLOCK - 5, 1, 9000, BLOCK, 2]
    utterances = [rng.normal(i % 3, 1, (t, 3)).astype(np.float32) for i, t in enumerate(lengths)]
    frames = np.concatenate(utterances)
    write_store(
        tmp_path / "feats.h5", ((f"u{i}", x) for i, x in enumerate(utterances)), front_end='{"kind": "made up"}'
    )
    store = FeatureStore(tmp_path / "feats.h5")
    options = {"max_iter": 3, "tol": 0, "random_state": 1}
    expected = DiagonalGMM(4, **options).fit(frames)
    for n_jobs in (1, 2, 3):
        for container in (frames, utterances, store):
            gmm = DiagonalGMM(4, n_jobs=n_jobs, **options).fit(container)
            assert_same(gmm, expected)
            assert gmm.history_ == expected.history_
            np.testing.assert_array_equal(gmm.score_samples(container), expected.score_samples(frames))
            np.testing.assert_array_equal(gmm.predict_proba(container), expected.predict_proba(frames))
            assert gmm.bic(container) == expected.bic(frames)
            assert gmm.front_end_ == ('{"kind": "made up"}' if container is store else None)


def test_a_seed_gives_the_same_mixture_again():
    frames = speechlike(np.random.default_rng(0))
    first, again, other = (DiagonalGMM(5, random_state=seed, max_iter=3).fit(frames) for seed in (1, 1, 2))
    assert_same(first, again)
    assert not np.array_equal(first.means_, other.means_)


def test_float32_frames_far_from_zero():
    rng = np.random.default_rng(0)
    frames = (rng.normal(size=(4000, 3)) + rng.choice([-3, 3], (4000, 1)) + 1e3).astype(np.float32)
    frames = (frames - frames.mean(axis=0)) / frames.std(axis=0) + np.float32(1e3)
    options = {"random_state": 0, "variance_floor": 1e-6, "max_iter": 15, "tol": 0}
    single, double = (DiagonalGMM(4, **options).fit(x) for x in (frames, frames.astype(np.float64)))
    assert (single.covariances_ > 0.01).all()
    np.testing.assert_allclose(single.means_, double.means_, atol=1e-3)
    np.testing.assert_allclose(single.covariances_, double.covariances_, rtol=5e-3)
    np.testing.assert_allclose(single.history_, double.history_, atol=1e-5)
    np.testing.assert_allclose(
        single.score_samples(frames), logsumexp(naive_log_densities(frames, single), axis=1), atol=1e-4
    )


def test_a_narrow_component_is_as_good_in_float32():
    rng = np.random.default_rng(0)
    frames = np.concatenate([rng.normal(size=(3000, 3)), 2 + 1e-4 * rng.normal(size=(1000, 3))]).astype(np.float32)
    start = DiagonalGMM.from_parameters([0.5, 0.5], [[0.0] * 3, [2.0] * 3], [[1.0] * 3, [1e-6] * 3])
    options = {"init": start, "max_iter": 8, "tol": 0, "variance_floor": 0}
    single, double = (DiagonalGMM(2, **options).fit(x) for x in (frames, frames.astype(np.float64)))
    np.testing.assert_allclose(single.covariances_, double.covariances_, rtol=1e-4)
    np.testing.assert_allclose(single.covariances_[1], 1e-8, rtol=0.2)
    assert single.history_[-1] == pytest.approx(double.history_[-1], rel=1e-5)
    np.testing.assert_allclose(single.score_samples(frames), double.score_samples(frames.astype(np.float64)), atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e3])
def test_a_constant_dimension(dtype, value):
    rng = np.random.default_rng(0)
    frames = speechlike(rng, 500, 3).astype(dtype)
    frames[:, 1] = value
    gmm = DiagonalGMM(4, random_state=0).fit(frames)
    np.testing.assert_allclose(gmm.means_[:, 1], frames[0, 1], rtol=1e-6)
    np.testing.assert_allclose(gmm.covariances_[:, 1], 1e-6, rtol=0.2)
    assert (np.diff(gmm.history_) >= 0).all()
    rest = DiagonalGMM(4, random_state=0).fit(frames[:, [0, 2]])
    np.testing.assert_allclose(gmm.means_[:, [0, 2]], rest.means_, atol=1e-2)


def test_a_dimension_constant_for_long():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(BLOCK + 3000, 2)).astype(np.float32)
    frames[:BLOCK, 1] = 0.1
    gmm = DiagonalGMM(3, random_state=0, max_iter=5).fit(frames)
    assert (np.diff(gmm.history_) >= 0).all()
    assert np.isfinite(gmm.score_samples(frames)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("init", ["kmeans", "random"])
def test_duplicate_frames(dtype, init):
    frames = np.repeat(np.array([[0.0, 1], [5, 2], [9, 9]], dtype=dtype), 30, axis=0)
    for k in (1, 3, 8):
        gmm = DiagonalGMM(k, init=init, random_state=0).fit(frames)
        assert (np.diff(gmm.history_) >= 0).all()
        assert np.isfinite(gmm.score_samples(frames)).all()
    same = DiagonalGMM(2, init=init, random_state=0).fit(np.full((10, 2), 3.0, dtype))
    np.testing.assert_allclose(same.means_, 3)


def test_one_component_is_mean_and_variance():
    frames = speechlike(np.random.default_rng(0))
    gmm = DiagonalGMM(1).fit(frames)
    np.testing.assert_allclose(gmm.means_[0], frames.mean(axis=0))
    np.testing.assert_allclose(gmm.covariances_[0], frames.var(axis=0))
    np.testing.assert_array_equal(gmm.weights_, 1)
    assert gmm.converged_


@pytest.mark.parametrize("init", ["kmeans", "random"])
def test_as_many_components_as_frames(init):
    frames = speechlike(np.random.default_rng(0), 12, 2)
    gmm = DiagonalGMM(12, init=init, random_state=0).fit(frames)
    assert gmm.means_.shape == (12, 2)
    assert (np.diff(gmm.history_) >= 0).all()
    assert (gmm.covariances_ >= 0.01 * frames.var(axis=0) * (1 - 1e-9)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_outliers(dtype):
    rng = np.random.default_rng(0)
    frames = np.concatenate([rng.normal(-4, 1, (500, 2)), rng.normal(4, 1, (500, 2))]).astype(dtype)
    frames[7] = 1e6
    gmm = DiagonalGMM(3, random_state=0, variance_floor=1e-12, max_iter=50, tol=1e-6).fit(frames)
    assert (np.diff(gmm.history_) >= 0).all()
    order = np.argsort(gmm.means_[:, 0])
    np.testing.assert_allclose(gmm.means_[order[:2]], [[-4, -4], [4, 4]], atol=0.2)
    np.testing.assert_allclose(gmm.means_[order[2]], 1e6)
    np.testing.assert_allclose(gmm.covariances_[order[:2]], 1, rtol=0.2)


def test_the_floor_is_relative_to_the_narrowest_tenth():
    """Of the frames, neither to all of them nor to the wide clusters; columns by themselves."""
    rng = np.random.default_rng(0)
    parts = [rng.normal(0, 1e-3, (100, 2)), rng.normal(10, 1, (300, 2)), np.tile([[20.0, 20.0]], (100, 1))]
    start = DiagonalGMM.from_parameters(np.full(3, 1 / 3), [[0, 0], [10, 1e3], [20, 2e3]], [[0.01, 100]] * 3)
    with pytest.warns(GmmSpeechWarning, match="2 of 6 variances ended on the floor"):
        gmm = DiagonalGMM(3, init=start, variance_floor=0.05).fit(np.concatenate(parts) * [1, 100])
    floor = 0.05 * median_abs_deviation(parts[0] * [1, 100], axis=0, scale="normal") ** 2
    np.testing.assert_allclose(gmm.covariances_[2], floor, rtol=1e-6)
    np.testing.assert_allclose(gmm.covariances_[:2] / [1, 1e4], [p.var(axis=0) for p in parts[:2]], rtol=1e-6)
    assert gmm.num_floored_ == 2
    np.testing.assert_allclose(gmm.absolute_variance_floor(), floor)


def test_frames_of_weight_zero_do_not_count():
    rng = np.random.default_rng(0)
    frames = speechlike(rng, 300, 2)
    weight = np.ones(300)
    weight[200:] = 0
    frames[200:] = 1e3
    start = DiagonalGMM.from_parameters([0.5, 0.5], frames[:2], np.ones((2, 2)))
    for init in ("kmeans", "random", start):
        gmm = DiagonalGMM(2, init=init, random_state=0).fit(frames, sample_weight=weight)
        assert np.abs(gmm.means_).max() < 20
    assert_same(gmm, DiagonalGMM(2, init=start).fit(frames[:200]), 1e-9)
    with pytest.raises(ModelError, match="found 2 frames of positive weight, expected 3 or more"):
        DiagonalGMM(3).fit(frames, sample_weight=np.r_[1, 1, np.zeros(298)])


def test_a_starved_component_is_seeded_again_and_named(caplog):
    rng = np.random.default_rng(0)
    frames = np.concatenate([rng.normal(-5, 1, (300, 2)), rng.normal(5, 1, (300, 2))]).astype(np.float32)
    start = DiagonalGMM.from_parameters([0.9, 0.1], [[0.0, 0], [900, 900]], np.full((2, 2), 30.0))
    with caplog.at_level(logging.INFO, "gmmspeech"):
        gmm = DiagonalGMM(2, init=start).fit(frames)
    assert any(message.startswith("component 1 starved") for message in caplog.messages)
    np.testing.assert_allclose(np.sort(gmm.means_[:, 0]), [-5, 5], atol=0.2)
    assert (np.diff(gmm.history_) >= 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frames_that_are_not_finite_are_named(value, dtype):
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(BLOCK + 100, 3)).astype(dtype)
    gmm = mixture(rng)
    frames[BLOCK + 40, 2] = value
    uses = (DiagonalGMM(2).fit, gmm.accumulate, gmm.score_samples, gmm.score, gmm.predict_proba, gmm.predict, gmm.bic)
    for use in uses:
        with pytest.raises(
            FeatureError, match=f"frame {BLOCK + 40}, column 2: found {value}, expected a finite number"
        ):
            use(frames)
    with pytest.raises(FeatureError, match=f"frame {BLOCK + 40}, column 2"):
        gmm.accumulate([frames[:50], frames[50:]])


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros(5), r"found frames of shape \(5,\), expected two dimensions"),
        (np.zeros((2, 3, 4)), r"found frames of shape \(2, 3, 4\)"),
        ([], r"found frames of shape \(0,\)"),
        ([np.zeros((3, 2)), np.zeros((3, 4))], r"found arrays of \[2, 4\] columns in one list"),
    ],
)
def test_wrong_shapes(frames, message):
    for use in (DiagonalGMM(1).fit, mixture(np.random.default_rng(0)).score_samples):
        with pytest.raises(FeatureError, match=message):
            use(frames)


def test_too_few_frames():
    for frames in (np.zeros((3, 2)), [np.zeros((1, 2)), np.zeros((2, 2))]):
        with pytest.raises(ModelError, match=r"found 3 frames, expected at least as many as components \(4\)"):
            DiagonalGMM(4).fit(frames)
    with pytest.raises(ModelError, match="found 0 frames"):
        DiagonalGMM(1).fit(np.empty((0, 2)))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(4), r"sample_weight: found shape \(4,\), expected \(5,\)"),
        (np.zeros(5), "not all zero"),
        ([1, 1, -1, 1, 1], "none negative"),
        ([1, 1, np.nan, 1, 1], "finite"),
    ],
)
def test_wrong_weights(weight, message):
    with pytest.raises(FeatureError, match=message):
        DiagonalGMM(1).fit(np.zeros((5, 2)), sample_weight=weight)
    with pytest.raises(FeatureError, match=message):
        DiagonalGMM(1).fit([np.zeros((2, 2)), np.zeros((3, 2))], sample_weight=weight)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("n_components", 0),
        ("max_iter", 0),
        ("tol", -1.0),
        ("tol", np.nan),
        ("variance_floor", 1.0),
        ("variance_floor", -0.1),
        ("init", "k-means"),
        ("backend", "fortran"),
        ("n_jobs", 0),
    ],
)
def test_wrong_options_are_named_when_training(option, value):
    with pytest.raises(ConfigError, match=f"{option}: found {value!r}, expected"):
        DiagonalGMM(**{option: value}).fit(np.random.default_rng(0).normal(size=(9, 2)))


def test_nothing_works_before_training(tmp_path):
    gmm, frames = DiagonalGMM(2), np.zeros((5, 2))
    for use in (gmm.score_samples, gmm.score, gmm.predict, gmm.predict_proba, gmm.accumulate, gmm.bic, gmm.aic):
        with pytest.raises(ModelError, match="not fitted yet: call fit"):
            use(frames)
    for use in (gmm.sample, gmm.kernel_parameters, gmm.absolute_variance_floor, lambda: gmm.save(tmp_path / "gmm.h5")):
        with pytest.raises(ModelError, match="not fitted yet: call fit"):
            use()
    assert not list(tmp_path.iterdir())


def test_a_clone_has_the_options_and_nothing_learned():
    frames = speechlike(np.random.default_rng(0))
    gmm = DiagonalGMM(3, random_state=4, tol=0.1, n_jobs=2).fit(frames)
    again = clone(gmm)
    assert again.get_params() == gmm.get_params()
    assert not hasattr(again, "weights_")
    assert_same(again.fit(frames), gmm)
    started = clone(DiagonalGMM(3, init=gmm))  # the start of EM is a value and stays fitted
    assert_same(started.init, gmm)
    assert started.fit(frames).history_[0] >= gmm.history_[-1]


def test_it_ends_a_pipeline():
    frames = speechlike(np.random.default_rng(0))
    pipeline = make_pipeline(StandardScaler(), DiagonalGMM(3, random_state=0)).fit(frames)
    z = StandardScaler().fit_transform(frames)
    assert pipeline.score(frames) == pytest.approx(DiagonalGMM(3, random_state=0).fit(z).score(z))


def test_with_parameters_keeps_options_and_front_end():
    gmm = mixture(np.random.default_rng(0), variance_floor=0.3, front_end='{"num_ceps": 20}')
    other = gmm.with_parameters([1.0], [[0.0]], [[1.0]])
    assert (other.n_components, other.variance_floor, other.front_end_) == (1, 0.3, '{"num_ceps": 20}')
    weights = np.array([1.0])
    held = DiagonalGMM.from_parameters(weights, [[0.0]], [[1.0]])
    weights[0] = 5  # the mixture has its own copy
    assert held.weights_[0] == 1


def test_progress_is_reported():
    seen = []
    gmm = DiagonalGMM(2, random_state=0).fit(
        speechlike(np.random.default_rng(0)), callback=lambda monitor: seen.append(monitor.history[-1])
    )
    assert seen == gmm.history_
